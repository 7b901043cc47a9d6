"""A run on disk: one file with the arrays of the training state and everything else as JSON.

The file is of the safetensors format, written atomically and with a checksum per array. A folder holds the newest
snapshot and the one before it, which is used when the newest is damaged, and a lock that keeps a second process away.
"""

from __future__ import annotations

import errno
import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..core.warning import warn
from . import atomic, config, tensors
from .errors import LoadError
from .source import Source

_NEWEST, _PREVIOUS, _LOCK = "snapshot.safetensors", "snapshot.previous.safetensors", "lock"
KIND = "sequax-run-1"


class Snapshot(NamedTuple):
    """What a run needs to go on.

    Fields:
        arrays: of the training state, by name.
        signature: what must be the same in the run that continues.
        state: plain values: the position in the data, states of callbacks, of random generators.
    """

    arrays: dict[str, np.ndarray]
    signature: dict[str, Any]
    state: dict[str, Any]


def to_bytes(snapshot: Snapshot) -> bytes:
    arrays = dict(snapshot.arrays)
    state = _packed(snapshot.state, arrays)
    return tensors.assemble(arrays, {"kind": KIND, "run": json.dumps({"facts": snapshot.signature, "state": state})})


def from_file(path: Path) -> Snapshot:
    """
    Raises:
        LoadError: if the file is damaged or no snapshot.
    """
    with Source.of(path) as source:
        found, texts = tensors.read_parts(source)
        if texts.get("kind") != KIND or "run" not in texts:
            raise LoadError(f"{path}: this is no snapshot of a training run.")
        arrays = {name: tensor.read() for name, tensor in found.items()}
    run = config.parse(texts["run"], f"{path}: run")
    if not isinstance(run, dict) or not all(isinstance(run.get(key), dict) for key in ("facts", "state")):
        raise LoadError(f"{path}: the state of the training run is damaged.")
    state = _unpacked(run["state"], arrays)
    return Snapshot({k: v for k, v in arrays.items() if not k.startswith(_INSIDE)}, run["facts"], state)


_FIELDS: dict[str, Any] = {
    **dict.fromkeys(("epoch", "step", "before"), int),
    **{"logs": dict, "at_epoch": dict, "callbacks": dict, "stop_training": bool, "trainable": list, "random": dict},
}


def check_state(state: dict[str, Any]) -> None:
    """Hold the state of a run against what `fit` writes, before anything is taken from it.

    Raises:
        LoadError: naming the field that is not as it should be.
    """
    for name, kind in _FIELDS.items():
        value = state.get(name)
        counts = kind is not int or (type(value) is int and 0 <= value < 2**62)
        if not isinstance(value, kind) or not counts:
            raise LoadError(f"The saved run cannot be continued: its {name} is damaged. Received: {value!r:.80}")
    for place in ("random", "at_epoch"):
        drawn = state[place].get("numpy", None)
        # NumPy itself believes the position, and reads memory there.
        if drawn is not None and not (
            isinstance(drawn, (tuple, list)) and len(drawn) == 5 and type(drawn[2]) is int and 0 <= drawn[2] <= 624
        ):
            raise LoadError(f"The saved run cannot be continued: its state of NumPy's generator is damaged ({place}).")


def newest_in(path: str | os.PathLike[str]) -> Snapshot:
    """The newest snapshot in a folder that another process of the same run has locked and found whole.

    Raises:
        FileNotFoundError: if it is not seen from here.
    """
    place = Path(os.fspath(path)) / _NEWEST
    if not place.exists():
        raise FileNotFoundError(
            errno.ENOENT,
            "process 0 of this run goes on from a snapshot that this process does not see; all need one folder, such as"
            f" one on a network file system: {str(place)!r}",
        )
    return from_file(place)


