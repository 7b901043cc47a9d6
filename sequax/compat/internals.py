"""`keras.src...`: the modules that Keras keeps its source in, from which libraries (and editors' imports) take names.

A module there has the names of the public module that it belongs to: `keras.src.layers.core.dense` those of
`keras.layers`. What has no public name and is asked for all the same stands in `internal_names.py`.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from types import ModuleType
from typing import Any

from ..core.names import suggest

ROOT = "keras.src"

# Where the names of a package of Keras' source are: public modules, looked at one after the other.
_PLACES: dict[str, tuple[str, ...]] = {
    **{
        name: (f"keras.{name}",)
        for name in (
            *("activations", "applications", "callbacks", "constraints", "datasets", "distillation", "distribution"),
            *("dtype_policies", "engine", "export", "initializers", "layers", "metrics", "preprocessing", "quantizers"),
            *("regularizers", "saving", "tree", "visualization", "wrappers"),
        )
    },
    "backend": ("keras.backend", "keras.ops", "keras.config", "keras", "keras.random", "keras.tree"),
    "legacy": ("keras.legacy", "keras.backend"),
    "losses": ("keras.losses", "keras"),
    "models": ("keras.models", "keras"),
    "ops": ("keras.ops", "keras"),
    "optimizers": ("keras.optimizers", "keras.optimizers.schedules"),
    "random": ("keras.random", "keras"),
    "trainers": ("keras",),
    "utils": ("keras.utils", "keras.config"),
    "version": ("keras",),
}
# Modules whose names are elsewhere than their package says.
_MOVED = {
    "api_export": (),
    "dtype_policies.dtype_policy_map": ("keras.dtype_policies",),
    "layers.input_spec": ("keras",),
    "legacy.backend": ("keras.backend", "keras.ops"),
    "legacy.layers": ("keras.layers",),
    "legacy.losses": ("keras.losses",),
    "legacy.preprocessing": ("keras.preprocessing",),
    "legacy.preprocessing.image": ("keras.preprocessing.image",),
    "legacy.preprocessing.sequence": ("keras.preprocessing.sequence",),
    "legacy.preprocessing.text": ("keras.preprocessing.text",),
    "legacy.saving": ("keras.legacy.saving",),
    "saving.saving_lib": ("sequax.compat.saving_lib", "keras.saving"),
    "utils.tracking": (),
    "wrappers.sklearn_wrapper": ("keras.wrappers",),
}
_OTHER_NAMES = "sequax.compat.internal_names"
# Modules below a package that hold no class of their own name.
_INNER = (
    "accuracy_metrics activations attention backend_utils base_conv base_conv_transpose base_global_pooling "
    "base_image_preprocessing_layer base_layer base_merge base_optimizer base_pooling base_preprocessing_layer "
    "cloning common compile_utils config confusion_metrics constant_initializers constraints convolutional core "
    "correlation_metrics data_adapter data_adapter_utils data_adapters data_layer dataset_utils distribution_lib "
    "dropout_rnn_cell dtype_policy dtype_utils dtypes einops epoch_iterator f_score_metrics file_editor file_utils "
    "functional global_state hinge_metrics image image_dataset_utils image_preprocessing image_utils index_lookup "
    "initializers input_layer input_spec io_utils iou_metrics jax jax_utils keras_saveable keras_tensor layer "
    "layer_utils learning_rate_schedule legacy_h5_format linalg losses masking math merging metrics_utils "
    "model_visualization module_utils monitor_callback name_scope naming nn normalization np_utils numerical_utils "
    "numpy object_registration operation_utils optimizer pooling preprocessing probabilistic_metrics progbar "
    "python_utils random random_initializers reduction_metrics regression_metrics regularization regularizers "
    "reshaping rng_utils rnn saving_api saving_utils schedules sequence_utils serialization serialization_lib "
    "stateless_scope summary_utils symbolic_scope tensorboard text_dataset_utils timeseries_dataset_utils "
    "traceback_utils trainer training training_utils tree_api variable_mapping variables"
)


class InternalModule(ModuleType):
    """A module named `keras.src...`."""

    def __init__(self, name: str, places: tuple[str, ...]):
        super().__init__(name, __doc__)
        self.__path__: list[str] = []
        self._places = places
        self.__all__ = _names_of(places[0]) if places else []

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        for place in (*self._places, _OTHER_NAMES):
            value = getattr(_module(place), name, None)
            if isinstance(value, ModuleType):
                return importlib.import_module(f"{self.__name__}.{name}")
            if value is not None:
                return value
        full = f"{self.__name__}.{name}"
        if _places_of(full[len(ROOT) + 1 :]) is not None:  # `keras.src.utils.tracking`, not imported
            return importlib.import_module(full)
        raise AttributeError(_missing(f"{self.__name__}.{name}", self.__all__))

    def __reduce__(self) -> tuple[Callable[[str], ModuleType], tuple[str]]:
        return importlib.import_module, (self.__name__,)

    def __repr__(self) -> str:
        return f"<module {self.__name__!r} served by {', '.join(self._places) or _OTHER_NAMES}>"


def serve(name: str) -> ModuleType:
    """The module for an imported name, `keras.src` or in it.

    Raises:
        ImportError: if Keras 3.15.1 has no such module either, or its names have no public place.
    """
    path = name[len(ROOT) + 1 :]
    if not path:
        return InternalModule(name, ("keras",))
    places = _places_of(path)
    if places is None:
        parent = importlib.import_module(name.rpartition(".")[0])
        raise ImportError(_missing(name, parent.__all__), name=name)
    return InternalModule(name, places)


def beside(name: str) -> bool:
    """Whether `keras...` names a module of the source, which stood beside the public ones before it moved to `src`.

    So it was in keras_core, and in checkouts of the first versions of Keras 3: `keras.ops.operation_utils`.
    """
    return _places_of(name.partition(".")[2]) is not None


def _missing(name: str, known: list[str]) -> str:
    return (
        f"{name} is not available: of Keras' source, Sequax serves what has a public name, such as `keras.layers.Dense`"
        f" for `keras.src.layers.core.dense.Dense`.{suggest(name.rpartition('.')[2], known)}"
    )


def _places_of(path: str) -> tuple[str, ...] | None:
    if path in _MOVED:
        return _MOVED[path]
    first, *inner = path.split(".")
    if first not in _PLACES:
        return None
    places = _PLACES[first]
    if first in ("engine", "preprocessing") or _is_public(path):  # the first two as Keras 2.13 to 2.15 had them
        return (f"keras.{path}", *(place for place in places if place != f"keras.{path}"))
    for parent in range(len(inner), 0, -1):
        moved = _MOVED.get(".".join((first, *inner[:parent])))
        if moved:
            return moved
    known = {name.lower() for place in places for name in _names_of(place)}
    if all(part in _INNER.split() or part.replace("_", "") in known for part in inner):
        return places
    return None


def _is_public(path: str) -> bool:
    parent, _, child = f"keras.{path}".rpartition(".")
    if parent != "keras" and not _is_public(parent.removeprefix("keras.")):
        return False
    module = importlib.import_module(parent)
    return child in module.__all__ and isinstance(getattr(module, child), ModuleType)


def _names_of(place: str) -> list[str]:
    return list(getattr(_module(place), "__all__", ()))


def _module(place: str) -> ModuleType | None:
    """None for a public module that this version does not have: libraries import more than they use."""
    try:
        return importlib.import_module(place)
    except ImportError:
        return None
