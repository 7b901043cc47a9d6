"""Attributes and methods that layers, models, tensors and callbacks had, put into the classes by `patches.py`."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import WeakKeyDictionary

import jax
import numpy as np

from ..core import names
from ..core.layer import Layer
from ..core.tensor import leaves, shape_of
from ..core.variable import Variable
from ..functional import Graph
from ..utils.py_dataset import PyDataset
from . import decay, dialect
from .notes import note

if TYPE_CHECKING:
    from ..callbacks import Callback
    from ..metrics import Metric
    from ..model import Model
    from ..optimizers import Optimizer


class _Read:
    """An attribute that is computed where an object has none of its own: layers of users may set one of that name."""

    def __init__(self, getter: Callable[[Any], Any]):
        self.getter = getter

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        return self if instance is None else self.getter(instance)


def _noted(old: str, today: str, getter: Callable[[Any], Any]) -> _Read:
    """An attribute that says today's spelling when it is read."""

    def read(self: Any) -> Any:
        note(old, today)
        return getter(self)

    return _Read(read)


def _one_or_list(values: list[Any]) -> Any:
    return values[0] if len(values) == 1 else values


# --- layers ---------------------------------------------------------------------------------------------------------


class _OfItself(NamedTuple):
    """The first node of a model in Keras 1 and 2: its own inputs and outputs."""

    inputs: list[Any]
    outputs: Any


def _node_at(self: Layer, node_index: int) -> Any:
    nodes: list[Any] = list(self._inbound_nodes)
    model: Any = self
    if dialect.spoken() is not None and getattr(model, "symbolic_outputs", None) is not None:
        nodes.insert(0, _OfItself(model.inputs, model.symbolic_outputs))
    if not -len(nodes) <= node_index < len(nodes):
        raise ValueError(
            f"Layer '{self.name}' was called on {len(nodes)} symbolic tensors (or groups of them), so there is no call"
            f" number {node_index}."
        )
    return nodes[node_index]


def get_input_at(self: Layer, node_index: int) -> Any:
    """What went into the layer at its call number `node_index`."""
    return _one_or_list(_node_at(self, node_index).inputs)


def get_output_at(self: Layer, node_index: int) -> Any:
    """What came out of the layer at its call number `node_index`."""
    return _one_or_list(leaves(_node_at(self, node_index).outputs))


def get_input_shape_at(self: Layer, node_index: int) -> Any:
    return shape_of(get_input_at(self, node_index))


def get_output_shape_at(self: Layer, node_index: int) -> Any:
    return shape_of(get_output_at(self, node_index))


def get_input_mask_at(self: Layer, node_index: int) -> Any:
    return _one_or_list([tensor._keras_mask for tensor in _node_at(self, node_index).inputs])


def get_output_mask_at(self: Layer, node_index: int) -> Any:
    return _one_or_list([tensor._keras_mask for tensor in leaves(_node_at(self, node_index).outputs)])


LAYER_METHODS = (
    *(get_input_at, get_output_at, get_input_shape_at, get_output_shape_at),
    *(get_input_mask_at, get_output_mask_at),
)

LAYER_PROPERTIES = {
    "input_shape": _noted("layer.input_shape", "layer.input.shape", lambda self: shape_of(self.input)),
    "output_shape": _noted("layer.output_shape", "layer.output.shape", lambda self: shape_of(self.output)),
    "inbound_nodes": _noted("layer.inbound_nodes", "nothing", lambda self: self._inbound_nodes),
    "input_mask": _Read(lambda self: get_input_mask_at(self, 0)),
    "output_mask": _Read(lambda self: get_output_mask_at(self, 0)),
    "_layers": _Read(lambda self: list(getattr(self, "layers", ()))),  # drawers of models look for it
    "submodules": _Read(lambda self: tuple(self.flatten_layers(include_self=False))),
    "updates": _Read(lambda self: []),
    "state_updates": _Read(lambda self: []),
    "uses_learning_phase": _Read(lambda self: True),
    "_uses_learning_phase": _Read(lambda self: True),
    "W": _noted("layer.W", "layer.kernel", lambda self: self.kernel),
    "b": _noted("layer.b", "layer.bias", lambda self: self.bias),
}


