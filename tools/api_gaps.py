"""What of Keras' public API is not here, or is here otherwise: `python -m tools.api_gaps [--list KIND ...]`.

Walks the public namespaces of the installed Keras (a development dependency) beside ours: names, methods, properties,
arguments with their order and defaults. Exits with 1 if a public name has neither an implementation nor a sentence that
says why it is absent and what to do instead.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import inspect
import os
import sys
import textwrap
from collections import Counter
from collections.abc import Iterator
from types import ModuleType
from typing import Any, NamedTuple

KINDS = {
    "silent": "neither implemented nor explained",
    "said": "absent, with a sentence",
    "member": "a public method or property that our class does not have",
    "argument": "an argument that ours does not take",
    "order": "arguments in another order",
    "default": "another default",
}
# Public by accident: what Keras' classes inherit from tracking, saving and engines.
_ENGINE = frozenset({"jax_state_sync", "nnx_operations", "add_metric"})


class Gap(NamedTuple):
    """A difference: its kind, the public path, and what differs."""

    kind: str
    path: str
    what: str = ""


def gaps(keras: ModuleType, ours: ModuleType) -> Iterator[Gap]:
    """All differences of two libraries with Keras' public names."""
    for namespace in namespaces(keras):
        for name, theirs in public(namespace):
            path = f"{namespace.__name__}.{name}".partition(".")[2]
            found = find(ours, path)
            if isinstance(found, Exception):
                yield Gap("said" if " is not available (" in str(found) else "silent", path, str(found))
            elif inspect.isclass(theirs):
                yield from _of_class(path, theirs, found)
            elif not isinstance(theirs, ModuleType) and callable(theirs):
                yield from _of_function(path, theirs, found)


def namespaces(package: ModuleType) -> Iterator[ModuleType]:
    """The public modules of Keras, the package itself first."""
    yield package
    for name, value in vars(package).items():
        inside = isinstance(value, ModuleType) and value.__name__ == f"{package.__name__}.{name}"
        if inside and not name.startswith("_") and name != "src":
            yield from namespaces(value)


def public(namespace: ModuleType) -> list[tuple[str, Any]]:
    return sorted((n, v) for n, v in vars(namespace).items() if not n.startswith("_") and n != "src")


def find(package: ModuleType, path: str) -> Any:
    """What a path below the package is, or the error that asking for it raised."""
    value: Any = package
    for part in path.split("."):
        try:
            value = getattr(value, part)
        except AttributeError as error:
            try:
                value = importlib.import_module(f"{value.__name__}.{part}")
            except (ImportError, AttributeError):
                return error
    return value


def _of_class(path: str, theirs: type, ours: Any) -> Iterator[Gap]:
    if not inspect.isclass(ours):
        yield from _of_function(path, theirs, ours)
        return
    yield from _of_function(path, theirs.__init__, ours.__init__)  # type: ignore[misc]
    for name in dir(theirs):
        if name.startswith("_") or name in _ENGINE or not _is_keras(theirs, name):
            continue
        if not hasattr(ours, name) and name not in _attributes(ours):
            yield Gap("member", f"{path}.{name}")
        elif callable(getattr(theirs, name)) and callable(getattr(ours, name)):
            yield from _of_function(f"{path}.{name}", getattr(theirs, name), getattr(ours, name))


def _attributes(cls: type) -> set[str]:
    """What the methods of a class set on `self`."""
    return {name for base in cls.__mro__ if base.__module__.startswith("sequax.") for name in _set_in(base)}


_seen: dict[type, frozenset[str]] = {}


def _set_in(cls: type) -> frozenset[str]:
    if cls not in _seen:
        nodes = ast.walk(ast.parse(textwrap.dedent(inspect.getsource(cls))))
        stored = (node for node in nodes if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store))
        _seen[cls] = frozenset(node.attr for node in stored if getattr(node.value, "id", "") == "self")
    return _seen[cls]


def _is_keras(cls: type, name: str) -> bool:
    owner = next(base for base in cls.__mro__ if name in vars(base))
    return owner.__module__.partition(".")[0] == "keras"


def _of_function(path: str, theirs: Any, ours: Any) -> Iterator[Gap]:
    expected, found = _parameters(theirs), _parameters(ours)
    if expected is None or found is None:
        return
    takes_any = any(p.kind is p.VAR_KEYWORD for p in found)
    by_name = {p.name: p for p in found}
    several = any(p.kind is p.VAR_POSITIONAL for p in found)
    for place, parameter in enumerate(expected):
        own = by_name.get(parameter.name)
        if parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL):
            continue
        if own is None:
            if not takes_any and not (several and parameter.kind is not parameter.KEYWORD_ONLY):
                yield Gap("argument", path, parameter.name)
            continue
        if parameter.default is not parameter.empty and not _same(parameter.default, own.default):
            yield Gap("default", path, f"{parameter.name}: {parameter.default!r:.40} there, {own.default!r:.40} here")
        positional = parameter.kind is not parameter.KEYWORD_ONLY
        if positional and (own.kind is own.KEYWORD_ONLY or found.index(own) != place) and not several:
            yield Gap("order", path, parameter.name)


def _parameters(function: Any) -> list[inspect.Parameter] | None:
    try:
        found = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return None
    return [p for p in found if p.name not in ("self", "cls")]


def _same(theirs: Any, ours: Any) -> bool:
    """Equal defaults: also one number where Keras repeats it per axis, and functions and objects of one name."""
    if callable(theirs) or callable(ours):
        return getattr(theirs, "__name__", theirs) == getattr(ours, "__name__", ours)
    try:
        return bool(theirs == ours) or (isinstance(theirs, tuple) and set(theirs) == {ours})
    except (TypeError, ValueError):
        return False


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--list", nargs="*", choices=KINDS, default=["silent"], help="kinds to list one by one")
    wanted = parser.parse_args(arguments).list
    os.environ["KERAS_BACKEND"] = "jax"
    found = list(gaps(importlib.import_module("keras"), importlib.import_module("sequax")))
    counts = Counter(gap.kind for gap in found)
    for kind, meaning in KINDS.items():
        print(f"{counts[kind]:6}  {kind:9} {meaning}")
    for gap in found:
        if gap.kind in wanted:
            print(f"{gap.kind}\t{gap.path}\t{gap.what:.160}")
    return int(counts["silent"] > 0)


if __name__ == "__main__":
    sys.exit(main())
