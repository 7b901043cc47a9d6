"""Layers that move pixels at random: flips, rotations, zooms, shifts, shears, perspective, elastic distortion."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp

from ...core import rng
from ...kernels import images as kernels
from ..catalogue import layer
from .images import Drawn, Range, bounds, decide, normal, number, per_image, uniform, value_bounds
from .random_moves import Points, RandomMove, RandomWarp, RandomWarpByAxis, affine, rotation

FILL_MODES = ("reflect", "wrap", "constant", "nearest")
FLIPS: dict[str, tuple[int, ...]] = {"horizontal": (2,), "vertical": (1,), "horizontal_and_vertical": (1, 2)}


@layer()
class RandomFlip(RandomMove):
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

    def move_pixels(self, images: jax.Array, drawn: Drawn, interpolation: str) -> jax.Array:
        return jnp.where(per_image(drawn["flips"]), jnp.flip(images, FLIPS[self.mode]), images)

    def move_points(self, x: jax.Array, y: jax.Array, drawn: Drawn, rows: Any, columns: Any) -> Points:
        flips = jnp.reshape(jnp.asarray(drawn["flips"]), (-1, 1))
        across, down = 2 in FLIPS[self.mode], 1 in FLIPS[self.mode]
        return jnp.where(flips & across, columns - x, x), jnp.where(flips & down, rows - y, y)


@layer()
class RandomRotation(RandomWarp):
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

    def matrix(self, drawn: Drawn, rows: Any, columns: Any) -> jax.Array:
        return jnp.reshape(jnp.asarray(drawn["rotation_matrix"]), (-1, 8))


@layer()
class RandomZoom(RandomWarpByAxis):
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
        self._set_factor(height_factor, "height_factor")
        if width_factor is not None:
            self._set_factor(width_factor, "width_factor")
        self._set_fill(interpolation, fill_value, fill_mode, FILL_MODES)

    def draw(self, key: jax.Array, shape: tuple[int, ...]) -> Drawn:
        keys = jax.random.split(key)
        height = 1 + uniform(keys[0], shape[0], (self.height_lower, self.height_upper))
        width = height
        if self.width_factor is not None:
            width = 1 + uniform(keys[1], shape[0], (self.width_lower, self.width_upper))
        return {"height_zoom": height[:, None], "width_zoom": width[:, None]}

    def matrix(self, drawn: Drawn, rows: Any, columns: Any) -> jax.Array:
        x, y = (jnp.ravel(jnp.asarray(drawn[name])) for name in ("width_zoom", "height_zoom"))
        return affine(x, 0, (1 - x) * (columns - 1) / 2, 0, y, (1 - y) * (rows - 1) / 2)

    def get_clipped_bbox(
        self, bounding_boxes: Any, h_end: Any, h_start: Any, w_end: Any, w_start: Any
    ) -> dict[str, Any]:
        """Boxes, left, top, right and bottom, as seen in a window of each image, `(batch, 1)` each."""
        boxes = jnp.asarray(bounding_boxes["boxes"])
        ends = [jnp.asarray(v, boxes.dtype) for v in (h_end, h_start, w_end, w_start)]
        bottom, top, right, left = (v[..., None] if boxes.ndim == 3 and v.ndim else v for v in ends)
        a, b, c, d = jnp.split(boxes, 4, -1)
        a, c = (jnp.clip(x, left, right) - left for x in (a, c))
        b, d = (jnp.clip(y, top, bottom) - top for y in (b, d))
        return {**bounding_boxes, "boxes": jnp.concatenate([a, b, c, d], -1)}


@layer()
class RandomTranslation(RandomWarpByAxis):
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
        self._set_factor(height_factor, "height_factor")
        self._set_factor(width_factor, "width_factor")
        self._set_fill(interpolation, fill_value, fill_mode, FILL_MODES)

    def draw(self, key: jax.Array, shape: tuple[int, ...]) -> Drawn:
        keys = jax.random.split(key)
        x = shape[2] * uniform(keys[0], shape[0], (self.width_lower, self.width_upper))
        y = shape[1] * uniform(keys[1], shape[0], (self.height_lower, self.height_upper))
        return {"translations": jnp.stack([x, y], -1)}

    def matrix(self, drawn: Drawn, rows: Any, columns: Any) -> jax.Array:
        x, y = jnp.moveaxis(jnp.asarray(drawn["translations"]), -1, 0)
        return affine(1, 0, -x, 0, 1, -y)


@layer()
class RandomShear(RandomWarp):
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

    def matrix(self, drawn: Drawn, rows: Any, columns: Any) -> jax.Array:
        x, y = jnp.moveaxis(jnp.asarray(drawn["shear_factor"]), -1, 0)
        return affine(1, x, 0, y, 1, 0)


@layer()
class RandomPerspective(RandomWarp):
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

    def matrix(self, drawn: Drawn, rows: Any, columns: Any) -> jax.Array:
        return kernels.perspective_matrix(drawn["start_points"], drawn["end_points"])

    def move_pixels(self, images: jax.Array, drawn: Drawn, interpolation: str) -> jax.Array:
        moved = kernels.projective_transform(images, self.matrix(drawn, 0, 0), **self._fill(interpolation))
        return jnp.where(per_image(drawn["apply_perspective"]), moved, images)

    def move_points(self, x: jax.Array, y: jax.Array, drawn: Drawn, rows: Any, columns: Any) -> Points:
        chosen = jnp.reshape(jnp.asarray(drawn["apply_perspective"]), (-1, 1))
        new_x, new_y = super().move_points(x, y, drawn, rows, columns)
        return jnp.where(chosen, new_x, x), jnp.where(chosen, new_y, y)


@layer()
class RandomElasticTransform(RandomMove):
    """Distorts images by a smooth random field in training.

    Simard et al. 2003, Best Practices for Convolutional Neural Networks. Each pixel is read at a place
    `alpha * blur(noise)` away, with normal noise and a blur of the same deviation `sigma`; `alpha` is a tenth of the
    longer side times the strength, `sigma` a twentieth of the shorter one times the strength. Keras shifts rows and
    columns by the same noise; here each has its own.

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

    def get_elastic_transform_params(self, height: Any, width: Any, factor: Any) -> tuple[Any, Any]:
        """`alpha` and `sigma` of images of a size at a strength."""
        return 0.1 * max(height, width) * factor, 0.05 * min(height, width) * factor

    def move_pixels(self, images: jax.Array, drawn: Drawn, interpolation: str) -> jax.Array:
        batch, rows, columns, _ = images.shape
        strength = jnp.broadcast_to(jnp.asarray(drawn["distortion_factor"], "float32"), (batch,))
        window = 2 * math.ceil(3 * self.get_elastic_transform_params(rows, columns, self.scale[1])[1]) + 1
        noise = drawn["noise"] if "noise" in drawn else normal(rng.key(drawn["seed"]), (batch, rows, columns, 2))
        alpha, sigma = self.get_elastic_transform_params(rows, columns, strength)
        moved = kernels.elastic_transform(images, noise, alpha, sigma, window, **self._fill(interpolation))
        return jnp.where(per_image(drawn["apply_transform"]), moved, images)

    def transform(self, images: jax.Array, drawn: Drawn) -> jax.Array:
        changed = jnp.clip(super().transform(images, drawn), *self.value_range)
        return jnp.where(per_image(drawn["apply_transform"]), changed, images)

    def move_points(self, x: jax.Array, y: jax.Array, drawn: Drawn, rows: Any, columns: Any) -> Points:
        raise NotImplementedError(
            f"{self._who()} does not move bounding boxes: where a point goes has no formula. Leave 'bounding_boxes' out"
            f" of its input, or use another layer."
        )
