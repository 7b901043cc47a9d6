"""Small helpers that scripts prepare data with: NumPy in, NumPy out; JAX in, JAX out."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from ..core.types import ArrayLike
from ..ops import normalization


def to_categorical(x: ArrayLike, num_classes: int | None = None) -> np.ndarray | jax.Array:
    """Class numbers as one-hot rows, float64 as in Keras; of a JAX array, a JAX array of float32.

    Args:
        x: whole numbers from 0 to `num_classes` - 1, any shape; a last axis of size 1 is dropped.
        num_classes: default: the largest number plus one.

    Raises:
        ValueError: for a number that is not whole, or outside the range.

    >>> to_categorical([0, 2]).tolist()
    [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    """
    if isinstance(x, jax.core.Tracer) and num_classes:  # no values to check
        return jax.nn.one_hot(x[..., 0] if x.ndim > 1 and x.shape[-1] == 1 else x, num_classes)
    labels = _whole(np.asarray(x))
    shape = labels.shape[:-1] if labels.ndim > 1 and labels.shape[-1] == 1 else labels.shape
    labels = labels.reshape(-1)
    count = int(num_classes) if num_classes else int(labels.max(initial=-1)) + 1
    if labels.size and (labels.min() < 0 or labels.max() >= count):
        bad = labels[(labels < 0) | (labels >= count)]
        raise ValueError(
            f"to_categorical: class numbers must be from 0 to {count - 1}, but {len(bad)} are not; the first is"
            f" {bad[0]}."
        )
    rows = np.eye(count)[labels].reshape(*shape, count)
    return jnp.asarray(rows, "float32") if isinstance(x, jax.Array) else rows


def _whole(given: np.ndarray) -> np.ndarray:
    if given.dtype.kind in "UST" or (given.dtype.kind == "O" and any(isinstance(one, str) for one in given.flat)):
        raise ValueError(
            f"to_categorical: class numbers are expected, and these are strings; the first is"
            f" {str(given.flat[0])!r:.40}. Number the classes with np.unique(x, return_inverse=True)[1]."
        )
    with np.errstate(invalid="ignore"):  # NaN is refused here
        labels = given.astype("int64")
    if given.dtype.kind in "fO" and (cut := given[labels != given]).size:
        raise ValueError(
            f"to_categorical: class numbers must be whole, but {cut.size} of {given.size} are not; the first is"
            f" {cut[0]}. Number the classes with np.unique(x, return_inverse=True)[1], or round what should be whole."
        )
    return labels


def normalize(x: ArrayLike, axis: int = -1, order: int = 2) -> np.ndarray | jax.Array:
    """An array divided by its norm along an axis; vectors of zeros stay zero.

    Args:
        x: any shape.
        axis: along which the norm is taken.
        order: of the norm, as in `np.linalg.norm`; of JAX arrays it must be above 0.
    """
    if isinstance(x, jax.Array):
        return normalization.normalize(x, axis=axis, order=order)
    array = np.asarray(x)
    length = np.linalg.norm(array, ord=order, axis=axis, keepdims=True)
    return array / np.where(length == 0, 1.0, length)
