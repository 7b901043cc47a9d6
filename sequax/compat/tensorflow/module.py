"""`tf.Module`: an object that finds the variables in its attributes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from ...core.owner import Owner
from ...core.tracking import unique
from ...core.variable import Variable
from .member import Member


class Module:
    """Base of objects with variables; attributes are looked into through lists, dicts, modules and layers.

    Args:
        name: default: the class name in snake case.
    """

    def __init__(self, name: str | None = None):
        self._name = name or re.sub(r"(?<!^)(?=[A-Z][a-z])", "_", type(self).__name__).lower()

    @property
    def name(self) -> str:
        return vars(self).get("_name") or type(self).__name__.lower()

    @property
    def variables(self) -> tuple[Variable, ...]:
        return tuple(unique(one for one in _found(self) if isinstance(one, Variable)))

    @property
    def trainable_variables(self) -> tuple[Variable, ...]:
        return tuple(one for one in self.variables if one.trainable)

    @property
    def non_trainable_variables(self) -> tuple[Variable, ...]:
        return tuple(one for one in self.variables if not one.trainable)

    @property
    def submodules(self) -> tuple[Any, ...]:
        return tuple(unique(one for one in _found(self) if not isinstance(one, Variable) and one is not self))

    @classmethod
    def with_name_scope(cls, method: Callable[..., Any]) -> Callable[..., Any]:
        """Decorator without effect: names of variables are as given."""
        return method


def _found(value: Any, seen: set[int] | None = None) -> Iterator[Any]:
    """Variables, modules and layers, outermost first; attributes in the order of their names, as in TensorFlow."""
    seen = set() if seen is None else seen
    if id(value) in seen:
        return
    if isinstance(value, Variable):
        yield value
    elif isinstance(value, Owner):
        yield value
        yield from value.variables
    elif isinstance(value, (list, tuple)):
        for one in value:
            yield from _found(one, seen)
    elif isinstance(value, dict):
        for one in value.values():
            yield from _found(one, seen)
    elif isinstance(value, Module):
        seen.add(id(value))
        yield value
        for name in sorted(vars(value)):
            yield from _found(vars(value)[name], seen)


MEMBERS: dict[str, Member] = {"Module": Member(Module)}
