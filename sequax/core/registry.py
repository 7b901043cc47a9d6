"""Public names of objects, and the two ways between an object and its config.

A config names a class by its public module and class name (`keras.layers`, `Dense`), exactly as Keras writes it. Names
are looked up in tables, never imported: a config cannot reach anything that was not put into a table by this package
or by the user (`custom_objects`, `register_keras_serializable`). Every config is held against `saving/schema.py` before
the first object is made of it.
"""

from __future__ import annotations

import importlib
import inspect
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from typing import Any, TypeVar

from . import budget, values
from .errors import LoadError, MalformedError, UnknownObjectError
from .names import is_ours, suggest, to_snake_case

T = TypeVar("T")

_custom_by_name: dict[str, Any] = {}
_custom_by_object: dict[Any, str] = {}
_scoped: ContextVar[Mapping[str, Any] | None] = ContextVar("sequax_custom_objects", default=None)
_reading: ContextVar[Reading | None] = ContextVar("sequax_reading", default=None)
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
        """The class or function of a name; ValueError with the nearest names otherwise.

        `custom_objects` of the current scope come first; what is registered for the whole process never hides a name
        of our own.
        """
        scoped = _scoped.get() or {}
        if name in scoped:
            return scoped[name]
        for candidate in (name, name.lower(), to_snake_case(name)):
            if candidate in self.aliases:
                return self.aliases[candidate]
        if name in _custom_by_name:
            return _custom_by_name[name]
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
        with custom_object_scope(custom_objects):
            return deserialize({"module": self.module, **config}) if isinstance(config, Mapping) else self.get(config)


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
    "keras.utils": "sequax.utils.feature_space",
    "keras": "sequax.models",
}
# Other modules under which Keras writes the same classes.
_SAME = {
    "keras.models": "keras",
    "keras.dtype_policies": "keras",
    "keras.src.models.functional": "keras",
    "keras.src.models.sequential": "keras",
    "keras.src.layers.preprocessing.feature_space": "keras.utils",
}


def catalogue(module: str) -> Catalogue | None:
    """The catalogue of a public module such as `keras.layers`; loads the family on first use."""
    module = _SAME.get(module, module)
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


def get_registered_name(obj: Any) -> str:
    """`package>name` of a registered object, else its plain `__name__`."""
    return _custom_by_object.get(obj, obj.__name__)


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
    """What the user calls `name`: in `custom_objects` of the current scope, or registered for the process."""
    scoped = _scoped.get()
    if scoped and name in scoped:
        return scoped[name]
    return _custom_by_name.get(name)


class CustomObjectScope:
    """`with custom_object_scope({"MyLayer": MyLayer}):` configs inside may name these objects.

    Args:
        custom_objects: classes and functions by name; None for no further ones.
    """

    def __init__(self, custom_objects: Mapping[str, Any] | None = None):
        self.custom_objects = dict(custom_objects or {})
        self.backup: Mapping[str, Any] | None = None  # what counted before

    def __enter__(self) -> CustomObjectScope:
        self.backup = _scoped.get()
        self._token = _scoped.set({**(self.backup or {}), **self.custom_objects})
        return self

    def __exit__(self, *error: object) -> None:
        _scoped.reset(self._token)


custom_object_scope = CustomObjectScope


# --- configs --------------------------------------------------------------------------------------------------------


class _Name(str):
    """A name in a config that was made in this process, with what it names.

    A config that stays in memory so gives back the same classes and functions, own ones and lambdas too, without
    `custom_objects`. In a file it is text like any other.
    """

    target: Any

    @classmethod
    def of(cls, name: str, target: Any) -> _Name:
        found = cls(name)
        found.target = target
        return found

    def __reduce__(self) -> tuple[Any, ...]:
        return str, (str(self),)

    def __deepcopy__(self, memo: dict[int, Any]) -> _Name:
        return self


