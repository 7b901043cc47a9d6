"""Configs as Keras 2 wrote them: `{"class_name": ..., "config": ...}`, and functions as their names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..core import names
from ..core.config import deserialize
from ..core.custom_objects import custom_object, custom_object_scope, get_registered_name
from ..core.types import Config


def serialize_keras_object(instance: Any) -> Config | str | None:
    """The config of an object in Keras 2's form; a function as its name.

    Raises:
        ValueError: for what has neither a config nor a name.

    >>> from sequax import initializers
    >>> serialize_keras_object(initializers.Ones())
    {'class_name': 'Ones', 'config': {}}
    """
    if instance is None:
        return None
    if hasattr(instance, "get_config"):
        return {"class_name": get_registered_name(type(instance)), "config": instance.get_config()}
    if hasattr(instance, "__name__"):
        return get_registered_name(instance)
    raise ValueError(f"Cannot serialize {instance!r}: it has no `get_config` and no `__name__`.")


def deserialize_keras_object(
    identifier: object,
    module_objects: Mapping[str, Any] | None = None,
    custom_objects: Mapping[str, Any] | None = None,
    printable_module_name: str = "object",
) -> Any:
    """The object or function of a config in Keras 2's form.

    Args:
        identifier: a config, a name, or None; what is callable is returned as it is.
        module_objects: classes and functions by name, in which names are looked up after the custom ones.
        custom_objects: classes and functions by name.
        printable_module_name: what the names stand for, in messages.

    Raises:
        ValueError: for a name that is nowhere, and for a value of another type.
    """
    with custom_object_scope(custom_objects or {}):
        if isinstance(identifier, Mapping):
            found = _named(identifier.get("class_name"), module_objects)
            if found is None:
                return deserialize(identifier)
            return found.from_config(dict(identifier.get("config") or {}))
        if isinstance(identifier, str):
            found = _named(identifier, module_objects)
            if found is None:
                raise ValueError(
                    f"Unknown {printable_module_name}: {identifier!r:.80}. Give it by `custom_objects={{name: ...}}`."
                    f"{names.suggest(identifier, module_objects or ())}"
                )
            return found() if isinstance(found, type) else found
    if identifier is None or callable(identifier):
        return identifier
    raise ValueError(
        f"Cannot make {printable_module_name} from {identifier!r:.80}: expected a config, a name, or a function."
    )


def _named(name: Any, module_objects: Mapping[str, Any] | None) -> Any:
    custom = custom_object(name) if isinstance(name, str) else None
    return custom if custom is not None else (module_objects or {}).get(name)
