"""One set of samples as two."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from .. import tree
from ..core.types import Data, Nested
from .py_dataset import SampleDataset


def split_dataset(
    dataset: Data,
    left_size: float | int | None = None,
    right_size: float | int | None = None,
    shuffle: bool = False,
    seed: int | None = None,
    preferred_backend: str | None = None,
) -> tuple[ArrayDataset, ArrayDataset]:
    """One set of samples as two, such as for training and for testing.

    Args:
        dataset: an array; a tuple, list or dict of arrays with equal first axes; or a data set of samples that has a
            length and is indexed (one of torch, for example), or that is iterated, such as one of TensorFlow.
        left_size: samples in the first part: a fraction (a float up to 1) or a number (an int); default: what the
            second leaves.
        right_size: the same of the second part. Give one of them at least; together they may leave samples out.
        shuffle: mix the samples before the split.
        seed: of `shuffle`.
        preferred_backend: kept for Keras' sake, which returns data sets of TensorFlow, grain or torch.

    Returns:
        Two data sets of single samples, held in memory. `len` says how many; `batch(n)` makes batches of them, for
        `fit`; `arrays` are all samples in the structure of `dataset`.

    Raises:
        ValueError: for sizes that do not fit, and for arrays of unequal length.
        TypeError: for what is no array, and for sizes that are no numbers.

    >>> left, right = split_dataset((np.arange(5), np.arange(5) * 10), left_size=0.6)
    >>> len(left), left.arrays[1].tolist(), [int(x) for x, y in right], left.batch(2)[0][1].tolist()
    (3, [0, 10, 20], [3, 4], [0, 10])
    """
    arrays = _stacked(dataset)
    lengths = sorted({len(leaf) for leaf in _leaves(arrays)})
    if len(lengths) != 1:
        raise ValueError(f"split_dataset: all arrays must have as many samples. Received lengths: {lengths or 'none'}")
    left, right = _counts(lengths[0], left_size, right_size)
    order = np.arange(lengths[0])
    if shuffle:
        np.random.default_rng(seed).shuffle(order)
    return ArrayDataset(_rows(arrays, order[:left])), ArrayDataset(_rows(arrays, order[-right:]))


def _rows(arrays: Nested[np.ndarray], numbers: np.ndarray | slice | int) -> Any:
    return _each(arrays, lambda leaf: leaf[numbers])


class ArrayDataset(SampleDataset):
    """Samples out of arrays in memory, one by one or in batches.

    Args:
        arrays: an array, or a tuple, list or dict of arrays with equal first axes.
        batch_size: None: samples one by one, without a batch axis.
    """

    def __init__(self, arrays: Nested[np.ndarray], batch_size: int | None = None):
        super().__init__(len(_leaves(arrays)[0]), batch_size, shuffle=False, seed=0)
        self.arrays = arrays

    def batch(
        self,
        batch_size: int,
        drop_remainder: bool = False,
        num_parallel_calls: int | None = None,
        deterministic: bool | None = None,
        name: str | None = None,
    ) -> ArrayDataset:
        """The same samples in batches; without those that fill no batch, with `drop_remainder`."""
        kept = self.count - self.count % batch_size if drop_remainder else self.count
        return ArrayDataset(_rows(self.arrays, slice(kept)), batch_size)

    def __getitem__(self, index: int) -> np.ndarray | Any:
        if self.batch_size is not None:
            return super().__getitem__(index)
        if not -self.count <= index < self.count:
            raise IndexError(f"There are {self.count} samples, numbered from 0. Received: {index}")
        return self.samples(index)

    def samples(self, numbers: np.ndarray | int) -> Any:
        found = _rows(self.arrays, numbers)
        return tuple(found) if isinstance(found, list) else found


def _stacked(dataset: Any) -> Nested[np.ndarray]:
    """The arrays of a data set: as they are given, or its samples put together."""
    if isinstance(dataset, (np.ndarray, Mapping, tuple, list)) or hasattr(dataset, "__array__"):
        return _each(dataset, _array)
    if hasattr(dataset, "__getitem__") and hasattr(dataset, "__len__"):
        samples = [dataset[index] for index in range(len(dataset))]
    elif hasattr(dataset, "__iter__"):
        samples = list(dataset)
    else:
        return _array(dataset)
    if not samples:
        raise ValueError("split_dataset: the data set has no samples.")
    columns = zip(*(tree.flatten(sample) for sample in samples), strict=True)
    return tree.pack_sequence_as(samples[0], [np.stack([np.asarray(leaf) for leaf in column]) for column in columns])


def _each(structure: object, function: Callable[[Any], Any]) -> Any:
    """`function` over the arrays of a tuple, list or dict; a list of plain numbers or rows is one array."""
    if isinstance(structure, Mapping):
        return {key: _each(value, function) for key, value in structure.items()}
    if isinstance(structure, tuple) or (isinstance(structure, list) and any(hasattr(s, "shape") for s in structure)):
        parts = [_each(value, function) for value in structure]
        if isinstance(structure, list):
            return parts
        return type(structure)(*parts) if hasattr(structure, "_fields") else tuple(parts)
    return function(structure)


def _leaves(structure: Nested[np.ndarray]) -> list[np.ndarray]:
    found: list[np.ndarray] = []
    _each(structure, found.append)
    return found


def _array(value: object) -> np.ndarray:
    array = np.asarray(value)
    if array.ndim == 0:
        raise TypeError(
            f"split_dataset: expected a data set, an array, or a tuple, list or dict of arrays. Received:"
            f" {type(value).__name__}."
        )
    return array


def _counts(total: int, left_size: float | None, right_size: float | None) -> tuple[int, int]:
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


def _count(name: str, size: float, total: int) -> int:
    if isinstance(size, bool) or not isinstance(size, (int, float, np.number)):
        raise TypeError(f"`{name}` must be a whole number or a fraction. Received: {name}={size!r}")
    if isinstance(size, (int, np.integer)):
        if not 0 <= size <= total:
            raise ValueError(f"`{name}` must be from 0 to the number of samples, {total}. Received: {name}={size}")
        return int(size)
    if not 0 <= size <= 1:
        raise ValueError(f"`{name}` as a fraction must be from 0 to 1. Received: {name}={size}")
    return round(float(size) * total)
