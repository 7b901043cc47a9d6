"""ResNet50, 101, 152: bottlenecks of three convolutions, each added to what went in."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from .._lazy import listed
from ..core.tensor import KerasTensor
from ..layers import Activation, Add, Conv2D, MaxPooling2D, ZeroPadding2D
from .common import Network, named_pools, network, normalized
from .imagenet_utils import Preprocessing, decode_predictions, preprocessing

__all__ = ["ResNet50", "ResNet101", "ResNet152", "decode_predictions", "preprocess_input"]

ABOUT = "He, Zhang, Ren and Sun 2015, Deep residual learning for image recognition."
EPSILON = 1.001e-5
WIDTHS = (64, 128, 256, 512)
BLOCKS = {"50": (3, 4, 6, 3), "101": (3, 4, 23, 3), "152": (3, 8, 36, 3)}


def activated(x: KerasTensor, norm: str, relu: str) -> KerasTensor:
    return Activation("relu", name=relu)(normalized(x, norm, epsilon=EPSILON))


def stages(x: KerasTensor, blocks: tuple[int, ...]) -> KerasTensor:
    x = ZeroPadding2D(((3, 3), (3, 3)), name="conv1_pad")(x)
    x = activated(Conv2D(64, 7, strides=2, name="conv1_conv")(x), "conv1_bn", "conv1_relu")
    x = MaxPooling2D(3, strides=2, name="pool1_pool")(ZeroPadding2D(((1, 1), (1, 1)), name="pool1_pad")(x))
    for stage, (width, count) in enumerate(zip(WIDTHS, blocks, strict=True), 2):
        for number in range(1, count + 1):
            x = _block(x, width, stride=2 if stage > 2 and number == 1 else 1, name=f"conv{stage}_block{number}")
    return x


def _block(x: KerasTensor, width: int, stride: int, name: str) -> KerasTensor:
    shortcut = x
    if name.endswith("_block1"):
        shortcut = Conv2D(4 * width, 1, strides=stride, name=f"{name}_0_conv")(x)
        shortcut = normalized(shortcut, f"{name}_0_bn", epsilon=EPSILON)
    x = activated(Conv2D(width, 1, strides=stride, name=f"{name}_1_conv")(x), f"{name}_1_bn", f"{name}_1_relu")
    x = activated(Conv2D(width, 3, padding="same", name=f"{name}_2_conv")(x), f"{name}_2_bn", f"{name}_2_relu")
    x = normalized(Conv2D(4 * width, 1, name=f"{name}_3_conv")(x), f"{name}_3_bn", epsilon=EPSILON)
    return Activation("relu", name=f"{name}_out")(Add(name=f"{name}_add")([shortcut, x]))


def _row(depth: str) -> Network:
    body = functools.partial(stages, blocks=BLOCKS[depth])
    return network(f"ResNet{depth}", __name__, ABOUT, body, named_pools, size=224)


ResNet50: Network = _row("50")
ResNet101: Network = _row("101")
ResNet152: Network = _row("152")
preprocess_input: Preprocessing = preprocessing("caffe", __name__)

if not TYPE_CHECKING:
    __getattr__, __dir__ = listed(__name__)
