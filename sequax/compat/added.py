"""`model.add_loss(tensor)` and `model.add_metric(tensor)`: symbolic tensors, made of inputs and outputs of a graph.

The tensor becomes a part of the graph, by a layer that passes the first output on and counts the tensor where it is
computed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..core.layer import Layer
from ..core.tensor import is_tensor, leaves, map_structure
from ..core.types import Tensor
from ..metrics import Mean
from ..model import Model
from .notes import note


class AddLoss(Layer):
    """`[x, penalty]` -> `x`; the mean of the penalty is added to the loss."""

    def call(self, inputs: list[Tensor]) -> Tensor:
        self.add_loss(inputs[1].mean())
        return inputs[0]

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape[0]


class AddMetric(Layer):
    """`[x, value]` -> `x`; the mean of the value over an epoch is a metric.

    Args:
        metric_name: in the logs.
    """

    def __init__(self, metric_name: str, **kwargs: Any):
        super().__init__(**kwargs)
        self.metric: Mean = Mean(name=metric_name)

    def call(self, inputs: list[Tensor]) -> Tensor:
        self.metric.update_state(inputs[1])
        return inputs[0]

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape[0]


def add_loss(owner: type, original: Callable[..., Any]) -> Callable[..., Any]:
    def add_loss(self: Layer, losses: Any = None, *args: object, **kwargs: Any) -> None:
        losses = kwargs.pop("loss", losses)
        kwargs.pop("inputs", None)  # of TensorFlow 1: what the loss hangs on
        found = list(losses) if isinstance(losses, (list, tuple)) else [losses]
        if not (isinstance(self, Model) and all(map(is_tensor, found))):
            original(self, losses, **kwargs)
            return
        note("model.add_loss(symbolic tensor)", "self.add_loss(loss) in the `call` of a layer of your own")
        for one in found:
            pass_on(self, AddLoss(), [one])

    return add_loss


def add_metric(owner: type, original: Callable[..., Any]) -> Callable[..., Any]:
    def add_metric(self: Layer, value: Any, name: str | None = None, **kwargs: Any) -> None:
        if not (isinstance(self, Model) and is_tensor(value)):
            original(self, value, name=name, **kwargs)
            return
        note("model.add_metric(symbolic tensor)", "a keras.metrics.Mean in a layer of your own")
        pass_on(self, AddMetric(name or "metric"), [value])

    return add_metric


def pass_on(model: Model, layer: Layer, values: list[Any]) -> None:
    """Put the layer behind the first output of a graph."""
    graph = model.recorded_graph
    if graph is None:
        raise ValueError(
            f"Model '{model.name}' is no graph, so a symbolic tensor cannot be added to it. Call `self.add_loss` in its"
            f" `call`, or make it by `Model(inputs, outputs)`."
        )
    first = leaves(graph.outputs)[0]
    passed = layer([first, *values])
    outputs = map_structure(lambda tensor: passed if tensor is first else tensor, graph.outputs)
    compilation = model.compilation
    Model.__init__(model, inputs=graph.inputs, outputs=outputs, name=model.name)
    model.compilation = compilation
