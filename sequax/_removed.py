"""Names of older versions of Keras, and what to write today. Errors say it; `sequax run` serves many of them.

The names do not exist: `hasattr` is False, imports fail. This imports nothing, so that every module may ask it.
"""

from __future__ import annotations

import re
import warnings
from typing import Any, NoReturn, TypeVar

T = TypeVar("T")

_GENERATORS = "takes generators, too"
_GRAPH = "there are no graphs and sessions any more"
_IMAGES = "`utils.image_dataset_from_directory`, with layers such as `RandomFlip`"

# Methods and attributes of models and layers.
ATTRIBUTES: dict[str, str] = {
    "predict_classes": "`np.argmax(model.predict(x), axis=-1)`, or `model.predict(x) > 0.5` for one output",
    "predict_proba": "`model.predict(x)`",
    "fit_generator": f"`model.fit(generator)`: it {_GENERATORS}",
    "evaluate_generator": f"`model.evaluate(generator)`: it {_GENERATORS}",
    "predict_generator": f"`model.predict(generator)`: it {_GENERATORS}",
    "to_yaml": "`model.to_json()`",
    "total_loss": "`model.compute_loss(x, y, y_pred)`",
    "uses_learning_phase": "the argument `training` of `call`",
    "metrics_tensors": "`model.metrics`",
    "state_updates": "`model.non_trainable_variables`; assign them in `call`",
    "add_update": "assign variables in `call`",
    "get_input_at": "`layer.input`",
    "get_output_at": "`layer.output`",
    "get_input_shape_at": "`layer.input.shape`",
    "get_output_shape_at": "`layer.output.shape`",
    "inbound_nodes": "`model.operations` of a graph, or `layer.input` and `layer.output`",
    "outbound_nodes": "`model.operations` of a graph, or `layer.input` and `layer.output`",
}

# Public names by path below the package.
NAMES: dict[str, str] = {
    "utils.np_utils": "`utils.to_categorical` stands in `utils` itself",
    "utils.generic_utils": "`utils` has `get_custom_objects`, `Progbar` and the others itself",
    "utils.vis_utils": "`utils.plot_model`",
    "utils.data_utils": "`utils.get_file`, `utils.Sequence`",
    "utils.layer_utils": "`model.summary()`",
    "utils.multi_gpu_model": "`fit(devices=4)`, which shares each batch out among the devices",
    "utils.print_summary": "`model.summary()`",
    "utils.convert_all_kernels_in_model": "kernels of Theano are not converted",
    "layers.CuDNNLSTM": "`layers.LSTM`",
    "layers.CuDNNGRU": "`layers.GRU`",
    "layers.Merge": "`layers.Concatenate`, `layers.Add` and their kin",
    "layers.merge": "`layers.concatenate`, `layers.add` and their kin",
    "layers.Highway": "a `Layer` of your own",
    "layers.MaxoutDense": "`layers.Dense`, `layers.Reshape` and `ops.max` in a `Lambda`",
    "layers.LocallyConnected1D": "no layer of Keras 3; `layers.Conv1D` shares its kernel",
    "layers.LocallyConnected2D": "no layer of Keras 3; `layers.Conv2D` shares its kernel",
    "layers.DenseFeatures": "`utils.FeatureSpace`",
    "layers.ThresholdedReLU": "`layers.ReLU(threshold=...)`",
    "layers.TimeDistributedDense": "`layers.TimeDistributed(layers.Dense(...))`",
    "layers.SyncBatchNormalization": "`layers.BatchNormalization(synchronized=True)`",
    "layers.experimental": "its layers stand in `layers` itself",
    "layers.Deconvolution2D": "`layers.Conv2DTranspose`",
    "layers.AtrousConvolution2D": "`layers.Conv2D(dilation_rate=...)`",
    "preprocessing.text": "`layers.TextVectorization`",
    "preprocessing.image.ImageDataGenerator": _IMAGES,
    "preprocessing.sequence.TimeseriesGenerator": "`utils.timeseries_dataset_from_array`",
    "losses.cosine_proximity": "`losses.cosine_similarity`",
    "losses.kullback_leibler_divergence": "`losses.kl_divergence`",
    "losses.logcosh": "`losses.log_cosh`",
    "metrics.cosine_proximity": "`metrics.CosineSimilarity`",
    "initializers.normal": "`initializers.RandomNormal`",
    "initializers.uniform": "`initializers.RandomUniform`",
    "initializers.lecun": "`initializers.LecunNormal` or `LecunUniform`",
    "constraints.maxnorm": "`constraints.MaxNorm`",
    "constraints.nonneg": "`constraints.NonNeg`",
    "constraints.unitnorm": "`constraints.UnitNorm`",
    "regularizers.l1l2": "`regularizers.L1L2`",
    "regularizers.activity_l1": "`regularizers.L1`",
    "regularizers.activity_l2": "`regularizers.L2`",
    "regularizers.WeightRegularizer": "`regularizers.L1L2`",
    "optimizers.experimental": "its optimizers stand in `optimizers` itself",
    "callbacks.experimental": "its callbacks stand in `callbacks` itself",
    "models.Graph": "`Model(inputs, outputs)`",
    "models.model_from_yaml": "`models.model_from_json`",
    "models.model_from_config": "`Sequential.from_config`",
    "backend.get_session": f"{_GRAPH}: leave it out",
    "backend.set_session": f"{_GRAPH}: leave it out",
    "backend.placeholder": "`Input`",
    "backend.function": "`Model(inputs, outputs)`, or a function under `jax.jit`",
    "backend.gradients": "`jax.grad`",
    "backend.learning_phase": "the argument `training` of `call`",
    "backend.set_learning_phase": "the argument `training` of `call`",
    "engine": "its names stand in the package itself, `layers` and `models`",
    "objectives": "`losses`",
    "initializations": "`initializers`",
    "estimator": "`model.fit` takes arrays, data frames and generators",
    "tf": "no TensorFlow is behind this; `ops` has the functions, and `jax.numpy` works everywhere",
}

