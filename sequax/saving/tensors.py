"""The safetensors format: a length, a header in JSON, and the bytes of all arrays one after another.

The header's `__metadata__` holds a SHA-256 per array and per text. https://github.com/huggingface/safetensors
"""

from __future__ import annotations

import hashlib
import json
import math
import struct
from dataclasses import dataclass
from typing import Any

import ml_dtypes
import numpy as np

from ..core import budget
from . import hdf5_parts, json_text
from .errors import LoadError
from .source import Source

_LARGEST_HEADER = 100_000_000
_LONGEST_NAME = 2048
# Bytes that the header needs at least for an array, for each value of JSON that it is told in, and for a text.
_LEAST, _PER_VALUE, _PER_TEXT = 64, 8, 40
_DTYPES: dict[str, Any] = {
    **{"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": ml_dtypes.bfloat16, "BOOL": "?"},
    **{"I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "i1", "U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "u1"},
}
_KINDS = {"f": "float", "V": "float", "i": "integer", "u": "integer", "b": "boolean"}


@dataclass
class Tensor:
    """An array in the file, not read yet; to `weights.load` it is a dataset like those of HDF5."""

    path: str
    shape: tuple[int, ...]
    type: hdf5_parts.Datatype
    source: Source
    start: int
    digest: str | None

    @property
    def bytes(self) -> int:
        return math.prod(self.shape) * self.type.size

    def attribute(self, name: str) -> None:
        return None

    def read(self) -> np.ndarray:
        raw = self.source.read(self.start, self.bytes, self.path)
        if self.digest is not None and hashlib.sha256(raw).hexdigest() != self.digest:
            raise LoadError(f"{self.source.name}: {self.path!r} does not match its checksum: the file is damaged.")
        return np.frombuffer(raw, self.type.numpy).reshape(self.shape)


# --- writing ---


def assemble(arrays: dict[str, np.ndarray], texts: dict[str, str] | None = None) -> bytes:
    """The contents of a file with these arrays, and with texts in its metadata."""
    header: dict[str, Any] = {"__metadata__": {"format": "sequax", **(texts or {})}}
    for name, value in (texts or {}).items():
        header["__metadata__"][f"sha256 {name}"] = hashlib.sha256(value.encode()).hexdigest()
    codes = {np.dtype(dtype): code for code, dtype in _DTYPES.items()}
    pieces, end = [], 0
    for name, array in arrays.items():
        raw = np.ascontiguousarray(array).tobytes()
        code = codes.get(array.dtype)
        if code is None:
            raise TypeError(f"{name}: arrays of dtype {array.dtype} cannot be stored in safetensors.")
        header[name] = {"dtype": code, "shape": list(array.shape), "data_offsets": [end, end + len(raw)]}
        header["__metadata__"][f"sha256 {name}"] = hashlib.sha256(raw).hexdigest()
        pieces.append(raw)
        end += len(raw)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # arrays begin at multiples of 8 bytes
    return b"".join([struct.pack("<Q", len(text)), text, *pieces])


# --- reading ---


def read_table(source: Source) -> dict[str, Tensor]:
    """All arrays of a file by name; see `read_parts`."""
    return read_parts(source)[0]


def read_parts(source: Source) -> tuple[dict[str, Tensor], dict[str, str]]:
    """All arrays of a file by name, checked (no overlap, no gap, sizes as shapes and dtypes say), and its texts.

    Raises:
        LoadError: if the file is not what it should be.
    """
    if source.size < 8:
        raise LoadError(f"{source.name}: this is no safetensors file: it has {source.size} bytes only.")
    length = struct.unpack("<Q", source.read(0, 8, "the length of the header"))[0]
    if length > min(_LARGEST_HEADER, source.size - 8):
        raise LoadError(
            f"{source.name}: this is no safetensors file, or it is truncated: its header should have {length} bytes."
        )
    header = _parsed(source.read(8, length, "the header"), source.name)
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(one, str) for one in metadata.values()):
        raise LoadError(f"{source.name}: '__metadata__' must hold texts only.")
    end, found = 0, {}
    entries = [(name, _entry(name, value, source.name)) for name, value in header.items()]
    for name, (dtype, shape, start, stop) in sorted(entries, key=lambda one: one[1][2:]):
        if start != end:
            raise LoadError(f"{source.name}: {name!r} begins at byte {start} of the data, but {end} was expected.")
        end = stop
        kind = hdf5_parts.Datatype(_KINDS[np.dtype(dtype).kind], np.dtype(dtype).itemsize, np.dtype(dtype))
        found[name] = Tensor(name, shape, kind, source, 8 + length + start, metadata.get(f"sha256 {name}"))
    if 8 + length + end != source.size:
        raise LoadError(f"{source.name}: the arrays end at byte {8 + length + end}, but the file at {source.size}.")
    for text, value in metadata.items():
        expected = metadata.get(f"sha256 {text}")
        if expected is not None and text not in found and hashlib.sha256(value.encode()).hexdigest() != expected:
            raise LoadError(f"{source.name}: the text {text!r} does not match its checksum: the file is damaged.")
    return found, metadata


def _parsed(raw: bytes, name: str) -> dict[str, Any]:
    most = budget.arrays_of(len(raw), _LEAST)
    arrays = raw.count(b"data_offsets")
    if arrays > most:
        raise LoadError(f"{name}: {budget.too_many_arrays(most)}.")
    keys = raw.count(b'":') - raw.count(b'\\":')  # not those in texts
    if keys - 4 * arrays > 1000 + len(raw) // _PER_TEXT:
        raise LoadError(f"{name}: its header has more texts than belong to its {arrays:,} arrays.")
    place = f"{name}: this is no safetensors file: its header"
    header = json_text.parse(raw, place, _LARGEST_HEADER, min(json_text.MAX_VALUES, 10_000 + len(raw) // _PER_VALUE))
    if not isinstance(header, dict):
        raise LoadError(f"{name}: this is no safetensors file: its header is a {type(header).__name__}.")
    return header


def _entry(name: str, value: object, file: str) -> tuple[Any, tuple[int, ...], int, int]:
    """Dtype, shape and place of an array."""
    if len(name) > _LONGEST_NAME:
        raise LoadError(f"{file}: {name[:80]!r}... is longer than the {_LONGEST_NAME} characters that a name may have.")
    if not isinstance(value, dict) or set(value) != {"dtype", "shape", "data_offsets"}:
        raise LoadError(f"{file}: {name!r} needs a dtype, a shape and data_offsets, and nothing else.")
    dtype, shape, place = value["dtype"], value["shape"], value["data_offsets"]
    if not isinstance(dtype, str) or dtype not in _DTYPES:
        raise LoadError(f"{file}: {name!r} has dtype {dtype!r:.50}. Supported: {list(_DTYPES)}.")
    if not _whole_numbers(shape) or not _whole_numbers(place) or len(place) != 2 or len(shape) > 32:
        raise LoadError(f"{file}: shape and data_offsets of {name!r} must be lists of whole numbers.")
    if place[1] - place[0] != math.prod(shape) * np.dtype(_DTYPES[dtype]).itemsize:
        raise LoadError(
            f"{file}: {name!r} of shape {tuple(shape)} and {dtype} does not take {place[1] - place[0]} bytes."
        )
    return _DTYPES[dtype], tuple(shape), place[0], place[1]


def _whole_numbers(values: object) -> bool:
    return isinstance(values, list) and all(type(one) is int and 0 <= one < 2**63 for one in values)
