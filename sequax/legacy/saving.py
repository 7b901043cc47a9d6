"""Public namespace `keras.legacy.saving`: configs in the form of Keras 2."""

from __future__ import annotations

from ..saving.legacy_objects import deserialize_keras_object, serialize_keras_object

__all__ = ["deserialize_keras_object", "serialize_keras_object"]
