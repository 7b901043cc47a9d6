"""A memory-mapped array of 20 GB beside the same rows in memory: throughput of `fit`, and the peak of memory.

usage: python -m benchmarks.large [--gigabytes 20] [--steps 8000]

The file is sparse: it takes no space on the disk, but every page of it is read and handed over as any other.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np

FEATURES, BATCH = 784, 128


def mlp():
    import sequax

    model = sequax.Sequential(
        [sequax.Input((FEATURES,)), sequax.layers.Dense(256, "relu"), sequax.layers.Dense(10, "softmax")]
    )
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


def peak_megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.large", description=__doc__)
    parser.add_argument("--gigabytes", type=float, default=20)
    parser.add_argument("--steps", type=int, default=4000, help="per fit")
    options = parser.parse_args()
    rows = int(options.gigabytes * 2**30 / FEATURES / 4)
    labels = np.random.default_rng(0).integers(0, 10, rows, dtype=np.int32)
    model = mlp()
    small = np.random.default_rng(0).random((BATCH * 8, FEATURES), dtype=np.float32)
    model.fit(small, labels[: len(small)], batch_size=BATCH, verbose=0)
    before = peak_megabytes()
    with tempfile.TemporaryDirectory() as folder:
        x = np.lib.format.open_memmap(Path(folder) / "x.npy", "w+", np.float32, (rows, FEATURES))
        kept = np.array(x[: options.steps * BATCH // 10])
        model.fit(x, labels, batch_size=BATCH, steps_per_epoch=200, verbose=0)  # compiles
        peak = peak_megabytes() - before
        model.fit(kept, labels[: len(kept)], batch_size=BATCH, verbose=0)
        seconds: dict[str, list[float]] = {"on disk": [], "resident": []}
        for _ in range(5):
            start = time.perf_counter()
            model.fit(x, labels, batch_size=BATCH, steps_per_epoch=options.steps, verbose=0)
            seconds["on disk"].append(time.perf_counter() - start)
            peak = max(peak, peak_megabytes() - before)
            start = time.perf_counter()
            model.fit(kept, labels[: len(kept)], batch_size=BATCH, epochs=10, verbose=0)
            seconds["resident"].append(time.perf_counter() - start)
    disk, resident = (statistics.median(seconds[name]) / options.steps for name in ("on disk", "resident"))
    print(f"array: {rows:,} rows, {x.nbytes / 2**30:.1f} GiB; {options.steps:,} steps of {BATCH} rows, median of 5")
    print(f"on disk {disk * 1e6:.0f} us a step, resident {resident * 1e6:.0f} us: {disk / resident:.2f} times")
    print(f"peak of memory above the model: {peak:.0f} MB")


if __name__ == "__main__":
    main()
