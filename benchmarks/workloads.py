"""The workloads, written once for both libraries: `keras` is the module, ours or theirs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

STREAM_BATCH = 32


def arrays(keras: Any, x: np.ndarray, y: np.ndarray) -> dict[str, Any]:
    return {"x": x, "y": y}


def generator(keras: Any, x: np.ndarray, y: np.ndarray) -> dict[str, Any]:
    steps = len(x) // STREAM_BATCH

    def batches() -> Iterator[Any]:
        while True:
            for i in range(steps):
                yield x[i * STREAM_BATCH : (i + 1) * STREAM_BATCH], y[i * STREAM_BATCH : (i + 1) * STREAM_BATCH]

    return {"x": batches(), "steps_per_epoch": steps, "shuffle": False}


def dataset(keras: Any, x: np.ndarray, y: np.ndarray) -> dict[str, Any]:
    class Batches(keras.utils.PyDataset):  # type: ignore[misc, name-defined]
        def __len__(self) -> int:
            return len(x) // STREAM_BATCH

        def __getitem__(self, i: int) -> Any:
            return x[i * STREAM_BATCH : (i + 1) * STREAM_BATCH], y[i * STREAM_BATCH : (i + 1) * STREAM_BATCH]

    return {"x": Batches()}


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
    feed: Callable[[Any, np.ndarray, np.ndarray], dict[str, Any]] = arrays  # data as arguments of `fit`


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
    Workload("generator of 768x8, batch 32, 20 epochs", tabular, tabular_data, {"epochs": 20}, 3.0, feed=generator),
    Workload("PyDataset of 768x8, batch 32, 20 epochs", tabular, tabular_data, {"epochs": 20}, 3.0, feed=dataset),
    Workload("generator of 60,000x784, batch 32, 1 epoch", mlp, mlp_data, {"epochs": 1}, 1.3, feed=generator),
    Workload("PyDataset of 60,000x784, batch 32, 1 epoch", mlp, mlp_data, {"epochs": 1}, 1.3, feed=dataset),
)
