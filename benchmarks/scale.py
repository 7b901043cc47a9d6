"""What more devices are worth: rows per second of one device on one core, and of two that share each batch, in one
process and in two.

A device is a core here: the arithmetic doubles with the devices, but neither the memory nor the caches do, and devices
have to tell each other their sums. On accelerators all of these are other numbers: run it there with `--devices N`.

usage: python -m benchmarks.scale [--seconds 3] [--devices 2] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

BATCH_SIZE = 256


class Way(NamedTuple):
    """Devices in processes.

    Fields:
        devices: of each process.
        cores: that all of them may use; 0: all.
        processes: how many, which share the cores.
    """

    name: str
    devices: int
    cores: int
    processes: int = 1


class Row(NamedTuple):
    """One model in one way.

    Fields:
        rate: rows per second.
        message: seconds that an all-reduce of its gradients takes; 0 on one device.
    """

    model: str
    way: str
    rate: float
    message: float


def ways(devices: int) -> list[Way]:
    return [
        Way("1 device, 1 core", 1, 1),
        Way(f"{devices} devices, 1 process", devices, devices),
        Way(f"{devices} processes, a core each", 1, devices, devices),
    ]


# --- in a process of its own ------------------------------------------------------------------------------------------


def models() -> dict[str, Callable[[], tuple[Any, Any]]]:
    """Name -> makes a compiled model, and an input of two batches."""
    import numpy as np

    import sequax
    from sequax import layers

    random = np.random.default_rng(0)

    def compiled(model: Any, *shape: int) -> tuple[Any, Any]:
        model.compile("sgd", "sparse_categorical_crossentropy")
        return model, random.normal(size=(2 * BATCH_SIZE, *shape)).astype("float32")

    def mlp() -> tuple[Any, Any]:
        inside = [layers.Dense(512, "relu"), layers.Dense(512, "relu"), layers.Dense(10, "softmax")]
        return compiled(sequax.Sequential([sequax.Input((784,)), *inside]), 784)

    def convnet() -> tuple[Any, Any]:
        inside = [layers.Conv2D(32, 3, activation="relu"), layers.MaxPooling2D()]
        inside += [layers.Conv2D(64, 3, activation="relu"), layers.MaxPooling2D()]
        inside += [layers.Flatten(), layers.Dense(10, "softmax")]
        return compiled(sequax.Sequential([sequax.Input((28, 28, 1)), *inside]), 28, 28, 1)

    def lstm() -> tuple[Any, Any]:
        inside = [layers.LSTM(128), layers.Dense(10, "softmax")]
        return compiled(sequax.Sequential([sequax.Input((40, 32)), *inside]), 40, 32)

    def transformer() -> tuple[Any, Any]:
        inputs = x = sequax.Input((32, 64))
        for _ in range(2):
            x = layers.LayerNormalization()(x + layers.MultiHeadAttention(4, 16)(x, x))
            x = layers.LayerNormalization()(x + layers.Dense(64)(layers.Dense(256, "relu")(x)))
        outputs = layers.Dense(10, "softmax")(layers.GlobalAveragePooling1D()(x))
        return compiled(sequax.Model(inputs, outputs), 32, 64)

    def tiny() -> tuple[Any, Any]:
        inside = [layers.Dense(12, "relu"), layers.Dense(10, "softmax")]
        return compiled(sequax.Sequential([sequax.Input((8,)), *inside]), 8)

    return {"MLP": mlp, "convnet": convnet, "LSTM": lstm, "transformer": transformer, "tiny MLP": tiny}


def measured(seconds: float) -> Iterator[dict[str, Any]]:
    """Rates of all models in this process, on all of its devices."""
    import warnings

    import numpy as np

    from sequax.core import peers

    warnings.simplefilter("ignore")  # of small models
    for name, make in models().items():
        model, x = make()
        y = np.arange(len(x)) % 10
        given = {"batch_size": BATCH_SIZE, "verbose": 0, "shuffle": False, "devices": "all"}
        model.fit(x, y, epochs=2, **given)  # compiles
        epochs, taken = 1, 0.0
        while taken < seconds:
            epochs = peers.agreed(max(epochs + 1, int(epochs * min(10.0, 1.2 * seconds / max(taken, 1e-3)))))
            begin = time.perf_counter()
            model.fit(x, y, epochs=epochs, **given)
            taken = peers.agreed(time.perf_counter() - begin)
        yield {"model": name, "rate": epochs * len(x) / taken, "message": message_seconds(model.count_params())}


def message_seconds(numbers: int, repeats: int = 30) -> float:
    """Seconds that an all-reduce of so many float32 takes; 0 on one device."""
    import jax
    import numpy as np
    from jax.sharding import Mesh, NamedSharding, PartitionSpec

    devices = jax.devices()
    if len(devices) == 1:
        return 0.0
    mesh = Mesh(devices, ("batch",))
    zeros = np.zeros((len(devices), numbers), "float32")
    cut = NamedSharding(mesh, PartitionSpec("batch"))
    parts = jax.make_array_from_callback(zeros.shape, cut, lambda index: zeros[index])
    add = jax.jit(lambda a: a.sum(0), out_shardings=NamedSharding(mesh, PartitionSpec()))
    add(parts).block_until_ready()
    begin = time.perf_counter()
    for _ in range(repeats):
        add(parts).block_until_ready()
    return (time.perf_counter() - begin) / repeats


# --- around it --------------------------------------------------------------------------------------------------------


def rows_of(way: Way, seconds: float) -> list[Row]:
    """The models in processes of their own, held on their cores where the system can do that."""
    environment = dict(os.environ)
    accelerated = environment.get("JAX_PLATFORMS", "cpu") != "cpu"
    if not accelerated:
        flags = f"--xla_force_host_platform_device_count={way.devices}"
        environment |= {"JAX_PLATFORMS": "cpu", "XLA_FLAGS": f"{environment.get('XLA_FLAGS', '')} {flags}".strip()}
    command = [sys.executable, "-m", "benchmarks.scale"]
    if way.processes > 1:
        command = [sys.executable, "-m", "sequax", "launch", "--processes", str(way.processes), __file__]
    command += ["--child", "--seconds", str(seconds)]

    def hold() -> None:
        if way.cores and not accelerated and hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: way.cores])

    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True, preexec_fn=hold)
    lines = [line.removeprefix("[0] ") for line in done.stdout.splitlines()]
    return [Row(way=way.name, **json.loads(line)) for line in lines if line.startswith("{")]


def table(rows: list[Row], devices: int) -> list[str]:
    """The rows as Markdown; efficiency is the share of as many times the rate of one device."""
    alone = {row.model: row.rate for row in rows if row.way == rows[0].way}
    lines = [
        "| model | way | rows/s | beside 1 device | efficiency | all-reduce of its gradients |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        times = row.rate / alone[row.model]
        several = row.message > 0
        efficiency = f"{times / devices:.0%}" if several else ""
        message = f"{row.message * 1e3:.2f} ms" if several else ""
        lines.append(f"| {row.model} | {row.way} | {row.rate:,.0f} | {times:.2f} | {efficiency} | {message} |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each measurement, at least")
    parser.add_argument("--devices", type=int, default=2)
    parser.add_argument("--json", type=Path, help="also write the rows there")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        for found in measured(given.seconds):
            print(json.dumps(found), flush=True)
        return
    rows = [row for way in ways(given.devices) for row in rows_of(way, given.seconds)]
    order = [row.model for row in rows]
    rows.sort(key=lambda row: order.index(row.model))
    print("\n".join(table(rows, given.devices)))
    if given.json is not None:
        given.json.write_text(json.dumps([row._asdict() for row in rows], indent=1) + "\n")


if __name__ == "__main__":
    main()
