"""What makes a graph smaller and faster, and computes the same.

A factor or a summand that is constant goes into the weights of the convolution or product before it, a batch
normalization among them; a limit on both sides becomes one node; a reordering before a flattening moves into the rows
of the matrix behind it. Each pass looks at one node and the one before it, which nothing else may read.
"""

from __future__ import annotations

from .affine import AFFINE, affine
from .graph import Graph, Node, every_graph
from .pairs import flattened, keeps_axes, limited_twice, limits, moved_twice, normalized, padded, reshaped_twice
from .peephole import Folding, Passes, names_read


def fold(graph: Graph, outputs: list[str]) -> None:
    """Make a graph smaller.

    Args:
        outputs: the tensors that have to be there in the end, under their names.
    """
    graph.outputs = list(outputs)
    drop_dead(graph, outputs)
    for inner in every_graph(graph):
        before = -1
        while before != len(inner.nodes):  # a pair may make room for another one
            before = len(inner.nodes)
            Folding(inner).run(_PASSES)
    for inner in every_graph(graph):
        _lower(inner)
    drop_dead(graph, outputs)
    graph.outputs = []


def drop_dead(graph: Graph, outputs: list[str]) -> None:
    """Leave out nodes that no output hangs on."""
    wanted = set(outputs)
    kept = []
    for node in reversed(graph.nodes):
        if wanted.intersection(node.outputs):
            kept.append(node)
            wanted.update(node.inputs)
            for inner in node.graphs:
                drop_dead(inner, inner.outputs)
                wanted.update(names_read(inner))
    graph.nodes = kept[::-1]


_PASSES: Passes = {
    **dict.fromkeys(AFFINE, (affine,)),
    "Add": (affine, normalized),
    "Min": (limits,),
    "Clip": (limited_twice,),
    "Unsqueeze": (keeps_axes,),
    "Conv": (padded,),
    "MatMul": (flattened,),
    "Transpose": (moved_twice,),
    "Reshape": (reshaped_twice,),
}


# --- what ONNX has no node for ---


def _lower(graph: Graph) -> None:
    """Products with a bias: `Gemm` for plain rows, otherwise `MatMul` and `Add`."""
    nodes = []
    for node in graph.nodes:
        nodes.append(node)
        if node.op != "MatMul" or len(node.inputs) < 3:
            continue
        rank = len(graph.tensors[node.inputs[0]].dims)
        if rank == 2:
            node.op = "Gemm"
            continue
        (output,), bias = node.outputs, node.inputs.pop()
        known = graph.tensors[output]
        node.outputs = [graph.name("product")]
        graph.tensors[node.outputs[0]] = known
        nodes.append(Node("Add", [node.outputs[0], bias], [output], {}, node.path))
    graph.nodes = nodes
