"""EfficientNetB0 to B7: blocks of MobileNetV2 with weighed channels; one rule makes them wider and deeper together."""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING, Any, NamedTuple

from .._lazy import listed
from ..core.kinds import Padding
from ..core.tensor import KerasTensor
from ..layers import (
    Activation,
    Add,
    Conv2D,
    DepthwiseConv2D,
    Dropout,
    GlobalAveragePooling2D,
    Multiply,
    Normalization,
    Rescaling,
    Reshape,
)
from .common import (
    Network,
    Request,
    channel_axis,
    channels,
    divisible,
    halving_pad,
    network,
    normalized,
    pooled,
    predictions,
)
from .imagenet_utils import Preprocessing, decode_predictions, no_preprocessing

__all__ = [
    "EfficientNetB0", "EfficientNetB1", "EfficientNetB2", "EfficientNetB3", "EfficientNetB4", "EfficientNetB5",
    "EfficientNetB6", "EfficientNetB7", "decode_predictions", "preprocess_input",
]  # fmt: skip

ABOUT = """Tan and Le 2019, EfficientNet: Rethinking model scaling for convolutional neural networks.

It scales images by itself."""
DROPPED = 0.2  # how often the last block is left out in training; those before in proportion to their depth

CONV: dict[str, Any] = {
    "class_name": "VarianceScaling",
    "config": {"scale": 2.0, "mode": "fan_out", "distribution": "truncated_normal"},
}
DENSE: dict[str, Any] = {
    "class_name": "VarianceScaling",
    "config": {"scale": 1 / 3, "mode": "fan_out", "distribution": "uniform"},
}


class _Row(NamedTuple):
    """Blocks of B0: how many, kernel, strides of the first, width inside by that of the input, filters."""

    repeats: int
    kernel: int
    strides: int
    widening: int
    filters: int


# Table 1 of the publication.
_ROWS = (
    _Row(1, 3, 1, 1, 16),
    _Row(2, 3, 2, 6, 24),
    _Row(2, 5, 2, 6, 40),
    _Row(3, 3, 2, 6, 80),
    _Row(3, 5, 1, 6, 112),
    _Row(4, 5, 2, 6, 192),
    _Row(1, 3, 1, 6, 320),
)
# Width and depth by those of B0, size of images, dropout before the classifier.
_SCALES = {
    "B0": (1.0, 1.0, 224, 0.2),
    "B1": (1.0, 1.1, 240, 0.2),
    "B2": (1.1, 1.2, 260, 0.3),
    "B3": (1.2, 1.4, 300, 0.3),
    "B4": (1.4, 1.8, 380, 0.4),
    "B5": (1.6, 2.2, 456, 0.4),
    "B6": (1.8, 2.6, 528, 0.5),
    "B7": (2.0, 3.1, 600, 0.5),
}


def _scaling(x: KerasTensor, request: Request) -> KerasTensor:
    x = Normalization(axis=channel_axis())(Rescaling(1 / 255)(x))
    if request.pretrained:
        # The files hold deviations where the layer takes variances; this makes up for it.
        x = Rescaling([1 / math.sqrt(deviation) for deviation in (0.229, 0.224, 0.225)])(x)
    return x


def _stages(x: KerasTensor, width: float, depth: float) -> KerasTensor:
    x = halving_pad(x, 3, "stem_conv_pad")
    x = convolved(x, "stem", divisible(32 * width), 3, strides=2, padding="valid")
    repeats = [math.ceil(depth * row.repeats) for row in _ROWS]
    done = 0
    for stage, (row, count) in enumerate(zip(_ROWS, repeats, strict=True), 1):
        filters, strides = divisible(row.filters * width), row.strides
        for repeat in range(count):
            drop = DROPPED * done / sum(repeats)
            x = _block(x, filters, row.kernel, strides, row.widening, drop, f"block{stage}{chr(97 + repeat)}_")
            strides, done = 1, done + 1
    return convolved(x, "top", divisible(1280 * width), 1)


