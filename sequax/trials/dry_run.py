"""`fit(..., dry_run=True)`: one batch through training and validation, on copies of the model and its callbacks."""

from __future__ import annotations

import copy
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..callbacks import BackupAndRestore, CallbackList, History, callback_list
from ..copying import copy_of
from ..core import rng
from ..core.warning import warn
from ..data import streams
from ..data.batches import DEFAULT_BATCH_SIZE
from ..utils.messages import announce

if TYPE_CHECKING:
    from ..model import Model

# Where callbacks keep the path that they write to: ours, and by custom those of others.
_PATHS = ("filepath", "filename", "log_dir", "backup_dir", "folder", "directory", "path", "save_dir", "output_dir")


def dry_run(model: Model, given: dict[str, Any], fit: Callable[..., History]) -> History:
    """Run one batch through all that `fit` would do.

    Args:
        model: compiled; it stays as it is, weights, optimizer and random numbers too.
        given: the arguments of `fit`.
        fit: that of `Model`, whatever arguments a subclass takes.

    Returns:
        `History` of the one epoch. What callbacks write goes into a folder beside its real place, which is removed.
    """
    x, shown = given.get("x"), given.get("verbose", "auto")
    twin, drawn = copy_of(model), rng.state()
    with _beside() as folders:
        callbacks = _copies(given.pop("callbacks"), model, twin, folders)
        resume = given.pop("resume", None)
        if resume is not None:
            callbacks.append(BackupAndRestore(folders.instead_of(resume), seconds=60))
        try:
            history = fit(twin, **_one_batch(given), callbacks=callbacks)
        finally:
            rng.restore(drawn)
        written = folders.files()
    if iter_once(x):
        warn(f"dry_run has taken a batch from x, a {type(x).__name__}, which the next `fit` will not see.")
    if shown != 0:
        announce(_told(history, callbacks, written))
    return history


def _one_batch(given: dict[str, Any]) -> dict[str, Any]:
    """The arguments for one step of everything."""
    size = None if streams.is_stream(given.get("x")) else given.get("batch_size") or DEFAULT_BATCH_SIZE
    given = {**given, "augment": copy.deepcopy(given.get("augment"))}  # whose seeds are to stay where they are
    changed = {"batch_size": size, "verbose": 0, "epochs": given.get("initial_epoch", 0) + 1, "steps_per_epoch": 1}
    if given.get("validation_data") is not None or given.get("validation_split"):
        changed |= {"validation_freq": 1, "validation_steps": 1}
        if not streams.is_stream(given.get("validation_data")):
            changed["validation_batch_size"] = given.get("validation_batch_size") or size or DEFAULT_BATCH_SIZE
    return {**given, **changed}


def iter_once(x: object) -> bool:
    """Whether what was taken from a stream is gone: it is its own iterator."""
    return streams.is_stream(x) and hasattr(x, "__next__")


def _told(history: History, callbacks: list[Any], written: list[str]) -> str:
    logs = history.history
    parts = ["one batch of training"] + (["one of validation"] if any(n.startswith("val_") for n in logs) else [])
    names = [type(callback).__name__ for callback in callbacks]
    text = f"Dry run: {' and '.join(parts)} went through" + (f", with {', '.join(names)}" if names else "") + "."
    if written:
        text += f" {len(written)} file{'s' if len(written) > 1 else ''} could be written, and removed again."
    return f"{text} The model is as before."


# --- callbacks, and where they write ---


def _copies(callbacks: Any, model: Model, twin: Model, folders: _Folders) -> list[Any]:
    """Copies of callbacks, whose model is the copy of the model, and which write elsewhere."""
    if isinstance(callbacks, CallbackList):
        callbacks = callbacks.callbacks
    made = []
    for callback in callback_list.listed(callbacks):
        if getattr(callback, "tells_others", False):
            continue
        one = callback
        with suppress(Exception):  # of locks, files, connections and the like: then itself
            one = copy.deepcopy(callback, {id(model): twin, **_shared(callback)})
        if one is not callback:
            for name in _PATHS:
                value = getattr(one, name, None)
                if isinstance(value, (str, os.PathLike)) and str(value):
                    moved = folders.instead_of(value)
                    with suppress(AttributeError):  # a property without a setter
                        setattr(one, name, type(value)(moved) if isinstance(value, (str, Path)) else moved)
        made.append(one)
    return made


def _shared(callback: Any) -> dict[int, Any]:
    """Arrays that a callback holds, such as data to validate on: what a copy of it does not copy, by id."""
    found: dict[int, Any] = {}
    for value in getattr(callback, "__dict__", {}).values():
        for one in value if isinstance(value, (list, tuple)) else [value]:
            if hasattr(one, "shape") and hasattr(one, "dtype"):
                found[id(one)] = one
    return found


class _Folders:
    """Folders that stand beside the real ones, so that whether one may write there is found out."""

    def __init__(self) -> None:
        self._made: dict[Path, Path] = {}

    def instead_of(self, path: str | os.PathLike[str]) -> str:
        """A path of the same name and ending in a folder beside the one that is meant."""
        wanted = Path(os.path.abspath(os.fspath(path)))
        anchor = next((parent for parent in wanted.parents if parent.is_dir()), None)
        between = [] if anchor is None else [parent for parent in wanted.parents if anchor in parent.parents]
        if anchor is None or "://" in os.fspath(path) or any(parent.exists() for parent in between):
            return os.fspath(path)  # a file stands where a folder should: the callback says so
        if anchor not in self._made:
            try:
                self._made[anchor] = Path(tempfile.mkdtemp(prefix=".sequax-dry-run-", dir=anchor))
            except OSError:  # the callback will say so, of the path that was meant
                return os.fspath(path)
        return str(self._made[anchor] / wanted.relative_to(anchor))

    def files(self) -> list[str]:
        return [str(file) for folder in self._made.values() for file in folder.rglob("*") if file.is_file()]

    def remove(self) -> None:
        for folder in self._made.values():
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _beside() -> Iterator[_Folders]:
    folders = _Folders()
    try:
        yield folders
    finally:
        folders.remove()
