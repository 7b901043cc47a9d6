"""`CallbackList`: hands one event to many callbacks, and tells the loop how often it has to come back to Python.

Every batch, when a callback overrides a batch hook; ten times a second, for a progress bar; else once an epoch.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from .base import Logs
from .history import History
from .progbar_logger import ProgbarLogger

if TYPE_CHECKING:
    from ..callbacks.base import Callback
    from ..model import Model
    from ..training.resume import ResumePoint
    from ..training.types import Callbacks

_BATCH_HOOKS = {
    "train": ("on_train_batch_begin", "on_train_batch_end", "on_batch_begin", "on_batch_end"),
    "test": ("on_test_batch_begin", "on_test_batch_end"),
    "predict": ("on_predict_batch_begin", "on_predict_batch_end"),
}
_HOMES_OF_CALLBACK = {"sequax", "keras", "tf_keras", "tensorflow"}


class CallbackList:
    """Hands each event to every callback, in order; what the training loop talks to.

    Args:
        callbacks: None, one callback, or a list of callbacks.
        add_history: append a `History` where there is none.
        add_progbar: append a `ProgbarLogger` where there is none.
        model: the model, given to every callback.
        **params: `verbose`, `epochs`, `steps`, given to every callback.

    Callbacks run in the order given, then the progress display, then the history, so that entries a callback adds to
    `logs` are displayed and recorded.
    """

    def __init__(
        self,
        callbacks: Callbacks = None,
        add_history: bool = False,
        add_progbar: bool = False,
        model: Any = None,
        **params: Any,
    ) -> None:
        self.callbacks: list[Any] = [_checked(callback) for callback in listed(callbacks)]
        self.params: dict[str, Any] = {}
        self._model: Any = None
        for wanted, kind in ((add_progbar, ProgbarLogger), (add_history, History)):
            if wanted and not any(isinstance(callback, kind) for callback in self.callbacks):
                self.callbacks.append(kind())
        if params:
            self.set_params(params)
        if model is not None:
            self.set_model(model)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.callbacks)

    def __len__(self) -> int:
        return len(self.callbacks)

    def __repr__(self) -> str:
        return f"CallbackList([{', '.join(type(callback).__name__ for callback in self.callbacks)}])"

    def append(self, callback: Callback) -> None:
        """Adds a callback at the end."""
        self.callbacks.append(_checked(callback))

    @property
    def model(self) -> Any:
        """The model every callback was given."""
        return self._model

    @property
    def history(self) -> History | Any:
        """The first `History` in the list, or None."""
        return next((callback for callback in self.callbacks if isinstance(callback, History)), None)

    def set_params(self, params: dict[str, Any]) -> None:
        """Gives `params` to every callback."""
        self.params = params
        self._send("set_params", params)

    def set_model(self, model: Model) -> None:
        """Gives `model` to every callback."""
        self._model = model
        self._send("set_model", model)

    # What the loop asks
    def sees_batches(self, kind: str) -> bool:
        """Whether a callback wants to run before or after every batch of a `kind`: "train", "test" or "predict"."""
        return any(_watches(callback, _BATCH_HOOKS[kind]) for callback in self.callbacks)

    @property
    def watches_safe_points(self) -> bool:
        """Whether a callback wants to run where a run can be saved."""
        return any(_overrides(callback, "on_safe_point") for callback in self.callbacks)

    @property
    def may_batch_reports(self) -> bool:
        """Whether nobody minds hearing of several epochs at once: only a `History` listens."""
        return all(type(callback) is History for callback in self.callbacks)

    @property
    def accepts_nan(self) -> bool:
        """Whether a callback decides what happens when the loss is not finite, so that the loop does not."""
        return accept_nan(self.callbacks)

    @property
    def refresh_seconds(self) -> float | None:
        """How often a display wants news inside an epoch; None: the end of the epoch is enough."""
        wishes = [getattr(callback, "refresh_seconds", None) for callback in self.callbacks]
        return min((wish for wish in wishes if wish is not None), default=None)

    @property
    def stops(self) -> list[int]:
        """Numbers of steps at whose multiples, through all epochs, a callback wants to be told of a safe point."""
        wishes = (getattr(callback, "every_steps", None) for callback in self.callbacks)
        return [wish for wish in wishes if wish is not None]

    @contextmanager
    def compiling(self, what: str) -> Iterator[None]:
        """Around a compilation: displays say so, and leave its seconds out of the time per step."""
        self._send("on_compile_begin", what)
        try:
            yield
        finally:
            self._send("on_compile_end", what)

    def close(self) -> None:
        """Belongs into the loop's `finally`: every `on_close` runs, even if one of them fails."""
        with ExitStack() as stack:
            for callback in self.callbacks:
                if hasattr(callback, "on_close"):
                    stack.callback(callback.on_close)

    # What the loop tells; each calls the hook of the same name of every callback
    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._send("on_train_begin", _or_empty(logs))

    def on_train_end(self, logs: Logs | None = None) -> None:
        self._send("on_train_end", _or_empty(logs))

    def on_run_begin(self, run: ResumePoint) -> None:
        self._send("on_run_begin", run)

    def on_safe_point(self, run: ResumePoint) -> None:
        self._send("on_safe_point", run)

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self._send("on_epoch_begin", epoch, _or_empty(logs))

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self._send("on_epoch_end", epoch, _or_empty(logs))

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        self._send("on_train_batch_begin", batch, _or_empty(logs))

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        self._send("on_train_batch_end", batch, _or_empty(logs))

    def on_train_chunk_end(self, step: int, logs: Logs | None = None) -> None:
        self._send("on_train_chunk_end", step, _or_empty(logs))

    def on_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        self._send("on_batch_begin", batch, _or_empty(logs))

    def on_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        self._send("on_batch_end", batch, _or_empty(logs))

    def on_test_begin(self, logs: Logs | None = None) -> None:
        self._send("on_test_begin", _or_empty(logs))

    def on_test_end(self, logs: Logs | None = None) -> None:
        self._send("on_test_end", _or_empty(logs))

    def on_test_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        self._send("on_test_batch_begin", batch, _or_empty(logs))

    def on_test_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        self._send("on_test_batch_end", batch, _or_empty(logs))

    def on_test_chunk_end(self, step: int, logs: Logs | None = None) -> None:
        self._send("on_test_chunk_end", step, _or_empty(logs))

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        self._send("on_predict_begin", _or_empty(logs))

    def on_predict_end(self, logs: Logs | None = None) -> None:
        self._send("on_predict_end", _or_empty(logs))

    def on_predict_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        self._send("on_predict_batch_begin", batch, _or_empty(logs))

    def on_predict_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        self._send("on_predict_batch_end", batch, _or_empty(logs))

    def on_predict_chunk_end(self, step: int, logs: Logs | None = None) -> None:
        self._send("on_predict_chunk_end", step, _or_empty(logs))

    # Exact resume
    def state_dict(self) -> dict[str, dict[str, Any]]:
        """The state of every callback that has one, by place and class, for example `"0.EarlyStopping"`."""
        states = {key: callback.state_dict() for key, callback in self._keyed() if hasattr(callback, "state_dict")}
        return {key: state for key, state in states.items() if state}

    def load_state_dict(self, states: Mapping[str, dict[str, Any]]) -> None:
        """Takes back what `state_dict` gave; the callbacks must be of the same classes in the same places."""
        places = dict(self._keyed())
        strangers = sorted(set(states) - set(places))
        if strangers:
            raise ValueError(
                f"The saved callback state has {', '.join(strangers)}, but this run has "
                f"{', '.join(places) or 'no callbacks'}. Pass the same callbacks in the same order to resume."
            )
        for key, state in states.items():
            places[key].load_state_dict(state)

    @property
    def lasting(self) -> list[Any]:
        """All but displays: a run may be resumed with another one, or none."""
        return [callback for callback in self.callbacks if not isinstance(callback, ProgbarLogger)]

    def _keyed(self) -> list[tuple[str, Any]]:
        return [(f"{place}.{type(callback).__name__}", callback) for place, callback in enumerate(self.lasting)]

    def _send(self, hook: str, *args: object) -> None:
        # Callbacks made for Keras itself do not have our own hooks.
        for callback in self.callbacks:
            method = getattr(callback, hook, None)
            if method is not None:
                method(*args)


