"""Bases of the layers that move pixels at random, and the boxes around things with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Unpack

import jax.numpy as jnp

from ...core.kinds import Number
from ...core.types import ArrayLike, Tensor
from ...kernels import images as kernels
from .image_arguments import MOVE, ImageOptions
from .images import Drawn, RandomImageLayer

Points = tuple[Tensor, Tensor]


class RandomMove(RandomImageLayer):
    """Base of layers that move pixels. A subclass writes `move_pixels`, and where points go, `move_points`."""

    moves = True
    interpolation = "nearest"

    def transform(self, images: Tensor, drawn: Drawn) -> Tensor:
        return self.move_pixels(images, drawn, self.interpolation)

    def transform_masks(self, masks: Tensor, drawn: Drawn) -> Tensor:
        return self.move_pixels(masks, drawn, "nearest")

    def move_pixels(self, images: Tensor, drawn: Drawn, interpolation: str) -> Tensor:
        raise NotImplementedError


class RandomWarp(RandomMove):
    """Base of layers that read each pixel at a place given by a matrix, which a subclass writes."""

    def matrix(self, drawn: Drawn, rows: int, columns: int) -> Tensor:
        """The eight numbers of `kernels.images.projective_transform`, `(batch, 8)`."""
        raise NotImplementedError

    def move_pixels(self, images: Tensor, drawn: Drawn, interpolation: str) -> Tensor:
        matrix = self.matrix(drawn, *images.shape[1:3])
        return kernels.affine_transform(images, matrix, **self._fill(interpolation))

    def move_points(self, x: Tensor, y: Tensor, drawn: Drawn, rows: int, columns: int) -> Points:
        return kernels.moved_points(x, y, self.matrix(drawn, rows, columns))

    def get_transformed_x_y(self, x: Number | Tensor, y: Number | Tensor, transform: ArrayLike) -> Points:
        """Where the matrices `transform`, `(batch, 8)`, read the pixel (x, y), `(batch, 1)` each."""
        a0, a1, a2, b0, b1, b2, c0, c1 = jnp.split(jnp.asarray(transform), 8, -1)
        k = c0 * x + c1 * y + 1
        return (a0 * x + a1 * y + a2) / k, (b0 * x + b1 * y + b2) / k

    def get_shifted_bbox(
        self, bounding_boxes: Mapping[str, Any], w_shift_factor: ArrayLike, h_shift_factor: ArrayLike
    ) -> dict[str, Any]:
        """Boxes, left, top, right and bottom, less a shift for each image, `(batch, 1)`."""
        boxes = jnp.asarray(bounding_boxes["boxes"])
        x, y = (jnp.asarray(v, boxes.dtype) for v in (w_shift_factor, h_shift_factor))
        shift = jnp.concatenate([x, y, x, y], -1)
        return {**bounding_boxes, "boxes": boxes - (shift[:, None] if boxes.ndim == 3 else shift)}


class RandomWarpByAxis(RandomWarp):
    """Base of layers with a factor for the height and one for the width."""

    height_lower: Number
    height_upper: Number
    width_lower: Number
    width_upper: Number

    height_factor: Number | Sequence[Number]
    width_factor: Number | Sequence[Number] | None

    def __init__(self, **options: Unpack[ImageOptions]):
        super().__init__(**options)
        self.height_lower, self.height_upper = MOVE.ends(self.height_factor)
        if self.width_factor is not None:
            self.width_lower, self.width_upper = MOVE.ends(self.width_factor)


def affine(*entries: Number | Tensor) -> Tensor:
    """Rows `(a0, a1, a2, b0, b1, b2, 0, 0)`, one per image."""
    return jnp.stack(jnp.broadcast_arrays(*(jnp.asarray(v, "float32") for v in (*entries, 0, 0))), -1)


def rotation(angle: Tensor, rows: int, columns: int) -> Tensor:
    """Rotations about the centre by an angle in radians."""
    right, bottom = columns - 1, rows - 1
    cos, sin = jnp.cos(angle), jnp.sin(angle)
    x, y = (right - (cos * right - sin * bottom)) / 2, (bottom - (sin * right + cos * bottom)) / 2
    return affine(cos, -sin, x, sin, cos, y)