def settable_weights(name: str, read: Any) -> property:
    """`self.trainable_weights = [...]`, by which layers of Keras 1 said what they own, in their `build`."""

    def write(self: Layer, weights: Any) -> None:
        note(f"self.{name} = [...]", "self.add_weight(...), or variables as attributes")
        given = [one for one in weights if isinstance(one, Variable)]
        for variable in given:
            variable.trainable = variable.made_trainable = name == "trainable_weights"
        setattr(self, f"set_as_{name}", given)

    return property(read.fget, write, doc=read.__doc__)


def set_initial_weights(layer: Layer) -> None:
    """Give a layer that was just built the `weights=` of its constructor."""
    given = vars(layer).pop("_weights_given", None)
    if given is not None:
        layer.set_weights([value.numpy() if isinstance(value, Variable) else value for value in given])


class Computed:
    """An array in the place of a weight, with what layers ask of their weights: `layer.kernel = generated`.

    Args:
        value: the array.
    """

    tracked_as = None
    adapter = regularizer = constraint = None
    trainable = False

    def __init__(self, value: Any):
        self.value = self.stored_value = value

    def product(self, function: Callable[..., Any], x: Any) -> Any:
        return function(x, self.value)

    def __jax_array__(self) -> Any:
        return self.value

    def __getattr__(self, name: str) -> Any:
        return getattr(vars(self)["value"], name)


_WEIGHTS = ("kernel", "bias", "embeddings", "gamma", "beta", "recurrent_kernel", "depthwise_kernel", "pointwise_kernel")


def set_weight(owner: type, original: Callable[..., Any]) -> Callable[..., Any]:
    """Assigning a tensor to a layer's weight, as up to Keras 2: it is computed with, and gradients flow to it."""

    def __setattr__(self: Layer, name: str, value: Any) -> None:
        if name in _WEIGHTS and isinstance(value, jax.Array) and names.is_ours(type(self)):
            self.supports_jit = False  # a compiled call would keep the array of its first time
            value = Computed(value)
        original(self, name, value)

    return __setattr__


def ensure_built(owner: type, original: Callable[..., Any]) -> Callable[..., Any]:
    def _ensure_built(self: Layer, named: dict[str, Any]) -> None:
        fresh = "_weights_given" in vars(self) and not self.built
        original(self, named)
        if fresh and self.built:
            set_initial_weights(self)

    return _ensure_built


TENSOR_PROPERTIES = {
    "_keras_shape": _noted("tensor._keras_shape", "tensor.shape", lambda self: tuple(self.shape)),
    "_uses_learning_phase": property(lambda self: True),
}

# --- models ---------------------------------------------------------------------------------------------------------


def _make_predict_function(self: Model) -> None:
    """Programs are compiled when they are called first, from any thread."""


def _make_train_function(self: Model) -> None: ...


def _make_test_function(self: Model) -> None: ...


def to_yaml(self: Model, **kwargs: object) -> str:
    """YAML is gone, also from Keras 2.6 on."""
    raise NotImplementedError(
        "model.to_yaml is not served: YAML is gone from Keras, too, since reading it can run code. Use"
        " `model.to_json()` and `keras.models.model_from_json`."
    )


MODEL_METHODS = (_make_predict_function, _make_train_function, _make_test_function, to_yaml)
MODEL_PROPERTIES = {
    "model": _noted("model.model", "model", lambda self: self),
    "container_nodes": property(lambda self: set()),
    "_is_compiled": _Read(lambda self: self.compilation is not None),
    "_feed_inputs": _Read(lambda self: list(self.inputs)),
}


def settable_outputs(read: Any) -> property:
    """`model.outputs = [tensor]`: what the model gives from then on, as Keras before 2.2 had it."""

    def write(self: Model, outputs: Any) -> None:
        graph = self.recorded_graph
        if graph is None and self.is_stack:
            raise AttributeError(
                f"The outputs of '{self.name}' cannot be set, since it has no graph: make a"
                f" keras.Model(model.inputs, outputs)."
            )
        if graph is None:
            read.fset(self, outputs)
            return
        note("model.outputs = [...]", "keras.Model(model.inputs, outputs)")
        self._take_graph(Graph(graph.inputs, _one_or_list(list(outputs))))

    return property(read.fget, write, doc=read.__doc__)


