"""`IntervalValidation`: validation inside of epochs, and before the first one."""

from __future__ import annotations

from typing import Any

from ..utils.messages import announce
from ..utils.progress import format_logs
from .base import Callback, Logs


class IntervalValidation(Callback):
    """Evaluates the model each time a number of batches is trained, in the middle of epochs, too.

    For data so long that an epoch is too seldom. Training goes on as it would without: the same batches, the same
    numbers, the same logs.

    Args:
        validation_data: `(x, y)` or `(x, y, sample_weight)`, or a stream of batches that can be read again and again.
        every: batches between two validations, counted through all epochs.
        batch_size: rows per batch of the validation.
        steps: batches of a validation; None: all.
        sanity_steps: batches to validate before the first update, to find out that the validation works at all, and
            what an untrained model gets; 0: none.
        verbose: 1 prints a line for each validation.

    Attributes:
        history: name -> values, the names as in the logs of epochs, `val_loss` and so on.
        step: at which number of batches each of them was taken; 0 before the first.

    Raises:
        ValueError: if `every` is below 1, or data are no pair.

    Example:

        watch = IntervalValidation((x_val, y_val), every=500)
        model.fit(stream, callbacks=[watch])
        watch.step, watch.history["val_loss"]
    """

    def __init__(
        self,
        validation_data: Any,
        every: int = 100,
        batch_size: int | None = None,
        steps: int | None = None,
        sanity_steps: int = 0,
        verbose: int = 0,
    ) -> None:
        super().__init__()
        if every < 1 or sanity_steps < 0:
            raise ValueError(
                f"IntervalValidation: expected `every` to be at least 1 and `sanity_steps` at least 0. Received:"
                f" every={every}, sanity_steps={sanity_steps}"
            )
        if isinstance(validation_data, (list, tuple)) and len(validation_data) not in (2, 3):
            raise ValueError(
                f"IntervalValidation: validation_data needs (x, y) or (x, y, sample_weight). Received"
                f" {len(validation_data)} entries."
            )
        self.validation_data = validation_data
        self.every = every
        self.batch_size = batch_size
        self.steps = steps
        self.sanity_steps = sanity_steps
        self.verbose = verbose
        self.every_steps: int = every  # the loop stops there
        self._restart()

    def _restart(self) -> None:
        self.history: dict[str, list[float]] = {}
        self.step: list[int] = []
        self._before_epoch = self._done = 0

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._restart()
        if self.sanity_steps:
            self._validate(0, self.sanity_steps)

    def on_train_chunk_end(self, step: int, logs: Logs | None = None) -> None:
        self._done = step
        place = self._before_epoch + step
        if place % self.every == 0 and (not self.step or self.step[-1] != place):
            self._validate(place, self.steps)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self._before_epoch, self._done = self._before_epoch + self._done, 0

    def state_dict(self) -> dict[str, Any]:
        return {
            "history": {name: list(values) for name, values in self.history.items()},
            "step": list(self.step),
            "before_epoch": self._before_epoch,
            "done": self._done,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.history = {name: list(values) for name, values in state["history"].items()}
        self.step = [int(step) for step in state["step"]]
        self._before_epoch, self._done = int(state["before_epoch"]), int(state["done"])

    def _validate(self, place: int, steps: int | None) -> None:
        pair = isinstance(self.validation_data, (list, tuple))
        x, y, *weight = (*self.validation_data, None) if pair else (self.validation_data, None)
        logs = self.model.evaluate(
            x,
            y,
            batch_size=self.batch_size,
            sample_weight=weight[0] if weight else None,
            steps=steps,
            verbose=0,
            return_dict=True,
        )
        self.step.append(place)
        for name, value in logs.items():
            self.history.setdefault(f"val_{name}", []).append(value)
        if self.verbose:
            announce(f"After {place} batches: {format_logs({f'val_{name}': value for name, value in logs.items()})}")
