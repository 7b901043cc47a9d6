"""Old names that cannot do here what they did: they can be imported, and say why when they are used.

A script often imports more than it calls. So the error comes where the script would have gone wrong, and tells what to
do instead.
"""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any, NoReturn

from .. import _absent
from .._version import __version__

_INTERNAL = "it is an internal matter of Keras 2"
_GRAPHS = "it works on TensorFlow 1's graphs and sessions. Leave it out"
_COLUMNS = (
    "it takes feature columns, which are TensorFlow's. Use `keras.utils.FeatureSpace`, or the layers `Normalization`,"
    " `Discretization`, `StringLookup` and `CategoryEncoding` on one `Input` per column"
)
_DTENSOR = "DTensor is a part of TensorFlow. Models of one machine need nothing in its place"
_THEANO = "it is a part of the backend Theano. Write it with `keras.ops`"
_PROCESSES = "it runs beside a training under a strategy of TensorFlow. Evaluate by `validation_data=`"

# By path below `keras`; a module speaks for all that is in it.
OUT_OF_REACH: dict[str, str] = {
    "__internal__": _INTERNAL,
    "backend.numpy_backend": _INTERNAL,
    "backend.tensorflow_backend": _INTERNAL,
    "backend.cntk_backend": "CNTK is no more. Write it with `keras.ops`",
    "backend.control_flow_ops": "it is TensorFlow's. Use `keras.ops.while_loop` and `keras.ops.cond`",
    "backend.ctc_label_dense_to_sparse": "there are no sparse tensors. `keras.ops.ctc_loss` takes dense labels",
    "backend.theano_backend": _THEANO,
    "callbacks.SidecarEvaluatorModelExport": _PROCESSES,
    "callbacks.experimental.UpdateEmbeddingCallback": "it belongs to `DynamicEmbedding`, which is out of reach",
    "callbacks.WandbCallback": "it is in the package wandb: `from wandb.integration.keras import WandbMetricsLogger`",
    "constraints.RadialConstraint": "write it as a `Constraint` of your own",
    "constraints.radial_constraint": "write it as a `Constraint` of your own",
    "distribute": _DTENSOR,
    "datasets.cifar": "use `keras.datasets.cifar10.load_data()`",
    "dtensor": _DTENSOR,
    "estimator": "estimators are a part of TensorFlow that is no more. Train by `fit`",
    "experimental.LinearModel": "use a `Sequential` of one `Dense` layer",
    "experimental.SequenceFeatures": _COLUMNS,
    "experimental.SidecarEvaluator": _PROCESSES,
    "experimental.WideDeepModel": "add the outputs of the two parts in a `Model(inputs, outputs)`",
    "engine.compile_utils": _INTERNAL,
    "engine.data_adapter": _INTERNAL,
    "engine.saving": _INTERNAL,
    "engine.training_arrays": _INTERNAL,
    "engine.training_generator": _INTERNAL,
    "engine.training_utils": _INTERNAL,
    "layers.ConvLSTM2DCell": "use `keras.layers.ConvLSTM2D`",
    "layers.ConvRecurrent2D": "use `keras.layers.ConvLSTM2D`, or `keras.layers.RNN` over a cell of your own",
    "layers.DenseFeatures": _COLUMNS,
    "layers.SequenceFeatures": _COLUMNS,
    "layers.experimental.DynamicEmbedding": "its table grows in training. Use `StringLookup` and `Embedding`",
    "layers.experimental.DynamicLookup": "its table grows in training. Use `StringLookup`, adapted to the data",
    "layers.convolutional_recurrent": "use `keras.layers.ConvLSTM2D`",
    "layers.experimental.RandomFourierFeatures": "write it as a `Layer` with a kernel that is not trained",
    "legacy": _INTERNAL,
    "legacy_tf_layers": _INTERNAL,
    "metrics.BaseMeanIoU": "subclass `keras.metrics.MeanIoU`",
    "metrics.MeanRelativeError": "write it as a function of `y_true` and `y_pred`",
    "metrics.MeanTensor": "use `keras.metrics.Mean` of each entry, or a `Metric` with a weight of that shape",
    "metrics.Reduce": "subclass `keras.metrics.Metric`",
    "metrics.SensitivitySpecificityBase": "subclass `keras.metrics.Metric`",
    "metrics.experimental.PyMetric": "use `run_eagerly=True` and a `Metric` that calls NumPy",
    "models.LinearModel": "use a `Sequential` of one `Dense` layer",
    "models.WideDeepModel": "add the outputs of the two parts in a `Model(inputs, outputs)`",
    "models.experimental.SharpnessAwareMinimization": "write it as a `train_step` of a subclass of `Model`",
    "ops.GradientTape": "Keras 3 has no such name. Use `tensorflow.GradientTape`, or `jax.grad`",
    "ops.value_and_grad": "Keras 3 has no such name. Use `jax.value_and_grad`",
    "optimizers.TFOptimizer": "it wraps an optimizer of TensorFlow 1. Use one of `keras.optimizers`",
    "utils.DeterministicRandomTestTool": _GRAPHS,
    "utils.H5Dict": "use `h5py` itself",
    "utils.SidecarEvaluator": _PROCESSES,
    "utils.StepsPerExecutionTuner": "leave it out: how many batches a call runs is chosen by itself",
    "utils.TimedThread": "use `threading.Thread`",
    "utils.experimental.DatasetCreator": "pass a generator, a `PyDataset` or a `tf.data.Dataset` to `fit`",
    "utils.get_or_create_layer": _GRAPHS,
    "utils.tf_dataset": "Keras has no such name. Use `tensorflow.data.Dataset`",
    "utils.generic_utils": _INTERNAL,
    "utils.data_utils": _INTERNAL,
    "utils.io_utils": _INTERNAL,
    "utils.layer_utils": _INTERNAL,
    "utils.losses_utils": _INTERNAL,
    "utils.metrics_utils": _INTERNAL,
    "utils.test_utils": "it is for the tests of Keras",
    "utils.vis_utils": _INTERNAL,
    "utils.track_tf1_style_variables": _GRAPHS,
    "utils.warmstart_embedding_matrix": "set the rows of the new `Embedding` by `set_weights`",
}


