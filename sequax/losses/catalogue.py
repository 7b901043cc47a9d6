"""The catalogue of losses: `@loss("alias")` makes a function or class public under `keras.losses`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from ..core.catalogue import Catalogue
from ..core.operation import symbolic

T = TypeVar("T")
losses: Catalogue = Catalogue("loss", "keras.losses")


def loss(*aliases: str) -> Callable[[T], T]:
    """Register a class, or a function, which then takes symbolic tensors as well."""
    register = losses.register(*aliases)
    return lambda one: register(one if isinstance(one, type) else symbolic(one))  # type: ignore[type-var]
