"""`LambdaCallback`: functions as hooks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .base import Callback

_Hook = Callable[..., Any] | None


class LambdaCallback(Callback):
    """Calls the functions it was given at the hooks of the same names.

    Any hook of `Callback` may be a keyword: those of an epoch take `(epoch, logs)`, of a batch `(batch, logs)`, of a
    chunk `(step, logs)`, and those that begin or end training, an evaluation or a prediction take `(logs)`.
    The loop returns to Python after every batch only if a batch hook is among those given. Other keywords become
    attributes.

    Args:
        on_epoch_begin, on_epoch_end: called with `(epoch, logs)`.
        on_train_begin, on_train_end: called with `(logs)`.
        on_train_batch_begin, on_train_batch_end: called with `(batch, logs)`.
        **kwargs: other hooks, and attributes.

    Raises:
        TypeError: a hook's value cannot be called.
        ValueError: a keyword begins with `on_` and is not the name of a hook. (Keras never calls it.)

    >>> from sequax.callbacks import LambdaCallback
    >>> LambdaCallback(on_epoch_end=lambda epoch, logs: print(epoch, logs["loss"])).on_epoch_end(0, {"loss": 0.5})
    0 0.5
    """

    def __init__(
        self,
        on_epoch_begin: _Hook = None,
        on_epoch_end: _Hook = None,
        on_train_begin: _Hook = None,
        on_train_end: _Hook = None,
        on_train_batch_begin: _Hook = None,
        on_train_batch_end: _Hook = None,
        **kwargs: object,
    ) -> None:
        super().__init__()
        hooks = {
            "on_epoch_begin": on_epoch_begin,
            "on_epoch_end": on_epoch_end,
            "on_train_begin": on_train_begin,
            "on_train_end": on_train_end,
            "on_train_batch_begin": on_train_batch_begin,
            "on_train_batch_end": on_train_batch_end,
            **kwargs,
        }
        for name, hook in hooks.items():
            if hook is not None:
                setattr(self, name, _checked(name, hook))


def _checked(name: str, hook: object) -> object:
    if not name.startswith("on_"):
        return hook
    if not hasattr(Callback, name):
        known = ", ".join(sorted(hook for hook in vars(Callback) if hook.startswith("on_")))
        raise ValueError(f"LambdaCallback received the keyword {name!r}, which is no hook. The hooks are: {known}.")
    if not callable(hook):
        raise TypeError(f"LambdaCallback({name}=...) expects a function, but received {hook!r}.")
    return hook
