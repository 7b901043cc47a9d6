"""Whole numbers that stand for a range which need not be centred: `float = (number - zero) * scale`, by groups."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..core import dtypes
from ..core.types import ArrayLike
from ..ops.table import array


def compute_quantization_parameters(
    x: ArrayLike,
    *,
    bits: int,
    symmetric: bool = False,
    per_channel: bool = False,
    group_size: int = -1,
    compute_dtype: str = "float32",
    epsilon: float = 0.0,
    signed: bool = False,
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Scale and zero point for each row of a matrix, or for each group of columns in it.

    `scale = (max - min) / (2**bits - 1)` and `zero = round(-min / scale)`. A range that leaves out 0 is drawn
    out to it, since a zero point is one of the numbers.

    Args:
        x: `(outputs, inputs)`, or more axes where rows are not grouped.
        bits: 2 to 8.
        symmetric: whether the range is as wide below 0 as above it.
        per_channel: a scale for each row. False: one for all, repeated.
        group_size: columns that share a scale, with `per_channel`; the last group may be smaller. -1: all of a row.
        compute_dtype: dtype of the largest number.
        epsilon: is added to `max - min`.
        signed: whether the numbers begin at `-2**(bits - 1)` in place of 0.

    Returns:
        Scale and zero point, `(outputs, groups)`, the latter uint8 (int8 if signed), and the largest number, unsigned.

    Raises:
        ValueError: without values, or for fewer than two axes.
    """
    if x is None:
        raise ValueError("compute_quantization_parameters: `x` cannot be None. Expected a matrix of weights.")
    x = array(x)
    if x.ndim < 2:
        raise ValueError(
            f"compute_quantization_parameters: `x` must have a rank of at least 2: (outputs, inputs). Received: shape"
            f" {x.shape}"
        )
    if not x.size:
        raise ValueError(f"compute_quantization_parameters: `x` cannot be empty. Received: shape {x.shape}")
    low, high = _ends(x, per_channel, group_size)
    low, high = jnp.minimum(low, 0), jnp.maximum(high, 0)
    if symmetric:
        high = jnp.maximum(-low, high)
        low = -high
    zeros = low == high
    low, high = jnp.where(zeros, -1, low), jnp.where(zeros, 1, high)

    largest = jnp.asarray(2**bits - 1, dtypes.jnp_dtype(compute_dtype))
    scale = (high - low + epsilon if epsilon else high - low) / largest
    scale = jnp.where(scale <= 0, 1e-8, scale)
    zero = jnp.full_like(scale, (largest + 1) / 2) if symmetric else jnp.round(-low / scale)
    if signed:
        least = -(2 ** (bits - 1))
        zero = jnp.clip(zero + least, least, -least - 1)
    if not per_channel:
        scale, zero = (jnp.tile(one, (x.shape[0], 1)) for one in (scale, zero))
    return scale, zero.astype(jnp.int8 if signed else jnp.uint8), largest


def _ends(x: jax.Array, per_channel: bool, group_size: int) -> tuple[jax.Array, jax.Array]:
    """Least and largest values, `(rows, groups)`; a group that is not full has zeros, too."""
    grouped = per_channel and 0 < group_size < x.shape[1]
    if grouped:
        x = jnp.pad(x, ((0, 0), (0, -x.shape[1] % group_size)))
        x = x.reshape(x.shape[0], -1, group_size)
    else:
        x = x.reshape(x.shape[0] if per_channel else 1, 1, -1)
    return x.min(axis=2), x.max(axis=2)


def quantize_with_zero_point(input_tensor: ArrayLike, scale: ArrayLike, zero: ArrayLike, maxq: Any) -> jax.Array:
    """`round(input_tensor / scale + zero)` between 0 and `maxq`, still in floats.

    Args:
        input_tensor: floats.
        scale, zero: of shapes that broadcast with them.
        maxq: the largest number.
    """
    x, scale, zero = array(input_tensor), array(scale), array(zero)
    scale = jnp.where(scale == 0, jnp.asarray(1e-8, scale.dtype), scale)
    return jnp.clip(jnp.round(x / scale + zero.astype(scale.dtype)), 0, maxq)


def dequantize_with_zero_point(input_tensor: ArrayLike, scale: ArrayLike, zero: ArrayLike) -> jax.Array:
    """`scale * (input_tensor - zero)`.

    Args:
        input_tensor: whole numbers.
        scale, zero: of shapes that broadcast with them.
    """
    x, scale, zero = array(input_tensor), array(scale), array(zero)
    return scale * (x - zero.astype(scale.dtype))


