"""Public namespace `keras.utils.bounding_boxes`: boxes between formats, cut, moved, compared, encoded.

A box is four numbers; what they are is the format:

| format | numbers |
|---|---|
| `"xyxy"` | left, top, right, bottom |
| `"yxyx"` | top, left, bottom, right |
| `"xywh"` | left, top, width, height |
| `"center_xywh"`, `"center_yxhw"` | centre (x, y), width, height; the other: each pair turned around |

In pixels; `"rel_xyxy"`, `"rel_yxyx"`, `"rel_xywh"` and `"rel_center_xywh"` are in parts of the image's width and
height.
Boxes come alone, `(boxes, 4)`, or for a batch of images, `(batch, boxes, 4)`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from .._lazy import listed
from ..core import dtypes
from ..core.operation import symbolic
from ..core.types import ArrayLike, Config, DTypeLike, ShapeLike, Tensor
from ..kernels import boxes as kernels

Offset = float | Tensor

__all__ = [
    "affine_transform", "clip_to_image_size", "compute_ciou", "compute_iou", "convert_format", "crop",
    "decode_deltas_to_boxes", "encode_box_to_deltas", "pad",
]  # fmt: skip


def convert_format(
    boxes: ArrayLike,
    source: str,
    target: str,
    height: int | None = None,
    width: int | None = None,
    dtype: DTypeLike = "float32",
) -> jax.Array:
    """Boxes of one format in another.

    Args:
        boxes: `(..., 4)`, or a dict with them as `"boxes"`; the other entries are kept.
        source, target: names of formats, in upper or lower case.
        height, width: of the image; needed where one of the formats is relative.
        dtype: of the result.

    Raises:
        ValueError: for other formats, other shapes, and sizes that are missing.

    >>> convert_format([[10, 20, 30, 60]], "xyxy", "center_xywh").tolist()
    [[20.0, 40.0, 20.0, 40.0]]
    """
    if isinstance(boxes, dict):
        return {**boxes, "boxes": convert_format(boxes["boxes"], source, target, height, width, dtype)}
    before, after = str(source).lower(), str(target).lower()
    if not {before, after} <= set(kernels.FORMATS):
        raise ValueError(
            f"convert_format: Invalid source or target format. Supported formats: {kernels.FORMATS}. Received:"
            f" source={source!r}, target={target!r}."
        )
    if (kernels.is_relative(before) or kernels.is_relative(after)) and (height is None or width is None):
        raise ValueError(
            "convert_format() must receive `height` and `width` to convert from or to a relative format. Received:"
            f" source={source!r}, target={target!r}, height={height}, width={width}."
        )
    floats = dtypes.jnp_dtype(dtypes.standardize(dtype))
    return _converted(_four(boxes, "convert_format"), before, after, height, width, floats)


@symbolic
def _converted(boxes: ArrayLike, source: str, target: str, height: object, width: object, dtype: Any) -> jax.Array:
    height, width = (None if size is None else jnp.asarray(size, dtype) for size in (height, width))
    return kernels.convert(jnp.asarray(boxes, dtype), source, target, height, width)


def _four(boxes: Any, who: str) -> jax.Array:
    """Boxes as something with a shape, `(..., 4)`."""
    boxes = boxes if hasattr(boxes, "shape") else np.asarray(boxes)
    if len(boxes.shape) == 0 or boxes.shape[-1] != 4:
        raise ValueError(
            f"{who}: `boxes` must be an array with a last dimension of 4. Received: shape {tuple(boxes.shape)}."
        )
    return boxes


def _floats(boxes: ArrayLike, who: str) -> jax.Array:
    boxes = jnp.asarray(_four(boxes, who))
    return boxes if dtypes.is_float(boxes.dtype) else boxes.astype("float32")


def clip_to_image_size(
    bounding_boxes: Config, height: int | None = None, width: int | None = None, bounding_box_format: str = "xyxy"
) -> dict[str, Any]:
    """The parts of boxes that lie in the image; what lies outside of it gets the label -1.

    Args:
        bounding_boxes: dict with `"boxes"`, `(..., boxes, 4)`, and perhaps `"labels"`, `(..., boxes)`.
        height, width: of the image; not needed for `"rel_xyxy"`.
        bounding_box_format: `"xyxy"` or `"rel_xyxy"`.

    Returns:
        A new dict.
    """
    _only(bounding_box_format, ("xyxy", "rel_xyxy"), "clip_to_image_size")
    if bounding_box_format == "rel_xyxy":
        height = width = 1
    elif height is None or width is None:
        raise ValueError(
            "clip_to_image_size: `height` and `width` must be set if the format is 'xyxy'. Received:"
            f" height={height}, width={width}."
        )
    boxes = kernels.clip(jnp.asarray(_four(bounding_boxes["boxes"], "clip_to_image_size")), height, width)
    clipped = {**bounding_boxes, "boxes": boxes}
    if bounding_boxes.get("labels") is not None:
        clipped["labels"] = kernels.without_outside(jnp.asarray(bounding_boxes["labels"]), boxes)
    return clipped


def affine_transform(
    boxes: ArrayLike,
    angle: ArrayLike,
    translate_x: ArrayLike,
    translate_y: ArrayLike,
    scale: ArrayLike,
    shear_x: ArrayLike,
    shear_y: ArrayLike,
    height: int,
    width: int,
    center_x: float | None = None,
    center_y: float | None = None,
    bounding_box_format: str = "xyxy",
) -> jax.Array:
    """The smallest upright boxes around boxes that were shifted, then sheared, turned and scaled about a centre.

    Args:
        boxes: `(batch, boxes, 4)`, or `(boxes, 4)`.
        angle: in degrees, anticlockwise. This and the next five: numbers, or one for each image, `(batch,)`.
        translate_x, translate_y: in parts of the width and of the height.
        scale: factor of the size.
        shear_x, shear_y: in degrees.
        height, width: of the image.
        center_x, center_y: in parts of the width and of the height; default: the middle.
        bounding_box_format: only `"xyxy"`.
    """
    _only(bounding_box_format, ("xyxy",), "affine_transform")
    boxes = _floats(boxes, "affine_transform")
    given = (angle, shear_x, shear_y, scale, translate_x, translate_y)
    numbers = (jnp.asarray(v, "float32").reshape(-1, 1) for v in given)
    turn, slant_x, slant_y, factor, right, down = numbers
    turn, slant_x, slant_y = (-v * (math.pi / 180) for v in (turn, slant_x, slant_y))
    middle_x, middle_y = (
        (0.5 if centre is None else centre) * (size - 1) for centre, size in ((center_x, width), (center_y, height))
    )
    a, c = jnp.cos(turn - slant_y) / jnp.cos(slant_y), -jnp.sin(turn - slant_y) / jnp.cos(slant_y)
    b, d = a * jnp.tan(slant_x) + jnp.sin(turn), jnp.cos(turn) - c * jnp.tan(slant_x)

    def move(x: jax.Array, y: jax.Array) -> tuple[jax.Array, jax.Array]:
        x, y = x - middle_x + right * (width - 1), y - middle_y + down * (height - 1)
        return factor * (d * x - b * y) + middle_x, factor * (a * y - c * x) + middle_y

    moved = kernels.around(boxes if boxes.ndim == 3 else boxes[None], move)
    return moved if boxes.ndim == 3 else moved[0]


def crop(
    boxes: ArrayLike, top: Offset, left: Offset, height: int, width: int, bounding_box_format: str = "xyxy"
) -> jax.Array:
    """Boxes as seen in a window of an image.

    Args:
        boxes: `(..., 4)`.
        top, left: where the window begins.
        height, width: of the window; boxes end there.
        bounding_box_format: only `"xyxy"`.

    >>> crop([[10.0, 20, 50, 60]], top=10, left=20, height=40, width=30).tolist()
    [[0.0, 10.0, 30.0, 40.0]]
    """
    _only(bounding_box_format, ("xyxy",), "crop")
    return kernels.clip(pad(boxes, -top, -left), height, width)


def pad(
    boxes: ArrayLike,
    top: Offset,
    left: Offset,
    height: int | None = None,
    width: int | None = None,
    bounding_box_format: str = "xyxy",
) -> jax.Array:
    """Boxes in an image that got a border.

    Args:
        boxes: `(..., 4)`.
        top, left: of the border.
        height, width: have no effect.
        bounding_box_format: only `"xyxy"`.
    """
    _only(bounding_box_format, ("xyxy",), "pad")
    a, b, c, d = kernels.sides(jnp.asarray(_four(boxes, "pad")))
    return jnp.concatenate([a + left, b + top, c + left, d + top], -1)


def _only(layout: str, known: tuple[str, ...], who: str) -> None:
    if layout not in known:
        raise NotImplementedError(
            f"{who}: `bounding_box_format` must be one of {known}. Received: {layout!r}. Use `convert_format` before"
            f" and after."
        )


# --- anchors ---


def encode_box_to_deltas(
    anchors: ArrayLike,
    boxes: ArrayLike,
    anchor_format: str,
    box_format: str,
    encoding_format: str = "center_yxhw",
    variance: ArrayLike | None = None,
    image_shape: ShapeLike | None = None,
) -> jax.Array:
    """How boxes differ from anchors: distances of the centres in sizes of the anchor, logarithms of ratios of sizes.

    Ren et al. 2015, Faster R-CNN, section 3.1.2.

    Args:
        anchors: `(boxes, 4)`.
        boxes: `(boxes, 4)` or `(batch, boxes, 4)`.
        anchor_format, box_format: formats of both.
        encoding_format: `"center_yxhw"` or `"center_xywh"`: the order of the result.
        variance: four numbers that the result is divided by.
        image_shape: `(height, width, channels)`; needed where a format is relative.
    """
    _encoding("encode_box_to_deltas", "encoding_format", encoding_format)
    anchors = convert_format(anchors, anchor_format, encoding_format, *_size(image_shape))
    boxes = convert_format(boxes, box_format, encoding_format, *_size(image_shape))
    return _encoded(anchors, boxes, _variance("encode_box_to_deltas", variance))


@symbolic
def _encoded(anchors: Tensor, boxes: Tensor, variance: Tensor) -> jax.Array:
    sizes = jnp.maximum(anchors[..., 2:], dtypes.epsilon())
    ratios = jnp.maximum(boxes[..., 2:], dtypes.epsilon()) / sizes
    return jnp.concatenate([(boxes[..., :2] - anchors[..., :2]) / sizes, jnp.log(ratios)], -1) / variance


def decode_deltas_to_boxes(
    anchors: ArrayLike,
    boxes_delta: ArrayLike,
    anchor_format: str,
    box_format: str,
    encoded_format: str = "center_yxhw",
    variance: ArrayLike | None = None,
    image_shape: ShapeLike | None = None,
) -> jax.Array:
    """The boxes that `encode_box_to_deltas` got.

    Args:
        anchors: `(boxes, 4)`, or a dict of them, one entry for each level.
        boxes_delta: `(boxes, 4)` or `(batch, boxes, 4)`; a dict with the same keys where `anchors` is one.
        anchor_format, box_format: formats of both.
        encoded_format: `"center_yxhw"` or `"center_xywh"`: the order of `boxes_delta`.
        variance: four numbers that `boxes_delta` is multiplied by.
        image_shape: `(height, width, channels)`; needed where a format is relative.
    """
    _encoding("decode_deltas_to_boxes", "encoded_format", encoded_format)
    if isinstance(anchors, dict) and isinstance(boxes_delta, dict):
        options = (anchor_format, box_format, encoded_format, variance, image_shape)
        return {key: decode_deltas_to_boxes(value, boxes_delta[key], *options) for key, value in anchors.items()}
    anchors = convert_format(anchors, anchor_format, encoded_format, *_size(image_shape))
    boxes = _decoded(anchors, boxes_delta, _variance("decode_deltas_to_boxes", variance))
    return convert_format(boxes, encoded_format, box_format, *_size(image_shape))


@symbolic
def _decoded(anchors: Tensor, deltas: ArrayLike, variance: Tensor) -> jax.Array:
    deltas, sizes = jnp.asarray(deltas) * variance, anchors[..., 2:]
    return jnp.concatenate([deltas[..., :2] * sizes + anchors[..., :2], jnp.exp(deltas[..., 2:]) * sizes], -1)


def _encoding(who: str, name: str, value: str) -> None:
    if value not in ("center_xywh", "center_yxhw"):
        raise ValueError(f"{who}: `{name}` should be 'center_xywh' or 'center_yxhw'. Received: {name}={value!r}")


def _variance(who: str, variance: ArrayLike | None) -> jax.Array:
    if variance is None:
        return jnp.ones(4)
    found = jnp.asarray(variance, "float32")
    if found.shape[-1:] != (4,):
        raise ValueError(f"{who}: `variance` must be length 4. Received: variance={variance!r}")
    return found


def _size(image_shape: ShapeLike | None) -> tuple[Any, Any]:
    return (None, None) if image_shape is None else (image_shape[0], image_shape[1])


# --- overlap ---


def compute_iou(
    boxes1: ArrayLike,
    boxes2: ArrayLike,
    bounding_box_format: str,
    use_masking: bool = False,
    mask_val: float | None = -1,
    image_shape: ShapeLike | None = None,
) -> jax.Array:
    """Intersection over union of each of `boxes1` with each of `boxes2`.

    Args:
        boxes1: `(n, 4)` or `(batch, n, 4)`.
        boxes2: `(m, 4)` or `(batch, m, 4)`.
        bounding_box_format: of both.
        use_masking: give `mask_val` for padding: boxes without a corner of at least 0.
        mask_val: number.
        image_shape: `(height, width, channels)`; needed where the format is relative.

    Returns:
        `(n, m)`, or `(batch, n, m)` where one of the inputs has a batch axis.

    >>> compute_iou([[0, 0, 2, 2]], [[0, 0, 2, 2], [1, 0, 3, 2]], "xyxy").round(3).tolist()
    [[1.0, 0.3330000042915344]]
    """
    pair = _pair("compute_iou", boxes1, boxes2, bounding_box_format, image_shape)
    for name, boxes in zip(("boxes1", "boxes2"), pair, strict=True):
        if len(boxes.shape) not in (2, 3):
            raise ValueError(
                f"compute_iou: expected {name} of shape (boxes, 4) or (batch, boxes, 4). Received: shape"
                f" {tuple(boxes.shape)}."
            )
    return _overlap(*pair, mask_val if use_masking else None)


@symbolic
def _overlap(boxes1: Tensor, boxes2: Tensor, mask_val: float | None) -> jax.Array:
    first, second = boxes1[..., :, None, :], boxes2[..., None, :, :]
    shared = kernels.intersection(first, second)
    union = kernels.area(first) + kernels.area(second) - shared
    found = shared / (union + dtypes.epsilon())
    if mask_val is None:
        return found
    return jnp.where((jnp.max(first, -1) < 0) | (jnp.max(second, -1) < 0), jnp.asarray(mask_val, found.dtype), found)


def compute_ciou(
    boxes1: ArrayLike, boxes2: ArrayLike, bounding_box_format: str, image_shape: ShapeLike | None = None
) -> jax.Array:
    """Complete intersection over union of boxes with their partners. Zheng et al. 2020, Distance-IoU Loss.

    The overlap, less the distance of the centres and the difference of the aspect ratios. Up to 1, for equal boxes.

    Args:
        boxes1, boxes2: `(..., 4)`.
        bounding_box_format: of both.
        image_shape: `(height, width, channels)`; needed where the format is relative.

    Returns:
        `(...)`.
    """
    return _complete_overlap(*_pair("compute_ciou", boxes1, boxes2, bounding_box_format, image_shape))


@symbolic
def _complete_overlap(boxes1: Tensor, boxes2: Tensor) -> jax.Array:
    epsilon = dtypes.epsilon()
    (width1, height1), (width2, height2) = (
        (b[..., 2] - b[..., 0], b[..., 3] - b[..., 1] + epsilon) for b in (boxes1, boxes2)
    )
    shared = kernels.intersection(boxes1, boxes2)
    overlap = shared / (width1 * height1 + width2 * height2 - shared + 2 * epsilon)
    hull = jnp.maximum(boxes1[..., 2:], boxes2[..., 2:]) - jnp.minimum(boxes1[..., :2], boxes2[..., :2])
    apart = (boxes1[..., :2] + boxes1[..., 2:] - boxes2[..., :2] - boxes2[..., 2:]) / 2
    distance = jnp.sum(apart**2, -1) / (jnp.sum(hull**2, -1) + epsilon)
    shape = 4 / math.pi**2 * (jnp.arctan(width2 / height2) - jnp.arctan(width1 / height1)) ** 2
    return overlap - distance - shape * shape / (shape - overlap + 1 + epsilon)


def _pair(who: str, boxes1: ArrayLike, boxes2: ArrayLike, form: str, shape: ShapeLike | None) -> tuple[Tensor, Tensor]:
    if kernels.is_relative(str(form).lower()) and shape is None:
        raise ValueError(
            f"{who}: relative formats need the `image_shape` argument, (height, width, channels). Received:"
            f" bounding_box_format={form!r}, image_shape=None."
        )
    first, second = (convert_format(boxes, form, "xyxy", *_size(shape)) for boxes in (boxes1, boxes2))
    return first, second


if not TYPE_CHECKING:
    __getattr__, __dir__ = listed(__name__)
