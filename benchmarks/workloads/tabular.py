"""A small table and a small network: the overhead of a batch is nearly all the time."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from ..workload import Workload, glorot

BATCH, EPOCHS = 10, 50


def data() -> tuple[np.ndarray, np.ndarray]:
    x = np.random.default_rng(7).standard_normal((768, 8), dtype="float32")
    return x, (x[:, :1] + x[:, 1:2] * x[:, 2:3] > 0).astype("float32")


def keras(library: Any) -> Any:
    layers = library.layers
    return library.Sequential(
        [
            library.Input((8,)),
            layers.Dense(12, activation="relu"),
            layers.Dense(8, activation="relu"),
            layers.Dense(1, activation="sigmoid"),
        ]
    )


def torch() -> Any:
    from torch import nn

    return nn.Sequential(nn.Linear(8, 12), nn.ReLU(), nn.Linear(12, 8), nn.ReLU(), nn.Linear(8, 1))


def jax(random: np.random.Generator) -> Any:
    from jax import nn

    sizes = (8, 12, 8, 1)
    params = [(glorot(random, i, o), np.zeros(o, "float32")) for i, o in pairwise(sizes)]

    def apply(params: Any, x: Any, training: bool, key: Any) -> Any:
        for kernel, bias in params[:-1]:
            x = nn.relu(x @ kernel + bias)
        kernel, bias = params[-1]
        return x @ kernel + bias

    return params, apply


def flax() -> Any:
    from flax import nnx

    class Model(nnx.Module):
        def __init__(self, rngs: Any) -> None:
            self.first = nnx.Linear(8, 12, rngs=rngs)
            self.second = nnx.Linear(12, 8, rngs=rngs)
            self.last = nnx.Linear(8, 1, rngs=rngs)

        def __call__(self, x: Any, training: bool) -> Any:
            return self.last(nnx.relu(self.second(nnx.relu(self.first(x)))))

    return Model(nnx.Rngs(0))


def sklearn() -> Any:
    from sklearn.neural_network import MLPClassifier

    return MLPClassifier((12, 8), batch_size=BATCH, max_iter=EPOCHS, alpha=0.0, tol=0.0, n_iter_no_change=EPOCHS + 1)


WORKLOAD = Workload(
    "tabular",
    f"tabular 768x8, batch {BATCH}, {EPOCHS} epochs",
    data,
    "binary_crossentropy",
    BATCH,
    EPOCHS,
    keras,
    torch,
    jax,
    flax,
    sklearn,
)