# Keyword arguments of models, layers and callbacks.
ARGUMENTS: dict[str, str] = {
    "nb_epoch": "`epochs`",
    "show_accuracy": '`metrics=["accuracy"]` of `compile`',
    "samples_per_epoch": "`steps_per_epoch`, in batches",
    "nb_val_samples": "`validation_steps`, in batches",
    "val_samples": "`steps`, in batches",
    "workers": "an argument of `utils.PyDataset`",
    "use_multiprocessing": "an argument of `utils.PyDataset`",
    "max_queue_size": "an argument of `utils.PyDataset`",
    "class_mode": "leave it out",
    "sample_weight_mode": "leave it out: weights may have one number per step",
    "period": "`save_freq`",
    "border_mode": "`padding`",
    "subsample": "`strides`",
    "dim_ordering": "`data_format`",
    "nb_filter": "`filters`",
    "nb_row": "`kernel_size`",
    "nb_col": "`kernel_size`",
    "filter_length": "`kernel_size`",
    "pool_length": "`pool_size`",
    "output_dim": "`units`",
    "init": "`kernel_initializer`",
    "inner_init": "`recurrent_initializer`",
    "inner_activation": "`recurrent_activation`",
    "W_regularizer": "`kernel_regularizer`",
    "b_regularizer": "`bias_regularizer`",
    "W_constraint": "`kernel_constraint`",
    "dropout_W": "`dropout`",
    "dropout_U": "`recurrent_dropout`",
    "bias": "`use_bias`",
    "input_length": "leave it out, or begin the model with `Input`",
    "atrous_rate": "`dilation_rate`",
}


NAME_FIRST = "the name of a weight is passed by keyword: add_weight(shape=..., name={!r})."


class Removed:
    """An attribute that says what stands for it today. It is not there: `hasattr` is False, and it may be set."""

    name: str
    today: str

    def __init__(self, name: str, today: str):
        self.name, self.today = name, today

    def __get__(self, instance: object, owner: type) -> NoReturn:
        gone = f"{owner.__name__!r} object has no attribute {self.name!r}, which is of an older Keras."
        raise AttributeError(f"{gone} Today: {self.today}.")


class RemovedSetting(Removed):
    """One that scripts also set, to no effect: that is warned of. Classes of users may have one of that name."""

    def __get__(self, instance: object, owner: type) -> Any:
        if instance is None or self.name not in vars(instance):
            super().__get__(instance, owner)
        return vars(instance)[self.name]

    def __set__(self, instance: object, value: object) -> None:
        vars(instance)[self.name] = value
        if type(instance).__module__.startswith("sequax."):
            warnings.warn(
                f"Setting {self.name!r} of {type(instance).__name__} has no effect: the name is of an older Keras."
                f" Today: {self.today}.",
                stacklevel=2,
            )


def mark(cls: type[T]) -> type[T]:
    """Decorator: a class says what stands for the attributes that models and layers had once."""
    for name, today in ATTRIBUTES.items():
        setattr(cls, name, Removed(name, today))
    return cls


def of_name(path: str) -> str | None:
    """What stands for a public name such as `layers.CuDNNLSTM` today; None for any other name."""
    parts = path.split(".")
    found = (NAMES.get(".".join(parts[:count])) for count in range(len(parts), 0, -1))
    return next(filter(None, found), None)


def of_argument(name: object) -> str:
    """A sentence on a keyword argument, empty for any other one."""
    today = ARGUMENTS.get(name) if isinstance(name, str) else None
    return "" if today is None else f" `{name}` is of an older Keras; today: {today}."


def advise(error: BaseException) -> None:
    """Add today's spelling to Python's own error on arguments."""
    if not isinstance(error, TypeError):
        return
    found = re.search(r"unexpected keyword argument '(\w+)'", str(error))
    note = of_argument(found[1]).strip() if found else ""
    if "add_weight() got multiple values for argument 'shape'" in str(error):
        note = NAME_FIRST.format("kernel")
    if note and note not in getattr(error, "__notes__", ()):
        error.add_note(note)
