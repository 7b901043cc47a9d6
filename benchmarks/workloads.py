"""The workloads, written once for both libraries: `keras` is the module, ours or theirs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np


class Workload(NamedTuple):
    """A model, its data and the arguments of `fit`.

    `goal` is the least ratio (Keras' time over ours) that the project promises.
    """

    name: str
    build: Callable[[Any], Any]
    data: Callable[[], tuple[np.ndarray, np.ndarray]]
    fit: dict[str, Any]
    goal: float
    repeats: int = 3


def _random() -> np.random.Generator:
    return np.random.default_rng(7)


def tabular(keras: Any) -> Any:
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((8,)),
            layers.Dense(12, activation="relu"),
            layers.Dense(8, activation="relu"),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(optimizer="adam", loss="binary_crossentropy", metrics=["accuracy"])
    return model


def tabular_data() -> tuple[np.ndarray, np.ndarray]:
    x = _random().normal(size=(768, 8)).astype("float32")
    return x, (x[:, 0] + x[:, 1] * x[:, 2] > 0).astype("float32")


def mlp(keras: Any) -> Any:
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((784,)),
            layers.Dense(128, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def mlp_data() -> tuple[np.ndarray, np.ndarray]:
    random = _random()
    y = random.integers(0, 10, 60_000)
    centers = random.normal(size=(10, 784)).astype("float32")
    return (centers[y] + 2 * random.normal(size=(60_000, 784))).astype("float32"), y


def convnet(keras: Any) -> Any:
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dropout(0.5),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(optimizer="adam", loss="categorical_crossentropy", metrics=["accuracy"])
    return model


def convnet_data() -> tuple[np.ndarray, np.ndarray]:
    random = _random()
    y = random.integers(0, 10, 12_000)
    centers = random.uniform(size=(10, 28, 28, 1)).astype("float32")
    x = (centers[y] + random.normal(size=(12_000, 28, 28, 1))).astype("float32")
    return x, np.eye(10, dtype="float32")[y]


TRAINING = (
    Workload("tabular 768x8, batch 10, 50 epochs", tabular, tabular_data, {"batch_size": 10, "epochs": 50}, 20.0),
    Workload("MLP 60,000x784, batch 32, 1 epoch", mlp, mlp_data, {"batch_size": 32, "epochs": 1}, 1.5),
    Workload("convnet 12,000x28x28, batch 128, 1 epoch", convnet, convnet_data, {"batch_size": 128, "epochs": 1}, 3.0),
)
