"""Callbacks that set the learning rate: `LearningRateScheduler` by epoch, `ReduceLROnPlateau` by a metric."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .base import Callback, Logs
from .monitor import Mode, MonitorCallback

if TYPE_CHECKING:
    from ..optimizers.base import Optimizer


class LearningRateScheduler(Callback):
    """Sets the learning rate at the beginning of each epoch.

    Args:
        schedule: function of the epoch, counted from 0, and, if it takes two arguments, of the present learning rate;
            returns the new one.
        verbose: 1 prints the new value.

    The epoch's logs gain `learning_rate`. The optimizers in a `MultiOptimizer` are asked about and set one by one, and
    the logs gain `learning_rate_NAME` of each.

    Raises:
        TypeError: `schedule` cannot be called.
        ValueError: the optimizer has no learning rate, or `schedule` did not return a number.

    Example:

        model.fit(x, y, callbacks=[LearningRateScheduler(lambda epoch, rate: rate * 0.9)])
    """

    def __init__(self, schedule: Callable[..., Any], verbose: int = 0) -> None:
        super().__init__()
        if not callable(schedule):
            raise TypeError(
                f"LearningRateScheduler expects a function of the epoch, such as `lambda epoch, rate: rate * 0.9`."
                f" Received: {schedule!r:.40}. A rate that stays is the optimizer's own `learning_rate`."
            )
        self.schedule = schedule
        self.verbose = verbose

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        takes_rate = _takes_two(self.schedule)
        for optimizer in optimizers_of(self):
            present = float(optimizer.learning_rate)
            new = _as_number(self.schedule(epoch, present) if takes_rate else self.schedule(epoch))
            optimizer.learning_rate = new
            if self.verbose > 0:
                self.say(f"LearningRateScheduler: learning rate {new:.4g} in epoch {epoch + 1}.")

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if logs is not None:
            logs.update(_rates(self))


class ReduceLROnPlateau(MonitorCallback):
    """Multiplies the learning rate by `factor` after `patience` epochs without improvement of `monitor`.

    Args:
        monitor: a name in the logs.
        factor: below 1; new rate = max(rate * factor, min_lr).
        patience: epochs without improvement before a reduction.
        verbose: 1 prints a line at each reduction.
        mode: `"min"`, `"max"`, or `"auto"`, which goes by the metric's name.
        min_delta: a change smaller than this is no improvement.
        cooldown: epochs after a reduction that do not count.
        min_lr: the learning rate does not fall below this.
        epsilon: older name of `min_delta`.

    The epoch's logs gain `learning_rate`, the rate the epoch was trained with. In a `MultiOptimizer` the rates of all
    are multiplied, and the logs gain `learning_rate_NAME` of each.

    Raises:
        ValueError: `factor` is 1 or more; the optimizer has no learning rate; the logs have no `monitor` (Keras warns
            and never reduces); `mode="auto"` cannot tell the direction from the name.

    Example:

        model.fit(x, y, validation_split=0.1, callbacks=[ReduceLROnPlateau(factor=0.5, patience=3)])
    """

    best: float | None
    cooldown_counter: int
    wait: int

    factor: float
    patience: int
    verbose: int
    cooldown: int
    min_lr: float

    def __init__(
        self,
        monitor: str = "val_loss",
        factor: float = 0.1,
        patience: int = 10,
        verbose: int = 0,
        mode: Mode = "auto",
        min_delta: float = 1e-4,
        cooldown: int = 0,
        min_lr: float = 0.0,
        **kwargs: float,
    ) -> None:
        min_delta = kwargs.pop("epsilon", min_delta)
        if kwargs:
            raise TypeError(f"ReduceLROnPlateau does not know the argument {next(iter(kwargs))!r}.")
        if factor >= 1.0:
            raise ValueError(f"ReduceLROnPlateau expects a factor below 1, but received {factor}. Try factor=0.1.")
        super().__init__(monitor, mode, min_delta=min_delta)
        self._reset()

    def _reset(self) -> None:
        self.best = None
        self.cooldown_counter = 0
        self.wait = 0

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._reset()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        value = self.get_monitor_value(logs)
        self._resolved_mode()  # An unknown direction is an error of the first epoch, not of the first comparison.
        if logs is not None:
            logs.update(_rates(self))
        if value is None:
            return
        if self.in_cooldown():
            self.cooldown_counter -= 1
            self.wait = 0
        if self.is_improvement(value, self.best):
            self.best, self.wait = value, 0
        elif not self.in_cooldown():
            self.wait += 1
            if self.wait >= self.patience:
                self._reduce(epoch)

    def in_cooldown(self) -> bool:
        """Whether the last reduction is less than `cooldown` epochs ago."""
        return self.cooldown_counter > 0

    def _reduce(self, epoch: int) -> None:
        for optimizer in optimizers_of(self):
            present = float(optimizer.learning_rate)
            # The optimizer holds float32: a rate that was set to min_lr may read a little above it.
            if present <= self.min_lr or math.isclose(present, self.min_lr, rel_tol=1e-6):
                continue
            new = max(present * self.factor, self.min_lr)
            optimizer.learning_rate = new
            self.cooldown_counter, self.wait = self.cooldown, 0
            if self.verbose > 0:
                self.say(f"ReduceLROnPlateau: learning rate {present:.4g} -> {new:.4g} after epoch {epoch + 1}.")

    def state_dict(self) -> dict[str, Any]:
        return {"best": self.best, "cooldown_counter": self.cooldown_counter, "wait": self.wait}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.best, self.cooldown_counter, self.wait = (state[key] for key in ("best", "cooldown_counter", "wait"))


def learning_rate_of(callback: Callback) -> float:
    """The present learning rate of the model a callback works for.

    Raises:
        ValueError: if its optimizer has none, or several.
    """
    return float(_with_rate(callback, getattr(callback.model, "optimizer", None)).learning_rate)


def optimizers_of(callback: Callback) -> list[Optimizer]:
    """The optimizer of the model a callback works for, or those inside a `MultiOptimizer`; each has a learning rate.

    Raises:
        ValueError: if there is none.
    """
    optimizer = getattr(callback.model, "optimizer", None)
    return [_with_rate(callback, one) for one in getattr(optimizer, "optimizers", None) or [optimizer]]


def _with_rate(callback: Callback, optimizer: Any) -> Optimizer:
    if optimizer is None or not hasattr(optimizer, "learning_rate"):
        raise ValueError(
            f"{type(callback).__name__} expects an optimizer with a learning_rate, but the model has {optimizer!r}. "
            f"Compile the model with one of sequax.optimizers, for example optimizer=Adam(1e-3)."
        )
    return optimizer


def _rates(callback: Callback) -> dict[str, float]:
    """What the logs say: the learning rate, or one for each of several optimizers, by their names."""
    found = optimizers_of(callback)
    if len(found) == 1:
        return {"learning_rate": float(found[0].learning_rate)}
    return {f"learning_rate_{one.name}": float(one.learning_rate) for one in found}


def _takes_two(schedule: Callable[..., Any]) -> bool:
    """Whether `schedule(epoch, rate)` is a valid call. Trying it out instead would hide a TypeError inside it."""
    try:
        inspect.signature(schedule).bind(0, 0.0)
    except TypeError:
        return False
    except ValueError:  # built-in functions may have no signature
        return True
    return True


def _as_number(rate: Any) -> float:
    if not isinstance(rate, str):
        try:
            return float(rate)
        except (TypeError, ValueError):
            pass
    raise ValueError(f"LearningRateScheduler expects schedule to return a number, but it returned {rate!r}.")
