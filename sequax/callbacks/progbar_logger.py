"""`ProgbarLogger`: shows `fit`, `evaluate` and `predict` at work."""

from __future__ import annotations

from typing import Any

from ..utils.progress import Display, Meter, open_display
from .base import Callback, Logs


class ProgbarLogger(Callback):
    """Draws a bar on a terminal, curves in a notebook, prints a line per epoch elsewhere; `verbose` decides.

    `verbose=0` shows nothing, 1 and `"auto"` a bar or curves where they can be drawn and else a line, 2 always a line.
    It never asks for single batches: between two epochs it lives on `on_train_chunk_end`.
    """

    # The batch hooks serve training loops of the user's own, which know no chunks.
    watches_batches: bool | None = False

    def __init__(self) -> None:
        super().__init__()
        self.verbose: int | str = 1
        self.epochs: int = 1
        self.target: int | None = None
        self._in_fit = False
        self._display: Display | None = None
        self._display_chosen = False
        self._meter: Meter | None = None

    def set_params(self, params: dict[str, Any]) -> None:
        super().set_params(params)
        if params.get("verbose", 1) != self.verbose:
            self.on_close()  # The display was chosen for the verbosity of before.
        self.verbose = params.get("verbose", 1)
        self.epochs = params.get("epochs", 1)
        self.target = params.get("steps")

    @property
    def refresh_seconds(self) -> float | None:
        """How often the display wants news: ten times a second for a bar, else only at the end of an epoch."""
        display = self._chosen_display()
        return display.interval if display is not None and display.live else None

    # Training
    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._in_fit = True

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self._in_fit = True
        self._start(f"Epoch {epoch + 1}/{self.epochs}", epoch + 1)

    def on_train_chunk_end(self, step: int, logs: Logs | None = None) -> None:
        self._advance(step, logs)

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        self._advance(self._within(batch + 1), logs)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if self._meter is not None and self.target is None:
            self.target = self._meter.done or None  # A generator's length is known after one round.
        self._finish(logs)

    def on_train_end(self, logs: Logs | None = None) -> None:
        self.on_close()

    # Evaluation: inside `fit` it is a stage of the epoch, else a display of its own
    def on_test_begin(self, logs: Logs | None = None) -> None:
        if self._in_fit:
            self._begin_activity("validating…")
        else:
            self._start("Evaluate")

    def on_test_chunk_end(self, step: int, logs: Logs | None = None) -> None:
        if not self._in_fit:
            self._advance(step, logs)

    def on_test_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        self.on_test_chunk_end(self._within(batch + 1), logs)

    def on_test_end(self, logs: Logs | None = None) -> None:
        if not self._in_fit:
            self._finish(logs)
            self.on_close()
        elif self._meter is not None:
            self._meter.end()

    # Prediction
    def on_predict_begin(self, logs: Logs | None = None) -> None:
        self._start("Predict")

    def on_predict_chunk_end(self, step: int, logs: dict[str, Any] | None = None) -> None:
        self._advance(step, None)  # The logs are the predictions.

    def on_predict_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self._advance(self._within(batch + 1), None)

    def on_predict_end(self, logs: Logs | None = None) -> None:
        self._finish(None)
        self.on_close()

    # Around the loop
    def on_compile_begin(self, what: str) -> None:
        if self._meter is None:
            self._start("")
        if self._meter is not None:
            self._meter.begin("compiling…")

    def on_compile_end(self, what: str) -> None:
        if self._meter is not None:
            self._meter.end(compiled=True)

    def on_close(self) -> None:
        self._in_fit = False
        self._meter = None
        if self._display is not None:
            self._display.close()
        self._display, self._display_chosen = None, False

    def _chosen_display(self) -> Display | None:
        if not self._display_chosen:
            self._display, self._display_chosen = open_display(self.verbose) if self.leads else None, True
        return self._display

    def _start(self, label: str, epoch: int | None = None) -> None:
        display = self._chosen_display()
        self.target = (self.params or {}).get("steps") or self.target  # The loop may have learned it since.
        if display is not None:
            self._meter = Meter(label, self.target, epoch=epoch)
            display.show(self._meter)

    def _within(self, step: int) -> int:
        # The hooks after batches count all steps of `steps_per_execution`, also where the data end before.
        return step if self.target is None else min(step, self.target)

    def _advance(self, step: int, logs: Logs | None) -> None:
        if self._meter is not None and self._display is not None:
            self._display.check()
            self._meter.advance(step, logs)

    def _begin_activity(self, activity: str) -> None:
        if self._meter is not None:
            self._meter.begin(activity)

    def _finish(self, logs: Logs | None) -> None:
        if self._meter is not None and self._display is not None:
            self._meter.advance(self._meter.done, logs)
            self._display.finish(self._meter)
        self._meter = None
