"""Images resampled, warped and blurred, as pure functions over arrays of shape `(batch, rows, columns, channels)`.

Coordinates are in pixels: the centre of the first pixel is 0, x runs along columns and y along rows. A warp says for
each output pixel where in the input it is read, so the matrices map output coordinates to input coordinates.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypedDict, Unpack

import jax
import jax.numpy as jnp

from . import dispatch

INTERPOLATIONS = ("nearest", "bilinear")
# Outside of the image, for the row a b c d: reflect d c b a | a b c d | d c b a; mirror d c b | a b c d | c b a;
# nearest a a a | a b c d | d d d; wrap b c d | a b c d | a b c; constant k k k | a b c d | k k k.
FILL_MODES: dict[str, Callable[[jax.Array, int], jax.Array]] = {
    "reflect": lambda i, size: (lambda m: jnp.minimum(m, 2 * size - 1 - m))(jnp.mod(i, 2 * size)),
    "mirror": lambda i, size: (lambda m: jnp.minimum(m, 2 * (size - 1) - m))(jnp.mod(i, max(2 * (size - 1), 1))),
    "nearest": lambda i, size: jnp.clip(i, 0, size - 1),
    "wrap": lambda i, size: jnp.mod(i, size),
    "constant": lambda i, size: jnp.clip(i, 0, size - 1),
}


class WarpOptions(TypedDict, total=False):
    interpolation: str
    fill_mode: str
    fill_value: float | jax.Array


def warp(
    images: jax.Array,
    rows: jax.Array,
    columns: jax.Array,
    interpolation: str = "bilinear",
    fill_mode: str = "constant",
    fill_value: float | jax.Array = 0.0,
) -> jax.Array:
    """The images read at given places.

    Args:
        images: `(batch, height, width, channels)`, floats.
        rows, columns: float coordinates, `(batch, new height, new width)`, or 1 in place of the batch.
        interpolation: `"nearest"` or `"bilinear"`.
        fill_mode: key of `FILL_MODES`; `"constant"` mixes `fill_value` in from half a pixel outside on.
        fill_value: number.

    Returns:
        `(batch, new height, new width, channels)`.
    """
    batch, height, width, channels = images.shape

    def pixels_at(place: jax.Array) -> jax.Array:
        if dispatch.rows_apart():  # each image by itself, as it lies on its device
            places = jnp.broadcast_to(place, (batch, *place.shape[1:]))
            return jax.vmap(_pixels)(jnp.asarray(images).reshape(batch, height * width, channels), places)
        first = (jnp.arange(batch, dtype=jnp.int32) * (height * width))[:, None, None]
        return _pixels(jnp.asarray(images).reshape(batch * height * width, channels), first + place)

    def read(row: jax.Array, column: jax.Array) -> jax.Array:
        inside_image = FILL_MODES[fill_mode](row, height) * width + FILL_MODES[fill_mode](column, width)
        values = pixels_at(inside_image)
        if fill_mode != "constant":
            return values
        inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
        return jnp.where(inside[..., None], values, jnp.asarray(fill_value, values.dtype))

    if interpolation == "nearest":
        return read(_round(rows), _round(columns))
    top, left = jnp.floor(rows), jnp.floor(columns)
    down, right = ((part)[..., None].astype(images.dtype) for part in (rows - top, columns - left))
    r, c = top.astype(jnp.int32), left.astype(jnp.int32)
    upper = read(r, c) * (1 - right) + read(r, c + 1) * right
    lower = read(r + 1, c) * (1 - right) + read(r + 1, c + 1) * right
    return upper * (1 - down) + lower * down


def _pixels(pixels: jax.Array, places: jax.Array) -> jax.Array:
    return pixels.at[places].get(mode="promise_in_bounds")


def _round(x: jax.Array) -> jax.Array:
    """The nearest whole number; halves go away from zero, as in SciPy."""
    return jnp.where(x >= 0, jnp.floor(x + 0.5), jnp.ceil(x - 0.5)).astype(jnp.int32)


def pixel_grid(height: int, width: int) -> tuple[jax.Array, jax.Array]:
    """x and y of each pixel, of shapes `(1, 1, width)` and `(1, height, 1)`."""
    return jnp.arange(width, dtype=jnp.float32)[None, None, :], jnp.arange(height, dtype=jnp.float32)[None, :, None]


def projective_transform(images: jax.Array, transform: jax.Array, **options: Unpack[WarpOptions]) -> jax.Array:
    """`input (x, y) = ((a0 x + a1 y + a2) / k, (b0 x + b1 y + b2) / k)` with `k = c0 x + c1 y + 1` of the output pixel.

    Args:
        transform: `(batch, 8)`: a0, a1, a2, b0, b1, b2, c0, c1.
        options: of `warp`.
    """
    x, y = pixel_grid(*images.shape[1:3])
    a0, a1, a2, b0, b1, b2, c0, c1 = jnp.moveaxis(jnp.asarray(transform, jnp.float32), -1, 0)[..., None, None]
    k = c0 * x + c1 * y + 1
    return warp(images, (b0 * x + b1 * y + b2) / k, (a0 * x + a1 * y + a2) / k, **options)


def affine_transform(images: jax.Array, transform: jax.Array, **options: Unpack[WarpOptions]) -> jax.Array:
    """`input (x, y) = (a0 x + a1 y + a2, b0 x + b1 y + b2)` of the output pixel; c0 and c1 are not read."""
    x, y = pixel_grid(*images.shape[1:3])
    a0, a1, a2, b0, b1, b2 = jnp.moveaxis(jnp.asarray(transform, jnp.float32), -1, 0)[:6, ..., None, None]
    return warp(images, b0 * x + b1 * y + b2, a0 * x + a1 * y + a2, **options)


def perspective_transform(
    images: jax.Array, start_points: jax.Array, end_points: jax.Array, **options: Unpack[WarpOptions]
) -> jax.Array:
    """Moves four corners from `start_points` to `end_points`.

    Args:
        start_points, end_points: `(batch, 4, 2)`: x and y of top left, top right, bottom left, bottom right.
        options: of `warp`.
    """
    return projective_transform(images, perspective_matrix(start_points, end_points), **options)


def perspective_matrix(start_points: jax.Array, end_points: jax.Array) -> jax.Array:
    """The eight numbers of `projective_transform` that read `start_points` at `end_points`, `(batch, 8)`.

    By way of the unit square, in closed form: Heckbert 1989, Fundamentals of Texture Mapping, section 2.2.3.
    """
    to_start, to_end = _square_to_quad(start_points), _square_to_quad(end_points)
    matrix = to_start @ _adjugate(to_end)
    return (matrix / matrix[..., 2:, 2:]).reshape(*matrix.shape[:-2], 9)[..., :8]


def moved_points(x: jax.Array, y: jax.Array, transform: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Where points of the input lie in the output of `projective_transform`; 0 where that is nowhere.

    Args:
        x, y: `(batch, points)`.
        transform: `(batch, 8)`.
    """
    ones = jnp.ones((*transform.shape[:-1], 1), transform.dtype)
    inverse = _adjugate(jnp.concatenate([transform, ones], -1).reshape(-1, 3, 3))
    new_x, new_y, k = jnp.moveaxis(inverse @ jnp.stack(jnp.broadcast_arrays(x, y, jnp.ones_like(x)), 1), 1, 0)
    return jnp.nan_to_num(new_x / k), jnp.nan_to_num(new_y / k)


