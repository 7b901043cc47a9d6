"""Public namespace `keras.preprocessing`: data from files and arrays, under the names of older scripts."""

from __future__ import annotations

from .._lazy import lazily

_NAMES = {
    "image_dataset_from_directory": "..utils.image_dataset",
    "text_dataset_from_directory": "..utils.text_dataset",
    "timeseries_dataset_from_array": "..utils.timeseries",
}

__getattr__, __dir__, __all__ = lazily(__name__, ("image", "sequence"), _NAMES)
