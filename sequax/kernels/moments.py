"""Mean and variance in one pass, and normalization by those of a batch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial

import jax
import jax.numpy as jnp
from jax import lax


def batch_moments(x: jax.Array, axes: int | Sequence[int], *, keepdims: bool = False) -> tuple[jax.Array, jax.Array]:
    """Mean and (biased) variance over ``axes``: ``E[x]`` and ``E[(x - r)^2] - E[x - r]^2`` for a reference ``r`` near
    the mean.

    One pass over ``x``, where ``jnp.var`` needs two; as fast or slightly faster in ``benchmarks/kernels.py``. But
    ``E[x^2] - E[x]^2`` by itself loses all digits when the mean is large against the deviation. The reference is the
    mean of the first entry along the first of ``axes``, 1/n of the work. Since that entry is part of the data, the
    variance is at least ``(r - mean)^2 / n``, so the relative error stays below about n machine epsilons whatever the
    data (Chan, Golub and LeVeque, 1983, on shifted data).

    Returns:
        mean and variance in float32 (float64 for float64 input), without ``axes`` unless ``keepdims``.
    """
    axes = (axes,) if isinstance(axes, int) else tuple(axes)
    x = x.astype(jnp.promote_types(x.dtype, jnp.float32))
    first = lax.slice_in_dim(x, 0, 1, axis=axes[0] % x.ndim)
    reference = lax.stop_gradient(first.mean(axes, keepdims=True))
    centred = x - reference
    mean = centred.mean(axes, keepdims=True)
    variance = jnp.maximum(jnp.square(centred).mean(axes, keepdims=True) - jnp.square(mean), 0)
    mean = mean + reference
    return (mean, variance) if keepdims else (mean.squeeze(axes), variance.squeeze(axes))


@partial(jax.custom_vjp, nondiff_argnums=(3, 4))
def batch_normalized(
    x: jax.Array, gamma: jax.Array | None, beta: jax.Array | None, axes: tuple[int, ...], epsilon: float
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """``(x - mean) / sqrt(variance + epsilon) * gamma + beta`` with the moments of ``x`` over ``axes``.

    The gradient is written by hand: it sums twice over ``x``, where autodiff sums four times and compiles half as many
    kernels again. Differentiable in reverse mode to any order, except by way of the moments.

    Args:
        x: in float32 or float64.
        gamma, beta: 1 along ``axes``, or None.

    Returns:
        the result, the mean and the (biased) variance; both 1 along ``axes``, constants to the gradient.
    """
    return _batch_normalized(x, gamma, beta, axes, epsilon)[0]


def _batch_normalized(x, gamma, beta, axes, epsilon):
    mean = x.mean(axes, keepdims=True)
    variance = jnp.square(x - mean).mean(axes, keepdims=True)
    scale = lax.rsqrt(variance + epsilon)
    y = (x - mean) * (scale if gamma is None else scale * gamma)
    y = y if beta is None else y + beta
    return (y, mean, variance), (x, mean, scale, gamma, beta)


def _batch_normalized_gradient(axes, epsilon, saved, cotangents):
    x, mean, scale, gamma, beta = saved
    cotangent = cotangents[0]
    normalized = (x - mean) * scale
    total = cotangent.sum(axes, keepdims=True)
    product = (cotangent * normalized).sum(axes, keepdims=True)
    count = math.prod(x.shape[axis] for axis in axes)
    factor = scale if gamma is None else scale * gamma
    by_x = factor * (cotangent - total / count - normalized * (product / count))
    return by_x, None if gamma is None else product, None if beta is None else total


batch_normalized.defvjp(_batch_normalized, _batch_normalized_gradient)