_of_compile: WeakKeyDictionary[Metric, list[Any]] = WeakKeyDictionary()  # by the first of them


def grouped_metrics(read: Any) -> property:
    """`model.metrics`, whose second has those of `compile` as its `metrics`, as the group that Keras 3 has there."""

    def metrics(self: Model) -> list[Any]:
        found: list[Any] = read.fget(self)
        given = self.compilation
        if given is not None and len(found) > 1:
            trackers = {id(one) for one in (given.loss_tracker, *given.output_trackers)}
            group = [one for one in given.all_metrics if id(one) not in trackers]
            if group:
                _of_compile[found[1]] = group
        return found

    return property(metrics, doc=read.__doc__)


def _grouped(self: Metric) -> list[Any]:
    if self not in _of_compile:
        raise AttributeError(f"{type(self).__name__!r} object has no attribute 'metrics'", name="metrics", obj=self)
    return _of_compile[self]


METRIC_PROPERTIES = {"metrics": _Read(_grouped)}

# --- optimizers -----------------------------------------------------------------------------------------------------


def get_weights(self: Optimizer) -> list[np.ndarray]:
    """Copies of all state, in the order of `variables`."""
    note("optimizer.get_weights()", "[variable.numpy() for variable in optimizer.variables]")
    return [variable.numpy() for variable in self.variables]


OPTIMIZER_METHODS = (get_weights,)
OPTIMIZER_PROPERTIES = {
    "decay": _noted("optimizer.decay", "optimizer.learning_rate, a schedule", decay.decay_of),
    "initial_decay": _noted("optimizer.initial_decay", "optimizer.learning_rate, a schedule", decay.decay_of),
    "weights": _noted("optimizer.weights", "optimizer.variables", lambda self: self.variables),
    "_initial_decay": _Read(decay.decay_of),
    "_index_dict": _Read(lambda self: self._positions),
    "_use_locking": False,
}

# --- callbacks ------------------------------------------------------------------------------------------------------


def _set_model(self: Callback, value: Model) -> None:
    self._model = value


def model_property(read: Any) -> property:
    """`callback.model`, which old callbacks set in their `set_model`."""
    return property(read.fget, _set_model, doc=read.__doc__)


_GIVEN = "_validation_data_given"


def give_validation_data(callbacks: Any, given: Any) -> None:
    """Let callbacks see the data of the validation as `self.validation_data`: inputs, targets, weights of the rows.

    Only arrays are given, and only to callbacks that have set nothing there themselves.
    """
    if given is None or isinstance(given, PyDataset) or not isinstance(given, (tuple, list)) or len(given) < 2:
        return
    several = callbacks if isinstance(callbacks, (list, tuple)) else [callbacks]
    waiting = [
        one for one in several if one is not None and getattr(one, "validation_data", 0) is vars(one).get(_GIVEN)
    ]
    if not waiting:
        return
    arrays = [
        np.asarray(array) for part in given[:2] for array in (part if isinstance(part, (list, tuple)) else [part])
    ]
    rows = len(arrays[0])
    weights = np.ones(rows, "float32") if len(given) < 3 or given[2] is None else np.asarray(given[2])
    for callback in waiting:
        callback.validation_data = vars(callback)[_GIVEN] = [*arrays, weights]


def split_off(x: Any, y: Any, fraction: Any) -> tuple[Any, Any] | None:
    """The rows that `validation_split` takes from the end; None for data that are no arrays."""
    parts = [*(x if isinstance(x, (list, tuple)) else [x]), *(y if isinstance(y, (list, tuple)) else [y])]
    if not all(isinstance(part, np.ndarray) for part in parts):
        return None
    kept = int(len(parts[0]) * (1 - fraction))
    end = functools.partial(_from, kept)
    return end(x), end(y)


def _from(row: int, data: Any) -> Any:
    return [part[row:] for part in data] if isinstance(data, (list, tuple)) else data[row:]
