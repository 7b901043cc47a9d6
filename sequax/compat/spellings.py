"""Tables of the module names, public names and arguments of Keras 1 and 2 that Keras 3 no longer has.

Nothing here is looked at unless `compat.install()` was called. Targets are written `module:attribute`, relative to
`sequax`. A name without a text for today is served in silence, since Keras 3 has a name of that spelling.
"""

from __future__ import annotations

from typing import NamedTuple


class Module(NamedTuple):
    """An old module: the module of ours whose names it has (None: only a place for others), and today's name."""

    source: str | None
    today: str | None


class Name(NamedTuple):
    """An old name in a module: where it is found now, and what to write today."""

    target: str
    today: str | None


def _all_of(package: str, children: str, source: str, today: str) -> dict[str, Module]:
    return {f"{package}.{child}": Module(source, today) for child in children.split()}


_LAYER_MODULES = (
    "core convolutional recurrent normalization embeddings advanced_activations pooling merge wrappers noise local"
    " convolutional_recurrent cudnn_recurrent rnn reshaping regularization attention experimental.preprocessing"
    " preprocessing core.dense core.activation normalization.batch_normalization normalization.layer_normalization"
)
_ENGINE_MODULES = "topology training base_layer input_layer sequential network input_spec functional keras_tensor"
_UTIL_MODULES = (
    "np_utils vis_utils generic_utils data_utils layer_utils io_utils training_utils visualize_util image_utils"
    " object_registration"
)
_OPTIMIZER_MODULES = (
    "legacy experimental adam adam_v2 gradient_descent gradient_descent_v2 rmsprop rmsprop_v2 adagrad adadelta adamax"
    " nadam optimizer_v2 learning_rate_schedule"
)

MODULES: dict[str, Module] = {
    **_all_of("keras.layers", _LAYER_MODULES, "layers", "keras.layers"),
    "keras.layers.experimental": Module("layers", None),
    **_all_of("keras.utils", _UTIL_MODULES, "utils", "keras.utils"),
    **_all_of("keras.optimizers", _OPTIMIZER_MODULES, "optimizers", "keras.optimizers"),
    "keras.engine": Module("", "keras"),
    **_all_of("keras.engine", _ENGINE_MODULES, "", "keras"),
    "keras.objectives": Module("losses", "keras.losses"),
    "keras.initializations": Module("initializers", "keras.initializers"),
    "keras.backend.tensorflow_backend": Module("backend", "keras.backend"),
    "keras.backend.common": Module("backend", "keras.backend"),
    "keras.backend_config": Module("backend", "keras.config"),
    "keras.preprocessing.text": Module("compat.tokenizer", "keras.layers.TextVectorization"),
    "keras.wrappers": Module(None, None),
    "keras.wrappers.scikit_learn": Module(
        "compat.scikit_learn", "keras.wrappers.SKLearnClassifier and SKLearnRegressor, or the package `scikeras`"
    ),
}

_ENGINE = {
    "InputLayer": Name("layers:InputLayer", None),
    "Container": Name("model:Model", "keras.Model"),
    "Network": Name("model:Model", "keras.Model"),
    "Functional": Name("model:Model", "keras.Model"),
    "merge": Name("compat.layers:merge", "keras.layers.add, concatenate, multiply, ..."),
}

_LAYERS = {
    # Keras 3 has these names, too, but their second number means strides there.
    "Convolution1D": Name("compat.layers:Convolution1D", None),
    "Convolution2D": Name("compat.layers:Convolution2D", None),
    "Convolution3D": Name("compat.layers:Convolution3D", None),
    "AtrousConvolution1D": Name("compat.layers:AtrousConvolution1D", "keras.layers.Conv1D(dilation_rate=...)"),
    "AtrousConvolution2D": Name("compat.layers:AtrousConvolution2D", "keras.layers.Conv2D(dilation_rate=...)"),
    "Deconvolution2D": Name("compat.layers:Deconvolution2D", "keras.layers.Conv2DTranspose"),
    "TimeDistributedDense": Name("compat.layers:TimeDistributedDense", "keras.layers.TimeDistributed(Dense(...))"),
    "ThresholdedReLU": Name("compat.layers:ThresholdedReLU", "keras.layers.ReLU(threshold=...)"),
    "CuDNNLSTM": Name("layers:LSTM", "keras.layers.LSTM"),
    "CuDNNGRU": Name("layers:GRU", "keras.layers.GRU"),
    "SyncBatchNormalization": Name("layers:BatchNormalization", "keras.layers.BatchNormalization(synchronized=True)"),
}

_OPTIMIZERS = {
    name.lower(): Name(f"optimizers:{name}", f"keras.optimizers.{name}")
    for name in ("SGD", "RMSprop", "Adagrad", "Adadelta", "Adam", "Adamax", "Nadam", "Ftrl")
}

_LOSSES = {
    "kullback_leibler_divergence": Name("losses:kl_divergence", "keras.losses.kl_divergence"),
    "cosine_proximity": Name("losses:cosine_similarity", "keras.losses.cosine_similarity"),
    "cosine": Name("losses:cosine_similarity", "keras.losses.cosine_similarity"),
    "logcosh": Name("losses:log_cosh", "keras.losses.log_cosh"),
}

_INITIALIZERS = {
    "normal": Name("initializers:RandomNormal", "keras.initializers.RandomNormal"),
    "uniform": Name("initializers:RandomUniform", "keras.initializers.RandomUniform"),
    "zero": Name("initializers:Zeros", "keras.initializers.Zeros"),
    "one": Name("initializers:Ones", "keras.initializers.Ones"),
}

