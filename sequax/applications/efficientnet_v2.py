"""EfficientNetV2B0 to B3, S, M, L: EfficientNet whose first stages convolve all channels at once, which is faster."""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from .. import initializers
from .._lazy import listed
from ..core.kinds import ActivationLike
from ..core.tensor import KerasTensor
from ..core.types import Path, ShapeLike
from ..layers import Activation, Conv2D, DepthwiseConv2D, Normalization, Rescaling
from ..model import Model
from .common import (
    Pooling,
    Request,
    assembled,
    channel_axis,
    channels,
    check,
    divisible,
    file_of,
    named,
    normalized,
    shape_of,
)
from .efficientnet import CONV, DROPPED, added, convolved, head, weighed
from .imagenet_utils import CLASSES, Preprocessing, decode_predictions, no_preprocessing

__all__ = [
    "EfficientNetV2B0", "EfficientNetV2B1", "EfficientNetV2B2", "EfficientNetV2B3", "EfficientNetV2L",
    "EfficientNetV2M", "EfficientNetV2S", "decode_predictions", "preprocess_input",
]  # fmt: skip

ABOUT = """Tan and Le 2021, EfficientNetV2: Smaller models and faster training. It scales images by itself.

With `include_preprocessing=False` it does not: images come with values from -1 to 1."""
_NORM: dict[str, Any] = {"momentum": 0.9}


class _Row(NamedTuple):
    """Blocks: how many, strides of the first, width inside by that of the input, filters; in one step or in two."""

    repeats: int
    strides: int
    widening: int
    filters: int
    fused: bool = False


class _Scale(NamedTuple):
    rows: tuple[_Row, ...]
    width: float
    depth: float
    size: int
    stem: int
    own_scaling: bool = False  # from -1 to 1; False: by mean and deviation of ImageNet


# Of the publication: table 4 and appendix.
_B = (
    _Row(1, 1, 1, 16, True),
    _Row(2, 2, 4, 32, True),
    _Row(2, 2, 4, 48, True),
    _Row(3, 2, 4, 96),
    _Row(5, 1, 6, 112),
    _Row(8, 2, 6, 192),
)
_S = (
    _Row(2, 1, 1, 24, True),
    _Row(4, 2, 4, 48, True),
    _Row(4, 2, 4, 64, True),
    _Row(6, 2, 4, 128),
    _Row(9, 1, 6, 160),
    _Row(15, 2, 6, 256),
)
_M = (
    _Row(3, 1, 1, 24, True),
    _Row(5, 2, 4, 48, True),
    _Row(5, 2, 4, 80, True),
    _Row(7, 2, 4, 160),
    _Row(14, 1, 6, 176),
    _Row(18, 2, 6, 304),
    _Row(5, 1, 6, 512),
)
_L = (
    _Row(4, 1, 1, 32, True),
    _Row(7, 2, 4, 64, True),
    _Row(7, 2, 4, 96, True),
    _Row(10, 2, 4, 192),
    _Row(19, 1, 6, 224),
    _Row(25, 2, 6, 384),
    _Row(7, 1, 6, 640),
)
_SCALES = {
    "B0": _Scale(_B, 1.0, 1.0, 224, 32),
    "B1": _Scale(_B, 1.0, 1.1, 240, 32),
    "B2": _Scale(_B, 1.1, 1.2, 260, 32),
    "B3": _Scale(_B, 1.2, 1.4, 300, 32),
    "S": _Scale(_S, 1.0, 1.0, 384, 24, True),
    "M": _Scale(_M, 1.0, 1.0, 480, 24, True),
    "L": _Scale(_L, 1.0, 1.0, 480, 32, True),
}


class Network(Protocol):
    """A constructor of this family."""

    def __call__(
        self,
        include_top: bool = True,
        weights: Path | None = "imagenet",
        input_tensor: KerasTensor | None = None,
        input_shape: ShapeLike | None = None,
        pooling: Pooling = None,
        classes: int = CLASSES,
        classifier_activation: ActivationLike = "softmax",
        include_preprocessing: bool = True,
        name: str | None = ...,
    ) -> Model: ...


