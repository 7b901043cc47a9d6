"""Small NumPy helpers that scripts prepare data with."""

from __future__ import annotations

from typing import Any

import numpy as np


def to_categorical(x: Any, num_classes: int | None = None) -> np.ndarray:
    """Class numbers as one-hot rows, float64 as in Keras.

    Args:
        x: whole numbers from 0 to `num_classes` - 1, any shape; a last axis of size 1 is dropped.
        num_classes: default: the largest number plus one.

    Raises:
        ValueError: for a number outside the range.

    >>> to_categorical([0, 2]).tolist()
    [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    """
    labels = np.asarray(x).astype("int64")
    shape = labels.shape[:-1] if labels.ndim > 1 and labels.shape[-1] == 1 else labels.shape
    labels = labels.reshape(-1)
    count = int(num_classes) if num_classes is not None else int(labels.max(initial=-1)) + 1
    if labels.size and (labels.min() < 0 or labels.max() >= count):
        bad = labels[(labels < 0) | (labels >= count)]
        raise ValueError(
            f"to_categorical: class numbers must be from 0 to {count - 1}, but {len(bad)} are not; the first is"
            f" {bad[0]}."
        )
    return np.eye(count)[labels].reshape(*shape, count)


def normalize(x: Any, axis: int = -1, order: int = 2) -> np.ndarray:
    """An array divided by its norm along an axis; vectors of zeros stay zero."""
    array = np.asarray(x)
    length = np.linalg.norm(array, ord=order, axis=axis, keepdims=True)
    return array / np.where(length == 0, 1.0, length)
