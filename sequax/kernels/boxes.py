"""Boxes around things in images, as pure functions over arrays of shape `(..., 4)`.

Whatever is computed with boxes is computed with their corners: left, top, right, bottom, in pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp

# "rel_" in front: x in parts of the width of the image, y in parts of its height.
FORMATS = (
    *("xyxy", "yxyx", "xywh", "center_xywh", "center_yxhw"),
    *("rel_xyxy", "rel_yxyx", "rel_xywh", "rel_center_xywh"),
)


def is_relative(layout: str) -> bool:
    return layout.startswith("rel_")


def sides(boxes: jax.Array) -> tuple[jax.Array, ...]:
    """The four numbers of each box, `(..., 1)` each."""
    return tuple(jnp.split(boxes, 4, -1))


def convert(boxes: jax.Array, source: str, target: str, height: Any = None, width: Any = None) -> jax.Array:
    """Boxes of one format in another.

    Args:
        source, target: of `FORMATS`.
        height, width: of the image: numbers, or arrays that broadcast with `(..., 1)`; not read unless exactly one of
            the formats is relative.
    """
    if source == target:
        return boxes
    left, top, right, bottom = _corners(source.removeprefix("rel_"), *sides(boxes))
    if is_relative(source) and not is_relative(target):
        left, top, right, bottom = left * width, top * height, right * width, bottom * height
    elif is_relative(target) and not is_relative(source):
        left, top, right, bottom = left / width, top / height, right / width, bottom / height
    return jnp.concatenate(_arranged(target.removeprefix("rel_"), left, top, right, bottom), -1)


def _corners(layout: str, a: jax.Array, b: jax.Array, c: jax.Array, d: jax.Array) -> tuple[jax.Array, ...]:
    if layout in ("yxyx", "center_yxhw"):
        a, b, c, d = b, a, d, c
    if layout == "xywh":
        return a, b, a + c, b + d
    return (a - c / 2, b - d / 2, a + c / 2, b + d / 2) if layout.startswith("center") else (a, b, c, d)


def _arranged(layout: str, left: jax.Array, top: jax.Array, right: jax.Array, bottom: jax.Array) -> list[jax.Array]:
    values = [left, top, right, bottom]
    if layout == "xywh":
        values = [left, top, right - left, bottom - top]
    elif layout.startswith("center"):
        values = [(left + right) / 2, (top + bottom) / 2, right - left, bottom - top]
    return [values[i] for i in (1, 0, 3, 2)] if layout in ("yxyx", "center_yxhw") else values


def clip(corners: jax.Array, height: float | jax.Array, width: float | jax.Array) -> jax.Array:
    """The part of the boxes that lies in the image."""
    left, top, right, bottom = sides(corners)
    x, y = (0, width), (0, height)
    return jnp.concatenate([jnp.clip(left, *x), jnp.clip(top, *y), jnp.clip(right, *x), jnp.clip(bottom, *y)], -1)


def area(corners: jax.Array) -> jax.Array:
    """`(...)`; 0 of boxes whose right lies left of their left."""
    left, top, right, bottom = corners[..., 0], corners[..., 1], corners[..., 2], corners[..., 3]
    return jnp.maximum(right - left, 0) * jnp.maximum(bottom - top, 0)


def around(corners: jax.Array, move: Callable[[jax.Array, jax.Array], Sequence[jax.Array]]) -> jax.Array:
    """The smallest upright boxes around boxes whose corner points were moved.

    Args:
        corners: `(batch, boxes, 4)`.
        move: `move(x, y)` gives the new x and y of points, `(batch, 4 * boxes)` each.
    """
    batch, boxes = corners.shape[:2]
    x, y = (corners[..., list(picked)].reshape(batch, -1) for picked in ((0, 2, 2, 0), (1, 1, 3, 3)))
    x, y = (jnp.broadcast_to(v, (v.shape[0], 4 * boxes)).reshape(v.shape[0], boxes, 4) for v in move(x, y))
    return jnp.stack([x.min(-1), y.min(-1), x.max(-1), y.max(-1)], -1)


def intersection(a: jax.Array, b: jax.Array) -> jax.Array:
    """The area that two boxes share; of arrays that broadcast."""
    return area(jnp.concatenate([jnp.maximum(a[..., :2], b[..., :2]), jnp.minimum(a[..., 2:], b[..., 2:])], -1))


def without_outside(labels: jax.Array, corners: jax.Array) -> jax.Array:
    """Labels, -1 where the box has no area. `(..., boxes)`, or one-hot, `(..., boxes, classes)`."""
    inside = area(corners) > 0
    one_hot = labels.ndim > inside.ndim and labels.shape[: inside.ndim] == inside.shape
    return jnp.where(inside[..., None] if one_hot else inside, labels, jnp.asarray(-1, labels.dtype))
