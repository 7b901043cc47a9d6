"""A graph of ONNX nodes while it is made: names, constants, and the shapes of tensors as far as they are known."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Dims = tuple[Any, ...]  # whole numbers and symbols of `jax.export`


@dataclass(eq=False)
class Node:
    """One operation.

    Attributes:
        inputs, outputs: names of tensors; "" for an optional one that is left out.
        attributes: numbers, texts, lists of them; graphs.
        path: of the layer that it comes from.
    """

    op: str
    inputs: list[str]
    outputs: list[str]
    attributes: dict[str, Any]
    path: str = ""

    @property
    def graphs(self) -> list[Graph]:
        return [value for value in self.attributes.values() if isinstance(value, Graph)]


@dataclass
class Tensor:
    """What is known of a tensor: its sizes as it is stored, and its dtype."""

    dims: Dims
    dtype: np.dtype


@dataclass(eq=False)
class Graph:
    """Nodes in the order in which they run.

    Attributes:
        inputs, outputs: names.
        constants: of all graphs inside each other, one table.
        tensors: what is known of the tensors by name; likewise.
        path: what new nodes are said to come from.
        outer: the graph around this one, whose tensors nodes may read.
    """

    inputs: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    nodes: list[Node] = field(default_factory=list)
    constants: dict[str, np.ndarray] = field(default_factory=dict)
    tensors: dict[str, Tensor] = field(default_factory=dict)
    path: str = ""
    outer: Graph | None = None
    _known: dict[Any, list[str]] = field(default_factory=dict)  # equal nodes give equal tensors

    def inside(self) -> Graph:
        """A graph for an attribute of a node of this one."""
        return Graph(constants=self.constants, tensors=self.tensors, path=self.path, outer=self)

    def emit(
        self,
        op: str,
        inputs: list[str],
        dims: Dims | list[Dims],
        dtype: Any,
        path: str | None = None,
        **attributes: Any,
    ) -> str:
        """The first output of a node, which is added if there is no equal one yet."""
        return self.emit_all(op, inputs, [dims], [dtype], path, **attributes)[0]

    def emit_all(
        self, op: str, inputs: list[str], dims: list[Any], dtypes: list[Any], path: str | None = None, **attributes: Any
    ) -> list[str]:
        """The outputs of a node; an entry None in `dims` stands for an output that nobody wants."""
        key = (op, tuple(inputs), repr(sorted(attributes.items())), len(dims))
        reusable = not any(isinstance(value, Graph) for value in attributes.values())
        graph: Graph | None = self
        while reusable and graph is not None:
            if key in graph._known:
                return graph._known[key]
            graph = graph.outer
        outputs = ["" if one is None else self.name(op) for one in dims]
        for name, one, dtype in zip(outputs, dims, dtypes, strict=True):
            if name:
                self.tensors[name] = Tensor(tuple(one), np.dtype(dtype))
        self.nodes.append(Node(op, list(inputs), outputs, attributes, self.path if path is None else path))
        self._known[key] = outputs
        return outputs

    def name(self, stem: str) -> str:
        count = len(self.tensors)
        while (name := f"{stem.lower()}_{count}") in self.tensors:  # an input may be called so
            count += 1
        self.tensors[name] = Tensor((), np.dtype("float32"))
        return name

    def constant(self, array: Any, stem: str = "constant") -> str:
        """The name of a constant; equal small ones are stored once."""
        array = np.asarray(array)
        key = None
        if array.size <= 4096:
            key = (array.dtype.str, array.shape, array.tobytes())
            root = self
            while root.outer is not None:
                root = root.outer
            if key in root._known:
                return root._known[key][0]
            root._known[key] = [name := self.name(stem)]
        else:
            name = self.name(stem)
        self.constants[name] = array
        self.tensors[name] = Tensor(array.shape, array.dtype)
        return name

    def integers(self, *values: int) -> str:
        return self.constant(np.array(values, np.int64))


def every_graph(graph: Graph) -> Iterator[Graph]:
    """A graph and all graphs in its nodes."""
    yield graph
    for node in graph.nodes:
        for inner in node.graphs:
            yield from every_graph(inner)
