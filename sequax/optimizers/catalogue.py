"""The catalogue of optimizers: `@optimizer` makes a class public under `keras.optimizers`."""

from __future__ import annotations

from typing import TypeVar

from ..core.catalogue import Catalogue

T = TypeVar("T", bound=type)

optimizers: Catalogue = Catalogue("optimizer", "keras.optimizers")


def optimizer(cls: T) -> T:
    """Class decorator: register under the class name in any case."""
    return optimizers.register(cls.__name__.lower())(cls)
