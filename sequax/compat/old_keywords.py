"""Arguments of layers that Keras 2 had."""

from __future__ import annotations

from typing import Any

from ..core import shapes
from ..core.warning import warn


def shape_argument(kwargs: dict[str, Any], name: str) -> tuple | None:
    """The input shape, batch axis included, from the older keywords; a model that starts with the layer uses it."""
    given = {key: value for key, value in kwargs.items() if value is not None}
    if not given:
        return None
    warn(f"Layer '{name}': do not pass `{next(iter(given))}` to a layer. Begin the model with `Input(shape)` instead.")
    if "input_dim" in given:
        return (None, int(given["input_dim"]))
    if "input_shape" in given:
        return (None, *shapes.standardize(given["input_shape"], "input_shape"))
    return shapes.standardize(next(iter(given.values())))
