"""Helpers around models: data, files, seeds, sessions, progress, drawings, custom objects."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._lazy import lazily

_NAMES = {
    "Config": ".configuration",
    "CustomObjectScope": "..core.custom_objects",
    "FeatureSpace": ".feature_space",
    "Progbar": ".progress",
    "PyDataset": ".py_dataset",
    "Sequence": ".py_dataset",
    "array_to_img": ".images",
    "audio_dataset_from_directory": ".audio_dataset",
    "clear_session": ".session",
    "custom_object_scope": "..core.custom_objects",
    "deserialize_keras_object": "..core.config",
    "disable_interactive_logging": ".messages",
    "enable_interactive_logging": ".messages",
    "get_custom_objects": "..core.custom_objects",
    "get_file": ".downloads",
    "get_registered_name": "..core.custom_objects",
    "get_registered_object": "..core.custom_objects",
    "get_source_inputs": ".graphs",
    "image_dataset_from_directory": ".image_dataset",
    "img_to_array": ".images",
    "is_interactive_logging_enabled": ".messages",
    "is_keras_tensor": ".graphs",
    "load_img": ".images",
    "model_to_dot": ".plotting",
    "normalize": ".numerical",
    "pack_x_y_sample_weight": "..data.samples",
    "pad_sequences": ".sequences",
    "plot_model": ".plotting",
    "register_keras_serializable": "..core.custom_objects",
    "save_img": ".images",
    "serialize_keras_object": "..core.catalogue",
    "set_random_seed": "..core.rng",
    "split_dataset": ".samples",
    "standardize_dtype": "..core.dtypes",
    "text_dataset_from_directory": ".text_dataset",
    "timeseries_dataset_from_array": ".timeseries",
    "to_categorical": ".numerical",
    "unpack_x_y_sample_weight": "..data.samples",
}

if TYPE_CHECKING:  # the same for type checkers and editors
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
    from ..core.dtypes import standardize_dtype as standardize_dtype
    from ..core.rng import set_random_seed as set_random_seed
    from ..data.samples import (
        pack_x_y_sample_weight as pack_x_y_sample_weight,
        unpack_x_y_sample_weight as unpack_x_y_sample_weight,
    )
    from . import bounding_boxes as bounding_boxes, legacy as legacy
    from .audio_dataset import audio_dataset_from_directory as audio_dataset_from_directory
    from .configuration import Config as Config
    from .downloads import get_file as get_file
    from .feature_space import FeatureSpace as FeatureSpace
    from .graphs import get_source_inputs as get_source_inputs, is_keras_tensor as is_keras_tensor
    from .image_dataset import image_dataset_from_directory as image_dataset_from_directory
    from .images import (
        array_to_img as array_to_img,
        img_to_array as img_to_array,
        load_img as load_img,
        save_img as save_img,
    )
    from .messages import (
        disable_interactive_logging as disable_interactive_logging,
        enable_interactive_logging as enable_interactive_logging,
        is_interactive_logging_enabled as is_interactive_logging_enabled,
    )
    from .numerical import normalize as normalize, to_categorical as to_categorical
    from .plotting import model_to_dot as model_to_dot, plot_model as plot_model
    from .progress import Progbar as Progbar
    from .py_dataset import PyDataset as PyDataset, Sequence as Sequence
    from .samples import split_dataset as split_dataset
    from .sequences import pad_sequences as pad_sequences
    from .session import clear_session as clear_session
    from .text_dataset import text_dataset_from_directory as text_dataset_from_directory
    from .timeseries import timeseries_dataset_from_array as timeseries_dataset_from_array
else:
    __getattr__, __dir__, __all__ = lazily(__name__, ("bounding_boxes", "legacy"), _NAMES)
