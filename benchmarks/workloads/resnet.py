"""A small residual network. In Keras' language a residual block is a layer that holds layers, within a Sequential."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from ..workload import Workload, clusters

ROWS, BATCH, EPOCHS, CLASSES = 512, 32, 1, 10
STEM = 16
BLOCKS = ((16, 16, 1), (16, 32, 2), (32, 64, 2))  # input channels, output channels, stride
WIDTH = BLOCKS[-1][1]


def keras(library: Any) -> Any:
    layers = library.layers

    def conv(channels: int, size: int = 3, stride: int = 1) -> Any:
        return layers.Conv2D(channels, size, strides=stride, padding="same", use_bias=False)

    class Residual(layers.Layer):  # type: ignore[misc, name-defined]
        def __init__(self, channels: int, stride: int) -> None:
            super().__init__()
            self.first, self.second = conv(channels, 3, stride), conv(channels)
            self.first_norm, self.second_norm = layers.BatchNormalization(), layers.BatchNormalization()
            self.shortcut = conv(channels, 1, stride) if stride > 1 else None

        def build(self, input_shape: Any) -> None:
            self.first.build(input_shape)
            shape = self.first.compute_output_shape(input_shape)
            for layer in (self.first_norm, self.second, self.second_norm):
                layer.build(shape)
            if self.shortcut is not None:
                self.shortcut.build(input_shape)

        def call(self, inputs: Any) -> Any:
            x = library.ops.relu(self.first_norm(self.first(inputs)))
            x = self.second_norm(self.second(x))
            return library.ops.relu(x + (inputs if self.shortcut is None else self.shortcut(inputs)))

    return library.Sequential(
        [
            library.Input((32, 32, 3)),
            conv(STEM),
            layers.BatchNormalization(),
            layers.ReLU(),
            *(Residual(outputs, stride) for _, outputs, stride in BLOCKS),
            layers.GlobalAveragePooling2D(),
            layers.Dense(CLASSES, activation="softmax"),
        ]
    )


def torch() -> Any:
    from torch import nn

    from .shared.torch_layers import ChannelsFirst

    def conv(inputs: int, outputs: int, size: int = 3, stride: int = 1) -> Any:
        return nn.Conv2d(inputs, outputs, size, stride, size // 2, bias=False)

    def norm(channels: int) -> Any:
        return nn.BatchNorm2d(channels, eps=1e-3, momentum=0.01)

    class Residual(nn.Module):
        def __init__(self, inputs: int, outputs: int, stride: int) -> None:
            super().__init__()
            first = (conv(inputs, outputs, 3, stride), norm(outputs), nn.ReLU())
            self.body = nn.Sequential(*first, conv(outputs, outputs), norm(outputs))
            self.shortcut = conv(inputs, outputs, 1, stride) if stride > 1 else nn.Identity()

        def forward(self, x: Any) -> Any:
            return nn.functional.relu(self.body(x) + self.shortcut(x))

    stem = (ChannelsFirst(), conv(3, STEM), norm(STEM), nn.ReLU())
    last = (nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(WIDTH, CLASSES))
    return nn.Sequential(*stem, *(Residual(*block) for block in BLOCKS), *last)


def jax(random: np.random.Generator) -> Any:
    from jax import nn

    from .shared.jax_layers import batch_norm, batch_norm_params, conv, conv_params, dense, dense_params

    def params_of(*shape: int) -> Any:
        return conv_params(random, *shape, bias=False), batch_norm_params(shape[-1])

    def block_params(inputs: int, outputs: int, stride: int) -> Any:
        params = {"first": params_of(3, 3, inputs, outputs), "second": params_of(3, 3, outputs, outputs)}
        return {**params, "shortcut": conv_params(random, 1, 1, inputs, outputs, bias=False)} if stride > 1 else params

    params = {
        "stem": params_of(3, 3, 3, STEM),
        "blocks": [block_params(*block) for block in BLOCKS],
        "last": dense_params(random, WIDTH, CLASSES),
    }

    def apply(params: Any, x: Any, training: bool, key: Any) -> Any:
        def layer(params: Any, x: Any, stride: int = 1) -> Any:
            return batch_norm(params[1], conv(params[0], x, stride=stride), training)

        x = nn.relu(layer(params["stem"], x))
        for block, (_, _, stride) in zip(params["blocks"], BLOCKS, strict=True):
            shortcut = conv(block["shortcut"], x, stride=stride) if "shortcut" in block else x
            x = nn.relu(layer(block["second"], nn.relu(layer(block["first"], x, stride))) + shortcut)
        return dense(params["last"], x.mean((1, 2)))

    return params, apply


def flax() -> Any:
    from flax import nnx

    def conv(inputs: int, outputs: int, rngs: Any, size: int = 3, stride: int = 1) -> Any:
        return nnx.Conv(inputs, outputs, (size, size), stride, use_bias=False, rngs=rngs)

    def norm(channels: int, rngs: Any) -> Any:
        return nnx.BatchNorm(channels, momentum=0.99, epsilon=1e-3, rngs=rngs)

    class Residual(nnx.Module):
        def __init__(self, inputs: int, outputs: int, stride: int, rngs: Any) -> None:
            self.first, self.second = conv(inputs, outputs, rngs, 3, stride), conv(outputs, outputs, rngs)
            self.first_norm, self.second_norm = norm(outputs, rngs), norm(outputs, rngs)
            self.shortcut = conv(inputs, outputs, rngs, 1, stride) if stride > 1 else None

        def __call__(self, inputs: Any, average: bool) -> Any:
            x = nnx.relu(self.first_norm(self.first(inputs), use_running_average=average))
            x = self.second_norm(self.second(x), use_running_average=average)
            return nnx.relu(x + (inputs if self.shortcut is None else self.shortcut(inputs)))

    class Model(nnx.Module):
        def __init__(self, rngs: Any) -> None:
            self.stem, self.stem_norm = conv(3, STEM, rngs), norm(STEM, rngs)
            self.blocks = nnx.List([Residual(*block, rngs) for block in BLOCKS])
            self.last = nnx.Linear(WIDTH, CLASSES, rngs=rngs)

        def __call__(self, x: Any, training: bool) -> Any:
            x = nnx.relu(self.stem_norm(self.stem(x), use_running_average=not training))
            for block in self.blocks:
                x = block(x, not training)
            return self.last(x.mean((1, 2)))

    return Model(nnx.Rngs(0))


WORKLOAD = Workload(
    "resnet",
    f"residual net {ROWS}x32x32, batch {BATCH}, {EPOCHS} epoch",
    partial(clusters, ROWS, (32, 32, 3), CLASSES),
    "sparse_categorical_crossentropy",
    BATCH,
    EPOCHS,
    keras,
    torch,
    jax,
    flax,
)
