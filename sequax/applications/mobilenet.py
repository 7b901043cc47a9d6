"""MobileNet: each convolution in two steps, per channel and then per place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._lazy import listed
from ..core.kinds import ActivationLike
from ..core.tensor import KerasTensor
from ..core.types import Path, ShapeLike
from ..layers import Activation, Conv2D, DepthwiseConv2D, Dropout, GlobalAveragePooling2D, ReLU, Reshape, ZeroPadding2D
from ..model import Model
from .common import (
    Pooling,
    Request,
    assembled,
    check,
    check_width,
    file_without_hash,
    height_and_width,
    normalized,
    pooled,
    shape_of,
    square_size,
    trained_size,
)
from .imagenet_utils import CLASSES, Preprocessing, decode_predictions, preprocessing

__all__ = ["MobileNet", "decode_predictions", "preprocess_input"]

_FILES = "https://storage.googleapis.com/tensorflow/keras-applications/mobilenet/mobilenet"
_SIZES = (128, 160, 192, 224)  # of images that weights were trained with
_WIDTHS = {0.25: "2_5", 0.5: "5_0", 0.75: "7_5", 1.0: "1_0"}
# Filters and strides of the blocks.
_BLOCKS = ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *((512, 1),) * 5, (1024, 2), (1024, 1))


def MobileNet(
    input_shape: ShapeLike | None = None,
    alpha: float = 1.0,
    depth_multiplier: int = 1,
    dropout: float = 1e-3,
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
    """MobileNet. Howard et al. 2017, MobileNets: Efficient convolutional networks for mobile vision applications.

    Args:
        input_shape: of one image, channels too; None for any height or width, where no classifier must know it.
        alpha: multiple of the numbers of filters.
        depth_multiplier: filters per channel of the first of the two steps.
        dropout: rate before the classifier.
        include_top: end in the classifier; False: in the features before it.
        weights: `"imagenet"`, None (random), or the path of a file.
        input_tensor: symbolic images to begin with, in place of an `Input` of its own.
        pooling: without a classifier: `"avg"` or `"max"` makes vectors of the features, by global pooling.
        classes: how many the classifier tells apart; 1000 with weights of ImageNet.
        classifier_activation: of the classifier; None for logits.
        name: of the model; default: `mobilenet_` with alpha and the height of the images.
        weights_sha256: of the file of ImageNet, for which Keras publishes no hash: without it nothing is downloaded.

    Raises:
        ValueError: for weights that are none of these, and for sizes and settings that do not go together.
    """
    request = Request(include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation, name)
    check(request, "MobileNet")
    shape = shape_of(request, square_size(request, _SIZES), 32)
    rows = height_and_width(shape)[0]
    if request.pretrained:
        check_width("MobileNet", alpha, tuple(_WIDTHS))
        if depth_multiplier != 1:
            raise ValueError(
                f"MobileNet: with weights='imagenet', depth multiplier must be 1. Received: {depth_multiplier}"
            )
        rows = trained_size(request, shape, _SIZES, "MobileNet")
    file = f"{_FILES}_{_WIDTHS.get(alpha)}_{rows}_tf{'' if include_top else '_no_top'}.h5"

    def body(x: KerasTensor) -> KerasTensor:
        x = Conv2D(int(32 * alpha), 3, strides=2, padding="same", use_bias=False, name="conv1")(x)
        x = ReLU(6.0, name="conv1_relu")(normalized(x, "conv1_bn"))
        for number, (filters, strides) in enumerate(_BLOCKS, 1):
            x = _block(x, int(filters * alpha), strides, depth_multiplier, number)
        return x

    def head(x: KerasTensor, request: Request) -> KerasTensor:
        if not request.include_top:
            return pooled(x, request.pooling)
        x = Dropout(dropout, name="dropout")(GlobalAveragePooling2D(keepdims=True)(x))
        x = Conv2D(request.classes, 1, padding="same", name="conv_preds")(x)
        x = Reshape((request.classes,), name="reshape_2")(x)
        return Activation(request.classifier_activation, name="predictions")(x)

    request = request._replace(name=name or f"mobilenet_{alpha:0.2f}_{rows}")
    return assembled(request, shape, body, head, file_without_hash(request, file, weights_sha256, "MobileNet"))


def _block(x: KerasTensor, filters: int, strides: int, multiplier: int, number: int) -> KerasTensor:
    name = f"conv_dw_{number}"
    if strides == 2:
        x = ZeroPadding2D(((0, 1), (0, 1)), name=f"conv_pad_{number}")(x)
    x = DepthwiseConv2D(3, strides, "same" if strides == 1 else "valid", multiplier, use_bias=False, name=name)(x)
    x = ReLU(6.0, name=f"{name}_relu")(normalized(x, f"{name}_bn"))
    name = f"conv_pw_{number}"
    x = Conv2D(filters, 1, padding="same", use_bias=False, name=name)(x)
    return ReLU(6.0, name=f"{name}_relu")(normalized(x, f"{name}_bn"))


preprocess_input: Preprocessing = preprocessing("tf", __name__)

if not TYPE_CHECKING:
    __getattr__, __dir__ = listed(__name__)
