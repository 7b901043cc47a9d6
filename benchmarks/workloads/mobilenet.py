"""A small MobileNet: depthwise and pointwise convolutions with batch normalization between them."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from ..workload import Workload, clusters

ROWS, BATCH, EPOCHS, CLASSES = 256, 32, 1, 10
STEM = 32
BLOCKS = ((32, 64, 1), (64, 128, 2), (128, 128, 1), (128, 256, 2))  # input channels, output channels, stride
WIDTH = BLOCKS[-1][1]


def keras(library: Any) -> Any:
    layers = library.layers

    def norm() -> list[Any]:
        return [layers.BatchNormalization(), layers.ReLU()]

    stack = [library.Input((32, 32, 3)), layers.Conv2D(STEM, 3, padding="same", use_bias=False), *norm()]
    for _, outputs, stride in BLOCKS:
        stack += [layers.DepthwiseConv2D(3, strides=stride, padding="same", use_bias=False), *norm()]
        stack += [layers.Conv2D(outputs, 1, use_bias=False), *norm()]
    stack += [layers.GlobalAveragePooling2D(), layers.Dense(CLASSES, activation="softmax")]
    return library.Sequential(stack)


def torch() -> Any:
    from torch import nn

    from .shared.torch_layers import ChannelsFirst

    def conv(inputs: int, outputs: int, size: int, stride: int = 1, groups: int = 1) -> list[Any]:
        layer = nn.Conv2d(inputs, outputs, size, stride, size // 2, groups=groups, bias=False)
        return [layer, nn.BatchNorm2d(outputs, eps=1e-3, momentum=0.01), nn.ReLU()]

    stack = [ChannelsFirst(), *conv(3, STEM, 3)]
    for inputs, outputs, stride in BLOCKS:
        stack += [*conv(inputs, inputs, 3, stride, inputs), *conv(inputs, outputs, 1)]
    return nn.Sequential(*stack, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(WIDTH, CLASSES))


def jax(random: np.random.Generator) -> Any:
    from jax import nn

    from .shared.jax_layers import batch_norm, batch_norm_params, conv, conv_params, dense, dense_params

    def params_of(*shape: int) -> Any:
        return conv_params(random, *shape, bias=False), batch_norm_params(shape[-1])

    blocks = [(params_of(3, 3, 1, i), params_of(1, 1, i, o)) for i, o, _ in BLOCKS]
    params = {"stem": params_of(3, 3, 3, STEM), "blocks": blocks, "last": dense_params(random, WIDTH, CLASSES)}

    def apply(params: Any, x: Any, training: bool, key: Any) -> Any:
        def layer(params: Any, x: Any, **options: int) -> Any:
            return nn.relu(batch_norm(params[1], conv(params[0], x, **options), training))

        x = layer(params["stem"], x)
        for (depthwise, pointwise), (inputs, _, stride) in zip(params["blocks"], BLOCKS, strict=True):
            x = layer(pointwise, layer(depthwise, x, stride=stride, groups=inputs))
        return dense(params["last"], x.mean((1, 2)))

    return params, apply


def flax() -> Any:
    from flax import nnx

    class Conv(nnx.Module):
        def __init__(self, inputs: int, outputs: int, size: int, rngs: Any, **options: int) -> None:
            self.conv = nnx.Conv(inputs, outputs, (size, size), use_bias=False, rngs=rngs, **options)
            self.norm = nnx.BatchNorm(outputs, momentum=0.99, epsilon=1e-3, rngs=rngs)

        def __call__(self, x: Any, training: bool) -> Any:
            return nnx.relu(self.norm(self.conv(x), use_running_average=not training))

    class Model(nnx.Module):
        def __init__(self, rngs: Any) -> None:
            stack = [Conv(3, STEM, 3, rngs)]
            for inputs, outputs, stride in BLOCKS:
                stack.append(Conv(inputs, inputs, 3, rngs, strides=stride, feature_group_count=inputs))
                stack.append(Conv(inputs, outputs, 1, rngs))
            self.stack = nnx.List(stack)
            self.last = nnx.Linear(WIDTH, CLASSES, rngs=rngs)

        def __call__(self, x: Any, training: bool) -> Any:
            for layer in self.stack:
                x = layer(x, training)
            return self.last(x.mean((1, 2)))

    return Model(nnx.Rngs(0))


WORKLOAD = Workload(
    "mobilenet",
    f"MobileNet-like {ROWS}x32x32, batch {BATCH}, {EPOCHS} epoch",
    partial(clusters, ROWS, (32, 32, 3), CLASSES),
    "sparse_categorical_crossentropy",
    BATCH,
    EPOCHS,
    keras,
    torch,
    jax,
    flax,
)
