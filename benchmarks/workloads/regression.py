"""A million rows of twenty columns: a small network, and data that does not fit into any cache."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..workload import Workload

ROWS, COLUMNS, UNITS = 1_000_000, 20, 64
BATCH, EPOCHS = 1024, 1


def data() -> tuple[np.ndarray, np.ndarray]:
    x = np.random.default_rng(7).standard_normal((ROWS, COLUMNS), dtype="float32")
    return x, x[:, :1] - x[:, 1:2] * x[:, 2:3]


def keras(library: Any) -> Any:
    layers = library.layers
    return library.Sequential(
        [
            library.Input((COLUMNS,)),
            layers.Dense(UNITS, activation="relu"),
            layers.Dense(UNITS, activation="relu"),
            layers.Dense(1),
        ]
    )


def torch() -> Any:
    from torch import nn

    return nn.Sequential(nn.Linear(COLUMNS, UNITS), nn.ReLU(), nn.Linear(UNITS, UNITS), nn.ReLU(), nn.Linear(UNITS, 1))


def jax(random: np.random.Generator) -> Any:
    from jax import nn

    from .shared.jax_layers import dense, dense_params

    params = [dense_params(random, *sizes) for sizes in ((COLUMNS, UNITS), (UNITS, UNITS), (UNITS, 1))]

    def apply(params: Any, x: Any, training: bool, key: Any) -> Any:
        return dense(params[2], nn.relu(dense(params[1], nn.relu(dense(params[0], x)))))

    return params, apply


def flax() -> Any:
    from flax import nnx

    class Model(nnx.Module):
        def __init__(self, rngs: Any) -> None:
            self.first = nnx.Linear(COLUMNS, UNITS, rngs=rngs)
            self.second = nnx.Linear(UNITS, UNITS, rngs=rngs)
            self.last = nnx.Linear(UNITS, 1, rngs=rngs)

        def __call__(self, x: Any, training: bool) -> Any:
            return self.last(nnx.relu(self.second(nnx.relu(self.first(x)))))

    return Model(nnx.Rngs(0))


def sklearn() -> Any:
    from sklearn.neural_network import MLPRegressor

    never = EPOCHS + 1
    return MLPRegressor(
        hidden_layer_sizes=(UNITS, UNITS), batch_size=BATCH, max_iter=EPOCHS, alpha=0.0, tol=0.0, n_iter_no_change=never
    )


WORKLOAD = Workload(
    "regression",
    f"regression 1,000,000x{COLUMNS}, batch {BATCH}, {EPOCHS} epoch",
    data,
    "mse",
    BATCH,
    EPOCHS,
    keras,
    torch,
    jax,
    flax,
    sklearn,
)
