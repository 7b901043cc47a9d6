"""A grid of five widths by five learning rates over a table, with cross-validation: what models in searches cost.

usage: python -m benchmarks.search [PEER ...]

Seconds of `GridSearchCV.fit`, everything in it, each peer in a process of its own with an empty cache: our wrapper, the
same code with Keras' wrapper on JAX, and SciKeras on TensorFlow. SEQUAX_BENCH_PEERS names the folder with the
environment `tensorflow`, which needs scikit-learn and SciKeras as well.
"""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from typing import Any

from .peers import PEERS, ROOT

WIDTHS, RATES = (8, 16, 24, 32, 48), (0.0003, 0.001, 0.003, 0.01, 0.03)
FOLDS, EPOCHS, ROWS, FEATURES, CLASSES = 3, 10, 1000, 20, 3
NAMES = {"sequax": "sequax", "keras-jax": "keras", "keras-tensorflow": "scikeras"}


def network(keras: Any, width: int, rate: float) -> Any:
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((FEATURES,)),
            layers.Dense(width, activation="relu"),
            layers.Dense(width, activation="relu"),
            layers.Dense(CLASSES, activation="softmax"),
        ]
    )
    model.compile(keras.optimizers.Adam(rate), "categorical_crossentropy")
    return model


def wrapped(name: str) -> Any:
    """The search with the wrapper that Sequax and Keras both have: the same code for both."""
    from sklearn.model_selection import GridSearchCV

    keras = importlib.import_module(name)
    wrappers = importlib.import_module(f"{name}.wrappers")

    def make(X: Any, y: Any, width: int, rate: float) -> Any:
        return network(keras, width, rate)

    grid = {"model_kwargs": [{"width": width, "rate": rate} for width in WIDTHS for rate in RATES]}
    return GridSearchCV(wrappers.SKLearnClassifier(make), grid, cv=FOLDS, error_score="raise")


def scikeras(name: str) -> Any:
    """The search with SciKeras, as its documentation writes it."""
    import keras
    from scikeras.wrappers import KerasClassifier
    from sklearn.model_selection import GridSearchCV

    def make(width: int, rate: float) -> Any:
        return network(keras, width, rate)

    estimator = KerasClassifier(make, width=WIDTHS[0], rate=RATES[0], loss="categorical_crossentropy", verbose=0)
    return GridSearchCV(estimator, {"width": WIDTHS, "rate": RATES}, cv=FOLDS, error_score="raise")


def measure(name: str) -> dict[str, float]:
    """Seconds of the search and its best score."""
    from sklearn.datasets import make_classification

    warnings.simplefilter("ignore")
    make: Callable[[str], Any] = scikeras if name == "scikeras" else wrapped
    search = make(name)
    x, y = make_classification(ROWS, FEATURES, n_informative=10, n_classes=CLASSES, random_state=0)
    started = time.perf_counter()
    search.fit(x.astype("float32"), y, epochs=EPOCHS, batch_size=32, verbose=0)
    return {"seconds": time.perf_counter() - started, "score": float(search.best_score_)}


def run(peer: str) -> dict[str, float]:
    """The measurement of one peer in a process of its own.

    Raises:
        RuntimeError: with what it wrote, if it failed.
    """
    with tempfile.TemporaryDirectory() as cache:
        done = subprocess.run(
            [str(PEERS[peer].python()), "-m", "benchmarks.search", "--child", NAMES[peer]],
            cwd=ROOT,
            env=PEERS[peer].variables(cache),
            capture_output=True,
            text=True,
        )
    if done.returncode:
        raise RuntimeError(f"{peer}: {done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def main(asked: list[str]) -> None:
    fits = len(WIDTHS) * len(RATES) * FOLDS + 1
    print(f"{len(WIDTHS)} widths x {len(RATES)} rates, {FOLDS} folds, {fits} fits of {EPOCHS} epochs, {ROWS} rows")
    ours = None
    for peer in asked or NAMES:
        missing = PEERS[peer].missing()
        if missing:
            print(f"{PEERS[peer].title:24} {missing}")
            continue
        found = run(peer)
        ours = found["seconds"] if ours is None else ours
        title = "SciKeras, TensorFlow" if NAMES[peer] == "scikeras" else PEERS[peer].title
        times = found["seconds"] / ours
        print(f"{title:24} {found['seconds']:7.1f} s  {times:5.1f} x  best score {found['score']:.3f}", flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        print(json.dumps(measure(sys.argv[2])))
    else:
        main(sys.argv[1:])
