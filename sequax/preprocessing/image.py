"""Public namespace `keras.preprocessing.image`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._lazy import listed
from ..utils.images import array_to_img, img_to_array, load_img, save_img, smart_resize

__all__ = ["array_to_img", "img_to_array", "load_img", "save_img", "smart_resize"]

if not TYPE_CHECKING:
    __getattr__, __dir__ = listed(__name__)
