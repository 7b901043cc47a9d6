"""Series of eight channels through convolutions over time."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from ..workload import Workload, clusters

ROWS, STEPS, CHANNELS, CLASSES = 2_048, 256, 8, 5
BATCH, EPOCHS = 64, 1
FILTERS, WINDOW = 64, 5


def keras(library: Any) -> Any:
    layers = library.layers
    stack = [library.Input((STEPS, CHANNELS))]
    for _ in range(2):
        stack += [layers.Conv1D(FILTERS, WINDOW, padding="same", activation="relu"), layers.MaxPooling1D(2)]
    stack += [layers.Conv1D(FILTERS, WINDOW, padding="same", activation="relu"), layers.GlobalAveragePooling1D()]
    return library.Sequential([*stack, layers.Dense(CLASSES, activation="softmax")])


def torch() -> Any:
    from torch import nn

    from .shared.torch_layers import ChannelsFirst

    def conv(inputs: int) -> list[Any]:
        return [nn.Conv1d(inputs, FILTERS, WINDOW, padding=WINDOW // 2), nn.ReLU()]

    first, second = [*conv(CHANNELS), nn.MaxPool1d(2)], [*conv(FILTERS), nn.MaxPool1d(2)]
    last = [nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(FILTERS, CLASSES)]
    return nn.Sequential(ChannelsFirst(), *first, *second, *conv(FILTERS), *last)


def jax(random: np.random.Generator) -> Any:
    from jax import nn

    from .shared.jax_layers import conv, conv_params, dense, dense_params, max_pool

    convs = [conv_params(random, WINDOW, inputs, FILTERS) for inputs in (CHANNELS, FILTERS, FILTERS)]
    params = [*convs, dense_params(random, FILTERS, CLASSES)]

    def apply(params: Any, x: Any, training: bool, key: Any) -> Any:
        for layer in params[:2]:
            x = max_pool(nn.relu(conv(layer, x)))
        return dense(params[3], nn.relu(conv(params[2], x)).mean(1))

    return params, apply


def flax() -> Any:
    from flax import nnx

    class Model(nnx.Module):
        def __init__(self, rngs: Any) -> None:
            self.first = nnx.Conv(CHANNELS, FILTERS, WINDOW, rngs=rngs)
            self.second = nnx.Conv(FILTERS, FILTERS, WINDOW, rngs=rngs)
            self.third = nnx.Conv(FILTERS, FILTERS, WINDOW, rngs=rngs)
            self.last = nnx.Linear(FILTERS, CLASSES, rngs=rngs)

        def __call__(self, x: Any, training: bool) -> Any:
            for layer in (self.first, self.second):
                x = nnx.max_pool(nnx.relu(layer(x)), (2,), (2,))
            return self.last(nnx.relu(self.third(x)).mean(1))

    return Model(nnx.Rngs(0))


WORKLOAD = Workload(
    "conv1d",
    f"series {ROWS:,}x{STEPS}x{CHANNELS}, Conv1D, batch {BATCH}, {EPOCHS} epoch",
    partial(clusters, ROWS, (STEPS, CHANNELS), CLASSES, 2.0),
    "sparse_categorical_crossentropy",
    BATCH,
    EPOCHS,
    keras,
    torch,
    jax,
    flax,
)
