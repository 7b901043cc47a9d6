"""`OneLine`: one line for a whole run."""

from __future__ import annotations

from typing import Any

from .base import Logs
from .progbar_logger import ProgbarLogger


class OneLine(ProgbarLogger):
    """Shows `fit` as one bar over all epochs on a terminal, and leaves one line when it is done.

    It takes the place of the usual display, whatever `verbose` is; good for hundreds of short epochs and for searches.

    Example of the line, also written where there is no terminal:

        Epoch 200/200 - 4800/4800 - 6.1s - 1.2ms/step - loss: 0.0312 - val_loss: 0.0405
    """

    def __init__(self) -> None:
        super().__init__()
        self._before_epoch = self._done = 0

    def set_params(self, params: dict[str, Any]) -> None:
        super().set_params({**params, "verbose": 1})

    def on_train_begin(self, logs: Logs | None = None) -> None:
        super().on_train_begin(logs)
        self._before_epoch = self._done = 0

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self._in_fit = True
        self._before_epoch += self._done
        self._done = 0
        if self._meter is None:
            self._start("")
        if self._meter is not None:
            self._meter.label = f"Epoch {epoch + 1}/{self.epochs}"
            self._meter.target = self.target * self.epochs if self.target else None

    def on_train_chunk_end(self, step: int, logs: Logs | None = None) -> None:
        self._done = step
        self._advance(self._before_epoch + step, None)  # the logs shown are those of the last whole epoch

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        self.on_train_chunk_end(batch + 1, logs)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if self.target is None:
            self.target: int | None = self._done or None
        self._advance(self._before_epoch + self._done, logs)

    def on_train_end(self, logs: Logs | None = None) -> None:
        self._finish(logs)
        self.on_close()
