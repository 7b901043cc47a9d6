"""Snapshots of training runs: damaged ones, and whole ones whose state is not what `fit` writes."""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from . import configs, files, watch
from .entries import Fixture, inspections

NAMES = ("snapshot.safetensors", "snapshot.previous.safetensors")
DAMAGED: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda data: b"",
    "cut off": lambda data: data[:-100],
    "a bit": lambda data: data[:-9] + bytes([data[-9] ^ 1]) + data[-8:],
    "pickle": lambda data: configs.PICKLED,
    "header of 2**60 bytes": lambda data: struct.pack("<Q", 2**60) + data[8:],
    "weights of a model": lambda data: files.joined({}, b""),
}
RUNS: dict[str, Any] = {  # what stands in place of facts and state
    "no JSON": "{",
    "a list": "[]",
    "200,000 levels": "[" * 200_000,
    "no facts": '{"state": {}}',
    "no state": '{"facts": {}}',
    "key twice": '{"facts": {}, "facts": {}, "state": {}}',
    "other array": '{"facts": {}, "state": {"a": {"__array__": "state/99"}}}',
    "array without a name": '{"facts": {}, "state": {"a": {"__array__": [1]}}}',
    "tuple without items": '{"facts": {}, "state": {"a": {"__tuple__": 3}}}',
}


def numpy_state(position: Any) -> tuple:
    """Of NumPy's generator, which reads memory at the position."""
    return ("MT19937", np.zeros(624, np.uint32), position, 0, 0.0)


def states(good: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """States with one field that `fit` never writes."""
    drawn = good["random"]
    changes: dict[str, dict[str, Any]] = {
        **{f"epoch is {value!r}": {"epoch": value} for value in (-1, "3", True, None, 2**70)},
        **{f"step is {value!r}": {"step": value} for value in (-1, 0.5, [])},
        **{f"{name} is missing": {name: ...} for name in good if name != "validation"},
        "logs is a list": {"logs": []},
        "layers are trainable by words": {"trainable": ["x"] * 99},
        "callbacks of other classes": {"callbacks": {"7.Evil": {"x": 1}}},
        "callbacks are a number": {"callbacks": 3},
        "no generators": {"random": {}},
        "Python's generator is cut off": {"random": {**drawn, "python": (3, (1, 2), None)}},
        **{
            f"position of NumPy's generator is {at!r}": {"random": {**drawn, "numpy": numpy_state(at)}}
            for at in (2**30, -5, 625, "0")
        },
        "NumPy's generator is a number": {"random": {**drawn, "numpy": 3}},
        "no state of the data": {"at_epoch": {}},
        "data are a word": {"at_epoch": {"source": "x"}},
        "position in the epoch": {"at_epoch": {**good["at_epoch"], "numpy": numpy_state(10**9)}},
    }
    return {
        name: {key: value for key, value in {**good, **change}.items() if value is not ...}
        for name, change in changes.items()
    }


def cases(fixture: Fixture) -> Iterator[tuple]:
    from sequax.saving import snapshot, tensors
    from sequax.saving.source import Source

    folder = fixture.folder / "run"
    good = begun(folder)
    found = snapshot.from_file(folder / NAMES[0])
    arrays, texts = tensors.read_parts(Source.of(good))
    plain = {name: one.read() for name, one in arrays.items()}
    made: dict[str, Callable[[], bytes]] = {name: lambda c=c: c(good) for name, c in DAMAGED.items()}  # type: ignore[misc]
    for name, run in RUNS.items():
        made[name] = lambda r=run: tensors.assemble(plain, {"kind": snapshot.KIND, "run": r})  # type: ignore[misc]
    made["another kind"] = lambda: tensors.assemble(plain, {**texts, "kind": "x"})
    for name, data in made.items():
        yield from attempts(fixture, folder, name, data(), "ValueError" if name == "tuple without items" else "refused")
    for name, state in states(found.state).items():
        yield from attempts(fixture, folder, name, snapshot.to_bytes(found._replace(state=state)), "ValueError")
    first = next(name for name in found.arrays if name.startswith("model/"))
    for name, array in {
        "other shape": np.zeros(3, np.float32),
        "other dtype": found.arrays[first].astype(np.int64),
        "booleans": found.arrays[first] > 0,
    }.items():
        data = snapshot.to_bytes(found._replace(arrays={**found.arrays, first: array}))
        yield from attempts(fixture, folder, f"array of {name}", data, "ValueError")
    missing = {name: array for name, array in found.arrays.items() if name != first}
    yield from attempts(
        fixture, folder, "array missing", snapshot.to_bytes(found._replace(arrays=missing)), "ValueError"
    )
    signature = {**found.signature, "weights": configs.VALUES["code"]}
    other = found._replace(signature=signature)
    yield from attempts(fixture, folder, "other facts", snapshot.to_bytes(other), "ValueError")
    for name in NAMES:
        (folder / name).unlink(missing_ok=True)
        (folder / name).symlink_to("/dev/zero")
    yield from attempts(fixture, folder, "device", None, "OSError")


def attempts(fixture: Fixture, folder: Path, name: str, data: bytes | None, expected: str) -> Iterator[tuple]:
    """By both ways of going on with a run, from a folder whose two snapshots are these; and a look at it."""
    from sequax.callbacks import BackupAndRestore

    def put() -> None:
        for file in NAMES if data is not None else ():
            (folder / file).write_bytes(data)  # type: ignore[arg-type]

    ways = {"fit(resume=)": {"resume": folder}, "BackupAndRestore": {"callbacks": [BackupAndRestore(folder)]}}
    for way, options in ways.items():
        put()
        yield name, way, expected, lambda o=options: fit(fixture.model, **o), [watch.Writable(folder)]
    path, other = folder / NAMES[0], fixture.folder / "good.safetensors"
    yield name, "sequax inspect", "either", inspections(str(path), str(other))[1], [path, other]


def fit(model: Any, **options: Any) -> None:
    rows = np.ones((8, 4), np.float32)
    model.fit(rows, rows[:, :2], batch_size=4, epochs=3, verbose=0, **options)


class Enough(Exception):
    """Ends a run."""


def begun(folder: Path) -> bytes:
    """The snapshot of a run that was ended in its second epoch; another process may have begun it before."""
    import sequax

    class End(sequax.callbacks.Callback):
        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            if epoch == 1:
                raise Enough

    model = files.good_model()
    model.optimizer.build(model.trainable_variables)
    with contextlib.suppress(Enough):
        fit(model, resume=folder, callbacks=[End()])
    return (folder / NAMES[0]).read_bytes()
