"""HDF5 files written byte by byte: what no library would write."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence

UNDEFINED = 2**64 - 1
FLOAT32 = struct.pack("<BBBBI", 0x11, 0x20, 31, 0, 4) + struct.pack("<HHBBBBI", 0, 32, 23, 8, 0, 23, 127)
INTEGER8 = struct.pack("<BBBBI", 0x10, 0, 0, 0, 1) + struct.pack("<HH", 0, 8)
TEXT = struct.pack("<BBBBI", 0x19, 1, 0, 0, 16) + INTEGER8
Put = Callable[[bytes], int]


def whole(make: Callable[[Put], int]) -> bytes:
    """A file: `make` gets what appends bytes and tells their address, and returns the address of the root."""
    out = bytearray(48)

    def put(data: bytes) -> int:
        out.extend(data)
        return len(out) - len(data)

    root = make(put)
    fields = (2, 8, 8, 0, 0, UNDEFINED, len(out), root, 0)
    out[:48] = b"\x89HDF\r\n\x1a\n" + struct.pack("<BBBBQQQQI", *fields)
    return bytes(out)


def message(kind: int, data: bytes) -> bytes:
    return struct.pack("<BHB", kind, len(data), 0) + data


def header(*messages: bytes) -> bytes:
    """The header of an object."""
    body = b"".join(messages)
    return b"OHDR\2\2" + struct.pack("<I", len(body)) + body + bytes(4)


def link(name: str, address: int) -> bytes:
    return message(6, struct.pack("<BBH", 1, 1, len(name)) + name.encode() + struct.pack("<Q", address))


def group(members: Sequence[int], *attributes: bytes) -> bytes:
    return header(*attributes, *(link(f"{number:x}", address) for number, address in enumerate(members)))


def space(*shape: int) -> bytes:
    return struct.pack("<BBBB", 2, len(shape), 0, 1 if shape else 0) + struct.pack(f"<{len(shape)}Q", *shape)


def dataset(kind: bytes, shape: bytes, address: int, size: int) -> bytes:
    return header(message(1, shape), message(3, kind), message(8, struct.pack("<BBQQ", 3, 1, address, size)))


def attribute(name: str, kind: bytes, shape: bytes, data: bytes) -> bytes:
    raw = name.encode() + b"\0"
    sizes = struct.pack("<BBHHHB", 3, 0, len(raw), len(kind), len(shape), 0)
    return message(12, sizes + raw + kind + shape + data)


def heap(*texts: bytes) -> bytes:
    """A collection of texts, which references name by their number."""
    body = b""
    for number, text in enumerate(texts, 1):
        body += struct.pack("<HHIQ", number, 1, 0, len(text)) + text + bytes(-len(text) % 8)
    return b"GCOL\1\0\0\0" + struct.pack("<Q", 32 + len(body)) + body + bytes(16)


def reference(length: int, heap_address: int) -> bytes:
    """To the first text of a heap."""
    return struct.pack("<IQI", length, heap_address, 1)
