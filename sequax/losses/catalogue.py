"""The catalogue of losses: `@loss("alias")` makes a function or class public under `keras.losses`."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TypeVar

from ..core.catalogue import Catalogue
from ..core.operation import symbolic

T = TypeVar("T")
losses: Catalogue = Catalogue("loss", "keras.losses")
_of_class_numbers: set[Hashable] = set()


def loss(*aliases: str, of_class_numbers: bool = False) -> Callable[[T], T]:
    """Register a class, or a function, which then takes symbolic tensors as well.

    Args:
        aliases: more names.
        of_class_numbers: the targets of a function are whole numbers and stay such, where others become floats.
    """
    register = losses.register(*aliases)

    def registered(one: T) -> T:
        if isinstance(one, type):
            return register(one)
        function = symbolic(one)  # type: ignore[type-var]
        if of_class_numbers:
            _of_class_numbers.add(function)
        return register(function)

    return registered


def is_of_class_numbers(function: object) -> bool:
    return isinstance(function, Hashable) and function in _of_class_numbers
