"""The catalogue of metrics: `@metric("alias")` makes a class public under `keras.metrics`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..core.catalogue import Catalogue

metrics: Catalogue = Catalogue("metric", "keras.metrics")
metric = metrics.register


def function(target: Callable[..., Any]) -> Callable[..., Any]:
    """Decorator: let configs name a function. Strings such as `"binary_accuracy"` go on meaning the class."""
    metrics.functions[target.__name__] = target
    return target
