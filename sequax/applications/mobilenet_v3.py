"""MobileNetV3: blocks of MobileNetV2 that also weigh their channels, found by a search."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from .._lazy import listed
from ..core import settings
from ..core.kinds import ActivationLike, Padding
from ..core.tensor import KerasTensor
from ..core.types import Path, Shape, ShapeLike
from ..core.warning import warn
from ..layers import (
    Activation,
    Add,
    Conv2D,
    DepthwiseConv2D,
    Dropout,
    Flatten,
    GlobalAveragePooling2D,
    Multiply,
    ReLU,
    Rescaling,
)
from ..model import Model
from .common import (
    ARGUMENTS,
    Pooling,
    Request,
    assembled,
    channel_axis,
    channels,
    check,
    check_agreement,
    divisible,
    file_of,
    halving_pad,
    height_and_width,
    normalized,
    pooled,
)
from .imagenet_utils import CLASSES, Preprocessing, check_size, decode_predictions, no_preprocessing

__all__ = ["MobileNetV3Large", "MobileNetV3Small", "decode_predictions", "preprocess_input"]

_NORM: dict[str, Any] = {"epsilon": 1e-3, "momentum": 0.999}


class _Row(NamedTuple):
    """A block: its width inside by that of its input, filters, kernel, strides; weighed channels; hard swish."""

    widening: float
    filters: int
    kernel: int
    strides: int
    weighs: bool
    swish: bool


# Tables 1 and 2 of the publication.
_LARGE = (
    _Row(1, 16, 3, 1, False, False),
    _Row(4, 24, 3, 2, False, False),
    _Row(3, 24, 3, 1, False, False),
    _Row(3, 40, 5, 2, True, False),
    _Row(3, 40, 5, 1, True, False),
    _Row(3, 40, 5, 1, True, False),
    _Row(6, 80, 3, 2, False, True),
    _Row(2.5, 80, 3, 1, False, True),
    _Row(2.3, 80, 3, 1, False, True),
    _Row(2.3, 80, 3, 1, False, True),
    _Row(6, 112, 3, 1, True, True),
    _Row(6, 112, 3, 1, True, True),
    _Row(6, 160, 5, 2, True, True),
    _Row(6, 160, 5, 1, True, True),
    _Row(6, 160, 5, 1, True, True),
)
_SMALL = (
    _Row(1, 16, 3, 2, True, False),
    _Row(72 / 16, 24, 3, 2, False, False),
    _Row(88 / 24, 24, 3, 1, False, False),
    _Row(4, 40, 5, 2, True, True),
    _Row(6, 40, 5, 1, True, True),
    _Row(6, 40, 5, 1, True, True),
    _Row(3, 48, 5, 1, True, True),
    _Row(3, 48, 5, 1, True, True),
    _Row(6, 96, 5, 2, True, True),
    _Row(6, 96, 5, 1, True, True),
    _Row(6, 96, 5, 1, True, True),
)


def _relu(x: KerasTensor) -> KerasTensor:
    return ReLU()(x)


def _hard_swish(x: KerasTensor) -> KerasTensor:
    return Activation("hard_swish")(x)


def _constructor(size: str, rows: tuple[_Row, ...], last: int) -> Callable[..., Model]:
    title = f"MobileNetV3{size.capitalize()}"

    def construct(
        input_shape: ShapeLike | None = None,
        alpha: float = 1.0,
        minimalistic: bool = False,
        include_top: bool = True,
        weights: Path | None = "imagenet",
        input_tensor: KerasTensor | None = None,
        classes: int = CLASSES,
        pooling: Pooling = None,
        dropout_rate: float = 0.2,
        classifier_activation: ActivationLike = "softmax",
        include_preprocessing: bool = True,
        name: str | None = title,
    ) -> Model:
        request = Request(
            include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation, name
        )
        check(request, title)
        check_agreement(request, title)
        shape = _shape(request)
        if request.pretrained:
            _check_weights(title, alpha, minimalistic, shape)
        activation = _relu if minimalistic else _hard_swish

        def body(x: KerasTensor) -> KerasTensor:
            x = Rescaling(1 / 127.5, offset=-1.0)(x) if include_preprocessing else x
            x = Conv2D(16, 3, strides=2, padding="same", use_bias=False, name="conv")(x)
            x = activation(normalized(x, "conv_bn", **_NORM))
            for number, row in enumerate(rows):
                row = row._replace(filters=divisible(row.filters * alpha))
                plain = row._replace(kernel=3, weighs=False, swish=False)
                x = _block(x, plain if minimalistic else row, number)
            x = Conv2D(divisible(channels(x) * 6), 1, padding="same", use_bias=False, name="conv_1")(x)
            return activation(normalized(x, "conv_1_bn", **_NORM))

        def head(x: KerasTensor, request: Request) -> KerasTensor:
            if not request.include_top:
                return pooled(x, request.pooling, "avg_pool", "max_pool")
            filters = divisible(last * alpha) if alpha > 1 else last
            x = Conv2D(filters, 1, padding="same", name="conv_2")(GlobalAveragePooling2D(keepdims=True)(x))
            x = activation(x)
            x = Dropout(dropout_rate)(x) if dropout_rate > 0 else x
            x = Flatten()(Conv2D(request.classes, 1, padding="same", name="logits")(x))
            return Activation(request.classifier_activation, name="predictions")(x)

        kind = f"{size}{'_minimalistic' if minimalistic else ''}"
        file = file_of(request, f"mobilenet_v3_{kind}_224_{float(alpha)}_float")
        return assembled(request, shape, body, head, file)

    construct.__name__ = construct.__qualname__ = title
    construct.__doc__ = _DOC.format(title=title, arguments=ARGUMENTS)
    return construct


_DOC = """{title}. Howard et al. 2019, Searching for MobileNetV3. It scales images by itself.

