"""Layers that move pixels at random: flips, rotations, zooms, shifts, shears, perspective, elastic distortion."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Unpack

import jax
import jax.numpy as jnp

from ...core import rng
from ...core.kinds import DataFormat, Number, OneOf
from ...core.types import Tensor
from ...kernels import images as kernels
from ..catalogue import layer
from .image_arguments import (
    BoxOptions,
    Change,
    FillMode,
    Finite,
    GivenMove,
    Interpolation,
    KnownOf,
    Probability,
    Range,
    Share,
    Shear,
    ValueRange,
)
from .images import Drawn, decide, normal, per_image, uniform
from .random_moves import Points, RandomMove, RandomWarp, RandomWarpByAxis, affine, rotation

FLIPS: dict[str, tuple[int, ...]] = {"horizontal": (2,), "vertical": (1,), "horizontal_and_vertical": (1, 2)}
FlipMode = Annotated[Literal["horizontal", "vertical", "horizontal_and_vertical"], OneOf(*FLIPS)]
ElasticFillMode = Annotated[
    Literal["reflect", "wrap", "constant", "nearest", "mirror"],
    KnownOf("reflect", "wrap", "constant", "nearest", "mirror"),
]


@layer()
class RandomFlip(RandomMove):
    """Mirrors each image with probability 1/2 in training.

    Shapes: `(batch, height, width, channels)` or one image without the batch axis; the output has the same shape.

    Args:
        mode: `"horizontal"` (left and right change places), `"vertical"`, or `"horizontal_and_vertical"`: an image is
            flipped both ways, which is half a turn, or not at all, as in Keras. For all four outcomes use two layers.
        seed: whole number; None: drawn from the process' stream.
        data_format: `"channels_last"` or `"channels_first"`; None: as `config.set_image_data_format` says.
        **options: `bounding_box_format`, such as `"xyxy"`, where boxes come with the images; name, dtype, ...: as in
            `Layer`.

    Example:

    >>> import numpy as np
    >>> pair = np.array([1.0, 2.0]).reshape(1, 1, 2, 1)
    >>> sorted(RandomFlip("horizontal")(pair).ravel().tolist())
    [1.0, 2.0]
    """

    mode: str

    def __init__(
        self,
        mode: FlipMode = "horizontal_and_vertical",
        seed: int | None = None,
        data_format: DataFormat = None,
        **options: Unpack[BoxOptions],
    ):
        super().__init__(data_format=data_format, **options)

    def draw(self, key: Tensor, shape: tuple[int, ...]) -> Drawn:
        return {"flips": per_image(decide(key, shape[0], (0, 1)))}

    def move_pixels(self, images: Tensor, drawn: Drawn, interpolation: str) -> Tensor:
        return jnp.where(per_image(drawn["flips"]), jnp.flip(images, FLIPS[self.mode]), images)

    def move_points(self, x: Tensor, y: Tensor, drawn: Drawn, rows: int, columns: int) -> Points:
        flips = jnp.reshape(jnp.asarray(drawn["flips"]), (-1, 1))
        across, down = 2 in FLIPS[self.mode], 1 in FLIPS[self.mode]
        return jnp.where(flips & across, columns - x, x), jnp.where(flips & down, rows - y, y)


@layer()
class RandomRotation(RandomWarp):
    """Rotates each image about its centre by a random angle in training.

    Shapes: `(batch, height, width, channels)` or one image without the batch axis; the output has the same shape.

    Args:
        factor: part of a full turn, anticlockwise: 0.1 draws from -36 to 36 degrees, (0, 0.25) from 0 to 90.
        fill_mode: what lies outside of the image: `"reflect"` (d c b a | a b c d | d c b a), `"wrap"`, `"constant"`
            (then `fill_value`) or `"nearest"`.
        interpolation: `"bilinear"` or `"nearest"`.
        seed: whole number; None: drawn from the process' stream.
        fill_value: number outside of the image, with `fill_mode="constant"`.
        data_format: `"channels_last"` or `"channels_first"`; None: as `config.set_image_data_format` says.
        **options: `bounding_box_format`, such as `"xyxy"`, where boxes come with the images; name, dtype, ...: as in
            `Layer`.

    Example:

    >>> import numpy as np
    >>> RandomRotation(0.1)(np.ones((2, 8, 8, 3))).shape
    (2, 8, 8, 3)
    """

    def __init__(
        self,
        factor: Change,
        fill_mode: FillMode = "reflect",
        interpolation: Interpolation = "bilinear",
        seed: int | None = None,
        fill_value: Finite = 0.0,
        data_format: DataFormat = None,
        **options: Unpack[BoxOptions],
    ):
        super().__init__(data_format=data_format, **options)

    def draw(self, key: Tensor, shape: tuple[int, ...]) -> Drawn:
        angle = 360 * uniform(key, shape[0], self.factor)
        return {"angle": angle, "rotation_matrix": rotation(angle * (math.pi / 180), *shape[1:3])}

    def matrix(self, drawn: Drawn, rows: int, columns: int) -> Tensor:
        return jnp.reshape(jnp.asarray(drawn["rotation_matrix"]), (-1, 8))


@layer()
class RandomZoom(RandomWarpByAxis):
    """Zooms each image about its centre by a random factor in training.

    Shapes: `(batch, height, width, channels)` or one image without the batch axis; the output has the same shape.

    Args:
        height_factor: change of the part that is seen: 0.2 draws from -0.2 to 0.2, (0.1, 0.3) zooms out by 10 to 30
            percent, negative numbers zoom in.
        width_factor: the same for the width; None: as the height, so that the aspect ratio stays.
        fill_mode: what lies outside of the image: `"reflect"` (d c b a | a b c d | d c b a), `"wrap"`, `"constant"`
            (then `fill_value`) or `"nearest"`.
        interpolation: `"bilinear"` or `"nearest"`.
        seed: whole number; None: drawn from the process' stream.
        fill_value: number outside of the image, with `fill_mode="constant"`.
        data_format: `"channels_last"` or `"channels_first"`; None: as `config.set_image_data_format` says.
        **options: `bounding_box_format`, such as `"xyxy"`, where boxes come with the images; name, dtype, ...: as in
            `Layer`.

    Example:

    >>> import numpy as np
    >>> RandomZoom(0.2)(np.ones((2, 8, 8, 3))).shape
    (2, 8, 8, 3)
    """

    def __init__(
        self,
        height_factor: GivenMove,
        width_factor: GivenMove | None = None,
        fill_mode: FillMode = "reflect",
        interpolation: Interpolation = "bilinear",
        seed: int | None = None,
        fill_value: Finite = 0.0,
        data_format: DataFormat = None,
        **options: Unpack[BoxOptions],
    ):
        super().__init__(data_format=data_format, **options)

    def draw(self, key: Tensor, shape: tuple[int, ...]) -> Drawn:
        keys = jax.random.split(key)
        height = 1 + uniform(keys[0], shape[0], (self.height_lower, self.height_upper))
        width = height
        if self.width_factor is not None:
            width = 1 + uniform(keys[1], shape[0], (self.width_lower, self.width_upper))
        return {"height_zoom": height[:, None], "width_zoom": width[:, None]}

    def matrix(self, drawn: Drawn, rows: int, columns: int) -> Tensor:
        x, y = (jnp.ravel(jnp.asarray(drawn[name])) for name in ("width_zoom", "height_zoom"))
        return affine(x, 0, (1 - x) * (columns - 1) / 2, 0, y, (1 - y) * (rows - 1) / 2)

    def get_clipped_bbox(
        self, bounding_boxes: Mapping[str, Any], h_end: Tensor, h_start: Tensor, w_end: Tensor, w_start: Tensor
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

    Shapes: `(batch, height, width, channels)` or one image without the batch axis; the output has the same shape.

    Args:
        height_factor: part of the height, positive is down: 0.2 draws from -0.2 to 0.2.
        width_factor: part of the width, positive is to the right.
        fill_mode: what lies outside of the image: `"reflect"` (d c b a | a b c d | d c b a), `"wrap"`, `"constant"`
            (then `fill_value`) or `"nearest"`.
        interpolation: `"bilinear"` or `"nearest"`.
        seed: whole number; None: drawn from the process' stream.
        fill_value: number outside of the image, with `fill_mode="constant"`.
        data_format: `"channels_last"` or `"channels_first"`; None: as `config.set_image_data_format` says.
        **options: `bounding_box_format`, such as `"xyxy"`, where boxes come with the images; name, dtype, ...: as in
            `Layer`.

    Example:

    >>> import numpy as np
    >>> RandomTranslation(0.1, 0.1)(np.ones((2, 8, 8, 3))).shape
    (2, 8, 8, 3)
    """

    def __init__(
        self,
        height_factor: GivenMove,
        width_factor: GivenMove,
        fill_mode: FillMode = "reflect",
        interpolation: Interpolation = "bilinear",
        seed: int | None = None,
        fill_value: Finite = 0.0,
        data_format: DataFormat = None,
        **options: Unpack[BoxOptions],
    ):
        super().__init__(data_format=data_format, **options)

    def draw(self, key: Tensor, shape: tuple[int, ...]) -> Drawn:
        keys = jax.random.split(key)
        x = shape[2] * uniform(keys[0], shape[0], (self.width_lower, self.width_upper))
        y = shape[1] * uniform(keys[1], shape[0], (self.height_lower, self.height_upper))
        return {"translations": jnp.stack([x, y], -1)}

    def matrix(self, drawn: Drawn, rows: int, columns: int) -> Tensor:
        x, y = jnp.moveaxis(jnp.asarray(drawn["translations"]), -1, 0)
        return affine(1, 0, -x, 0, 1, -y)


