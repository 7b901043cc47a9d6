"""Indices to rows of ones, counts or weighted counts, in the smallest dtype that holds them."""

from __future__ import annotations

from typing import Any

import numpy as np

# Entries counted together: bounds the memory of the counts, which are wider than the result.
_PART = 1 << 22


def one_hot(indices: np.ndarray, depth: int) -> np.ndarray:
    """A row of `depth` with one True per index; a last axis of size 1 gives way to it. Indices below 0 give no True."""
    flat = indices.ravel()
    encoded = np.zeros((flat.size, depth), bool)
    known = np.flatnonzero(flat >= 0)
    encoded[known, flat[known]] = True
    return encoded.reshape(one_hot_shape(indices.shape, depth))


def one_hot_shape(shape: tuple[Any, ...], depth: int | None) -> tuple[Any, ...]:
    kept = shape[:-1] if len(shape) > 1 and shape[-1] == 1 else shape
    return (*kept, depth)


def multi_hot(indices: np.ndarray, rows: np.ndarray, count: int, depth: int) -> np.ndarray:
    """True where a row has an index at least once: (count, depth) from flat indices and the row of each."""
    encoded = np.zeros((count, depth), bool)
    known = indices >= 0
    encoded[rows[known], indices[known]] = True
    return encoded


def counts(indices: np.ndarray, rows: np.ndarray, count: int, depth: int) -> np.ndarray:
    """How often each row has each index; rows must not decrease."""
    most = int(np.bincount(rows, minlength=1).max(initial=0))
    encoded = np.zeros((count, depth), np.uint8 if most < 2**8 else np.uint16 if most < 2**16 else np.int32)
    step = max(1, _PART // max(depth, 1))
    for start in range(0, count, step):
        first, last = np.searchsorted(rows, (start, start + step))
        chosen = indices[first:last]
        known = chosen >= 0
        cells = (rows[first:last][known] - start) * depth + chosen[known]
        part = encoded[start : start + step]
        part[...] = np.bincount(cells, minlength=part.size).reshape(part.shape)
    return encoded
