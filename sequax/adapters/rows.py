"""Tables of whole numbers, of which rows are looked up: only those are made floats again.

`row = numbers / scale`, with a scale for each row; in blocks, `(numbers - zero) * scale` with one for each block of it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..core.variable import Variable
from ..quantizers import unpack_int4
from .contraction import Contraction
from .quantized import Quantized, Scaled


class Rows8(Quantized):
    """The adapter of a table of 8 bits.

    Args:
        scale: `(rows,)`.
    """

    def __init__(self, scale: Variable):
        self.scale = scale

    def weight(self, stored: jax.Array, dtype: str | np.dtype) -> jax.Array:
        return stored.astype(dtype) / self.scale.value.astype(dtype)[:, None]

    def product(self, function: Callable[..., Any], x: Any, stored: jax.Array) -> Any:
        scale = self.scale.value[:, None]
        return function(x, stored).astype(scale.dtype) / function(x, scale)


class Rows4(Quantized):
    """The adapter of a table of 4 bits, two in a byte.

    Args:
        size: of a row.
        scale: `(rows,)` or, in blocks, `(rows, blocks)`.
        zero: the number that stands for zero; None without blocks.
        block: places of a row that share a scale; None: all.
    """

    def __init__(self, size: int, scale: Variable, zero: Variable | None, block: int | None):
        self.size, self.scale, self.zero, self.block = size, scale, zero, block

    def numbers(self, stored: jax.Array) -> jax.Array:
        """The whole numbers, one by one."""
        return unpack_int4(stored, self.size, axis=-1)

    def weight(self, stored: jax.Array, dtype: str | np.dtype) -> jax.Array:
        def whole(_: None, table: jax.Array) -> jax.Array:
            return table

        return self.product(whole, None, stored).astype(dtype)

    def product(self, function: Callable[..., Any], x: Any, stored: jax.Array) -> Any:
        numbers, scale = self.numbers(function(x, stored)), self.scale.value
        if self.zero is None:
            return numbers.astype(scale.dtype) / function(x, scale[:, None])
        # An axis for the blocks: a gather by `g_idx`, which says the same, takes ten times as long.
        scales, zeros = function(x, scale)[..., None], function(x, self.zero.value)[..., None].astype(scale.dtype)
        around, count = numbers.shape[:-1], scale.shape[-1]
        length = count * min(self.block or self.size, self.size)
        if length > self.size:
            numbers = jnp.pad(numbers, [(0, 0)] * len(around) + [(0, length - self.size)])
        rows = (numbers.reshape(*around, count, -1).astype(scale.dtype) - zeros) * scales
        return rows.reshape(*around, length)[..., : self.size]

    def shown(self, variable: Variable) -> jax.Array:
        return self.numbers(variable.stored_value)


class Back4(Scaled):
    """A product with all rows of a table of 4 bits.

    Args:
        table: the adapter of the table.
        contraction: which axes are the same.
        inputs_quantizer: makes whole numbers of the inputs; None: they stay floats.
    """

    def __init__(self, table: Rows4, contraction: Contraction, inputs_quantizer: Any):
        self.table, self.contraction, self.inputs_quantizer = table, contraction, inputs_quantizer
        self.scale = table.scale

    def scaled(self, stored: jax.Array, scale: jax.Array) -> jax.Array:
        return self.table.weight(stored, scale.dtype)
