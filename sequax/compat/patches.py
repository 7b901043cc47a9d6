"""Old arguments and methods, put into Sequax' classes while the import hook is installed.

Classes stay the same objects: `isinstance`, subclasses and files work as ever. Only their constructors (and some
methods) are wrapped by a function that translates what it was called with, and unwrapped again by `undo`. Arrays get
the methods that TensorFlow's tensors have, such as `numpy()`.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

_ABSENT = object()
_former: list[tuple[type, str, Any]] = []  # owner, name, and what stood there


def apply() -> None:
    """Patch all classes; imports what is patched."""
    if _former:
        return
    from .. import layers, optimizers
    from ..callbacks import History
    from ..callbacks.callback_list import CallbackList
    from ..callbacks.monitor import MonitorCallback
    from ..core.layer import Layer
    from ..model import Model
    from . import arguments, logs, models
    from .tensorflow import values

    for cls in [*layers.catalogue.classes.values(), Layer]:
        _wrap(cls, "__init__", arguments.layer_constructor)
    for cls in vars(optimizers).values():
        if inspect.isclass(cls) and issubclass(cls, optimizers.Optimizer):
            _wrap(cls, "__init__", arguments.optimizer_constructor)
    _put(optimizers.Optimizer, "lr", arguments.lr)
    _wrap(Layer, "add_weight", arguments.add_weight)
    _wrap(Model, "__init__", models.constructor)
    for name in ("compile", "fit", "evaluate", "predict"):
        _wrap(Model, name, getattr(models, name))
    for method in (*models.METHODS, *models.GENERATOR_METHODS):
        _put(Model, method.__name__, method)
    _wrap(History, "__init__", logs.history)
    _wrap(CallbackList, "on_epoch_end", logs.epoch_end)
    _wrap(MonitorCallback, "get_monitor_value", logs.monitored)
    for owner, attribute, value in values.patched():
        _put(owner, attribute, value)


def undo() -> None:
    """Put everything back."""
    while _former:
        owner, name, before = _former.pop()
        if before is _ABSENT:
            delattr(owner, name)
        else:
            setattr(owner, name, before)


def _wrap(owner: type, name: str, wrapper: Callable[[type, Callable[..., Any]], Callable[..., Any]]) -> None:
    original = getattr(owner, name)
    _put(owner, name, functools.wraps(original)(wrapper(owner, original)))


def _put(owner: type, name: str, value: object) -> None:
    _former.append((owner, name, vars(owner).get(name, _ABSENT)))
    setattr(owner, name, value)