def quantize_with_sz_map(
    weights_matrix: ArrayLike, scale: ArrayLike, zero: ArrayLike, g_idx: ArrayLike, maxq: Any, group_axis: int = -1
) -> jax.Array:
    """`quantize_with_zero_point` where each position along an axis names its group.

    Args:
        weights_matrix: floats.
        scale, zero: with one entry per group along `group_axis`.
        g_idx: the group of each position along that axis, from 0.
        maxq: the largest number.
        group_axis: the axis of `scale` and `zero` that counts groups.
    """
    scale, zero = _of_groups(scale, zero, g_idx, group_axis)
    return quantize_with_zero_point(weights_matrix, scale, zero, maxq)


def dequantize_with_sz_map(
    weights_matrix: ArrayLike, scale: ArrayLike, zero: ArrayLike, g_idx: ArrayLike, group_axis: int = -1
) -> jax.Array:
    """`(weights_matrix - zero) * scale` where each position along an axis names its group.

    Args:
        weights_matrix: whole numbers.
        scale, zero: with one entry per group along `group_axis`.
        g_idx: the group of each position along that axis, from 0.
        group_axis: the axis of `scale` and `zero` that counts groups.
    """
    scale, zero = _of_groups(scale, zero, g_idx, group_axis)
    return (array(weights_matrix) - zero.astype(scale.dtype)) * scale


def _of_groups(scale: ArrayLike, zero: ArrayLike, g_idx: ArrayLike, axis: int) -> tuple[jax.Array, jax.Array]:
    groups = array(g_idx).astype(jnp.int32)
    return jnp.take(array(scale), groups, axis=axis), jnp.take(array(zero), groups, axis=axis)


def abs_max_quantize_grouped_with_zero_point(
    inputs: ArrayLike,
    block_size: int,
    value_range: Sequence[int] = (-8, 7),
    dtype: str = "int8",
    epsilon: float = 1e-7,
    to_numpy: bool = False,
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Whole numbers for blocks of rows of a matrix, each with a scale and a zero point per column.

    Args:
        inputs: `(inputs, outputs)`.
        block_size: rows that share a scale; the last block may be smaller.
        value_range: least and largest whole number, such as -8 and 7 for four bits.
        dtype: of the whole numbers.
        epsilon: is added to `max - min`.
        to_numpy: compute on the host, which spares the device's memory.

    Returns:
        The whole numbers in the shape of the inputs, scale and zero point (int8) of shape `(blocks, outputs)`.

    Example:

    >>> numbers, scale, zero = abs_max_quantize_grouped_with_zero_point(jnp.array([[0.0], [1.5], [-1.0], [2.0]]), 2)
    >>> numbers.ravel().tolist(), zero.ravel().tolist()
    ([-8, 7, -8, 7], [-8, -3])
    """
    inputs = array(inputs)
    least, most = value_range
    if to_numpy:
        return _grouped_on_host(inputs, block_size, (least, most), dtype, epsilon)
    scale, zero, _ = compute_quantization_parameters(
        inputs.T,
        bits=int(math.log2(most - least + 1)),
        per_channel=True,
        group_size=block_size,
        compute_dtype=inputs.dtype.name,
        epsilon=epsilon,
        signed=True,
    )
    scale, zero = scale.T, zero.T
    groups = jnp.arange(inputs.shape[0]) // block_size
    numbers = jnp.round(inputs / scale[groups]) + zero[groups]
    return jnp.clip(numbers, least, most).astype(dtypes.jnp_dtype(dtype)), scale, zero


def _grouped_on_host(
    inputs: jax.Array, block_size: int, value_range: tuple[int, int], dtype: str, epsilon: float
) -> tuple[jax.Array, jax.Array, jax.Array]:
    x, (least, most) = np.asarray(inputs), value_range
    starts = np.arange(0, x.shape[0], block_size)
    low, high = (ufunc.reduceat(x, starts, axis=0) for ufunc in (np.minimum, np.maximum))
    low, high = np.minimum(low, 0), np.maximum(high, 0)
    scale = np.divide(np.subtract(high, low) + epsilon, most - least)
    zero = np.clip(np.round(np.divide(-low, scale)) + least, least, most)
    groups = np.arange(x.shape[0]) // block_size
    numbers = np.clip(np.round(np.divide(x, scale[groups])) + zero[groups], least, most)
    return (
        jnp.asarray(numbers.astype(dtypes.jnp_dtype(dtype))),
        jnp.asarray(scale, inputs.dtype),
        jnp.asarray(zero.astype("int8")),
    )
