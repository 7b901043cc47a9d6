"""ResNet50V2, 101V2, 152V2: ResNet with normalization and ReLU before each convolution."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from .._lazy import listed
from ..core.tensor import KerasTensor
from ..layers import Add, Conv2D, MaxPooling2D, ZeroPadding2D
from .common import Network, named_pools, network
from .imagenet_utils import Preprocessing, decode_predictions, preprocessing
from .resnet import BLOCKS, WIDTHS, activated

__all__ = ["ResNet50V2", "ResNet101V2", "ResNet152V2", "decode_predictions", "preprocess_input"]

ABOUT = "He, Zhang, Ren and Sun 2016, Identity mappings in deep residual networks."


def stages(x: KerasTensor, blocks: tuple[int, ...]) -> KerasTensor:
    x = ZeroPadding2D(((3, 3), (3, 3)), name="conv1_pad")(x)
    x = Conv2D(64, 7, strides=2, name="conv1_conv")(x)
    x = MaxPooling2D(3, strides=2, name="pool1_pool")(ZeroPadding2D(((1, 1), (1, 1)), name="pool1_pad")(x))
    for stage, (width, count) in enumerate(zip(WIDTHS, blocks, strict=True), 2):
        for number in range(1, count + 1):
            x = _block(x, width, stride=2 if stage < 5 and number == count else 1, name=f"conv{stage}_block{number}")
    return activated(x, "post_bn", "post_relu")


def _block(x: KerasTensor, width: int, stride: int, name: str) -> KerasTensor:
    first = activated(x, f"{name}_preact_bn", f"{name}_preact_relu")
    if name.endswith("_block1"):
        shortcut = Conv2D(4 * width, 1, strides=stride, name=f"{name}_0_conv")(first)
    else:
        shortcut = MaxPooling2D(1, strides=stride)(x) if stride > 1 else x
    x = Conv2D(width, 1, strides=1, use_bias=False, name=f"{name}_1_conv")(first)
    x = activated(x, f"{name}_1_bn", f"{name}_1_relu")
    x = ZeroPadding2D(((1, 1), (1, 1)), name=f"{name}_2_pad")(x)
    x = Conv2D(width, 3, strides=stride, use_bias=False, name=f"{name}_2_conv")(x)
    x = activated(x, f"{name}_2_bn", f"{name}_2_relu")
    return Add(name=f"{name}_out")([shortcut, Conv2D(4 * width, 1, name=f"{name}_3_conv")(x)])


def _row(depth: str) -> Network:
    body = functools.partial(stages, blocks=BLOCKS[depth])
    return network(f"ResNet{depth}V2", __name__, ABOUT, body, named_pools, size=224)


ResNet50V2: Network = _row("50")
ResNet101V2: Network = _row("101")
ResNet152V2: Network = _row("152")
preprocess_input: Preprocessing = preprocessing("tf", __name__)

if not TYPE_CHECKING:
    __getattr__, __dir__ = listed(__name__)
