"""Elements of HDF5 datasets that are stored in chunks, compressed perhaps."""

from __future__ import annotations

import itertools
import math
import zlib
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from .hdf5_parts import Damaged
from .source import Source

if TYPE_CHECKING:
    from .hdf5_reader import Dataset


class Chunk(NamedTuple):
    """A block of a dataset: the indices of its first element, its place in the file, and which filters were skipped."""

    corner: tuple[int, ...]
    address: int
    size: int
    skipped: int


def read_chunked(source: Source, dataset: Dataset) -> np.ndarray:
    """All elements; each chunk must be there once."""
    shape, chunk_shape = dataset.shape or (), dataset.storage.chunks
    assert dataset.type.numpy is not None
    size = math.prod(chunk_shape) * dataset.type.size
    if size * len(dataset.chunks) > 8 * dataset.bytes + 2**20:
        raise Damaged(f"its chunks {chunk_shape} are far larger than its shape {shape}")
    _check_complete(dataset, shape, chunk_shape)
    found = np.empty(shape, dataset.type.numpy)
    for chunk in dataset.chunks:
        packed = source.read(chunk.address, chunk.size, dataset.path)
        raw = _unfiltered(packed, dataset.filters, chunk.skipped, size, dataset.type.size)
        block = np.frombuffer(raw, dataset.type.numpy).reshape(chunk_shape)
        place = tuple(slice(at, min(at + n, end)) for at, n, end in zip(chunk.corner, chunk_shape, shape, strict=True))
        found[place] = block[tuple(slice(0, one.stop - one.start) for one in place)]
    return found


def _check_complete(dataset: Dataset, shape: tuple[int, ...], chunks: tuple[int, ...]) -> None:
    expected = math.prod(-(-length // n) for length, n in zip(shape, chunks, strict=True))
    corners = {chunk.corner for chunk in dataset.chunks}
    if len(dataset.chunks) != expected or len(corners) != expected:
        raise Damaged(f"its shape {shape} needs {expected} chunks, but {len(corners)} are stored")
    starts = [range(0, length, n) for length, n in zip(shape, chunks, strict=True)]
    if any(corner not in corners for corner in itertools.product(*starts)):
        raise Damaged("its chunks do not cover its shape")


def _unfiltered(
    raw: bytes | memoryview, filters: tuple[str, ...], skipped: int, size: int, item: int
) -> bytes | memoryview:
    """The bytes of a chunk, of which there must be exactly `size`."""
    for position in reversed(range(len(filters))):
        if skipped >> position & 1:
            continue
        if filters[position] == "gzip":
            unpack = zlib.decompressobj()
            try:
                raw = unpack.decompress(raw, size + 5)  # 4 bytes of a checksum, and one to notice that there are more
            except zlib.error as error:
                raise Damaged(f"its compressed data are damaged ({error})") from None
        elif filters[position] == "shuffle":
            whole = len(raw) // item * item
            raw = np.frombuffer(raw[:whole], np.uint8).reshape(item, -1).T.tobytes() + bytes(raw[whole:])
        else:
            raw = _without_checksum(raw)
    if len(raw) != size:
        raise Damaged(f"a chunk holds {len(raw)} bytes in place of {size}")
    return raw


_WORDS = 1 << 16  # summed at once: sums of sums stay below 2**63, and little memory is taken


def _without_checksum(raw: bytes | memoryview) -> memoryview:
    """Fletcher's checksum of 32 bits: sums of words and of sums, modulo 65535."""
    data, stored = memoryview(raw)[:-4], bytes(raw[-4:])
    if len(stored) < 4:
        raise Damaged("a checksum is missing")
    first = second = 0
    for start in range(0, len(data), 2 * _WORDS):
        block = data[start : start + 2 * _WORDS]
        words = np.frombuffer(bytes(block) + b"\x00" if len(block) % 2 else block, ">u2").astype(np.int64)
        second += len(words) * first + int(words @ np.arange(len(words), 0, -1))
        first = (first + int(words.sum())) % 65535
        second %= 65535
    found = int.from_bytes(stored, "little")
    if (found & 0xFFFF) % 65535 != first or (found >> 16) % 65535 != second:
        raise Damaged("a checksum does not match: the data are damaged")
    return data
