"""Calls of layers as Keras 2 took them: options by position, `layer(x, training)`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..core import signature
from ..core.layer import Layer
from ..core.tensor import is_tensor, leaves
from .captured_calls import KEY

_PLAIN = (bool, int, float, str, bytes)


def call(owner: type, original: Callable[..., Any]) -> Callable[..., Any]:
    """The call of a layer, with options by position as well as by name, and with the tensors that it looks at."""

    def __call__(self: Layer, *args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        looked_at = kwargs.get(KEY)
        if looked_at is not None and not any(map(is_tensor, leaves(looked_at.values))):
            with looked_at.put_in():
                return original(self, *args, **{key: value for key, value in kwargs.items() if key != KEY})
        if len(args) > 1:
            args, kwargs = options_by_name(signature.of(type(self).call).names, args, kwargs)
        return original(self, *args, **kwargs)

    return __call__


def options_by_name(
    names: list[str], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Arguments with the first option that stands behind the inputs, and what follows it, by name.

    >>> options_by_name(["x", "training", "mask"], ([1.0], True, None), {})
    (([1.0],), {'training': True, 'mask': None})
    """
    for position, (name, value) in enumerate(zip(names, args, strict=False)):
        if position > 0 and (name == "training" or isinstance(value, _PLAIN)) and len(args) <= len(names):
            return args[:position], {**dict(zip(names[position:], args[position:], strict=False)), **kwargs}
    return args, kwargs
