"""The layers of a built model as calls: what goes into each, what comes out, and where the former comes from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from ..core.tensor import leaves
from ..core.types import Symbols

if TYPE_CHECKING:
    from ..core.layer import Layer
    from ..model import Model


class Call(NamedTuple):
    """One layer as part of a model: what goes in and comes out, and where the former come from."""

    layer: Layer
    inputs: Symbols | None
    outputs: Symbols
    sources: list[tuple[Any, int]]  # the layer that makes each input, and which of its outputs it is


def edges_known(model: Layer) -> bool:
    """Whether it is known what a model does one after another: it is a graph or a built stack."""
    return getattr(model, "recorded_graph", None) is not None or getattr(model, "symbolic_steps", None) is not None


def calls_of(model: Model) -> list[Call]:
    """The layers of a model, each after those it depends on, and the calls of layers that are used twice together."""
    graph = getattr(model, "recorded_graph", None)
    if graph is None:
        return _stacked(model)
    entries = [tensor for tensor in leaves(graph.inputs) if tensor.node is not None]
    found = [Call(t.node.operation, None, t, []) for t in entries]
    for node in graph.nodes:
        if node.inputs:
            sources = [(t.node.operation, t.position) for t in node.inputs if t.node is not None]
            arguments = node.inputs[0] if len(node.inputs) == 1 else node.inputs
            found.append(Call(node.operation, arguments, node.outputs, sources))
    return found


def _stacked(model: Model) -> list[Call]:
    tensors, before = model.symbolic_steps, None
    found = []
    for position, layer in enumerate(model.layers):
        arriving: list[Any] = [] if before is None else leaves(tensors[position])
        sources = [(before, i) for i in range(len(arriving))]
        found.append(Call(layer, tensors[position], tensors[position + 1], sources))
        before = layer
    return found