def _block(
    x: KerasTensor, filters: int, kernel: int, strides: int, widening: int, drop: float, name: str
) -> KerasTensor:
    start, width = x, channels(x)
    inner = width * widening
    if widening > 1:
        x = convolved(x, f"{name}expand", inner, 1)
    if strides == 2:
        x = halving_pad(x, kernel, f"{name}dwconv_pad")
    padding: Padding = "same" if strides == 1 else "valid"
    x = DepthwiseConv2D(kernel, strides, padding, use_bias=False, depthwise_initializer=CONV, name=f"{name}dwconv")(x)
    x = Activation("swish", name=f"{name}activation")(normalized(x, f"{name}bn"))
    x = weighed(x, inner, max(1, width // 4), f"{name}se")
    x = Conv2D(filters, 1, padding="same", use_bias=False, kernel_initializer=CONV, name=f"{name}project_conv")(x)
    x = normalized(x, f"{name}project_bn")
    return added(x, start, drop, name) if strides == 1 and width == filters else x


# --- also of EfficientNetV2 -----------------------------------------------------------------------------------------


def convolved(x: KerasTensor, name: str, filters: int, kernel: int, **options: Any) -> KerasTensor:
    """A convolution with normalization and swish."""
    norm = options.pop("norm", {})
    options = {"padding": "same", "use_bias": False, "kernel_initializer": CONV, **options}
    x = normalized(Conv2D(filters, kernel, name=f"{name}_conv", **options)(x), f"{name}_bn", **norm)
    return Activation("swish", name=f"{name}_activation")(x)


def weighed(x: KerasTensor, width: int, inner: int, name: str) -> KerasTensor:
    """Each channel times a number from 0 to 1 that hangs on the means of all."""
    shape = (width, 1, 1) if channel_axis() == 1 else (1, 1, width)
    factors = Reshape(shape, name=f"{name}_reshape")(GlobalAveragePooling2D(name=f"{name}_squeeze")(x))
    for filters, activation, step in ((inner, "swish", "reduce"), (width, "sigmoid", "expand")):
        options: dict[str, Any] = {"activation": activation, "kernel_initializer": CONV, "name": f"{name}_{step}"}
        factors = Conv2D(filters, 1, padding="same", **options)(factors)
    return Multiply(name=f"{name}_excite")([x, factors])


def added(x: KerasTensor, start: KerasTensor, drop: float, name: str) -> KerasTensor:
    """Added to what went in; some samples without it, in training."""
    x = Dropout(drop, noise_shape=(None, 1, 1, 1), name=f"{name}drop")(x) if drop else x
    return Add(name=f"{name}add")([x, start])


def head(x: KerasTensor, request: Request, dropout: float, **options: Any) -> KerasTensor:
    if not request.include_top:
        return pooled(x, request.pooling, "avg_pool", "max_pool")
    x = Dropout(dropout, name="top_dropout")(GlobalAveragePooling2D(name="avg_pool")(x))
    return predictions(x, request, kernel_initializer=DENSE, **options)


def _row(name: str) -> Network:
    width, depth, size, dropout = _SCALES[name]
    body = functools.partial(_stages, width=width, depth=depth)
    own_head = functools.partial(head, dropout=dropout)
    return network(f"EfficientNet{name}", __name__, ABOUT, body, own_head, size=size, scaling=_scaling)


EfficientNetB0: Network = _row("B0")
EfficientNetB1: Network = _row("B1")
EfficientNetB2: Network = _row("B2")
EfficientNetB3: Network = _row("B3")
EfficientNetB4: Network = _row("B4")
EfficientNetB5: Network = _row("B5")
EfficientNetB6: Network = _row("B6")
EfficientNetB7: Network = _row("B7")
preprocess_input: Preprocessing = no_preprocessing(__name__)

if not TYPE_CHECKING:
    __getattr__, __dir__ = listed(__name__)
