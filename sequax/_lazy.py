"""Public names that are imported when first used, so that `import sequax` costs next to nothing."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping
from typing import Any

from . import _absent


def lazily(package: str, modules: tuple[str, ...], names: Mapping[str, str]) -> tuple[Callable, Callable, list[str]]:
    """`__getattr__`, `__dir__` and `__all__` for a package.

    Args:
        modules: sub-modules that are public under their own name.
        names: public name -> `module` or `module:attribute` that it comes from, relative to the package.
    """

    def load(name: str) -> Any:
        if name in names:
            source, _, attribute = names[name].partition(":")
            module = importlib.import_module(source, package)
            value = getattr(module, attribute or name) if attribute != "*" else module
        elif name in modules:
            value = importlib.import_module(f".{name}", package)
        else:
            raise _absent.error(package, name)
        setattr(sys.modules[package], name, value)
        return value

    public = sorted({*names, *modules})
    return load, lambda: public, public
