"""Boxes and masks drawn on images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..core import settings
from ..core.kinds import DataFormatName
from ..core.types import ArrayLike
from ..utils.bounding_boxes import convert_format
from ..utils.images import pillow

Color = Sequence[int]

_LETTER = 20  # height of letters at a font scale of 1, in pixels
_NO_BOX = -1  # the label of what fills up the boxes of an image to a common number


def draw_bounding_boxes(
    images: ArrayLike,
    bounding_boxes: Mapping[str, ArrayLike],
    bounding_box_format: str,
    class_mapping: Mapping[int, str] | None = None,
    color: Color = (128, 128, 128),
    line_thickness: int = 2,
    text_thickness: int = 1,
    font_scale: float = 1.0,
    data_format: DataFormatName | None = None,
) -> np.ndarray:
    """Images with boxes drawn on them, and the names of what is in the boxes.

    Args:
        images: `(batch, height, width, channels)`, or channels first; numbers from 0 to 255, floats also from 0 to 1.
        bounding_boxes: `"boxes"`, `(batch, boxes, 4)`, and `"labels"`, `(batch, boxes)`, where -1 stands for no box;
            `"confidences"`, `(batch, boxes)`, if there are any.
        bounding_box_format: of the boxes, see `utils.bounding_boxes`.
        class_mapping: label -> name; labels without a name get none.
        color: of boxes and names: red, green, blue from 0 to 255.
        line_thickness: of the boxes, in pixels.
        text_thickness: of the strokes of letters, in pixels.
        font_scale: size of the letters; 1 is 20 pixels.
        data_format: of `images`; default `image_data_format()`.

    Returns:
        `(batch, height, width, channels)`, uint8, a copy.

    Raises:
        ValueError: for images that are no batch, or boxes without `"boxes"` or `"labels"`.
        TypeError: for `bounding_boxes` that are no dict.
        ImportError: without Pillow.

    >>> images = np.zeros((1, 8, 8, 3), "uint8")
    >>> boxes = {"boxes": [[[1, 1, 5, 5]]], "labels": [[0]]}
    >>> draw_bounding_boxes(images, boxes, "xyxy", color=(255, 0, 0), line_thickness=1)[0, 1, :, 0].tolist()
    [0, 255, 255, 255, 255, 255, 0, 0]
    """
    if not isinstance(bounding_boxes, Mapping):
        raise TypeError(
            f"draw_bounding_boxes: `bounding_boxes` should be a dict of arrays. Received: {bounding_boxes!r:.100} (of"
            f" type {type(bounding_boxes).__name__})."
        )
    if "boxes" not in bounding_boxes or "labels" not in bounding_boxes:
        raise ValueError(
            "draw_bounding_boxes: `bounding_boxes` should have the keys 'boxes' and 'labels'. Received:"
            f" {sorted(map(str, bounding_boxes))}."
        )
    pictures = as_pictures("draw_bounding_boxes", images, data_format)
    height, width = pictures.shape[1:3]
    boxes = np.asarray(convert_format(bounding_boxes["boxes"], bounding_box_format, "xyxy", height, width))
    labels = np.asarray(bounding_boxes["labels"]).astype("int32")
    confidences = bounding_boxes.get("confidences")
    for i, picture in enumerate(pictures):
        drawing = _Drawing(picture, color, line_thickness, text_thickness, font_scale)
        for j in np.flatnonzero(labels[i] != _NO_BOX):
            name = (class_mapping or {}).get(int(labels[i, j]))
            if name is not None and confidences is not None:
                name = f"{name} | {float(np.asarray(confidences)[i, j]):.2f}"
            drawing.box(boxes[i, j].astype("int32").tolist(), name)
        pictures[i] = drawing.picture()
    return pictures


class _Drawing:
    """Pillow's view of one image."""

    def __init__(self, picture: np.ndarray, color: Color, line: int, stroke: int | None, scale: float):
        image = pillow()
        from PIL import ImageDraw, ImageFont

        self._grey = picture.shape[-1] == 1
        self._image = image.fromarray(picture[..., 0] if self._grey else picture)
        self._draw = ImageDraw.Draw(self._image)
        self._font = ImageFont.load_default(max(_LETTER * scale, 1))
        self._color: Any = int(np.mean(color)) if self._grey else tuple(color)[: picture.shape[-1]]
        self._line, self._stroke = max(int(line), 1), max(int(stroke or line) - 1, 0)

    def box(self, corners: list[int], name: str | None) -> None:
        """A frame around `[left, top, right, bottom]`, in any order, and a name above it, or inside where it is cut."""
        left, right = sorted(corners[0::2])
        top, bottom = sorted(corners[1::2])
        self._draw.rectangle((left, top, right, bottom), outline=self._color, width=self._line)
        if name is not None:
            above = top - self._font.getbbox(name)[3] - self._line
            at = (left, above) if above >= 0 else (left + self._line + 1, top + self._line)
            self._draw.text(at, name, self._color, self._font, stroke_width=self._stroke)

    def picture(self) -> np.ndarray:
        drawn = np.asarray(self._image)
        return drawn[..., None] if self._grey else drawn


