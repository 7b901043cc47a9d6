"""`Shown`: layers as notebooks show them, a line that opens to settings and weights."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .. import _removed
from .html import fold, table

if TYPE_CHECKING:
    from .variable import Variable

_LONGEST = 60  # characters of a setting


@_removed.mark
class Shown:
    """The side of a `Layer` that a notebook shows, and what it says of attributes that layers had once."""

    name: str
    built: bool
    get_config: Callable[..., dict[str, Any]]

    if TYPE_CHECKING:

        @property
        def weights(self) -> list[Variable]: ...

    def __dir__(self) -> list[str]:
        """Names for completion, without those that only say that they are gone."""
        return [name for name in super().__dir__() if name not in _removed.ATTRIBUTES or hasattr(self, name)]

    def _repr_html_(self) -> str:
        """What the layer was made with, its weights and their number."""
        count = sum(math.prod(v.shape) for v in self.weights)
        title = f"{type(self).__name__} '{self.name}': {f'{count:,} parameters' if self.built else 'not built yet'}"
        weights = [(v.name, str(tuple(v.shape)), str(v.dtype)) for v in self.weights]
        inside = table((), _settings(self)) + (table(("weight", "shape", "dtype"), weights) if weights else "")
        return fold(title, inside)


def _settings(layer: Shown) -> list[tuple[str, str]]:
    try:
        config: dict[str, Any] = layer.get_config()
    except NotImplementedError:  # of an own layer that cannot be saved
        return []
    return [(name, _short(value)) for name, value in config.items() if name != "name" and value is not None]


def _short(value: object) -> str:
    if isinstance(value, dict) and "class_name" in value:
        inner = {k: v for k, v in (value.get("config") or {}).items() if v is not None and k != "name"}
        value = f"{value['class_name']}({', '.join(f'{k}={v!r}' for k, v in inner.items())})"
    text = str(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."
