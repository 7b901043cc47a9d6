"""The small structures of HDF5: shapes, types, storage and attributes, decoded from the messages that hold them.

Written from the HDF5 File Format Specification, version 3.0 (The HDF Group). Nothing here reads a file. What Keras and
h5py do not write is refused by name; every count is compared with the bytes that are there before it is used.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from typing import Any

import ml_dtypes
import numpy as np

UNDEFINED = 2**64 - 1
_MAX_RANK = 32
_CLASSES = {2: "time", 4: "bit field", 6: "compound (complex numbers are stored so)", 7: "reference", 10: "array"}
# Bytes: sign position, then position and size of exponent and of mantissa, and the bias of the exponent.
_FLOATS = {
    (15, 10, 5, 0, 10, 15): np.dtype(np.float16),
    (15, 7, 8, 0, 7, 127): np.dtype(ml_dtypes.bfloat16),
    (31, 23, 8, 0, 23, 127): np.dtype(np.float32),
    (63, 52, 11, 0, 52, 1023): np.dtype(np.float64),
}


class Damaged(Exception):
    """A structure is not as it should be; the reader adds the names of file and object."""


class Buffer:
    """Bytes that are unpacked from front to back; reading past the end is an error."""

    def __init__(self, data: bytes, at: int = 0):
        self.data: bytes = data
        self.at: int = at

    def take(self, size: int) -> bytes:
        if size < 0 or self.at + size > len(self.data):
            raise Damaged("a structure is shorter than its contents")
        self.at += size
        return self.data[self.at - size : self.at]

    def unpack(self, layout: str) -> tuple[Any, ...]:
        return struct.unpack("<" + layout, self.take(struct.calcsize("<" + layout)))

    def one(self, layout: str) -> int:
        return self.unpack(layout)[0]


@dataclass(frozen=True)
class Datatype:
    """What an element is. `numpy` is None for text of variable length, and for what is not supported."""

    kind: str  # "float", "integer", "boolean", "string", "text", "opaque", or a description of something unsupported
    size: int
    numpy: np.dtype | None = None


@dataclass(frozen=True)
class Storage:
    """Where elements are: "compact" (in `data`), "contiguous" (`address`, `size`) or "chunked" (tree and `chunks`)."""

    kind: str
    address: int = UNDEFINED
    size: int = 0
    data: bytes = b""
    chunks: tuple[int, ...] = ()


def dataspace(data: bytes) -> tuple[int, ...] | None:
    """The shape; None for the null space, which has no elements."""
    buffer = Buffer(data)
    version, rank, _ = buffer.unpack("BBB")
    if version == 1:
        buffer.take(5)
    elif version == 2:
        if buffer.one("B") == 2:
            return None
    else:
        raise Damaged(f"a shape is written in version {version}, which does not exist")
    if rank > _MAX_RANK:
        raise Damaged(f"a shape has {rank} dimensions; {_MAX_RANK} are the most that HDF5 knows")
    return buffer.unpack(f"{rank}Q") if rank else ()


def count(shape: tuple[int, ...] | None) -> int:
    """The number of elements."""
    return 0 if shape is None else math.prod(shape)


def datatype(data: bytes) -> Datatype:
    buffer = Buffer(data)
    head, bits, character_set, _, size = buffer.unpack("BBBBI")
    kind = head & 15
    if head >> 4 not in (1, 2, 3):
        raise Damaged("a type is written in a version that does not exist")
    if kind == 0:
        return _integer(buffer, bits, size)
    if kind == 1:
        return _float(buffer, bits, character_set, size)
    if kind == 3:
        return Datatype("string", size, np.dtype(f"S{size}")) if 0 < size < 2**31 else Datatype("empty string", size)
    if kind == 5:
        return Datatype("opaque", size, np.dtype(f"V{size}")) if 0 < size <= 16 else Datatype("opaque", size)
    if kind == 8:
        return _boolean(buffer, bits | character_set << 8, size)
    if kind == 9:
        return (
            Datatype("text", size) if bits & 15 == 1 and size == 16 else Datatype("sequence of variable length", size)
        )
    return Datatype(_CLASSES.get(kind, f"unknown class {kind}"), size)


def _order(bits: int) -> str:
    return ">" if bits & 1 else "<"


def _integer(buffer: Buffer, bits: int, size: int) -> Datatype:
    offset, precision = buffer.unpack("HH")
    if size not in (1, 2, 4, 8) or offset != 0 or precision != 8 * size:
        return Datatype(f"integer of {precision} bits in {size} bytes", size)
    return Datatype("integer", size, np.dtype(f"{_order(bits)}{'i' if bits & 8 else 'u'}{size}"))


def _float(buffer: Buffer, bits: int, sign: int, size: int) -> Datatype:
    offset, precision, exponent_at, exponent, mantissa_at, mantissa, bias = buffer.unpack("HHBBBBI")
    found = _FLOATS.get((sign, exponent_at, exponent, mantissa_at, mantissa, bias))
    if found is None or found.itemsize != size or offset != 0 or precision != 8 * size or bits & 0x40:
        return Datatype(f"float of {precision} bits in a layout of its own", size)
    if found == ml_dtypes.bfloat16:
        return Datatype("float", size, found) if not bits & 1 else Datatype("bfloat16, big end first", size)
    return Datatype("float", size, found.newbyteorder(_order(bits)))


def _boolean(buffer: Buffer, members: int, size: int) -> Datatype:
    """An enumeration of 0 (false) and 1 (true) is how h5py stores booleans."""
    if buffer.data[buffer.at : buffer.at + 1] not in (b"\x10", b"\x20", b"\x30"):  # types may hold types without end
        return Datatype("enumeration", size)
    base = datatype(buffer.data[buffer.at :])
    if base.kind != "integer" or base.size != 1 or size != 1 or members != 2:
        return Datatype("enumeration", size)
    rest = buffer.data[buffer.at + 12 :]
    if not rest.startswith(b"FALSE\x00") or b"TRUE\x00" not in rest:
        return Datatype("enumeration", size)
    return Datatype("boolean", 1, np.dtype(bool))


def storage(data: bytes, rank: int) -> Storage:
    buffer = Buffer(data)
    version, kind = buffer.unpack("BB")
    if version not in (3, 4):
        raise Damaged(f"its storage is described in version {version}; only 3 and 4 are supported")
    if kind == 0:
        size = buffer.one("H")
        return Storage("compact", size=size, data=buffer.take(size))
    if kind == 1:
        address, size = buffer.unpack("QQ")
        return Storage("contiguous", address, size)
    if kind == 3:
        raise Damaged("it is a virtual dataset, whose data are in other files; these are never opened")
    if kind != 2 or version == 4:
        raise Damaged("its chunks are indexed in a way that Keras does not write; save it with h5py's default settings")
    dimensions, address = buffer.unpack("BQ")
    if dimensions != rank + 1:
        raise Damaged("its chunks have another number of dimensions than its shape")
    chunks = buffer.unpack(f"{rank}I")
    if 0 in chunks:
        raise Damaged("its chunks are empty")
    return Storage("chunked", address, chunks=chunks)


FILTERS = {1: "gzip", 2: "shuffle", 3: "fletcher32"}


def filters(data: bytes) -> tuple[str, ...]:
    """Names of the filters in the order in which they were applied on writing."""
    buffer = Buffer(data)
    version, number = buffer.unpack("BB")
    if version not in (1, 2) or number > 8:
        raise Damaged("its list of filters is damaged")
    if version == 1:
        buffer.take(6)
    found = tuple(_filter(buffer, version) for _ in range(number))
    if len(set(found)) != len(found):  # each gzip may unpack to a thousand times what it was
        raise Damaged(f"its filters are {', '.join(found)}; each may be applied once")
    return found


def _filter(buffer: Buffer, version: int) -> str:
    identity = buffer.one("H")
    if identity not in FILTERS:
        raise Damaged(
            f"it is stored with filter number {identity}, which is never run; supported are {list(FILTERS.values())}"
        )
    named = version == 1
    length = buffer.one("H") if named else 0
    _, values = buffer.unpack("HH")
    buffer.take((length + 7) // 8 * 8)
    buffer.take(4 * values + (4 if named and values % 2 else 0))
    return FILTERS[identity]


@dataclass(frozen=True)
class Attribute:
    """An attribute before its value is decoded."""

    name: str
    type: Datatype
    shape: tuple[int, ...] | None
    data: bytes


def attribute(data: bytes) -> Attribute:
    buffer = Buffer(data)
    version, flags, name_size, type_size, space_size = buffer.unpack("BBHHH")
    if version not in (1, 2, 3) or (version > 1 and flags & 3):
        raise Damaged("an attribute is written in a way that h5py does not use")
    if version == 3:
        buffer.take(1)

    def field(size: int) -> bytes:
        found = buffer.take(size)
        if version == 1:
            buffer.take(min(-size % 8, len(data) - buffer.at))
        return found

    name = text(field(name_size), "the name of an attribute")
    kind, shape = datatype(field(type_size)), dataspace(field(space_size))
    return Attribute(name, kind, shape, data[buffer.at :])


def text(data: bytes, what: str) -> str:
    try:
        return data.split(b"\x00", 1)[0].decode("utf-8")
    except UnicodeDecodeError:
        raise Damaged(f"{what} is no text") from None


def plain_value(found: Attribute) -> object:
    """The value of an attribute that needs nothing but its message: numbers and strings of fixed length."""
    number, kind = count(found.shape), found.type
    if kind.numpy is None or number * kind.size > len(found.data):
        raise Damaged(f"attribute {found.name!r:.80} (of type {kind.kind}) does not hold what it declares")
    array = np.frombuffer(found.data, kind.numpy, number)
    if kind.kind == "string":
        values = [text(one, f"attribute {found.name!r:.80}") for one in array.tolist()]
        return values[0] if found.shape == () else values
    return array[0].item() if found.shape == () else array
