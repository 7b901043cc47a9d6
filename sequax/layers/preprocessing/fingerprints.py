"""Hashes of byte strings: FarmHash's 64-bit fingerprint, SipHash-2-4, and how crossed features combine.

Texts of one length are hashed together, as rows of a matrix: all arithmetic is modulo 2^64 on NumPy's uint64.

Sources: FarmHash (Google, 2014), `Fingerprint64`; Aumasson and Bernstein 2012, SipHash. Both are fixed for all time, so
that a category falls into the same bin on every machine, and into the one that TensorFlow puts it into.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

_MODULUS = 2**64
_K0, _K1, _K2 = 0xC3A5C85C97CB3127, 0xB492B66FBE98F273, 0x9AE16A3B2F90404F
_CROSS_SEED, _CROSS_FACTOR = 0xDECAFCAFFE, 0xC6A4A7935BD1E995

Words = np.ndarray  # uint64, one entry per text


def fingerprint64(texts: Sequence[bytes]) -> np.ndarray:
    """FarmHash's fingerprint of each text, as uint64."""
    return _by_length(texts, _farm)


def siphash64(texts: Sequence[bytes], key: Sequence[int]) -> np.ndarray:
    """SipHash-2-4 of each text under a key of two 64-bit numbers, as uint64."""
    return _by_length(texts, lambda rows: _sip(rows, *(_word(part) for part in key)))


def crossed(parts: Sequence[np.ndarray]) -> np.ndarray:
    """One fingerprint from several per sample: of a text its fingerprint, of a whole number the number itself."""
    result = np.full(len(parts[0]), _CROSS_SEED, np.uint64)
    factor = _word(_CROSS_FACTOR)
    for part in parts:
        mixed = (result ^ factor) ^ (_shift_mix(part * factor) * factor)
        result = _shift_mix(_shift_mix(mixed * factor) * factor)
    return result


def _by_length(texts: Sequence[bytes], function: Callable[[np.ndarray], Words]) -> np.ndarray:
    lengths = np.fromiter(map(len, texts), np.int64, len(texts))
    hashes = np.empty(len(texts), np.uint64)
    for length in np.unique(lengths):
        chosen = np.flatnonzero(lengths == length)
        joined = b"".join([texts[i] for i in chosen.tolist()])
        hashes[chosen] = function(np.frombuffer(joined, np.uint8).reshape(len(chosen), int(length)))
    return hashes


def _word(number: int) -> np.uint64:
    return np.uint64(number % _MODULUS)


def _fetch(rows: np.ndarray, start: int, size: int = 8) -> Words:
    """Little-endian numbers of `size` bytes, from position `start` of every row."""
    part = np.ascontiguousarray(rows[:, start : start + size])
    return part.view(f"<u{size}")[:, 0].astype(np.uint64)


def _rotated(value: Words, right: int) -> Words:
    return (value >> np.uint64(right)) | (value << np.uint64(64 - right))


def _shift_mix(value: Words) -> Words:
    return value ^ (value >> np.uint64(47))


# --- FarmHash: one formula for each range of lengths ---


def _farm(rows: np.ndarray) -> Words:
    length = rows.shape[1]
    if length <= 16:
        return _farm_to_16(rows)
    if length <= 32:
        return _farm_to_32(rows)
    return _farm_to_64(rows) if length <= 64 else _farm_longer(rows)


def _mixed(u: Words, v: Words, factor: Words | np.uint64) -> Words:
    a = _shift_mix((u ^ v) * factor)
    return _shift_mix((v ^ a) * factor) * factor


def _farm_to_16(rows: np.ndarray) -> Words:
    length = rows.shape[1]
    factor = _word(_K2 + 2 * length)
    if length >= 8:
        a, b = _fetch(rows, 0) + _word(_K2), _fetch(rows, length - 8)
        return _mixed(_rotated(b, 37) * factor + a, (_rotated(a, 25) + b) * factor, factor)
    if length >= 4:
        first, last = _fetch(rows, 0, 4), _fetch(rows, length - 4, 4)
        return _mixed(_word(length) + (first << np.uint64(3)), last, factor)
    if length > 0:
        first, middle, last = (rows[:, i].astype(np.uint64) for i in (0, length >> 1, length - 1))
        y = first + (middle << np.uint64(8))
        z = _word(length) + (last << np.uint64(2))
        return _shift_mix((y * _word(_K2)) ^ (z * _word(_K0))) * _word(_K2)
    return np.full(len(rows), _K2, np.uint64)


def _farm_to_32(rows: np.ndarray) -> Words:
    length = rows.shape[1]
    factor = _word(_K2 + 2 * length)
    a, b = _fetch(rows, 0) * _word(_K1), _fetch(rows, 8)
    c, d = _fetch(rows, length - 8) * factor, _fetch(rows, length - 16) * _word(_K2)
    u = _rotated(a + b, 43) + _rotated(c, 30) + d
    return _mixed(u, a + _rotated(b + _word(_K2), 18) + c, factor)


