"""Public names of objects, and the two ways between an object and its config.

A config names a class by its public module and class name (`keras.layers`, `Dense`), exactly as Keras writes it. Names
are looked up in tables, never imported: a config cannot reach anything that was not put into a table by this package
or by the user (`custom_objects`, `register_keras_serializable`).
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

from .names import suggest, to_snake_case

T = TypeVar("T")

_custom_by_name: dict[str, Any] = {}
_custom_by_object: dict[Any, str] = {}
_scoped: ContextVar[Mapping[str, Any] | None] = ContextVar("sequax_custom_objects", default=None)
_catalogues: dict[str, Catalogue] = {}


class Catalogue:
    """The public classes and functions of one kind, such as initializers, by name.

    Args:
        kind: the word used in messages, such as `"initializer"`.
        module: the public module that configs name, such as `"keras.initializers"`.
    """

    def __init__(self, kind: str, module: str):
        self.kind, self.module = kind, module
        # Kinds that share a public module share its tables: `keras` has models and dtype policies.
        first = _catalogues.setdefault(module, self)
        self.classes: dict[str, type] = {} if first is self else first.classes
        self.functions: dict[str, Callable] = {} if first is self else first.functions
        self.aliases: dict[str, Any] = {}

    def register(self, *aliases: str) -> Callable[[T], T]:
        """Decorator: make a class or function public under its own name and under `aliases`."""

        def add(target: T) -> T:
            name = target.__name__  # type: ignore[attr-defined]
            if inspect.isclass(target):
                self.classes[name] = target
                self.aliases.setdefault(to_snake_case(name), target)
            else:
                self.functions[name] = target  # type: ignore[assignment]
            for alias in (name, *aliases):
                self.aliases[alias] = target
            return target

        return add

    def find(self, name: str) -> Any:
        """The class or function of a name, custom objects first; ValueError with the nearest names otherwise."""
        custom = custom_object(name)
        if custom is not None:
            return custom
        for candidate in (name, name.lower(), to_snake_case(name)):
            if candidate in self.aliases:
                return self.aliases[candidate]
        raise ValueError(
            f"Could not interpret {self.kind} identifier: {name}.{suggest(name, self.aliases)}"
            f" Pass a name that exists, an object, or a callable; own classes by name need"
            f" `custom_objects` or `@register_keras_serializable()`."
        )

    def get(self, identifier: Any) -> Any:
        """An object from None, a name, a config, a class or the object itself."""
        if identifier is None:
            return None
        if isinstance(identifier, Mapping):
            return self.deserialize(identifier)
        if isinstance(identifier, str):
            identifier = self.find(identifier)
        if inspect.isclass(identifier):
            return identifier()
        if callable(identifier):
            return identifier
        raise ValueError(
            f"Could not interpret {self.kind} identifier: {identifier!r} (of type {type(identifier).__name__})."
            f" Expected a name, a {self.kind} object, a config or a callable."
        )

    def serialize(self, target: Any) -> Any:
        """The config of an object of this kind: a dict for objects, a name for functions, None for None."""
        return serialize(target)

    def deserialize(self, config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
        """An object of this kind from a name or a config dict."""
        with custom_object_scope(custom_objects or {}):
            if not isinstance(config, Mapping):
                return self.get(config)
            return deserialize({"module": self.module, **config} if config.get("module") is None else config)


# Public module in configs -> the module of ours that fills its catalogue. The only modules a config can make us load.
_FAMILIES = {
    "keras.layers": "sequax.layers",
    "keras.initializers": "sequax.initializers",
    "keras.regularizers": "sequax.regularizers",
    "keras.constraints": "sequax.constraints",
    "keras.activations": "sequax.activations",
    "keras.losses": "sequax.losses",
    "keras.metrics": "sequax.metrics",
    "keras.optimizers": "sequax.optimizers",
    "keras.optimizers.schedules": "sequax.optimizers",
    "keras.random": "sequax.core.rng",
    "keras": "sequax.models",
    "keras.models": "sequax.models",
    "keras.src.models.functional": "sequax.models",
}


def catalogue(module: str) -> Catalogue | None:
    """The catalogue of a public module such as `keras.layers`; loads the family on first use."""
    if module in _FAMILIES:
        importlib.import_module(_FAMILIES[module])
    return _catalogues.get(module)


# --- custom objects -------------------------------------------------------------------------------------------------


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
        _custom_by_name[registered] = target
        _custom_by_object[target] = registered
        return target

    return add


def get_registered_name(target: Any) -> str:
    """`package>name` of a registered object, else its plain `__name__`."""
    return _custom_by_object.get(target, target.__name__)


def get_registered_object(
    name: str, custom_objects: Mapping[str, Any] | None = None, module_objects: Mapping[str, Any] | None = None
) -> Any:
    """The object registered under a name, or None."""
    found = custom_object(name)
    for table in (custom_objects, module_objects):
        if found is None and table is not None:
            found = table.get(name)
    return found


def get_custom_objects() -> dict[str, Any]:
    """The process-wide table of custom objects; entries added to it count in every later lookup."""
    return _custom_by_name


def custom_object(name: str) -> Any:
    scoped = _scoped.get()
    if scoped and name in scoped:
        return scoped[name]
    return _custom_by_name.get(name)


class CustomObjectScope:
    """`with custom_object_scope({"MyLayer": MyLayer}):` configs inside may name these objects."""

    def __init__(self, custom_objects: Mapping[str, Any]):
        self._objects = dict(custom_objects)

    def __enter__(self) -> CustomObjectScope:
        self._token = _scoped.set({**(_scoped.get() or {}), **self._objects})
        return self

    def __exit__(self, *error: object) -> None:
        _scoped.reset(self._token)


@contextmanager
def custom_object_scope(custom_objects: Mapping[str, Any]) -> Iterator[None]:
    with CustomObjectScope(custom_objects):
        yield


# --- configs --------------------------------------------------------------------------------------------------------


def serialize(target: Any) -> Any:
    """A JSON-friendly config of an object, as Keras writes it.

    Raises:
        TypeError: for an object that has no config.
    """
    if target is None or isinstance(target, (str, bool, int, float)):
        return target
    if isinstance(target, Mapping):
        return {key: serialize(value) for key, value in target.items()}
    if isinstance(target, (list, tuple)):
        return [serialize(item) for item in target]
    if hasattr(target, "get_config"):
        return object_config(target)
    if callable(target):
        return function_config(target)
    if hasattr(target, "tolist"):  # arrays and NumPy scalars, such as the value of a Constant initializer
        return target.tolist()
    raise TypeError(f"Cannot make a config of {target!r} (of type {type(target).__name__}): it has no `get_config()`.")


def object_config(target: Any) -> dict[str, Any]:
    cls = type(target)
    module = next((m for m, c in _catalogues.items() if c.classes.get(cls.__name__) is cls), None)
    registered = None if module else get_registered_name(cls)
    config = {
        "module": module,
        "class_name": cls.__name__,
        "config": target.get_config(),
        "registered_name": registered,
    }
    build_config = target.get_build_config() if hasattr(target, "get_build_config") else None
    if build_config is not None:
        config["build_config"] = build_config
    return config


def function_config(function: Callable) -> Any:
    """A public function is its name; any other one names itself and needs `custom_objects` to come back."""
    name = getattr(function, "__name__", type(function).__name__)
    if any(c.functions.get(name) is function for c in _catalogues.values()):
        return name
    return {
        "module": "builtins",
        "class_name": "function",
        "config": function_name(function),
        "registered_name": _custom_by_object.get(function, "function"),
    }


def function_name(function: Callable) -> str:
    """The name of a function in configs; with its module if a public function of ours has the same name.

    `jax.nn.gelu` is not our `gelu`: under its bare name another function would come back.
    """
    name = getattr(function, "__name__", type(function).__name__)
    taken = [c.functions[name] for c in _catalogues.values() if name in c.functions]
    if taken and all(known is not function for known in taken):
        return f"{getattr(function, '__module__', None)}.{name}"
    return name


def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None, safe_mode: bool = True, **kwargs) -> Any:
    """An object from its config; plain values come back as they are.

    Raises:
        TypeError: for a class that is neither Sequax' own nor a custom object.
    """
    with custom_object_scope(custom_objects or {}):
        if isinstance(config, (list, tuple)):
            return [deserialize(item) for item in config]
        if not isinstance(config, Mapping):
            return config
        if "class_name" not in config or "config" not in config:
            return {key: deserialize(value) for key, value in config.items()}
        return _object_from(config)


def _object_from(config: Mapping[str, Any]) -> Any:
    name, module = config["class_name"], config.get("module")
    if name == "__tuple__":
        return tuple(deserialize(item) for item in config.get("items", config["config"]))
    if name in ("__numpy__", "__tensor__"):  # how Keras writes arrays
        return _array(config["config"])
    if name == "function":
        name, module = config["config"], None  # Keras writes "builtins" for functions of every kind
    for key in (config.get("registered_name"), name):
        custom = custom_object(key) if isinstance(key, str) else None
        if custom is not None:
            return _build(custom, config)
    for family_name in [module] if module else list(_FAMILIES):
        found = catalogue(family_name)
        target = None if found is None else found.classes.get(name) or found.functions.get(name)
        if target is not None:
            return _build(target, config)
    raise TypeError(
        f"Class {name!r} of module {module!r} is not known here. Own classes need `custom_objects={{{name!r}: ...}}`"
        f" or the decorator `@register_keras_serializable()` on the class."
    )


def _array(config: Mapping[str, Any]) -> Any:
    import numpy as np

    values = np.array(config["value"], config.get("dtype"))
    if values.dtype.kind not in "biuf":
        raise TypeError(f"An array in a config holds numbers or booleans. Received: dtype={values.dtype}")
    return values


def _build(cls: Any, config: Mapping[str, Any]) -> Any:
    if not inspect.isclass(cls):
        return cls
    target = cls.from_config(config["config"] or {})  # type: ignore[attr-defined]
    if config.get("build_config") and hasattr(target, "build_from_config") and not target.built:
        target.build_from_config(config["build_config"])
    return target
