"""Sequax, and Keras on each backend: one code, the library is an argument."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import Any

import numpy as np

from ..workload import EPSILON, Workload, glorot
from . import Run


def make(workload: Workload, x: np.ndarray, y: np.ndarray, module: str) -> Run:
    library = import_module(module)
    model = workload.keras(library)
    draw_weights(model)
    compile_(library, model, workload)

    def fit() -> float:
        arguments = feed(library, workload, x, y)
        return model.fit(**arguments, epochs=workload.epochs, verbose=0).history["loss"][-1]

    def predict(rows: np.ndarray) -> np.ndarray:
        return model.predict(rows, verbose=0)

    def search(times: int) -> None:
        for _ in range(times):
            candidate = library.models.clone_model(model)
            compile_(library, candidate, workload)
            candidate.fit(x, y, batch_size=32, epochs=1, verbose=0)

    return Run(fit, predict, search)


def draw_weights(model: Any) -> None:
    """The same start in each library: matrices are drawn by NumPy from their position, vectors stay as they are."""
    for position, weight in enumerate(model.trainable_weights):
        if len(weight.shape) >= 2:
            weight.assign(glorot(np.random.default_rng(position), *weight.shape))


def compile_(library: Any, model: Any, workload: Workload) -> None:
    optimizers = library.optimizers
    model.compile(
        optimizer=optimizers.Adam(workload.learning_rate, epsilon=EPSILON)
        if workload.optimizer == "adam"
        else optimizers.SGD(workload.learning_rate),
        loss=workload.loss,
        metrics=[] if workload.loss == "mse" else ["accuracy"],
    )


def feed(library: Any, workload: Workload, x: np.ndarray, y: np.ndarray) -> dict[str, Any]:
    """The data as arguments of `fit`; generator and dataset give whole batches in the order of the rows."""
    size = workload.batch_size
    steps = len(x) // size

    def batch(i: int) -> tuple[np.ndarray, np.ndarray]:
        return x[i * size : (i + 1) * size], y[i * size : (i + 1) * size]

    def batches() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        while True:
            yield from map(batch, range(steps))

    if workload.feed == "generator":
        return {"x": batches(), "steps_per_epoch": steps}
    if workload.feed == "dataset":

        class Batches(library.utils.PyDataset):
            def __len__(self) -> int:
                return steps

            def __getitem__(self, i: int) -> tuple[np.ndarray, np.ndarray]:
                return batch(i)

        return {"x": Batches()}
    return {"x": x, "y": y, "batch_size": size}
