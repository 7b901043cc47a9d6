"""What a config names: looked up in tables, never imported.

A config cannot reach anything that was not put into a table by this package or by the user (`custom_objects`,
`register_keras_serializable`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from . import above
from .catalogue import BoundName, Catalogue, family
from .custom_objects import custom_object, get_custom_objects, scoped
from .errors import LoadError, UnknownObjectError
from .names import suggest


def lookup(config: Mapping[str, Any]) -> Callable[..., Any] | None:
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
    given = scoped()
    if isinstance(registered, str) and registered in given:
        return given[registered]
    if isinstance(name, BoundName):
        return name.target
    if not isinstance(name, str) or not isinstance(module, (str, type(None))):
        return None
    is_own = ("module" in config and module is None) or (module is None and registered not in (None, "", name))
    if is_own:
        return get_custom_objects().get(registered if isinstance(registered, str) and registered else name)
    target = _built_in(name, module, lambda table: table.classes.get(name) or table.functions.get(name))
    if target is not None:
        _refuse_other_name(name, registered, name)
        return target
    if str(module).startswith("keras."):
        return None
    own = get_custom_objects()
    return next((own[key] for key in (registered, name) if isinstance(key, str) and key in own), None)


def _function(name: object, registered: object, module: object) -> Callable[..., Any] | None:
    """A function by its name; Keras writes the module "builtins" for functions of every kind."""
    registered = name if registered in ("function", None, "") else registered
    # An own function that shares its name with one of ours is written with its module; its owner calls it by its name.
    for key in (registered, name, _bare(name)):
        if isinstance(key, str) and key in scoped():
            return custom_object(key)
    if isinstance(name, BoundName):
        return name.target
    if not isinstance(name, str) or not isinstance(registered, str):
        return None
    own = get_custom_objects()
    if ">" in registered and registered in own:
        return own[registered]
    target = _built_in(name, module if module in above.families else None, lambda table: table.functions.get(name))
    if target is not None:
        _refuse_other_name(name, registered, name)
        return target
    if name in own:
        return own[name]
    if _bare(name) in own:
        return own[_bare(name)]
    # Up to Keras 3.6, registered functions were written without their package.
    return next((found for key, found in own.items() if key.endswith(f">{name}")), None)


def _bare(name: object) -> str:
    """The name of a function without its module."""
    return str(name).rpartition(".")[2]


def _built_in(name: str, module: object, find: Callable[[Catalogue], Any]) -> Callable[..., Any] | None:
    for family_name in [module] if isinstance(module, str) else list(above.families):
        table = family(family_name)
        target = None if table is None else find(table)
        if target is not None:
            return target
    return None


def _refuse_other_name(name: str, registered: object, built_in: str) -> None:
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
    found = family(module) if isinstance(module, str) else None
    near = suggest(name, {**found.classes, **found.functions}) if found is not None else ""
    what = "function" if is_function else "class"
    short = _bare(name) if is_function else name
    built_in = (
        "" if is_function or _built_in_anywhere(name) is None else " The built-in class of this name is not meant."
    )
    return UnknownObjectError(
        f"Could not locate the {what} {name!r:.80} of module {module!r:.80}.{near}{built_in} Own classes and functions"
        f" need `custom_objects={{{short!r:.80}: ...}}` or the decorator `@register_keras_serializable()`. Nothing is"
        f" imported because a config names it.",
        place,
    )


def _built_in_anywhere(name: object) -> Callable[..., Any] | None:
    return _built_in(name, None, lambda table: table.classes.get(name)) if isinstance(name, str) else None