def reason(name: str) -> str | None:
    """Why a name, such as `keras.estimator.Estimator`, is out of reach; None for any other name."""
    path = name.removeprefix("keras.")
    parts = path.split(".")
    found = (OUT_OF_REACH.get(".".join(parts[:count])) for count in range(len(parts), 0, -1))
    why = next(filter(None, found), None)
    if why is None and parts[-1][:1].isupper():  # a class of Keras 3; what is a module may come yet
        why = _absent.ABSENT.get(path)
    return None if why is None else f"{name} is out of reach in Sequax ({__version__}): {why}."


def is_place(name: str) -> bool:
    """Whether a name is that of a module which is there for the names in it that are out of reach."""
    path = name.removeprefix("keras.")
    return any(known == path or known.startswith(f"{path}.") for known in OUT_OF_REACH) and path.islower()


class OutOfReach(type):
    """The class of names out of reach. They are classes, so that `isinstance(x, Name)` is False and no error."""

    __out_of_reach__: str

    def __new__(mcs, name: str, bases: tuple[type, ...], namespace: dict[str, Any]) -> OutOfReach:
        for base in bases:
            if isinstance(base, OutOfReach):
                base()
        return super().__new__(mcs, name, bases, namespace)

    def __call__(cls, *args: object, **kwargs: object) -> NoReturn:
        raise NotImplementedError(cls.__out_of_reach__)

    def __getattr__(cls, name: str) -> OutOfReach:
        if name.startswith("__"):
            raise AttributeError(name)
        module = f"{cls.__module__}.{cls.__name__}"
        return named(module, name, reason(f"{module}.{name}") or cls.__out_of_reach__)

    def __repr__(cls) -> str:
        return f"<{cls.__module__}.{cls.__name__}, which is out of reach>"


def named(module: str, name: str, sentence: str) -> OutOfReach:
    """A name of a module."""
    return OutOfReach(name, (), {"__module__": module, "__out_of_reach__": sentence})


class ModuleOutOfReach(ModuleType):
    """A module of names out of reach."""

    def __init__(self, name: str):
        super().__init__(name)
        self.__path__: list[str] = []
        self.__all__: list[str] = []

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        full = f"{self.__name__}.{name}"
        if is_place(full):
            return importlib.import_module(full)
        why = reason(full)
        if why is None:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        return named(self.__name__, name, why)
