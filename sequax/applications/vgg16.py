"""VGG16: 13 convolutions of 3 x 3 in blocks that each halve the image, and three dense layers."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from .._lazy import listed
from ..core.tensor import KerasTensor
from ..layers import Conv2D, Dense, Flatten, MaxPooling2D
from .common import Network, Request, network, pooled, predictions
from .imagenet_utils import Preprocessing, decode_predictions, preprocessing

__all__ = ["VGG16", "decode_predictions", "preprocess_input"]

ABOUT = "Simonyan and Zisserman 2014, Very deep convolutional networks for large-scale image recognition."
_FILTERS = (64, 128, 256, 512, 512)


def blocks(x: KerasTensor, convolutions: tuple[int, ...]) -> KerasTensor:
    for block, (filters, count) in enumerate(zip(_FILTERS, convolutions, strict=True), 1):
        for number in range(1, count + 1):
            x = Conv2D(filters, 3, activation="relu", padding="same", name=f"block{block}_conv{number}")(x)
        x = MaxPooling2D(2, strides=2, name=f"block{block}_pool")(x)
    return x


def head(x: KerasTensor, request: Request) -> KerasTensor:
    if not request.include_top:
        return pooled(x, request.pooling)
    x = Flatten(name="flatten")(x)
    for name in ("fc1", "fc2"):
        x = Dense(4096, activation="relu", name=name)(x)
    return predictions(x, request)


_body = functools.partial(blocks, convolutions=(2, 2, 3, 3, 3))
VGG16: Network = network("VGG16", __name__, ABOUT, _body, head, size=224)
preprocess_input: Preprocessing = preprocessing("caffe", __name__)

if not TYPE_CHECKING:
    __getattr__, __dir__ = listed(__name__)
