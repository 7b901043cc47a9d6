"""Public namespace `keras.utils.legacy`: configs in the form of Keras 2."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._lazy import listed
from ..saving.legacy_objects import deserialize_keras_object, serialize_keras_object

__all__ = ["deserialize_keras_object", "serialize_keras_object"]

if not TYPE_CHECKING:
    __getattr__, __dir__ = listed(__name__)
