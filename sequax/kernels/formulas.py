"""Formulas that keep their name while a program is traced for another place.

ONNX has one node for a softmax, a layer normalization, an LSTM; a traced program has the steps of it. Inside
`keeping_names` such a formula is one equation, `jit[name=...]`, whose body is the steps. Everywhere else it is called
as it is, so that no program of ours has more calls in it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

import jax

from .._holding import Holding

_keeping: ContextVar[bool] = ContextVar("keeping_names", default=False)
_PREFIX = "sequax "


def named(name: str, function: Callable[..., Any], *operands: Any, **settings: Any) -> Any:
    """`function(*operands, **settings)`, as one equation where names are kept.

    Args:
        operands: arrays, or None.
        settings: what JSON has; they stand in the equation.
    """
    if not _keeping.get():
        return function(*operands, **settings)

    def formula(*operands: Any) -> Any:
        return function(*operands, **settings)

    formula.__name__ = _PREFIX + json.dumps([name, settings])
    return jax.jit(formula)(*operands)


def name_of(equation: Any) -> tuple[str, dict[str, Any]] | None:
    """The name and the settings of the formula that an equation of a jaxpr is; None if it is none."""
    name = equation.params.get("name")
    if equation.primitive.name not in ("jit", "pjit") or not isinstance(name, str) or not name.startswith(_PREFIX):
        return None
    found, settings = json.loads(name.removeprefix(_PREFIX))
    return found, settings


def path(function: Callable[..., Any] | None) -> str | None:
    """Where a function is found, which says what it computes if it is one of ours."""
    return None if function is None else f"{function.__module__}.{getattr(function, '__qualname__', '')}"


def are_kept() -> bool:
    """Whether names are kept here."""
    return _keeping.get()


def keeping_names() -> Holding[bool]:
    """Inside, formulas keep their names."""
    return Holding(_keeping, True)
