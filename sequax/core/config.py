"""Objects from configs. Every config is held against `schema.py` before the first object is made of it."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from typing import Any

from .._holding import Holding
from . import budget, schema, values
from .custom_objects import custom_object_scope
from .errors import LoadError, MalformedError
from .named import lookup, unknown
from .names import ADAPTED, FROZEN, THAWED, is_ours
from .schema import Reading
from .tensor import KerasTensor

_TAKES_NO_OPTIONS = (
    " The config also holds what every layer has, such as its name: let the class take it, `def __init__(self, ...,"
    " **kwargs)`, and hand it on, `super().__init__(**kwargs)`. For this file, `load_model(path,"
    " custom_objects={{'{0}': ...}})` may name the class as changed."
)
_reading: ContextVar[Reading | None] = ContextVar("sequax_reading", default=None)


@contextmanager
def reading(root: str = "config") -> Iterator[Reading]:
    """One config, however deep: `root` is what messages call it. Nested uses belong to the outermost."""
    outer = _reading.get()
    if outer is not None:
        yield outer
        return
    counted = budget.limited(budget.machine_limit(), "half of the machine's memory")
    with Holding(_reading, Reading(root)) as current, counted if budget.current() is None else nullcontext():
        yield current


def check_own(cls: type, config: Mapping[str, Any]) -> None:
    """Hold what `from_config` was called with against the schema of the class, if it is one of Sequax'."""
    with reading() as current:
        if is_ours(cls) and id(config) not in current.places:
            schema.check_config(cls, config, current, current.root)


def deserialize(
    config: object,
    custom_objects: Mapping[str, Any] | None = None,
    safe_mode: bool = True,
    **kwargs: Any,
) -> Any:
    """An object from its config; plain values come back as they are.

    No code in a config is ever run, whatever `safe_mode` says.

    Args:
        config: what `serialize_keras_object` gave.
        custom_objects: the user's own classes and functions by name.
        safe_mode: for Keras' sake; it makes no difference.
        **kwargs: `module_objects`, classes and functions by the names that `config` may be, of which a class is called
            without arguments; others are for Keras' sake, such as `printable_module_name`.

    Raises:
        LoadError: for a config that does not fit the class it names; a TypeError, too, for a class that is neither
            Sequax' own nor a custom object.
    """
    module_objects: Mapping[str, Any] = kwargs.get("module_objects") or {}
    if isinstance(config, str) and config in module_objects:
        named = module_objects[config]
        return named() if inspect.isclass(named) else named
    with custom_object_scope(custom_objects), reading() as current:
        if id(config) not in current.places:
            schema.check(config, current, current.root)
        return _revived(config, current)


def _revived(config: object, current: Reading) -> Any:
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
    if name == "__keras_tensor__":
        return KerasTensor(config["config"]["shape"], config["config"]["dtype"])
    if name in values.KINDS:
        return values.read(name, config["config"], lambda value: _revived(value, current))
    place = current.places.get(id(config), current.root)
    target = lookup(config)
    if target is None:
        raise unknown(config, place)
    return _build(target, config, place) if inspect.isclass(target) else target


def _build(cls: type, config: Mapping[str, Any], place: str) -> object:
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
            beside = (FROZEN, THAWED, ADAPTED)
            target.build_from_config({k: v for k, v in config["build_config"].items() if k not in beside})
        if hasattr(target, "freeze_alone"):
            lists = config.get("build_config") or {}
            target.thaw_inside(lists.get(THAWED, ()))
            target.freeze_alone(lists.get(FROZEN, ()))
            target.adapt_inside(lists.get(ADAPTED, ()))
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
                    _TAKES_NO_OPTIONS.format(cls.__name__)
                    if not own and "unexpected keyword argument" in str(error)
                    else " If it is an own class: make sure that layers and other objects that `get_config()` returns"
                    " are explicitly deserialized in its `from_config()`, with `deserialize_keras_object`."
                ),
            )
        raise kind(
            f"a {getattr(cls, '__name__', cls)} cannot be made from this config. {type(error).__name__}: {error}{hint}",
            place,
        ) from error
    return target


deserialize_keras_object = deserialize  # its name in `keras.saving` and `keras.utils`
