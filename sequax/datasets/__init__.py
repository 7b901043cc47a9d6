"""Data sets. `digits` comes with the package; the others are downloaded once, into Keras' cache, and checked."""

from __future__ import annotations

from .._lazy import lazily

_MODULES = (
    "boston_housing",
    "california_housing",
    "cifar10",
    "cifar100",
    "digits",
    "fashion_mnist",
    "imdb",
    "mnist",
    "reuters",
)

__getattr__, __dir__, __all__ = lazily(__name__, _MODULES, {})
