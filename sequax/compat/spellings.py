"""Tables of the public names and arguments of Keras 1 and 2 that Keras 3 no longer has; its modules: `places.py`.

Nothing here is looked at unless `compat.install()` was called. Targets are written `module:attribute`, relative to
`sequax`. A name without a text for today is served in silence, since Keras 3 has a name of that spelling.
"""

from __future__ import annotations

from typing import NamedTuple


class Name(NamedTuple):
    """An old name in a module: where it is found now, and what to write today."""

    target: str
    today: str | None


_UTILITIES = {
    "HDF5Matrix": "h5py.File(path)[name], which `fit` takes",
    "OrderedEnqueuer": "keras.utils.PyDataset",
    "GeneratorEnqueuer": "keras.utils.PyDataset",
    "SequenceEnqueuer": "keras.utils.PyDataset",
    "convert_all_kernels_in_model": "leave it out, unless the weights are Theano's",
    "convert_kernel": "np.flip over the spatial axes",
    "multi_gpu_model": "leave it out",
    "print_summary": "model.summary()",
    "to_ordinal": "a comparison with np.arange(classes - 1)",
    "count_params": "layer.count_params()",
    "normalize_tuple": "no function of Keras 3; copy it",
    "normalize_padding": "no function of Keras 3; copy it",
    "normalize_data_format": "no function of Keras 3; copy it",
    "conv_output_length": "layer.compute_output_shape(shape)",
    "conv_input_length": "no function of Keras 3; copy it",
    "deconv_length": "layer.compute_output_shape(shape)",
    "has_arg": "inspect.signature(function).parameters",
    "to_list": "x if isinstance(x, list) else [x]",
    "unpack_singleton": "x[0] if len(x) == 1 else x",
    "is_all_none": "all(one is None for one in x)",
    "slice_arrays": "[x[start:stop] for x in arrays]",
    "object_list_uid": "no function of Keras 3; copy it",
    "Reduction": 'the words "sum_over_batch_size", "sum" and "none"',
}
_OF_UTILITIES = {name: Name(f"compat.utilities:{name}", today) for name, today in _UTILITIES.items()}

_FILES = {
    "load_model": Name("compat.files:load_model", None),
    "save_model": Name("compat.files:save_model", None),
    "model_from_json": Name("compat.files:model_from_json", None),
}

_ENGINE = {
    "InputLayer": Name("layers:InputLayer", None),
    "Container": Name("model:Model", "keras.Model"),
    "Network": Name("model:Model", "keras.Model"),
    "Functional": Name("model:Model", "keras.Model"),
    "merge": Name("compat.layers:merge", "keras.layers.add, concatenate, multiply, ..."),
    "Node": Name("core.tensor:Node", "nothing"),
    "get_source_inputs": Name("utils:get_source_inputs", "keras.utils.get_source_inputs"),
    **_FILES,
    "model_from_config": Name("compat.utilities:model_from_config", "keras.Model.from_config"),
    "make_batches": Name("compat.utilities:make_batches", "no function of Keras 3; copy it"),
    "is_sequence": Name("compat.models:is_sequence", "isinstance(x, keras.utils.PyDataset)"),
    **{
        name: Name(f"compat.utilities:{name}", "model.load_weights and model.save_weights")
        for name in (
            *("load_weights_from_hdf5_group", "load_weights_from_hdf5_group_by_name"),
            "save_weights_to_hdf5_group",
        )
    },
}

_OLD_LAYERS = {
    "AbstractRNNCell": "a keras.layers.Layer with `state_size` and `call(inputs, states)`",
    "Highway": "two Dense layers and keras.ops",
    "LocallyConnected1D": "no layer of Keras 3; this one stays",
    "LocallyConnected2D": "no layer of Keras 3; this one stays",
    "MaxoutDense": "Dense, Reshape and keras.ops.max",
    "Merge": "keras.layers.Concatenate, Add, ... in a keras.Model(inputs, outputs)",
    "RandomHeight": "keras.layers.RandomZoom",
    "RandomWidth": "keras.layers.RandomZoom",
    "_Merge": "a keras.layers.Layer whose `call` takes a list",
}

