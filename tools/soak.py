"""Kill training runs at random moments, start them again until they are done, and compare them with undisturbed ones.

    python tools/soak.py --kills 200

Weights, optimizer, history and states of callbacks must come out bit-equal. A process that has imported everything, but
has not started JAX, forks one child per start of a run: that takes a fifth of the time of a new process.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings
from pathlib import Path
from typing import Any

import numpy as np

import sequax as sq
import sequax.saving.snapshot
import sequax.training.fit

ROWS, BATCH, EPOCHS = 24, 4, 6  # no short batches, which would need programs of their own
PAUSE_SECONDS = 0.004  # per batch: a kill falls into any moment of a run, without costing processor time
STARTS_PER_RUN = 4  # about; each costs a second, nearly all of it for JAX to start
MOST_STARTS = 100  # of one run

# Imported above, so that no child has to: names are loaded when they are first used.
sq.Sequential, sq.optimizers.Adam, sq.callbacks.BackupAndRestore, sq.utils.PyDataset, sq.layers.Dense  # noqa: B018


class Pause(sq.callbacks.Callback):
    """Says once that the first batch is done, and slows training down."""

    def __init__(self, begun: int) -> None:
        super().__init__()
        self.begun: int | None = begun

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if self.begun is not None:
            os.close(self.begun)  # the other end reads until here
            self.begun = None
        time.sleep(PAUSE_SECONDS)


class Rows(sq.utils.PyDataset):
    """Batches by number, whose rows are mixed after each pass."""

    def __init__(self, x: Any, y: Any) -> None:
        super().__init__()
        self.x, self.y, self.random = x, y, np.random.default_rng(2)

    def __len__(self) -> int:
        return -(-len(self.x) // BATCH)

    def __getitem__(self, number: int) -> Any:
        rows = slice(number * BATCH, (number + 1) * BATCH)
        return self.x[rows], self.y[rows]

    def on_epoch_end(self) -> None:
        order = self.random.permutation(len(self.x))
        self.x, self.y = self.x[order], self.y[order]


def in_memory(x: Any, y: Any) -> dict[str, Any]:
    return {"x": x, "y": y, "batch_size": BATCH, "validation_split": 1 / 6}


def generated(x: Any, y: Any) -> dict[str, Any]:
    def batches() -> Any:
        while True:
            rows = np.random.choice(len(x), BATCH, replace=False)
            yield x[rows], y[rows]

    return {"x": batches(), "steps_per_epoch": 5, "validation_data": (x[:4], y[:4])}


def by_number(x: Any, y: Any) -> dict[str, Any]:
    return {"x": Rows(x, y), "validation_data": (x[:4], y[:4])}


# How data come, and how often a run is saved.
KINDS: list[tuple[Any, dict[str, Any]]] = [
    (in_memory, {"save_freq": 1}),
    (by_number, {"save_freq": 1}),
    (generated, {"save_freq": 2}),
    (in_memory, {"save_freq": 4}),
]


def train(kind: int, folder: Path, begun: int) -> str:
    """One start of a run; the digest of all that is left when it ends."""
    sq.utils.set_random_seed(1)
    drawn = np.random.default_rng(5)
    x = drawn.normal(size=(ROWS, 3)).astype("float32")
    y = (drawn.random((ROWS, 1)) < 0.5).astype("float32")
    layers = sq.layers
    model = sq.Sequential(
        [sq.Input((3,)), layers.Dense(4, "relu"), layers.BatchNormalization(), layers.Dropout(0.3), layers.Dense(1)]
    )
    model.compile("adam", sq.losses.BinaryCrossentropy(from_logits=True))
    make, backup = KINDS[kind]
    stopping = sq.callbacks.EarlyStopping("val_loss", patience=3, restore_best_weights=True)
    plateau = sq.callbacks.ReduceLROnPlateau("val_loss", patience=1, factor=0.5)
    saving = sq.callbacks.BackupAndRestore(folder, **backup)
    history = model.fit(**make(x, y), epochs=EPOCHS, verbose=0, callbacks=[stopping, plateau, Pause(begun), saving])
    digest = hashlib.sha256()
    for variable in (*model.state_variables, *model.optimizer.variables):
        digest.update(np.asarray(variable.value).tobytes())
    states = [stopping.wait, stopping.best, stopping.best_epoch, plateau.wait, plateau.best]
    digest.update(json.dumps([history.epoch, history.history, states]).encode())
    return digest.hexdigest()


class Start:
    """A child process that trains."""

    def __init__(self, kind: int, folder: Path, result: Path) -> None:
        self.result = result
        self.begun, writes = os.pipe()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # JAX warns of forks; it is not running yet
            self.pid = os.fork()
        if self.pid == 0:
            os._exit(self._work(kind, folder, writes))
        os.close(writes)

    def _work(self, kind: int, folder: Path, begun: int) -> int:
        try:
            warnings.simplefilter("error")
            digest = train(kind, folder, begun)
            written = self.result.with_suffix(".part")
            written.write_text(digest)
            written.replace(self.result)
        except BaseException:
            traceback.print_exc()
            return 1
        return 0

    def kill_after(self, seconds: float) -> bool:
        """Kill it so long after it has begun to train; whether it was still running."""
        os.read(self.begun, 1)
        time.sleep(seconds)
        os.kill(self.pid, signal.SIGKILL)  # an ended child waits for `wait`, so the number is still its own
        return self.wait() == -signal.SIGKILL

    def wait(self) -> int:
        code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        os.close(self.begun)
        if code not in (0, -signal.SIGKILL):
            sys.exit(f"A run ended with an error (code {code}); its messages stand above.")
        return code


def undisturbed(kind: int, root: Path) -> tuple[str, float]:
    """The digest of a run that nobody kills, and how long it trained."""
    start = Start(kind, root / f"whole {kind}", root / f"whole {kind}.txt")
    os.read(start.begun, 1)
    began = time.monotonic()
    start.wait()
    return start.result.read_text(), time.monotonic() - began


def disturbed(kind: int, root: Path, number: int, seconds: float, kills: int, chance: random.Random) -> tuple[str, int]:
    """The digest of a run that is killed up to so many times, and how many times it was."""
    folder, result = root / f"run {number}", root / f"run {number}.txt"
    done = 0
    for _ in range(MOST_STARTS):
        start = Start(kind, folder, result)
        if done == kills:
            start.wait()
        elif start.kill_after(chance.uniform(0, 2 * seconds / STARTS_PER_RUN)):
            done += 1
        if result.exists():
            if folder.exists() and any(name.endswith(".tmp") for name in os.listdir(folder)):
                sys.exit(f"{folder} still holds half-written files: {os.listdir(folder)}")
            return result.read_text(), done
    sys.exit(f"A run was not done after {MOST_STARTS} starts.")


def main() -> None:
    parser = argparse.ArgumentParser(description="Kill training runs at random moments and resume them.")
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--folder", type=Path, default=None, help="where the runs are kept (default: a temporary one)")
    given = parser.parse_args()
    seed = random.SystemRandom().randrange(10**6) if given.seed is None else given.seed
    root = given.folder or Path(tempfile.mkdtemp(prefix="sequax-soak-"))
    print(f"seed {seed}", flush=True)
    chance = random.Random(seed)
    wanted: dict[int, tuple[str, float]] = {}
    kills = number = 0
    while kills < given.kills:
        kind = number % len(KINDS)
        wanted.setdefault(kind, undisturbed(kind, root))
        digest, seconds = wanted[kind]
        got, done = disturbed(kind, root, number, seconds, given.kills - kills, chance)
        if got != digest:
            sys.exit(f"Run {number} ({KINDS[kind][0].__name__}) was killed {done} times and came out otherwise.")
        kills, number = kills + done, number + 1
        print(f"run {number}: killed {done} times, bit-equal; {kills} kills", flush=True)
    if given.folder is None:
        shutil.rmtree(root)


if __name__ == "__main__":
    main()
