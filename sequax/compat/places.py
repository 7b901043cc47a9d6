"""Where the modules of Keras 1 and 2 are found today.

Nothing here is looked at unless `compat.install()` was called.
"""

from __future__ import annotations

from typing import NamedTuple


class Module(NamedTuple):
    """An old module: the module of ours whose names it has (None: only a place for others), and today's name."""

    source: str | None
    today: str | None


def _all_of(package: str, children: str, source: str, today: str) -> dict[str, Module]:
    return {f"{package}.{child}": Module(source, today) for child in children.split()}


_LAYER_MODULES = (
    "core convolutional recurrent recurrent_v2 normalization normalization_v2 embeddings advanced_activations pooling"
    " merge merging wrappers noise local locally_connected convolutional_recurrent cudnn_recurrent rnn reshaping"
    " regularization attention activation experimental.preprocessing preprocessing dense_attention serialization"
    " preprocessing.image_preprocessing kernelized einsum_dense"
)
_ENGINE_MODULES = (
    "topology training training_v1 base_layer base_layer_v1 input_layer sequential network input_spec functional node"
    " keras_tensor saving training_utils training_arrays training_generator data_adapter compile_utils container"
)
_UTIL_MODULES = (
    "np_utils vis_utils generic_utils data_utils layer_utils io_utils training_utils visualize_util image_utils"
    " object_registration conv_utils losses_utils metrics_utils test_utils multi_gpu_utils tf_utils tf_inspect"
    " theano_utils audio_dataset image_dataset text_dataset timeseries_dataset dataset_utils control_flow_util"
    " numerical_utils sidecar_evaluator py_dataset"
)
_OPTIMIZER_MODULES = (
    "legacy experimental adam adam_v2 adamw gradient_descent gradient_descent_v2 rmsprop rmsprop_v2 adagrad"
    " adagrad_v2 adadelta adadelta_v2 adamax adamax_v2 nadam nadam_v2 ftrl ftrl_v2 sgd optimizer optimizer_v1"
    " optimizer_v2 optimizer_experimental lion adafactor"
)

_NETWORKS = ("inception_v3", "mobilenet", "mobilenet_v2", "resnet50", "vgg16", "vgg19", "xception")

MODULES: dict[str, Module] = {
    **_all_of("keras.layers", _LAYER_MODULES, "layers", "keras.layers"),
    "keras.layers.experimental": Module("layers", None),
    **_all_of("keras.utils", _UTIL_MODULES, "utils", "keras.utils"),
    **_all_of("keras.optimizers", _OPTIMIZER_MODULES, "optimizers", "keras.optimizers"),
    "keras.optimizers.schedules.learning_rate_schedule": Module("optimizers.schedules", "keras.optimizers.schedules"),
    "keras.optimizers.learning_rate_schedule": Module("optimizers.schedules", "keras.optimizers.schedules"),
    **_all_of("keras", "optimizer_v1 optimizer_v2", "optimizers", "keras.optimizers"),
    **_all_of("keras.optimizer_v2", _OPTIMIZER_MODULES, "optimizers", "keras.optimizers"),
    **_all_of("keras.optimizers.optimizer_v2", _OPTIMIZER_MODULES, "optimizers", "keras.optimizers"),
    "keras.optimizer_v2.learning_rate_schedule": Module("optimizers.schedules", "keras.optimizers.schedules"),
    "keras.engine": Module("", "keras"),
    **_all_of("keras.engine", _ENGINE_MODULES, "", "keras"),
    "keras.objectives": Module("losses", "keras.losses"),
    "keras.initializations": Module("initializers", "keras.initializers"),
    "keras.backend.tensorflow_backend": Module("backend", "keras.backend"),
    **_all_of("keras.backend", "theano_backend cntk_backend numpy_backend load_backend", "backend", "keras.backend"),
    "keras.backend.common": Module("backend", "keras.backend"),
    "keras.backend.experimental": Module("backend", None),
    **_all_of(
        "keras.callbacks", "callbacks experimental tensorboard_v1 tensorboard_v2", "callbacks", "keras.callbacks"
    ),
    "keras.callbacks_v1": Module("callbacks", "keras.callbacks"),
    **_all_of("keras.metrics", "metrics base_metric experimental", "metrics", "keras.metrics"),
    **_all_of("keras.losses", "losses", "losses", "keras.losses"),
    **_all_of("keras.models", "experimental cloning sharpness_aware_minimization", "models", "keras.models"),
    **_all_of(
        "keras.initializers", "initializers initializers_v1 initializers_v2", "initializers", "keras.initializers"
    ),
    **_all_of("keras.datasets", "cifar", "datasets", "keras.datasets"),
    **_all_of(
        "keras.saving",
        "save saving_lib model_config hdf5_format serialization_lib object_registration saved_model legacy legacy.save"
        " legacy.hdf5_format legacy.serialization legacy.model_config pickle_utils",
        "saving",
        "keras.saving",
    ),
    "keras.applications.mobilenetv2": Module("applications.mobilenet_v2", "keras.applications.mobilenet_v2"),
    **{f"keras.applications.{name}.{name}": Module(f"applications.{name}", None) for name in _NETWORKS},
    "keras.mixed_precision.experimental": Module("mixed_precision", "keras.mixed_precision"),
    "keras.distribute": Module(None, None),
    "keras.experimental": Module("optimizers.schedules", "keras.optimizers.schedules"),
    "keras.legacy": Module(None, None),
    "keras.legacy.layers": Module("layers", "keras.layers"),
    "keras.legacy.models": Module("models", "keras.models"),
    "keras.legacy.interfaces": Module("compat.old_optimizers", None),
    "keras.premade": Module("models", None),
    "keras.preprocessing.image.image": Module("preprocessing.image", None),
    "keras.preprocessing.sequence.sequence": Module("preprocessing.sequence", None),
    "keras.preprocessing.text.text": Module("compat.tokenizer", None),
    "keras.utils.experimental": Module("utils", None),
    "keras.backend_config": Module("backend", "keras.config"),
    "keras.preprocessing.text": Module("compat.tokenizer", "keras.layers.TextVectorization"),
    "keras.wrappers.scikit_learn": Module(
        "compat.scikit_learn",
        "keras.wrappers.SKLearnClassifier(model=function, model_kwargs=...), SKLearnRegressor, or the package scikeras",
    ),
}

# Places in which all of another package stands once more.
ALIASES = {
    "keras.api._v2.keras": "keras",
    "keras.api._v1.keras": "keras",
    "keras.api._v2": "keras",
    "keras.api._v1": "keras",
    "keras.api": "keras",
    "keras._tf_keras.keras": "keras",
    "keras._tf_keras": "keras",
    "keras_preprocessing": "keras.preprocessing",
    "keras.operations": "keras.ops",  # so keras_core had it at first
    "keras_core": "keras",  # the preview of Keras 3
    "tf_keras": "keras",  # Keras 2, once there was Keras 3
    "keras.tf": "tensorflow",
    "keras.backend.tf": "tensorflow",
    "keras.backend.tensorflow_backend.tf": "tensorflow",
}
