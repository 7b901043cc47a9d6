"""Targets, predictions and weights brought to one shape; what would broadcast silently is refused."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from ..core import dtypes
from ..core.types import ArrayLike

Number = int | float  # for checks at run time, to which an int is no float


def floating(x: ArrayLike) -> jax.Array:
    """An array of a float type: numbers of other types become `floatx()`."""
    x = dtypes.as_array(x)
    return x if dtypes.is_float(x.dtype) else x.astype(dtypes.jnp_dtype(dtypes.floatx()))


def ranks(y_true: jax.Array, y_pred: jax.Array) -> tuple[jax.Array, jax.Array]:
    """`(n,)` beside `(n, 1)` becomes `(n, 1)`; of higher ranks a last axis of 1 that the other lacks is removed."""
    if y_true.ndim == y_pred.ndim + 1 and y_true.shape[-1] == 1:
        return (y_true, y_pred[:, None]) if y_pred.ndim == 1 else (y_true[..., 0], y_pred)
    if y_pred.ndim == y_true.ndim + 1 and y_pred.shape[-1] == 1:
        return (y_true[:, None], y_pred) if y_true.ndim == 1 else (y_true, y_pred[..., 0])
    return y_true, y_pred


def pair(name: str, y_true: ArrayLike, y_pred: ArrayLike) -> tuple[jax.Array, jax.Array]:
    """Targets and predictions as arrays of one float type and one shape.

    Raises:
        ValueError: naming the function and both shapes, if they differ otherwise than `(n,)` against `(n, 1)`.
    """
    y_pred = floating(y_pred)
    y_true = dtypes.as_array(y_true).astype(y_pred.dtype)
    given = y_true.shape, y_pred.shape
    y_true, y_pred = ranks(y_true, y_pred)
    if y_true.shape != y_pred.shape:
        raise ValueError(
            f"{name}: y_true has shape {given[0]}, y_pred {given[1]}: shapes must be equal"
            f" ((n,) against (n, 1) is allowed).{_hint(*given)}"
        )
    return y_true, y_pred


def _hint(true: tuple[int, ...], pred: tuple[int, ...]) -> str:
    """Advice for the commonest mistake: class numbers where one-hot rows are expected."""
    if pred and pred[-1] > 1 and true in (pred[:-1], (*pred[:-1], 1)):
        return (
            f" If y_true holds class numbers from 0 to {pred[-1] - 1}, use the sparse variant of the loss or metric,"
            f" such as sparse_categorical_crossentropy."
        )
    return ""


def weights(name: str, sample_weight: ArrayLike, values: jax.Array) -> jax.Array:
    """Weights that broadcast against `values`, aligned at the first axes: `(batch,)` weighs whole samples.

    Raises:
        ValueError: if an axis has neither the size of the values nor 1.
    """
    weight = dtypes.as_array(sample_weight).astype(values.dtype)
    given = weight.shape
    if weight.ndim == values.ndim + 1 and weight.shape[-1] == 1:
        weight = weight[..., 0]
    if weight.ndim < values.ndim and weight.ndim > 0:
        weight = weight.reshape(weight.shape + (1,) * (values.ndim - weight.ndim))
    if weight.ndim and (
        weight.ndim != values.ndim or any(w not in (1, v) for w, v in zip(weight.shape, values.shape, strict=True))
    ):
        raise ValueError(
            f"{name}: sample_weight (or mask) has shape {given}, the values to weigh have {values.shape}. Give one"
            f" weight for each sample, or for each value."
        )
    return weight


def divide(numerator: jax.Array, denominator: jax.Array) -> jax.Array:
    """`numerator / denominator`, and 0 where the denominator is 0."""
    zero = denominator == 0
    return jnp.where(zero, 0, numerator / jnp.where(zero, 1, denominator))
