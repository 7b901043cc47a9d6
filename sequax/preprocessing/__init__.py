"""Public namespace `keras.preprocessing`: data from files and arrays, under the names of older scripts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._lazy import lazily

_NAMES = {
    "image_dataset_from_directory": "..utils.image_dataset",
    "text_dataset_from_directory": "..utils.text_dataset",
    "timeseries_dataset_from_array": "..utils.timeseries",
}

if TYPE_CHECKING:  # the same for type checkers and editors
    from ..utils.image_dataset import image_dataset_from_directory as image_dataset_from_directory
    from ..utils.text_dataset import text_dataset_from_directory as text_dataset_from_directory
    from ..utils.timeseries import timeseries_dataset_from_array as timeseries_dataset_from_array
    from . import image as image, sequence as sequence
else:
    __getattr__, __dir__, __all__ = lazily(__name__, ("image", "sequence"), _NAMES)
