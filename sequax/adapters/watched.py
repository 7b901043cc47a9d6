"""A weight that is looked at: what it is multiplied with says which of its numbers matter."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from ..core.adapter import Adapter
from .quantized import Quantized


class Watched(Quantized):
    """The adapter of a weight as it is, while somebody looks at what it is multiplied with.

    Args:
        observe: is called with the inputs.
        before: the adapter that the weight has without it.
    """

    def __init__(self, observe: Callable[[jax.Array], None], before: Adapter | None):
        self.observe, self.before = observe, before

    def weight(self, stored: jax.Array, dtype: str | np.dtype) -> jax.Array:
        return stored.astype(dtype) if self.before is None else self.before.weight(stored, dtype)

    def product(self, function: Callable[..., Any], x: Any, stored: jax.Array) -> Any:
        self.observe(x)
        return function(x, stored) if self.before is None else self.before.product(function, x, stored)