def _or_empty(logs: Logs | None) -> Logs:
    # Not `logs or {}`: all callbacks share one dict, also an empty one, so that the next sees what one added.
    return {} if logs is None else logs


def listed(callbacks: Callbacks) -> list[Any]:
    """What `fit` takes as `callbacks`, as a list."""
    if callbacks is None:
        return []
    return list(callbacks) if isinstance(callbacks, list | tuple | CallbackList) else [callbacks]


def accept_nan(callbacks: Callbacks) -> bool:
    """Whether one of the callbacks decides what happens when the loss is not finite."""
    return any(getattr(callback, "accepts_nan", False) for callback in listed(callbacks))


def _checked(callback: Callback) -> Callback:
    """Refuses what cannot be a callback, above all a class in place of an instance."""
    if isinstance(callback, type):
        raise TypeError(
            f"callbacks expects instances, but received the class {callback.__name__}. Write {callback.__name__}(...)."
        )
    if not hasattr(callback, "set_model") or not hasattr(callback, "on_epoch_end"):
        raise TypeError(
            f"callbacks expects a Callback or a list of them, but received {callback!r} of type "
            f"{type(callback).__name__}. Subclass sequax.callbacks.Callback, or use LambdaCallback for a function."
        )
    return callback


def _watches(callback: Callback, hooks: tuple[str, ...]) -> bool:
    if type(callback) is History:
        return False
    declared = getattr(callback, "watches_batches", None)
    return any(_overrides(callback, hook) for hook in hooks) if declared is None else bool(declared)


def _overrides(callback: Callback, hook: str) -> bool:
    """Whether instance or class brings a `hook` of its own, not that of the base `Callback`, ours or Keras'."""
    if hook in getattr(callback, "__dict__", {}):
        return True
    definer = next((cls for cls in type(callback).__mro__ if hook in vars(cls)), None)
    if definer is None:
        return False
    return definer.__name__ != "Callback" or definer.__module__.partition(".")[0] not in _HOMES_OF_CALLBACK
