"""The first block of a VGG network on images of CIFAR's size; its workloads differ in the number of channels."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from ...workload import Workload, clusters

BATCH, EPOCHS, CLASSES = 32, 1, 10


def keras(channels: int, library: Any) -> Any:
    layers = library.layers
    return library.Sequential(
        [
            library.Input((32, 32, 3)),
            layers.Conv2D(channels, 3, padding="same", activation="relu"),
            layers.Conv2D(channels, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dense(CLASSES, activation="softmax"),
        ]
    )


def torch(channels: int) -> Any:
    from torch import nn

    from .torch_layers import ChannelsFirst

    first = (nn.Conv2d(3, channels, 3, padding=1), nn.ReLU())
    second = (nn.Conv2d(channels, channels, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2))
    return nn.Sequential(ChannelsFirst(), *first, *second, nn.Flatten(), nn.Linear(16 * 16 * channels, CLASSES))


def jax(channels: int, random: np.random.Generator) -> Any:
    from jax import nn

    from .jax_layers import conv, conv_params, dense, dense_params, max_pool

    params = [
        conv_params(random, 3, 3, 3, channels),
        conv_params(random, 3, 3, channels, channels),
        dense_params(random, 16 * 16 * channels, CLASSES),
    ]

    def apply(params: Any, x: Any, training: bool, key: Any) -> Any:
        for layer in params[:2]:
            x = nn.relu(conv(layer, x))
        return dense(params[2], max_pool(x).reshape(len(x), -1))

    return params, apply


def flax(channels: int) -> Any:
    from flax import nnx

    class Model(nnx.Module):
        def __init__(self, rngs: Any) -> None:
            self.first = nnx.Conv(3, channels, (3, 3), rngs=rngs)
            self.second = nnx.Conv(channels, channels, (3, 3), rngs=rngs)
            self.last = nnx.Linear(16 * 16 * channels, CLASSES, rngs=rngs)

        def __call__(self, x: Any, training: bool) -> Any:
            x = nnx.relu(self.second(nnx.relu(self.first(x))))
            return self.last(nnx.max_pool(x, (2, 2), (2, 2)).reshape(len(x), -1))

    return Model(nnx.Rngs(0))


def vgg(channels: int, rows: int) -> Workload:
    return Workload(
        f"vgg_{channels}",
        f"VGG block {rows}x32x32, {channels} channels, batch {BATCH}, {EPOCHS} epoch",
        partial(clusters, rows, (32, 32, 3), CLASSES),
        "sparse_categorical_crossentropy",
        BATCH,
        EPOCHS,
        partial(keras, channels),
        partial(torch, channels),
        partial(jax, channels),
        partial(flax, channels),
    )
