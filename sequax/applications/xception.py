"""Xception: convolutions that mix places and channels one after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._lazy import listed
from ..core.tensor import KerasTensor
from ..layers import Activation, Add, Conv2D, MaxPooling2D, SeparableConv2D
from .common import Network, classifier, network, normalized
from .imagenet_utils import Preprocessing, decode_predictions, preprocessing

__all__ = ["Xception", "decode_predictions", "preprocess_input"]

ABOUT = "Chollet 2017, Xception: Deep learning with depthwise separable convolutions."
# Filters by block; the image is halved in those of the entry and the exit.
_ENTRY: dict[int, tuple[int, ...]] = {2: (128, 128), 3: (256, 256), 4: (728, 728)}
_MIDDLE: dict[int, tuple[int, ...]] = dict.fromkeys(range(5, 13), (728, 728, 728))
_EXIT: dict[int, tuple[int, ...]] = {13: (728, 1024)}


def blocks(x: KerasTensor) -> KerasTensor:
    for number, (width, strides) in enumerate(((32, 2), (64, 1)), 1):
        name = f"block1_conv{number}"
        x = normalized(Conv2D(width, 3, strides=strides, use_bias=False, name=name)(x), f"{name}_bn")
        x = Activation("relu", name=f"{name}_act")(x)
    for block, filters in {**_ENTRY, **_MIDDLE, **_EXIT}.items():
        x = _block(x, block, filters)
    for number, width in enumerate((1536, 2048), 1):
        x = Activation("relu", name=f"block14_sepconv{number}_act")(_separable(x, width, f"block14_sepconv{number}"))
    return x


def _block(x: KerasTensor, block: int, filters: tuple[int, ...]) -> KerasTensor:
    shortcut, halves = x, block not in _MIDDLE
    if halves:
        shortcut = normalized(Conv2D(filters[-1], 1, strides=2, padding="same", use_bias=False)(x))
    for number, width in enumerate(filters, 1):
        name = f"block{block}_sepconv{number}"
        if (block, number) != (2, 1):  # block 1 has ended in one
            x = Activation("relu", name=f"{name}_act")(x)
        x = _separable(x, width, name)
    if halves:
        x = MaxPooling2D(3, strides=2, padding="same", name=f"block{block}_pool")(x)
    return Add()([x, shortcut])


def _separable(x: KerasTensor, filters: int, name: str) -> KerasTensor:
    return normalized(SeparableConv2D(filters, 3, padding="same", use_bias=False, name=name)(x), f"{name}_bn")


Xception: Network = network("Xception", __name__, ABOUT, blocks, classifier, size=299, least=71)
preprocess_input: Preprocessing = preprocessing("tf", __name__)

if not TYPE_CHECKING:
    __getattr__, __dir__ = listed(__name__)
