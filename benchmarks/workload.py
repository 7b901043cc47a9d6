"""What a workload is: a model written once per library, and its data. Imports NumPy only.

Every library of a workload trains the same architecture with Adam on the same arrays in batches of the same size. A
child process imports just the one library it measures, so the model functions import theirs inside.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from importlib import import_module
from typing import Any, NamedTuple

import numpy as np

EPSILON = 1e-7  # of Adam, as in Keras; the other libraries say 1e-8


class Workload(NamedTuple):
    """One row of the table."""

    name: str  # the name of its file
    title: str  # "tabular 768x8, batch 10, 50 epochs"
    # x float32 or int32, in `works` also a list of arrays; y float32 (n, 1) or int32 (n,)
    data: Callable[[], tuple[Any, np.ndarray]]
    loss: str  # "binary_crossentropy", "sparse_categorical_crossentropy" or "mse"
    batch_size: int
    epochs: int
    keras: Callable[[Any], Any]  # library module -> Sequential, not compiled, ending in sigmoid or softmax (or linear)
    torch: Callable[[], Any] | None = None  # -> nn.Module giving logits (predictions for "mse")
    jax: Callable[[np.random.Generator], Any] | None = None  # -> (params, apply(params, x, training, key) -> logits)
    flax: Callable[[], Any] | None = None  # -> nnx.Module called as module(x, training), giving logits
    sklearn: Callable[[], Any] | None = None  # -> an estimator, its epochs and batch size set
    learning_rate: float = 1e-3
    optimizer: str = "adam"  # or "sgd" (Keras-like libraries only)
    feed: str = "arrays"  # or "generator", "dataset" (a PyDataset): how Keras-like libraries get the arrays
    rounds: int = 3


class Habit(NamedTuple):
    """A row of `works` that is not one `fit`: `make(library)` gives what one turn of a loop does."""

    name: str
    title: str
    make: Callable[[Any], Callable[[], Any]]
    rounds: int = 3


def find(name: str) -> Any:
    """What has this name; "family:Conv2D 3x3" is one of the rows of `families.py`, "work:unet" one of `works`."""
    if name.startswith("family:"):
        return import_module("benchmarks.families").workload(name)
    if name.startswith("work:"):
        return import_module("benchmarks.works").work(name)
    return import_module(f"benchmarks.workloads.{name}").WORKLOAD


def glorot(random: np.random.Generator, *shape: int) -> np.ndarray:
    """Uniform start weights of Glorot's scale; all axes but the last two are the window of a convolution."""
    fans = math.prod(shape[:-2]) * (shape[-2] + shape[-1])
    limit = math.sqrt(6 / fans)
    return random.uniform(-limit, limit, shape).astype("float32")


def clusters(rows: int, shape: tuple[int, ...], classes: int, noise: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Samples around one random center per class: learnable, but not in one step."""
    random = np.random.default_rng(7)
    y = random.integers(0, classes, rows, dtype="int32")
    x = random.standard_normal((rows, *shape), dtype="float32")
    x *= noise
    x += random.uniform(size=(classes, *shape)).astype("float32")[y]
    return x, y
