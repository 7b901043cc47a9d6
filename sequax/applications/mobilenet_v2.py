"""MobileNetV2: blocks that widen, convolve each channel, and narrow again, added to what went in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._lazy import listed
from ..core.kinds import ActivationLike
from ..core.tensor import KerasTensor
from ..core.types import Path, ShapeLike
from ..layers import Add, Conv2D, DepthwiseConv2D, ReLU
from ..model import Model
from .common import (
    Pooling,
    Request,
    assembled,
    channels,
    check,
    check_agreement,
    check_width,
    classifier,
    divisible,
    file_without_hash,
    halving_pad,
    height_and_width,
    normalized,
    shape_of,
    square_size,
    trained_size,
)
from .imagenet_utils import CLASSES, Preprocessing, decode_predictions, preprocessing

__all__ = ["MobileNetV2", "decode_predictions", "preprocess_input"]

_FILES = "https://storage.googleapis.com/tensorflow/keras-applications/mobilenet_v2/mobilenet_v2_weights"
_SIZES = (96, 128, 160, 192, 224)  # of images that weights were trained with
_WIDTHS = (0.35, 0.5, 0.75, 1.0, 1.3, 1.4)
_NORM: dict[str, Any] = {"epsilon": 1e-3, "momentum": 0.999}
# Filters, repeats, strides of the first, multiple of the width inside: table 2 of the publication.
_ROWS = ((16, 1, 1, 1), (24, 2, 2, 6), (32, 3, 2, 6), (64, 4, 2, 6), (96, 3, 1, 6), (160, 3, 2, 6), (320, 1, 1, 6))


def MobileNetV2(
    input_shape: ShapeLike | None = None,
    alpha: float = 1.0,
    include_top: bool = True,
    weights: Path | None = "imagenet",
    input_tensor: KerasTensor | None = None,
    pooling: Pooling = None,
    classes: int = CLASSES,
    classifier_activation: ActivationLike = "softmax",
    name: str | None = None,
    *,
    weights_sha256: str | None = None,
) -> Model:
    """MobileNetV2. Sandler et al. 2018, MobileNetV2: Inverted residuals and linear bottlenecks.

    Args:
        input_shape: of one image, channels too; None for any height or width, where no classifier must know it.
        alpha: multiple of the numbers of filters.
        include_top: end in the classifier; False: in the features before it.
        weights: `"imagenet"`, None (random), or the path of a file.
        input_tensor: symbolic images to begin with, in place of an `Input` of its own.
        pooling: without a classifier: `"avg"` or `"max"` makes vectors of the features, by global pooling.
        classes: how many the classifier tells apart; 1000 with weights of ImageNet.
        classifier_activation: of the classifier; None for logits.
        name: of the model; default: `mobilenetv2_` with alpha and the height of the images.
        weights_sha256: of the file of ImageNet, for which Keras publishes no hash: without it nothing is downloaded.

    Raises:
        ValueError: for weights that are none of these, and for sizes and settings that do not go together.
    """
    request = Request(include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation, name)
    check(request, "MobileNetV2")
    check_agreement(request, "MobileNetV2")
    shape = shape_of(request, square_size(request, _SIZES), 32)
    rows = height_and_width(shape)[0]
    if request.pretrained:
        check_width("MobileNetV2", alpha, _WIDTHS)
        rows = trained_size(request, shape, _SIZES, "MobileNetV2")
    file = f"{_FILES}_tf_dim_ordering_tf_kernels_{float(alpha)}_{rows}{'' if include_top else '_no_top'}.h5"

    def body(x: KerasTensor) -> KerasTensor:
        x = Conv2D(divisible(32 * alpha), 3, strides=2, padding="same", use_bias=False, name="Conv1")(x)
        x = ReLU(6.0, name="Conv1_relu")(normalized(x, "bn_Conv1", **_NORM))
        number = 0
        for filters, repeats, strides, widening in _ROWS:
            for repeat in range(repeats):
                x = _block(x, divisible(int(filters * alpha)), 1 if repeat else strides, widening, number)
                number += 1
        # The last layer is widened and never narrowed, as in the publication.
        x = Conv2D(divisible(1280 * max(alpha, 1.0)), 1, use_bias=False, name="Conv_1")(x)
        return ReLU(6.0, name="out_relu")(normalized(x, "Conv_1_bn", **_NORM))

    request = request._replace(name=name or f"mobilenetv2_{alpha:0.2f}_{rows}")
    return assembled(request, shape, body, _head, file_without_hash(request, file, weights_sha256, "MobileNetV2"))


def _head(x: KerasTensor, request: Request) -> KerasTensor:
    return classifier(x, request, average=None)


def _block(x: KerasTensor, filters: int, strides: int, widening: int, number: int) -> KerasTensor:
    start, name = x, f"block_{number}_" if number else "expanded_conv_"
    width = channels(x)
    if number:
        x = Conv2D(widening * width, 1, padding="same", use_bias=False, name=f"{name}expand")(x)
        x = ReLU(6.0, name=f"{name}expand_relu")(normalized(x, f"{name}expand_BN", **_NORM))
    if strides == 2:
        x = halving_pad(x, 3, f"{name}pad")
    x = DepthwiseConv2D(3, strides, "same" if strides == 1 else "valid", use_bias=False, name=f"{name}depthwise")(x)
    x = ReLU(6.0, name=f"{name}depthwise_relu")(normalized(x, f"{name}depthwise_BN", **_NORM))
    x = Conv2D(filters, 1, padding="same", use_bias=False, name=f"{name}project")(x)
    x = normalized(x, f"{name}project_BN", **_NORM)
    return Add(name=f"{name}add")([start, x]) if width == filters and strides == 1 else x


preprocess_input: Preprocessing = preprocessing("tf", __name__)

if not TYPE_CHECKING:
    __getattr__, __dir__ = listed(__name__)
