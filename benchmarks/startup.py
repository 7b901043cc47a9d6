"""From the start of Python to the first result: `import`, and a script to the end of its first epoch.

Cold: Sequax' cache of compiled programs is empty. Warm: an earlier run of the same script filled it. Keras keeps no
such cache, its two figures mean the same. The clock stops when the process says that it is done, before it exits.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

from .driver import Child, Failed, Record, Tell, rotated
from .peers import Peer

SAY_DONE = "\nprint('done', flush=True)"
TIMEOUT = 120.0

SCRIPT = """
import numpy as np
import {module} as keras
from {module} import layers

random = np.random.default_rng(0)
x = random.standard_normal(({rows}, *{shape}), dtype="float32")
y = random.integers(0, 10, {rows})
model = keras.Sequential([keras.Input({shape}), {layers}, layers.Dense(10, activation="softmax")])
model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(x, y, batch_size=32, epochs=1, verbose=0)
"""
MLP = {"rows": 2000, "shape": "(784,)", "layers": "layers.Dense(128, activation='relu')"}
CONVNET = {
    "rows": 500,
    "shape": "(28, 28, 1)",
    "layers": "layers.Conv2D(32, 3, activation='relu'), layers.MaxPooling2D(2), "
    "layers.Conv2D(64, 3, activation='relu'), layers.MaxPooling2D(2), layers.Flatten(), layers.Dropout(0.5)",
}


class Row(NamedTuple):
    name: str
    title: str
    run: Callable[[list[Peer], int | None, Tell], dict[str, Record]]


def time_to_done(peer: Peer, code: str, cache: str) -> float:
    """Seconds until the code has run in a new process."""
    start = time.perf_counter()
    child = Child([str(peer.python()), "-c", code + SAY_DONE], peer.variables(cache))
    try:
        child.line(TIMEOUT, "script")
        return time.perf_counter() - start
    finally:
        child.close()


def in_turns(
    peers: list[Peer], rounds: int, measure: Callable[[Peer], float], prepare: Callable[[Peer], object], tell: Tell
) -> dict[str, Record]:
    records: dict[str, Record] = {}

    def attempt(peer: Peer, action: Callable[[Peer], object]) -> object:
        try:
            return action(peer)
        except Failed as failure:
            records[peer.name] = {"error": str(failure)}
            tell(f"{peer.title} failed: {failure}")
            return None

    for peer in peers:
        tell(f"{peer.title}: first run")
        attempt(peer, prepare)
    for number in range(rounds):
        for peer in rotated(peers, number):
            record = records.setdefault(peer.name, {"rounds": []})
            tell(f"{peer.title}: round {number + 1} of {rounds}")
            seconds = None if "error" in record else attempt(peer, measure)
            if seconds is not None:
                record["rounds"].append(seconds)
    for record in records.values():
        if "rounds" in record:
            record["seconds"] = statistics.median(record["rounds"])
    return records


def imports(peers: list[Peer], rounds: int | None, tell: Tell) -> dict[str, Record]:
    """`import`, less the start of an empty Python just before."""
    with tempfile.TemporaryDirectory() as cache:

        def measure(peer: Peer) -> float:
            empty = time_to_done(peer, "", cache)
            return time_to_done(peer, f"import {peer.module}", cache) - empty

        return in_turns(peers, rounds or 5, measure, measure, tell)


def script(code: dict[str, object], warm: bool, peers: list[Peer], rounds: int | None, tell: Tell) -> dict[str, Record]:
    with tempfile.TemporaryDirectory() as folder:

        def measure(peer: Peer) -> float:
            cache = Path(folder) if warm else Path(tempfile.mkdtemp(dir=folder))
            return time_to_done(peer, SCRIPT.format(module=peer.module, **code), str(cache))

        like_keras = [peer for peer in peers if peer.loop == "keras"]
        # cold rows run once before, too: libraries are read from the disk and their bytecode is written
        return in_turns(like_keras, rounds or 3, measure, measure, tell)


ROWS = (
    Row("import", "import (Sequax loads JAX at first use)", imports),
    *(
        Row(
            f"script-{what}-{'warm' if warm else 'cold'}",
            f"script to first epoch, {what}, {'warm' if warm else 'empty'} cache",
            partial(script, code, warm),
        )
        for what, code in (("mlp", MLP), ("convnet", CONVNET))
        for warm in (False, True)
    ),
)