_CONSTRAINTS = {
    "maxnorm": Name("constraints:MaxNorm", "keras.constraints.MaxNorm"),
    "nonneg": Name("constraints:NonNeg", "keras.constraints.NonNeg"),
    "unitnorm": Name("constraints:UnitNorm", "keras.constraints.UnitNorm"),
}

_REGULARIZERS = {
    "l1l2": Name("regularizers:L1L2", "keras.regularizers.L1L2"),
    "WeightRegularizer": Name("regularizers:L1L2", "keras.regularizers.L1L2"),
    "activity_l1": Name("regularizers:L1", "keras.regularizers.L1"),
    "activity_l2": Name("regularizers:L2", "keras.regularizers.L2"),
    "activity_l1l2": Name("regularizers:L1L2", "keras.regularizers.L1L2"),
}

_IMAGES = "keras.utils.image_dataset_from_directory, and layers such as RandomFlip and RandomRotation"

# By today's name of the module: an old module has the old names of the module whose names it has.
NAMES: dict[str, dict[str, Name]] = {
    "keras.layers": _LAYERS,
    "keras.engine": _ENGINE,
    "keras.optimizers": _OPTIMIZERS,
    "keras.losses": _LOSSES,
    "keras.metrics": _LOSSES,
    "keras.initializers": _INITIALIZERS,
    "keras.constraints": _CONSTRAINTS,
    "keras.regularizers": _REGULARIZERS,
    "keras.models": {
        "Functional": Name("model:Model", "keras.Model"),
        "Input": Name("layers:Input", "keras.Input"),
    },
    "keras.utils": {
        "plot": Name("utils:plot_model", "keras.utils.plot_model"),
        "probas_to_classes": Name("compat.models:probas_to_classes", "np.argmax(probabilities, axis=-1)"),
    },
    "keras.preprocessing.sequence": {
        "TimeseriesGenerator": Name(
            "compat.sequences:TimeseriesGenerator", "keras.utils.timeseries_dataset_from_array"
        ),
        "make_sampling_table": Name("compat.sequences:make_sampling_table", "no function of Keras 3; copy it"),
        "skipgrams": Name("compat.sequences:skipgrams", "no function of Keras 3; copy it"),
    },
    "keras.preprocessing.image": {
        "ImageDataGenerator": Name("compat.image_generator:ImageDataGenerator", _IMAGES),
        **{name: Name(f"compat.image_files:{name}", _IMAGES) for name in ("DirectoryIterator", "DataFrameIterator")},
        **{name: Name(f"compat.image_batches:{name}", _IMAGES) for name in ("Iterator", "NumpyArrayIterator")},
        **{
            name: Name(f"compat.image_transforms:{name}", _IMAGES)
            for name in (
                *("apply_affine_transform", "apply_brightness_shift", "apply_channel_shift", "flip_axis"),
                *("random_brightness", "random_channel_shift", "random_rotation", "random_shear", "random_shift"),
                "random_zoom",
            )
        },
    },
}

# Keras 1 had one name for what is several today: the first that the class knows is meant.
ARGUMENTS: dict[str, tuple[str, ...]] = {
    "W_constraint": ("kernel_constraint", "embeddings_constraint", "depthwise_constraint"),
    "W_regularizer": ("kernel_regularizer", "embeddings_regularizer", "depthwise_regularizer"),
    "U_constraint": ("recurrent_constraint",),
    "U_regularizer": ("recurrent_regularizer",),
    "alpha": ("negative_slope",),
    "atrous_rate": ("dilation_rate",),
    "b_constraint": ("bias_constraint",),
    "b_regularizer": ("bias_regularizer",),
    "beta_init": ("beta_initializer",),
    "bias": ("use_bias",),
    "border_mode": ("padding",),
    "concat_axis": ("axis",),
    "dim_ordering": ("data_format",),
    "dims": ("target_shape",),
    "dot_axes": ("axes",),
    "dropout_U": ("recurrent_dropout",),
    "dropout_W": ("dropout",),
    "filter_length": ("kernel_size",),
    "gamma_init": ("gamma_initializer",),
    "init": ("kernel_initializer", "embeddings_initializer", "depthwise_initializer", "alpha_initializer"),
    "inner_activation": ("recurrent_activation",),
    "inner_init": ("recurrent_initializer",),
    "length": ("size",),
    "nb_filter": ("filters",),
    "output_dim": ("units",),
    "p": ("rate",),
    "pool_length": ("pool_size",),
    "sigma": ("stddev",),
    "stride": ("strides",),
    "subsample": ("strides",),
    "subsample_length": ("strides",),
}

# Several old arguments that became one.
JOINED: dict[tuple[str, ...], str] = {
    ("nb_row", "nb_col"): "kernel_size",
    ("kernel_dim1", "kernel_dim2", "kernel_dim3"): "kernel_size",
}

# Choices between implementations that gave the same numbers.
WITHOUT_EFFECT = ("consume_less", "implementation", "fused", "virtual_batch_size", "dynamic")

# Values of arguments, old -> today.
VALUES: dict[str, dict[str, str | None]] = {
    "data_format": {"tf": "channels_last", "th": "channels_first", "default": None},
    "padding": {"SAME": "same", "VALID": "valid"},
}

# Names of losses and metrics in `compile`.
IN_COMPILE = {name: spelling.target.partition(":")[2] for name, spelling in _LOSSES.items()}

# Names in logs: an old script may read one where the logs have the other.
LOGS = {
    "acc": "accuracy",
    "accuracy": "acc",
    "lr": "learning_rate",
    "mae": "mean_absolute_error",
    "mape": "mean_absolute_percentage_error",
    "mean_absolute_error": "mae",
    "mean_absolute_percentage_error": "mape",
    "mean_squared_error": "mse",
    "mse": "mean_squared_error",
}
