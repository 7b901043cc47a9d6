"""What a task costs that a trained model is taught: all of it trained, its head alone, or LoRA beside frozen weights,
as they are or in fewer bits.

    python -m benchmarks.fine_tuning

A network of dense layers learns to tell the digits 0 to 4 apart, and is then taught 5 to 9 from a few rows. Printed per
way: what is trained, what the weights of the base and the optimizer take, what a step takes beyond the weights, its
time, the size of a file that brings the new task to somebody who has the old model, and the share of unseen digits that
are read right.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np

import sequax as keras
from sequax import layers

WIDTH, DEPTH, ROWS, EPOCHS, BATCH = 1024, 4, 300, 20, 50


class Row(NamedTuple):
    """One way of fine-tuning: names of columns and what was measured."""

    way: str
    trained: int
    base_mb: float
    optimizer_mb: float
    step_mb: float
    step_ms: float
    file_kb: float
    accuracy: float


def digits(wanted: range) -> tuple[np.ndarray, np.ndarray]:
    """Images as rows of numbers from 0 to 1, and their classes counted from 0."""
    (x, y), (x_test, y_test) = keras.datasets.digits.load_data()
    x, y = np.concatenate([x, x_test]), np.concatenate([y, y_test])
    chosen = np.isin(y, list(wanted))
    return (x[chosen].reshape(-1, 64) / 16.0).astype("float32"), (y[chosen] - wanted.start).astype("int32")


def network() -> tuple[keras.Sequential, keras.Sequential]:
    """A base, and the base with a head of five classes."""
    hidden = [layers.Dense(WIDTH, "relu", name=f"hidden_{i}") for i in range(DEPTH)]
    base = keras.Sequential([keras.Input((64,)), *hidden], name="base")
    return base, keras.Sequential([base, layers.Dense(5, name="head")])


def compiled(model: keras.Sequential, rate: float) -> keras.Sequential:
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(rate), loss, metrics=["accuracy"])
    return model


def plain(base: keras.Sequential) -> None:
    """All weights are trained."""


def frozen(base: keras.Sequential) -> None:
    base.freeze()


def low_rank(base: keras.Sequential) -> None:
    base.enable_lora(8)


def low_rank_beside_int8(base: keras.Sequential) -> None:
    base.quantize("int8")
    base.enable_lora(8)


def low_rank_beside_int4(base: keras.Sequential) -> None:
    base.quantize("int4")
    base.enable_lora(8)


WAYS: dict[str, tuple[Callable[[keras.Sequential], None], float]] = {
    "all weights": (plain, 1e-4),
    "the head alone": (frozen, 1e-3),
    "LoRA, rank 8, and the head": (low_rank, 1e-3),
    "LoRA beside int8, and the head": (low_rank_beside_int8, 1e-3),
    "LoRA beside int4, and the head": (low_rank_beside_int4, 1e-3),
}


def measure(way: str, weights: list[np.ndarray], folder: Path) -> Row:
    """Teach the second task in one way."""
    prepare, rate = WAYS[way]
    base, model = network()
    base.set_weights(weights)
    prepare(base)
    compiled(model, rate)
    x, y = digits(range(5, 10))
    order = np.random.default_rng(0).permutation(len(x))
    x, y = x[order], y[order]
    model.fit(x[:ROWS], y[:ROWS], batch_size=BATCH, epochs=1, verbose=0)
    start = time.perf_counter()
    model.fit(x[:ROWS], y[:ROWS], batch_size=BATCH, epochs=EPOCHS, verbose=0)
    seconds = time.perf_counter() - start
    accuracy = model.evaluate(x[ROWS:], y[ROWS:], verbose=0)[1]
    trained = sum(v.size for v in model.trainable_variables)
    slots = sum(v.size * v.stored_dtype.itemsize for v in model.optimizer.variables)
    return Row(
        way,
        trained,
        sum(v.size * v.stored_dtype.itemsize for v in base.weights) / 1e6,
        slots / 1e6,
        step_memory(model, x[:BATCH], y[:BATCH]) / 1e6,
        seconds / (EPOCHS * -(-ROWS // BATCH)) * 1e3,
        file_size(base, model, way, folder) / 1e3,
        accuracy,
    )


def step_memory(model: keras.Sequential, x: np.ndarray, y: np.ndarray) -> int:
    """Bytes that the gradients of a batch take beyond weights and data."""
    trainable = [v.stored for v in model.trainable_variables]
    other = [v.stored for v in model.non_trainable_variables]

    def loss_of(trainable: list[jax.Array], other: list[jax.Array]) -> jax.Array:
        outputs, _ = model.stateless_call(trainable, other, x, training=True)
        return keras.losses.SparseCategoricalCrossentropy(from_logits=True)(y, outputs)

    program = jax.jit(jax.grad(loss_of)).lower(trainable, other).compile().memory_analysis()
    return program.temp_size_in_bytes + program.output_size_in_bytes


def file_size(base: keras.Sequential, model: keras.Sequential, way: str, folder: Path) -> int:
    """Bytes of what the new task adds to the old model."""
    head = folder / "head.weights.h5"
    keras.Sequential([keras.Input((WIDTH,)), model[-1]]).save_weights(head)
    if way == "all weights":
        alone = network()[1]  # without what an optimizer keeps
        alone.set_weights(model.get_weights())
        alone.save_weights(folder / "all.weights.h5")
        return (folder / "all.weights.h5").stat().st_size
    if way.startswith("LoRA"):
        base.save_lora(folder / "lora.safetensors")
        return head.stat().st_size + (folder / "lora.safetensors").stat().st_size
    return head.stat().st_size


def main() -> None:
    keras.utils.set_random_seed(0)
    base, model = network()
    x, y = digits(range(5))
    compiled(model, 1e-3).fit(x, y, batch_size=BATCH, epochs=10, verbose=0)
    print("| way | trained numbers | base | optimizer keeps | gradients of a batch take | step | file | right |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    with tempfile.TemporaryDirectory() as folder:
        for way in WAYS:
            row = measure(way, base.get_weights(), Path(folder))
            print(
                f"| {row.way} | {row.trained:,} | {row.base_mb:.1f} MB | {row.optimizer_mb:.1f} MB"
                f" | {row.step_mb:.1f} MB | {row.step_ms:.2f} ms | {row.file_kb:,.0f} kB | {row.accuracy:.1%} |"
            )


if __name__ == "__main__":
    main()
