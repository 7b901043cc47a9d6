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

from ..core.variable import Variable


class LowRank:
    """The adapter of one weight.

    Args:
        a: of the weight's shape, the last axis of size rank.
        b: `(rank, size of the weight's last axis)`.
        alpha: the product counts by `alpha / rank`.
        apart: whether the last axis of the weight is the last one of the outputs, and of nothing else: then the inputs
            meet A first, which is small. Else the weight is put together.
    """

    def __init__(self, a: Variable, b: Variable, alpha: float, apart: bool):
        self.a, self.b, self.alpha, self.apart = a, b, alpha, apart

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
        small = (self.scale * jnp.matmul(self.a.value, self.b.value)).astype(stored.dtype)
        return stored + small

    def product(self, function: Callable[[Any, Any], Any], x: Any, stored: jax.Array) -> Any:
        if not self.apart:
            return function(x, self.read(stored))
        outputs = function(x, stored)
        small = jnp.matmul(function(x, self.a.value.astype(stored.dtype)), self.b.value.astype(stored.dtype))
        return outputs + self.scale * small.astype(outputs.dtype)

    def start(self) -> None:
        self.b.assign(jnp.zeros(self.b.shape, self.b.stored.dtype))
