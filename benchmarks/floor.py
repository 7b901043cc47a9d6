"""How near a training step can come to the machine: its arithmetic over the rate of a large matrix product.

    python -m benchmarks.floor [docs/benchmarks.json]

The floor of a workload is three forward passes (forward, and the gradients of inputs and weights) at the rate of a
2048x2048 product, plus the optimizer's reads and writes at the rate of a large update. Nothing reaches it: small
products run at a half to two thirds of that rate, and activations travel through memory.

The last lines say what the mean ratio to the fastest Keras backends would be if every row ran so near to its floor.
Rows that lie nearer, or whose floor is of no account (tiny models, whose time is overhead), keep their ratios.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp

from . import report
from .workload import find
from .workloads import NAMES

SIZE, NUMBERS = 2048, 2**25
OF_NO_ACCOUNT = 0.1  # of the measured time
ADAM_ACCESSES = 7  # gradient, parameter and two moments are read, three of them written


def main() -> None:
    figures = json.loads(Path(sys.argv[1] if len(sys.argv) > 1 else "docs/benchmarks.json").read_text())
    rows = {row["name"]: row for row in figures["rows"] if row["kind"] == "training"}
    measured = {name: row["peers"]["sequax"]["seconds"] for name, row in rows.items()}
    floors: dict[str, float] = {}
    operations, bytes_ = rates()
    print(f"2048x2048 product {operations / 1e9:.0f} GFLOP/s, update in place {bytes_ / 1e9:.0f} GB/s")
    print(f"{'workload':12} {'GFLOP':>8} {'floor':>8} {'measured':>9} {'times':>6}")
    for name in NAMES:
        flops, seconds = floor(name, operations, bytes_)
        floors[name], ours = seconds, measured.get(name)
        told = f"{ours:9.3f} {ours / seconds:6.1f}" if ours else ""
        print(f"{name:12} {flops / 1e9:8.1f} {seconds:8.3f} {told}")
    for times in (1.0, 1.5):
        mean = report.geometric_mean(ratio_at(times, floors[name], row) for name, row in rows.items())
        print(f"mean ratio to the fastest Keras backends at {times} times the floor: {mean:.2f}")


def ratio_at(times: float, floor: float, row: report.Row) -> float:
    """The ratio of a row if it took so many times its floor."""
    ratio, ours = report.fastest_keras(row), row["peers"]["sequax"]["seconds"]
    assert ratio is not None
    return ratio if floor < OF_NO_ACCOUNT * ours else ratio * max(1.0, ours / (times * floor))


def floor(name: str, operations: float, bytes_: float) -> tuple[float, float]:
    """Floating-point operations of a run, and the seconds they and the optimizer take at least."""
    import sequax
    from sequax.utils.costs import of_model

    workload = find(name)
    model = workload.keras(sequax)
    rows = len(workload.data()[0])
    cost: Any = of_model(model)
    flops = 3 * cost.flops * rows * workload.epochs
    steps = -(-rows // workload.batch_size) * workload.epochs
    return flops, flops / operations + 4 * ADAM_ACCESSES * model.count_params() * steps / bytes_


def rates() -> tuple[float, float]:
    """Operations per second of a matrix product, and bytes per second read and written by an update in place."""
    square = jnp.ones((SIZE, SIZE))
    product = jax.jit(lambda a: a @ a)
    update = jax.jit(lambda a: a * 0.5 + 1.0, donate_argnums=0)
    state = {"numbers": jnp.ones(NUMBERS)}

    def step() -> Any:
        state["numbers"] = update(state["numbers"])
        return state["numbers"]

    return 2 * SIZE**3 / median(lambda: product(square)), 8 * NUMBERS / median(step)


def median(function: Callable[[], Any]) -> float:
    times = []
    for _ in range(8):
        start = time.perf_counter()
        jax.block_until_ready(function())
        times.append(time.perf_counter() - start)
    return statistics.median(times[1:])


if __name__ == "__main__":
    main()
