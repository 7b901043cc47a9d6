"""Classes and functions of the user that configs may name: registered for the process, or given for a scope."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any, TypeVar

T = TypeVar("T")

_by_name: dict[str, Any] = {}
_by_object: dict[Any, str] = {}
_scoped: ContextVar[Mapping[str, Any] | None] = ContextVar("sequax_custom_objects", default=None)


def register_keras_serializable(package: str = "Custom", name: str | None = None) -> Callable[[T], T]:
    """Decorator: let configs name an own class or function as `package>name`.

    Raises:
        ValueError: if the class has no `get_config`.
    """

    def add(target: T) -> T:
        own_name = name if name is not None else target.__name__  # type: ignore[attr-defined]
        registered = f"{package}>{own_name}"
        if inspect.isclass(target) and not hasattr(target, "get_config"):
            raise ValueError(f"Cannot register class {own_name}: it has no `get_config()` method.")
        _by_name[registered] = target
        _by_object[target] = registered
        return target

    return add


def get_registered_name(obj: Callable[..., Any]) -> str:
    """`package>name` of a registered object, else its plain `__name__`.

    Args:
        obj: a class or a function.
    """
    return _by_object.get(obj, obj.__name__)


def own_name(obj: object) -> str | None:
    """`package>name` of a registered object, else None."""
    try:
        return _by_object.get(obj)
    except TypeError:  # it cannot be hashed
        return None


def get_registered_object(
    name: str, custom_objects: Mapping[str, Any] | None = None, module_objects: Mapping[str, Any] | None = None
) -> Callable[..., Any] | None:
    """The object registered under a name, or None.

    Args:
        name: as it was registered, such as `package>name`.
        custom_objects: a table that is asked next.
        module_objects: a table that is asked last.
    """
    found = custom_object(name)
    for table in (custom_objects, module_objects):
        if found is None and table is not None:
            found = table.get(name)
    return found


def get_custom_objects() -> dict[str, Any]:
    """The process-wide table of custom objects; entries added to it count in every later lookup."""
    return _by_name


def scoped() -> Mapping[str, Any]:
    """The `custom_objects` of the current scope."""
    return _scoped.get() or {}


def custom_object(name: str) -> Callable[..., Any] | None:
    """What the user calls `name`: in `custom_objects` of the current scope, or registered for the process."""
    return scoped()[name] if name in scoped() else _by_name.get(name)


class CustomObjectScope:
    """`with custom_object_scope({"MyLayer": MyLayer}):` configs inside may name these objects.

    Args:
        custom_objects: classes and functions by name; None for no further ones.
    """

    def __init__(self, custom_objects: Mapping[str, Any] | None = None):
        self.custom_objects: dict[str, Any] = dict(custom_objects or {})
        self.backup: Mapping[str, Any] | None = None  # what counted before

    def __enter__(self) -> CustomObjectScope:
        self.backup = _scoped.get()
        self._token = _scoped.set({**(self.backup or {}), **self.custom_objects})
        return self

    def __exit__(self, *error: object) -> None:
        _scoped.reset(self._token)


custom_object_scope = CustomObjectScope
