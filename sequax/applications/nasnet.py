"""NASNetMobile and NASNetLarge: two kinds of cells, found by a search; each takes the outputs of two before it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from .._lazy import listed
from ..core.kinds import ActivationLike, Padding
from ..core.tensor import KerasTensor
from ..core.types import Path, ShapeLike
from ..layers import (
    Activation,
    Add,
    AveragePooling2D,
    Concatenate,
    Conv2D,
    Cropping2D,
    MaxPooling2D,
    SeparableConv2D,
    ZeroPadding2D,
)
from ..model import Model
from .common import (
    Pooling,
    Request,
    assembled,
    channel_axis,
    channels,
    check,
    classifier,
    file_of,
    halving_pad,
    named,
    normalized,
    shape_of,
)
from .imagenet_utils import CLASSES, Preprocessing, decode_predictions, preprocessing

__all__ = ["NASNetLarge", "NASNetMobile", "decode_predictions", "preprocess_input"]

ABOUT = "Zoph, Vasudevan, Shlens and Le 2018, Learning transferable architectures for scalable image recognition."
_NORM: dict[str, Any] = {"momentum": 0.9997, "epsilon": 1e-3}


class _Scale(NamedTuple):
    blocks: int  # normal cells between two reductions
    filters: int  # of the first of them
    stem: int
    size: int
    further_back: bool  # whether the cell behind a reduction takes what the reduction took, in place of the cell before
    sized: bool  # whether features are of images of that size, unless asked for otherwise


_SCALES = {"Mobile": _Scale(4, 44, 32, 224, False, True), "Large": _Scale(6, 168, 96, 331, True, False)}


class _Cell(NamedTuple):
    """Features, and how often they have been halved."""

    x: KerasTensor
    halved: int


class Network(Protocol):
    """A constructor of this family."""

    def __call__(
        self,
        input_shape: ShapeLike | None = None,
        include_top: bool = True,
        weights: Path | None = "imagenet",
        input_tensor: KerasTensor | None = None,
        pooling: Pooling = None,
        classes: int = CLASSES,
        classifier_activation: ActivationLike = "softmax",
        name: str | None = ...,
    ) -> Model: ...


def _constructor(variant: str) -> Network:
    title, key, scale = f"NASNet{variant}", f"nasnet_{variant.lower()}", _SCALES[variant]

    def construct(
        input_shape: ShapeLike | None = None,
        include_top: bool = True,
        weights: Path | None = "imagenet",
        input_tensor: KerasTensor | None = None,
        pooling: Pooling = None,
        classes: int = CLASSES,
        classifier_activation: ActivationLike = "softmax",
        name: str | None = key,
    ) -> Model:
        if scale.sized and not include_top and input_shape is None:
            input_shape = (scale.size, scale.size, 3)
        request = Request(
            include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation, name
        )
        check(request, title, channels_first=False)
        if request.pretrained and input_shape is not None and None in input_shape:
            raise ValueError(
                f"When specifying the input shape of a NASNet and loading `ImageNet` weights, the input_shape argument"
                f" must be static (no None entries). Got: `input_shape={input_shape}`."
            )

        def body(x: KerasTensor) -> KerasTensor:
            return _cells(x, scale)

        return assembled(request, shape_of(request, scale.size, 32), body, _head, file_of(request, key))

    return named(construct, title, __name__, ABOUT)


def _head(x: KerasTensor, request: Request) -> KerasTensor:
    return classifier(x, request, average=None)


def _cells(x: KerasTensor, scale: _Scale) -> KerasTensor:
    x = Conv2D(scale.stem, 3, strides=2, use_bias=False, name="stem_conv1", kernel_initializer="he_normal")(x)
    last = before = _Cell(normalized(x, "stem_bn1", **_NORM), 0)
    for number, share in ((1, 4), (2, 2)):
        last, before = _reduction(last, before, scale.filters // share, f"stem_{number}"), last
    for stage, filters in enumerate((scale.filters, 2 * scale.filters, 4 * scale.filters)):
        first = stage * scale.blocks
        if stage:
            reduced = _reduction(last, before, filters, f"reduce_{first}")
            last, before = reduced, before if scale.further_back else last
            first += 1
        for number in range(first, first + scale.blocks):
            last, before = _normal(last, before, filters, str(number)), last
    return Activation("relu")(last.x)


def _reduction(last: _Cell, before: _Cell, filters: int, name: str) -> _Cell:
    p, h = _inputs(last, before, filters, name, "reduction")
    padded = halving_pad(h, 3, f"reduction_pad_1_{name}")
    left = _separable(h, filters, 5, f"reduction_left1_{name}", 2)
    right = _separable(p, filters, 7, f"reduction_right1_{name}", 2)
    x1 = Add(name=f"reduction_add_1_{name}")([left, right])
    left = MaxPooling2D(3, strides=2, name=f"reduction_left2_{name}")(padded)
    right = _separable(p, filters, 7, f"reduction_right2_{name}", 2)
    x2 = Add(name=f"reduction_add_2_{name}")([left, right])
    left = AveragePooling2D(3, strides=2, name=f"reduction_left3_{name}")(padded)
    right = _separable(p, filters, 5, f"reduction_right3_{name}", 2)
    x3 = Add(name=f"reduction_add3_{name}")([left, right])
    x4 = Add()([x2, _smoothed(x1, f"reduction_left4_{name}")])
    left = _separable(x1, filters, 3, f"reduction_left4_{name}")
    right = MaxPooling2D(3, strides=2, name=f"reduction_right5_{name}")(padded)
    x5 = Add(name=f"reduction_add4_{name}")([left, right])
    x = Concatenate(axis=channel_axis(), name=f"reduction_concat_{name}")([x2, x3, x4, x5])
    return _Cell(x, last.halved + 1)


def _normal(last: _Cell, before: _Cell, filters: int, name: str) -> _Cell:
    p, h = _inputs(last, before, filters, name, "normal")
    ends = [p]
    for number, (left, left_kernel, right) in enumerate(((h, 5, p), (p, 5, p)), 1):
        one = _separable(left, filters, left_kernel, f"normal_left{number}_{name}")
        other = _separable(right, filters, 3, f"normal_right{number}_{name}")
        ends.append(Add(name=f"normal_add_{number}_{name}")([one, other]))
    ends.append(Add(name=f"normal_add_3_{name}")([_smoothed(h, f"normal_left3_{name}"), p]))
    both = _smoothed(p, f"normal_left4_{name}"), _smoothed(p, f"normal_right4_{name}")
    ends.append(Add(name=f"normal_add_4_{name}")([*both]))
    ends.append(Add(name=f"normal_add_5_{name}")([_separable(h, filters, 3, f"normal_left5_{name}"), h]))
    return _Cell(Concatenate(axis=channel_axis(), name=f"normal_concat_{name}")(ends), last.halved)


def _inputs(last: _Cell, before: _Cell, filters: int, name: str, kind: str) -> tuple[KerasTensor, KerasTensor]:
    """Both inputs of a cell with as many filters as it has; the older one in the size of the newer."""
    p = _adjusted(last, before, filters, name)
    h = _mixed(Activation("relu")(last.x), filters, f"{kind}_conv_1_{name}")
    return p, normalized(h, f"{kind}_bn_1_{name}", **_NORM)


def _adjusted(last: _Cell, before: _Cell, filters: int, name: str) -> KerasTensor:
    p = before.x
    if _differ(before, last):
        return _halved(p, filters, name)
    if before is last or channels(p) == filters:
        return p
    p = _mixed(Activation("relu")(p), filters, f"adjust_conv_projection_{name}")
    return normalized(p, f"adjust_bn_{name}", **_NORM)


def _differ(before: _Cell, last: _Cell) -> bool:
    """Whether their sizes differ; of images of any size one knows how often they were halved."""
    one, other = before.x.shape[2], last.x.shape[2]
    return before.halved != last.halved if one is None or other is None else one != other


def _halved(p: KerasTensor, filters: int, name: str) -> KerasTensor:
    """Every other place, and every other one beside these: half of the filters from each."""
    p = Activation("relu", name=f"adjust_relu_1_{name}")(p)
    ends = []
    for number in (1, 2):
        x = p if number == 1 else Cropping2D(((1, 0), (1, 0)))(ZeroPadding2D(((0, 1), (0, 1)))(p))
        x = AveragePooling2D(1, strides=2, name=f"adjust_avg_pool_{number}_{name}")(x)
        ends.append(_mixed(x, filters // 2, f"adjust_conv_{number}_{name}"))
    return normalized(Concatenate(axis=channel_axis())(ends), f"adjust_bn_{name}", **_NORM)


def _mixed(x: KerasTensor, filters: int, name: str) -> KerasTensor:
    """Each place by itself: all of its channels make `filters` new ones."""
    return Conv2D(filters, 1, padding="same", use_bias=False, kernel_initializer="he_normal", name=name)(x)


def _separable(x: KerasTensor, filters: int, kernel: int, name: str, strides: int = 1) -> KerasTensor:
    x = Activation("relu")(x)
    padding: Padding = "same" if strides == 1 else "valid"
    if strides == 2:
        x = halving_pad(x, kernel, f"separable_conv_1_pad_{name}")
    x = SeparableConv2D(filters, kernel, strides, padding, use_bias=False, name=f"separable_conv_1_{name}")(x)
    x = Activation("relu")(normalized(x, f"separable_conv_1_bn_{name}", **_NORM))
    x = SeparableConv2D(filters, kernel, padding="same", use_bias=False, name=f"separable_conv_2_{name}")(x)
    return normalized(x, f"separable_conv_2_bn_{name}", **_NORM)


def _smoothed(x: KerasTensor, name: str) -> KerasTensor:
    return AveragePooling2D(3, strides=1, padding="same", name=name)(x)


NASNetMobile: Network = _constructor("Mobile")
NASNetLarge: Network = _constructor("Large")
preprocess_input: Preprocessing = preprocessing("tf", __name__)

if not TYPE_CHECKING:
    __getattr__, __dir__ = listed(__name__)
