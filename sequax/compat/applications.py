"""What `keras.applications` had in Keras 2: parts of networks, and the addresses of their files."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..applications import common, imagenet_utils
from ..core import settings
from ..core.tensor import KerasTensor
from ..core.types import Shape, ShapeLike
from ..layers import Activation, Add, Conv2D


def obtain_input_shape(
    input_shape: ShapeLike | None,
    default_size: int,
    min_size: int,
    data_format: str | None = None,
    require_flatten: bool = True,
    weights: object = None,
    **old: Any,
) -> Shape:
    """`_obtain_input_shape`, whose `require_flatten` was `include_top`, and whose `data_format` was `dim_ordering`."""
    data_format = old.pop("dim_ordering", data_format)
    data_format = {"tf": "channels_last", "th": "channels_first"}.get(str(data_format), data_format)
    flatten = old.pop("include_top", require_flatten)
    if old:
        raise TypeError(f"_obtain_input_shape: unexpected arguments {sorted(old)}.")
    form = data_format or settings.image_data_format()
    return imagenet_utils.obtain_input_shape(input_shape, default_size, min_size, form, bool(flatten), weights)


def identity_block(
    input_tensor: KerasTensor, kernel_size: int, filters: tuple[int, int, int], stage: int, block: str
) -> KerasTensor:
    """Three convolutions, added to what went in: a block of ResNet50 under the names it had."""
    return _bottleneck(input_tensor, kernel_size, filters, f"{stage}{block}_branch", 1, input_tensor)


def conv_block(
    input_tensor: KerasTensor,
    kernel_size: int,
    filters: tuple[int, int, int],
    stage: int,
    block: str,
    strides: int | tuple[int, int] = (2, 2),
) -> KerasTensor:
    """The same with a convolution beside them, at the beginning of a stage."""
    name = f"{stage}{block}_branch"

    def shortcut() -> KerasTensor:
        x = Conv2D(filters[2], 1, strides=strides, kernel_initializer="he_normal", name=f"res{name}1")(input_tensor)
        return common.normalized(x, f"bn{name}1")

    return _bottleneck(input_tensor, kernel_size, filters, name, strides, shortcut)


def _bottleneck(
    x: KerasTensor,
    kernel: int,
    filters: tuple[int, int, int],
    name: str,
    strides: int | tuple[int, int],
    shortcut: KerasTensor | Callable[[], KerasTensor],
) -> KerasTensor:
    for letter, width, size in zip("abc", filters, (1, kernel, 1), strict=True):
        options: dict[str, Any] = {"strides": strides if letter == "a" else 1, "name": f"res{name}2{letter}"}
        x = Conv2D(width, size, padding="same", kernel_initializer="he_normal", **options)(x)
        x = common.normalized(x, f"bn{name}2{letter}")
        x = x if letter == "c" else Activation("relu")(x)
    return Activation("relu")(Add()([x, shortcut() if callable(shortcut) else shortcut]))


def __getattr__(name: str) -> str:
    """`vgg16_top` and the like: where the file of weights is."""
    network, _, part = name.rpartition("_")
    if network not in common.files() or part not in ("top", "features"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return common.files()[network][part][0]
