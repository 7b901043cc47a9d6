"""Functions that pickles take along: lambdas, and functions inside of functions, which pickle alone refuses.

Pickles may run code by their nature, so this breaks no promise; files of models hold names only.
"""

from __future__ import annotations

import importlib
import importlib.util
import marshal
import sys
import types
from collections.abc import Callable
from typing import Any


class Portable:
    """An object whose attributes may be functions, in lists, tuples and dicts too, which pickles take along."""

    def __getstate__(self) -> dict[str, Any]:
        return {name: _each(_carried, value) for name, value in self.__dict__.items()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update({name: _each(_arrived, value) for name, value in state.items()})


def _each(change: Callable[[Any], Any], value: object) -> Any:
    """A structure with its functions changed; the same one where nothing is."""
    if type(value) is dict:
        table = {key: _each(change, item) for key, item in value.items()}
        return value if all(table[key] is value[key] for key in value) else table
    if type(value) is list or isinstance(value, tuple):
        items = [_each(change, item) for item in value]
        if all(new is old for new, old in zip(items, value, strict=True)):
            return value
        return type(value)(*items) if hasattr(value, "_fields") else type(value)(items)
    return change(value)


def _carried(value: object) -> object:
    return _Carried(value) if isinstance(value, types.FunctionType) and not _is_importable(value) else value


def _arrived(value: object) -> object:
    return value.function if isinstance(value, _Carried) else value


class _Carried:
    """Stands for a function in the state of an object; a pickle and a deep copy of it are the function itself."""

    def __init__(self, function: types.FunctionType):
        self.function = function

    def __deepcopy__(self, memo: dict[int, Any]) -> types.FunctionType:
        return self.function

    def __reduce__(self) -> tuple[Any, ...]:
        function = self.function
        cells = tuple(cell.cell_contents for cell in function.__closure__ or ())
        return _function, (
            importlib.util.MAGIC_NUMBER,
            marshal.dumps(function.__code__),
            function.__module__,
            (function.__name__, function.__qualname__),
            _each(_carried, function.__defaults__),
            _each(_carried, function.__kwdefaults__),
            _each(_carried, cells),
        )


def _is_importable(function: types.FunctionType) -> bool:
    found: object = sys.modules.get(function.__module__)
    for name in function.__qualname__.split("."):
        found = getattr(found, name, None)
    return found is function


def _function(
    magic: bytes, code: bytes, module: str, names: tuple[str, str], defaults: Any, keywords: Any, cells: tuple[Any, ...]
) -> types.FunctionType:
    if magic != importlib.util.MAGIC_NUMBER:
        raise ValueError(f"The pickle holds the code of {names[1]!r}, of another version of Python than this one.")
    function = types.FunctionType(
        marshal.loads(code), _globals(module), names[0], defaults, tuple(map(types.CellType, cells))
    )
    function.__kwdefaults__, function.__qualname__, function.__module__ = keywords, names[1], module
    return function


def _globals(module: str) -> dict[str, Any]:
    """The names that a function sees: those of its module, where there is one."""
    try:
        return vars(importlib.import_module(module))
    except ImportError:
        return {"__builtins__": __builtins__, "__name__": module}
