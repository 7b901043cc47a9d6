"""Events of TensorBoard as bytes: messages in the encoding of Protocol Buffers, each in a frame with checksums.

Messages are dicts from field number to value. What Python type a value has says how it is written: `int` as a varint,
`float` as a double, `Single` as a float of 32 bits, `bytes` and `str` as they are, a dict as a message, a list as the
field again and again, an array as packed doubles.
"""

from __future__ import annotations

import functools
import struct
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

_VARINT, _DOUBLE, _BYTES, _FLOAT = 0, 1, 2, 5  # wire types
_POLYNOMIAL = 0x82F63B78  # of CRC-32C (Castagnoli), from the lowest bit


class Single(float):
    """A number of 32 bits."""


def message(fields: Mapping[int, Any]) -> bytes:
    """The bytes of a message.

    >>> message({1: 150, 2: "testing"}).hex()
    '089601120774657374696e67'
    """
    return b"".join(_fields(fields))


def _fields(fields: Mapping[int, Any]) -> Iterator[bytes]:
    for number, value in fields.items():
        for one in value if isinstance(value, list) else [value]:
            yield _field(number, one)


def _field(number: int, value: Any) -> bytes:
    if isinstance(value, int):
        return _varint(number << 3 | _VARINT) + _varint(value)
    if isinstance(value, Single):
        return _varint(number << 3 | _FLOAT) + struct.pack("<f", value)
    if isinstance(value, float):
        return _varint(number << 3 | _DOUBLE) + struct.pack("<d", value)
    if isinstance(value, np.ndarray):
        value = value.astype("<f8").tobytes()
    elif isinstance(value, dict):
        value = message(value)
    elif isinstance(value, str):
        value = value.encode()
    return _varint(number << 3 | _BYTES) + _varint(len(value)) + value


def _varint(number: int) -> bytes:
    """Seven bits a byte, the lowest first; the highest bit says that more follow."""
    number &= 2**64 - 1
    found = bytearray()
    while number > 127:
        found.append(number & 127 | 128)
        number >>= 7
    found.append(number)
    return bytes(found)


def frame(data: bytes) -> bytes:
    """A record of an event file: its length and the data, each followed by its checksum."""
    length = struct.pack("<Q", len(data))
    return length + checksum(length) + data + checksum(data)


def checksum(data: bytes) -> bytes:
    """CRC-32C in the form that records have it in."""
    found = crc32c(data)
    turned = (found >> 15 | found << 17) & 0xFFFFFFFF  # so that checksums of checksums say something, too
    return struct.pack("<I", (turned + 0xA282EAD8) & 0xFFFFFFFF)


def crc32c(data: bytes) -> int:
    """CRC-32C (RFC 3720).

    >>> hex(crc32c(b"123456789"))
    '0xe3069283'
    """
    return _crc32c()(data)


@functools.cache
def _crc32c() -> Callable[[bytes], int]:
    """The package `google-crc32c`, a thousand times as fast, where it is; events of TensorBoard do without it."""
    try:
        import google_crc32c
    except ImportError:
        return crc32c_in_python
    value: Callable[[bytes], int] = google_crc32c.value
    return value


def crc32c_in_python(data: bytes) -> int:
    """The same by a table.

    >>> hex(crc32c_in_python(b"123456789"))
    '0xe3069283'
    """
    found = 0xFFFFFFFF
    for byte in data:
        found = _TABLE[(found ^ byte) & 255] ^ (found >> 8)
    return found ^ 0xFFFFFFFF


def _entry(byte: int) -> int:
    for _ in range(8):
        byte = byte >> 1 ^ (_POLYNOMIAL if byte & 1 else 0)
    return byte


_TABLE = tuple(map(_entry, range(256)))
