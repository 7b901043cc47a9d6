"""VGG19: VGG16 with three convolutions more."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from .._lazy import listed
from .common import Network, network
from .imagenet_utils import Preprocessing, decode_predictions, preprocessing
from .vgg16 import ABOUT, blocks, head

__all__ = ["VGG19", "decode_predictions", "preprocess_input"]

_body = functools.partial(blocks, convolutions=(2, 2, 4, 4, 4))
VGG19: Network = network("VGG19", __name__, ABOUT, _body, head, size=224)
preprocess_input: Preprocessing = preprocessing("caffe", __name__)

if not TYPE_CHECKING:
    __getattr__, __dir__ = listed(__name__)
