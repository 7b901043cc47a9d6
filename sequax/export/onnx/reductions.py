"""Rules of primitives that go along axes: sums, extremes, orders, running totals."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from .elementwise import WIDER, cast, made
from .graph import Graph
from .shaping import sliced, tensor
from .translate import Call, rule
from .values import Value, arranged, is_known, stored, stored_with, vector

REDUCED = {"reduce_sum": "ReduceSum", "reduce_max": "ReduceMax", "reduce_min": "ReduceMin", "reduce_prod": "ReduceProd"}


@rule(*REDUCED)
def reduce(call: Call, value: Value) -> Value:
    wide = WIDER.get(call.dtype.name, call.dtype)
    found = _reduced(call, REDUCED[call.equation.primitive.name], cast(call, value, wide))
    return cast(call, found, call.dtype)


@rule("reduce_and")
def reduce_and(call: Call, value: Value) -> Value:
    return cast(call, _reduced(call, "ReduceMin", cast(call, value, np.int32)), bool)


@rule("reduce_or")
def reduce_or(call: Call, value: Value) -> Value:
    return cast(call, _reduced(call, "ReduceMax", cast(call, value, np.int32)), bool)


def _reduced(call: Call, op: str, value: Value) -> Value:
    graph = call.graph
    if op in ("ReduceSum", "ReduceProd"):
        value = stored_with(graph, value, call.axes)
    kept = [axis for axis in range(len(value.shape)) if axis not in call.axes]
    shape = tuple(value.shape[axis] for axis in kept)
    places = [place for place, axis in enumerate(value.axes) if axis in call.axes]
    axes = [None if axis is None else kept.index(axis) for axis in value.axes if axis not in call.axes]
    if not places:
        return value.with_shape(shape, axes)
    dims = tuple(1 if axis is None else shape[axis] for axis in axes)
    name = graph.emit(op, [stored(graph, value), graph.integers(*places)], dims, value.dtype, keepdims=0)
    found = Value(shape, value.dtype, tuple(axes), name)
    if op != "ReduceSum":
        return found
    cells: Any = 1
    for axis in call.axes:
        cells = cells * value.shape[axis]
    return replace(found, summed=(stored(graph, value), places, cells, False))


def in_order(graph: Graph, value: Value, axis: int) -> tuple[str, int, Value]:
    """What is stored with all axes of the value, the place of an axis in it, and the value so stored."""
    value = stored_with(graph, value, range(len(value.shape)))
    axes = [a for a in value.axes if a is not None]
    for missing in [a for a in range(len(value.shape)) if a not in axes]:
        place = next((i for i, other in enumerate(axes) if other > missing), len(axes))
        axes.insert(place, missing)
    name = arranged(graph, value, axes)
    return name, axes.index(axis), replace(value, name=name, array=None, axes=tuple(axes))


@rule("argmax", "argmin")
def arg_extreme(call: Call, value: Value) -> Value:
    graph, axis = call.graph, call.axes[0]
    wide = WIDER.get(value.dtype.name, "int32" if value.dtype.kind == "b" else value.dtype)
    name, place, value = in_order(graph, cast(call, value, wide), axis)
    kept = [a for a in range(len(value.shape)) if a != axis]
    axes = [kept.index(a) for a in value.axes if a != axis and a is not None]
    dims = tuple(call.shape[a] for a in axes)
    op = "ArgMax" if call.equation.primitive.name == "argmax" else "ArgMin"
    name = graph.emit(op, [name], dims, np.int64, axis=place, keepdims=0)
    return cast(call, tensor(call.shape, np.int64, name, axes), call.dtype)


@rule("cumsum")
def cumsum(call: Call, value: Value) -> Value:
    graph = call.graph
    wide = WIDER.get(value.dtype.name, value.dtype)
    name, place, value = in_order(graph, cast(call, value, wide), call.axis)
    dims = tuple(call.shape[a] for a in value.axes if a is not None)
    where = graph.constant(np.asarray(place, np.int64))
    name = graph.emit("CumSum", [name, where], dims, wide, reverse=int(call.reverse))
    return cast(call, tensor(call.shape, wide, name, value.axes), call.dtype)


@rule("cumprod", "cummax", "cummin")
def running(call: Call, value: Value) -> Any:
    """By doubling: each entry meets the one 1, 2, 4, ... before it."""
    graph, axis, shape = call.graph, call.axis, call.shape
    if not is_known([shape[axis]]):
        return NotImplemented
    op = {"cumprod": "Mul", "cummax": "Max", "cummin": "Min"}[call.equation.primitive.name]
    value = stored_with(graph, value, [axis])
    step, length = 1, shape[axis]
    while step < length:
        short = (*shape[:axis], length - step, *shape[axis + 1 :])
        first, last = (0, length - step), (step, length)
        near, far = (last, first) if not call.reverse else (first, last)
        joined = made(
            call,
            op,
            sliced(call, value, {axis: (*near, 1)}, short),
            sliced(call, value, {axis: (*far, 1)}, short),
            shape=short,
        )
        edge = (0, step) if not call.reverse else (length - step, length)
        rest = sliced(call, value, {axis: (*edge, 1)}, (*shape[:axis], step, *shape[axis + 1 :]))
        parts = [rest, joined] if not call.reverse else [joined, rest]
        order = [a for a in value.axes if a is not None]
        names = [arranged(graph, part, order) for part in parts]
        dims = tuple(shape[a] for a in order)
        name = graph.emit("Concat", names, dims, value.dtype, axis=order.index(axis))
        value = tensor(shape, value.dtype, name, order)
        step *= 2
    return value


@rule("sort")
def sort(call: Call, *values: Value) -> Any:
    if call.num_keys != 1:
        return NotImplemented
    axis = call.dimension
    keys, places, order = _top(call, values[0], axis, values[0].shape[axis], largest=False)
    if len(values) == 1:
        return [keys]
    found = [keys]
    for value in values[1:]:
        value = stored_with(call.graph, value, range(len(value.shape)))
        name = arranged(call.graph, value, order)
        dims = tuple(value.shape[a] for a in order)
        name = call.graph.emit("GatherElements", [name, places], dims, value.dtype, axis=order.index(axis))
        found.append(tensor(value.shape, value.dtype, name, order))
    return found


@rule("top_k")
def top_k(call: Call, value: Value) -> list[Value]:
    axis = len(value.shape) - 1
    found, places, order = _top(call, value, axis, call.k, largest=True)
    indices = tensor(found.shape, np.int64, places, order)
    return [found, cast(call, indices, call.equation.outvars[1].aval.dtype)]


def _top(call: Call, value: Value, axis: int, count: Any, largest: bool) -> tuple[Value, str, list[int]]:
    graph = call.graph
    dtype, wide = value.dtype, "int32" if value.dtype.kind == "b" else WIDER.get(value.dtype.name, value.dtype)
    name, place, value = in_order(graph, cast(call, value, wide), axis)
    shape = (*value.shape[:axis], count, *value.shape[axis + 1 :])
    order = [a for a in value.axes if a is not None]
    dims = tuple(shape[a] for a in order)
    names = graph.emit_all(
        "TopK",
        [name, vector(graph, [count])],
        [dims, dims],
        [wide, np.int64],
        axis=place,
        largest=int(largest),
        sorted=1,
    )
    return cast(call, tensor(shape, wide, names[0], order), dtype), names[1], order
