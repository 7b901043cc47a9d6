"""`Ensemble(8)` beside eight fits one after another, of our models and of Keras' models.

usage: python -m benchmarks.ensemble
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable
from typing import Any, NamedTuple

os.environ.setdefault("KERAS_BACKEND", "jax")

from .loops.keras import compile_
from .workload import Workload, find

MEMBERS = 8


class Row(NamedTuple):
    """Seconds of one way to train eight models, and of the ensemble in the same run."""

    name: str
    ours: float
    other: float
    goal: float

    @property
    def ratio(self) -> float:
        return self.other / self.ours


def rows(libraries: dict[str, Any], workload: Workload, repeats: int = 3) -> list[Row]:
    """Medians of interleaved runs, after a first that compiles; `libraries` are `{"ours": ..., "keras": ...}`."""
    x, y = workload.data()
    settings = {"batch_size": workload.batch_size, "epochs": workload.epochs, "verbose": 0}
    ways: dict[str, Callable[[], Any]] = {}
    for name, library in libraries.items():
        models = [compiled(library, workload) for _ in range(MEMBERS)]
        ways[name] = lambda models=models: [model.fit(x, y, **settings) for model in models]
    for shuffle in (True, "shared"):
        ensemble = libraries["ours"].Ensemble(compiled(libraries["ours"], workload), MEMBERS, seed=0)
        ways[f"shuffle={shuffle!r}"] = lambda e=ensemble, s=shuffle: e.fit(x, y, shuffle=s, **settings)
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(repeats + 1):
        for name, run in ways.items():
            start = time.perf_counter()
            run()
            times[name].append(time.perf_counter() - start)
    median = {name: statistics.median(values[1:]) for name, values in times.items()}
    what = f"Ensemble({MEMBERS}), {workload.title}"
    found = []
    for shuffle in ("True", "'shared'"):
        seconds = median[f"shuffle={shuffle}"]
        for name, goal in (("ours", 1.5), ("keras", 15.0)):
            if name in median:
                label = "Sequax" if name == "ours" else "Keras"
                found.append(Row(f"{what}, shuffle={shuffle}, beside 8 fits of {label}", seconds, median[name], goal))
    return found


def compiled(library: Any, workload: Workload) -> Any:
    model = workload.keras(library)
    compile_(library, model, workload)
    return model


def main() -> None:
    import sequax

    libraries = {"ours": sequax}
    try:
        import keras

        libraries["keras"] = keras
    except ImportError:
        print("Keras is not installed: compared with our own fits only.")
    for row in rows(libraries, find("tabular")):
        print(f"{row.name}: {row.ours:.3f} s beside {row.other:.3f} s, {row.ratio:.1f}x (goal {row.goal:g}x)")


if __name__ == "__main__":
    main()
