"""DenseNet121, 169, 201: each block sees the outputs of all blocks before it."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from .._lazy import listed
from ..core.tensor import KerasTensor
from ..layers import AveragePooling2D, Concatenate, Conv2D, MaxPooling2D, ZeroPadding2D
from .common import Network, channel_axis, channels, named_pools, network
from .imagenet_utils import Preprocessing, decode_predictions, preprocessing
from .resnet import activated

__all__ = ["DenseNet121", "DenseNet169", "DenseNet201", "decode_predictions", "preprocess_input"]

ABOUT = "Huang, Liu, van der Maaten and Weinberger 2017, Densely connected convolutional networks."
_GROWTH = 32
_BLOCKS = {"121": (6, 12, 24, 16), "169": (6, 12, 32, 32), "201": (6, 12, 48, 32)}


def stages(x: KerasTensor, blocks: tuple[int, ...]) -> KerasTensor:
    x = Conv2D(64, 7, strides=2, use_bias=False, name="conv1_conv")(ZeroPadding2D(((3, 3), (3, 3)))(x))
    x = ZeroPadding2D(((1, 1), (1, 1)))(activated(x, "conv1_bn", "conv1_relu"))
    x = MaxPooling2D(3, strides=2, name="pool1")(x)
    for stage, count in enumerate(blocks, 2):
        for number in range(1, count + 1):
            x = _block(x, f"conv{stage}_block{number}")
        if stage < 5:
            x = _transition(x, f"pool{stage}")
    return activated(x, "bn", "relu")


def _block(x: KerasTensor, name: str) -> KerasTensor:
    new = activated(x, f"{name}_0_bn", f"{name}_0_relu")
    new = Conv2D(4 * _GROWTH, 1, use_bias=False, name=f"{name}_1_conv")(new)
    new = activated(new, f"{name}_1_bn", f"{name}_1_relu")
    new = Conv2D(_GROWTH, 3, padding="same", use_bias=False, name=f"{name}_2_conv")(new)
    return Concatenate(axis=channel_axis(), name=f"{name}_concat")([x, new])


def _transition(x: KerasTensor, name: str) -> KerasTensor:
    x = activated(x, f"{name}_bn", f"{name}_relu")
    x = Conv2D(channels(x) // 2, 1, use_bias=False, name=f"{name}_conv")(x)
    return AveragePooling2D(2, strides=2, name=f"{name}_pool")(x)


def _row(depth: str) -> Network:
    body = functools.partial(stages, blocks=_BLOCKS[depth])
    return network(f"DenseNet{depth}", __name__, ABOUT, body, named_pools, size=224, channels_first=False)


DenseNet121: Network = _row("121")
DenseNet169: Network = _row("169")
DenseNet201: Network = _row("201")
preprocess_input: Preprocessing = preprocessing("torch", __name__)

if not TYPE_CHECKING:
    __getattr__, __dir__ = listed(__name__)
