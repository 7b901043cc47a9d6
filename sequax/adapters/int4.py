"""Weights as whole numbers of 4 bits, two in a byte, with a scale for each output or for each block of its inputs.

`weight = numbers / scale`; in blocks, `weight = (numbers - zero) * scale`. Inputs stay floats as a rule.
"""

from __future__ import annotations

from typing import Any

import jax

from ..core.variable import Variable
from ..quantizers import dequantize_with_sz_map, unpack_int4
from .contraction import Contraction
from .quantized import Scaled


class Int4(Scaled):
    """The adapter of a weight that is multiplied with the inputs. It is kept as a matrix (inputs, outputs).

    Args:
        shape: of the weight.
        scale: of the outputs, `(outputs,)`, or of blocks, `(blocks, outputs)`.
        zero, blocks: the number that stands for zero, and the block of each input; None without blocks.
        contraction: which axes are the same.
        inputs_quantizer: makes whole numbers of the inputs; None: they stay floats.
        along: the axis along which two numbers share a byte.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        scale: Variable,
        zero: Variable | None,
        blocks: Variable | None,
        contraction: Contraction,
        inputs_quantizer: Any,
        along: int = -1,
    ):
        self.shape, self.scale, self.zero, self.blocks = shape, scale, zero, blocks
        self.contraction, self.inputs_quantizer, self.along = contraction, inputs_quantizer, along

    def numbers(self, stored: jax.Array) -> jax.Array:
        """The whole numbers, (inputs, outputs)."""
        size = self.scale.shape[-1] if self.along else self.shape[0]
        return unpack_int4(stored, size, axis=self.along)

    def scaled(self, stored: jax.Array, scale: jax.Array) -> jax.Array:
        numbers = self.numbers(stored)
        if self.zero is None or self.blocks is None:
            matrix = numbers.astype(scale.dtype) / scale
        else:
            matrix = dequantize_with_sz_map(numbers, scale, self.zero.value, self.blocks.value, group_axis=0)
        return matrix.reshape(self.shape)

    def shown(self, variable: Variable) -> jax.Array:
        return self.numbers(variable.stored_value).reshape(self.shape)
