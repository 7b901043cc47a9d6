"""Which layers read the inputs of a model as indices: what `data/checks` compares whole arrays with.

Seen are paths on which values stay as they are: through layers with `keeps_values`, slices, and models and containers
inside. What comes to an Embedding on other paths is looked at when it does, see `lookups.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from ..core import names
from ..core.layer import Layer
from ..core.tensor import KerasTensor, Node, leaves
from ..layers.containers import Container
from ..layers.recurrent.time_distributed import TimeDistributed


class Reader(NamedTuple):
    """A layer with an `index_limit`, and the key of the part of the input that it reads: None for all of it."""

    layer: Any
    key: tuple[Any, ...] | None = None


def of(model: Any) -> list[list[Reader]]:
    """The readers of each input of a built model, in the order of the inputs."""
    inputs = leaves(model.symbolic_inputs)
    graph = getattr(model, "recorded_graph", None)
    if graph is not None:
        return [_in_graph(graph.nodes, tensor)[0] for tensor in inputs]
    layers = model.layers
    if len(inputs) == 1:
        return [_in_stack(layers)[0]]
    first = layers[0] if layers else None
    several = len(leaves(getattr(first, "symbolic_inputs", None))) == len(inputs)
    return of(first) if inputs and several else [[] for _ in inputs]


def _in_graph(nodes: Sequence[Node], tensor: KerasTensor) -> tuple[list[Reader], set[int]]:
    """The readers of a tensor, and the ids of the tensors that hold the same values."""
    keys: dict[int, tuple[Any, ...] | None] = {id(tensor): None}  # of the tensors that hold all of it, or a part
    found: list[Reader] = []
    for node in nodes:
        for position, read in enumerate(node.inputs):
            if id(read) not in keys:
                continue
            key, output = keys[id(read)], leaves(node.outputs)[0]
            if not isinstance(node.operation, Layer):
                part = _part(node)
                if part is not None and key is None:
                    keys[id(output)] = part
                continue
            inner, keeps = _in_layer(node.operation, position, len(node.inputs))
            for reader in inner:
                if key is None or reader.key is None:
                    found.append(Reader(reader.layer, key or reader.key))
            if keeps:
                keys[id(output)] = key
    return found, {one for one, key in keys.items() if key is None}


def _part(node: Node) -> tuple[Any, ...] | None:
    """The key of a slice that leaves the rows, `x[:, ...]`; None if the call is another."""
    if getattr(node.operation, "kind", None) != "get_item":
        return None
    key = node.args[1] if isinstance(node.args[1], tuple) else (node.args[1],)
    plain = all(part is None or part is ... or isinstance(part, (int, slice)) for part in key)
    return key if plain and (key[0] is ... or key[0] == slice(None)) else None


def leaves_rows(node: Node) -> bool:
    """Whether a call is a slice that takes something of each row."""
    return _part(node) is not None


def _in_layer(layer: Any, position: int = 0, inputs: int = 1) -> tuple[list[Reader], bool]:
    """The readers of one of the inputs of a layer, and whether the output holds the same values."""
    graph = getattr(layer, "recorded_graph", None)
    if not names.is_ours(layer):  # its `call` may do anything
        return [], False
    if graph is not None and len(leaves(graph.inputs)) == inputs:
        found, same = _in_graph(graph.nodes, leaves(graph.inputs)[position])
        return found, [id(tensor) for tensor in leaves(graph.outputs)[:2]] in ([one] for one in same)
    if inputs > 1:
        return [], False
    if getattr(layer, "index_limit", None) is not None:
        return [Reader(layer)], False
    if layer.is_stack:
        return _in_stack(layer.layers)
    if isinstance(layer, TimeDistributed):
        return _in_stack([layer.layer])
    if isinstance(layer, Container):
        return [reader for _, layers in layer.parts() for reader in _in_stack(layers)[0]], False
    return [], getattr(layer, "keeps_values", False)


def _in_stack(layers: Sequence[Any]) -> tuple[list[Reader], bool]:
    found: list[Reader] = []
    for layer in layers:
        readers, keeps = _in_layer(layer)
        found += readers
        if not keeps:
            return found, False
    return found, True
