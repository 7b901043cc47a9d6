"""Ops that cut images into blocks and put them together again."""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp

from ..core.tensor import KerasTensor
from ..core.types import ArrayLike, PerAxis
from ..kernels.windows import Windows
from .layout import channels_first
from .table import DIVISIBLE, array, op, sized, tried


def _pair(name: str, value: object) -> tuple[int, int]:
    pair = tuple(value) if isinstance(value, Sequence) else (value, value)
    if len(pair) != 2 or any(not hasattr(v, "__index__") for v in pair):
        raise ValueError(f"`{name}` must be a whole number or two of them, (height, width). Received: {name}={value!r}")
    return pair


def _windows(
    spatial: tuple[int, ...], kernel_size: PerAxis, dilation: PerAxis, padding: str | PerAxis, stride: PerAxis
) -> Windows:
    top, left = _pair("padding", padding)
    pads = [(top, top), (left, left)]
    return Windows.over(spatial, _pair("kernel_size", kernel_size), _pair("stride", stride), pads, dilation)


@op
def unfold(
    x: ArrayLike, kernel_size: PerAxis, dilation: PerAxis = 1, padding: str | PerAxis = 0, stride: PerAxis = 1
) -> jax.Array:
    """Every window of an image as a column: `(batch, channels, height, width)` to `(batch, channels * cells, windows)`.

    Args:
        x: `(batch, channels, height, width)`.
        kernel_size, dilation, padding, stride: one number or (height, width); `padding` zeros on every side.

    Raises:
        ValueError: if `x` has other than 4 dimensions, or the window does not fit.
    """
    x = array(x)
    if x.ndim != 4:
        raise ValueError(f"unfold: `x` must have 4 dimensions, (batch, channels, height, width). Received: {x.shape}")
    windows = _windows(x.shape[2:], kernel_size, dilation, padding, stride)
    cells = jnp.stack(windows.slices(jnp.moveaxis(x, 1, -1)), -1)
    columns = jnp.moveaxis(cells, (1, 2), (-2, -1))
    return columns.reshape(x.shape[0], x.shape[1] * windows.cells, columns.shape[-2] * columns.shape[-1])


def _folded(x: KerasTensor, output_size: PerAxis, kernel_size: PerAxis, *args: object, **kwargs: object) -> KerasTensor:
    height, width = _pair("kernel_size", kernel_size)
    batch, depth, _ = x.shape
    channels = None if depth is None else depth // (height * width)
    return KerasTensor((batch, channels, *_pair("output_size", output_size)), x.dtype)


@sized(_folded)
def fold(
    x: ArrayLike,
    output_size: PerAxis,
    kernel_size: PerAxis,
    dilation: PerAxis = 1,
    padding: str | PerAxis = 0,
    stride: PerAxis = 1,
) -> jax.Array:
    """The transpose of `unfold`: columns are laid back where they were and added up where they overlap.

    Args:
        x: `(batch, channels * cells, windows)`; the result is `(batch, channels, *output_size)`.
        output_size: (height, width) of the images, or one number.
        kernel_size, dilation, padding, stride: as in `unfold`.

    Raises:
        ValueError: if the windows of `output_size` are not as many as `x` has columns, or not as large.
    """
    x, spatial = array(x), _pair("output_size", output_size)
    windows = _windows(spatial, kernel_size, dilation, padding, stride)
    output = windows.output(spatial)
    if x.ndim != 3 or x.shape[1] % windows.cells or x.shape[2] != output[0] * output[1]:
        raise ValueError(
            f"fold: `x` must have the shape (batch, channels * {windows.cells}, {output[0] * output[1]}), for windows"
            f" of {windows.size} that fit {output} times into an image of {spatial}. Received: x.shape={x.shape}"
        )
    cells = x.reshape(x.shape[0], -1, windows.cells, *output)
    parts = [jnp.moveaxis(cells[:, :, i], 1, -1) for i in range(windows.cells)]
    return jnp.moveaxis(windows.spread(parts, spatial), -1, 1)


