"""Resizing on the host, in NumPy: for files of many sizes, each of which a compiled program would compile again.

A value of the result is a weighted mean of the values around its place in the source; pixels are areas, whose centres
lie at halves. Weights outside of the source count as missing, so that the others make up for them.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Kernel = Callable[[np.ndarray], np.ndarray]


def _triangle(x: np.ndarray) -> np.ndarray:
    return np.maximum(0, 1 - np.abs(x))


def _cubic(b: float, c: float) -> Kernel:
    """Mitchell and Netravali 1988, Reconstruction Filters in Computer Graphics: B = 0 and C = 1/2 are Keys' kernel."""
    inner = (12 - 9 * b - 6 * c, -18 + 12 * b + 6 * c, 0, 6 - 2 * b)
    outer = (-b - 6 * c, 6 * b + 30 * c, -12 * b - 48 * c, 8 * b + 24 * c)

    def kernel(x: np.ndarray) -> np.ndarray:
        x = np.abs(x)
        return np.where(x < 1, np.polyval(inner, x), np.where(x < 2, np.polyval(outer, x), 0)) / 6

    return kernel


def _lanczos(radius: int) -> Kernel:
    return lambda x: np.where(np.abs(x) < radius, np.sinc(x) * np.sinc(x / radius), 0)


def _gaussian(x: np.ndarray) -> np.ndarray:
    return np.where(np.abs(x) < 1.5, np.exp(-2 * x**2), 0)  # a deviation of half a pixel


# Name: how far the kernel reaches, and the kernel.
KERNELS: dict[str, tuple[float, Kernel]] = {
    "bilinear": (1, _triangle),
    "bicubic": (2, _cubic(0, 0.5)),
    "mitchellcubic": (2, _cubic(1 / 3, 1 / 3)),
    "lanczos3": (3, _lanczos(3)),
    "lanczos5": (5, _lanczos(5)),
    "gaussian": (1.5, _gaussian),
}
INTERPOLATIONS = ("bilinear", "nearest", "bicubic", "area", "lanczos3", "lanczos5", "gaussian", "mitchellcubic")


def check_interpolation(interpolation: str) -> str:
    if interpolation not in INTERPOLATIONS:
        raise ValueError(
            f"Argument `interpolation` should be one of {INTERPOLATIONS}. Received: interpolation={interpolation!r}"
        )
    return interpolation


def resize_image(image: np.ndarray, size: tuple[int, int], interpolation: str = "bilinear") -> np.ndarray:
    """An image of shape `(..., height, width, channels)` in another size, float32 (`"nearest"`: the same dtype)."""
    for axis, length in zip((-3, -2), size, strict=True):
        image = resize_axis(image, axis, length, interpolation)
    return image


def resize_axis(
    x: np.ndarray, axis: int, length: int, interpolation: str = "bilinear", antialias: bool = False
) -> np.ndarray:
    """An array with `length` entries along an axis.

    Args:
        interpolation: one of `INTERPOLATIONS`.
        antialias: widen the kernel when shrinking, so that nothing is left out.
    """
    if x.shape[axis] == length and interpolation not in ("gaussian", "mitchellcubic"):  # those two also blur
        return x
    moved = np.moveaxis(x, axis, 0)
    scale = moved.shape[0] / length
    centers = (np.arange(length) + 0.5) * scale - 0.5
    if interpolation == "nearest":
        result = moved[np.minimum(np.floor(centers + 0.5).astype(np.int64), moved.shape[0] - 1)]
    elif interpolation == "area":
        result = _means(moved, scale, length)
    else:
        reach, kernel = KERNELS[interpolation]
        result = _weighted(moved, centers, reach, kernel, max(scale, 1.0) if antialias else 1.0)
    return np.moveaxis(result, 0, axis)


def _weighted(x: np.ndarray, centers: np.ndarray, reach: float, kernel: Kernel, width: float) -> np.ndarray:
    first = np.ceil(centers - reach * width).astype(np.int64)
    total = np.zeros((len(centers), *x.shape[1:]), np.float32)
    weights = np.zeros(len(centers))
    column = (slice(None), *(None,) * (x.ndim - 1))
    for step in range(int(np.floor(2 * reach * width)) + 1):  # one tap at a time: memory stays that of the result
        place = first + step
        weight = np.where((place >= 0) & (place < len(x)), kernel((place - centers) / width), 0)
        total += weight.astype(np.float32)[column] * x[np.clip(place, 0, len(x) - 1)]
        weights += weight
    return total / weights.astype(np.float32)[column]


def _means(x: np.ndarray, scale: float, length: int) -> np.ndarray:
    """Means over equal shares of the source, pixels at their borders counted in part."""
    below = np.concatenate([np.zeros((1, *x.shape[1:])), np.cumsum(x, axis=0, dtype=np.float64)])
    ends = np.minimum(np.arange(length + 1) * scale, len(x))
    whole = np.minimum(np.floor(ends).astype(np.int64), len(x) - 1)
    part = (ends - whole)[(slice(None), *(None,) * (x.ndim - 1))]
    sums = below[whole] * (1 - part) + below[whole + 1] * part
    return (np.diff(sums, axis=0) / scale).astype(np.float32)


def window_of_ratio(height: int, width: int, size: tuple[int, int], outside: bool) -> tuple[int, int]:
    """Height and width with the ratio of `size`: the largest inside of an image, or the smallest around it."""
    target_height, target_width = size
    new_height = int(float(width * target_height) / target_width)
    new_width = int(float(height * target_width) / target_height)
    choose = max if outside else min
    return choose(height, new_height), choose(width, new_width)


def crop_to_ratio(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The middle of an image of shape `(..., height, width, channels)`, with the ratio of `size`."""
    height, width = image.shape[-3:-1]
    new_height, new_width = window_of_ratio(height, width, size, outside=False)
    top, left = (height - new_height) // 2, (width - new_width) // 2
    return image[..., top : top + new_height, left : left + new_width, :]


def pad_to_ratio(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """An image of shape `(height, width, channels)` in the middle of zeros, with the ratio of `size`."""
    height, width = image.shape[:2]
    new_height, new_width = window_of_ratio(height, width, size, outside=True)
    top, left = (new_height - height) // 2, (new_width - width) // 2
    return np.pad(image, ((top, new_height - height - top), (left, new_width - width - left), (0, 0)))
