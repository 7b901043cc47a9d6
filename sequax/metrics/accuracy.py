"""Shares of right answers."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from ..core.kinds import Integer, NameLike, Probability
from ..core.types import ArrayLike, DTypeLike
from ..losses import align
from ..losses.probabilistic import class_numbers
from .base import NamedMean
from .catalogue import function, metric


def accuracy(y_true: ArrayLike, y_pred: ArrayLike) -> jax.Array:
    """1 where equal, else 0; shapes `(...)` twice -> the same."""
    y_true, y_pred = align.pair("accuracy", y_true, y_pred)
    return (y_true == y_pred).astype(y_pred.dtype)


@function
def binary_accuracy(y_true: ArrayLike, y_pred: ArrayLike, threshold: float = 0.5) -> jax.Array:
    """1 where `y_pred > threshold` says what `y_true` says, else 0; shapes `(...)` twice -> the same.

    Args:
        y_true: labels 0 and 1.
        y_pred: predictions, of the same shape.
        threshold: above it a prediction counts as 1.

    >>> binary_accuracy([[1.0, 0.0]], [[0.7, 0.6]]).tolist()
    [[1.0, 0.0]]
    """
    y_true, y_pred = align.pair("binary_accuracy", y_true, y_pred)
    return (y_true == (y_pred > threshold).astype(y_true.dtype)).astype(y_pred.dtype)


@function
def categorical_accuracy(y_true: ArrayLike, y_pred: ArrayLike) -> jax.Array:
    """1 where the largest entries of targets and predictions agree, else 0; `(..., classes)` twice -> `(...)`.

    Args:
        y_true: one-hot targets.
        y_pred: predictions, of the same shape.

    >>> categorical_accuracy([[0, 1], [1, 0]], [[0.2, 0.8], [0.4, 0.6]]).tolist()
    [1.0, 0.0]
    """
    y_true, y_pred = align.pair("categorical_accuracy", y_true, y_pred)
    return (jnp.argmax(y_true, axis=-1) == jnp.argmax(y_pred, axis=-1)).astype(y_pred.dtype)


@function
def sparse_categorical_accuracy(y_true: ArrayLike, y_pred: ArrayLike) -> jax.Array:
    """1 where the largest prediction is that of the true class, else 0; the result has shape `(...)`.

    Args:
        y_true: class numbers, of shape `(...)` or `(..., 1)`.
        y_pred: predictions, of shape `(..., classes)`.

    >>> sparse_categorical_accuracy([1, 0], [[0.2, 0.8], [0.4, 0.6]]).tolist()
    [1.0, 0.0]
    """
    y_pred = align.floating(y_pred)
    labels = class_numbers("sparse_categorical_accuracy", y_true, y_pred.shape)
    return (labels == jnp.argmax(y_pred, axis=-1)).astype(y_pred.dtype)


@function
def top_k_categorical_accuracy(y_true: ArrayLike, y_pred: ArrayLike, k: int = 5) -> jax.Array:
    """1 where the true class is among the k largest predictions, else 0; `(..., classes)` twice -> `(...)`.

    Args:
        y_true: one-hot targets.
        y_pred: predictions, of the same shape.
        k: how many of the largest count.

    >>> top_k_categorical_accuracy([[0, 0, 1]], [[0.5, 0.2, 0.3]], k=2).tolist()
    [1.0]
    """
    y_true, y_pred = align.pair("top_k_categorical_accuracy", y_true, y_pred)
    return _among_largest(jnp.argmax(y_true, axis=-1), y_pred, k)


@function
def sparse_top_k_categorical_accuracy(
    y_true: ArrayLike, y_pred: ArrayLike, k: int = 5, from_sorted_ids: bool = False
) -> jax.Array:
    """As `top_k_categorical_accuracy`, of class numbers; the result has shape `(...)`.

    Args:
        y_true: class numbers, of shape `(...)` or `(..., 1)`.
        y_pred: predictions, of shape `(..., classes)`.
        k: how many of the largest count.
        from_sorted_ids: whether `y_pred` holds class numbers, the most probable first.

    >>> sparse_top_k_categorical_accuracy([2], [[0.5, 0.2, 0.3]], k=2).tolist()
    [1.0]
    """
    y_pred = align.floating(y_pred)
    labels = class_numbers("sparse_top_k_categorical_accuracy", y_true, y_pred.shape)
    if from_sorted_ids:
        return jnp.any(y_pred[..., :k] == labels[..., None], axis=-1).astype(jnp.float32)
    return _among_largest(labels, y_pred, k)


def _among_largest(labels: jax.Array, y_pred: jax.Array, k: int) -> jax.Array:
    """Ties count as right, as if the true class were sorted first."""
    known = (labels >= 0) & (labels < y_pred.shape[-1])
    chosen = jnp.take_along_axis(y_pred, jnp.where(known, labels, 0)[..., None], axis=-1)
    larger = jnp.sum((y_pred > chosen).astype("int32"), axis=-1)
    return (known & (larger < k) & jnp.isfinite(chosen[..., 0])).astype(y_pred.dtype)


@metric()
class Accuracy(NamedMean):
    """Share of predictions equal to the targets.

    Args:
        name: of its values in logs.
        dtype: of the computation; default `floatx()`.

    Example:

    >>> float(Accuracy()([1, 2, 3, 4], [1, 2, 3, 0]))
    0.75
    """

    def __init__(self, name: NameLike | None = "accuracy", dtype: DTypeLike | None = None):
        super().__init__(accuracy, name, dtype)


@metric()
class BinaryAccuracy(NamedMean):
    """Share of predictions on the right side of `threshold`; see `binary_accuracy`.

    Args:
        name: of its values in logs.
        dtype: of the computation; default `floatx()`.
        threshold: above it a prediction counts as 1; from 0 to 1.

    Raises:
        ValueError: if the threshold is not in [0, 1].

    Example:

    >>> float(BinaryAccuracy()([[1.0], [0.0]], [[0.7], [0.6]]))
    0.5
    """

    def __init__(
        self,
        name: NameLike | None = "binary_accuracy",
        dtype: DTypeLike | None = None,
        threshold: Probability | None = 0.5,
    ):
        if threshold is not None and not 0 <= threshold <= 1:
            raise ValueError(f"BinaryAccuracy: `threshold` must lie in [0, 1]. Received: threshold={threshold!r}")
        super().__init__(binary_accuracy, name, dtype)


@metric()
class CategoricalAccuracy(NamedMean):
    """Share of right classes, targets one-hot; see `categorical_accuracy`.

    Args:
        name: of its values in logs.
        dtype: of the computation; default `floatx()`.

    Example:

    >>> float(CategoricalAccuracy()([[0, 1], [1, 0]], [[0.2, 0.8], [0.4, 0.6]]))
    0.5
    """

    def __init__(self, name: NameLike | None = "categorical_accuracy", dtype: DTypeLike | None = None):
        super().__init__(categorical_accuracy, name, dtype)


@metric()
class SparseCategoricalAccuracy(NamedMean):
    """Share of right classes, targets class numbers; see `sparse_categorical_accuracy`.

    Args:
        name: of its values in logs.
        dtype: of the computation; default `floatx()`.

    Example:

    >>> float(SparseCategoricalAccuracy()([1, 0], [[0.2, 0.8], [0.4, 0.6]]))
    0.5
    """

    def __init__(self, name: NameLike | None = "sparse_categorical_accuracy", dtype: DTypeLike | None = None):
        super().__init__(sparse_categorical_accuracy, name, dtype)


@metric()
class TopKCategoricalAccuracy(NamedMean):
    """Share of targets among the `k` most probable classes, targets one-hot.

    Args:
        k: how many of the largest predictions count.
        name: of its values in logs.
        dtype: of the computation; default `floatx()`.

    Example:

    >>> float(TopKCategoricalAccuracy(k=2)([[0, 0, 1]], [[0.5, 0.2, 0.3]]))
    1.0
    """

    def __init__(
        self, k: Integer = 5, name: NameLike | None = "top_k_categorical_accuracy", dtype: DTypeLike | None = None
    ):
        super().__init__(top_k_categorical_accuracy, name, dtype)


@metric()
class SparseTopKCategoricalAccuracy(NamedMean):
    """Share of targets among the `k` most probable classes, targets class numbers.

    Unlike Keras', its config keeps `from_sorted_ids`.

    Args:
        k: how many of the largest predictions count.
        name: of its values in logs.
        dtype: of the computation; default `floatx()`.
        from_sorted_ids: whether predictions are class numbers, the most probable first.

    Example:

    >>> float(SparseTopKCategoricalAccuracy(k=2)([2], [[0.5, 0.2, 0.3]]))
    1.0
    """

    def __init__(
        self,
        k: Integer = 5,
        name: NameLike | None = "sparse_top_k_categorical_accuracy",
        dtype: DTypeLike | None = None,
        from_sorted_ids: bool = False,
    ):
        super().__init__(sparse_top_k_categorical_accuracy, name, dtype)