def draw_segmentation_masks(
    images: ArrayLike,
    segmentation_masks: ArrayLike,
    num_classes: int | None = None,
    color_mapping: Mapping[int, Color] | None = None,
    alpha: float = 0.8,
    blend: bool = True,
    ignore_index: int = -1,
    data_format: DataFormatName | None = None,
) -> np.ndarray:
    """Images with the classes of their pixels drawn over them in colours.

    Args:
        images: `(batch, height, width, 3)`, or channels first; numbers from 0 to 255, floats also from 0 to 1.
        segmentation_masks: the class of each pixel, whole numbers, `(batch, height, width)` or with an axis of one
            channel where `images` has its channels.
        num_classes: how many classes are drawn, from 0 on; default: all that occur.
        color_mapping: class -> colour; classes without one are not drawn. Default: colours far from each other, black
            for class 0.
        alpha: how much of the colour covers the image, from 0 to 1.
        blend: False covers the image wholly.
        ignore_index: a class that is not drawn.
        data_format: of both; default `image_data_format()`.

    Returns:
        `(batch, height, width, 3)`, uint8, a copy.

    Raises:
        ValueError: for images that are no batch.
        TypeError: for masks that are not whole numbers.

    >>> images = np.full((1, 1, 2, 3), 100, "uint8")
    >>> draw_segmentation_masks(images, np.array([[[0, 1]]]), color_mapping={1: (200, 0, 0)}, alpha=0.5).tolist()
    [[[[100, 100, 100], [150, 50, 50]]]]
    """
    pictures = as_pictures("draw_segmentation_masks", images, data_format)
    masks = np.asarray(segmentation_masks)
    if masks.dtype.kind not in "iu":
        raise TypeError(
            f"draw_segmentation_masks: `segmentation_masks` must be in integer dtype. Received: dtype {masks.dtype}."
        )
    if masks.ndim == 4:
        masks = channels_last(masks, data_format)[..., 0]
    count = int(masks.max(initial=-1)) + 1 if num_classes is None else num_classes
    colors = dict(enumerate(_palette(count))) if color_mapping is None else color_mapping
    share = alpha if blend else 1.0
    for number, color in colors.items():
        drawn = (masks == number) & (number != ignore_index) & (number < count)
        pictures[drawn] = pictures[drawn] * (1 - share) + np.asarray(color, "float32") * share
    return pictures


def _palette(count: int) -> list[list[int]]:
    """Colours far from each other, always the same ones for the same classes; black for the first."""
    return [[(number * step) % 255 for step in (2**25 - 1, 2**15 - 1, 2**21 - 1)] for number in range(count)]


def as_pictures(
    who: str, images: ArrayLike, data_format: DataFormatName | None, value_range: tuple[float, float] | None = None
) -> np.ndarray:
    """A copy of a batch of images as uint8, channels last.

    Args:
        who: for messages.
        images: of numbers from black to white.
        data_format: of `images`.
        value_range: what is black and what is white; None: 0 and 255, of floats up to 1 they are 0 and 1.
    """
    given = np.asarray(images)
    if given.ndim != 4:
        raise ValueError(
            f"{who}: `images` must be a batch, (batch, height, width, channels). Received: images.shape={given.shape}."
        )
    given = channels_last(given, data_format)
    if value_range is None:
        small = given.dtype.kind == "f" and given.size and given.max() <= 1
        value_range = (0, 1) if small else (0, 255)
    low, high = value_range
    if (low, high) != (0, 255):
        given = (given.astype("float32") - low) / (high - low) * 255
    return np.clip(given, 0, 255).astype("uint8")


def channels_last(images: np.ndarray, data_format: DataFormatName | None) -> np.ndarray:
    """Images, or masks with an axis of one channel, with their channels at the end."""
    first = images.ndim == 4 and (data_format or settings.image_data_format()) == "channels_first"
    return images.transpose(0, 2, 3, 1) if first else images
