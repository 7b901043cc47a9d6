"""Products of values that were rounded to floats of 8 bits; weights stay what they are, and train.

Micikevicius et al. 2022, "FP8 Formats for Deep Learning": inputs and weight are rounded to e4m3, gradients of
outputs to e5m2. What they are divided by first comes from a history of largest values. Scales and histories are
variables whose "gradients" are their next values: `Variable.overwrite_with_gradient`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ..core.variable import Variable
from ..quantizers import compute_float8_amax_history, compute_float8_scale, quantize_and_dequantize
from .quantized import Quantized

_FORWARD, _BACKWARD = "float8_e4m3fn", "float8_e5m2"


class Range(NamedTuple):
    """
    Fields:
        scale: what values are divided by, a scalar.
        history: largest absolute values of earlier steps.
    """

    scale: Variable
    history: Variable


class Float8(Quantized):
    """The adapter of a weight.

    Args:
        inputs, weights, gradients: what the inputs, the weight and the gradients of outputs are rounded by.
    """

    def __init__(self, inputs: Range, weights: Range, gradients: Range):
        self.inputs, self.weights, self.gradients = inputs, weights, gradients

    def weight(self, stored: jax.Array, dtype: str | np.dtype) -> jax.Array:
        return stored.astype(dtype)

    def product(self, function: Callable[..., Any], x: Any, stored: jax.Array) -> Any:
        x = x if jnp.issubdtype(x.dtype, jnp.floating) else x.astype(stored.dtype)
        outputs = function(_rounded(x, *_values(self.inputs)), _rounded(stored, *_values(self.weights)))
        return _rounded_backwards(outputs, *_values(self.gradients))


def _values(place: Range) -> tuple[jax.Array, jax.Array]:
    return place.scale.value, place.history.value


def _next(values: jax.Array, scale: jax.Array, history: jax.Array, dtype: str) -> tuple[jax.Array, jax.Array]:
    most = jnp.asarray(float(jnp.finfo(dtype).max), "float32")
    return compute_float8_scale(jnp.max(history), scale, most), compute_float8_amax_history(values, history)


@jax.custom_vjp
def _rounded(values: jax.Array, scale: jax.Array, history: jax.Array) -> jax.Array:
    return quantize_and_dequantize(values, scale, _FORWARD, values.dtype)


def _rounded_forth(values: jax.Array, scale: jax.Array, history: jax.Array) -> tuple[jax.Array, Any]:
    return _rounded(values, scale, history), _next(values, scale, history, _FORWARD)


def _rounded_back(following: Any, gradient: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    return gradient, *following


_rounded.defvjp(_rounded_forth, _rounded_back)


@jax.custom_vjp
def _rounded_backwards(outputs: jax.Array, scale: jax.Array, history: jax.Array) -> jax.Array:
    return outputs


def _backwards_forth(outputs: jax.Array, scale: jax.Array, history: jax.Array) -> tuple[jax.Array, Any]:
    return outputs, (scale, history)


def _backwards_back(kept: Any, gradient: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    scale, history = kept
    rounded = quantize_and_dequantize(gradient, scale, _BACKWARD, gradient.dtype)
    return rounded, *_next(gradient, scale, history, _BACKWARD)


_rounded_backwards.defvjp(_backwards_forth, _backwards_back)
