"""`tensorflow` as far as scripts need it around `tf.keras`, without TensorFlow.

Each name is a row of a table (`tables.py`): what it stands for here. Anything else of TensorFlow is an error that
names it, and what to use instead where that is known (`absent.py`).
"""

from __future__ import annotations

import contextlib
import functools
import importlib
from collections.abc import Callable
from types import ModuleType
from typing import Any, NoReturn, TypeVar

from ...core.names import suggest
from .. import out_of_reach
from ..notes import note
from . import installed
from .absent import is_place, not_tensorflow, plain, reason
from .member import TENSORFLOW_VERSION

__all__ = ["TENSORFLOW_VERSION", "Stub", "keras_inside", "not_tensorflow"]

T = TypeVar("T")

_KERAS_INSIDE = ("keras", "python.keras", "compat.v1.keras", "compat.v2.keras", "contrib.keras", "_api.v2.v2.keras")


class Stub(ModuleType):
    """`tensorflow`, or a module in it."""

    def __init__(self, name: str = "tensorflow"):
        inside = plain(name.partition(".")[2])
        if inside and inside not in _tables().places() and not is_place(inside):
            raise ImportError(not_tensorflow(name.partition(".")[2]), name=name)
        super().__init__(name, __doc__)
        self.__path__: list[str] = []
        self.__all__ = ["keras"] if not inside else []
        if not inside or inside == "compat":
            self.__version__ = TENSORFLOW_VERSION
        self._inside = inside

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        full = f"{self.__name__}.{name}"
        if keras_inside(full) is not None:
            return importlib.import_module(full)
        inside = plain(full.partition(".")[2])
        member = _tables().member(inside)
        if member is not None:
            return member.value if member.today is None else _noted(full, member.value, member.today)
        inner = inside.startswith("python.") and is_place(inside) and not installed.is_there()
        if not inside or inside in _tables().places() or inner:
            return importlib.import_module(full)
        return self._not_served(full, name)

    def __call__(self, *args: object, **kwargs: object) -> NoReturn:
        """Names inside `tensorflow.python` are taken for modules, and some are functions."""
        raise NotImplementedError(not_tensorflow(self.__name__.partition(".")[2]))

    def _not_served(self, full: str, name: str) -> Any:
        """What TensorFlow itself has under a name; or else something that says why it is out of reach."""
        inside = full.partition(".")[2]
        if installed.is_there():
            with contextlib.suppress(AttributeError):
                return installed.value(inside)
        hint = suggest(name, _tables().names_in(self._inside))
        why = reason(inside)
        if why is None:
            raise AttributeError(not_tensorflow(inside, hint))
        return out_of_reach.named(self.__name__, name, not_tensorflow(inside) + hint)

    def __reduce__(self) -> tuple[Callable[[str], ModuleType], tuple[str]]:
        """Functions that go to worker processes by value take their globals along, this module by its name."""
        return importlib.import_module, (self.__name__,)


def _tables() -> ModuleType:
    """Loaded with the first name that a script asks for, since the tables load JAX."""
    return importlib.import_module(".tables", __package__)


def _noted(name: str, value: Callable[..., T], today: str) -> Callable[..., T]:
    if isinstance(value, type):
        note(name, today)
        return value

    @functools.wraps(value)
    def call(*args: object, **kwargs: object) -> T:
        note(name, today)
        return value(*args, **kwargs)

    return call


def keras_inside(name: str) -> str | None:
    """`keras...` for `tensorflow.keras...` and the other places where it has been; None for anything else."""
    inside = name.removeprefix("tensorflow.")
    for place in _KERAS_INSIDE:
        if inside == place or inside.startswith(f"{place}."):
            if place != "keras":
                note(f"tensorflow.{place}", "tensorflow.keras, or keras")
            return "keras" + inside[len(place) :]
    return None
