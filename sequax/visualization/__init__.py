"""Public namespace `keras.visualization`: images with boxes and masks drawn on them, and galleries of images.

Pillow draws (the extra `sequax[images]`), matplotlib shows (`sequax[plot]`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._lazy import listed
from .drawing import draw_bounding_boxes, draw_segmentation_masks
from .galleries import plot_bounding_box_gallery, plot_image_gallery, plot_segmentation_mask_gallery

__all__ = [
    "draw_bounding_boxes",
    "draw_segmentation_masks",
    "plot_bounding_box_gallery",
    "plot_image_gallery",
    "plot_segmentation_mask_gallery",
]

if not TYPE_CHECKING:
    __getattr__, __dir__ = listed(__name__)
