"""Rules of products and convolutions, and of windows that slide."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from .elementwise import cast, made
from .graph import Graph
from .shaping import in_shape, tensor
from .translate import Call, rule
from .values import Value, arranged, constant, dense, is_known, is_one, reshaped, stored_with


@rule("dot_general")
def dot_general(call: Call, a: Value, b: Value) -> Any:
    (a_summed, b_summed), (a_batch, b_batch) = call.dimension_numbers
    dtype = call.dtype
    if dtype.kind not in "fiu" or a.parts or b.parts:
        return NotImplemented
    wide = np.dtype("float32") if dtype.kind == "f" else np.dtype("int32" if dtype.itemsize <= 4 else "int64")
    a, b = (cast(call, value, wide) for value in (a, b))
    a_free = [axis for axis in range(len(a.shape)) if axis not in (*a_summed, *a_batch)]
    b_free = [axis for axis in range(len(b.shape)) if axis not in (*b_summed, *b_batch)]
    a, b = stored_with(call.graph, a, a_summed), stored_with(call.graph, b, b_summed)
    if len(a_summed) == 1 and not a_batch and len(b_free) and b.is_constant:
        found = _by_matrix(call, a, b, a_summed[0], a_free, b_summed[0], b_free, wide)
    else:
        found = _by_stack(call, a, b, (a_batch, a_free, a_summed), (b_batch, b_free, b_summed), wide)
    return cast(call, found, dtype)


def _by_matrix(
    call: Call, a: Value, b: Value, a_summed: int, a_free: list[int], b_summed: int, b_free: list[int], dtype: Any
) -> Value:
    """Any number of rows by a constant matrix."""
    graph, shape = call.graph, call.shape
    a = stored_with(graph, a, a_free)
    order = [axis for axis in a.axes if axis in a_free]
    order += [axis for axis in a_free if axis not in order]
    name = arranged(graph, a, [*order, a_summed])
    rows, columns = [a.shape[axis] for axis in order], [b.shape[axis] for axis in b_free]
    width = int(np.prod(columns))
    matrix = arranged_matrix(b, [b_summed], b_free)
    if not order:  # a vector has no rows
        name = graph.emit("Unsqueeze", [name, graph.integers(0)], (1, a.shape[a_summed]), dtype)
    dims = (*(rows or [1]), width)
    name = graph.emit("MatMul", [name, graph.constant(matrix)], dims, dtype)
    joined = Value((*rows, *columns), dtype, ())
    found = in_shape(graph, tensor(dims, dtype, name), joined.shape)
    places = [a_free.index(axis) for axis in order]
    return found.with_shape(
        shape, [None if axis is None else places[axis] if axis < len(places) else axis for axis in found.axes]
    )


def arranged_matrix(value: Value, rows: list[int], columns: list[int]) -> np.ndarray:
    array = dense(value).transpose([*rows, *columns])
    height = int(np.prod([value.shape[axis] for axis in rows]))
    return np.ascontiguousarray(array.reshape(height, -1))


def _by_stack(call: Call, a: Value, b: Value, a_axes: Any, b_axes: Any, dtype: Any) -> Value:
    """Stacks of matrices, (batch, free, summed) by (batch, summed, free)."""
    graph, shape = call.graph, call.shape
    (a_batch, a_free, a_summed), (b_batch, b_free, b_summed) = (tuple(map(list, axes)) for axes in (a_axes, b_axes))
    batch = list(range(len(a_batch)))
    a, b = stored_with(graph, a, a_free), stored_with(graph, b, b_free)
    if not a_batch and not b_batch and len(b_free) == 1 and len(b_summed) == 1 and len(a_summed) == 1:
        pass  # a matrix behind any number of rows, as MatMul has it
    elif len(a_free) != 1:
        a, a_free = _as_one(graph, a, a_batch, a_free, a_summed, first=True)
    if len(a_summed) != 1:
        a, a_summed = _as_one(graph, a, [*a_batch, *a_free], a_summed, [], first=False)
    if len(b_free) != 1:
        b, b_free = _as_one(graph, b, b_batch, b_free, b_summed, first=True)
    if len(b_summed) != 1:
        b, b_summed = _as_one(graph, b, [*b_batch, *b_free], b_summed, [], first=False)
    names = [arranged(graph, a, [*a_batch, *a_free, *a_summed]), arranged(graph, b, [*b_batch, *b_summed, *b_free])]
    rows = [a.shape[axis] for axis in a_free]
    stack = []
    for i in batch:
        in_a, in_b = (
            value.shape[axes[i]] if axes[i] in value.axes else 1 for value, axes in ((a, a_batch), (b, b_batch))
        )
        stack.append(in_b if is_one(in_a) else in_a)
    dims = (*stack, *rows, b.shape[b_free[0]])
    name = graph.emit("MatMul", names, dims, dtype)
    kept = [i if not is_one(size) or is_one(shape[i]) else None for i, size in zip(batch, stack, strict=True)]
    joined = (*(shape[i] for i in batch), *rows, b.shape[b_free[0]])
    found = tensor(joined, dtype, name, [*kept, *range(len(batch), len(joined))])
    return in_shape(graph, found, shape)


def _as_one(
    graph: Graph, value: Value, before: list[int], axes: list[int], after: list[int], first: bool
) -> tuple[Value, list[int]]:
    """Several axes (or none) as one, whose place is that of a new last axis of the value."""
    order = [*before, *axes, *after]
    value = stored_with(graph, value, axes)
    name = arranged(graph, value, order)
    size = 1
    for axis in axes:
        size = size * value.shape[axis]
    held = [value.shape[a] if a in value.axes else 1 for a in order]
    dims = (*held[: len(before)], size, *held[len(before) + len(axes) :])
    name = reshaped(graph, name, tuple(held), dims, value.dtype)
    shape = (*value.shape, size)
    stored_axes = [*(a if a in value.axes else None for a in before), len(value.shape)]
    stored_axes += [a if a in value.axes else None for a in after]
    return tensor(shape, value.dtype, name, stored_axes), [len(value.shape)]


# --- convolutions ---


class _Floats(Call):
    """An equation of whole numbers, translated as if they were floats."""

    @property
    def dtype(self) -> np.dtype:
        return np.dtype("float32")


@rule("conv_general_dilated")
def convolution(call: Call, x: Value, kernel: Value) -> Any:
    lhs, rhs, out = call.dimension_numbers
    if call.batch_group_count != 1 or call.dtype.kind not in "fiu":
        return NotImplemented
    if call.dtype.kind != "f":  # of whole numbers, which are whole up to 2 ** 24
        inner = _Floats(call.graph, call.equation, call.path)
        found = convolution(inner, *(cast(call, value, np.float32) for value in (x, kernel)))
        return found if found is NotImplemented else cast(call, found, call.dtype)
    graph, dtype, groups = call.graph, call.dtype, call.feature_group_count
    x, kernel = stored_with(graph, x, lhs), stored_with(graph, kernel, rhs)
    name = arranged(graph, x, lhs)
    size = [kernel.shape[axis] for axis in rhs[2:]]
    lows, highs = zip(*call.padding, strict=True) if call.padding else ((), ())
    shape = call.shape
    dims = tuple(shape[axis] for axis in out)
    steps, dilations = list(call.window_strides), list(call.rhs_dilation)
    spread = list(call.lhs_dilation)
    if all(step == 1 for step in spread):
        added = _pads(lows, highs)
        if added is None:
            return NotImplemented
        weights = arranged(graph, kernel, rhs)
        attributes = {"kernel_shape": size, "strides": steps, "dilations": dilations, "group": groups}
        name = graph.emit("Conv", [name, weights], dims, dtype, **attributes, **added)
        return tensor(shape, dtype, name, out)
    if any(step != 1 for step in steps) or not kernel.is_constant or not is_known([*lows, *highs]):
        return NotImplemented
    # What stands around the images in a transposed convolution, which is cut off there.
    extents = [dilation * (width - 1) for dilation, width in zip(dilations, size, strict=True)]
    begins = [extent - low for extent, low in zip(extents, lows, strict=True)]
    ends = [extent - high for extent, high in zip(extents, highs, strict=True)]
    if any(begin < 0 for begin in begins):
        return NotImplemented
    attributes = {"kernel_shape": size, "strides": spread, "dilations": dilations, "group": groups}
    attributes["pads"] = [*begins, *(max(end, 0) for end in ends)]
    more = [max(-end, 0) for end in ends]
    weights = graph.constant(_turned(dense(kernel).transpose(rhs), groups))
    if any(extra >= step for extra, step in zip(more, spread, strict=True)):  # more than `output_padding` may be
        short = tuple(size - extra for size, extra in zip(dims[2:], more, strict=True))
        name = graph.emit("ConvTranspose", [name, weights], (*dims[:2], *short), dtype, **attributes)
        name = graph.emit("Pad", [name, graph.integers(*[0] * (len(dims) + 2), *more)], dims, dtype)
    else:
        attributes |= {"output_padding": more} if any(more) else {}
        name = graph.emit("ConvTranspose", [name, weights], dims, dtype, **attributes)
    return tensor(shape, dtype, name, out)


def _turned(kernel: np.ndarray, groups: int) -> np.ndarray:
    """A kernel as ONNX' transposed convolution has it: turned around, with channels in front."""
    filters, channels, *size = kernel.shape
    array = np.flip(kernel, tuple(range(2, kernel.ndim)))
    array = array.reshape(groups, filters // groups, channels, *size).swapaxes(1, 2)
    return np.ascontiguousarray(array.reshape(groups * channels, filters // groups, *size))


def _pads(lows: Any, highs: Any) -> dict[str, Any] | None:
    """Cells added on both sides. Their number is a symbol just where "same" is asked of sizes that are not known."""
    if not is_known([*lows, *highs]):
        return {"auto_pad": "SAME_UPPER"}
    return None if min([*lows, *highs, 0]) < 0 else {"pads": [*map(int, (*lows, *highs))]}


# --- windows ---


def _spatial(call: Call, value: Value) -> tuple[list[int], list[int]] | None:
    """The axes that a window slides along, and the others, of which ONNX wants two in front."""
    window = call.window_dimensions
    moving = [
        axis
        for axis, size in enumerate(window)
        if size != 1 or call.window_strides[axis] != 1 or not _is_zero(call.padding[axis])
    ]
    resting = [axis for axis in range(len(window)) if axis not in moving]
    while len(resting) > 2 and len(moving) < 3:  # ONNX has two axes in front; others move by windows of one
        moving.append(resting.pop(1 if len(resting) > 2 and resting[-1] == len(window) - 1 else -1))
    moving.sort()
    if any(step != 1 for step in call.base_dilation) or len(resting) > 2 or len(moving) > 3:
        return None
    return moving, resting


def _is_zero(pair: Any) -> bool:
    return is_known(pair) and not any(pair)


def _windowed(call: Call, value: Value, op: str, dtype: Any, **attributes: Any) -> Any:
    found = _spatial(call, value)
    if found is None:
        return NotImplemented
    graph, (moving, resting) = call.graph, found
    if not moving:
        return value
    value = stored_with(graph, cast(call, value, dtype), range(len(value.shape)))
    order = [*resting, *moving]
    name = arranged(graph, value, order)
    missing = 2 - len(resting)
    if missing:
        places = list(range(missing))
        name = graph.emit(
            "Unsqueeze", [name, graph.integers(*places)], (*[1] * missing, *(value.shape[a] for a in order)), dtype
        )
    lows, highs = zip(*(call.padding[axis] for axis in moving), strict=True)
    attributes |= {
        "kernel_shape": [call.window_dimensions[axis] for axis in moving],
        "strides": [call.window_strides[axis] for axis in moving],
    }
    added = _pads(lows, highs)
    if added is None:
        return NotImplemented
    attributes |= added
    dilations = [call.window_dilation[axis] for axis in moving]
    if any(step != 1 for step in dilations):
        attributes["dilations"] = dilations
    shape = call.shape
    name = graph.emit(op, [name], (*[1] * missing, *(shape[a] for a in order)), dtype, **attributes)
    return tensor(shape, dtype, name, [*[None] * missing, *order])


@rule("reduce_window_max")
def window_max(call: Call, value: Value) -> Any:
    wide = call.dtype if call.dtype.kind == "f" else np.dtype("float64")  # of whole numbers, in a dtype that holds all
    found = _windowed(call, value, "MaxPool", wide)
    return found if found is NotImplemented else cast(call, found, call.dtype)


@rule("reduce_window_min")
def window_min(call: Call, value: Value) -> Any:
    wide = call.dtype if call.dtype.kind == "f" else np.dtype("float64")
    found = _windowed(call, made(call, "Neg", cast(call, value, wide), dtype=wide, shape=value.shape), "MaxPool", wide)
    return found if found is NotImplemented else cast(call, made(call, "Neg", found, dtype=wide), call.dtype)


@rule("reduce_window_sum")
def window_sum(call: Call, value: Value) -> Any:
    wide = np.dtype("float32")
    found = _windowed(call, value, "AveragePool", wide, count_include_pad=1)
    if found is NotImplemented:
        return found
    cells = float(np.prod(call.window_dimensions))
    total = made(call, "Mul", found, constant(np.asarray(cells, wide)), dtype=wide)
    if call.dtype.kind in "iu":
        total = made(call, "Round", total, dtype=wide)
    return replace(cast(call, total, call.dtype))
