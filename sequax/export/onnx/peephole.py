"""A node and the one before it: what passes over a graph ask and change."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np

from .graph import Graph, Node


class Folding:
    """The passes over the nodes of one graph."""

    def __init__(self, graph: Graph):
        self.graph = graph
        self.makers = {name: node for node in graph.nodes for name in node.outputs if name}
        self.readers: Counter[str] = Counter(graph.outputs)
        for node in graph.nodes:
            self.readers.update(node.inputs)
            for inner in node.graphs:
                self.readers.update(names_read(inner))
        self.replaced: dict[str, str] = {}

    def run(self, passes: Passes) -> None:
        kept = []
        for node in self.graph.nodes:
            node.inputs = [self.current(name) for name in node.inputs]
            for inner in node.graphs:
                _renamed(inner, self.replaced)
            if not any(fold(self, node) for fold in passes.get(node.op, ())):
                kept.append(node)
        self.graph.nodes = [node for node in kept if node.op]

    def current(self, name: str) -> str:
        while name in self.replaced:
            name = self.replaced[name]
        return name

    def before(self, name: str) -> Node | None:
        """The node that makes a tensor which nothing else reads."""
        return self.makers.get(name) if self.readers[name] == 1 else None

    def constant(self, name: str) -> np.ndarray | None:
        return self.graph.constants.get(name)

    def dims(self, name: str) -> tuple[Any, ...]:
        return self.graph.tensors[name].dims

    def vanish(self, node: Node, by: str) -> bool:
        """A node is left out; what read its output reads another tensor, or its maker takes the name over."""
        (old,) = node.outputs
        maker = self.makers.get(by)
        if old in self.graph.outputs:
            if maker is None or self.readers[by] != 1:
                return False
            place = maker.outputs.index(by)
            maker.outputs[place] = old
            self.makers[old] = maker
            return True
        self.replaced[old] = by
        self.readers[by] += self.readers[old] - 1
        return True

    def retyped(self, node: Node, dims: tuple[Any, ...]) -> None:
        """The output of a node has other sizes from now on."""
        self.graph.tensors[node.outputs[0]].dims = dims


def _renamed(graph: Graph, names: dict[str, str]) -> None:
    def now(name: str) -> str:
        while name in names:
            name = names[name]
        return name

    for node in graph.nodes:
        node.inputs = [now(name) for name in node.inputs]
        for inner in node.graphs:
            _renamed(inner, names)
    graph.outputs = [now(name) for name in graph.outputs]


def names_read(graph: Graph) -> set[str]:
    """All names that a graph and those inside it read."""
    found = set(graph.outputs)
    for node in graph.nodes:
        found.update(node.inputs)
        for inner in node.graphs:
            found |= names_read(inner)
    return found


def constant_operand(folding: Folding, node: Node) -> tuple[str, np.ndarray, int] | None:
    """The tensor, the constant beside it, and the place of the tensor; None if there is no such pair."""
    for place in (0, 1):
        array = folding.constant(node.inputs[1 - place])
        if array is not None and array.dtype.kind == "f" and folding.constant(node.inputs[place]) is None:
            return node.inputs[place], array, place
    return None


def grows(folding: Folding, node: Node, name: str) -> bool:
    return tuple(folding.dims(name)) != tuple(folding.dims(node.outputs[0]))


def per_channel(array: np.ndarray, channels: int, behind: int) -> Any:
    """A constant as one number per channel, where `behind` axes follow that of the channels."""
    if array.ndim <= behind:
        return None if array.size != 1 else np.full(channels, array.reshape(()), array.dtype)
    shape = array.shape
    place = array.ndim - behind - 1
    if any(size != 1 for axis, size in enumerate(shape) if axis != place):
        return None
    return np.ascontiguousarray(np.broadcast_to(array.reshape(-1), (channels,)))


Pass = Callable[[Folding, Node], bool]  # says whether the node is gone
Passes = dict[str, tuple[Pass, ...]]  # by the operation of the node
