"""Sequax beside Keras on JAX: every figure is a ratio within this run, interleaved, the median of several.

usage: python -m benchmarks [--json FILE] [--only WORD]
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

os.environ["KERAS_BACKEND"] = "jax"

import numpy as np

from . import ensemble
from .families import FAMILIES
from .workloads import TRAINING, Workload, mlp, mlp_data


class Result(NamedTuple):
    """Seconds of both, after the first run; first runs (compilation included) apart."""

    name: str
    ours: float
    keras: float
    goal: float
    first_ours: float | None = None
    first_keras: float | None = None
    loss_ours: float | None = None
    loss_keras: float | None = None

    @property
    def ratio(self) -> float:
        return self.keras / self.ours


def clock(function: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    value = function()
    return time.perf_counter() - start, value


def train(workload: Workload, libraries: dict[str, Any]) -> Result:
    """Fit both at equal start weights; the first fit compiles and is told apart, later ones are interleaved."""
    x, y = workload.data()
    models = {name: workload.build(library) for name, library in libraries.items()}
    models["ours"].set_weights(models["keras"].get_weights())

    def fit(name: str) -> Any:
        return models[name].fit(**workload.feed(libraries[name], x, y), verbose=0, **workload.fit)

    first = {}
    losses = {}
    for name in models:
        first[name], history = clock(lambda n=name: fit(n))
        losses[name] = history.history["loss"][-1]
    times: dict[str, list[float]] = {name: [] for name in models}
    for _ in range(workload.repeats):
        for name in models:
            times[name].append(clock(lambda n=name: fit(n))[0])
    ours, keras = (statistics.median(times[name]) for name in ("ours", "keras"))
    return Result(
        workload.name, ours, keras, workload.goal, first["ours"], first["keras"], losses["ours"], losses["keras"]
    )


def single_row_predict(libraries: dict[str, Any]) -> Result:
    """`predict` of one row, as a service would call it."""
    x = mlp_data()[0][:1]
    models = {name: mlp(library) for name, library in libraries.items()}
    times: dict[str, list[float]] = {name: [] for name in models}
    for model in models.values():
        model.predict(x, verbose=0)
    for _ in range(60):
        for name, model in models.items():
            times[name].append(clock(lambda m=model: m.predict(x, verbose=0))[0])
    ours, keras = (statistics.median(times[name]) for name in ("ours", "keras"))
    return Result("predict of 1 row, MLP 784", ours, keras, 5.0)


def import_time() -> Result:
    """`import` in a fresh interpreter, less the start of the interpreter itself."""

    def run(statement: str) -> float:
        return min(clock(lambda: subprocess.run([sys.executable, "-c", statement], check=True))[0] for _ in range(3))

    empty = run("pass")
    return Result("import", run("import sequax") - empty, run("import keras") - empty, 1.0)


def table(results: list[Result]) -> str:
    from rich.console import Console
    from rich.table import Table

    shown = Table(title="Sequax beside Keras 3 on JAX (medians of interleaved runs, after the first)")
    for column in ("workload", "Sequax", "Keras", "ratio", "goal", "first run", "first, Keras", "loss", "loss, Keras"):
        shown.add_column(column, justify="left" if column == "workload" else "right")
    for r in results:
        shown.add_row(
            r.name,
            seconds(r.ours),
            seconds(r.keras),
            f"{r.ratio:.1f}x",
            f"{r.goal:g}x",
            *(seconds(v) if v is not None else "" for v in (r.first_ours, r.first_keras)),
            *(f"{v:.4f}" if v is not None else "" for v in (r.loss_ours, r.loss_keras)),
        )
    console = Console(width=160)
    with console.capture() as captured:
        console.print(shown)
    return captured.get()


def seconds(value: float) -> str:
    if value < 1e-3:
        return f"{value * 1e6:.0f} us"
    return f"{value * 1e3:.1f} ms" if value < 1 else f"{value:.2f} s"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    parser.add_argument("--only", default="", help="run the workloads whose name contains this word")
    options = parser.parse_args()
    try:
        import keras
    except ImportError:
        sys.exit("The benchmarks compare with Keras: pip install 'sequax[dev]'.")
    import sequax

    libraries = {"ours": sequax, "keras": keras}
    workloads = [*TRAINING, *(family.workload() for family in FAMILIES)]
    results = [train(w, libraries) for w in workloads if options.only in w.name]
    if options.only in "Ensemble":
        results.extend(Result(row.name, row.ours, row.other, row.goal) for row in ensemble.rows(libraries))
    if options.only in "predict of 1 row":
        results.append(single_row_predict(libraries))
    if options.only in "import":
        results.append(import_time())
    print(table(results))
    if options.json:
        options.json.write_text(json.dumps([{**r._asdict(), "ratio": r.ratio} for r in results], indent=1) + "\n")
    missed = [r.name for r in results if r.ratio < r.goal]
    print("All goals reached." if not missed else f"Below the goal: {', '.join(missed)}.")


if __name__ == "__main__":
    np.random.seed(0)
    main()
