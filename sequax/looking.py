"""`Looking`: the methods by which a model shows itself. Each is a call of a module that is imported when it is used."""

from __future__ import annotations

from typing import Any

from .core.layer import Layer


class Looking(Layer):
    """The side of a `Model` that is looked at."""

    def _repr_html_(self: Any) -> str:
        """In a notebook: the layers as a table, which folds."""
        from .utils import model_html

        return model_html.of_model(self)
