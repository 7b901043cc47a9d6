"""Images of another size, as TensorFlow computes them: each output row is a weighted mean of input rows."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np

from .values import AnyTensor, HostTensor

NAMES: dict[object, str] = {
    **{name: name for name in ("bilinear", "bicubic", "area", "lanczos3", "lanczos5", "gaussian", "mitchellcubic")},
    "nearest": "nearest",
    0: "bilinear",  # the numbers of TensorFlow 1
    1: "nearest",
    2: "bicubic",
    3: "area",
}


class ResizeMethod:
    """The names of methods."""

    BILINEAR = "bilinear"
    NEAREST_NEIGHBOR = "nearest"
    BICUBIC = "bicubic"
    AREA = "area"
    LANCZOS3 = "lanczos3"
    LANCZOS5 = "lanczos5"
    GAUSSIAN = "gaussian"
    MITCHELLCUBIC = "mitchellcubic"


def _cubic(x: np.ndarray, b: float, c: float) -> np.ndarray:
    """Mitchell and Netravali 1988, *Reconstruction filters in computer graphics*."""
    near = ((12 - 9 * b - 6 * c) * x**3 + (-18 + 12 * b + 6 * c) * x**2 + (6 - 2 * b)) / 6
    far = ((-b - 6 * c) * x**3 + (6 * b + 30 * c) * x**2 + (-12 * b - 48 * c) * x + (8 * b + 24 * c)) / 6
    return np.where(x < 1, near, np.where(x < 2, far, 0.0))


def _lanczos(radius: float) -> Callable[[Any], Any]:
    return lambda x: np.where(x < radius, np.sinc(x) * np.sinc(x / radius), 0.0)


# Weight of a pixel at a distance, and the distance at which there is none.
_KERNELS: dict[str, tuple[Callable[[Any], Any], float]] = {
    "bilinear": (lambda x: np.maximum(0.0, 1 - x), 1.0),
    "bicubic": (lambda x: _cubic(x, 0.0, 0.5), 2.0),
    "mitchellcubic": (lambda x: _cubic(x, 1 / 3, 1 / 3), 2.0),
    "lanczos3": (_lanczos(3.0), 3.0),
    "lanczos5": (_lanczos(5.0), 5.0),
    "gaussian": (lambda x: np.where(x < 1.5, np.exp(-2 * x**2), 0.0), 1.5),
}


@functools.lru_cache(maxsize=256)
def weights(size: int, wanted: int, method: str, antialias: bool) -> Any:
    """The share of each input row in each output row, `(wanted, size)`."""
    scale = size / wanted
    if method == "area":
        begin = np.arange(wanted)[:, None] * scale
        covered = np.minimum(begin + scale, np.arange(1, size + 1)) - np.maximum(begin, np.arange(size))
        return np.float32(np.maximum(covered, 0) / scale)
    kernel, _ = _KERNELS[method]
    width = max(scale, 1.0) if antialias else 1.0
    centers = (np.arange(wanted)[:, None] + 0.5) * scale - 0.5
    if method == "bilinear" and not antialias:
        centers = np.clip(centers, 0, size - 1)
    found = kernel(np.abs(centers - np.arange(size)) / width)
    return np.float32(found / found.sum(axis=1, keepdims=True))


def nearest(size: int, wanted: int) -> np.ndarray:
    """The input row of each output row."""
    return np.minimum(np.floor((np.arange(wanted) + 0.5) * (size / wanted)).astype(int), size - 1)


def resized(images: AnyTensor, height: int, width: int, method: str, antialias: bool) -> AnyTensor:
    """`(..., rows, columns, channels)` with other numbers of rows and columns."""
    rows, columns = images.shape[-3], images.shape[-2]
    if (rows, columns) == (height, width):
        return images if method == "nearest" else images.astype(jnp.float32)
    if method == "nearest":
        return images[..., nearest(rows, height), :, :][..., nearest(columns, width), :]
    down, across = weights(rows, height, method, antialias), weights(columns, width, method, antialias)
    if isinstance(images, HostTensor):
        return HostTensor(_mixed_host(np.asarray(images, np.float32).view(np.ndarray), down, across))
    x = images.astype(jnp.float32)
    return jnp.einsum("...rcd,hr,wc->...hwd", x, down, across, precision="highest")


def _mixed_host(x: np.ndarray, down: np.ndarray, across: np.ndarray) -> np.ndarray:
    """Few rows take part in each mean, so they are picked rather than multiplied by zeros."""
    x = np.moveaxis(_picked(np.moveaxis(x, -3, 0), down), 0, -3)
    return np.ascontiguousarray(np.moveaxis(_picked(np.moveaxis(x, -2, 0), across), 0, -2))


def _picked(x: np.ndarray, share: np.ndarray) -> Any:
    taps = max(int(np.count_nonzero(share, axis=1).max()), 1)
    if taps > 8:
        return np.tensordot(share, x, 1)
    places = np.argsort(-np.abs(share), axis=1, kind="stable")[:, :taps]
    parts = np.take_along_axis(share, places, axis=1)
    shape = (-1, *(1,) * (x.ndim - 1))
    return sum(x[places[:, tap]] * parts[:, tap].reshape(shape) for tap in range(taps))


def fitted(rows: int, columns: int, height: int, width: int) -> tuple[int, int]:
    """The largest size within `(height, width)` that keeps the proportions; sizes are rounded."""
    scale = np.float32(min(height / rows, width / columns))
    return max(round(float(np.float32(rows) * scale)), 1), max(round(float(np.float32(columns) * scale)), 1)


def fitted_below(rows: int, columns: int, height: int, width: int) -> tuple[tuple[int, int], tuple[int, int]]:
    """The same with sizes cut off, and where the image begins in the middle of a frame: `resize_with_pad`."""
    ratio = max(columns / width, rows / height)
    exact = rows / ratio, columns / ratio
    size = max(math.floor(exact[0]), 1), max(math.floor(exact[1]), 1)
    return size, (max(math.floor((height - exact[0]) / 2), 0), max(math.floor((width - exact[1]) / 2), 0))
