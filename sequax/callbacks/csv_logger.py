"""`CSVLogger`: one row per epoch in a text file."""

from __future__ import annotations

import csv
import os
from typing import Any, TextIO

import numpy as np

from .base import Callback, Logs


class CSVLogger(Callback):
    """Writes each epoch's logs as a row.

    Args:
        filename: the file; opened when training begins, so that an unwritable one fails at once.
        separator: between two columns.
        append: keep what the file holds; the header is written only into an empty file.

    The columns are `epoch` and the first epoch's names in alphabetic order. If that epoch was not validated there are
    `val_` columns for all of them, which hold `NA` as long as there is nothing to write.

    Example:

        model.fit(x, y, callbacks=[CSVLogger("log.csv", append=True)])
    """

    def __init__(self, filename: str | os.PathLike[str], separator: str = ",", append: bool = False) -> None:
        super().__init__()
        self.filename: str = os.fspath(filename)
        self.sep = separator
        self.append = append
        self.keys: list[str] | None = None
        self._file: TextIO | None = None
        self._starts_anew = False

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self.on_close()
        self.keys = None
        # Not emptied before the first row: a resumed run keeps the rows it has, and tells so only after this hook.
        self._file = open(self.filename if self.leads else os.devnull, "a", newline="", encoding="utf-8")  # noqa: SIM115 open until on_close
        self._starts_anew = not self.append

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        logs = logs or {}
        if self._file is None:
            raise ValueError("CSVLogger: on_train_begin opens the file; call it before on_epoch_end.")
        if self._starts_anew:
            self._emptied(0)
            self._starts_anew = False
        writes_header = not self.leads or os.path.getsize(self.filename) == 0
        if self.keys is None:
            self.keys = _columns(logs)
        writer = csv.writer(self._file, delimiter=self.sep)
        if writes_header:
            writer.writerow(["epoch", *self.keys])
        writer.writerow([epoch, *(_cell(logs[key]) if key in logs else "NA" for key in self.keys)])
        self._file.flush()

    def on_train_end(self, logs: Logs | None = None) -> None:
        self.on_close()

    def on_close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def state_dict(self) -> dict[str, Any]:
        size = os.path.getsize(self.filename) if self.leads and self.keys is not None else None
        return {"keys": self.keys, "bytes": size}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        if state["keys"] is None or self._file is None:
            return
        self.keys = list(state["keys"])
        self._starts_anew = False
        # Rows written after the state was kept come again. A shorter file is not the one of that run: it is left alone.
        if self.leads and os.path.getsize(self.filename) > state["bytes"]:
            self._emptied(state["bytes"])

    def _emptied(self, size: int) -> None:
        if self.leads and self._file is not None:
            self._file.truncate(size)


def _columns(logs: Logs) -> list[str]:
    names = sorted(logs)
    if any(name.startswith("val_") for name in names):
        return names
    return names + [f"val_{name}" for name in names]


def _cell(value: Any) -> object:
    if isinstance(value, str) or np.ndim(value) == 0:
        return value
    return f'"[{", ".join(map(str, value))}]"'
