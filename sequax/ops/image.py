"""Public namespace `keras.ops.image`: images resized, warped, filtered and measured.

Images are `(height, width, channels)` or a batch of them, or with the channels in front of the height
(`data_format="channels_first"`). Whole numbers are computed as floats and rounded at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.ndimage import map_coordinates as read_at

from .. import kernels
from .._lazy import listed
from ..core import rng
from ..core.rng import SeedGenerator
from ..core.tensor import KerasTensor
from ..core.types import ArrayLike, PerAxis, ShapeLike
from ..kernels import colors, framing, images as pictures
from .layout import channels_first, channels_last
from .table import DIVISIBLE, array, floating, infer, op, sized, tried

RESIZING = ("bilinear", "nearest", "lanczos3", "lanczos5", "bicubic")
SCALING = ("linear", "bilinear", "trilinear", "cubic", "bicubic", "tricubic", "lanczos3", "lanczos5")


@op
def resize(
    images: ArrayLike,
    size: PerAxis,
    interpolation: str = "bilinear",
    antialias: bool = False,
    crop_to_aspect_ratio: bool = False,
    pad_to_aspect_ratio: bool = False,
    fill_mode: str = "constant",
    fill_value: float = 0.0,
    data_format: str | None = None,
) -> jax.Array:
    """Images of another height and width; corners of the pixel areas are aligned.

    Args:
        images: `(height, width, channels)` or a batch of them, or with the channels first.
        size: (height, width).
        interpolation: one of `RESIZING`.
        antialias: widen the window when shrinking.
        crop_to_aspect_ratio: cut off what would distort the image.
        pad_to_aspect_ratio: or add `fill_value` around it (`fill_mode` is always `"constant"`).
        data_format: `"channels_last"` or `"channels_first"`; None: as `config.image_data_format()` says.
    """
    _among("resize", "interpolation", interpolation, RESIZING)
    _among("resize", "fill_mode", fill_mode, ("constant",))
    height, width = _pair("resize", "size", size)
    if min(height, width) < 1:
        raise ValueError(f"resize: `size` must have positive height and width. Received: size={size}")
    if crop_to_aspect_ratio and pad_to_aspect_ratio:
        raise ValueError("resize: only one of `crop_to_aspect_ratio` and `pad_to_aspect_ratio` can be True.")

    def resized(x: jax.Array) -> jax.Array:
        if crop_to_aspect_ratio:
            x = framing.crop_to_aspect_ratio(x, (height, width))
        elif pad_to_aspect_ratio:
            x = framing.pad_to_aspect_ratio(x, (height, width), fill_value)
        return pictures.resize(x, (height, width), interpolation, antialias)

    return _each("resize", resized, images, data_format, jnp.round)


def _scaled(images: ArrayLike, output_shape: ShapeLike, *args: object, **kwargs: object) -> KerasTensor:
    shape, name = tuple(output_shape), images.dtype if isinstance(images, KerasTensor) else array(images).dtype.name
    return KerasTensor(shape, infer(floating, (KerasTensor((1,), name),), {}).dtype)


@sized(_scaled)
def scale_and_translate(
    images: ArrayLike,
    output_shape: ShapeLike,
    scale: ArrayLike,
    translation: ArrayLike,
    spatial_dims: Sequence[int],
    method: str,
    antialias: bool = True,
) -> jax.Array:
    """Images enlarged by `scale` and moved by `translation`: `output = input * scale + translation` along each axis.

    Args:
        images: of any rank.
        output_shape: shape of the result; None keeps a size.
        scale, translation: one number for each of `spatial_dims`.
        method: one of `SCALING`.
        antialias: widen the window when shrinking.
    """
    _among("scale_and_translate", "method", method, SCALING)
    x, scale, translation = floating(images), floating(scale), floating(translation)
    if len(output_shape) != x.ndim or not scale.shape == translation.shape == (len(spatial_dims),):
        raise ValueError(
            f"scale_and_translate: `output_shape` must have {x.ndim} sizes, as the images have, and `scale` and"
            f" `translation` one number for each of `spatial_dims`. Received: output_shape={output_shape},"
            f" scale.shape={scale.shape}, translation.shape={translation.shape}, spatial_dims={spatial_dims}"
        )
    shape = [old if new is None else new for old, new in zip(x.shape, output_shape, strict=True)]
    return jax.image.scale_and_translate(
        x, shape, tuple(spatial_dims), scale, translation, method=method, antialias=antialias
    )


@op
def affine_transform(
    images: ArrayLike,
    transform: ArrayLike,
    interpolation: str = "bilinear",
    fill_mode: str = "constant",
    fill_value: ArrayLike = 0,
    data_format: str | None = None,
) -> jax.Array:
    """Output pixel (x, y) is read at input `(a0 x + a1 y + a2, b0 x + b1 y + b2)`.

    Args:
        images: `(height, width, channels)` or a batch of them, or with the channels first.
        transform: a0, a1, a2, b0, b1, b2 and two zeros, `(8,)` or `(batch, 8)`.
        interpolation: `"nearest"` or `"bilinear"`.
        fill_mode: what lies outside: `"constant"` (`fill_value`), `"nearest"`, `"wrap"`, `"mirror"`, `"reflect"`.
        data_format: `"channels_last"` or `"channels_first"`; None: as `config.image_data_format()` says.
    """
    options = _warping("affine_transform", interpolation, fill_mode, fill_value)
    transform = floating(transform)
    if transform.ndim not in (1, 2) or transform.shape[-1] != 8:
        raise ValueError(
            f"affine_transform: `transform` must have the shape (8,) or (batch, 8). Received:"
            f" transform.shape={transform.shape}"
        )
    warp = partial(pictures.affine_transform, transform=jnp.atleast_2d(transform), **options)
    return _each("affine_transform", warp, images, data_format, _half_away)


@op
def perspective_transform(
    images: ArrayLike,
    start_points: ArrayLike,
    end_points: ArrayLike,
    interpolation: str = "bilinear",
    fill_value: ArrayLike = 0,
    data_format: str | None = None,
) -> jax.Array:
    """Images whose four corners are moved from `start_points` to `end_points`.

    Args:
        images, data_format: as in `affine_transform`.
        start_points, end_points: x and y of top left, top right, bottom left and bottom right, `(4, 2)` or
            `(batch, 4, 2)`.
        interpolation: `"nearest"` or `"bilinear"`; outside of the image is `fill_value`.
    """
    options = _warping("perspective_transform", interpolation, "constant", fill_value)
    start, end = floating(start_points), floating(end_points)
    if start.shape != end.shape or start.ndim not in (2, 3) or start.shape[-2:] != (4, 2):
        raise ValueError(
            f"perspective_transform: `start_points` and `end_points` must have the same shape, (4, 2) or (batch, 4, 2)."
            f" Received: start_points.shape={start.shape}, end_points.shape={end.shape}"
        )
    points = start.reshape(-1, 4, 2), end.reshape(-1, 4, 2)
    warp = partial(pictures.perspective_transform, start_points=points[0], end_points=points[1], **options)
    return _each("perspective_transform", warp, images, data_format, _half_away)


@op
def elastic_transform(
    images: ArrayLike,
    alpha: float = 20.0,
    sigma: float = 5.0,
    interpolation: str = "bilinear",
    fill_mode: str = "reflect",
    fill_value: ArrayLike = 0.0,
    seed: int | SeedGenerator | jax.Array | None = None,
    data_format: str | None = None,
) -> jax.Array:
    """Each pixel read at a random place nearby, like its neighbours. Simard et al. 2003.

    The displacements are normal noise of deviation `sigma`, blurred with deviation `sigma` and times `alpha`: about
    `0.28 alpha` pixels. Those along rows and columns are independent, as in the paper; in Keras they are equal.

    Args:
        images, interpolation, fill_mode, fill_value, data_format: as in `affine_transform`.
        seed: whole number, `SeedGenerator` or None.
    """
    options = _warping("elastic_transform", interpolation, fill_mode, fill_value)

    def warp(x: jax.Array) -> jax.Array:
        batch, height, width, _ = x.shape
        noise = sigma * jax.random.normal(rng.key(seed), (batch, height, width, 2))
        window = int(6 * sigma) | 1  # three deviations on both sides
        down, right = jnp.moveaxis(alpha * pictures.gaussian_blur(noise, (window, window), jnp.full(2, sigma)), -1, 0)
        columns, rows = pictures.pixel_grid(height, width)
        return pictures.warp(x, rows + down, columns + right, **options)

    return _each("elastic_transform", warp, images, data_format, _half_away)


@op
def map_coordinates(
    inputs: ArrayLike,
    coordinates: ArrayLike,
    order: int,
    fill_mode: str = "constant",
    fill_value: jax.Array | float = 0,
) -> jax.Array:
    """An array of any rank read at given places.

    Args:
        coordinates: `(rank, ...)`, the first axis counts the axes of `inputs`.
        order: 0 for the nearest element, 1 for linear interpolation.
        fill_mode, fill_value: as in `affine_transform`.

    Returns:
        the shape of `coordinates` without the first axis, in the dtype of `inputs`.
    """
    x, coordinates = array(inputs), floating(coordinates)
    _among("map_coordinates", "order", order, (0, 1))
    _among("map_coordinates", "fill_mode", fill_mode, tuple(pictures.FILL_MODES))
    if coordinates.ndim < 2 or coordinates.shape[0] != x.ndim:
        raise ValueError(
            f"map_coordinates: `coordinates` must have at least 2 dimensions, the first of size {x.ndim}, the rank of"
            f" `inputs`. Received: coordinates.shape={coordinates.shape}, inputs.shape={x.shape}"
        )
    return _rounded(lambda x: read_at(x, list(coordinates), int(order), fill_mode, fill_value), x, _half_away)


@op
def gaussian_blur(
    images: ArrayLike, kernel_size: PerAxis = (3, 3), sigma: ArrayLike = (1.0, 1.0), data_format: str | None = None
) -> jax.Array:
    """Images blurred by a Gaussian window of `kernel_size` pixels and deviations `sigma`; outside of them is zero.

    Args:
        images, data_format: as in `resize`.
        kernel_size, sigma: along the width, then along the height. This is Keras' order, other sizes have the height
            first.
    """
    size = _pair("gaussian_blur", "kernel_size", kernel_size)[::-1]
    deviations = jnp.broadcast_to(floating(sigma), (2,))[::-1]
    blur = partial(pictures.gaussian_blur, kernel_size=size, sigma=deviations)
    return _each("gaussian_blur", blur, images, data_format, jnp.round)


@op
def sobel_edges(images: ArrayLike, data_format: str | None = None) -> jax.Array:
    """Slopes of `images` along height and width, on a new last axis: `(batch, height, width, channels, 2)`.

    Differences of neighbours over two pixels, smoothed across by 1, 2, 1. Unsigned whole numbers become int32.
    `images` are a batch; `data_format` as in `resize`.
    """
    x = array(images)
    if x.ndim != 4:
        raise ValueError(f"sobel_edges: `images` must have 4 dimensions, a batch. Received: images.shape={x.shape}")
    x = x.astype("int32") if jnp.issubdtype(x.dtype, jnp.unsignedinteger) else x
    if not channels_first(data_format):
        return framing.sobel(x)
    return jnp.moveaxis(framing.sobel(jnp.moveaxis(x, 1, -1)), -2, 1)


@op
def ssim(
    image1: ArrayLike,
    image2: ArrayLike,
    max_val: float = 1.0,
    filter_size: int = 11,
    filter_sigma: float = 1.5,
    k1: float = 0.01,
    k2: float = 0.03,
    data_format: str | None = None,
) -> jax.Array:
    """Structural similarity of images, 1 where they are equal; `(batch,)`. Wang et al. 2004.

    Means, variances and covariance under a Gaussian window, wherever it fits inside; then the mean over the image.
    Whole numbers give floats (in Keras whole numbers again, mostly 0).

    Args:
        image1, image2: `(height, width, channels)` or batches of them, of equal shape.
        max_val: the largest value that a pixel can have.
        filter_size, filter_sigma: of the window.
        k1, k2: stabilise the divisions.
        data_format: `"channels_last"` or `"channels_first"`; None: as `config.image_data_format()` says.
    """
    x, y = floating(image1), floating(image2)
    if x.shape != y.shape:
        raise ValueError(f"ssim: the shapes must be equal. Received: image1.shape={x.shape}, image2.shape={y.shape}")
    dtype, first, one = jnp.result_type(x, y), channels_first(data_format), x.ndim == 3
    _check_rank("ssim", "image1", x)
    x, y = (jnp.moveaxis(image, -3, -1) if first else image for image in (x, y))
    x, y = (jnp.asarray(image[None] if one else image, jnp.float32) for image in (x, y))
    window = pictures.gaussian_kernel(filter_size, jnp.asarray(filter_sigma))
    mean = partial(_weighted_mean, window=window)
    mean_x, mean_y = mean(x), mean(y)
    variances = mean(x * x + y * y) - mean_x**2 - mean_y**2
    covariance = mean(x * y) - mean_x * mean_y
    c1, c2 = (k1 * max_val) ** 2, (k2 * max_val) ** 2
    luminance = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
    similarity = luminance * (2 * covariance + c2) / (variances + c2)
    found = similarity.mean((1, 2, 3)).astype(dtype)
    return found[0] if one else found


def _weighted_mean(images: jax.Array, window: jax.Array) -> jax.Array:
    """Means under a window that slides along rows and columns, channel by channel."""
    x = jnp.moveaxis(images, -1, 1)
    planes = x.reshape(-1, *x.shape[2:], 1)
    planes = kernels.conv(kernels.conv(planes, window[:, None, None, None]), window[None, :, None, None])
    return jnp.moveaxis(planes.reshape(*x.shape[:2], *planes.shape[1:3]), 1, -1)


@op
def rgb_to_grayscale(images: ArrayLike, data_format: str | None = None) -> jax.Array:
    """Brightness `0.2989 red + 0.587 green + 0.114 blue` of `images`, one channel.

    Images of one channel stay as they are. `data_format` as in `resize`.
    """

    def gray(x: jax.Array) -> jax.Array:
        if x.shape[-1] not in (1, 3):
            raise ValueError(f"rgb_to_grayscale: expected 3 channels (or 1), received {x.shape[-1]}.")
        return x if x.shape[-1] == 1 else colors.rgb_to_grayscale(x)

    return _each("rgb_to_grayscale", gray, images, data_format, jnp.trunc)


@op
def rgb_to_hsv(images: ArrayLike, data_format: str | None = None) -> jax.Array:
    """Hue, saturation and value of `images` of red, green and blue, all from 0 to 1; floats only. Smith 1978.

    `data_format` as in `resize`.
    """
    return _colors("rgb_to_hsv", colors.rgb_to_hsv, images, data_format)


@op
def hsv_to_rgb(images: ArrayLike, data_format: str | None = None) -> jax.Array:
    """Red, green and blue of `images` of hue, saturation and value, all from 0 to 1; floats only. Smith 1978.

    `data_format` as in `resize`.
    """
    return _colors("hsv_to_rgb", colors.hsv_to_rgb, images, data_format)


def _colors(name: str, function: Callable[..., Any], images: ArrayLike, data_format: str | None) -> jax.Array:
    x = array(images)
    if not jnp.issubdtype(x.dtype, jnp.floating):
        raise ValueError(f"{name}: expected floats from 0 to 1. Received: images.dtype={x.dtype}. Divide them by 255.")

    def convert(x: jax.Array) -> jax.Array:
        if x.shape[-1] != 3:
            raise ValueError(f"{name}: expected 3 channels, received {x.shape[-1]}.")
        return function(x)

    return _each(name, convert, x, data_format, jnp.round)


@op
def extract_patches(
    images: ArrayLike,
    size: PerAxis,
    strides: PerAxis | None = None,
    dilation_rate: PerAxis = 1,
    padding: str = "valid",
    data_format: str | None = None,
) -> jax.Array:
    """Every window as features: `(batch, height, width, channels)` to `(batch, rows, columns, cells * channels)`.

    Args:
        images: a batch, or one without its axis.
        size: (height, width) or one number; three numbers: as `extract_patches_3d`.
        strides: default `size`, windows side by side.
        dilation_rate: step within a window.
        padding: `"valid"`, or `"same"`, with zeros around.
        data_format: `"channels_last"` or `"channels_first"`; None: as `config.image_data_format()` says.
    """
    if isinstance(size, str) or not (hasattr(size, "__index__") or isinstance(size, Sequence)):
        raise TypeError(
            f"extract_patches: `size` must be a whole number, two or three of them. Expected an int or a tuple of ints."
            f" Received: size={size!r}"
        )
    rank = 3 if isinstance(size, Sequence) and len(size) == 3 else 2
    return _patches("extract_patches", rank, images, size, strides, dilation_rate, padding, data_format)


@op
def extract_patches_3d(
    volumes: ArrayLike,
    size: PerAxis,
    strides: PerAxis | None = None,
    dilation_rate: PerAxis = 1,
    padding: str = "valid",
    data_format: str | None = None,
) -> jax.Array:
    """Every window of `volumes` as features, to `(batch, planes, rows, columns, cells * channels)`.

    Args:
        volumes: `(batch, depth, height, width, channels)`, or one without the batch.
        size, strides, dilation_rate: one number or three, otherwise as in `extract_patches`.
        padding, data_format: as in `extract_patches`.
    """
    if isinstance(size, Sequence) and len(size) != 3:
        raise TypeError(f"extract_patches_3d: `size` must be a whole number or three of them. Received: size={size}")
    return _patches("extract_patches_3d", 3, volumes, size, strides, dilation_rate, padding, data_format)


def _patches(
    name: str,
    rank: int,
    x: ArrayLike,
    size: PerAxis,
    strides: PerAxis | None,
    dilation: PerAxis,
    padding: str,
    data_format: str | None,
) -> jax.Array:
    x = array(x)
    if x.ndim not in (rank + 1, rank + 2):
        raise ValueError(f"{name}: expected {rank + 1} or {rank + 2} dimensions. Received a shape of {x.shape}")
    batched = x if x.ndim == rank + 2 else x[None]
    padding = padding.lower() if isinstance(padding, str) else padding
    cut = partial(framing.patches, size=size, strides=strides, dilation=dilation, padding=padding)
    found = channels_last(cut, batched, data_format)
    return found if x.ndim == rank + 2 else found[0]


@tried(*DIVISIBLE)
def crop_images(
    images: ArrayLike,
    top_cropping: int | None = None,
    left_cropping: int | None = None,
    bottom_cropping: int | None = None,
    right_cropping: int | None = None,
    target_height: int | None = None,
    target_width: int | None = None,
    data_format: str | None = None,
) -> jax.Array:
    """`images` without some rows and columns at their borders.

    For each direction exactly two of three are given: what is cut off in front, behind, and the size that stays.

    Args:
        images, data_format: as in `resize`.
        top_cropping, bottom_cropping, target_height: rows cut off above and below, and rows that stay.
        left_cropping, right_cropping, target_width: the same of columns.
    """

    def crop(x: jax.Array) -> jax.Array:
        height, width = x.shape[1:3]
        rows = _three("cropping", "top", "bottom", "height", height, top_cropping, bottom_cropping, target_height, -1)
        columns = _three("cropping", "left", "right", "width", width, left_cropping, right_cropping, target_width, -1)
        return x[:, rows[0] : height - rows[1], columns[0] : width - columns[1]]

    return _framed("crop_images", crop, images, data_format)


@tried((1, 1), (2, 2))
def pad_images(
    images: ArrayLike,
    top_padding: int | None = None,
    left_padding: int | None = None,
    bottom_padding: int | None = None,
    right_padding: int | None = None,
    target_height: int | None = None,
    target_width: int | None = None,
    data_format: str | None = None,
) -> jax.Array:
    """`images` with zeros around.

    For each direction exactly two of three are given: how many zeros in front, behind, and the size that results.

    Args:
        images, data_format: as in `resize`.
        top_padding, bottom_padding, target_height: rows of zeros above and below, and rows of the result.
        left_padding, right_padding, target_width: the same of columns.
    """

    def pad(x: jax.Array) -> jax.Array:
        height, width = x.shape[1:3]
        rows = _three("padding", "top", "bottom", "height", height, top_padding, bottom_padding, target_height, 1)
        columns = _three("padding", "left", "right", "width", width, left_padding, right_padding, target_width, 1)
        return jnp.pad(x, [(0, 0), rows, columns, (0, 0)])

    return _framed("pad_images", pad, images, data_format)


def _three(
    what: str, before: str, after: str, axis: str, size: int, first: Any, last: Any, target: Any, sign: int
) -> tuple[int, int]:
    """Cells in front and behind, from two of: cells in front, cells behind, and the size that results."""
    names = (f"{before}_{what}", f"{after}_{what}", f"target_{axis}")
    given = ", ".join(f"{name}={value}" for name, value in zip(names, (first, last, target), strict=True))
    if sum(value is not None for value in (first, last, target)) != 2:
        raise ValueError(f"Exactly two of {', '.join(names)} must be given. Received: {given}")
    if target is None:
        target = size + sign * (first + last)
    elif first is None:
        first = sign * (target - size) - last
    else:
        last = sign * (target - size) - first
    if min(first, last, target) < 0:
        raise ValueError(
            f"{names[0]}, {names[1]} and {names[2]} must be at least 0. Received: {given}, which for a {axis} of {size}"
            f" come to {first}, {last} and {target}."
        )
    return first, last


def _framed(name: str, function: Callable[..., Any], images: ArrayLike, data_format: str | None) -> jax.Array:
    return _batched(name, function, array(images), data_format)


def _each(
    name: str, function: Callable[..., Any], images: ArrayLike, data_format: str | None, round_by: Callable[..., Any]
) -> jax.Array:
    """`function` of a batch of float images with the channels last, for images of any kind and layout."""
    return _batched(name, lambda x: _rounded(function, x, round_by), array(images), data_format)


def _batched(name: str, function: Callable[..., Any], x: jax.Array, data_format: str | None) -> jax.Array:
    _check_rank(name, "images", x)
    found = channels_last(function, x if x.ndim == 4 else x[None], data_format)
    return found if x.ndim == 4 else found[0]


def _rounded(function: Callable[..., Any], x: jax.Array, round_by: Callable[..., Any]) -> jax.Array:
    """`function` computed in floats, and in the dtype of `x` again."""
    if jnp.issubdtype(x.dtype, jnp.floating):
        return function(x)
    found = round_by(function(x.astype("float32")))
    if not jnp.issubdtype(x.dtype, jnp.integer):
        return found.astype(x.dtype)
    limits = jnp.iinfo(x.dtype)
    return jnp.clip(found, limits.min, limits.max).astype(x.dtype)


def _half_away(x: jax.Array) -> jax.Array:
    """Rounded; halves go away from zero."""
    return jnp.sign(x) * jnp.floor(jnp.abs(x) + 0.5)


def _check_rank(name: str, argument: str, x: jax.Array) -> None:
    if x.ndim not in (3, 4):
        raise ValueError(
            f"{name}: expected 3 dimensions (one image) or 4 (a batch). Received: {argument}.shape={x.shape}"
        )


def _warping(name: str, interpolation: str, fill_mode: str, fill_value: ArrayLike) -> dict[str, Any]:
    _among(name, "interpolation", interpolation, pictures.INTERPOLATIONS)
    _among(name, "fill_mode", fill_mode, tuple(pictures.FILL_MODES))
    return {"interpolation": interpolation, "fill_mode": fill_mode, "fill_value": fill_value}


def _among(name: str, argument: str, value: object, allowed: Sequence) -> None:
    if value not in allowed:
        raise ValueError(f"{name}: `{argument}` must be one of {tuple(allowed)}. Received: {argument}={value!r}")


def _pair(name: str, argument: str, value: Any) -> tuple[int, int]:
    known = isinstance(value, (Sequence, np.ndarray, jax.Array)) and not isinstance(value, jax.core.Tracer)
    if not known or len(value) != 2:
        raise ValueError(
            f"{name}: `{argument}` must be two whole numbers, (height, width). Received: {argument}={value!r}"
        )
    return int(value[0]), int(value[1])


__all__ = [
    "affine_transform", "crop_images", "elastic_transform", "extract_patches", "extract_patches_3d", "gaussian_blur",
    "hsv_to_rgb", "map_coordinates", "pad_images", "perspective_transform", "resize", "rgb_to_grayscale",
    "rgb_to_hsv", "scale_and_translate", "sobel_edges", "ssim",
]  # fmt: skip

if not TYPE_CHECKING:
    __getattr__, __dir__ = listed(__name__)
