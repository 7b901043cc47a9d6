"""`OrbaxCheckpoint`: checkpoints that are written in the background, by all devices and processes together."""

from __future__ import annotations

import os
from typing import Any

from ..core.types import Path
from ..core.warning import warn
from .base import Logs, SaveFrequency
from .monitor import Mode, MonitorCallback


class OrbaxCheckpoint(MonitorCallback):
    """Saves the model with Orbax after epochs, or after a number of batches, while training goes on.

    `load_model(directory)` and `model.load_weights(directory)` read the newest step of the folder; so does Keras, whose
    format it is. Each device writes its part of an array that is cut over several, and another number of devices or
    processes reads it. It is for state beyond the memory of one machine and for saves that must not hold up training;
    in other cases `ModelCheckpoint` writes one file that is checked, and `BackupAndRestore` resumes a run to the bit.
    Needs the extra `orbax`.

    Args:
        directory: the folder; each save is a folder in it, named after the epoch (from 0), or with a number in
            `save_freq` after the batches so far. Where the folder has steps of an earlier run, numbers go on above
            them, so that the newest is always the last that was written.
        monitor: a name in the logs, for `save_best_only`.
        verbose: 1: print a line per save.
        save_best_only: save only when `monitor` is better than at any save before; an epoch whose logs have no
            `monitor` is not saved, with a warning.
        mode: `"min"`, `"max"`, or `"auto"`, which goes by the metric's name.
        save_freq: `"epoch"`, or a number of batches, counted through all epochs.
        initial_value_threshold: the value to beat at first.
        max_to_keep: how many steps to keep, the newest; None keeps all.
        save_on_background: write while training goes on; False waits for each save.
        save_weights_only: leave out the optimizer's state, the metrics and the config; `load_model` needs the config.

    Raises:
        ImportError: without orbax-checkpoint.
        ValueError: for an unknown `save_freq`, or a `max_to_keep` below 1.
        OSError: if something cannot be written; one in the background comes at the next save, or when training ends.

    Example:

        model.fit(x, y, epochs=10, callbacks=[OrbaxCheckpoint("checkpoints", max_to_keep=3)])
        model = sequax.models.load_model("checkpoints")
    """

    in_all_processes = True

    best: float | None

    directory: Path
    verbose: int
    save_best_only: bool
    save_freq: str | int
    max_to_keep: int | None
    save_on_background: bool
    save_weights_only: bool

    def __init__(
        self,
        directory: Path,
        monitor: str = "val_loss",
        verbose: int = 0,
        save_best_only: bool = False,
        mode: Mode = "auto",
        save_freq: SaveFrequency = "epoch",
        initial_value_threshold: float | None = None,
        max_to_keep: int | None = 1,
        save_on_background: bool = True,
        save_weights_only: bool = False,
    ) -> None:
        super().__init__(monitor, mode, initial_value_threshold)
        from ..saving import orbax  # files come in when they are wanted

        self._orbax: Any = orbax.library("OrbaxCheckpoint")
        if max_to_keep is not None and max_to_keep < 1:
            raise ValueError(
                f"OrbaxCheckpoint: expected a number above 0 for `max_to_keep`, or None. Received: {max_to_keep!r}"
            )
        place = os.fspath(directory)
        self.directory = place if "://" in place else os.path.abspath(place)
        self.max_to_keep = max_to_keep
        self.every_steps: int | None = save_freq if isinstance(save_freq, int) else None
        self._checkpointer: Any = None
        self._pending: list[Any] = []
        self._before_epoch = self._done = self._batches_at_begin = self._shift = 0
        self._warned = False

    @property
    def checkpointer(self) -> Any:
        """Orbax' `Checkpointer` of the folder; closed when training ends."""
        if self._checkpointer is None:
            training = self._orbax.training
            keep = training.preservation_policies
            self._checkpointer = training.Checkpointer(
                directory=self.directory,
                preservation_policy=keep.PreserveAll() if self.max_to_keep is None else keep.LatestN(self.max_to_keep),
                save_decision_policy=training.save_decision_policies.FixedIntervalPolicy(1),
            )
        return self._checkpointer

    def is_multihost_enabled(self) -> bool:
        """Whether several processes save together."""
        return bool(self._multihost.is_jax_distributed_client_initialized())

    def is_primary_host(self) -> bool:
        """Whether this process is the first of them; True where there is one."""
        return not self.is_multihost_enabled() or bool(self._multihost.is_primary_host(primary_host=0))

    @property
    def _multihost(self) -> Any:
        import orbax.checkpoint

        return orbax.checkpoint.multihost

    def wait_until_finished(self) -> None:
        """Wait until all that was begun is written, in every process.

        Raises:
            OSError: if that failed.
        """
        pending, self._pending = self._pending, []
        for one in pending:
            one.result()
        if self._checkpointer is not None:
            self._checkpointer.wait()
        if self.is_multihost_enabled():
            self._multihost.sync_global_processes("sequax_checkpoint_wait")

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._before_epoch = self._done = self._shift = 0
        self._warned = False
        optimizer = getattr(self.model, "optimizer", None)
        self._batches_at_begin = 0 if optimizer is None else int(optimizer.iterations)
        _ = self.checkpointer  # a folder that cannot be written to is an error now

    def on_train_chunk_end(self, step: int, logs: Logs | None = None) -> None:
        self._done = step
        batches = self._before_epoch + step
        if self.every_steps is not None and batches % self.every_steps == 0:
            self._save_if_due(self._batches_at_begin + batches, f"batch {batches}", logs or {})

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self._before_epoch, self._done = self._before_epoch + self._done, 0
        if self.every_steps is None:
            self._save_if_due(epoch, f"epoch {epoch + 1}", logs or {})

    def on_train_end(self, logs: Logs | None = None) -> None:
        self.wait_until_finished()
        self.on_close()

    def on_close(self) -> None:
        if self._checkpointer is not None:
            checkpointer, self._checkpointer = self._checkpointer, None
            self._pending.clear()
            checkpointer.close()

    def _save_if_due(self, step: int, when: str, logs: Logs) -> None:
        if self.save_best_only and not self._is_best(when, logs):
            return
        if self.verbose > 0:
            self.say(f"OrbaxCheckpoint: {when}: saving to {self.directory}")
        self._save_checkpoint(step, logs)

    def _is_best(self, when: str, logs: Logs) -> bool:
        if self.monitor not in logs and not self._awaits_validation(logs):
            if not self._warned:
                warn(f"{self._missing_message(logs)} So {when} is not saved.")
            self._warned = True
            return False
        value = self.get_monitor_value(logs)
        if value is None or not self.is_improvement(value, self.best):
            return False
        self.best = value
        return True

    # By this name callbacks that extend it call it.
    def _save_checkpoint(self, step: int, logs: Logs | None = None) -> None:
        from ..saving import orbax

        latest = self.checkpointer.latest
        if latest is not None and step + self._shift <= latest.step:
            self._shift = latest.step + 1 - step
        contents = orbax.contents(self.model, self.save_weights_only)
        if self.save_on_background:
            # Orbax writes one at a time: by now the one before is written, or has failed.
            pending, self._pending = self._pending, []
            for one in pending:
                one.result()
            self._pending.append(self.checkpointer.save_checkpointables_async(step + self._shift, contents))
        else:
            self.checkpointer.save_checkpointables(step + self._shift, contents)

    def state_dict(self) -> dict[str, Any]:
        return {"best": self.best, "before_epoch": self._before_epoch, "batches_at_begin": self._batches_at_begin}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.best, self._before_epoch = state["best"], state["before_epoch"]
        self._batches_at_begin = state["batches_at_begin"]
