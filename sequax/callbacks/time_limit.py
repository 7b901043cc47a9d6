"""`TimeLimit`: end training when its time is over."""

from __future__ import annotations

import time

from ..utils.progress import format_seconds
from .base import Callback, Logs


class TimeLimit(Callback):
    """Ends training some time after it began: after the batches then at work, in the middle of an epoch if need be.

    Args:
        seconds, minutes, hours: added up.
        verbose: 1 prints a line when training is ended.

    The clock is looked at about once a second (more often if the limit is short), and after each epoch; a validation
    that has begun is not cut off. Counting starts with each `fit`, also with one that resumes a run: what is limited is
    the time this process may take. With `BackupAndRestore` (or `fit(resume=)`) the run is kept, and the same call goes
    on from what was saved last; without the limit it would have come to the same.

    Attributes:
        ended: whether it ended the last `fit`.
        cut_short: whether it did so inside an epoch.

    Raises:
        ValueError: if the limit is not above 0.

    Example:

        model.fit(x, y, epochs=1000, callbacks=[TimeLimit(minutes=30)])
    """

    in_all_processes = True

    def __init__(self, seconds: float = 0, minutes: float = 0, hours: float = 0, verbose: int = 0) -> None:
        super().__init__()
        self.seconds: float = seconds + 60 * minutes + 3600 * hours
        if not self.seconds > 0:
            raise ValueError(
                f"TimeLimit: expected a time above 0. Received: seconds={seconds}, minutes={minutes}, hours={hours}"
            )
        self.verbose = verbose
        # The loop comes back that often, and not after each batch.
        self.refresh_seconds: float = min(1.0, self.seconds / 10)
        self._begun = 0.0
        self.ended: bool = False
        self.cut_short: bool = False

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._begun = time.monotonic()
        self.ended = self.cut_short = False

    def on_train_chunk_end(self, step: int, logs: Logs | None = None) -> None:
        self.cut_short = self._look(f"after {step} steps of the epoch") or self.cut_short

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self._look(f"after epoch {epoch + 1}")

    def _look(self, moment: str) -> bool:
        """End training if it is time; returns whether that was done now."""
        elapsed = self.agreed(time.monotonic() - self._begun)
        if elapsed < self.seconds or self.model.stop_training:
            return False
        self.model.stop_training = self.ended = True
        if self.verbose > 0:
            self.say(f"TimeLimit: ended {moment}, {format_seconds(elapsed)} after training began.")
        return True
