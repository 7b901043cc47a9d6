"""A weight may be read through an adapter, of which the layer that computes with it knows nothing.

`variable.adapter = adapter` is all there is to it: `variable.value` is then what the adapter makes of the stored array,
and `variable.product(function, x)` may be computed without making it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

import jax

if TYPE_CHECKING:
    from .variable import Variable


class Adapter(Protocol):
    """
    Attributes:
        variables: its own, which stand in no file: `read` puts them into what is stored.
    """

    @property
    def variables(self) -> list[Variable]: ...

    def read(self, stored: jax.Array) -> jax.Array:
        """What the weight is, by the array that the variable stores."""
        ...

    def product(self, function: Callable[[Any, Any], Any], x: Any, stored: jax.Array) -> Any:
        """`function(x, weight)`, linear in the weight."""
        ...

    def start(self) -> None:
        """Begin anew: a file has brought what the weight is, and it was stored."""
        ...
