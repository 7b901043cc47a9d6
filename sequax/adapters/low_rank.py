"""Low-rank adaptation: a frozen weight and a small product that is trained beside it.

Hu et al. 2022, "LoRA: Low-Rank Adaptation of Large Language Models": in place of a weight W of shape (inputs,
outputs), `W + alpha / rank * A @ B` with A (inputs, rank) and B (rank, outputs). B begins with zeros, so nothing
changes at first.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..core.adapter import Adapter
from ..core.variable import Variable


class LowRank:
    """The adapter of one weight.

    Args:
        a: of the weight's shape, the last axis of size rank.
        b: `(rank, size of the weight's last axis)`.
        alpha: the product counts by `alpha / rank`.
        apart: whether the last axis of the weight is the last one of the outputs, and of nothing else: then the inputs
            meet A first, which is small. Else the weight is put together.
        base: of a weight that is kept in fewer bits, its adapter.
    """

    freezes = True

    def __init__(self, a: Variable, b: Variable, alpha: float, apart: bool, base: Adapter | None = None):
        self.a, self.b, self.alpha, self.apart, self.base = a, b, alpha, apart, base

    @property
    def rank(self) -> int:
        return self.b.shape[0]

    @property
    def scale(self) -> float:
        return self.alpha / self.rank

    @property
    def variables(self) -> list[Variable]:
        return [self.a, self.b]

    def read(self, stored: jax.Array) -> jax.Array:
        return self.weight(stored, stored.dtype) if self.base is None else stored

    def weight(self, stored: jax.Array, dtype: str | np.dtype) -> jax.Array:
        small = (self.scale * jnp.matmul(self.a.value, self.b.value)).astype(dtype)
        return (stored.astype(dtype) if self.base is None else self.base.weight(stored, dtype)) + small

    def product(self, function: Callable[..., Any], x: Any, stored: jax.Array) -> Any:
        if not self.apart:
            return function(x, self.weight(stored, stored.dtype if self.base is None else x.dtype))
        outputs = function(x, stored) if self.base is None else self.base.product(function, x, stored)
        dtype = stored.dtype if self.base is None else outputs.dtype
        small = jnp.matmul(function(x, self.a.value.astype(dtype)), self.b.value.astype(dtype))
        return outputs + self.scale * small.astype(outputs.dtype)

    def start(self) -> None:
        self.b.assign(jnp.zeros(self.b.shape, self.b.stored.dtype))

    def shown(self, variable: Variable) -> Any:
        return variable if self.base is None else self.weight(variable.stored_value, "float32")
