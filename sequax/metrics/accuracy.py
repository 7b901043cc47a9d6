"""Shares of right answers."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from ..core.types import ArrayLike
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
    """1 where `y_pred > threshold` says what `y_true` says, else 0; shapes `(...)` twice -> the same."""
    y_true, y_pred = align.pair("binary_accuracy", y_true, y_pred)
    return (y_true == (y_pred > threshold).astype(y_true.dtype)).astype(y_pred.dtype)


@function
def categorical_accuracy(y_true: ArrayLike, y_pred: ArrayLike) -> jax.Array:
    """1 where the largest entries of one-hot targets and predictions agree; `(..., classes)` twice -> `(...)`."""
    y_true, y_pred = align.pair("categorical_accuracy", y_true, y_pred)
    return (jnp.argmax(y_true, axis=-1) == jnp.argmax(y_pred, axis=-1)).astype(y_pred.dtype)


@function
def sparse_categorical_accuracy(y_true: ArrayLike, y_pred: ArrayLike) -> jax.Array:
    """1 where the largest prediction is that of the true class; `(...)` or `(..., 1)`, `(..., classes)` -> `(...)`."""
    y_pred = align.floating(y_pred)
    labels = class_numbers("sparse_categorical_accuracy", y_true, y_pred.shape)
    return (labels == jnp.argmax(y_pred, axis=-1)).astype(y_pred.dtype)


@function
def top_k_categorical_accuracy(y_true: ArrayLike, y_pred: ArrayLike, k: int = 5) -> jax.Array:
    """1 where the true class is among the k largest predictions; `(..., classes)` twice -> `(...)`."""
    y_true, y_pred = align.pair("top_k_categorical_accuracy", y_true, y_pred)
    return _among_largest(jnp.argmax(y_true, axis=-1), y_pred, k)


@function
def sparse_top_k_categorical_accuracy(
    y_true: ArrayLike, y_pred: ArrayLike, k: int = 5, from_sorted_ids: bool = False
) -> jax.Array:
    """As `top_k_categorical_accuracy`, of class numbers; `(...)` or `(..., 1)`, `(..., classes)` -> `(...)`.

    With `from_sorted_ids`, `y_pred` holds class numbers, the most probable first.
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
    """Share of predictions equal to the targets."""

    def __init__(self, name: str | None = "accuracy", dtype: Any = None):
        super().__init__(accuracy, name, dtype)


@metric()
class BinaryAccuracy(NamedMean):
    """Share of predictions on the right side of `threshold`; see `binary_accuracy`."""

    def __init__(self, name: str | None = "binary_accuracy", dtype: Any = None, threshold: float = 0.5):
        if threshold is not None and not 0 <= threshold <= 1:
            raise ValueError(f"BinaryAccuracy: `threshold` must lie in [0, 1]. Received: threshold={threshold!r}")
        super().__init__(binary_accuracy, name, dtype, threshold=threshold)


@metric()
class CategoricalAccuracy(NamedMean):
    """Share of right classes, targets one-hot; see `categorical_accuracy`."""

    def __init__(self, name: str | None = "categorical_accuracy", dtype: Any = None):
        super().__init__(categorical_accuracy, name, dtype)


@metric()
class SparseCategoricalAccuracy(NamedMean):
    """Share of right classes, targets class numbers; see `sparse_categorical_accuracy`."""

    def __init__(self, name: str | None = "sparse_categorical_accuracy", dtype: Any = None):
        super().__init__(sparse_categorical_accuracy, name, dtype)


@metric()
class TopKCategoricalAccuracy(NamedMean):
    """Share of targets among the `k` most probable classes, targets one-hot."""

    def __init__(self, k: int = 5, name: str | None = "top_k_categorical_accuracy", dtype: Any = None):
        super().__init__(top_k_categorical_accuracy, name, dtype, k=k)


@metric()
class SparseTopKCategoricalAccuracy(NamedMean):
    """Share of targets among the `k` most probable classes, targets class numbers.

    Unlike Keras', its config keeps `from_sorted_ids`.
    """

    def __init__(
        self,
        k: int = 5,
        name: str | None = "sparse_top_k_categorical_accuracy",
        dtype: Any = None,
        from_sorted_ids: bool = False,
    ):
        super().__init__(sparse_top_k_categorical_accuracy, name, dtype, k=k, from_sorted_ids=from_sorted_ids)
