"""Weights as whole numbers of 8 bits, with a scale for each output.

`weight = numbers / scale`. Inputs become whole numbers, too, at each call, with a scale for each row; a product of
whole numbers is exact, and is divided by both scales. Jacob et al. 2018, "Quantization and Training of Neural Networks
for Efficient Integer-Arithmetic-Only Inference".
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from ..core.variable import Variable
from .contraction import Contraction
from .quantized import Scaled


class Int8(Scaled):
    """The adapter of a weight that is multiplied with the inputs.

    Args:
        scale: of the weight.
        contraction: which axes are the same.
        inputs_quantizer: makes whole numbers of the inputs; None: they stay floats.
    """

    def __init__(self, scale: Variable, contraction: Contraction, inputs_quantizer: Any):
        self.scale, self.contraction, self.inputs_quantizer = scale, contraction, inputs_quantizer

    def scaled(self, stored: jax.Array, scale: jax.Array) -> jax.Array:
        return stored.astype(scale.dtype) / self.contraction.to_weight(scale)

    def computed(self, function: Callable[..., Any], x: jax.Array, stored: jax.Array, scale: jax.Array) -> jax.Array:
        if self.inputs_quantizer is None:
            outputs = function(x, stored.astype(x.dtype))
            return outputs / self.contraction.to_outputs(scale, outputs.ndim)
        rows, of_rows = self.inputs_quantizer(x, axis=self.contraction.reduced_inputs)
        outputs = whole_product(function, rows, stored, self.contraction).astype(x.dtype)
        return outputs / (self.contraction.to_outputs(scale, outputs.ndim) * self.contraction.of_inputs(of_rows))


def whole_product(
    function: Callable[..., Any], rows: jax.Array, numbers: jax.Array, contraction: Contraction
) -> jax.Array:
    """`function(rows, numbers)` of whole numbers of 8 bits, exact while sums stay below 2**24."""
    both_short = rows.dtype == numbers.dtype == jnp.int8
    if both_short and integers_pay(rows.shape, numbers.shape, contraction):
        return function(rows, numbers, preferred_element_type=jnp.int32)
    return function(rows.astype("float32"), numbers.astype("float32"))


_ROWS = 8  # from here on a CPU multiplies integers in a fifth to all of the time that floats take, made of them before


def integers_pay(rows: tuple[int, ...], weight: tuple[int, ...], contraction: Contraction) -> bool:
    """Whether a product of integers is faster than one of floats that are whole numbers: `benchmarks/quantized.py`."""
    summed = math.prod(weight[i] for i in contraction.reduced)
    known = all(isinstance(size, int) for size in rows)  # else the product is traced for elsewhere
    return known and jax.default_backend() == "cpu" and math.prod(rows) >= _ROWS * summed