_LAYERS = {
    **{name: Name(f"compat.old_layers:{name}", today) for name, today in _OLD_LAYERS.items()},
    "AtrousConv1D": Name("compat.layers:AtrousConvolution1D", "keras.layers.Conv1D(dilation_rate=...)"),
    "AtrousConv2D": Name("compat.layers:AtrousConvolution2D", "keras.layers.Conv2D(dilation_rate=...)"),
    "Deconv2D": Name("compat.layers:Deconvolution2D", "keras.layers.Conv2DTranspose"),
    "Deconv3D": Name("layers:Conv3DTranspose", "keras.layers.Conv3DTranspose"),
    "Deconvolution3D": Name("layers:Conv3DTranspose", "keras.layers.Conv3DTranspose"),
    "PreprocessingLayer": Name("layers:Layer", "keras.layers.Layer"),
    "Recurrent": Name("layers:RNN", "keras.layers.RNN"),
    "deserialize_keras_object": Name("saving:deserialize_keras_object", "keras.saving.deserialize_keras_object"),
    **{
        name: Name("compat.models:without_effect", "leave it out, it has no effect")
        for name in ("disable_v2_dtype_behavior", "enable_v2_dtype_behavior")
    },
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
    **{
        name.lower(): Name(f"optimizers:{name}", f"keras.optimizers.{name}")
        for name in ("SGD", "RMSprop", "Adagrad", "Adadelta", "Adam", "Adamax", "Nadam", "Ftrl")
    },
    "clip_norm": Name("compat.utilities:clip_norm", "clipnorm="),
    "optimizer_from_config": Name("optimizers:deserialize", "keras.optimizers.deserialize"),
    "OptimizerV2": Name("optimizers:Optimizer", "keras.optimizers.Optimizer"),
}

