"""The two-convolution network of many tutorials, on images of MNIST's shape."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from ..workload import Workload, clusters

ROWS, BATCH, EPOCHS, RATE = 6_000, 128, 1, 0.5
FEATURES = 5 * 5 * 64


def keras(library: Any) -> Any:
    layers = library.layers
    return library.Sequential(
        [
            library.Input((28, 28, 1)),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dropout(RATE),
            layers.Dense(10, activation="softmax"),
        ]
    )


def torch() -> Any:
    from torch import nn

    from .shared.torch_layers import ChannelsFirst

    first = (nn.Conv2d(1, 32, 3), nn.ReLU(), nn.MaxPool2d(2))
    second = (nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2))
    return nn.Sequential(ChannelsFirst(), *first, *second, nn.Flatten(), nn.Dropout(RATE), nn.Linear(FEATURES, 10))


def jax(random: np.random.Generator) -> Any:
    from jax import nn

    from .shared.jax_layers import conv, conv_params, dense, dense_params, dropout, max_pool

    params = [
        conv_params(random, 3, 3, 1, 32),
        conv_params(random, 3, 3, 32, 64),
        dense_params(random, FEATURES, 10),
    ]

    def apply(params: Any, x: Any, training: bool, key: Any) -> Any:
        for layer in params[:2]:
            x = max_pool(nn.relu(conv(layer, x, "VALID")))
        x = x.reshape(len(x), -1)
        return dense(params[2], dropout(key, x, RATE) if training else x)

    return params, apply


def flax() -> Any:
    from flax import nnx

    class Model(nnx.Module):
        def __init__(self, rngs: Any) -> None:
            self.first = nnx.Conv(1, 32, (3, 3), padding="VALID", rngs=rngs)
            self.second = nnx.Conv(32, 64, (3, 3), padding="VALID", rngs=rngs)
            self.dropout = nnx.Dropout(RATE, rngs=rngs)
            self.last = nnx.Linear(FEATURES, 10, rngs=rngs)

        def __call__(self, x: Any, training: bool) -> Any:
            for layer in (self.first, self.second):
                x = nnx.max_pool(nnx.relu(layer(x)), (2, 2), (2, 2))
            return self.last(self.dropout(x.reshape(len(x), -1), deterministic=not training))

    return Model(nnx.Rngs(0))


WORKLOAD = Workload(
    "convnet",
    f"convnet {ROWS:,}x28x28, batch {BATCH}, {EPOCHS} epoch",
    partial(clusters, ROWS, (28, 28, 1), 10),
    "sparse_categorical_crossentropy",
    BATCH,
    EPOCHS,
    keras,
    torch,
    jax,
    flax,
)