{arguments}
    alpha: multiple of the numbers of filters.
    minimalistic: only 3 x 3 convolutions, ReLU, and no weighed channels.
    dropout_rate: before the classifier.
    include_preprocessing: scale images from 0..255; False: they come with values from -1 to 1.
"""


def _shape(request: Request) -> Shape:
    shape = request.input_shape
    if shape is None and request.input_tensor is not None:
        shape = request.input_tensor.shape[1:]
    if shape is None:
        return (3, None, None) if channel_axis() == 1 else (None, None, 3)
    check_size(tuple(shape), 32, settings.image_data_format())
    return tuple(shape)


def _check_weights(title: str, alpha: float, minimalistic: bool, shape: Shape) -> None:
    widths = (1.0,) if minimalistic else (0.75, 1.0)
    if alpha not in widths:
        raise ValueError(
            f"{title}: with weights='imagenet', alpha can be one of `0.75`, `1.0` for non minimalistic or `1.0` for"
            f" minimalistic only. Received: alpha={alpha}, minimalistic={minimalistic}"
        )
    if set(height_and_width(shape)) != {224}:
        warn(
            f"{title}: `input_shape` is undefined or non-square, or `rows` is not 224. Weights for input shape"
            f" (224, 224) will be loaded as the default."
        )


def _block(x: KerasTensor, row: _Row, number: int) -> KerasTensor:
    start, name = x, f"expanded_conv_{number}_" if number else "expanded_conv_"
    activation = _hard_swish if row.swish else _relu
    width = channels(x)
    inner = divisible(width * row.widening)
    if number:
        x = Conv2D(inner, 1, padding="same", use_bias=False, name=f"{name}expand")(x)
        x = activation(normalized(x, f"{name}expand_bn", **_NORM))
    if row.strides == 2:
        x = halving_pad(x, row.kernel, f"{name}depthwise_pad")
    padding: Padding = "same" if row.strides == 1 else "valid"
    x = DepthwiseConv2D(row.kernel, row.strides, padding, use_bias=False, name=f"{name}depthwise")(x)
    x = activation(normalized(x, f"{name}depthwise_bn", **_NORM))
    x = _weighed(x, inner, f"{name}squeeze_excite") if row.weighs else x
    x = Conv2D(row.filters, 1, padding="same", use_bias=False, name=f"{name}project")(x)
    x = normalized(x, f"{name}project_bn", **_NORM)
    return Add(name=f"{name}add")([start, x]) if row.strides == 1 and width == row.filters else x


def _weighed(x: KerasTensor, width: int, name: str) -> KerasTensor:
    """Each channel times a number from 0 to 1 that hangs on the means of all."""
    factors = GlobalAveragePooling2D(keepdims=True, name=f"{name}_avg_pool")(x)
    factors = Conv2D(divisible(width * 0.25), 1, padding="same", name=f"{name}_conv")(factors)
    factors = ReLU(name=f"{name}_relu")(factors)
    factors = Conv2D(width, 1, padding="same", name=f"{name}_conv_1")(factors)
    factors = ReLU(6.0)(factors + 3.0) * (1 / 6)
    return Multiply(name=f"{name}_mul")([x, factors])


MobileNetV3Small: Callable[..., Model] = _constructor("small", _SMALL, 1024)
MobileNetV3Large: Callable[..., Model] = _constructor("large", _LARGE, 1280)
preprocess_input: Preprocessing = no_preprocessing(__name__)

if not TYPE_CHECKING:
    __getattr__, __dir__ = listed(__name__)
