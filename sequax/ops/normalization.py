"""Ops that bring values to mean 0 and variance 1, or to length 1. 16-bit floats are computed in float32."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from .. import kernels
from ..core import dtypes
from ..core.types import ArrayLike, Axis, Tensor
from ..core.warning import warn
from .table import array, floating, op


@op
def moments(x: ArrayLike, axes: Axis, keepdims: bool = False, synchronized: bool = False) -> tuple[Tensor, Tensor]:
    """Mean and (biased) variance of `x` over `axes`.

    Args:
        axes: one axis, several, or None for all.
        keepdims: keep these axes, with size 1.
        synchronized: accepted; a batch split over devices always counts as one batch.

    >>> [float(moment) for moment in moments([1.0, 3.0], axes=0)]
    [2.0, 1.0]
    """
    x = floating(x)
    wide, axes = _wide(x), None if axes is None else _axes(axes, x.ndim)
    mean = wide.mean(axes, keepdims=True)
    variance = jnp.square(wide - mean).mean(axes, keepdims=True)
    if not keepdims:
        mean, variance = mean.squeeze(axes), variance.squeeze(axes)
    if x.dtype == jnp.float16:  # the largest float16 rather than infinity
        limit = float(jnp.finfo(x.dtype).max)
        mean, variance = jnp.clip(mean, -limit, limit), jnp.clip(variance, -limit, limit)
    return mean.astype(x.dtype), variance.astype(x.dtype)


@op
def batch_normalization(
    x: ArrayLike,
    mean: ArrayLike,
    variance: ArrayLike,
    axis: int,
    offset: ArrayLike | None = None,
    scale: ArrayLike | None = None,
    epsilon: float = 1e-3,
) -> jax.Array:
    """`scale * (x − mean) / sqrt(variance + epsilon) + offset`, vectors along `axis`. Ioffe and Szegedy 2015.

    Raises:
        ValueError: if a vector does not have the size of that axis.
    """
    x = floating(x)
    (place,) = _axes(axis, x.ndim)
    shape = tuple(size if i == place else 1 for i, size in enumerate(x.shape))

    def along(name: str, vector: ArrayLike) -> jax.Array:
        vector = array(vector)
        if vector.size != x.shape[place]:
            raise ValueError(
                f"batch_normalization: `{name}` must be a vector of the size of axis {axis}, ({x.shape[place]},)."
                f" Received: {name}.shape={vector.shape}, x.shape={x.shape}"
            )
        return vector.reshape(shape)

    factor = jax.lax.rsqrt(along("variance", variance) + epsilon)
    factor = factor if scale is None else factor * along("scale", scale)
    shift = -along("mean", mean) * factor
    return x * factor + (shift if offset is None else shift + along("offset", offset))


@op
def layer_normalization(
    x: ArrayLike,
    gamma: ArrayLike | None = None,
    beta: ArrayLike | None = None,
    axis: Axis = -1,
    epsilon: float | None = None,
    **kwargs: bool,
) -> jax.Array:
    """`gamma * (x − mean) / sqrt(variance + epsilon) + beta`, mean and variance over `axis`. Ba et al. 2016.

    Args:
        gamma, beta: of the sizes of these axes.
        epsilon: default `config.epsilon()`.
        rms_scaling: deprecated: `gamma * x / sqrt(variance + epsilon)`, without centring.
    """
    rms_scaling = kwargs.pop("rms_scaling", False)
    if kwargs:
        raise TypeError(f"layer_normalization: unknown arguments {sorted(kwargs)}.")
    x = floating(x)
    wide, axes = _wide(x), _axes(axis, x.ndim)
    shape = tuple(size if i in axes else 1 for i, size in enumerate(x.shape))
    gamma, beta = (v if v is None else _along("layer_normalization", v, shape) for v in (gamma, beta))
    if rms_scaling:
        warn("layer_normalization: `rms_scaling` is deprecated and keeps the mean; use `ops.rms_normalization`.")
        factor = jax.lax.rsqrt(wide.var(axes, keepdims=True) + _epsilon(epsilon))
        return (wide * factor if gamma is None else wide * factor * gamma).astype(x.dtype)
    result = kernels.standardized(wide, axes, _epsilon(epsilon))
    result = result if gamma is None else result * gamma
    return (result if beta is None else result + beta).astype(x.dtype)


def _along(name: str, vector: ArrayLike, shape: tuple[int, ...]) -> jax.Array:
    vector = array(vector)
    expected = tuple(size for size in shape if size != 1)
    if vector.size != math.prod(expected):
        raise ValueError(
            f"{name}: `gamma` and `beta` must have the sizes of the normalized axes, {expected}. Received a shape of"
            f" {vector.shape}."
        )
    return vector.reshape(shape)


@op
def rms_normalization(
    x: ArrayLike, scale: ArrayLike | None = None, axis: Axis = -1, epsilon: float | None = None
) -> jax.Array:
    """`scale * x / sqrt(mean(x²) + epsilon)`, the mean over `axis`. Zhang and Sennrich 2019.

    Args:
        scale: broadcasts to `x`.
        axis: one axis, several, or None for all.
        epsilon: default `config.epsilon()`.
    """
    x = floating(x)
    wide, axes = _wide(x), None if axis is None else _axes(axis, x.ndim)
    result = wide * jax.lax.rsqrt(jnp.square(wide).mean(axes, keepdims=True) + _epsilon(epsilon))
    return (result if scale is None else result * array(scale)).astype(x.dtype)


@op
def normalize(x: ArrayLike, axis: Axis = -1, order: int = 2, epsilon: float | None = None) -> jax.Array:
    """`x` divided by its norm along `axis`, or by `epsilon` where that is larger.

    Args:
        axis: for order 2 one axis, several, or None for all. For other orders two axes mean the norm of a matrix.
        order: whole number from 1 on: `(Σ |x|^order)^(1 / order)`.
        epsilon: default `config.epsilon()`.

    Raises:
        ValueError: for another order.
    """
    if isinstance(order, bool) or not hasattr(order, "__index__") or order < 1:
        raise ValueError(f"normalize: `order` must be a whole number of at least 1. Received: order={order!r}")
    x = jnp.atleast_1d(floating(x))
    wide, axis = _wide(x), tuple(axis) if isinstance(axis, list) else axis
    least = _epsilon(epsilon)
    if order == 2:
        # The root of a sum that is never 0: at 0 the norm itself has no gradient.
        square = jnp.square(wide).sum(axis, keepdims=True)
        return (wide * jax.lax.rsqrt(jnp.maximum(square, least**2))).astype(x.dtype)
    norm = jnp.linalg.norm(wide, ord=order, axis=axis, keepdims=True)
    return (wide / jnp.maximum(norm, least)).astype(x.dtype)


def _wide(x: jax.Array) -> jax.Array:
    return x.astype(jnp.promote_types(x.dtype, jnp.float32))


def _epsilon(value: float | None) -> float:
    return dtypes.epsilon() if value is None else value


def _axes(axis: Any, rank: int) -> tuple[int, ...]:
    """Axes counted from the front."""
    axes = tuple(axis) if isinstance(axis, Sequence) else (axis,)
    if any(not hasattr(a, "__index__") for a in axes):
        raise TypeError(f"`axis` must be a whole number or several. Received: axis={axis!r}")
    if any(not -rank <= a < rank for a in axes):
        raise ValueError(f"`axis` must name axes of an array of {rank} dimensions. Received: axis={axis!r}")
    return tuple(a % rank for a in axes)


__all__ = ["batch_normalization", "layer_normalization", "moments", "normalize", "rms_normalization"]