@tried(*DIVISIBLE)
def depth_to_space(x: ArrayLike, block_size: int, data_format: str | None = "channels_last") -> jax.Array:
    """Groups of `block_size ** 2` channels become square blocks of pixels. Shi et al. 2016.

    `(batch, height, width, channels)` to `(batch, height * block_size, width * block_size, channels / block_size**2)`.
    As in Keras the position in the block is the slower part of a channel's number with channels last, and the faster
    part with channels first.

    Args:
        x: a batch of images.
        block_size: height and width of a block.
        data_format: `"channels_last"` or `"channels_first"`; None: as `config.image_data_format()` says.

    Raises:
        ValueError: if the channels cannot be divided so, or `block_size` is below 2.
    """
    x, first = _image("depth_to_space", x, block_size, data_format)
    batch, *sizes = x.shape
    channels, (height, width) = (sizes[0], sizes[1:]) if first else (sizes[2], sizes[:2])
    if channels % block_size**2:
        raise ValueError(
            f"depth_to_space: the number of channels ({channels}) must be divisible by block_size**2"
            f" ({block_size**2}). Received: x.shape={x.shape}"
        )
    rest = channels // block_size**2
    if first:
        blocks = x.reshape(batch, rest, block_size, block_size, height, width).transpose(0, 1, 4, 2, 5, 3)
        return blocks.reshape(batch, rest, height * block_size, width * block_size)
    blocks = x.reshape(batch, height, width, block_size, block_size, rest).transpose(0, 1, 3, 2, 4, 5)
    return blocks.reshape(batch, height * block_size, width * block_size, rest)


@tried(*DIVISIBLE)
def space_to_depth(x: ArrayLike, block_size: int, data_format: str | None = "channels_last") -> jax.Array:
    """Square blocks of pixels become channels; the inverse of `depth_to_space`.

    `(batch, height, width, channels)` to `(batch, height / block_size, width / block_size, channels * block_size**2)`.

    Args:
        x: a batch of images.
        block_size, data_format: as in `depth_to_space`.

    Raises:
        ValueError: if height or width cannot be divided so, or `block_size` is below 2.
    """
    x, first = _image("space_to_depth", x, block_size, data_format)
    batch, *sizes = x.shape
    channels, (height, width) = (sizes[0], sizes[1:]) if first else (sizes[2], sizes[:2])
    if height % block_size or width % block_size:
        raise ValueError(
            f"space_to_depth: height ({height}) and width ({width}) must be divisible by block_size ({block_size})."
            f" Received: x.shape={x.shape}"
        )
    rows, columns, depth = height // block_size, width // block_size, channels * block_size**2
    if first:
        blocks = x.reshape(batch, channels, rows, block_size, columns, block_size).transpose(0, 1, 3, 5, 2, 4)
        return blocks.reshape(batch, depth, rows, columns)
    blocks = x.reshape(batch, rows, block_size, columns, block_size, channels).transpose(0, 1, 3, 2, 4, 5)
    return blocks.reshape(batch, rows, columns, depth)


def _image(name: str, x: ArrayLike, block_size: int, data_format: str | None) -> tuple[jax.Array, bool]:
    """The input as an array, and whether its channels come first."""
    x = array(x)
    if not hasattr(block_size, "__index__"):
        raise TypeError(f"{name}: `block_size` must be a whole number. Received: block_size={block_size!r}")
    if block_size < 2:
        raise ValueError(f"{name}: `block_size` must be at least 2. Received: block_size={block_size}")
    if x.ndim != 4:
        raise ValueError(f"{name}: `x` must have 4 dimensions, a batch of images. Received: x.shape={x.shape}")
    return x, channels_first(data_format)


__all__ = ["depth_to_space", "fold", "space_to_depth", "unfold"]