def _constructor(variant: str) -> Network:
    title, key, scale = f"EfficientNetV2{variant}", f"efficientnetv2-{variant.lower()}", _SCALES[variant]

    def construct(
        include_top: bool = True,
        weights: Path | None = "imagenet",
        input_tensor: KerasTensor | None = None,
        input_shape: ShapeLike | None = None,
        pooling: Pooling = None,
        classes: int = CLASSES,
        classifier_activation: ActivationLike = "softmax",
        include_preprocessing: bool = True,
        name: str | None = key,
    ) -> Model:
        request = Request(
            include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation, name
        )
        check(request, title)
        body = functools.partial(_stages, scale=scale, scaling=include_preprocessing)
        own_head = functools.partial(head, dropout=0.2, bias_initializer=initializers.Constant(0.0))
        return assembled(request, shape_of(request, scale.size, 32), body, own_head, file_of(request, key))

    return named(construct, title, __name__, ABOUT)


def _scaled(x: KerasTensor, own: bool) -> KerasTensor:
    if own or channels(x) != 3:
        return Rescaling(1 / 128, offset=-1)(x)
    mean, variance = [0.485, 0.456, 0.406], [0.229**2, 0.224**2, 0.225**2]
    return Normalization(mean=mean, variance=variance, axis=channel_axis())(Rescaling(1 / 255)(x))


def _stages(x: KerasTensor, scale: _Scale, scaling: bool) -> KerasTensor:
    x = _scaled(x, scale.own_scaling) if scaling else x
    x = convolved(x, "stem", divisible(scale.stem * scale.width, 0), 3, strides=2, norm=_NORM)
    done, blocks = 0, sum(row.repeats for row in scale.rows)  # of the unscaled network, as in Keras
    for stage, row in enumerate(scale.rows, 1):
        row = row._replace(filters=divisible(row.filters * scale.width, 0))
        for repeat in range(math.ceil(scale.depth * row.repeats)):
            block = _fused if row.fused else _block
            x = block(x, row, DROPPED * done / blocks, f"block{stage}{chr(97 + repeat)}_")
            row, done = row._replace(strides=1), done + 1
    return convolved(x, "top", divisible(1280 * scale.width, 0), 1, norm=_NORM)


def _fused(x: KerasTensor, row: _Row, drop: float, name: str) -> KerasTensor:
    start, width = x, channels(x)
    if row.widening == 1:
        x = convolved(x, f"{name}project", row.filters, 3, strides=row.strides, norm=_NORM)
    else:
        x = convolved(x, f"{name}expand", width * row.widening, 3, strides=row.strides, norm=_NORM)
        x = _projected(x, row.filters, name)
    return added(x, start, drop, name) if row.strides == 1 and width == row.filters else x


def _block(x: KerasTensor, row: _Row, drop: float, name: str) -> KerasTensor:
    start, width = x, channels(x)
    inner = width * row.widening
    x = convolved(x, f"{name}expand", inner, 1, norm=_NORM)
    options: dict[str, Any] = {"use_bias": False, "depthwise_initializer": CONV, "name": f"{name}dwconv2"}
    x = DepthwiseConv2D(3, row.strides, "same", **options)(x)
    x = Activation("swish", name=f"{name}activation")(normalized(x, f"{name}bn", **_NORM))
    x = _projected(weighed(x, inner, max(1, width // 4), f"{name}se"), row.filters, name)
    return added(x, start, drop, name) if row.strides == 1 and width == row.filters else x


def _projected(x: KerasTensor, filters: int, name: str) -> KerasTensor:
    options: dict[str, Any] = {"use_bias": False, "kernel_initializer": CONV, "name": f"{name}project_conv"}
    return normalized(Conv2D(filters, 1, padding="same", **options)(x), f"{name}project_bn", **_NORM)


EfficientNetV2B0: Network = _constructor("B0")
EfficientNetV2B1: Network = _constructor("B1")
EfficientNetV2B2: Network = _constructor("B2")
EfficientNetV2B3: Network = _constructor("B3")
EfficientNetV2S: Network = _constructor("S")
EfficientNetV2M: Network = _constructor("M")
EfficientNetV2L: Network = _constructor("L")
preprocess_input: Preprocessing = no_preprocessing(__name__)

if not TYPE_CHECKING:
    __getattr__, __dir__ = listed(__name__)
