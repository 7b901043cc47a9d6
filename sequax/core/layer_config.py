"""The config of a layer: the arguments of its constructor, and how they come back."""

from __future__ import annotations

import inspect
import json
from typing import TYPE_CHECKING, Any

from . import constructor, dtypes, names
from .catalogue import serialize
from .config import deserialize

if TYPE_CHECKING:
    from .layer import Layer

_BASE = ("name", "trainable", "dtype", "activity_regularizer", "autocast")


def own_arguments(layer: Layer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """Constructor arguments of a layer that was made with `args` and `kwargs`.

    Our layers keep each argument as an attribute of the same name; of other classes the values passed are used, unless
    they write a `get_config` of their own, which then adds to the arguments of our layer that they extend.
    """
    config: dict[str, Any] = {}
    writer = next(cls for cls in type(layer).__mro__ if "get_config" in cls.__dict__)
    automatic = names.is_ours(writer)
    for cls in type(layer).__mro__:
        if "ends_arguments" in vars(cls):  # `Layer` itself
            break
        if "__init__" not in cls.__dict__:
            continue
        parameters = inspect.signature(cls.__dict__["__init__"]).parameters
        passed = dict(zip(list(parameters)[1:], args, strict=False)) if cls is type(layer) else {}
        passed.update(kwargs)
        ours = names.is_ours(cls)
        if not (ours or automatic):
            continue
        kinds = constructor.kinds(cls) if ours else {}
        left_out = {
            *config,
            *_BASE,
            *layer.not_in_config,
            *(name for name, kind in kinds.items() if not kind.in_config),
        }
        for name, parameter in list(parameters.items())[1:]:
            if parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL) or name in left_out:
                continue
            if ours and hasattr(layer, name):
                config[name] = serialize(getattr(layer, name))
            elif name in passed:
                config[name] = _plain_argument(layer, name, passed[name])
        if not any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
            break
    return config


def _plain_argument(layer: Layer, name: str, value: object) -> object:
    if hasattr(value, "shape") or (not hasattr(value, "get_config") and not callable(value)):
        try:
            json.dumps(value)
            return value
        except TypeError:
            raise NotImplementedError(
                f"Layer {type(layer).__name__} was created with `{name}` of type {type(value).__name__}, which has no"
                f" config. Override `get_config()`:\n\n"
                f"    def get_config(self):\n"
                f"        config = super().get_config()\n"
                f'        config.update({{"{name}": ...}})  # something JSON-friendly\n'
                f"        return config"
            ) from None
    return serialize(value)


def revived(key: str, value: object) -> Any:
    if not (isinstance(value, dict) and "class_name" in value):
        return value
    if key == "dtype":  # by name, as a constructor is called by hand: it may compare it with a string, or pass it on
        policy = dtypes.get(value)
        return policy.name if type(policy) is dtypes.DTypePolicy else policy
    return deserialize(value)
