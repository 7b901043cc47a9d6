"""Factors and summands that are constant, put into the weights of what is before them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .graph import Node
from .peephole import Folding, constant_operand, grows, per_channel
from .values import is_known

AFFINE = ("Add", "Sub", "Mul", "Div")
# What a number that is the same for all entries may pass by.
MOVES = ("Reshape", "Transpose", "Squeeze", "Unsqueeze")


def affine(folding: Folding, node: Node) -> bool:
    found = constant_operand(folding, node)
    if found is None or grows(folding, node, found[0]):
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
    fold = HEADS.get(head.op) if head is not None else None
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


def into_convolution(folding: Folding, head: Node, factor: np.ndarray, summand: np.ndarray) -> bool:
    weights = folding.constant(head.inputs[1])
    if weights is None or (len(head.inputs) > 2 and folding.constant(head.inputs[2]) is None):
        return False
    turned = head.op == "ConvTranspose"
    filters = weights.shape[1] * head.attributes["group"] if turned else weights.shape[0]
    pair = [per_channel(array, filters, weights.ndim - 2) for array in (factor, summand)]
    if any(one is None for one in pair) or (turned and head.attributes["group"] != 1 and np.any(pair[0] != 1)):
        return False
    scale, shift = pair
    if np.any(scale != 1):
        axes = (1, -1) if turned else (-1, 1)
        weights = weights * scale.reshape(*axes, *[1] * (weights.ndim - 2))
        head.inputs[1] = folding.graph.constant(weights)
    _shift(folding, head, np.zeros(filters, weights.dtype), scale, shift)
    return True


def _shift(folding: Folding, head: Node, nothing: np.ndarray, scale: np.ndarray, shift: np.ndarray) -> None:
    """Let the third input, the bias, be scaled and shifted as the weights were scaled; left out where it is 0."""
    bias: Any = folding.constant(head.inputs[2]) if len(head.inputs) > 2 else nothing
    bias = bias * scale + shift
    head.inputs[2:] = [folding.graph.constant(bias)] if np.any(bias) else []


def into_product(folding: Folding, head: Node, factor: np.ndarray, summand: np.ndarray) -> bool:
    """`MatMul` with a bias as its third input until `_lower` makes two nodes of it, or a `Gemm`."""
    weights = folding.constant(head.inputs[1])
    if weights is None or weights.ndim != 2:
        return False
    width = weights.shape[1]
    pair = [per_channel(array, width, 0) for array in (factor, summand)]
    if any(one is None for one in pair):
        return False
    scale, shift = pair
    if np.any(scale != 1):
        head.inputs[1] = folding.graph.constant(weights * scale)
    _shift(folding, head, np.zeros(width, weights.dtype), scale, shift)
    return True


def into_normalization(folding: Folding, head: Node, factor: np.ndarray, summand: np.ndarray) -> bool:
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


def into_neighbour(folding: Folding, head: Node, factor: np.ndarray, summand: np.ndarray) -> bool:
    """Two factors as one, or two summands. A summand before a factor stays: their order keeps digits."""
    found = constant_operand(folding, head)
    if found is None or grows(folding, head, found[0]):
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


def into_pooling(folding: Folding, head: Node, factor: np.ndarray, summand: np.ndarray) -> bool:
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


HEADS: dict[str, Callable[[Folding, Node, np.ndarray, np.ndarray], bool]] = {
    "Conv": into_convolution,
    "ConvTranspose": into_convolution,
    "MatMul": into_product,
    "LayerNormalization": into_normalization,
    "AveragePool": into_pooling,
    **dict.fromkeys(AFFINE, into_neighbour),
}