_LOSSES = {
    "kullback_leibler_divergence": Name("losses:kl_divergence", "keras.losses.kl_divergence"),
    "cosine_proximity": Name("losses:cosine_similarity", "keras.losses.cosine_similarity"),
    "cosine": Name("losses:cosine_similarity", "keras.losses.cosine_similarity"),
    "logcosh": Name("losses:log_cosh", "keras.losses.log_cosh"),
    "Reduction": _OF_UTILITIES["Reduction"],
    "huber_loss": Name("compat.utilities:huber_loss", "keras.losses.huber"),
    "is_categorical_crossentropy": Name("compat.utilities:is_categorical_crossentropy", "nothing"),
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

_NETWORKS = {
    f"keras.applications.{network}": {
        f"WEIGHTS_PATH{suffix}": Name(f"compat.applications:{network}_{part}", 'weights="imagenet"')
        for suffix, part in (("", "top"), ("_NO_TOP", "features"))
    }
    for network in ("inception_v3", "resnet50", "vgg16", "vgg19", "xception")
}

# By today's name of the module: an old module has the old names of the module whose names it has.
NAMES: dict[str, dict[str, Name]] = {
    "keras.layers": _LAYERS,
    "keras.engine": _ENGINE,
    "keras.experimental": {
        "PeepholeLSTMCell": Name("compat.old_layers:PeepholeLSTMCell", "no layer of Keras 3; this one stays"),
    },
    "keras.optimizers": _OPTIMIZERS,
    "keras.optimizer_v2": {"OptimizerV2": _OPTIMIZERS["OptimizerV2"]},  # there, `adam` is a module
    "keras.losses": _LOSSES,
    "keras.metrics": {
        **_LOSSES,
        "accuracy": Name("compat.utilities:accuracy", "keras.ops.equal"),
        "clone_metric": Name("compat.utilities:clone_metric", "type(metric).from_config(metric.get_config())"),
        "clone_metrics": Name("compat.utilities:clone_metrics", "type(metric).from_config(metric.get_config())"),
        "cosine_similarity": Name("losses:cosine_similarity", "keras.losses.cosine_similarity"),
    },
    "keras.initializers": _INITIALIZERS,
    "keras.constraints": _CONSTRAINTS,
    "keras.regularizers": _REGULARIZERS,
    "keras.saving": _FILES,
    "keras.models": {
        **_FILES,
        "Functional": Name("model:Functional", "keras.Model"),
        "Input": Name("layers:Input", "keras.Input"),
        "model_from_config": Name("compat.utilities:model_from_config", "keras.Model.from_config"),
        "model_from_yaml": Name("compat.utilities:model_from_yaml", "keras.models.model_from_json"),
    },
    "keras.mixed_precision": {
        "set_policy": Name("mixed_precision:set_global_policy", "keras.mixed_precision.set_global_policy"),
    },
    "keras.callbacks": {"BaseLogger": Name("callbacks:Callback", "leave it out, `fit` averages by itself")},
    "keras.backend": {
        "Variable": Name("core.variable:Variable", "keras.Variable"),
        "_BACKEND": Name("compat.backend:NAME", "keras.config.backend()"),
        "normalize_data_format": _OF_UTILITIES["normalize_data_format"],
        **{
            name: Name(f"compat.backend_state:{name}", today)
            for name, today in {
                "_get_available_gpus": "jax.devices()",
                "disable_tf_random_generator": "leave it out, it has no effect",
                "enable_tf_random_generator": "leave it out, it has no effect",
                "is_tf_random_generator_enabled": "leave it out, it has no effect",
            }.items()
        },
    },
    **_NETWORKS,
    "keras.applications.resnet50": {
        **_NETWORKS["keras.applications.resnet50"],
        "conv_block": Name("compat.applications:conv_block", "no function of Keras 3; copy it"),
        "identity_block": Name("compat.applications:identity_block", "no function of Keras 3; copy it"),
    },
    "keras.applications.mobilenet": {
        "relu6": Name("activations:relu6", "keras.activations.relu6"),
        "DepthwiseConv2D": Name("layers:DepthwiseConv2D", "keras.layers.DepthwiseConv2D"),
    },
    "keras.applications.imagenet_utils": {
        "_obtain_input_shape": Name("compat.applications:obtain_input_shape", "no function of Keras 3; copy it"),
    },
    "keras.utils": {
        **_OF_UTILITIES,
        "plot": Name("compat.utilities:plot_model", "keras.utils.plot_model"),
        "plot_model": Name("compat.utilities:plot_model", None),
        "image_dataset_from_directory": Name("compat.utilities:image_dataset_from_directory", None),
        "probas_to_classes": Name("compat.models:probas_to_classes", "np.argmax(probabilities, axis=-1)"),
    },
    "keras.preprocessing": {
        "image_dataset_from_directory": Name("compat.utilities:image_dataset_from_directory", None),
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
    "output_mode": {"tf-idf": "tf_idf", "binary": "multi_hot"},
    "padding": {"SAME": "same", "VALID": "valid"},
}

# Names of losses and metrics in `compile`.
IN_COMPILE = {
    name: spelling.target.partition(":")[2] for name, spelling in _LOSSES.items() if spelling.target[:7] == "losses:"
} | {"huber_loss": "huber"}

# Names in logs: an old script may read one where the logs have the other.
LOGS = {
    "acc": "accuracy",
    "accuracy": "acc",
    "learning_rate": "lr",
    "lr": "learning_rate",
    "mae": "mean_absolute_error",
    "mape": "mean_absolute_percentage_error",
    "mean_absolute_error": "mae",
    "mean_absolute_percentage_error": "mape",
    "mean_squared_error": "mse",
    "mse": "mean_squared_error",
}