def _square_to_quad(points: jax.Array) -> jax.Array:
    """Matrix that maps (0, 0), (1, 0), (0, 1), (1, 1) to four points."""
    p0, p1, p3, p2 = jnp.moveaxis(jnp.asarray(points, jnp.float32), -2, 0)
    s, d1, d2 = p0 - p1 + p2 - p3, p1 - p2, p3 - p2
    area = _cross(d1, d2)
    g, h = (_cross(s, d2) / area)[..., None], (_cross(d1, s) / area)[..., None]
    columns = jnp.stack([p1 - p0 + g * p1, p3 - p0 + h * p3, p0], -1)
    return jnp.concatenate([columns, jnp.stack([g, h, jnp.ones_like(g)], -1)], -2)


def _cross(a: jax.Array, b: jax.Array) -> jax.Array:
    return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]


def _adjugate(matrix: jax.Array) -> jax.Array:
    """The inverse of a 3x3 matrix, up to a factor, which projective maps do not see."""
    a, b, c = jnp.moveaxis(matrix, -1, 0)
    return jnp.stack([jnp.cross(b, c), jnp.cross(c, a), jnp.cross(a, b)], -2)


# Windows up to this size are written out, one term per pixel, which is faster and compiles fast enough.
_UNROLLED = 9


def gaussian_kernel(size: int, sigma: jax.Array) -> jax.Array:
    """Weights of a window of `size` pixels that sum to 1, `(..., size)` for `sigma` of shape `(...)`."""
    distance = jnp.arange(size, dtype=jnp.float32) - (size - 1) / 2
    # A deviation of zero leaves the image as it is.
    logits = -0.5 * (distance / jnp.maximum(jnp.asarray(sigma, jnp.float32), 1e-6)[..., None]) ** 2
    return jax.nn.softmax(logits, -1)


