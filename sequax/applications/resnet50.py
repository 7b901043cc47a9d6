"""ResNet50, where Keras has had it since 2016."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._lazy import listed
from .resnet import ResNet50, decode_predictions, preprocess_input

__all__ = ["ResNet50", "decode_predictions", "preprocess_input"]

if not TYPE_CHECKING:
    __getattr__, __dir__ = listed(__name__)
