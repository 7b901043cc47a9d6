"""`Value`: what a variable of a traced program is in the graph, as lazily as possible.

A value has a shape as the program says it, and a tensor (or a constant) that may be stored otherwise:

- **with its axes in another order**: a transposition makes no node, and what stands between two convolutions stays
  channels first;
- **with axes of size one, or none at all**, where the program has copies: nodes of ONNX broadcast by themselves.

`axes` says which axis of the program each stored axis holds; None for one of size one that holds none. Axes of the
program that no stored axis holds are copies (or of size one).
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import jax
import numpy as np

from .graph import Dims, Graph

Axes = tuple[int | None, ...]


@dataclass(frozen=True, eq=False)
class Value:
    """
    Attributes:
        shape: as the program has it.
        dtype: of what is stored.
        axes: see above.
        name: of the tensor; None for a constant that no node reads yet, and for a size.
        array: a constant, as it is stored.
        size: of whole numbers without axes, the symbolic size that it is.
        summed: of a sum, (name of the tensor, its dims, the stored axes, their number of cells): a quotient by the
            latter is a mean.
        last: of a sequence, (axis, the value of its last step).
        parts: of complex numbers, real and imaginary part.
    """

    shape: Dims
    dtype: np.dtype
    axes: Axes
    name: str | None = None
    array: Any = None
    size: Any = None
    summed: Any = None
    last: Any = None
    parts: Any = None

    @property
    def is_constant(self) -> bool:
        return self.array is not None

    @property
    def dims(self) -> Dims:
        """The sizes of what is stored."""
        return tuple(1 if axis is None else self.shape[axis] for axis in self.axes)

    @property
    def copied(self) -> list[int]:
        """Axes that the program has copies along."""
        return [axis for axis, size in enumerate(self.shape) if axis not in self.axes and not is_one(size)]

    def with_shape(self, shape: Dims, axes: Sequence[int | None]) -> Value:
        """What is stored, as a value of another shape."""
        held = tuple(None if axis is None or is_one(shape[axis]) else axis for axis in axes)
        return replace(self, shape=tuple(shape), axes=held, summed=None, last=None)


def constant(array: Any, shape: Dims | None = None, axes: Sequence[int | None] | None = None) -> Value:
    """A value that is known."""
    array = np.asarray(array)
    array = array.astype(float_of(array.dtype)) if array.dtype != float_of(array.dtype) else array
    shape = array.shape if shape is None else tuple(shape)
    axes = tuple(range(len(shape))) if axes is None else axes
    held = tuple(None if axis is None or is_one(shape[axis]) else axis for axis in axes)
    return Value(shape, array.dtype, held, array=array)


def float_of(dtype: Any) -> np.dtype:
    """The dtype that stands for one of the program: floats of 16 bits are computed in 32."""
    return np.dtype("float32") if dtype in (np.dtype("float16"), jax.numpy.bfloat16.dtype) else np.dtype(dtype)


def is_one(size: Any) -> bool:
    return type(size) is not bool and isinstance(size, (int, np.integer)) and size == 1


def is_known(sizes: Sequence[Any]) -> bool:
    return all(isinstance(size, (int, np.integer)) for size in sizes)


def dense(value: Value) -> np.ndarray:
    """A constant in the shape that the program has.

    Raises:
        ValueError: if a size of it is a symbol.
    """
    assert value.array is not None
    if not is_known(value.shape):
        raise ValueError("a size is not known")
    return np.broadcast_to(arranged_array(value, range(len(value.shape))), value.shape)


def arranged_array(value: Value, wanted: Sequence[int | None]) -> np.ndarray:
    """A constant stored as `wanted` says, with size one for what is copied."""
    assert value.array is not None
    held = [i for i, axis in enumerate(value.axes) if axis is not None]
    array = value.array.reshape([value.array.shape[i] for i in held])
    order = [value.axes[i] for i in held]
    kept = [axis for axis in wanted if axis in order and axis is not None]
    array = array.transpose([order.index(axis) for axis in kept])
    sizes = iter(array.shape)
    return array.reshape([next(sizes) if axis in kept else 1 for axis in wanted])


def stored(graph: Graph, value: Value) -> str:
    """The name of what is stored, as it is."""
    if value.name is not None:
        return value.name
    if value.array is not None:
        return graph.constant(value.array)
    assert value.size is not None
    return graph.emit("Cast", [vector(graph, [value.size])], (1,), value.dtype, to=value.dtype)


def arranged(graph: Graph, value: Value, wanted: Sequence[int | None]) -> str:
    """The name of a tensor whose stored axes are just those wanted; copies have size one."""
    wanted = tuple(None if axis is None or is_one(value.shape[axis]) else axis for axis in wanted)
    if value.is_constant:
        return graph.constant(arranged_array(value, wanted))
    name, axes = stored(graph, value), value.axes
    wanted = tuple(axis if axis in axes else None for axis in wanted)
    if axes == wanted:
        return name
    kept = [axis for axis in axes if axis is not None]
    asked = [axis for axis in wanted if axis is not None]
    lost = set(kept) - set(asked)
    assert not lost, f"axes {lost} are not wanted"
    if kept != asked:
        name, axes = _transposed(graph, value, name, axes, wanted)
        if axes == wanted:
            return name
    return _in_rank(graph, value, name, axes, wanted)


def _transposed(graph: Graph, value: Value, name: str, axes: Axes, wanted: Axes) -> tuple[str, Axes]:
    """The axes in the order wanted; those of size one go to where some are wanted as far as there are enough."""
    spare = [i for i, axis in enumerate(axes) if axis is None]
    order: list[int] = []
    for axis in wanted:
        if axis is not None:
            order.append(axes.index(axis))
        elif spare:
            order.append(spare.pop(0))
    order = [*spare, *order]
    axes = tuple(axes[i] for i in order)
    dims = tuple(1 if axis is None else value.shape[axis] for axis in axes)
    return graph.emit("Transpose", [name], dims, value.dtype, perm=order), axes


def _in_rank(graph: Graph, value: Value, name: str, axes: Axes, wanted: Axes) -> str:
    """Axes of size one put in and taken away; the others stand in order."""
    dims = tuple(1 if axis is None else value.shape[axis] for axis in wanted)
    added = _places(axes, wanted)
    if added is not None:
        return graph.emit("Unsqueeze", [name, graph.integers(*added)], dims, value.dtype)
    removed = _places(wanted, axes)
    if removed is not None:
        return graph.emit("Squeeze", [name, graph.integers(*removed)], dims, value.dtype)
    return reshaped(graph, name, tuple(1 if a is None else value.shape[a] for a in axes), dims, value.dtype)


def _places(fewer: Axes, more: Axes) -> list[int] | None:
    """The places of `more` that have to be left out to get `fewer`, all of them of size one; None if it cannot be."""
    left, places = list(fewer), []
    for place, axis in enumerate(more):
        if left and left[0] == axis:
            left.pop(0)
        elif axis is None:
            places.append(place)
        else:
            return None
    return None if left else places


def reshaped(graph: Graph, name: str, dims: Dims, wanted: Dims, dtype: Any) -> str:
    """A tensor of some dims in others."""
    if tuple(dims) == tuple(wanted):
        return name
    return graph.emit("Reshape", [name, _shape_for(graph, dims, wanted)], wanted, dtype)


def _shape_for(graph: Graph, dims: Dims, wanted: Dims) -> str:
    """The second input of a Reshape: 0 copies a size of the same place, -1 is what is left."""
    codes: list[int] = []
    for place, size in enumerate(wanted):
        if isinstance(size, (int, np.integer)):
            codes.append(int(size))
        elif place < len(dims) and dims[place] == size:
            codes.append(0)
        else:
            codes.append(-1)
    if codes.count(-1) > 1 or (0 in codes and any(size == 0 for size in wanted if isinstance(size, int))):
        return vector(graph, wanted)
    return graph.integers(*codes)


def full(graph: Graph, value: Value) -> str:
    """The name of a tensor just as the program has it: axes in order, copies made."""
    if value.is_constant and is_known(value.shape) and not value.copied:
        return graph.constant(arranged_array(value, range(len(value.shape))))
    name = arranged(graph, value, range(len(value.shape)))
    if not value.copied:
        return name
    return graph.emit("Expand", [name, vector(graph, value.shape)], value.shape, value.dtype)


def stored_with(graph: Graph, value: Value, axes: Sequence[int]) -> Value:
    """The value with copies made along these axes, if it has none there."""
    missing = [axis for axis in axes if axis in value.copied]
    if not missing:
        return value
    wanted = [*(axis for axis in missing), *value.axes]
    if value.is_constant and is_known([value.shape[axis] for axis in missing]):
        array = np.broadcast_to(
            arranged_array(value, wanted), [1 if axis is None else value.shape[axis] for axis in wanted]
        )
        return replace(value, array=np.ascontiguousarray(array), axes=tuple(wanted), name=None)
    dims = [1 if axis is None else value.shape[axis] for axis in wanted]
    name = graph.emit("Expand", [stored(graph, value), vector(graph, dims)], tuple(dims), value.dtype)
    return replace(value, name=name, array=None, size=None, axes=tuple(wanted))


# --- sizes ---


def vector(graph: Graph, sizes: Sequence[Any]) -> str:
    """A vector of whole numbers (int64) with these sizes, symbols among them."""
    if is_known(sizes):
        return graph.integers(*map(int, sizes))
    groups: list[Any] = []
    for size in sizes:
        known = isinstance(size, (int, np.integer))
        if known and groups and isinstance(groups[-1], list):
            groups[-1].append(int(size))
        else:
            groups.append([int(size)] if known else size)
    parts = [graph.integers(*one) if isinstance(one, list) else _size(graph, one) for one in groups]
    return parts[0] if len(parts) == 1 else graph.emit("Concat", parts, (len(sizes),), np.int64, axis=0)


class _Number:
    """A whole number that the graph computes, for Python's operators."""

    def __init__(self, graph: Graph, name: str):
        self.graph, self.name = graph, name

    def _joined(self, op: str, other: Any, swapped: bool = False) -> _Number:
        pair = [self.name, other.name if isinstance(other, _Number) else self.graph.integers(other)]
        return _Number(self.graph, self.graph.emit(op, pair[::-1] if swapped else pair, (1,), np.int64))

    def __add__(self, other: Any) -> _Number:
        return self._joined("Add", other)

    def __radd__(self, other: Any) -> _Number:
        return self._joined("Add", other, True)

    def __sub__(self, other: Any) -> _Number:
        return self._joined("Sub", other)

    def __rsub__(self, other: Any) -> _Number:
        return self._joined("Sub", other, True)

    def __mul__(self, other: Any) -> _Number:
        return self._joined("Mul", other)

    __rmul__ = __mul__

    def __neg__(self) -> _Number:
        return self._joined("Mul", -1)

    def floordiv(self, other: Any) -> _Number:
        # ONNX divides towards zero.
        rest = self.mod(other)
        return (self - rest)._joined("Div", other)

    def mod(self, other: Any) -> _Number:
        return self._joined("Mod", other)

    def max(self, other: Any) -> _Number:
        return self._joined("Max", other)

    def min(self, other: Any) -> _Number:
        return self._joined("Min", other)