def gaussian_blur(images: jax.Array, kernel_size: tuple[int, int], sigma: jax.Array) -> jax.Array:
    """Blur by Gaussian windows of `kernel_size` pixels (rows, columns); outside of the image is zero.

    Args:
        sigma: deviations in pixels along rows and columns, `(2,)`, or one pair per image, `(batch, 2)`.
    """
    sigma = jnp.broadcast_to(jnp.asarray(sigma, jnp.float32), (images.shape[0], 2))
    for axis in (1, 2):
        images = _blur(images, gaussian_kernel(kernel_size[axis - 1], sigma[:, axis - 1]), axis)
    return images


def _blur(images: jax.Array, kernel: jax.Array, axis: int) -> jax.Array:
    """Weighted sums of neighbours along an axis, with weights `(batch, window)`."""
    size, window = images.shape[axis], kernel.shape[-1]
    if window <= _UNROLLED:
        ends = [(0, 0)] * images.ndim
        ends[axis] = ((window - 1) // 2, window // 2)  # of an even window one more pixel lies behind
        padded = jnp.pad(images, ends)
        weights = kernel.astype(images.dtype)[..., None, None, None]
        parts = [weights[:, i] * jax.lax.slice_in_dim(padded, i, i + size, axis=axis) for i in range(window)]
        return jnp.sum(jnp.stack(parts), 0)
    # A wide window as a banded matrix per image: one operation, whatever the width.
    offset = jnp.arange(size)[None, :] - jnp.arange(size)[:, None] + (window - 1) // 2
    inside = (offset >= 0) & (offset < window)
    matrix = jnp.where(inside, kernel[:, jnp.clip(offset, 0, window - 1)], 0).astype(images.dtype)
    equation = "bij,bjwc->biwc" if axis == 1 else "bij,bhjc->bhic"
    return jnp.einsum(equation, matrix, images, precision=jax.lax.Precision.HIGHEST)


def elastic_transform(
    images: jax.Array, noise: jax.Array, alpha: jax.Array, sigma: jax.Array, window: int, **options: Unpack[WarpOptions]
) -> jax.Array:
    """Each pixel read at a place `alpha * blur(sigma * noise)` away. Simard et al. 2003.

    Args:
        noise: standard normal, `(batch, height, width, 2)`: x and y.
        alpha, sigma: `(batch,)`; sigma is also the deviation of the blur, in pixels.
        window: pixels that the blur averages over, odd.
        options: of `warp`.
    """
    scaled = noise * sigma[:, None, None, None]
    shift = alpha[:, None, None, None] * gaussian_blur(scaled, (window, window), jnp.stack([sigma, sigma], -1))
    x, y = pixel_grid(*images.shape[1:3])
    return warp(images, y + shift[..., 1], x + shift[..., 0], **options)


def resize(
    images: jax.Array, size: tuple[int, int], interpolation: str = "bilinear", antialias: bool = False
) -> jax.Array:
    """Images of another height and width; corners of the pixel areas are aligned.

    Args:
        interpolation: `"nearest"`, `"bilinear"`, `"bicubic"`, `"lanczos3"` or `"lanczos5"`.
        antialias: widen the window when shrinking.
    """
    shape = (images.shape[0], *size, images.shape[-1])
    return jax.image.resize(images, shape, method=interpolation, antialias=antialias)