@layer()
class RandomShear(RandomWarp):
    """Shears each image in training: `x + x_shear * y` and `y + y_shear * x` are read at pixel (x, y).

    Shapes: `(batch, height, width, channels)` or one image without the batch axis; the output has the same shape.

    Args:
        x_factor: size of the horizontal shear, from 0 to 1: 0.2 draws up to 0.2, (0.1, 0.2) from 0.1 to 0.2, both ways.
        y_factor: the same for the vertical one.
        interpolation: `"bilinear"` or `"nearest"`.
        fill_mode: what lies outside of the image: `"reflect"` (d c b a | a b c d | d c b a), `"wrap"`, `"constant"`
            (then `fill_value`) or `"nearest"`.
        fill_value: number outside of the image, with `fill_mode="constant"`.
        data_format: `"channels_last"` or `"channels_first"`; None: as `config.set_image_data_format` says.
        seed: whole number; None: drawn from the process' stream.
        **options: `bounding_box_format`, such as `"xyxy"`, where boxes come with the images; name, dtype, ...: as in
            `Layer`.

    Example:

    >>> import numpy as np
    >>> RandomShear(x_factor=0.2)(np.ones((2, 8, 8, 3))).shape
    (2, 8, 8, 3)
    """

    x_factor: Range
    y_factor: Range

    def __init__(
        self,
        x_factor: Shear = 0.0,
        y_factor: Shear = 0.0,
        interpolation: Interpolation = "bilinear",
        fill_mode: FillMode = "reflect",
        fill_value: Finite = 0.0,
        data_format: DataFormat = None,
        seed: int | None = None,
        **options: Unpack[BoxOptions],
    ):
        super().__init__(data_format=data_format, **options)

    def draw(self, key: Tensor, shape: tuple[int, ...]) -> Drawn:
        keys = jax.random.split(key, 3)
        sign = jnp.where(decide(keys[0], shape[0], (0, 1)), 1, -1)
        x, y = (sign * uniform(k, shape[0], f) for k, f in zip(keys[1:], (self.x_factor, self.y_factor), strict=True))
        return {"shear_factor": jnp.stack([x, y], -1)}

    def matrix(self, drawn: Drawn, rows: int, columns: int) -> Tensor:
        x, y = jnp.moveaxis(jnp.asarray(drawn["shear_factor"]), -1, 0)
        return affine(1, x, 0, y, 1, 0)


