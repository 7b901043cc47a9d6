"""Models in files: public namespace `keras.saving`.

Reading trusts nothing that a file says. `schema.py` holds a config against the classes it names before any of them is
made, `archive.py` reads a `.keras` file and `weights.py` the weights in it; what does not fit raises `LoadError`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._lazy import lazily

_NAMES = {
    "CustomObjectScope": "..core.custom_objects",
    "KerasFileEditor": ".editor",
    "LoadError": ".errors",
    "UnknownObjectError": ".errors",
    "custom_object_scope": "..core.custom_objects",
    "deserialize_keras_object": "..core.config",
    "get_custom_objects": "..core.custom_objects",
    "get_registered_name": "..core.custom_objects",
    "get_registered_object": "..core.custom_objects",
    "load_model": ".models",
    "load_weights": ".models",
    "memory_budget": "..core.budget",
    "register_keras_serializable": "..core.custom_objects",
    "save_model": ".models",
    "save_weights": ".models",
    "serialize_keras_object": "..core.catalogue",
}

if TYPE_CHECKING:  # the same for type checkers and editors
    from ..core.budget import memory_budget as memory_budget
    from ..core.catalogue import serialize_keras_object as serialize_keras_object
    from ..core.config import deserialize_keras_object as deserialize_keras_object
    from ..core.custom_objects import (
        CustomObjectScope as CustomObjectScope,
        custom_object_scope as custom_object_scope,
        get_custom_objects as get_custom_objects,
        get_registered_name as get_registered_name,
        get_registered_object as get_registered_object,
        register_keras_serializable as register_keras_serializable,
    )
    from .editor import KerasFileEditor as KerasFileEditor
    from .errors import LoadError as LoadError, UnknownObjectError as UnknownObjectError
    from .models import (
        load_model as load_model,
        load_weights as load_weights,
        save_model as save_model,
        save_weights as save_weights,
    )
else:
    __getattr__, __dir__, __all__ = lazily(__name__, (), _NAMES)