def _farm_to_64(rows: np.ndarray) -> Words:
    length = rows.shape[1]
    factor = _word(_K2 + 2 * length)
    a, b = _fetch(rows, 0) * _word(_K2), _fetch(rows, 8)
    c, d = _fetch(rows, length - 8) * factor, _fetch(rows, length - 16) * _word(_K2)
    y = _rotated(a + b, 43) + _rotated(c, 30) + d
    z = _mixed(y, a + _rotated(b + _word(_K2), 18) + c, factor)
    e, f = _fetch(rows, 16) * factor, _fetch(rows, 24)
    g, h = (y + _fetch(rows, length - 32)) * factor, (z + _fetch(rows, length - 24)) * factor
    return _mixed(_rotated(e + f, 43) + _rotated(g, 30) + h, e + _rotated(f + a, 18) + g, factor)


def _farm_longer(rows: np.ndarray) -> Words:
    """Blocks of 64 bytes, and the last 64 bytes once more with another factor."""
    length = rows.shape[1]
    seed = 81
    x = _word(seed * _K2) + _fetch(rows, 0)
    y = np.full(len(rows), (seed * _K1 + 113) % _MODULUS, np.uint64)
    z = _shift_mix(y * _word(_K2) + _word(113)) * _word(_K2)
    v = w = (np.zeros_like(x), np.zeros_like(x))
    factor = np.full(len(rows), _K1, np.uint64)
    for start in range(0, (length - 1) // 64 * 64, 64):
        x, y, z, v, w = _block(rows, start, x, y, z, v, w, factor, once=1)
    factor = factor + ((z & _word(0xFF)) << np.uint64(1))
    w0 = w[0] + _word((length - 1) % 64)
    v0 = v[0] + w0
    x, y, z, v, w = _block(rows, length - 64, x, y, z, (v0, v[1]), (w0 + v0, w[1]), factor, once=9)
    u = _mixed(v[0], w[0], factor) + _shift_mix(y) * _word(_K0) + z
    return _mixed(u, _mixed(v[1], w[1], factor) + x, factor)


def _block(rows: np.ndarray, start: int, x, y, z, v, w, factor, once):
    """State after 64 bytes; `once` is the weight of what the state before contributes."""
    x = _rotated(x + y + v[0] + _fetch(rows, start + 8), 37) * factor
    y = _rotated(y + v[1] + _fetch(rows, start + 48), 42) * factor
    x = x ^ (w[1] * _word(once))
    y = y + v[0] * _word(once) + _fetch(rows, start + 40)
    z = _rotated(z + w[0], 33) * factor
    v = _weak(rows, start, v[1] * factor, x + w[0])
    w = _weak(rows, start + 32, z + w[1], y + _fetch(rows, start + 16))
    return z, y, x, v, w


def _weak(rows: np.ndarray, start: int, a: Words, b: Words) -> tuple[Words, Words]:
    one, two, three, four = (_fetch(rows, start + 8 * i) for i in range(4))
    a = a + one
    b = _rotated(b + a + four, 21)
    total = a + two + three
    return total + four, b + _rotated(total, 44) + a


# --- SipHash-2-4 ---

# The text "somepseudorandomlygeneratedbytes" in four words, as the paper has it.
_SIP_START = (0x736F6D6570736575, 0x646F72616E646F6D, 0x6C7967656E657261, 0x7465646279746573)


def _sip(rows: np.ndarray, key0: np.uint64, key1: np.uint64) -> Words:
    length = rows.shape[1]
    keys = (key0, key1, key0, key1)
    state = [np.full(len(rows), key ^ _word(start), np.uint64) for key, start in zip(keys, _SIP_START, strict=True)]
    padded = np.zeros((len(rows), length // 8 * 8 + 8), np.uint8)
    padded[:, :length] = rows
    padded[:, -1] = length % 256
    for start in range(0, padded.shape[1], 8):
        word = _fetch(padded, start)
        state[3] = state[3] ^ word
        state = _sip_rounds(state, 2)
        state[0] = state[0] ^ word
    state[2] = state[2] ^ _word(0xFF)
    state = _sip_rounds(state, 4)
    return state[0] ^ state[1] ^ state[2] ^ state[3]


def _sip_rounds(state: list[Words], number: int) -> list[Words]:
    a, b, c, d = state
    for _ in range(number):
        a, c = a + b, c + d
        b, d = _left(b, 13) ^ a, _left(d, 16) ^ c
        a = _left(a, 32)
        c, a = c + b, a + d
        b, d = _left(b, 17) ^ c, _left(d, 21) ^ a
        c = _left(c, 32)
    return [a, b, c, d]


def _left(value: Words, bits: int) -> Words:
    return _rotated(value, 64 - bits)
