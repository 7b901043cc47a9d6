"""Helpers around models: data, files, seeds, sessions, progress, drawings, custom objects."""

from __future__ import annotations

from .._lazy import lazily

_NAMES = {
    "Config": ".configuration",
    "CustomObjectScope": "..core.registry",
    "FeatureSpace": ".feature_space",
    "Progbar": ".progress",
    "PyDataset": ".py_dataset",
    "Sequence": ".py_dataset:PyDataset",
    "array_to_img": ".images",
    "audio_dataset_from_directory": ".audio_dataset",
    "clear_session": ".session",
    "custom_object_scope": "..core.registry",
    "deserialize_keras_object": "..core.registry:deserialize",
    "disable_interactive_logging": ".messages",
    "enable_interactive_logging": ".messages",
    "get_custom_objects": "..core.registry",
    "get_file": ".downloads",
    "get_registered_name": "..core.registry",
    "get_registered_object": "..core.registry",
    "get_source_inputs": ".graphs",
    "image_dataset_from_directory": ".image_dataset",
    "img_to_array": ".images",
    "is_interactive_logging_enabled": ".messages",
    "is_keras_tensor": ".graphs",
    "load_img": ".images",
    "model_to_dot": ".plotting",
    "normalize": ".numerical",
    "pack_x_y_sample_weight": ".samples",
    "pad_sequences": ".sequences",
    "plot_model": ".plotting",
    "register_keras_serializable": "..core.registry",
    "save_img": ".images",
    "serialize_keras_object": "..core.registry:serialize",
    "set_random_seed": "..core.rng",
    "split_dataset": ".samples",
    "standardize_dtype": "..core.dtypes:standardize",
    "text_dataset_from_directory": ".text_dataset",
    "timeseries_dataset_from_array": ".timeseries",
    "to_categorical": ".numerical",
    "unpack_x_y_sample_weight": ".samples",
}

__getattr__, __dir__, __all__ = lazily(__name__, ("bounding_boxes", "legacy", "progress", "summary"), _NAMES)
