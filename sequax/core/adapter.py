"""A weight may be read through an adapter, of which the layer that computes with it knows nothing.

`variable.adapter = adapter` is all there is to it: `variable.value` is then what the adapter makes of the stored array,
and `variable.product(function, x)` may be computed without making it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

import jax
import numpy as np

if TYPE_CHECKING:
    from .variable import Variable


class Adapter(Protocol):
    """
    Attributes:
        variables: its own, which stand in no file: `read` puts them into what is stored.
        freezes: whether the weight itself is not trained.
    """

    freezes: bool

    @property
    def variables(self) -> list[Variable]: ...

    def read(self, stored: jax.Array) -> jax.Array:
        """The value of the variable, by the array that it stores. Of whole numbers that stand for a weight: these."""
        ...

    def weight(self, stored: jax.Array, dtype: str | np.dtype) -> jax.Array:
        """The weight that layers compute with, in floats of a dtype."""
        ...

    def product(self, function: Callable[..., Any], x: Any, stored: jax.Array) -> Any:
        """`function(x, weight)`, linear in the weight."""
        ...

    def start(self) -> None:
        """Start over: a file has brought what the weight is, and it was stored."""
        ...

    def shown(self, variable: Variable) -> Any:
        """What `layer.kernel` is."""
        ...
