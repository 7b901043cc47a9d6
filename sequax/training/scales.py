"""Which inputs of a model are multiplied by weights as they are: large numbers in those make training go astray."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..core.tensor import KerasTensor, leaves


def multiplied_by(model: Any) -> list[str | None]:
    """For each input, in order, the name of a layer with a kernel that gets it as it is; None where there is none."""
    inputs = leaves(model.symbolic_inputs)
    graph = model.recorded_graph
    if graph is not None:
        return [_in_graph(graph.nodes, tensor) for tensor in inputs]
    return [_in_stack(model.layers) if model.is_stack else None] if len(inputs) == 1 else [None for _ in inputs]


def _in_graph(nodes: Sequence[Any], tensor: KerasTensor) -> str | None:
    same = {id(tensor)}
    for node in nodes:
        if not any(id(one) in same for one in node.inputs):
            continue
        if getattr(node.operation, "keeps_values", False):
            same.add(id(leaves(node.outputs)[0]))
            continue
        found = _of(node.operation)
        if found is not None:
            return found
    return None


def _in_stack(layers: Sequence[Any]) -> str | None:
    rest = (layer for layer in layers if not getattr(layer, "keeps_values", False))
    return _of(next(rest, None))


def _of(layer: Any) -> str | None:
    if getattr(layer, "is_stack", False):
        return _in_stack(layer.layers)
    inner = getattr(layer, "cell", layer)  # of a recurrent layer
    return layer.name if getattr(inner, "kernel", None) is not None else None