@layer()
class RandomPerspective(RandomWarp):
    """Moves the corners of images at random in training, as if seen from an angle; `fill_value` lies outside.

    Shapes: `(batch, height, width, channels)` or one image without the batch axis; the output has the same shape.

    Args:
        factor: the probability to change an image is drawn from 0 to `factor` (or between two numbers).
        scale: how far: each coordinate of a corner is multiplied by up to `1 +- scale / 2`. The top left one stays.
        interpolation: `"bilinear"` or `"nearest"`.
        fill_value: number outside of the image, with `fill_mode="constant"`.
        seed: whole number; None: drawn from the process' stream.
        data_format: `"channels_last"` or `"channels_first"`; None: as `config.set_image_data_format` says.
        **options: `bounding_box_format`, such as `"xyxy"`, where boxes come with the images; name, dtype, ...: as in
            `Layer`.

    Example:

    >>> import numpy as np
    >>> RandomPerspective(scale=0.5)(np.ones((2, 8, 8, 3))).shape
    (2, 8, 8, 3)
    """

    scale: float

    def __init__(
        self,
        factor: Share = 1.0,
        scale: Probability = 1.0,
        interpolation: Interpolation = "bilinear",
        fill_value: Finite = 0.0,
        seed: int | None = None,
        data_format: DataFormat = None,
        **options: Unpack[BoxOptions],
    ):
        super().__init__(data_format=data_format, **options)

    def draw(self, key: Tensor, shape: tuple[int, ...]) -> Drawn:
        keys = jax.random.split(key)
        batch, right, bottom = shape[0], shape[2] - 1.0, shape[1] - 1.0
        corners = jnp.array([[0.0, 0.0], [right, 0.0], [0.0, bottom], [right, bottom]])
        start = jnp.broadcast_to(corners, (batch, 4, 2))
        half = self.scale / 2
        end = start * (1 + jax.random.uniform(keys[1], start.shape, minval=-half, maxval=half))
        return {"apply_perspective": decide(keys[0], batch, self.factor), "start_points": start, "end_points": end}

    def matrix(self, drawn: Drawn, rows: int, columns: int) -> Tensor:
        return kernels.perspective_matrix(drawn["start_points"], drawn["end_points"])

    def move_pixels(self, images: Tensor, drawn: Drawn, interpolation: str) -> Tensor:
        moved = kernels.projective_transform(images, self.matrix(drawn, 0, 0), **self._fill(interpolation))
        return jnp.where(per_image(drawn["apply_perspective"]), moved, images)

    def move_points(self, x: Tensor, y: Tensor, drawn: Drawn, rows: int, columns: int) -> Points:
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

    Shapes: `(batch, height, width, channels)` or one image without the batch axis; the output has the same shape.

    Args:
        factor: the probability to change an image is drawn from 0 to `factor` (or between two numbers).
        scale: strength, drawn from 0 to `scale` (or between two numbers) for each image.
        interpolation: `"bilinear"` or `"nearest"`.
        fill_mode: what lies outside of the image: `"reflect"` (d c b a | a b c d | d c b a), `"wrap"`, `"constant"`
            (then `fill_value`) or `"nearest"`.
        fill_value: number outside of the image, with `fill_mode="constant"`.
        value_range: least and greatest value of a pixel.
        seed: whole number; None: drawn from the process' stream.
        data_format: `"channels_last"` or `"channels_first"`; None: as `config.set_image_data_format` says.
        **options: `bounding_box_format`, such as `"xyxy"`, where boxes come with the images; name, dtype, ...: as in
            `Layer`.

    Example:

    >>> import numpy as np
    >>> RandomElasticTransform(scale=0.5)(np.ones((2, 8, 8, 3))).shape
    (2, 8, 8, 3)
    """

    scale: Range

    def __init__(
        self,
        factor: Share = 1.0,
        scale: Share = 1.0,
        interpolation: Interpolation = "bilinear",
        fill_mode: ElasticFillMode = "reflect",
        fill_value: Finite = 0.0,
        value_range: ValueRange = (0, 255),
        seed: int | None = None,
        data_format: DataFormat = None,
        **options: Unpack[BoxOptions],
    ):
        super().__init__(data_format=data_format, **options)

    def draw(self, key: Tensor, shape: tuple[int, ...]) -> Drawn:
        keys = jax.random.split(key, 3)
        return {
            "apply_transform": decide(keys[0], shape[0], self.factor),
            "distortion_factor": uniform(keys[1], shape[0], self.scale),
            "noise": normal(keys[2], (*shape[:3], 2)),
        }

    def get_elastic_transform_params(self, height: int, width: int, factor: Number | Tensor) -> tuple[Any, Any]:
        """`alpha` and `sigma` of images of a size at a strength."""
        return 0.1 * max(height, width) * factor, 0.05 * min(height, width) * factor

    def move_pixels(self, images: Tensor, drawn: Drawn, interpolation: str) -> Tensor:
        batch, rows, columns, _ = images.shape
        strength = jnp.broadcast_to(jnp.asarray(drawn["distortion_factor"], "float32"), (batch,))
        window = 2 * math.ceil(3 * self.get_elastic_transform_params(rows, columns, self.scale[1])[1]) + 1
        noise = drawn["noise"] if "noise" in drawn else normal(rng.key(drawn["seed"]), (batch, rows, columns, 2))
        alpha, sigma = self.get_elastic_transform_params(rows, columns, strength)
        moved = kernels.elastic_transform(images, noise, alpha, sigma, window, **self._fill(interpolation))
        return jnp.where(per_image(drawn["apply_transform"]), moved, images)

    def transform(self, images: Tensor, drawn: Drawn) -> Tensor:
        changed = jnp.clip(super().transform(images, drawn), *self.value_range)
        return jnp.where(per_image(drawn["apply_transform"]), changed, images)

    def move_points(self, x: Tensor, y: Tensor, drawn: Drawn, rows: int, columns: int) -> Points:
        raise NotImplementedError(
            f"{self._who()} does not move bounding boxes: where a point goes has no formula. Leave 'bounding_boxes' out"
            f" of its input, or use another layer."
        )
