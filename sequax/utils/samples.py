"""Samples in parts: inputs, targets and weights as one tuple, and one set of samples as two."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np


def pack_x_y_sample_weight(x: Any, y: Any = None, sample_weight: Any = None) -> Any:
    """Inputs, targets and weights as a tuple; `x` alone stays as it is, unless it is a list or tuple itself.

    >>> pack_x_y_sample_weight(1, 2), pack_x_y_sample_weight(1)
    ((1, 2), 1)
    """
    if y is None:
        return (x,) if isinstance(x, (list, tuple)) else x
    return (x, y) if sample_weight is None else (x, y, sample_weight)


def unpack_x_y_sample_weight(data: Any) -> tuple[Any, Any, Any]:
    """`(x, y, sample_weight)` of `x`, `(x,)`, `(x, y)` or `(x, y, sample_weight)`, None for what is missing.

    Raises:
        ValueError: for a tuple or list of another length.
    """
    parts = data if isinstance(data, (tuple, list)) else (data,)
    if not 1 <= len(parts) <= 3:
        raise ValueError(
            f"Data is expected to be in format `x`, `(x,)`, `(x, y)`, or `(x, y, sample_weight)`. Received a"
            f" {type(data).__name__} of {len(parts)} parts."
        )
    x, y, weight = (*parts, None, None, None)[:3]
    return x, y, weight


def split_dataset(
    dataset: Any,
    left_size: float | int | None = None,
    right_size: float | int | None = None,
    shuffle: bool = False,
    seed: int | None = None,
    preferred_backend: str | None = None,
) -> tuple[Any, Any]:
    """One set of samples as two, such as for training and for testing.

    Args:
        dataset: an array, or a tuple, list or dict of arrays with equal first axes.
        left_size: samples in the first part: a fraction (a float up to 1) or a number (an int); default: what the
            second leaves.
        right_size: the same of the second part. Give one of them at least; together they may leave samples out.
        shuffle: mix the samples before the split.
        seed: of `shuffle`.
        preferred_backend: kept for Keras' sake, which returns datasets of TensorFlow, grain or torch; here both parts
            have the structure of `dataset`, with NumPy arrays.

    Raises:
        ValueError: for sizes that do not fit, and for arrays of unequal length.
        TypeError: for what is no array, and for sizes that are no numbers.

    >>> left, right = split_dataset((np.arange(5), np.arange(5) * 10), left_size=0.6)
    >>> left[1].tolist(), right[1].tolist()
    ([0, 10, 20], [30, 40])
    """
    leaves: list[np.ndarray] = []
    _each(dataset, lambda leaf: leaves.append(_array(leaf)))
    lengths = sorted({len(leaf) for leaf in leaves})
    if len(lengths) != 1:
        raise ValueError(f"split_dataset: all arrays must have as many samples. Received lengths: {lengths or 'none'}")
    left, right = _counts(lengths[0], left_size, right_size)
    order = np.arange(lengths[0])
    if shuffle:
        np.random.default_rng(seed).shuffle(order)
    parts = order[:left], order[len(order) - right :]
    return _each(dataset, lambda leaf: _array(leaf)[parts[0]]), _each(dataset, lambda leaf: _array(leaf)[parts[1]])


def _each(structure: Any, function: Callable[[Any], Any]) -> Any:
    """`function` over the arrays of a tuple, list or dict; a list of plain numbers or rows is one array."""
    if isinstance(structure, Mapping):
        return {key: _each(value, function) for key, value in structure.items()}
    if isinstance(structure, tuple) or (isinstance(structure, list) and any(hasattr(s, "shape") for s in structure)):
        parts = [_each(value, function) for value in structure]
        if isinstance(structure, list):
            return parts
        return type(structure)(*parts) if hasattr(structure, "_fields") else tuple(parts)
    return function(structure)


def _array(value: Any) -> np.ndarray:
    array = np.asarray(value)
    if array.ndim == 0:
        raise TypeError(
            f"split_dataset: expected an array, or a tuple, list or dict of arrays. Received: {type(value).__name__}."
            f" Datasets of other libraries split themselves (`take`, `skip`, slices)."
        )
    return array


def _counts(total: int, left_size: Any, right_size: Any) -> tuple[int, int]:
    if left_size is None and right_size is None:
        raise ValueError("At least one of `left_size` or `right_size` must be specified. Received: both are None.")
    left = None if left_size is None else _count("left_size", left_size, total)
    right = None if right_size is None else _count("right_size", right_size, total)
    left = total - right if left is None else left  # type: ignore[operator]
    right = total - left if right is None else right
    if left + right > total:
        raise ValueError(
            f"The sum of `left_size` and `right_size` must not exceed the {total} samples there are. Received:"
            f" left_size={left_size} and right_size={right_size}, {left} + {right} samples."
        )
    if not left or not right:
        raise ValueError(
            f"With left_size={left_size} and right_size={right_size}, the {total} samples split into {left} and"
            f" {right}. Choose sizes that leave samples on both sides."
        )
    return left, right


def _count(name: str, size: Any, total: int) -> int:
    if isinstance(size, bool) or not isinstance(size, (int, float, np.number)):
        raise TypeError(f"`{name}` must be a whole number or a fraction. Received: {name}={size!r}")
    if isinstance(size, (int, np.integer)):
        if not 0 <= size <= total:
            raise ValueError(f"`{name}` must be from 0 to the number of samples, {total}. Received: {name}={size}")
        return int(size)
    if not 0 <= size <= 1:
        raise ValueError(f"`{name}` as a fraction must be from 0 to 1. Received: {name}={size}")
    return round(float(size) * total)
