"""A multilayer perceptron for images of 784 pixels; its workloads differ in the batch and in how batches come."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from ...workload import Workload, clusters

ROWS, PIXELS, HIDDEN, CLASSES = 60_000, 784, 128, 10


def keras(library: Any) -> Any:
    layers = library.layers
    return library.Sequential(
        [
            library.Input((PIXELS,)),
            layers.Dense(HIDDEN, activation="relu"),
            layers.Dense(CLASSES, activation="softmax"),
        ]
    )


def torch() -> Any:
    from torch import nn

    return nn.Sequential(nn.Linear(PIXELS, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, CLASSES))


def jax(random: np.random.Generator) -> Any:
    from jax import nn

    from .jax_layers import dense, dense_params

    params = [dense_params(random, PIXELS, HIDDEN), dense_params(random, HIDDEN, CLASSES)]

    def apply(params: Any, x: Any, training: bool, key: Any) -> Any:
        return dense(params[1], nn.relu(dense(params[0], x)))

    return params, apply


def flax() -> Any:
    from flax import nnx

    class Model(nnx.Module):
        def __init__(self, rngs: Any) -> None:
            self.hidden = nnx.Linear(PIXELS, HIDDEN, rngs=rngs)
            self.last = nnx.Linear(HIDDEN, CLASSES, rngs=rngs)

        def __call__(self, x: Any, training: bool) -> Any:
            return self.last(nnx.relu(self.hidden(x)))

    return Model(nnx.Rngs(0))


def sklearn(batch: int, epochs: int) -> Any:
    from sklearn.neural_network import MLPClassifier

    never = epochs + 1
    return MLPClassifier(HIDDEN, batch_size=batch, max_iter=epochs, alpha=0.0, tol=0.0, n_iter_no_change=never)


def mlp(name: str, title: str, batch: int, epochs: int, feed: str = "arrays") -> Workload:
    return Workload(
        name,
        title,
        partial(clusters, ROWS, (PIXELS,), CLASSES, 2.0),
        "sparse_categorical_crossentropy",
        batch,
        epochs,
        keras,
        torch,
        jax,
        flax,
        partial(sklearn, batch, epochs) if feed == "arrays" else None,
        feed=feed,
    )
