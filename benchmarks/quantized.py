"""What weights in fewer bits save and cost: memory, files, time of predictions, and the digits that are read right.

    python -m benchmarks.quantized            # the tables of docs/quantization.md
    python -m benchmarks.quantized products   # from how many rows products of integers pay

A network of dense layers, and one that begins with a table of a large vocabulary, are trained, quantized in each way,
and measured.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import sequax as keras
from benchmarks.fine_tuning import compiled, digits
from sequax import layers

MODES: tuple[str | None, ...] = (None, "int8", "int4", "float8")
WIDTH, DEPTH, WORDS, LENGTH = 1024, 4, 50_000, 64


class Row(NamedTuple):
    """One way to keep weights: names of columns and what was measured."""

    way: str
    weights_mb: float
    file_mb: float
    one_ms: float
    batch_ms: float
    accuracy: float | None


def network() -> keras.Sequential:
    hidden = [layers.Dense(WIDTH, "relu") for _ in range(DEPTH)]
    return keras.Sequential([keras.Input((64,)), *hidden, layers.Dense(5)])


def table() -> keras.Sequential:
    """Its weights are a table of 50,000 rows of 256 numbers, but for a thousandth."""
    looked_up = layers.Embedding(WORDS, 256)
    return keras.Sequential(
        [keras.Input((LENGTH,), dtype="int32"), looked_up, layers.GlobalAveragePooling1D(), layers.Dense(5)]
    )


def seconds(function: Callable[[], Any], least: float = 0.3) -> float:
    """The shortest time of a call, of all that fit into a while."""
    function()
    found, end = [], time.perf_counter() + least
    while not found or time.perf_counter() < end:
        start = time.perf_counter()
        jax.block_until_ready(function())
        found.append(time.perf_counter() - start)
    return min(found)


def measure(model: keras.Sequential, mode: str | None, x: np.ndarray, y: np.ndarray | None, folder: Path) -> Row:
    """Quantize a model and look at it."""
    if mode is not None:
        model.quantize(mode)
    file = folder / f"{mode}.weights.h5"
    model.save_weights(file)
    held = sum(w.size * w.stored_dtype.itemsize for w in model.weights)
    right = None
    if y is not None:
        right = float((model.predict(x, verbose=0).argmax(-1) == y).mean())
    one, many = x[:1], np.resize(x, (256, *x.shape[1:]))
    times = (seconds(lambda rows=rows: model.predict(rows, batch_size=256, verbose=0)) * 1e3 for rows in (one, many))
    return Row(mode or "float32", held / 1e6, file.stat().st_size / 1e6, *times, right)


def tables() -> None:
    keras.utils.set_random_seed(0)
    x, y = digits(range(5))
    known = network()
    compiled(known, 1e-3).fit(x[100:], y[100:], batch_size=50, epochs=10, verbose=0)
    words = np.random.default_rng(0).integers(0, WORDS, (256, LENGTH))
    rows: list[tuple[str, Callable[[], keras.Sequential], np.ndarray, np.ndarray | None]] = [
        (f"{DEPTH} x Dense({WIDTH})", network, x[:100], y[:100]),
        (f"Embedding({WORDS:,}, 256)", table, words, None),
    ]
    print("| | weights | memory | file | 1 row | 256 rows | read right |")
    print("| --- | --- | ---: | ---: | ---: | ---: | ---: |")
    with tempfile.TemporaryDirectory() as folder:
        for name, build, inputs, targets in rows:
            for mode in MODES:
                if mode == "float8" and build is table:
                    continue
                model = build()
                if build is network:
                    model.set_weights(known.get_weights())
                row = measure(model, mode, inputs, targets, Path(folder))
                right = "" if row.accuracy is None else f"{row.accuracy:.0%}"
                print(
                    f"| {name} | {row.way} | {row.weights_mb:.1f} MB | {row.file_mb:.1f} MB | {row.one_ms:.2f} ms"
                    f" | {row.batch_ms:.2f} ms | {right} |"
                )


def products() -> None:
    """Products of floats, of integers, and of floats that are made of integers at each call."""
    random = np.random.default_rng(0)
    forms: list[tuple[Callable[..., jax.Array], str]] = [
        (jnp.matmul, "float32"),
        (lambda x, w: jnp.matmul(x, w, preferred_element_type=jnp.int32), "int8"),
        (lambda x, w: jnp.matmul(x.astype("float32"), w.astype("float32")), "int8"),
    ]
    print("| weight | rows | floats | integers | made floats at each call |")
    print("| --- | ---: | ---: | ---: | ---: |")
    for size in (256, 1024, 2048):
        for rows in (1, 8, 32, 256):
            x, w = (jnp.asarray(random.integers(-127, 128, shape), "int8") for shape in ((rows, size), (size, size)))
            found = []
            for function, dtype in forms:
                run, arguments = jax.jit(function), (x.astype(dtype), w.astype(dtype))
                found.append(seconds(lambda run=run, arguments=arguments: run(*arguments)) * 1e3)
            print(f"| {size} x {size} | {rows} | " + " | ".join(f"{ms:.2f} ms" for ms in found) + " |")


if __name__ == "__main__":
    products() if "products" in sys.argv[1:] else tables()