def serialize(obj: Any) -> Any:
    """A JSON-friendly config of an object, as Keras writes it.

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
    if hasattr(target, "get_compile_config"):
        config["compile_config"] = _compile_config(target)
    return config


def _names_of(cls: type) -> tuple[str | None, str, str | None]:
    """Module, name and registered name of a class. A class of ours has no registered name, any other one has."""
    module = next((m for m, c in _catalogues.items() if c.classes.get(cls.__name__) is cls), None)
    if module is not None:
        return module, cls.__name__, None
    own = None if cls.__module__ == "__main__" or is_ours(cls) else cls.__module__
    return own, _Name.of(cls.__name__, cls), get_registered_name(cls)


def _compile_config(model: Any) -> dict[str, Any]:
    try:
        return serialize(model.get_compile_config() or {})
    except NotImplementedError as error:
        warnings.warn(f"What model '{model.name}' was compiled with is left out: {error}", UserWarning, stacklevel=4)
        return {}


def function_config(function: Callable) -> Any:
    """A public function is its name; any other one names itself and needs `custom_objects` to come back from a file."""
    name = getattr(function, "__name__", type(function).__name__)
    return name if _is_public(name, function) else named_function(function)


def named_function(function: Callable) -> dict[str, Any]:
    """The config of a function, public ones too, as one that stands in an argument of any kind."""
    name = (_custom_by_object.get(function) if _hashable(function) else None) or function_name(function)
    return {
        "module": "builtins",
        "class_name": "function",
        "config": name if _is_public(name, function) else _Name.of(name, function),
        "registered_name": "function",
    }


def _hashable(function: Callable) -> bool:
    try:
        hash(function)
    except TypeError:
        return False
    return True


def _is_public(name: str, function: Callable) -> bool:
    return any(c.functions.get(name) is function for c in _catalogues.values())


def function_name(function: Callable) -> str:
    """The name of a function in configs; with its module if a public function of ours has the same name.

    `jax.nn.gelu` is not our `gelu`: under its bare name another function would come back.
    """
    name = getattr(function, "__name__", type(function).__name__)
    taken = any(name in c.functions for c in _catalogues.values())
    return f"{getattr(function, '__module__', None)}.{name}" if taken and not _is_public(name, function) else name


class Reading:
    """A config that is being turned into objects: its parts that were checked, by id, and where they stand in it."""

    def __init__(self, root: str):
        self.root = root
        self.places: dict[int, str] = {}
        self.kept: list[Any] = []  # so that no id is used twice


@contextmanager
def reading(root: str = "config") -> Iterator[Reading]:
    """One config, however deep: `root` is what messages call it. Nested uses belong to the outermost."""
    outer = _reading.get()
    if outer is not None:
        yield outer
        return
    counted = budget.limited(budget.machine_limit(), "half of the machine's memory")
    token = _reading.set(Reading(root))
    try:
        with counted if budget.current() is None else nullcontext():
            yield _reading.get()  # type: ignore[misc]
    finally:
        _reading.reset(token)


def _schema() -> Any:
    return importlib.import_module("sequax.saving.schema")


def check_own(cls: type, config: Any) -> None:
    """Hold what `from_config` was called with against the schema of the class, if it is one of Sequax'."""
    with reading() as current:
        if is_ours(cls) and id(config) not in current.places:
            _schema().check_config(cls, config, current, current.root)


def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None, safe_mode: bool = True, **kwargs) -> Any:
    """An object from its config; plain values come back as they are.

    No code in a config is ever run, whatever `safe_mode` says.

    Raises:
        LoadError: for a config that does not fit the class it names; a TypeError, too, for a class that is neither
            Sequax' own nor a custom object.
    """
    with custom_object_scope(custom_objects), reading() as current:
        if id(config) not in current.places:
            _schema().check(config, current, current.root)
        return _revived(config, current)


def _revived(config: Any, current: Reading) -> Any:
    if isinstance(config, (list, tuple)):
        return [_revived(item, current) for item in config]
    if not isinstance(config, Mapping):
        return config
    if "class_name" not in config or "config" not in config:
        return {key: _revived(value, current) for key, value in config.items()}
    return _object_from(config, current)


def _object_from(config: Mapping[str, Any], current: Reading) -> Any:
    name = config["class_name"]
    if name == "__tuple__":
        return tuple(_revived(item, current) for item in config.get("items", config["config"]))
    if name in values.KINDS:
        return values.read(name, config["config"], lambda value: _revived(value, current))
    place = current.places.get(id(config), current.root)
    target = lookup(config)
    if target is None:
        raise unknown(config, place)
    return _build(target, config, place) if inspect.isclass(target) else target


def lookup(config: Mapping[str, Any]) -> Any:
    """The class or function that a config names; None if there is none.

    `custom_objects` of the current scope come first, then what the config itself carries if it was made in this
    process. A class of ours is named by its module, with null as the registered name, or, by old versions, without
    either; everything else is an own class or function, whatever it is called.

    Raises:
        LoadError: for a class of ours with the registered name of another one.
    """
    name, module = config["class_name"], config.get("module")
    if name == "function":
        return _function(config["config"], config.get("registered_name"), module)
    registered = config.get("registered_name", name)
    scoped = _scoped.get() or {}
    if isinstance(registered, str) and registered in scoped:
        return scoped[registered]
    if isinstance(name, _Name):
        return name.target
    if not isinstance(name, str) or not isinstance(module, (str, type(None))):
        return None
    is_own = ("module" in config and module is None) or (module is None and registered not in (None, "", name))
    if is_own:
        return _custom_by_name.get(registered if isinstance(registered, str) and registered else name)
    target = _built_in(name, module, lambda family: family.classes.get(name) or family.functions.get(name))
    if target is not None:
        _refuse_other_name(name, registered, name)
        return target
    if str(module).startswith("keras."):
        return None
    names = (key for key in (registered, name) if isinstance(key, str) and key in _custom_by_name)
    return next((_custom_by_name[key] for key in names), None)


