"""Looking into traced programs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jax.extend.core import JaxprEqn


def names(words: str) -> frozenset[str]:
    """Names of operations, written with spaces between them."""
    return frozenset(words.split())


def inside(equation: JaxprEqn) -> Iterator[Any]:
    """The programs among the parameters of an operation: bodies of loops, branches, called functions."""
    return _programs(equation.params.values())


def _programs(values: Iterable[Any]) -> Iterator[Any]:
    for value in values:
        if isinstance(value, (tuple, list)):
            yield from _programs(value)
        elif hasattr(value, "eqns"):
            yield value
        elif hasattr(value, "jaxpr"):
            yield value.jaxpr
