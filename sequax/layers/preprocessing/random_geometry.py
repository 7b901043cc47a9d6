"""Layers that move pixels at random: flips, rotations, zooms, shifts, shears, perspective, elastic distortion."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp

from ...kernels import images as kernels
from ..catalogue import layer
from .images import Drawn, RandomImageLayer, Range, bounds, decide, normal, number, per_image, uniform, value_bounds

FILL_MODES = ("reflect", "wrap", "constant", "nearest")
FLIPS: dict[str, tuple[int, ...]] = {"horizontal": (2,), "vertical": (1,), "horizontal_and_vertical": (1, 2)}


@layer()
class RandomFlip(RandomImageLayer):
    """Mirrors each image with probability 1/2 in training.

    Args:
        mode: `"horizontal"` (left and right change places), `"vertical"`, or `"horizontal_and_vertical"`: an image is
            flipped both ways, which is half a turn, or not at all, as in Keras. For all four outcomes use two layers.
        seed: whole number; default: drawn from the process' stream.
    """

    def __init__(self, mode: Any = "horizontal_and_vertical", seed: Any = None, data_format: Any = None, **kwargs: Any):
        super().__init__(seed=seed, data_format=data_format, **kwargs)
        if mode not in FLIPS:
            raise ValueError(f"{self._who()}: unknown `mode`. Expected one of {tuple(FLIPS)}. Received: mode={mode!r}")
        self.mode = mode

    def draw(self, key: jax.Array, shape: tuple[int, ...]) -> Drawn:
        return {"flips": per_image(decide(key, shape[0], (0, 1)))}

    def transform(self, images: jax.Array, drawn: Drawn) -> jax.Array:
        return jnp.where(per_image(drawn["flips"]), jnp.flip(images, FLIPS[self.mode]), images)


@layer()
class RandomRotation(RandomImageLayer):
    """Rotates each image about its centre by a random angle in training.

    Args:
        factor: part of a full turn, anticlockwise: 0.1 draws from -36 to 36 degrees, (0, 0.25) from 0 to 90.
        fill_mode: what lies outside of the image: `"reflect"` (d c b a | a b c d | d c b a), `"wrap"`, `"constant"`
            (then `fill_value`) or `"nearest"`.
        interpolation: `"bilinear"` or `"nearest"`.
        seed: whole number; default: drawn from the process' stream.
    """

    def __init__(
        self,
        factor: Any,
        fill_mode: Any = "reflect",
        interpolation: Any = "bilinear",
        seed: Any = None,
        fill_value: Any = 0.0,
        data_format: Any = None,
        **kwargs: Any,
    ):
        super().__init__(seed=seed, data_format=data_format, **kwargs)
        self.factor = bounds(self._who(), "factor", factor, -1, 1)
        self._set_fill(interpolation, fill_value, fill_mode, FILL_MODES)

    def draw(self, key: jax.Array, shape: tuple[int, ...]) -> Drawn:
        angle = 360 * uniform(key, shape[0], self.factor)
        return {"angle": angle, "rotation_matrix": rotation(angle * (math.pi / 180), *shape[1:3])}

    def transform(self, images: jax.Array, drawn: Drawn) -> jax.Array:
        matrix = jnp.reshape(jnp.asarray(drawn["rotation_matrix"]), (-1, 8))
        return kernels.affine_transform(images, matrix, **self._fill())


@layer()
class RandomZoom(RandomImageLayer):
    """Zooms each image about its centre by a random factor in training.

    Args:
        height_factor: change of the part that is seen: 0.2 draws from -0.2 to 0.2, (0.1, 0.3) zooms out by 10 to 30
            percent, negative numbers zoom in.
        width_factor: the same for the width; None: as the height, so that the aspect ratio stays.
        fill_mode, interpolation, seed, fill_value: as for `RandomRotation`.
    """

    def __init__(
        self,
        height_factor: Any,
        width_factor: Any = None,
        fill_mode: Any = "reflect",
        interpolation: Any = "bilinear",
        seed: Any = None,
        fill_value: Any = 0.0,
        data_format: Any = None,
        **kwargs: Any,
    ):
        super().__init__(seed=seed, data_format=data_format, **kwargs)
        self.height_factor, self.width_factor = height_factor, width_factor
        self._height = bounds(self._who(), "height_factor", height_factor, -1, 1, strict=True)
        self._width = None
        if width_factor is not None:
            self._width = bounds(self._who(), "width_factor", width_factor, -1, 1, strict=True)
        self._set_fill(interpolation, fill_value, fill_mode, FILL_MODES)

    def draw(self, key: jax.Array, shape: tuple[int, ...]) -> Drawn:
        keys = jax.random.split(key)
        height = 1 + uniform(keys[0], shape[0], self._height)
        width = height if self._width is None else 1 + uniform(keys[1], shape[0], self._width)
        return {"height_zoom": height[:, None], "width_zoom": width[:, None]}

    def transform(self, images: jax.Array, drawn: Drawn) -> jax.Array:
        rows, columns = images.shape[1:3]
        x, y = (jnp.ravel(jnp.asarray(drawn[name])) for name in ("width_zoom", "height_zoom"))
        matrix = affine(x, 0, (1 - x) * (columns - 1) / 2, 0, y, (1 - y) * (rows - 1) / 2)
        return kernels.affine_transform(images, matrix, **self._fill())


@layer()
class RandomTranslation(RandomImageLayer):
    """Shifts each image by a random part of its size in training.

    Args:
        height_factor: part of the height, positive is down: 0.2 draws from -0.2 to 0.2.
        width_factor: part of the width, positive is to the right.
        fill_mode, interpolation, seed, fill_value: as for `RandomRotation`.
    """

    def __init__(
        self,
        height_factor: Any,
        width_factor: Any,
        fill_mode: Any = "reflect",
        interpolation: Any = "bilinear",
        seed: Any = None,
        fill_value: Any = 0.0,
        data_format: Any = None,
        **kwargs: Any,
    ):
        super().__init__(seed=seed, data_format=data_format, **kwargs)
        self.height_factor, self.width_factor = height_factor, width_factor
        self._height = bounds(self._who(), "height_factor", height_factor, -1, 1, strict=True)
        self._width = bounds(self._who(), "width_factor", width_factor, -1, 1, strict=True)
        self._set_fill(interpolation, fill_value, fill_mode, FILL_MODES)

    def draw(self, key: jax.Array, shape: tuple[int, ...]) -> Drawn:
        keys = jax.random.split(key)
        x = shape[2] * uniform(keys[0], shape[0], self._width)
        y = shape[1] * uniform(keys[1], shape[0], self._height)
        return {"translations": jnp.stack([x, y], -1)}

    def transform(self, images: jax.Array, drawn: Drawn) -> jax.Array:
        x, y = jnp.moveaxis(jnp.asarray(drawn["translations"]), -1, 0)
        return kernels.affine_transform(images, affine(1, 0, -x, 0, 1, -y), **self._fill())


@layer()
class RandomShear(RandomImageLayer):
    """Shears each image in training: `x + x_shear * y` and `y + y_shear * x` are read at pixel (x, y).

    Args:
        x_factor: size of the horizontal shear, from 0 to 1: 0.2 draws up to 0.2, (0.1, 0.2) from 0.1 to 0.2, both ways.
        y_factor: the same for the vertical one.
        interpolation, fill_mode, fill_value, seed: as for `RandomRotation`.
    """

    def __init__(
        self,
        x_factor: Any = 0.0,
        y_factor: Any = 0.0,
        interpolation: Any = "bilinear",
        fill_mode: Any = "reflect",
        fill_value: Any = 0.0,
        data_format: Any = None,
        seed: Any = None,
        **kwargs: Any,
    ):
        super().__init__(seed=seed, data_format=data_format, **kwargs)
        self.x_factor = self._both_ways("x_factor", x_factor)
        self.y_factor = self._both_ways("y_factor", y_factor)
        self._set_fill(interpolation, fill_value, fill_mode, FILL_MODES)

    def _both_ways(self, name: str, value: Any) -> Range:
        if isinstance(value, (tuple, list)):  # a config holds (-number, number)
            return bounds(self._who(), name, value, -1, 1, strict=True)
        high = bounds(self._who(), name, value, 0, 1)[1]
        return -high, high

    def draw(self, key: jax.Array, shape: tuple[int, ...]) -> Drawn:
        keys = jax.random.split(key, 3)
        sign = jnp.where(decide(keys[0], shape[0], (0, 1)), 1, -1)
        x, y = (sign * uniform(k, shape[0], f) for k, f in zip(keys[1:], (self.x_factor, self.y_factor), strict=True))
        return {"shear_factor": jnp.stack([x, y], -1)}

    def transform(self, images: jax.Array, drawn: Drawn) -> jax.Array:
        x, y = jnp.moveaxis(jnp.asarray(drawn["shear_factor"]), -1, 0)
        return kernels.affine_transform(images, affine(1, x, 0, y, 1, 0), **self._fill())


@layer()
class RandomPerspective(RandomImageLayer):
    """Moves the corners of images at random in training, as if seen from an angle; `fill_value` lies outside.

    Args:
        factor: the probability to change an image is drawn from 0 to `factor` (or between two numbers).
        scale: how far: each coordinate of a corner is multiplied by up to `1 +- scale / 2`. The top left one stays.
        interpolation, fill_value, seed: as for `RandomRotation`.
    """

    def __init__(
        self,
        factor: Any = 1.0,
        scale: Any = 1.0,
        interpolation: Any = "bilinear",
        fill_value: Any = 0.0,
        seed: Any = None,
        data_format: Any = None,
        **kwargs: Any,
    ):
        super().__init__(seed=seed, data_format=data_format, **kwargs)
        self.factor = bounds(self._who(), "factor", factor, 0, 1, strict=True)
        self.scale = number(self._who(), "scale", scale)
        if not 0 <= scale <= 1:
            raise ValueError(
                f"{self._who()}: the `scale` argument should be a number in the range [0, 1]. Received: scale={scale!r}"
            )
        self._set_fill(interpolation, fill_value)

    def draw(self, key: jax.Array, shape: tuple[int, ...]) -> Drawn:
        keys = jax.random.split(key)
        batch, right, bottom = shape[0], shape[2] - 1.0, shape[1] - 1.0
        corners = jnp.array([[0.0, 0.0], [right, 0.0], [0.0, bottom], [right, bottom]])
        start = jnp.broadcast_to(corners, (batch, 4, 2))
        half = self.scale / 2
        end = start * (1 + jax.random.uniform(keys[1], start.shape, minval=-half, maxval=half))
        return {"apply_perspective": decide(keys[0], batch, self.factor), "start_points": start, "end_points": end}

    def transform(self, images: jax.Array, drawn: Drawn) -> jax.Array:
        moved = kernels.perspective_transform(images, drawn["start_points"], drawn["end_points"], **self._fill())
        return jnp.where(per_image(drawn["apply_perspective"]), moved, images)


@layer()
class RandomElasticTransform(RandomImageLayer):
    """Distorts images by a smooth random field in training.

    Simard et al. 2003, Best Practices for Convolutional Neural Networks. Each pixel is read at a place
    `alpha * blur(noise)` away, with normal noise and a blur of the same deviation `sigma`; `alpha` is a tenth of the
    width times the strength, `sigma` a twentieth of the height times the strength. Keras shifts rows and columns by
    the same noise; here each has its own.

    Args:
        factor: the probability to change an image is drawn from 0 to `factor` (or between two numbers).
        scale: strength, drawn from 0 to `scale` (or between two numbers) for each image.
        interpolation, fill_mode, fill_value, seed: as for `RandomRotation`; `fill_mode` may also be `"mirror"`.
        value_range: limits of the pixels.
    """

    def __init__(
        self,
        factor: Any = 1.0,
        scale: Any = 1.0,
        interpolation: Any = "bilinear",
        fill_mode: Any = "reflect",
        fill_value: Any = 0.0,
        value_range: Any = (0, 255),
        seed: Any = None,
        data_format: Any = None,
        **kwargs: Any,
    ):
        super().__init__(seed=seed, data_format=data_format, **kwargs)
        self.factor = bounds(self._who(), "factor", factor, 0, 1, strict=True)
        self.scale = bounds(self._who(), "scale", scale, 0, 1, strict=True)
        self.value_range = value_bounds(self._who(), value_range)
        self._set_fill(interpolation, fill_value, fill_mode, (*FILL_MODES, "mirror"))

    def draw(self, key: jax.Array, shape: tuple[int, ...]) -> Drawn:
        keys = jax.random.split(key, 3)
        return {
            "apply_transform": decide(keys[0], shape[0], self.factor),
            "distortion_factor": uniform(keys[1], shape[0], self.scale),
            "noise": normal(keys[2], (*shape[:3], 2)),
        }

    def transform(self, images: jax.Array, drawn: Drawn) -> jax.Array:
        rows, columns = images.shape[1:3]
        strength = jnp.broadcast_to(jnp.asarray(drawn["distortion_factor"]), images.shape[:1])
        window = 2 * math.ceil(3 * 0.05 * rows * self.scale[1]) + 1
        moved = kernels.elastic_transform(
            images, drawn["noise"], 0.1 * columns * strength, 0.05 * rows * strength, window, **self._fill()
        )
        return jnp.where(per_image(drawn["apply_transform"]), jnp.clip(moved, *self.value_range), images)


def affine(a0: Any, a1: Any, a2: Any, b0: Any, b1: Any, b2: Any) -> jax.Array:
    """Rows `(a0, a1, a2, b0, b1, b2, 0, 0)`, one per image."""
    return jnp.stack(jnp.broadcast_arrays(*(jnp.asarray(v, "float32") for v in (a0, a1, a2, b0, b1, b2, 0, 0))), -1)


def rotation(angle: jax.Array, rows: int, columns: int) -> jax.Array:
    """Rotations about the centre by an angle in radians."""
    right, bottom = columns - 1, rows - 1
    cos, sin = jnp.cos(angle), jnp.sin(angle)
    x, y = (right - (cos * right - sin * bottom)) / 2, (bottom - (sin * right + cos * bottom)) / 2
    return affine(cos, -sin, x, sin, cos, y)