class Folder:
    """A folder that holds the snapshots of one run.

    Raises:
        OSError: if nothing can be written there.
        RuntimeError: if another process uses it.
    """

    def __init__(self, path: str | os.PathLike[str]):
        self.path: Path = Path(os.fspath(path))
        if self.path.exists() and not self.path.is_dir():
            raise NotADirectoryError(
                errno.ENOTDIR, f"the snapshots of a run need a folder, but this is a file: {str(self.path)!r}"
            )
        self.path.mkdir(parents=True, exist_ok=True)
        atomic.check_writable(self.path / _NEWEST)
        self._lock: int | None = _locked(self.path / _LOCK)
        atomic.remove_leftovers(self.path)  # of a process that was killed while it wrote

    def save(self, snapshot: Snapshot) -> None:
        """Write a snapshot; the one before stays as the previous."""
        newest = self.path / _NEWEST
        if newest.exists():
            with suppress(FileNotFoundError):
                (self.path / _PREVIOUS).unlink()
            # A second name for the same file: at no moment is there no snapshot under either name.
            try:
                os.link(newest, self.path / _PREVIOUS)
            except OSError:  # a file system without hard links
                atomic.write(self.path / _PREVIOUS, newest.read_bytes())
        atomic.write(newest, to_bytes(snapshot))

    def load(self) -> Snapshot | None:
        """The newest snapshot that is whole; None if there is none."""
        problems = []
        for name in (_NEWEST, _PREVIOUS):
            path = self.path / name
            if not path.exists():
                continue
            try:
                snapshot = from_file(path)
            except (LoadError, OSError) as error:
                problems.append(f"{path}: {error}")
                continue
            if problems:
                warn(
                    f"The newest snapshot is damaged ({problems[0]}). The run goes on from the one before it, and"
                    f" repeats what came after that."
                )
                # The next save would keep the damaged file and drop the good one.
                os.replace(path, self.path / _NEWEST)
            return snapshot
        if problems:
            raise LoadError(
                f"No snapshot in {self.path} can be read: {'; '.join(problems)}. Remove them to start over."
            )
        return None

    def clear(self) -> None:
        """Forget the run: the next one in this folder starts from its beginning."""
        for name in (_NEWEST, _PREVIOUS):
            with suppress(FileNotFoundError):
                (self.path / name).unlink()

    def close(self) -> None:
        """Let others use the folder; removes it if nothing is in it."""
        if self._lock is None:
            return
        with suppress(OSError):
            (self.path / _LOCK).unlink()
        os.close(self._lock)
        self._lock = None
        with suppress(OSError):
            self.path.rmdir()


def _locked(path: Path) -> int:
    """An open file that this process alone holds; the system lets it go when the process ends, however it ends."""
    while True:
        number = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            _hold(number, path)
            with suppress(FileNotFoundError):
                # The holder before removes the file before it lets it go: then this one is not in the folder any more.
                if os.path.samestat(os.fstat(number), os.stat(path)):
                    os.ftruncate(number, 0)
                    os.write(number, str(os.getpid()).encode())
                    return number
        except BaseException:
            os.close(number)
            raise
        os.close(number)


def _hold(number: int, path: Path) -> None:
    try:
        import fcntl
    except ImportError:  # Windows: an open file cannot be removed there
        return
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.read(number, 32).decode(errors="replace").strip()
        raise RuntimeError(
            f"{path.parent} is in use by another training run{f' (process {holder})' if holder else ''}: two runs in"
            f" one folder would overwrite each other. Wait for it, or choose another folder."
        ) from None
    except OSError:  # a file system without locks
        return


# --- arrays inside plain values -------------------------------------------------------------------------------------

_INSIDE = "state/"
_ARRAY, _TUPLE = "__array__", "__tuple__"


def _packed(value: object, arrays: dict[str, np.ndarray]) -> object:
    """Plain values for JSON; arrays in them are moved to `arrays`."""
    if isinstance(value, dict):
        return {str(key): _packed(one, arrays) for key, one in value.items()}
    if isinstance(value, tuple):
        return {_TUPLE: [_packed(one, arrays) for one in value]}
    if isinstance(value, list):
        return [_packed(one, arrays) for one in value]
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    if isinstance(value, np.generic) and value.dtype.kind in "biuf":
        return value.item()
    array = np.asarray(value)
    if array.dtype.kind not in "biufV":
        raise TypeError(
            f"A run's state must consist of numbers, texts, lists, dicts and arrays. Received: {value!r:.80}"
        )
    name = f"{_INSIDE}{len(arrays)}"
    arrays[name] = array
    return {_ARRAY: name}


def _unpacked(value: object, arrays: dict[str, np.ndarray]) -> Any:
    if isinstance(value, list):
        return [_unpacked(one, arrays) for one in value]
    if not isinstance(value, dict):
        return value
    if set(value) == {_ARRAY}:
        name = value[_ARRAY]
        if not isinstance(name, str) or name not in arrays:
            raise LoadError(f"the state of the training run names an array {name!r:.80}, which the file does not have.")
        return arrays[name]
    if set(value) == {_TUPLE} and isinstance(value[_TUPLE], list):
        return tuple(_unpacked(one, arrays) for one in value[_TUPLE])
    return {key: _unpacked(one, arrays) for key, one in value.items()}
