"""`BackupAndRestore`: a killed run goes on where it was, to the same bits."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from ..core.types import Path
from .base import Callback, Logs, SaveFrequency

if TYPE_CHECKING:
    from ..training.resume import ResumePoint


class BackupAndRestore(Callback):
    """Saves the run as it goes on; a `fit` with the same folder, model and data continues it.

    A snapshot holds weights, optimizer slots, seeds, metrics, the position in the data, the states of the other
    callbacks and the history, so that a run that was killed and started again ends with the same numbers as one that
    was not. It is one file, written under another name and renamed, and the one before it is kept: there is no moment
    at which a kill loses the run. When `fit` ends by itself, and not by a `TimeLimit`,
    the snapshots are removed.

    Args:
        backup_dir: folder of this run alone; a lock in it refuses a second process.
        save_freq: `"epoch"`, or a number: after so many batches, and after each epoch.
        double_checkpoint: accepted; the snapshot before the newest is always kept.
        delete_checkpoint: False: keep the last snapshot when `fit` ends, so that a `fit` with more epochs goes on.
        seconds: also save inside epochs, when so much time has passed since the last save.

    Generators are read again up to the batch that comes next; a `PyDataset` goes there without making the batches.

    Raises:
        ValueError: for an empty `backup_dir` or an unknown `save_freq`; at the start of `fit`, if the saved run had
            another model, other data or other settings.
        RuntimeError: if another process uses the folder.
        OSError: if nothing can be written there.

    Example:

        model.fit(x, y, epochs=100, callbacks=[BackupAndRestore("runs/first")])  # the same line again resumes it
    """

    in_all_processes = True

    save_freq: str | int
    double_checkpoint: bool
    delete_checkpoint: bool
    seconds: float | None

    def __init__(
        self,
        backup_dir: Path,
        save_freq: SaveFrequency = "epoch",
        double_checkpoint: bool = False,
        delete_checkpoint: bool = True,
        *,
        seconds: float | None = None,
    ) -> None:
        super().__init__()
        if not backup_dir:
            raise ValueError("BackupAndRestore: `backup_dir` is empty. Pass a folder for the snapshots of this run.")
        self.backup_dir = backup_dir
        self.every_steps: int | None = save_freq if isinstance(save_freq, int) else None
        self._folder: Any = None
        self._run: Any = None
        self._saved_at = 0.0

    def on_run_begin(self, run: ResumePoint) -> None:
        from ..saving.snapshot import Folder  # files come in when they are wanted

        # Of several processes the first holds the folder and writes; the others read what it has found there.
        self._folder, self._run = Folder(self.backup_dir) if self.leads else None, run
        run.resume_signature()  # as they are before the first batch: callbacks may change settings later
        snapshot = self._found()
        if snapshot is not None:
            run.restore(snapshot)
        self._saved_at = time.monotonic()

    def _found(self) -> Any:
        from ..saving import snapshot

        found = None if self._folder is None else self._folder.load()
        if self.agreed(found is not None) and found is None:
            found = snapshot.newest_in(self.backup_dir)
        return found

    def on_safe_point(self, run: ResumePoint) -> None:
        if run.cut_short:
            return  # the epoch did not come to its end: what was saved last is where to go on
        due = run.step == 0 or (self.every_steps is not None and run.total % self.every_steps == 0)
        late = self.seconds is not None and self.agreed(time.monotonic() - self._saved_at > self.seconds)
        if due or late:
            snapshot = run.snapshot()  # in all processes: arrays that are cut over them are put together
            if self._folder is not None:
                self._folder.save(snapshot)
            self._saved_at = time.monotonic()

    def on_train_end(self, logs: Logs | None = None) -> None:
        if self.delete_checkpoint and self._folder is not None and not self._run.put_off:
            self._folder.clear()

    def on_close(self) -> None:
        if self._folder is not None:
            self._folder.close()
            self._folder = self._run = None
