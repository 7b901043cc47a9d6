"""Public names of objects, and the configs that are written of them.

A config names a class by its public module and class name (`keras.layers`, `Dense`), exactly as Keras writes it. Each
family of classes has a table of them, a `Catalogue`; `named.py` looks names up in it, and `config.py` reads configs.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from . import above, custom_objects, values
from .custom_objects import custom_object_scope, get_registered_name
from .names import ADAPTED, FROZEN, THAWED, is_ours, suggest, to_snake_case
from .warning import warn

if TYPE_CHECKING:
    from ..model import Model

T = TypeVar("T")

_catalogues: dict[str, Catalogue] = {}


class Catalogue:
    """The public classes and functions of one kind, such as initializers, by name.

    Args:
        kind: the word used in messages, such as `"initializer"`.
        module: the public module that configs name, such as `"keras.initializers"`.
    """

    kind: str
    module: str

    def __init__(self, kind: str, module: str):
        self.kind, self.module = kind, module
        # Kinds that share a public module share its tables: `keras` has models and dtype policies.
        first = _catalogues.setdefault(module, self)
        self.classes: dict[str, type] = {} if first is self else first.classes
        self.functions: dict[str, Callable[..., Any]] = {} if first is self else first.functions
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

    def find(self, name: str) -> Callable[..., Any]:
        """The class or function of a name; ValueError with the nearest names otherwise.

        `custom_objects` of the current scope come first; what is registered for the whole process never hides a name
        of our own.
        """
        scoped = custom_objects.scoped()
        if name in scoped:
            return scoped[name]
        for candidate in (name, name.lower(), to_snake_case(name)):
            if candidate in self.aliases:
                return self.aliases[candidate]
        registered = custom_objects.get_custom_objects()
        if name in registered:
            return registered[name]
        raise ValueError(
            f"Could not interpret {self.kind} identifier: {name}.{suggest(name, self.aliases)}"
            f" Pass a name that exists, an object, or a callable; own classes by name need"
            f" `custom_objects` or `@register_keras_serializable()`."
        )

    def get(self, identifier: object) -> Any:
        """An object from None, a name, a config, a class or the object itself."""
        if identifier is None:
            return None
        if isinstance(identifier, Mapping):
            return self.deserialize(identifier)
        if isinstance(identifier, str):
            identifier = self.find(identifier)
        if inspect.isclass(identifier):
            return identifier()
        if callable(identifier):  # a function served under another library's name stands for one of ours
            return getattr(identifier, "stands_for", identifier)
        raise ValueError(
            f"Could not interpret {self.kind} identifier: {identifier!r} (of type {type(identifier).__name__})."
            f" Expected a name, a {self.kind} object, a config or a callable."
        )

    def serialize(self, target: object) -> Any:
        """The config of an object of this kind: a dict for objects, a name for functions, None for None."""
        return serialize(target)

    def deserialize(self, config: object, custom_objects: Mapping[str, Any] | None = None) -> Any:
        """An object of this kind from a name or a config dict."""
        with custom_object_scope(custom_objects):
            if not isinstance(config, Mapping):
                return self.get(config)
            return above.load("configs").deserialize({"module": self.module, **config})


# Other modules under which Keras writes the same classes.
_SAME = {
    "keras.models": "keras",
    "keras.dtype_policies": "keras",
    "keras.src.models.functional": "keras",
    "keras.src.models.sequential": "keras",
    "keras.src.layers.preprocessing.feature_space": "keras.utils",
}


def family(module: str) -> Catalogue | None:
    """The catalogue of a public module such as `keras.layers`; loads the family on first use."""
    module = _SAME.get(module, module)
    if module in above.families:
        importlib.import_module(above.families[module])
    return _catalogues.get(module)


def get(module: str, identifier: object) -> Any:
    """What an identifier (a name, a config, a class, an object) means in the family of a public module."""
    found = family(module)
    return identifier if found is None else found.get(identifier)


def loaded() -> list[Catalogue]:
    """The catalogues of all families that were used so far."""
    return list(_catalogues.values())


class BoundName(str):
    """A name in a config that was made in this process, with what it names.

    A config that stays in memory so gives back the same classes and functions, own ones and lambdas too, without
    `custom_objects`. In a file it is text like any other.
    """

    target: Any

    @classmethod
    def of(cls, name: str, target: object) -> BoundName:
        found = cls(name)
        found.target = target
        return found

    def __reduce__(self) -> tuple[Any, ...]:
        return str, (str(self),)

    def __deepcopy__(self, memo: dict[int, Any]) -> BoundName:
        return self


def serialize(obj: object) -> Any:
    """A JSON-friendly config of an object, as Keras writes it.

    Args:
        obj: a layer, a loss, a function, or a structure of them; plain values stay as they are.

    Raises:
        TypeError: for an object that has no config.
    """
    if obj is None or isinstance(obj, (str, bool, int, float)):
        return obj
    if isinstance(obj, Mapping) and not hasattr(obj, "get_config"):
        return {key: serialize(value) for key, value in obj.items()}
    if isinstance(obj, (list, tuple)):
        items = [serialize(item) for item in obj]
        return tuple(items) if isinstance(obj, tuple) else items
    if hasattr(obj, "get_config") and not inspect.isclass(obj):
        return object_config(obj)
    written = values.written(obj, serialize)
    if written is not None:
        return written
    if callable(obj):
        return function_config(obj)
    raise TypeError(f"Cannot make a config of {obj!r} (of type {type(obj).__name__}): it has no `get_config()`.")


def object_config(target: Any) -> dict[str, Any]:
    """The config of an object with the names under which it comes back.

    Raises:
        TypeError: if its `get_config` gives something else than a dict.
    """
    module, name, registered = getattr(target, "config_names", None) or _names_of(type(target))
    inner = target.get_config()
    if not isinstance(inner, Mapping):
        raise TypeError(f"`get_config()` of {target!r} should return a dict. It returned: {inner!r:.200}")
    config = {"module": module, "class_name": name, "config": serialize(inner), "registered_name": registered}
    build_config = target.get_build_config() if hasattr(target, "get_build_config") else None
    if build_config is not None:
        config["build_config"] = build_config
    # A model's layers bring their own. Keras looks for the shapes in a build_config, and for nothing else.
    if hasattr(target, "frozen_alone") and "layers" not in inner:
        lists = {FROZEN: target.frozen_alone(), THAWED: target.thawed_inside(), ADAPTED: target.adapted_inside()}
        more = {key: value for key, value in lists.items() if value}
        # Layers that build themselves when called need the shape only to be what the lists say; else nobody asks.
        shapes = {"input_shape": target.called_for} if build_config is None and target.called_for else build_config
        if more and shapes is not None:
            config["build_config"] = {**shapes, **more}
    if hasattr(target, "get_compile_config"):
        config["compile_config"] = _compile_config(target)
    return config


def _names_of(cls: type) -> tuple[str | None, str, str | None]:
    """Module, name and registered name of a class. A class of ours has no registered name, any other one has."""
    module = next((m for m, c in _catalogues.items() if c.classes.get(cls.__name__) is cls), None)
    if module is not None:
        return module, cls.__name__, None
    own = None if cls.__module__ == "__main__" or is_ours(cls) else cls.__module__
    return own, BoundName.of(cls.__name__, cls), get_registered_name(cls)


def _compile_config(model: Model) -> dict[str, Any]:
    try:
        return serialize(model.get_compile_config() or {})
    except NotImplementedError as error:
        warn(f"What model '{model.name}' was compiled with is left out: {error}")
        return {}


def function_config(function: Callable[..., Any]) -> str | dict[str, Any]:
    """A public function is its name; any other one names itself and needs `custom_objects` to come back from a file."""
    name = getattr(function, "__name__", type(function).__name__)
    return name if _is_public(name, function) else named_function(function)


def named_function(function: Callable[..., Any]) -> dict[str, Any]:
    """The config of a function, public ones too, as one that stands in an argument of any kind."""
    name = custom_objects.own_name(function) or function_name(function)
    return {
        "module": "builtins",
        "class_name": "function",
        "config": name if _is_public(name, function) else BoundName.of(name, function),
        "registered_name": "function",
    }


def _is_public(name: str, function: Callable[..., Any]) -> bool:
    return any(c.functions.get(name) is function for c in _catalogues.values())


def function_name(function: Callable[..., Any]) -> str:
    """The name of a function in configs; with its module if a public function of ours has the same name.

    `jax.nn.gelu` is not our `gelu`: under its bare name another function would come back.
    """
    name = getattr(function, "__name__", type(function).__name__)
    taken = any(name in c.functions for c in _catalogues.values())
    return f"{getattr(function, '__module__', None)}.{name}" if taken and not _is_public(name, function) else name


serialize_keras_object = serialize  # its name in `keras.saving` and `keras.utils`
