"""Helpers around models: seeds, sessions, progress, custom objects."""

from __future__ import annotations

from .._lazy import lazily

_NAMES = {
    "CustomObjectScope": "..core.registry",
    "Progbar": ".progress",
    "clear_session": ".session",
    "custom_object_scope": "..core.registry",
    "deserialize_keras_object": "..core.registry:deserialize",
    "get_custom_objects": "..core.registry",
    "get_registered_name": "..core.registry",
    "get_registered_object": "..core.registry",
    "is_keras_tensor": "..core.tensor:is_tensor",
    "register_keras_serializable": "..core.registry",
    "serialize_keras_object": "..core.registry:serialize",
    "set_random_seed": "..core.rng",
    "standardize_dtype": "..core.dtypes:standardize",
    "to_categorical": ".numerical",
    "normalize": ".numerical",
}

__getattr__, __dir__, __all__ = lazily(__name__, ("progress", "summary"), _NAMES)
