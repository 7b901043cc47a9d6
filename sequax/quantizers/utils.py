"""Which layers of a model are meant."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

Filters = str | Sequence[str] | Callable[[Any], bool] | None


def should_quantize_layer(layer: Any, filters: Filters) -> bool:
    """Whether filters mean a layer.

    Args:
        layer: anything that has a name.
        filters: a regular expression that is searched for in the name, several of which one must be found, a function
            of the layer that says it, or None: every layer.

    Raises:
        TypeError: for anything else.
    """
    if filters is None:
        return True
    if callable(filters):
        return bool(filters(layer))
    patterns = [filters] if isinstance(filters, str) else filters
    if not isinstance(patterns, Sequence) or not all(isinstance(pattern, str) for pattern in patterns):
        raise TypeError(
            f"`filters` must be a regular expression, a list of them, or a function of a layer that returns whether it"
            f" is meant. Received: {filters!r} (of type {type(filters).__name__})"
        )
    return any(re.search(pattern, layer.name) for pattern in patterns)
