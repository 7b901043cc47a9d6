"""Losses of real numbers. Shapes: `(batch, ..., d)` twice -> `(batch, ...)`, the mean over the last axis."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp

from ..core import dtypes
from ..core.types import ArrayLike
from .align import Number, pair
from .catalogue import loss


@loss("mse", "MSE")
def mean_squared_error(y_true: ArrayLike, y_pred: ArrayLike) -> jax.Array:
    """`mean((y_true − y_pred)²)`.

    Shapes: `(batch, ..., d)` twice -> `(batch, ...)`.

    Args:
        y_true: targets.
        y_pred: predictions, of the same shape.

    >>> mean_squared_error([[0.0, 2.0]], [[1.0, 2.0]]).tolist()
    [0.5]
    """
    y_true, y_pred = pair("mean_squared_error", y_true, y_pred)
    return jnp.mean(jnp.square(y_true - y_pred), axis=-1)


@loss("mae", "MAE")
def mean_absolute_error(y_true: ArrayLike, y_pred: ArrayLike) -> jax.Array:
    """`mean(|y_true − y_pred|)`.

    Shapes: `(batch, ..., d)` twice -> `(batch, ...)`.

    Args:
        y_true: targets.
        y_pred: predictions, of the same shape.

    >>> mean_absolute_error([[0.0, 2.0]], [[1.0, 2.0]]).tolist()
    [0.5]
    """
    y_true, y_pred = pair("mean_absolute_error", y_true, y_pred)
    return jnp.mean(jnp.abs(y_true - y_pred), axis=-1)


@loss("mape", "MAPE")
def mean_absolute_percentage_error(y_true: ArrayLike, y_pred: ArrayLike) -> jax.Array:
    """`100 mean(|y_true − y_pred| / |y_true|)`, the denominator at least `epsilon()`.

    Shapes: `(batch, ..., d)` twice -> `(batch, ...)`.

    Args:
        y_true: targets.
        y_pred: predictions, of the same shape.

    >>> mean_absolute_percentage_error([[2.0, 4.0]], [[1.0, 4.0]]).tolist()
    [25.0]
    """
    y_true, y_pred = pair("mean_absolute_percentage_error", y_true, y_pred)
    return 100.0 * jnp.mean(jnp.abs((y_true - y_pred) / jnp.maximum(jnp.abs(y_true), dtypes.epsilon())), axis=-1)


@loss("msle", "MSLE")
def mean_squared_logarithmic_error(y_true: ArrayLike, y_pred: ArrayLike) -> jax.Array:
    """`mean((log(1 + y_true) − log(1 + y_pred))²)`, both at least `epsilon()`: negative values count as 0.

    Shapes: `(batch, ..., d)` twice -> `(batch, ...)`.

    Args:
        y_true: targets.
        y_pred: predictions, of the same shape.

    >>> round(float(mean_squared_logarithmic_error([[0.0, 1.0]], [[1.0, 1.0]])[0]), 4)
    0.2402
    """
    y_true, y_pred = pair("mean_squared_logarithmic_error", y_true, y_pred)
    true, pred = (jnp.log(jnp.maximum(y, dtypes.epsilon()) + 1) for y in (y_true, y_pred))
    return jnp.mean(jnp.square(true - pred), axis=-1)


@loss()
def huber(y_true: ArrayLike, y_pred: ArrayLike, delta: Number = 1.0) -> jax.Array:
    """Mean of `½e²` for errors `|e| <= delta`, of `delta (|e| − ½ delta)` for larger ones. Huber 1964.

    Shapes: `(batch, ..., d)` twice -> `(batch, ...)`.

    Args:
        y_true: targets.
        y_pred: predictions, of the same shape.
        delta: the error from which on the loss is linear.

    >>> huber([[0.0, 1.0]], [[0.5, 3.0]]).tolist()
    [0.8125]
    """
    y_true, y_pred = pair("huber", y_true, y_pred)
    error = jnp.abs(y_true - y_pred)
    return jnp.mean(jnp.where(error <= delta, 0.5 * jnp.square(error), delta * (error - 0.5 * delta)), axis=-1)


@loss()
def log_cosh(y_true: ArrayLike, y_pred: ArrayLike) -> jax.Array:
    """`mean(log(cosh(y_pred − y_true)))`: squared for small errors, absolute for large ones. No overflow.

    Shapes: `(batch, ..., d)` twice -> `(batch, ...)`.

    Args:
        y_true: targets.
        y_pred: predictions, of the same shape.

    >>> round(float(log_cosh([[0.0]], [[1.0]])[0]), 4)
    0.4338
    """
    y_true, y_pred = pair("log_cosh", y_true, y_pred)
    error = y_pred - y_true
    return jnp.mean(error + jax.nn.softplus(-2 * error) - math.log(2.0), axis=-1)


@loss()
def cosine_similarity(y_true: ArrayLike, y_pred: ArrayLike, axis: int = -1) -> jax.Array:
    """Minus the cosine of the angle along `axis`: −1 for equal directions, 1 for opposite ones, 0 beside a zero.

    Args:
        y_true: targets.
        y_pred: predictions, of the same shape.
        axis: the axis of the vectors; it is removed.

    >>> cosine_similarity([[0.0, 1.0]], [[0.0, 3.0]]).tolist()
    [-1.0]
    """
    return -cosine("cosine_similarity", y_true, y_pred, axis)


def cosine(name: str, y_true: ArrayLike, y_pred: ArrayLike, axis: int = -1) -> jax.Array:
    """The cosine of the angle between targets and predictions."""
    y_true, y_pred = pair(name, y_true, y_pred)
    return jnp.sum(_unit(y_true, axis) * _unit(y_pred, axis), axis=axis)


def _unit(x: jax.Array, axis: int) -> jax.Array:
    squares = jnp.sum(jnp.square(x), axis=axis, keepdims=True)
    return x * jax.lax.rsqrt(jnp.maximum(squares, 1e-12))
