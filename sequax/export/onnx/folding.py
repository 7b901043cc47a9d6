"""What makes a graph smaller and faster, and computes the same.

A factor or a summand that is constant goes into the weights of the convolution or product before it, a batch
normalization among them; a limit on both sides becomes one node; a reordering before a flattening moves into the rows
of the matrix behind it. Each pass looks at one node and the one before it, which nothing else may read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np

from .graph import Graph, Node, every_graph
from .values import is_known

AFFINE = ("Add", "Sub", "Mul", "Div")
# What a number that is the same for all entries may pass by.
MOVES = ("Reshape", "Transpose", "Squeeze", "Unsqueeze")


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
            _Folding(inner).run()
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
                wanted.update(_read(inner))
    graph.nodes = kept[::-1]


def _read(graph: Graph) -> set[str]:
    """All names that a graph and those inside it read."""
    found = set(graph.outputs)
    for node in graph.nodes:
        found.update(node.inputs)
        for inner in node.graphs:
            found |= _read(inner)
    return found


class _Folding:
    """The passes over the nodes of one graph."""

    def __init__(self, graph: Graph):
        self.graph = graph
        self.makers = {name: node for node in graph.nodes for name in node.outputs if name}
        self.readers: Counter[str] = Counter(graph.outputs)
        for node in graph.nodes:
            self.readers.update(node.inputs)
            for inner in node.graphs:
                self.readers.update(_read(inner))
        self.replaced: dict[str, str] = {}

    def run(self) -> None:
        kept = []
        for node in self.graph.nodes:
            node.inputs = [self.current(name) for name in node.inputs]
            for inner in node.graphs:
                _renamed(inner, self.replaced)
            if not any(fold(self, node) for fold in _PASSES.get(node.op, ())):
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


# --- factors and summands ---


def _operand(folding: _Folding, node: Node) -> tuple[str, np.ndarray, int] | None:
    """The tensor, the constant beside it, and the place of the tensor; None if there is no such pair."""
    for place in (0, 1):
        array = folding.constant(node.inputs[1 - place])
        if array is not None and array.dtype.kind == "f" and folding.constant(node.inputs[place]) is None:
            return node.inputs[place], array, place
    return None


def _grows(folding: _Folding, node: Node, name: str) -> bool:
    return tuple(folding.dims(name)) != tuple(folding.dims(node.outputs[0]))


def affine(folding: _Folding, node: Node) -> bool:
    found = _operand(folding, node)
    if found is None or _grows(folding, node, found[0]):
        return False
    name, array, place = found
    factor, summand = _as_affine(node.op, array, place)
    if factor is None:
        return False
    if np.all(factor == 1) and np.all(summand == 0):
        return folding.vanish(node, name)
    head = folding.before(name)
    while head is not None and head.op in MOVES and factor.size == 1 and not summand.any():
        head = folding.before(head.inputs[0])
    fold = _HEADS.get(head.op) if head is not None else None
    if head is None or fold is None:
        return False
    return fold(folding, head, factor, summand) and folding.vanish(node, name)


def _as_affine(op: str, array: np.ndarray, place: int) -> tuple[Any, Any]:
    """Factor and summand: `x * factor + summand`."""
    zero, one = np.zeros((), array.dtype), np.ones((), array.dtype)
    if op == "Add":
        return one, array
    if op == "Sub":
        return (one, -array) if place == 0 else (-one, array)
    if op == "Mul":
        return array, zero
    if place == 0 and np.all(array != 0):
        return one / array, zero
    return None, None


def _per_channel(array: np.ndarray, channels: int, behind: int) -> Any:
    """A constant as one number per channel, where `behind` axes follow that of the channels."""
    if array.ndim <= behind:
        return None if array.size != 1 else np.full(channels, array.reshape(()), array.dtype)
    shape = array.shape
    place = array.ndim - behind - 1
    if any(size != 1 for axis, size in enumerate(shape) if axis != place):
        return None
    return np.ascontiguousarray(np.broadcast_to(array.reshape(-1), (channels,)))


def into_convolution(folding: _Folding, head: Node, factor: np.ndarray, summand: np.ndarray) -> bool:
    weights = folding.constant(head.inputs[1])
    if weights is None or (len(head.inputs) > 2 and folding.constant(head.inputs[2]) is None):
        return False
    turned = head.op == "ConvTranspose"
    filters = weights.shape[1] * head.attributes["group"] if turned else weights.shape[0]
    pair = [_per_channel(array, filters, weights.ndim - 2) for array in (factor, summand)]
    if any(one is None for one in pair) or (turned and head.attributes["group"] != 1 and np.any(pair[0] != 1)):
        return False
    scale, shift = pair
    if np.any(scale != 1):
        axes = (1, -1) if turned else (-1, 1)
        weights = weights * scale.reshape(*axes, *[1] * (weights.ndim - 2))
        head.inputs[1] = folding.graph.constant(weights)
    bias: Any = folding.constant(head.inputs[2]) if len(head.inputs) > 2 else np.zeros(filters, weights.dtype)
    bias = bias * scale + shift
    head.inputs[2:] = [folding.graph.constant(bias)] if np.any(bias) else []
    return True


def into_product(folding: _Folding, head: Node, factor: np.ndarray, summand: np.ndarray) -> bool:
    """`MatMul` with a bias as its third input until `_lower` makes two nodes of it, or a `Gemm`."""
    weights = folding.constant(head.inputs[1])
    if weights is None or weights.ndim != 2:
        return False
    width = weights.shape[1]
    pair = [_per_channel(array, width, 0) for array in (factor, summand)]
    if any(one is None for one in pair):
        return False
    scale, shift = pair
    if np.any(scale != 1):
        head.inputs[1] = folding.graph.constant(weights * scale)
    bias: Any = folding.constant(head.inputs[2]) if len(head.inputs) > 2 else np.zeros(width, weights.dtype)
    bias = bias * scale + shift
    head.inputs[2:] = [folding.graph.constant(bias)] if np.any(bias) else []
    return True


def into_normalization(folding: _Folding, head: Node, factor: np.ndarray, summand: np.ndarray) -> bool:
    scale = folding.constant(head.inputs[1])
    if scale is None:
        return False
    shape = scale.shape
    for array in (factor, summand):
        extra = array.ndim - len(shape)
        if any(size != 1 for size in array.shape[: max(extra, 0)]):
            return False
    factor, summand = (
        np.broadcast_to(array.reshape(array.shape[max(array.ndim - len(shape), 0) :]), shape)
        for array in (factor, summand)
    )
    bias: Any = folding.constant(head.inputs[2]) if len(head.inputs) > 2 else np.zeros(shape, scale.dtype)
    bias = bias * factor + summand
    head.inputs[1] = folding.graph.constant(scale * factor)
    head.inputs[2:] = [folding.graph.constant(bias)] if np.any(bias) else []
    return True


def into_neighbour(folding: _Folding, head: Node, factor: np.ndarray, summand: np.ndarray) -> bool:
    """Two factors as one, or two summands. A summand before a factor stays: their order keeps digits."""
    found = _operand(folding, head)
    if found is None or _grows(folding, head, found[0]):
        return False
    name, array, place = found
    first_factor, first_summand = _as_affine(head.op, array, place)
    if first_factor is None:
        return False
    scales = not np.any(first_summand) and not np.any(summand)
    shifts = np.all(first_factor == 1) and np.all(factor == 1)
    if not (scales or shifts):
        return False
    both = first_factor * factor if scales else first_summand + summand
    if both.size > max(first_factor.size, factor.size, first_summand.size, summand.size):
        return False
    head.op = "Mul" if scales else "Add"
    head.inputs = [name, folding.graph.constant(both)]
    return True


def into_pooling(folding: _Folding, head: Node, factor: np.ndarray, summand: np.ndarray) -> bool:
    """A mean over all cells of a window, multiplied by their number and divided by that of the real ones."""
    dims, given = folding.dims(head.inputs[0]), head.attributes
    if "pads" not in given or not is_known(dims[2:]) or np.any(summand) or not given.get("count_include_pad"):
        return False
    axes = range(len(dims) - 2)
    sizes, steps, spread = given["kernel_shape"], given["strides"], given.get("dilations")
    if spread is not None:
        return False
    shares = np.ones((), np.float32)
    for axis in axes:
        starts = np.arange(folding.dims(head.outputs[0])[2 + axis]) * steps[axis] - given["pads"][axis]
        real = np.minimum(starts + sizes[axis], dims[2 + axis]) - np.maximum(starts, 0)
        shares = np.multiply.outer(shares, sizes[axis] / real)
    while factor.ndim > shares.ndim and factor.shape[0] == 1:
        factor = factor[0]
    if factor.shape != shares.shape or not np.allclose(factor, shares, rtol=1e-6):
        return False
    given["count_include_pad"] = 0
    return True


_HEADS: dict[str, Callable[[_Folding, Node, np.ndarray, np.ndarray], bool]] = {
    "Conv": into_convolution,
    "ConvTranspose": into_convolution,
    "MatMul": into_product,
    "LayerNormalization": into_normalization,
    "AveragePool": into_pooling,
    **dict.fromkeys(AFFINE, into_neighbour),
}


# --- other pairs ---


def limits(folding: _Folding, node: Node) -> bool:
    """`Min(Max(x, a), b)` and `Min(Relu(x), b)` as `Clip`."""
    found = _operand(folding, node)
    if found is None or found[1].size != 1:
        return False
    head = folding.before(found[0])
    if head is None:
        return False
    if head.op == "Relu":
        x, low = head.inputs[0], np.zeros((), found[1].dtype)
    elif head.op == "Max" and (inside := _operand(folding, head)) is not None and inside[1].size == 1:
        x, low = inside[0], inside[1].reshape(())
    else:
        return False
    if _grows(folding, node, x):
        return False
    head.op = "Clip"
    head.inputs = [x, folding.graph.constant(low), folding.graph.constant(found[1].reshape(()))]
    return folding.vanish(node, found[0])


def limited_twice(folding: _Folding, node: Node) -> bool:
    """`Clip(Relu(x))` as `Clip`."""
    head, low = folding.before(node.inputs[0]), folding.constant(node.inputs[1])
    if head is not None and head.op == "Relu" and low is not None and low.size == 1 and low.reshape(()) >= 0:
        node.inputs[0] = head.inputs[0]
        head.op = ""
    return False


def keeps_axes(folding: _Folding, node: Node) -> bool:
    """A reduction whose axes are put in again behind it keeps them."""
    head = folding.before(node.inputs[0])
    if head is None or not head.op.startswith("Reduce") or head.attributes.get("keepdims"):
        return False
    pair = [folding.constant(one.inputs[1]) for one in (head, node)]
    if any(one is None for one in pair) or sorted(pair[0].tolist()) != sorted(pair[1].tolist()):  # type: ignore[union-attr]
        return False
    head.attributes["keepdims"] = 1
    folding.retyped(head, folding.dims(node.outputs[0]))
    return folding.vanish(node, node.inputs[0])


def flattened(folding: _Folding, node: Node) -> bool:
    """A matrix behind `Reshape(Transpose(x))`: its rows are put in the order that x has."""
    weights, reshape = folding.constant(node.inputs[1]), folding.before(node.inputs[0])
    transpose = folding.before(reshape.inputs[0]) if reshape is not None and reshape.op == "Reshape" else None
    if weights is None or weights.ndim != 2 or reshape is None or transpose is None or transpose.op != "Transpose":
        return False
    before, after = folding.dims(transpose.outputs[0]), folding.dims(reshape.outputs[0])
    order = transpose.attributes["perm"]
    if order[0] != 0 or len(after) != 2 or not is_known(before[1:]) or before[0] != after[0]:
        return False
    rows = weights.reshape(*before[1:], -1)
    back = [order.index(axis) - 1 for axis in range(1, len(order))]
    moved = rows.transpose([*back, len(back)]).reshape(weights.shape)
    node.inputs[1] = folding.graph.constant(np.ascontiguousarray(moved))
    reshape.inputs[0] = transpose.inputs[0]
    return False


def moved_twice(folding: _Folding, node: Node) -> bool:
    """Two transpositions as one, or none."""
    head = folding.makers.get(node.inputs[0])
    if head is None or head.op != "Transpose":
        return False
    order = [head.attributes["perm"][place] for place in node.attributes["perm"]]
    if order == list(range(len(order))):
        if node.outputs[0] in folding.graph.outputs:
            return False
        folding.replaced[node.outputs[0]] = head.inputs[0]
        folding.readers[head.inputs[0]] += folding.readers[node.outputs[0]]
        return True
    folding.readers[node.inputs[0]] -= 1
    node.inputs[0], node.attributes["perm"] = head.inputs[0], order
    folding.readers[head.inputs[0]] += 1
    return False


def reshaped_twice(folding: _Folding, node: Node) -> bool:
    """A tensor in another rank and in another one again."""
    head = folding.before(node.inputs[0])
    codes = folding.constant(node.inputs[1]) if node.op == "Reshape" else None
    if head is None or head.op not in ("Reshape", "Squeeze", "Unsqueeze") or codes is None or 0 in codes.tolist():
        return False
    if (codes == -1).sum() > 1:
        return False
    node.inputs[0] = head.inputs[0]
    return False


def normalized(folding: _Folding, node: Node) -> bool:
    """A mean, a factor and a summand per channel, which nothing before them takes: `BatchNormalization`."""
    head = folding.before(node.inputs[0])
    first = folding.before(head.inputs[0]) if head is not None and head.op == "Mul" else None
    if head is None or first is None or first.op not in ("Sub", "Add") or node.op != "Add":
        return False
    dims, found = folding.dims(node.outputs[0]), []
    if len(dims) < 2 or not is_known(dims[1:2]):
        return False
    for one in (first, head, node):
        pair = _operand(folding, one)
        array = None if pair is None or pair[2] != 0 else _per_channel(pair[1], dims[1], len(dims) - 2)
        if array is None:
            return False
        found.append(array)
    if _grows(folding, node, first.inputs[0]):
        return False
    mean, factor, summand = found
    mean = mean if first.op == "Sub" else -mean
    vectors = [factor, summand, mean, np.ones_like(mean)]
    node.op, node.inputs = "BatchNormalization", [first.inputs[0], *map(folding.graph.constant, vectors)]
    node.attributes = {"epsilon": 0.0}
    head.op = first.op = ""
    return False


def padded(folding: _Folding, node: Node) -> bool:
    """Zeros that a convolution adds itself."""
    head = folding.before(node.inputs[0])
    moved = head if head is not None and head.op == "Transpose" else None
    if moved is not None:
        head = folding.before(moved.inputs[0])
    if head is None or head.op != "Pad" or (len(head.inputs) > 2 and np.any(folding.constant(head.inputs[2]) != 0)):
        return False
    ends = folding.constant(head.inputs[1])
    rank = len(folding.dims(node.outputs[0]))
    if ends is None or "pads" not in node.attributes or ends.min() < 0:
        return False
    ends = ends.reshape(2, rank)
    ends = ends if moved is None else ends[:, moved.attributes["perm"]]
    if np.any(ends[:, :2]):
        return False
    more = ends[:, 2:].reshape(-1)
    node.attributes["pads"] = [int(a + b) for a, b in zip(node.attributes["pads"], more, strict=True)]
    last = node if moved is None else moved
    last.inputs[0] = head.inputs[0]
    if moved is not None:
        before = folding.dims(head.inputs[0])
        folding.retyped(moved, tuple(before[axis] for axis in moved.attributes["perm"]))
    return False


_PASSES: dict[str, tuple[Callable[[_Folding, Node], bool], ...]] = {
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
