"""Public namespaces: names that are imported when first used, and what tab completion shows."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping
from typing import Any

from . import _absent


def lazily(
    package: str, modules: tuple[str, ...], names: Mapping[str, str]
) -> tuple[Callable[..., Any], Callable[..., Any], list[str]]:
    """`__getattr__`, `__dir__` and `__all__` for a package, so that importing it costs next to nothing.

    Type checkers and editors cannot follow this: a package states the same imports under `if TYPE_CHECKING`, and
    `tests/test_imports.py` holds one against the other.

    Args:
        modules: sub-modules that are public under their own name.
        names: public name -> the module that it comes from, relative to the package.
    """

    def load(name: str) -> object:
        if name in names:
            value = getattr(importlib.import_module(names[name], package), name)
        elif name in modules:
            value = importlib.import_module(f".{name}", package)
        else:
            raise _absent.error(package, name)
        setattr(sys.modules[package], name, value)
        return value

    public = sorted({*names, *modules})
    return load, lambda: public, public


def listed(module: str) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """`__getattr__` and `__dir__` for a namespace that imports its names itself: completion shows its `__all__`.

    They belong under `if not TYPE_CHECKING`: where a module has `__getattr__`, no name is wrong to a type checker.
    """
    return _absent.missing(module), lambda: sorted(sys.modules[module].__all__)
