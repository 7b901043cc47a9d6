"""Frames of images, `(batch, rows, columns, channels)`: what is cut off or added around them, and windows inside."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from .windows import Padding, PerAxis, Windows


def crop_to_aspect_ratio(images: jax.Array, size: tuple[int, int]) -> jax.Array:
    """The largest part in the middle that has the aspect ratio of `size` (height, width)."""
    height, width = images.shape[1:3]
    rows, columns = max(min(height, width * size[0] // size[1]), 1), max(min(width, height * size[1] // size[0]), 1)
    top, left = (height - rows) // 2, (width - columns) // 2
    return images[:, top : top + rows, left : left + columns]


def pad_to_aspect_ratio(images: jax.Array, size: tuple[int, int], fill_value: float = 0.0) -> jax.Array:
    """The images in the middle of the smallest frame that has the aspect ratio of `size` (height, width).

    As in Keras both sides get the same number of cells, so that the frame may be a cell smaller.
    """
    height, width = images.shape[1:3]
    rows, columns = max(height, width * size[0] // size[1]), max(width, height * size[1] // size[0])
    top, left = (rows - height) // 2, (columns - width) // 2
    return jnp.pad(images, [(0, 0), (top, top), (left, left), (0, 0)], constant_values=fill_value)


def patches(
    x: jax.Array, size: PerAxis, strides: PerAxis | None = None, dilation: PerAxis = 1, padding: Padding = "valid"
) -> jax.Array:
    """Every window as one row of features: `(batch, *spatial, channels)` to `(batch, *windows, cells * channels)`.

    Arguments as in `conv`; strides None: windows side by side.
    """
    windows = Windows.over(x.shape[1:-1], size, size if strides is None else strides, padding, dilation)
    return jnp.concatenate(windows.slices(x), -1)


def sobel(images: jax.Array) -> jax.Array:
    """Slopes along rows and columns, `(batch, rows, columns, channels, 2)`; outside of the image is zero.

    Sobel and Feldman 1968: differences of neighbours, smoothed across by 1, 2, 1; they are not divided by 8.
    """
    height, width = images.shape[1:3]
    padded = jnp.pad(images, [(0, 0), (1, 1), (1, 1), (0, 0)])

    def taps(x: jax.Array, axis: int) -> list[jax.Array]:
        size = (height, width)[axis - 1]
        return [jax.lax.slice_in_dim(x, start, start + size, axis=axis) for start in range(3)]

    def slope(along: int, across: int) -> jax.Array:
        before, middle, after = taps(padded, across)
        first, _, last = taps(before + 2 * middle + after, along)
        return last - first

    return jnp.stack([slope(1, 2), slope(2, 1)], -1)
