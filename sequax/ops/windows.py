"""Ops that slide windows over spatial axes: convolutions and poolings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from .. import kernels
from ..core.types import ArrayLike, PerAxis, Tensor
from ..kernels.adaptive import adaptive_pool
from ..kernels.windows import per_axis, transposed_crop
from .layout import channels_last, same_float
from .table import array, floating, op


@op
def conv(
    inputs: ArrayLike,
    kernel: ArrayLike,
    strides: PerAxis = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: PerAxis = 1,
) -> Tensor:
    """Convolution (cross-correlation) over one, two or three spatial axes.

    Args:
        inputs: `(batch, *spatial, channels)`.
        kernel: `(*window, channels / groups, filters)`; its channels say how many groups there are.
        strides, dilation_rate: one number, or one per spatial axis.
        padding: `"valid"` or `"same"`.
        data_format: `"channels_last"` or `"channels_first"`, as `inputs` and result are laid out; None: as
            `config.image_data_format()` says.

    Raises:
        ValueError: if the channels are no multiple of the kernel's, or the window does not fit.
    """
    inputs, kernel = same_float(array(inputs), array(kernel))
    _check_ranks("conv", inputs, kernel.ndim)

    def convolve(x: Tensor) -> Tensor:
        groups, rest = divmod(x.shape[-1], kernel.shape[-2])
        if rest:
            raise ValueError(
                f"conv: the number of input channels must be a multiple of the kernel's. Received: {x.shape[-1]} input"
                f" channels, kernel of shape {kernel.shape} with {kernel.shape[-2]}."
            )
        return kernels.conv(
            x, kernel, strides=strides, padding=_padding("conv", padding), dilation=dilation_rate, groups=groups
        )

    return channels_last(convolve, inputs, data_format)


@op
def depthwise_conv(
    inputs: ArrayLike,
    kernel: ArrayLike,
    strides: PerAxis = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: PerAxis = 1,
) -> Tensor:
    """Convolution of each channel by itself, to `(batch, *output, channels * multiplier)`.

    Args:
        kernel: `(*window, channels, multiplier)`.
        inputs, strides, padding, data_format, dilation_rate: as in `conv`.
    """
    inputs, kernel = same_float(array(inputs), array(kernel))
    _check_ranks("depthwise_conv", inputs, kernel.ndim)
    channels, multiplier = kernel.shape[-2:]
    filters = kernel.reshape(*kernel.shape[:-2], 1, channels * multiplier)

    def convolve(x: Tensor) -> Tensor:
        _check_channels("depthwise_conv", x, kernel, -2)
        pads = _padding("depthwise_conv", padding)
        return kernels.conv(x, filters, strides=strides, padding=pads, dilation=dilation_rate, groups=channels)

    return channels_last(convolve, inputs, data_format)


@op
def separable_conv(
    inputs: ArrayLike,
    depthwise_kernel: ArrayLike,
    pointwise_kernel: ArrayLike,
    strides: PerAxis = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: PerAxis = 1,
) -> Tensor:
    """`depthwise_conv`, then a convolution over channels alone.

    Args:
        depthwise_kernel: `(*window, channels, multiplier)`.
        pointwise_kernel: `(1, ..., channels * multiplier, filters)`.
        inputs, strides, padding, data_format, dilation_rate: as in `conv`; those but `data_format` concern the first
            convolution only.
    """
    between = depthwise_conv(inputs, depthwise_kernel, strides, padding, data_format, dilation_rate)
    return conv(between, pointwise_kernel, data_format=data_format)


@op
def conv_transpose(
    inputs: ArrayLike,
    kernel: ArrayLike,
    strides: PerAxis = 1,
    padding: str = "valid",
    output_padding: PerAxis | None = None,
    data_format: str | None = None,
    dilation_rate: PerAxis = 1,
) -> Tensor:
    """Transposed convolution: the gradient of `conv` with respect to its input.

    With `extent` for `(size - 1) * dilation_rate + 1`, an axis of `length` gets as many cells as:

    | `output_padding` | `"valid"` | `"same"` |
    |---|---|---|
    | None | `(length - 1) * strides + max(extent, strides)` | `length * strides` |
    | `p` | `(length - 1) * strides + extent + p` | `(length - 1) * strides + extent - 2 * (extent // 2) + p` |

    Args:
        kernel: `(*window, filters, channels)`.
        output_padding: fewer than `strides`; one number, or one per spatial axis.
        inputs, strides, padding, data_format, dilation_rate: as in `conv`.
    """
    inputs, kernel = same_float(array(inputs), array(kernel))
    _check_ranks("conv_transpose", inputs, kernel.ndim)
    rank = kernel.ndim - 2
    steps, dilation = per_axis(strides, rank), per_axis(dilation_rate, rank)
    more = output_padding if isinstance(output_padding, Sequence) else (output_padding,) * rank
    pads = _padding("conv_transpose", padding)
    extents = [(size - 1) * step + 1 for size, step in zip(kernel.shape, dilation, strict=False)]
    crops = [
        transposed_crop(extent, step, pads, extra) for extent, step, extra in zip(extents, steps, more, strict=True)
    ]

    def convolve(x: Tensor) -> Tensor:
        _check_channels("conv_transpose", x, kernel, -1)
        rows = zip(x.shape[1:-1], steps, extents, crops, strict=True)
        output = tuple((length - 1) * step + extent - crop for length, step, extent, crop in rows)
        cut = [(max(crop, 0) // 2, max(crop, 0) - max(crop, 0) // 2) for crop in crops]
        return kernels.conv_transpose(x, kernel, output=output, strides=steps, padding=cut, dilation=dilation)

    return channels_last(convolve, inputs, data_format)


@op
def max_pool(
    inputs: ArrayLike,
    pool_size: PerAxis,
    strides: PerAxis | None = None,
    padding: str = "valid",
    data_format: str | None = None,
) -> Tensor:
    """The largest value of each window, channel by channel; padding never wins.

    Args:
        inputs: `(batch, *spatial, channels)`, or with the channels first.
        pool_size, strides: one number, or one per spatial axis; strides None: windows side by side.
        padding: `"valid"`, or `"same"` (`ceil(length / strides)` windows).
        data_format: `"channels_last"` or `"channels_first"`; None: as `config.image_data_format()` says.
    """
    return _pooled("max_pool", kernels.max_pool, array(inputs), pool_size, strides, padding, data_format)


@op
def average_pool(
    inputs: ArrayLike,
    pool_size: PerAxis,
    strides: PerAxis | None = None,
    padding: str = "valid",
    data_format: str | None = None,
) -> Tensor:
    """The mean of each window, channel by channel; cells outside do not count.

    `inputs`, `pool_size`, `strides`, `padding` and `data_format` are as in `max_pool`.
    """
    return _pooled("average_pool", kernels.avg_pool, floating(inputs), pool_size, strides, padding, data_format)


def _pooled(
    name: str,
    pool: Callable[..., Tensor],
    x: Tensor,
    size: PerAxis,
    strides: PerAxis | None,
    padding: str | PerAxis,
    data_format: str | None,
) -> Tensor:
    _check_ranks(name, x)
    options = {"window": size, "strides": strides, "padding": _padding(name, padding)}
    return channels_last(partial(pool, **options), x, data_format)


@op
def adaptive_max_pool(inputs: ArrayLike, output_size: PerAxis, data_format: str | None = None) -> Tensor:
    """The largest value of each of `output_size` windows.

    Along an axis of `length` cells, cell `i` of `n` sees those from `floor(i length / n)` to
    `ceil((i + 1) length / n)`.

    Args:
        inputs: `(batch, *spatial, channels)`, or with the channels first.
        output_size: one number, or one per spatial axis.
        data_format: `"channels_last"` or `"channels_first"`; None: as `config.image_data_format()` says.
    """
    return _adaptive("adaptive_max_pool", kernels.max_pool, array(inputs), output_size, data_format)


@op
def adaptive_average_pool(inputs: ArrayLike, output_size: PerAxis, data_format: str | None = None) -> Tensor:
    """The mean of each of `output_size` windows, which lie as those of `adaptive_max_pool`.

    `inputs`, `output_size` and `data_format` are as there.
    """
    return _adaptive("adaptive_average_pool", kernels.avg_pool, floating(inputs), output_size, data_format)


def _adaptive(name: str, pool: Callable[..., Tensor], x: Tensor, size: PerAxis, data_format: str | None) -> Tensor:
    _check_ranks(name, x)
    output = per_axis(size, x.ndim - 2)
    return channels_last(lambda x: adaptive_pool(x, output, pool), x, data_format)


def _check_ranks(name: str, x: Tensor, kernel_rank: int | None = None) -> None:
    if not 3 <= x.ndim <= 5 or kernel_rank not in (None, x.ndim):
        kernel = "" if kernel_rank is None else f" and a kernel of as many dimensions, received one of {kernel_rank}"
        raise ValueError(
            f"{name}: expected inputs of 3, 4 or 5 dimensions (batch, one to three spatial axes, channels){kernel}."
            f" Received: inputs.shape={x.shape}."
        )


def _check_channels(name: str, x: Tensor, kernel: Tensor, axis: int) -> None:
    if x.shape[-1] != kernel.shape[axis]:
        raise ValueError(
            f"{name}: the number of input channels must match the kernel's. Received: {x.shape[-1]} input channels,"
            f" kernel of shape {kernel.shape} for {kernel.shape[axis]}."
        )


def _padding(name: str, value: object) -> str:
    if not isinstance(value, str) or value.lower() not in ("valid", "same"):
        raise ValueError(f"{name}: `padding` must be 'valid' or 'same'. Received: padding={value!r}")
    return value.lower()


__all__ = [
    "adaptive_average_pool", "adaptive_max_pool", "average_pool", "conv", "conv_transpose", "depthwise_conv",
    "max_pool", "separable_conv",
]  # fmt: skip
