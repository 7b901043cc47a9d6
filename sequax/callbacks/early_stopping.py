"""`EarlyStopping`: end training when a metric no longer improves."""

from __future__ import annotations

from typing import Any

from .base import Logs
from .monitor import Mode, MonitorCallback


class EarlyStopping(MonitorCallback):
    """Ends training after `patience` epochs without improvement of `monitor`.

    Args:
        monitor: a name in the logs.
        min_delta: a change smaller than this is no improvement.
        patience: epochs without improvement after which training stops; 0 and 1 mean the first such epoch.
        verbose: 1 prints a line on stopping and on restoring.
        mode: `"min"`, `"max"`, or `"auto"`, which goes by the metric's name.
        baseline: the count of epochs starts over only at an improvement that also beats this value.
        restore_best_weights: give the model the weights of the best epoch when training ends, whether or not it was
            this callback that ended it. If the metric was always NaN, those of the first epoch looked at.
        start_from_epoch: epochs before this one are not looked at.

    Raises:
        ValueError: at the end of the first epoch, when the logs have no `monitor` (Keras warns and never stops), or
            when `mode="auto"` cannot tell the direction from the name.

    A NaN is no improvement (in Keras, a NaN in the first epoch is never beaten).
    Prechelt, "Early Stopping - But When?", 1998.

    Example:

        early = EarlyStopping(patience=5, restore_best_weights=True)
        model.fit(x, y, epochs=100, validation_split=0.1, callbacks=[early])
        early.stopped_epoch  # 0: it was not this callback that ended training
    """

    patience: int
    verbose: int
    baseline: float | None
    restore_best_weights: bool
    start_from_epoch: int

    def __init__(
        self,
        monitor: str = "val_loss",
        min_delta: float = 0,
        patience: int = 0,
        verbose: int = 0,
        mode: Mode = "auto",
        baseline: float | None = None,
        restore_best_weights: bool = False,
        start_from_epoch: int = 0,
    ) -> None:
        super().__init__(monitor, mode, min_delta=min_delta)
        self._reset()

    def _reset(self) -> None:
        self.wait: int = 0
        self.stopped_epoch: int = 0
        self.best_epoch: int = 0
        self.best: float | None = None
        self.best_weights: list[Any] | None = None

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._reset()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        value = self.get_monitor_value(logs)
        self._resolved_mode()  # An unknown direction is an error of the first epoch, not of the first comparison.
        if value is None or epoch < self.start_from_epoch:
            return
        self.wait += 1
        if self.is_improvement(value, self.best):
            self.best, self.best_epoch = value, epoch
            self._keep_weights()
            if self.baseline is None or self.is_improvement(value, self.baseline):
                self.wait = 0
            return  # An improvement never ends training, also one that stays behind the baseline.
        if self.restore_best_weights and self.best_weights is None:
            self.best_epoch = epoch
            self._keep_weights()
        if self.wait >= self.patience and epoch > 0:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def on_train_end(self, logs: Logs | None = None) -> None:
        if self.stopped_epoch > 0 and self.verbose > 0:
            self.say(f"EarlyStopping: ended after epoch {self.stopped_epoch + 1}, {self._best_words()}")
        if self.restore_best_weights and self.best_weights is not None:
            if self.verbose > 0:
                self.say(f"EarlyStopping: restored the weights of epoch {self.best_epoch + 1}, {self._best_words()}")
            self.model.set_weights(self.best_weights)

    def _best_words(self) -> str:
        if self.best is None:
            return f"{self.monitor} was never a number."
        return f"{self.monitor} was best in epoch {self.best_epoch + 1}: {self.best:.4g}."

    def _keep_weights(self) -> None:
        if self.restore_best_weights:
            self.best_weights = self.model.get_weights()

    def state_dict(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in _STATE}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        for name in _STATE:
            setattr(self, name, state[name])


_STATE = ("wait", "stopped_epoch", "best_epoch", "best", "best_weights")
