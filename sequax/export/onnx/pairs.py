"""Pairs of nodes that ONNX has as one."""

from __future__ import annotations

import numpy as np

from .graph import Node
from .peephole import Folding, constant_operand, grows, per_channel
from .values import is_known


def limits(folding: Folding, node: Node) -> bool:
    """`Min(Max(x, a), b)` and `Min(Relu(x), b)` as `Clip`."""
    found = constant_operand(folding, node)
    if found is None or found[1].size != 1:
        return False
    head = folding.before(found[0])
    if head is None:
        return False
    if head.op == "Relu":
        x, low = head.inputs[0], np.zeros((), found[1].dtype)
    elif head.op == "Max" and (inside := constant_operand(folding, head)) is not None and inside[1].size == 1:
        x, low = inside[0], inside[1].reshape(())
    else:
        return False
    if grows(folding, node, x):
        return False
    head.op = "Clip"
    head.inputs = [x, folding.graph.constant(low), folding.graph.constant(found[1].reshape(()))]
    return folding.vanish(node, found[0])


def limited_twice(folding: Folding, node: Node) -> bool:
    """`Clip(Relu(x))` as `Clip`."""
    head, low = folding.before(node.inputs[0]), folding.constant(node.inputs[1])
    if head is not None and head.op == "Relu" and low is not None and low.size == 1 and low.reshape(()) >= 0:
        node.inputs[0] = head.inputs[0]
        head.op = ""
    return False


def keeps_axes(folding: Folding, node: Node) -> bool:
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


def flattened(folding: Folding, node: Node) -> bool:
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


def moved_twice(folding: Folding, node: Node) -> bool:
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


def reshaped_twice(folding: Folding, node: Node) -> bool:
    """A tensor in another rank and in another one again."""
    head = folding.before(node.inputs[0])
    codes = folding.constant(node.inputs[1]) if node.op == "Reshape" else None
    if head is None or head.op not in ("Reshape", "Squeeze", "Unsqueeze") or codes is None or 0 in codes.tolist():
        return False
    if (codes == -1).sum() > 1:
        return False
    node.inputs[0] = head.inputs[0]
    return False


def normalized(folding: Folding, node: Node) -> bool:
    """A mean, a factor and a summand per channel, which nothing before them takes: `BatchNormalization`."""
    head = folding.before(node.inputs[0])
    first = folding.before(head.inputs[0]) if head is not None and head.op == "Mul" else None
    if head is None or first is None or first.op not in ("Sub", "Add") or node.op != "Add":
        return False
    dims, found = folding.dims(node.outputs[0]), []
    if len(dims) < 2 or not is_known(dims[1:2]):
        return False
    for one in (first, head, node):
        pair = constant_operand(folding, one)
        array = None if pair is None or pair[2] != 0 else per_channel(pair[1], dims[1], len(dims) - 2)
        if array is None:
            return False
        found.append(array)
    if grows(folding, node, first.inputs[0]):
        return False
    mean, factor, summand = found
    mean = mean if first.op == "Sub" else -mean
    vectors = [factor, summand, mean, np.ones_like(mean)]
    node.op, node.inputs = "BatchNormalization", [first.inputs[0], *map(folding.graph.constant, vectors)]
    node.attributes = {"epsilon": 0.0}
    head.op = first.op = ""
    return False


def padded(folding: Folding, node: Node) -> bool:
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
