"""Data sets. `digits` comes with the package; the others are downloaded once, into Keras' cache, and checked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._lazy import lazily

_MODULES = (
    "boston_housing", "california_housing", "cifar10", "cifar100", "digits", "fashion_mnist", "imdb", "mnist",
    "reuters",
)  # fmt: skip

if TYPE_CHECKING:  # the same for type checkers and editors
    from . import (
        boston_housing as boston_housing,
        california_housing as california_housing,
        cifar10 as cifar10,
        cifar100 as cifar100,
        digits as digits,
        fashion_mnist as fashion_mnist,
        imdb as imdb,
        mnist as mnist,
        reuters as reuters,
    )
else:
    __getattr__, __dir__, __all__ = lazily(__name__, _MODULES, {})
