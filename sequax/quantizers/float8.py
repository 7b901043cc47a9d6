"""Eight-bit floats with a scale that follows the largest values seen.

Micikevicius et al. 2022, "FP8 Formats for Deep Learning": values are divided by a scale so that they fill the narrow
range of an eight-bit type; the scale comes from a history of largest absolute values.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from ..core import dtypes
from ..core.types import ArrayLike, DTypeLike
from ..ops.table import array, operand


def compute_float8_scale(
    amax: ArrayLike, scale: ArrayLike, dtype_max: ArrayLike | float, margin: float = 0
) -> jax.Array:
    """The scale that takes the largest value seen to the end of the type: `amax / dtype_max * 2**margin`.

    Args:
        amax: the largest absolute value; where it is 0 or not finite, the old scale stays.
        scale: the old scale.
        dtype_max: the largest value of the type.
        margin: powers of two that are left free above.
    """
    amax, inverse = array(amax), jnp.reciprocal(array(scale))
    wanted = operand(dtype_max) / amax / 2**margin
    wanted = jnp.where((amax > 0) & jnp.isfinite(amax), wanted, inverse)
    return jnp.reciprocal(wanted)


def compute_float8_amax_history(x: ArrayLike, amax_history: ArrayLike) -> jax.Array:
    """A history moved on by one: the largest absolute value of `x` stands first, the oldest one is gone.

    Args:
        x: values of any shape.
        amax_history: largest values so far, of one axis.
    """
    history = array(amax_history)
    return jnp.roll(history, -1).at[0].set(jnp.max(jnp.abs(array(x))).astype(history.dtype))


def quantize_and_dequantize(
    inputs: ArrayLike, scale: ArrayLike, quantized_dtype: DTypeLike, compute_dtype: DTypeLike
) -> jax.Array:
    """What is left of values in an eight-bit type: `inputs / scale`, cut off at its ends, rounded, times `scale`.

    Args:
        inputs: values of any shape.
        scale: what they are divided by.
        quantized_dtype: `"float8_e4m3fn"`, `"float8_e5m2"`.
        compute_dtype: dtype of the result.
    """
    narrow, wide = (dtypes.jnp_dtype(dtypes.standardize(dtype)) for dtype in (quantized_dtype, compute_dtype))
    most, scale = float(jnp.finfo(narrow).max), array(scale).astype(wide)
    kept = jnp.clip(array(inputs) / scale, -most, most).astype(narrow)
    return kept.astype(wide) * scale
