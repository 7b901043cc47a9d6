"""Single steps: loops of the user's own around `train_on_batch`, `predict` of a row, `fit` of a batch, freezing.

usage: python -m benchmarks.steps [PEER ...]

Milliseconds per turn of each loop, medians, by peer; and for ours, the compiled step of `train_on_batch` called by
itself, which says what is left around it.
"""

from __future__ import annotations

import importlib
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from .peers import KERAS, PEERS, ROOT

ROUNDS, SECONDS = 10, 0.1
FEATURES, ACTIONS, ROWS, NOISE = 4, 2, 32, 8


class Loop(NamedTuple):
    """One loop that users write: `make(library)` gives what one turn of it does."""

    title: str
    make: Callable[[Any], Callable[[], Any]]


def network(library: Any, inputs: int = FEATURES, outputs: int = ACTIONS, **last: Any) -> Any:
    layers = library.layers
    return library.Sequential(
        [
            library.Input((inputs,)),
            *(layers.Dense(24, activation="relu") for _ in range(2)),
            layers.Dense(outputs, **last),
        ]
    )


def compiled(library: Any, loss: str = "mse") -> Any:
    model = network(library)
    model.compile(optimizer="adam", loss=loss)
    return model


def table(rows: int, columns: int = FEATURES) -> np.ndarray:
    return np.random.default_rng(rows).standard_normal((rows, columns), "float32")


def train_on_batch(library: Any) -> Callable[[], Any]:
    model, x, y = compiled(library), table(ROWS), table(ROWS, ACTIONS)
    return lambda: model.train_on_batch(x, y)


def test_on_batch(library: Any) -> Callable[[], Any]:
    model, x, y = compiled(library), table(ROWS), table(ROWS, ACTIONS)
    return lambda: model.test_on_batch(x, y)


def predict_on_batch(library: Any) -> Callable[[], Any]:
    model, x = network(library), table(ROWS)
    return lambda: model.predict_on_batch(x)


def predict_row(library: Any) -> Callable[[], Any]:
    model, x = network(library), table(1)
    return lambda: model.predict(x, verbose=0)


def fit_row(library: Any) -> Callable[[], Any]:
    model, x, y = compiled(library), table(1), table(1, ACTIONS)
    return lambda: model.fit(x, y, verbose=0)


def fit_batch(library: Any) -> Callable[[], Any]:
    model, x, y = compiled(library), table(ROWS), table(ROWS, ACTIONS)
    return lambda: model.fit(x, y, verbose=0)


def fit_epoch(library: Any) -> Callable[[], Any]:
    """`fit` called anew for each epoch of ten batches."""
    model, x, y = compiled(library), table(10 * ROWS), table(10 * ROWS, ACTIONS)
    return lambda: model.fit(x, y, epochs=1, verbose=0)


def called(library: Any) -> Callable[[], Any]:
    model, x = network(library), table(ROWS)
    return lambda: np.asarray(model(x, training=False))


def q_learning(library: Any) -> Callable[[], Any]:
    """A step of deep Q-learning: the values of two states, and a fit of the first."""
    model = compiled(library)
    state, after = table(1), table(1) + 1

    def turn() -> None:
        target = np.array(model.predict(state, verbose=0))
        target[0, 0] = 1 + 0.9 * np.max(model.predict(after, verbose=0))
        model.fit(state, target, verbose=0)

    return turn


def adversarial(library: Any) -> Callable[[], Any]:
    """A turn of a GAN: fakes, two batches for the critic, one for the generator through the frozen critic."""
    generator = network(library, NOISE, FEATURES)
    critic = network(library, FEATURES, 1, activation="sigmoid")
    critic.compile(optimizer="adam", loss="binary_crossentropy")
    both = library.Sequential([library.Input((NOISE,)), generator, critic])
    critic.trainable = False
    both.compile(optimizer="adam", loss="binary_crossentropy")
    noise, real = table(ROWS, NOISE), table(ROWS)
    ones, zeros = np.ones((ROWS, 1), "float32"), np.zeros((ROWS, 1), "float32")

    def turn() -> None:
        fake = generator.predict(noise, verbose=0)
        critic.trainable = True
        critic.train_on_batch(real, ones)
        critic.train_on_batch(fake, zeros)
        critic.trainable = False
        both.train_on_batch(noise, ones)

    return turn


def alone(library: Any) -> Callable[[], Any]:
    """The compiled step of `train_on_batch`, from NumPy arrays to a number."""
    from sequax.callbacks import CallbackList
    from sequax.data.source import Batch
    from sequax.training.chunks import whole_batch
    from sequax.training.fit import TrainJob

    model, x, y = compiled(library), table(ROWS), table(ROWS, ACTIONS)
    model.train_on_batch(x, y)
    job, steps = TrainJob(model, CallbackList(), guard=True), whole_batch(Batch(x, y))
    program, state = job.program(steps), job.read()

    def turn() -> float:
        nonlocal state
        state, _, logs = program(state, *steps.given)
        return float(np.asarray(logs["loss"]))

    return turn


LOOPS = {
    "alone": Loop("the compiled step alone", alone),
    "train_on_batch": Loop("train_on_batch", train_on_batch),
    "test_on_batch": Loop("test_on_batch", test_on_batch),
    "predict_on_batch": Loop("predict_on_batch", predict_on_batch),
    "predict_row": Loop("predict of a row", predict_row),
    "called": Loop("the model called", called),
    "fit_row": Loop("fit of a row", fit_row),
    "fit_batch": Loop("fit of a batch", fit_batch),
    "fit_epoch": Loop("fit of an epoch of 10 batches", fit_epoch),
    "q_learning": Loop("DQN: 2 predicts, 1 fit", q_learning),
    "adversarial": Loop("GAN: predict, 3 train_on_batch, freezing", adversarial),
}


def measure(library: Any) -> dict[str, float]:
    """Milliseconds per turn of each loop, medians; the loops take turns."""
    ours = library.__name__ == "sequax"
    turns = {name: loop.make(library) for name, loop in LOOPS.items() if ours or name != "alone"}
    times: dict[str, list[float]] = {name: [] for name in turns}
    for number in range(ROUNDS + 1):
        for name, turn in turns.items():
            found, end = [], time.perf_counter() + SECONDS
            while not found or time.perf_counter() < end:
                start = time.perf_counter()
                turn()
                found.append(time.perf_counter() - start)
            times[name] += found if number else []  # the first round compiles
    return {name: statistics.median(found) * 1e3 for name, found in times.items()}


def in_child(name: str) -> dict[str, float] | None:
    peer = PEERS[name]
    missing = peer.missing()
    if missing:
        print(f"{peer.title}: {missing}", file=sys.stderr)
        return None
    command = [str(peer.python()), "-m", "benchmarks.steps", "--child", peer.module]
    done = subprocess.run(command, cwd=ROOT, env=peer.variables("off"), text=True, check=True, stdout=subprocess.PIPE)
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    if sys.argv[1:2] == ["--child"]:
        print(json.dumps(measure(importlib.import_module(sys.argv[2]))))
        return
    found = {name: in_child(name) for name in sys.argv[1:] or ("sequax", *KERAS)}
    columns = {PEERS[name].title: times for name, times in found.items() if times}
    print(f"{'ms':42}" + "".join(f"{title:>20}" for title in columns))
    for name, loop in LOOPS.items():
        figures = (f"{times[name]:20.3f}" if name in times else f"{'':20}" for times in columns.values())
        print(f"{loop.title:42}" + "".join(figures))


if __name__ == "__main__":
    main()