def _size(graph: Graph, size: Any) -> str:
    """A vector of one entry, a symbolic size; read off its text, such as `2*batch + floordiv(dim_0_1, 2)`."""
    found = _evaluated(ast.parse(str(size).replace("^", "**"), mode="eval").body, graph)
    return found.name if isinstance(found, _Number) else graph.integers(found)


_OPERATORS = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul}


def _evaluated(tree: ast.expr, graph: Graph) -> Any:
    match tree:
        case ast.Constant(value=value):
            return value
        case ast.Name(id=name):
            return _Number(graph, symbol(graph, name))
        case ast.UnaryOp(operand=operand):
            return -_evaluated(operand, graph)
        case ast.BinOp(left=left, op=ast.Pow(), right=ast.Constant(value=int(power))):
            base = result = _evaluated(left, graph)
            for _ in range(power - 1):
                result = result * base
            return result
        case ast.BinOp(left=left, op=op, right=right):
            return _OPERATORS[type(op)](_evaluated(left, graph), _evaluated(right, graph))
        case ast.Call(func=ast.Name(id=name), args=[left, right]):
            a, b = _evaluated(left, graph), _evaluated(right, graph)
            if not isinstance(a, _Number):
                a = _Number(graph, graph.integers(a))
            return getattr(a, name)(b)
    raise NotImplementedError(ast.dump(tree))


def symbol(graph: Graph, name: str) -> str:
    """A vector of one entry, the size of that name; read off the input that has it."""
    root = graph
    while root.outer is not None:
        root = root.outer
    for given in root.inputs:
        for axis, size in enumerate(root.tensors[given].dims):
            if str(size) == name:
                return graph.emit("Shape", [given], (1,), np.int64, start=axis, end=axis + 1)
    raise NotImplementedError(f"size {name} is not one of an input")
