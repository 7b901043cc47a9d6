"""Names in the logs of `fit`, such as `acc`: found under the name that the logs have."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

import jax

from ..callbacks import History, TensorBoard
from ..callbacks.callback_list import CallbackList
from ..callbacks.monitor import MonitorCallback, direction
from ..core.warning import warn
from ..training.resolve import compilation_of
from . import dialect, spellings
from .notes import note


def today(name: str, known: dict[str, Any]) -> str | None:
    """The name that logs have for an old one, or None."""
    if not isinstance(name, str) or dict.__contains__(known, name):
        return None
    for old, twin in spellings.LOGS.items():  # `acc`, `val_acc`, and with several outputs `val_out_acc`
        if name == old or name.endswith(f"_{old}"):
            found = name.removesuffix(old) + twin
            if dict.__contains__(known, found):
                return found
    return None


class Logs(dict[str, Any]):
    """A dict that also finds `acc` where there is `accuracy`, and the like."""

    def __setitem__(self, name: str, value: Any) -> None:
        super().__setitem__("lr" if name == "learning_rate" and dialect.says_lr() else name, value)

    def update(self, *args: Any, **kwargs: Any) -> None:
        for name, value in dict(*args, **kwargs).items():
            self[name] = value

    def __missing__(self, name: str) -> Any:
        found = today(name, self)
        if found is None:
            raise KeyError(name)
        note(f"logs[{name!r}]", f"logs[{found!r}], the name given in `metrics=`")
        return self[found]

    def __contains__(self, name: object) -> bool:
        return super().__contains__(name) or today(str(name), self) is not None

    def get(self, name: str, default: object = None) -> Any:
        found = name if dict.__contains__(self, name) else today(name, self)
        return default if found is None else self[name]


def history(owner: type, original: Callable[..., Any]) -> Callable[..., Any]:
    def __init__(self: History, *args: object, **kwargs: object) -> None:
        original(self, *args, **kwargs)
        self.history = _Collected()

    return __init__


class _Collected(Logs):
    """The history: a metric that is recorded under its own name starts a list of its own."""

    def setdefault(self, name: str, default: object = None) -> Any:
        if not dict.__contains__(self, name):
            dict.__setitem__(self, name, default)
        return dict.__getitem__(self, name)


asked: ContextVar[dict[str, Any] | None] = ContextVar("asked", default=None)


class Params(dict[str, Any]):
    """What callbacks are told of a run, and to those who ask what Keras 2 told as well: `samples`, `batch_size`, ..."""

    def __init__(self, params: dict[str, Any], further: dict[str, Any], metrics: Callable[[], list[str]]):
        super().__init__(params)
        self._further, self._metrics = further, metrics

    def __missing__(self, name: str) -> Any:
        if name != "metrics":
            return self._further[name]
        names = self._metrics()
        return [*names, *(f"val_{one}" for one in names if self.get("do_validation"))]

    def __contains__(self, name: object) -> bool:
        return name == "metrics" or name in self._further or super().__contains__(name)

    def get(self, name: str, default: Any = None) -> Any:
        try:
            return self[name]
        except KeyError:
            return default

    def __reduce__(self) -> tuple[type, tuple[dict[str, Any]]]:
        """A plain dict in a pickle: estimators are pickled with their callbacks."""
        return dict, ({**self._further, **self, "metrics": self["metrics"]},)


def params(owner: type, original: Callable[..., Any]) -> Callable[..., Any]:
    def set_params(self: CallbackList, params: dict[str, Any]) -> None:
        further = asked.get()
        told = params if further is None else Params(params, further, lambda: list(self.model.metrics_names))
        original(self, told)

    return set_params


def epoch_end(owner: type, original: Callable[..., Any]) -> Callable[..., Any]:
    def on_epoch_end(self: CallbackList, epoch: int, logs: dict[str, Any] | None = None) -> None:
        return original(self, epoch, Logs(_short(self.model, logs or {})))

    return on_epoch_end


def _short(model: Any, logs: dict[str, Any]) -> dict[str, Any]:
    """`acc` for `accuracy` in the logs of a script that knows it so: files and tables have the names of their columns
    from here."""
    if not dialect.says_acc() or "accuracy" not in jax.tree.leaves(compilation_of(model).given_metrics):
        return logs
    ends = ("accuracy", *(f"{name}_accuracy" for name in model.output_names))
    return {
        name.removesuffix("uracy") if name.removeprefix("val_") in ends else name: value for name, value in logs.items()
    }


class BatchLogs(Logs):
    """The logs of a batch, which also say its number and its rows to those who ask, but not to those who list them."""

    def __init__(self, logs: dict[str, Any], batch: int, params: dict[str, Any]):
        super().__init__(logs)
        self._told = {"batch": batch}
        size, samples = params.get("batch_size"), params.get("samples")
        if size and samples:
            self._told["size"] = max(0, min(size, samples - batch * size))

    def __missing__(self, name: str) -> Any:
        return self._told[name] if name in self._told else super().__missing__(name)

    def __contains__(self, name: object) -> bool:
        return name in self._told or super().__contains__(name)

    def get(self, name: str, default: object = None) -> Any:
        return self[name] if name in self._told else super().get(name, default)


def of_batch(owner: type, original: Callable[..., Any]) -> Callable[..., Any]:
    def on_batch(self: CallbackList, batch: int, logs: dict[str, Any] | None = None) -> None:
        return original(self, batch, BatchLogs(logs or {}, batch, self.params))

    return on_batch


def monitored(owner: type, original: Callable[..., Any]) -> Callable[..., Any]:
    def get_monitor_value(self: MonitorCallback, logs: dict[str, Any] | None) -> float | None:
        found = today(self.monitor, logs or {})
        if found is not None:
            note(f"monitor={self.monitor!r}", f"monitor={found!r}")
            self.monitor = found
        try:
            return original(self, logs)
        except ValueError as error:  # there is no such name
            warn(f"{error} Training goes on without it, as in Keras.")
            return None

    return get_monitor_value


_OF_OLD_BOARDS = (
    *("batch_size", "write_grads", "embeddings_layer_names", "embeddings_data", "embeddings_metadata_files"),
    *("write_steps", "write_graphs"),
)


def board(owner: type, original: Callable[..., Any]) -> Callable[..., Any]:
    """`TensorBoard` with the arguments that it had."""

    def __init__(self: TensorBoard, *args: object, **kwargs: Any) -> None:
        for name in _OF_OLD_BOARDS:
            if name in kwargs:
                note(f"TensorBoard({name}=)", "leave it out, it has no effect")
                del kwargs[name]
        if isinstance(kwargs.get("profile_batch"), str):
            first, _, last = kwargs["profile_batch"].partition(",")
            note("profile_batch='first, last'", "profile_batch=(first, last)", key="profile_batch=")
            kwargs["profile_batch"] = (int(first), int(last or first))
        original(self, *args, **kwargs)

    return __init__


def mode_of(owner: type, original: Callable[..., Any]) -> Callable[..., Any]:
    """Which values are better where the name does not tell: Keras 1 and 2 looked for "acc" in it, and took "min"."""

    def _resolved_mode(self: MonitorCallback) -> str:
        if self.monitor_op is None and self.mode == "auto" and direction(self.monitor) is None:
            self.mode = "max" if "acc" in self.monitor or "auc" in self.monitor else "min"
            better = "higher" if self.mode == "max" else "lower"
            note(f"{type(self).__name__}(monitor={self.monitor!r})", f"pass mode={self.mode!r} ({better} is better)")
        return original(self)

    return _resolved_mode
