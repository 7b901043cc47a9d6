"""Models in files: public namespace `keras.saving`.

Reading trusts nothing that a file says. `schema.py` holds a config against the classes it names before any of them is
made, `archive.py` reads a `.keras` file and `weights.py` the weights in it; what does not fit raises `LoadError`.
"""

from __future__ import annotations

from .._lazy import lazily

_NAMES = {
    "CustomObjectScope": "..core.registry",
    "KerasFileEditor": ".editor",
    "LoadError": ".errors",
    "UnknownObjectError": ".errors",
    "custom_object_scope": "..core.registry",
    "deserialize_keras_object": "..core.registry:deserialize",
    "get_custom_objects": "..core.registry",
    "get_registered_name": "..core.registry",
    "get_registered_object": "..core.registry",
    "load_model": ".models",
    "load_weights": ".weights",
    "memory_budget": "..core.budget",
    "register_keras_serializable": "..core.registry",
    "save_model": ".models",
    "save_weights": ".weights",
    "serialize_keras_object": "..core.registry:serialize",
}

__getattr__, __dir__, __all__ = lazily(__name__, (), _NAMES)