def _function(name: Any, registered: Any, module: Any) -> Any:
    """A function by its name; Keras writes the module "builtins" for functions of every kind."""
    registered = name if registered in ("function", None, "") else registered
    for key in (registered, name):
        if isinstance(key, str) and key in (_scoped.get() or {}):
            return custom_object(key)
    if isinstance(name, _Name):
        return name.target
    if not isinstance(name, str) or not isinstance(registered, str):
        return None
    if ">" in registered and registered in _custom_by_name:
        return _custom_by_name[registered]
    target = _built_in(name, module if module in _FAMILIES else None, lambda family: family.functions.get(name))
    if target is not None:
        _refuse_other_name(name, registered, name)
        return target
    if name in _custom_by_name:
        return _custom_by_name[name]
    # Up to Keras 3.6, registered functions were written without their package.
    return next((found for key, found in _custom_by_name.items() if key.endswith(f">{name}")), None)


def _built_in(name: str, module: Any, find: Callable[[Catalogue], Any]) -> Any:
    for family_name in [module] if isinstance(module, str) else list(_FAMILIES):
        family = catalogue(family_name)
        target = None if family is None else find(family)
        if target is not None:
            return target
    return None


def _refuse_other_name(name: str, registered: Any, built_in: str) -> None:
    if registered not in (None, "", name):
        raise LoadError(
            f"the config names {built_in}, which is built in, under the registered name {registered!r:.80}. Remove"
            f" `registered_name`, or give `custom_objects={{{registered!r:.80}: ...}}`."
        )


def unknown(config: Mapping[str, Any], place: str | None = None) -> LoadError:
    """The error for a config that names nothing we know."""
    name, module = config["class_name"], config.get("module")
    is_function = name == "function"
    name = config["config"] if is_function else name
    found = catalogue(module) if isinstance(module, str) else None
    near = suggest(name, {**found.classes, **found.functions}) if found is not None else ""
    what = "function" if is_function else "class"
    built_in = (
        "" if is_function or _built_in_anywhere(name) is None else " The built-in class of this name is not meant."
    )
    return UnknownObjectError(
        f"Could not locate the {what} {name!r:.80} of module {module!r:.80}.{near}{built_in} Own classes and functions"
        f" need `custom_objects={{{name!r:.80}: ...}}` or the decorator `@register_keras_serializable()`. Nothing is"
        f" imported because a config names it.",
        place,
    )


def _built_in_anywhere(name: Any) -> Any:
    return _built_in(name, None, lambda family: family.classes.get(name)) if isinstance(name, str) else None


def _build(cls: Any, config: Mapping[str, Any], place: str) -> Any:
    if not hasattr(cls, "from_config"):
        raise MalformedError(
            f"Unable to reconstruct an instance of {cls.__name__!r} because the class is missing a `from_config()`"
            f" method. Write one: `@classmethod def from_config(cls, config): return cls(**config)`.",
            place,
        )
    try:
        inner = {} if config["config"] is None else config["config"]
        own = is_ours(cls)
        target = cls.from_config(dict(inner) if isinstance(inner, Mapping) and not own else inner)
        if config.get("build_config") and hasattr(target, "build_from_config") and not getattr(target, "built", False):
            target.build_from_config(config["build_config"])
        if config.get("compile_config") and hasattr(target, "compile_from_config"):
            target.compile_from_config(config["compile_config"])
    except LoadError as error:
        raise error.at(place) from error.__cause__
    except Exception as error:
        kind, hint = LoadError, ""
        if isinstance(error, TypeError):
            kind, hint = (
                MalformedError,
                (
                    " If it is an own class: make sure that layers and other objects that `get_config()` returns are"
                    " explicitly deserialized in its `from_config()`, with `deserialize_keras_object`."
                ),
            )
        raise kind(
            f"a {getattr(cls, '__name__', cls)} cannot be made from this config. {type(error).__name__}: {error}{hint}",
            place,
        ) from error
    return target


# Their names in `keras.saving` and `keras.utils`.
serialize_keras_object = serialize
deserialize_keras_object = deserialize
