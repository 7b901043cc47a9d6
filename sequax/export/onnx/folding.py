"""What makes a graph smaller and faster, and computes the same."""

from __future__ import annotations

from .graph import Graph
from .proto import every_node


def fold(graph: Graph, outputs: list[str]) -> None:
    """Leave out what no output hangs on."""
    drop_dead(graph, outputs)


def drop_dead(graph: Graph, outputs: list[str]) -> None:
    wanted = set(outputs)
    kept = []
    for node in reversed(graph.nodes):
        if wanted.intersection(node.outputs):
            kept.append(node)
            wanted.update(node.inputs)
            for inner in node.graphs:
                drop_dead(inner, inner.outputs)
                wanted.update(name for one in every_node(inner) for name in one.inputs)
                wanted.update(inner.outputs)
    graph.nodes = kept[::-1]
