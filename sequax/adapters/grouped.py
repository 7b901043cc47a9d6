"""Weights as whole numbers with a scale and a zero point for groups of inputs, as GPTQ and AWQ leave them.

`weight = (numbers - zero) * scale`, for AWQ divided by the scale of each input.
"""

from __future__ import annotations

import jax
import numpy as np

from ..core.variable import Variable
from ..quantizers import dequantize_with_sz_map, unpack_int4
from .matrix import Matrix
from .quantized import Quantized


class Grouped(Quantized):
    """The adapter of whole numbers `(outputs, inputs)`.

    Args:
        matrix: how the weight is one.
        bits: of four two stand in a byte.
        scale, zero: `(outputs, groups)`.
        groups: the group of each input, in floats.
        of_inputs: the scale of each input; None: there is none.
    """

    def __init__(
        self,
        matrix: Matrix,
        bits: int,
        scale: Variable,
        zero: Variable,
        groups: Variable,
        of_inputs: Variable | None = None,
    ):
        self.matrix, self.bits, self.scale, self.zero, self.groups = matrix, bits, scale, zero, groups
        self.of_inputs = of_inputs

    def numbers(self, stored: jax.Array) -> jax.Array:
        """The whole numbers, (outputs, inputs)."""
        return unpack_int4(stored, self.matrix.columns, axis=0, dtype="uint8") if self.bits == 4 else stored

    def weight(self, stored: jax.Array, dtype: str | np.dtype) -> jax.Array:
        scale = self.scale.value.astype(dtype)
        rounded = dequantize_with_sz_map(self.numbers(stored), scale, self.zero.value, self.groups.value).T
        if self.of_inputs is not None:
            rounded = rounded / self.of_inputs.value.astype(dtype)[:, None]
        return self.matrix.to_weight(rounded)

    def shown(self, variable: Variable) -> jax.Array:
        return self.numbers(variable.stored_value)
