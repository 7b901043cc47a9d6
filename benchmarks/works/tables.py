"""Networks over tables: plain, with embeddings, with preprocessing in the model."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from ..workload import Workload, clusters

CLASSES, LEVELS = 10, (1_000, 50, 7)


def mlp(library: Any, **more: Any) -> Any:
    layers = library.layers
    stack = [library.Input((64,))]
    for units in (512, 512, 256):
        stack += [layers.Dense(units, **more), layers.BatchNormalization(**more)]
        stack += [layers.ReLU(**more), layers.Dropout(0.3, **more)]
    return library.Sequential([*stack, layers.Dense(CLASSES, activation="softmax")])


def autoencoder(library: Any) -> Any:
    dense = library.layers.Dense
    stack = [library.Input((784,)), *(dense(units, activation="relu") for units in (128, 32, 128))]
    return library.Sequential([*stack, dense(784, activation="sigmoid")])


def embedded(library: Any) -> Any:
    """Numbers and three columns of categories, an input each."""
    layers = library.layers
    numbers = library.Input((12,))
    columns = [library.Input((1,), dtype="int32") for _ in LEVELS]
    parts = [layers.BatchNormalization()(numbers)]
    for column, levels in zip(columns, LEVELS, strict=True):
        parts.append(layers.Flatten()(layers.Embedding(levels, min(16, levels))(column)))
    x = layers.Concatenate()(parts)
    for units in (128, 64):
        x = layers.Dropout(0.1)(layers.Dense(units, activation="relu")(x))
    return library.Model([numbers, *columns], layers.Dense(1, activation="sigmoid")(x))


def towers(library: Any) -> Any:
    """Recommendation: the product of what a user and an item are embedded to."""
    layers = library.layers
    inputs = [library.Input((1,), dtype="int32") for _ in range(2)]
    sides = [
        layers.Dense(32)(layers.Dense(64, activation="relu")(layers.Flatten()(layers.Embedding(5_000, 32)(one))))
        for one in inputs
    ]
    return library.Model(inputs, layers.Dense(1, activation="sigmoid")(layers.Dot(1)(sides)))


def prepared(library: Any) -> Any:
    """Raw columns: normalized, cut into bins, one-hot."""
    layers = library.layers
    numbers = library.Input((8,))
    category = library.Input((1,), dtype="int32")
    age = library.Input((1,))
    bins = layers.Discretization(bin_boundaries=[-1.0, -0.5, 0.0, 0.5, 1.0])(age)
    parts = [
        layers.Normalization(mean=0.1, variance=1.1)(numbers),
        layers.CategoryEncoding(20, output_mode="one_hot")(category),
        layers.Flatten()(layers.Embedding(6, 4)(bins)),
    ]
    x = layers.Dense(64, activation="relu")(layers.Concatenate()(parts))
    return library.Model([numbers, category, age], layers.Dense(1, activation="sigmoid")(x))


def columns(rows: int, floats: tuple[int, ...], levels: tuple[int, ...], order: str) -> tuple[Any, np.ndarray]:
    """Columns of floats ("f") and of categories ("c") in an order, and a target of 0 and 1."""
    random = np.random.default_rng(7)
    wide = iter([random.standard_normal((rows, width), "float32") for width in floats])
    whole = iter([random.integers(0, count, (rows, 1), "int32") for count in levels])
    x = [next(wide) if kind == "f" else next(whole) for kind in order]
    return x, (sum(part[:, :1] % 2 for part in x) > len(x) / 2).astype("float32")


def digits(rows: int) -> tuple[np.ndarray, np.ndarray]:
    x = np.random.default_rng(7).uniform(size=(rows, 784)).astype("float32")
    return x, x


CROSS, BINARY = "sparse_categorical_crossentropy", "binary_crossentropy"
WIDE = partial(clusters, 20_000, (64,), CLASSES)
WORKS = (
    Workload("mlp_bn", "MLP with BatchNormalization, Dropout, 20,000 rows, batch 128", WIDE, CROSS, 128, 1, mlp),
    Workload(
        "mixed_mlp",
        "the same, 2,000 rows, mixed_bfloat16",
        partial(clusters, 2_000, (64,), CLASSES),
        CROSS,
        128,
        1,
        partial(mlp, dtype="mixed_bfloat16"),
    ),
    Workload(
        "autoencoder",
        "autoencoder 784-128-32, 10,000 rows, batch 128",
        partial(digits, 10_000),
        "mse",
        128,
        1,
        autoencoder,
    ),
    Workload(
        "embeddings",
        "numbers and 3 embedded columns, 8,000 rows, batch 64",
        partial(columns, 8_000, (12,), LEVELS, "fccc"),
        BINARY,
        64,
        1,
        embedded,
    ),
    Workload(
        "towers",
        "recommender, 5,000 users and items, 8,000 rows, batch 128",
        partial(columns, 8_000, (), (5_000, 5_000), "cc"),
        BINARY,
        128,
        1,
        towers,
    ),
    Workload(
        "prepared",
        "preprocessing layers in the model, 4,000 rows, batch 64",
        partial(columns, 4_000, (8, 1), (20,), "fcf"),
        BINARY,
        64,
        1,
        prepared,
    ),
)
