"""`ModelCheckpoint`: saves the model, or the best one so far, while it is trained."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from ..core.warning import warn
from .base import Logs, SaveFrequency
from .monitor import Mode, MonitorCallback

_FIELD = re.compile(r"\{(\w+)[^{}]*\}")


class ModelCheckpoint(MonitorCallback):
    """Saves the model or its weights after epochs, or after a number of batches.

    Args:
        filepath: of the file; may hold fields such as `"{epoch:02d}-{val_loss:.2f}.keras"` (epochs count from 1 there,
            `{batch}` with a number in `save_freq`). Ends with `.keras` or `.h5`; with `save_weights_only` with
            `.weights.h5`; with `adapters_only` with `.safetensors`.
        monitor: a name in the logs, for `save_best_only`.
        verbose: 1: print a line per save.
        save_best_only: save only when `monitor` is better than at any save before.
        save_weights_only: `save_weights` in place of `save`.
        mode: `"min"`, `"max"`, or `"auto"`, which goes by the metric's name.
        save_freq: `"epoch"`, or a number of batches, counted through all epochs.
        initial_value_threshold: the value to beat at first.
        adapters_only: `save_lora(trained=True)` in place of `save`: the adapters of LoRA and what else is trained, such
            as a new head. `load_lora` puts them back into the model that was there before.

    Files are whole or absent: a kill or a full disk leaves the file before. Whether the folder can be written to is
    tried when `fit` starts. A run continued by `BackupAndRestore` remembers its best value.

    If the logs have no `monitor`, it warns, once, and saves every time.

    Raises:
        ValueError: for a name that does not suit what is saved, an unknown `save_freq`, and for a field of the name
            that is not in the logs.
        OSError: at the start of `fit`, if the folder cannot be written to.

    Example:

        best = ModelCheckpoint("best.keras", save_best_only=True)
        model.fit(x, y, validation_split=0.1, callbacks=[best])
    """

    best: float | None

    verbose: int
    save_best_only: bool
    save_weights_only: bool
    adapters_only: bool
    save_freq: str | int

    def __init__(
        self,
        filepath: str | os.PathLike[str],
        monitor: str = "val_loss",
        verbose: int = 0,
        save_best_only: bool = False,
        save_weights_only: bool = False,
        mode: Mode = "auto",
        save_freq: SaveFrequency = "epoch",
        initial_value_threshold: float | None = None,
        *,
        adapters_only: bool = False,
    ) -> None:
        super().__init__(monitor, mode, initial_value_threshold)
        self.filepath: str = os.fspath(filepath)
        if adapters_only and save_weights_only:
            raise ValueError(
                "ModelCheckpoint: `adapters_only` and `save_weights_only` exclude each other: the weights hold the"
                " adapters, too."
            )
        endings = (".weights.h5",) if save_weights_only else (".keras", ".h5")
        endings = (".safetensors",) if adapters_only else endings
        if not self.filepath.endswith(endings):
            kind = f"adapters_only={adapters_only}" if adapters_only else f"save_weights_only={save_weights_only}"
            raise ValueError(
                f"ModelCheckpoint({kind}): `filepath` must end with {' or '.join(endings)}. Received:"
                f" filepath={self.filepath!r}"
            )
        self.every_steps: int | None = save_freq if isinstance(save_freq, int) else None
        self._epoch = self._before_epoch = self._done = 0
        self._warned = False  # that the logs have no `monitor`

    def on_train_begin(self, logs: Logs | None = None) -> None:
        from ..saving import atomic  # files come in when they are wanted

        if self.adapters_only and not any(getattr(one, "lora_enabled", False) for one in self.model.flatten_layers()):
            raise ValueError(
                f"ModelCheckpoint(adapters_only=True): no layer of model '{self.model.name}' has an adapter."
                f" `model.enable_lora(rank)` makes them."
            )
        folder = Path(_FIELD.sub("_", self.filepath)).parent
        if self.leads:
            folder.mkdir(parents=True, exist_ok=True)
            atomic.check_writable(folder / Path(_FIELD.sub("_", self.filepath)).name)
        self._before_epoch = self._done = 0

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self._epoch = epoch

    def on_train_chunk_end(self, step: int, logs: Logs | None = None) -> None:
        self._done = step
        if self.every_steps is not None and (self._before_epoch + step) % self.every_steps == 0:
            self._save_if_due({"epoch": self._epoch + 1, "batch": step}, logs or {})

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self._before_epoch, self._done = self._before_epoch + self._done, 0
        if self.save_freq == "epoch":
            self._save_if_due({"epoch": epoch + 1}, logs or {})

    def _save_if_due(self, place: dict[str, int], logs: Logs) -> None:
        path = self._path(place, logs)
        when = f"epoch {place['epoch']}" + (f", batch {place['batch']}" if "batch" in place else "")
        if not self.save_best_only:
            self._say(f"{when}: saving model to {path}")
            self._save(path)
            return
        if self.monitor not in logs and not self._awaits_validation(logs):
            if not self._warned:
                warn(f"{self._missing_message(logs)} So each model is saved.")
            self._warned = True
            self._save(path)
            return
        value = self.get_monitor_value(logs)
        if value is None:
            return
        if not self.is_improvement(value, self.best):
            self._say(f"{when}: {self.monitor} {value:.5g} is not better than {self.best}")
            return
        self._say(f"{when}: {self.monitor} went from {self.best} to {value:.5g}, saving model to {path}")
        self._save(path)
        self.best = value

    def _path(self, place: dict[str, int], logs: Logs) -> str:
        values = {**logs, **place}
        missing = [name for name in _FIELD.findall(self.filepath) if name not in values]
        if missing:
            raise ValueError(
                f"ModelCheckpoint(filepath={self.filepath!r}): there is no {missing[0]!r} to put into the name; there"
                f" are: {', '.join(values)}."
            )
        return self.filepath.format(**values)

    def _save(self, path: str) -> None:
        if self.adapters_only:
            self.model.save_lora(path, trained=True)
        elif self.save_weights_only:
            self.model.save_weights(path, overwrite=True)
        else:
            self.model.save(path, overwrite=True)

    # What callbacks of other libraries that extend this one call, by the names that Keras gave it.

    @property
    def _current_epoch(self) -> int:
        return self._epoch

    def _should_save_on_batch(self, batch: int) -> bool:
        return self.every_steps is not None and (self._before_epoch + batch + 1) % self.every_steps == 0

    def _get_file_path(self, epoch: int, batch: int | None, logs: Logs | None) -> str:
        return self._path(_place(epoch, batch), logs or {})

    def _save_model(self, epoch: int, batch: int | None, logs: Logs | None) -> None:
        self._save_if_due(_place(epoch, batch), logs or {})

    def _say(self, text: str) -> None:
        if self.verbose > 0:
            self.say(f"ModelCheckpoint: {text}")

    def state_dict(self) -> dict[str, Any]:
        return {"best": self.best, "before_epoch": self._before_epoch}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.best, self._before_epoch = state["best"], state["before_epoch"]


def _place(epoch: int, batch: int | None) -> dict[str, int]:
    return {"epoch": epoch + 1} | ({} if batch is None else {"batch": batch + 1})
