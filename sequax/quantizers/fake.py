"""Rounding to few bits that can be trained through, its range included."""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp

from ..core.operation import symbolic
from ..core.tensor import KerasTensor
from ..core.types import ArrayLike
from ..ops.table import array


def _as_inputs(inputs: Any, *args: object, **kwargs: object) -> KerasTensor:
    return KerasTensor(inputs.shape, inputs.dtype)


@functools.partial(symbolic, outputs=_as_inputs)
def fake_quant_with_min_max_vars(
    inputs: ArrayLike,
    min_vals: ArrayLike,
    max_vals: ArrayLike,
    num_bits: int = 8,
    narrow_range: bool = False,
    axis: int | None = None,
) -> jax.Array:
    """Values rounded to one of `2**num_bits` steps between two ends, and still floats.

    The ends are moved a little so that 0 is one of the steps. Gradients pass where a value lies between the ends;
    where it lies outside they go to the end, which so can be trained.

    Args:
        inputs: floats of any shape.
        min_vals, max_vals: the ends; one number, or with `axis` one for each channel.
        num_bits: how many bits the steps have.
        narrow_range: whether there is one step less.
        axis: the axis of channels. None: one range for all.

    Raises:
        ValueError: for fewer bits than two steps need.

    Example:

    >>> fake_quant_with_min_max_vars(jnp.array([-2.0, 0.1, 0.3]), -1.0, 1.0, num_bits=3).tolist()
    [-0.8571429252624512, 0.0, 0.2857142984867096]
    """
    x, low, high = array(inputs), array(min_vals), array(max_vals)
    bits = int(num_bits)
    if bits < 1 + bool(narrow_range):
        raise ValueError(
            f"fake_quant_with_min_max_vars: `num_bits` must be at least {1 + bool(narrow_range)}. Received: {num_bits}"
        )
    if axis is not None:
        axis = range(x.ndim)[axis]
        low, high = (_along(end, axis, x.ndim) for end in (low, high))
    return _rounded(x, low, high, bits, bool(narrow_range), axis)


def _along(end: jax.Array, axis: int, rank: int) -> jax.Array:
    return end.reshape(-1, *[1] * (rank - axis - 1)) if end.ndim == 1 else end


@functools.partial(jax.custom_vjp, nondiff_argnums=(3, 4, 5))
def _rounded(x: jax.Array, low: jax.Array, high: jax.Array, bits: int, narrow: bool, axis: int | None) -> jax.Array:
    return _forward(x, low, high, bits, narrow, axis)[0]


def _forward(
    x: jax.Array, low: jax.Array, high: jax.Array, bits: int, narrow: bool, axis: int | None
) -> tuple[jax.Array, Any]:
    first, last = int(narrow), 2**bits - 1
    wide = jnp.promote_types(low.dtype, jnp.float32)
    width = high.astype(wide) - low.astype(wide)
    scale, inverse = width / (last - first), (last - first) / width
    zero = jnp.round(jnp.clip(first - low.astype(wide) / scale, first, last))
    lowest, highest = (first - zero) * scale, (last - zero) * scale
    steps = (jnp.clip(x.astype(wide), lowest, highest) - lowest) * inverse
    at_zero = jnp.floor(-lowest * inverse + 0.5)
    outputs = (jnp.floor(steps - at_zero + 0.5) * scale).astype(x.dtype)
    return outputs, (x, lowest, highest, low, high)


def _backward(bits: int, narrow: bool, axis: int | None, kept: Any, upstream: jax.Array) -> tuple[jax.Array, ...]:
    x, lowest, highest, low, high = kept

    def of_end(outside: jax.Array, end: jax.Array) -> jax.Array:
        others = tuple(i for i in range(x.ndim) if i != axis) if axis is not None else None
        return jnp.where(outside, upstream, 0).sum(axis=others).reshape(end.shape).astype(end.dtype)

    inside = (x >= lowest) & (x <= highest)
    gradient = jnp.where(inside, upstream, 0).astype(x.dtype)
    return gradient, of_end(x <= lowest, low), of_end(x >= highest, high)


_rounded.defvjp(_forward, _backward)
