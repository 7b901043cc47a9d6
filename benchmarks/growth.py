"""Time and memory of Sequax against the size of the work; both should grow in a straight line, and not with calls.

usage: python -m benchmarks.growth [--picture FILE]

Each point is a process of its own, because memory never falls back to where it was. Exit status 1 when the memory
after 500 calls of `fit` or `predict` is more than 5 % above that after 50.
"""

from __future__ import annotations

import argparse
import gc
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from .child import clock, forget_peak, peak_mb
from .peers import PEERS, ROOT

FEATURES = 64
CALLS, FIRST_LOOK = 500, 50
TOLERANCE = 1.05


class Size(NamedTuple):
    rows: int = 20_000
    batch: int = 64
    width: int = 128
    depth: int = 2
    epochs: int = 2

    @property
    def steps(self) -> int:
        return -(-self.rows // self.batch)

    @property
    def weights(self) -> int:
        return FEATURES * self.width + (self.depth - 1) * self.width**2 + self.width


class Axis(NamedTuple):
    """What grows, and what a straight line is expected in."""

    field: str
    values: tuple[int, ...]
    against: str
    x: Callable[[Size], float]
    time_of: str  # what the time is of: one epoch, one step, or the whole fit
    divisor: Callable[[Size], float]


AXES = (
    Axis("rows", (10_000, 20_000, 40_000, 80_000, 160_000), "rows", lambda s: s.rows, "epoch", lambda s: s.epochs),
    Axis("batch", (32, 64, 128, 256, 512), "batch size", lambda s: s.batch, "step", lambda s: s.epochs * s.steps),
    Axis("width", (64, 128, 256, 384, 512), "weights (width)", lambda s: s.weights, "epoch", lambda s: s.epochs),
    Axis("depth", (1, 2, 4, 6, 8), "depth", lambda s: s.depth, "epoch", lambda s: s.epochs),
    Axis("epochs", (1, 2, 4, 8, 16), "epochs", lambda s: s.epochs, "fit", lambda s: 1),
)


def network(size: Size) -> Any:
    import sequax

    layers = [sequax.layers.Dense(size.width, activation="relu") for _ in range(size.depth)]
    model = sequax.Sequential([sequax.Input((FEATURES,)), *layers, sequax.layers.Dense(1)])
    model.compile(optimizer="adam", loss="mse")
    return model


def table(rows: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    return random.standard_normal((rows, FEATURES), "float32"), random.standard_normal((rows, 1), "float32")


def measure_point(size: Size) -> dict[str, float]:
    """Median seconds of three fits after one that compiles, and the peak memory of all."""
    x, y = table(size.rows)
    model = network(size)
    forget_peak()
    times = [clock(lambda: model.fit(x, y, batch_size=size.batch, epochs=size.epochs, verbose=0))[0] for _ in range(4)]
    return {"seconds": float(np.median(times[1:])), "peak_mb": peak_mb()}


def measure_calls(what: str) -> dict[str, float]:
    """Resident memory after 50 and after 500 calls; garbage is collected first, so that only what is kept counts."""
    x, y = table(256)
    model = network(Size(width=16))
    call = {
        "fit": lambda: model.fit(x, y, epochs=1, verbose=0),
        "predict": lambda: model.predict(x, verbose=0),
    }[what]
    found = {}
    for number in range(1, CALLS + 1):
        call()
        if number in (FIRST_LOOK, CALLS):
            gc.collect()
            found[str(number)] = resident_mb()
    return found


def resident_mb() -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith("VmRSS"))


def in_child(**task: Any) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.growth", "--task", json.dumps(task)]
    environment = PEERS["sequax"].variables("off")
    done = subprocess.run(command, cwd=ROOT, env=environment, text=True, check=True, stdout=subprocess.PIPE)
    return json.loads(done.stdout.splitlines()[-1])


class Line(NamedTuple):
    slope: float
    start: float
    deviation: float  # the largest distance of a point from the line, relative to the largest value


def fit_line(x: list[float], y: list[float]) -> Line:
    slope, start = np.polyfit(x, y, 1)
    deviation = np.abs(np.polyval((slope, start), x) - y).max() / max(y)
    return Line(float(slope), float(start), float(deviation))


def grow(axis: Axis) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {"x": [], "time": [], "memory": []}
    for value in axis.values:
        size = Size()._replace(**{axis.field: value})
        print(f"{axis.field} {value:,}", file=sys.stderr, flush=True)
        point = in_child(size=size._asdict())
        found["x"].append(axis.x(size))
        found["time"].append(point["seconds"] / axis.divisor(size) * 1e3)
        found["memory"].append(point["peak_mb"])
    for what, unit in (("time", f"ms per {axis.time_of}"), ("memory", "MB peak")):
        line = fit_line(found["x"], found[what])
        print(
            f"{axis.against}: {unit} = {line.start:.4g} + {line.slope:.4g} per unit, "
            f"points within {line.deviation:.0%} of the line"
        )
    return found


def draw(curves: dict[str, dict[str, list[float]]], path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, panels = pyplot.subplots(2, len(AXES), figsize=(3 * len(AXES), 5.5), squeeze=False)
    for column, axis in enumerate(AXES):
        curve = curves[axis.field]
        for panel, what, label in (
            (panels[0][column], "time", f"ms per {axis.time_of}"),
            (panels[1][column], "memory", "peak memory, MB"),
        ):
            line = fit_line(curve["x"], curve[what])
            ends = np.array([0, max(curve["x"])])
            panel.plot(ends, line.start + line.slope * ends, color="#bbbbbb", linewidth=1)
            panel.plot(curve["x"], curve[what], "o", color="#2166ac", markersize=4)
            panel.set_ylim(0, max(curve[what]) * 1.15)
            panel.set_xlabel(axis.against, fontsize=8)
            panel.set_ylabel(label, fontsize=8)
            panel.tick_params(labelsize=7)
            panel.locator_params(axis="x", nbins=4)
            panel.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    figure.savefig(path, dpi=110)


def leaks() -> list[str]:
    found = []
    for what in ("fit", "predict"):
        memory = in_child(calls=what)
        before, after = memory[str(FIRST_LOOK)], memory[str(CALLS)]
        print(f"{what}: {before:.1f} MB after {FIRST_LOOK} calls, {after:.1f} MB after {CALLS} ({after / before:.3f})")
        if after > before * TOLERANCE:
            found.append(what)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.growth")
    parser.add_argument("--picture", type=Path, help="draw the curves into this PNG file")
    parser.add_argument("--task", type=json.loads, help=argparse.SUPPRESS)  # one point, in a child
    options = parser.parse_args()
    if options.task:
        task = options.task
        print(json.dumps(measure_calls(task["calls"]) if "calls" in task else measure_point(Size(**task["size"]))))
        return
    growing = leaks()
    curves = {axis.field: grow(axis) for axis in AXES}
    if options.picture:
        draw(curves, options.picture)
    if growing:
        sys.exit(f"Memory grows with the calls of {' and '.join(growing)}.")


if __name__ == "__main__":
    main()
