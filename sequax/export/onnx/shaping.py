"""Rules of primitives that move entries: most of them make no node, see `values.py`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from .elementwise import as_size, cast
from .graph import Graph
from .translate import Call, rule
from .values import (
    Value,
    arranged,
    arranged_array,
    constant,
    full,
    is_known,
    is_one,
    reshaped,
    stored,
    stored_with,
    vector,
)

END = np.iinfo(np.int64).max


@rule("broadcast_in_dim")
def broadcast_in_dim(call: Call, value: Value, *sizes: Value) -> Value:
    places, shape = call.broadcast_dimensions, call.shape
    if value.size is not None:
        return replace(value, shape=tuple(shape))
    found = value.with_shape(shape, [None if axis is None else places[axis] for axis in value.axes])
    return replace(found, summed=value.summed)  # with axes of size one, or copies


@rule("transpose")
def transpose(call: Call, value: Value) -> Value:
    places = {axis: place for place, axis in enumerate(call.permutation)}
    found = value.with_shape(call.shape, [None if axis is None else places[axis] for axis in value.axes])
    if value.last is None:
        return found
    return replace(found, last=(places[value.last[0]], value.last[1], places))


@rule("squeeze")
def squeeze(call: Call, value: Value) -> Value:
    kept = [axis for axis in range(len(value.shape)) if axis not in call.dimensions]
    return _relabelled(value, call.shape, kept)


def _relabelled(value: Value, shape: Any, kept: list[int]) -> Value:
    """Without the axes (of size one) that are not kept."""
    return value.with_shape(shape, [kept.index(axis) if axis in kept else None for axis in value.axes])


@rule("expand_dims")
def expand_dims(call: Call, value: Value) -> Value:
    places = [place for place in range(len(call.shape)) if place not in call.dimensions]
    return value.with_shape(call.shape, [None if axis is None else places[axis] for axis in value.axes])


@rule("reshape")
def reshape(call: Call, value: Value, *sizes: Value) -> Value:
    return in_shape(call.graph, value, call.shape)


def in_shape(graph: Graph, value: Value, shape: Any) -> Value:
    """The value in another shape, its entries in the same order."""
    shape = tuple(shape)
    before = [axis for axis, size in enumerate(value.shape) if not is_one(size)]
    after = [axis for axis, size in enumerate(shape) if not is_one(size)]
    if [value.shape[axis] for axis in before] == [shape[axis] for axis in after]:
        places = dict(zip(before, after, strict=True))
        return value.with_shape(shape, [places.get(axis) for axis in value.axes])  # type: ignore[arg-type]
    if not any(axis is not None for axis in value.axes):
        return value.with_shape(shape, [None] * len(value.axes))
    if value.is_constant and is_known(value.shape) and is_known(shape):
        dense = np.broadcast_to(arranged_array(value, range(len(value.shape))), value.shape)
        return constant(dense.reshape(shape))
    return tensor(shape, value.dtype, reshaped(graph, full(graph, value), value.shape, shape, value.dtype))


def tensor(shape: Any, dtype: Any, name: str, axes: Any = None) -> Value:
    """A tensor that is stored in order, or as the axes say."""
    axes = range(len(shape)) if axes is None else axes
    held = tuple(None if axis is None or is_one(shape[axis]) else axis for axis in axes)
    return Value(tuple(shape), np.dtype(dtype), held, name)


@rule("concatenate")
def concatenate(call: Call, *values: Value) -> Value:
    return joined(call, values, call.dimension)


def joined(call: Call, values: Sequence[Value], axis: int) -> Value:
    """The values behind each other along an axis."""
    graph = call.graph
    values = [value for value in values if not (is_known([value.shape[axis]]) and value.shape[axis] == 0)]
    if len(values) == 1:
        return values[0]
    values = [stored_with(graph, value, [axis]) for value in values]
    leading = max(values, key=lambda value: (sum(a is not None for a in value.axes), not value.is_constant))
    held = {a for value in values for a in value.axes if a is not None} | {axis}
    order = [a for a in leading.axes if a is not None and a in held]
    order = order if axis in order or not is_one(leading.shape[axis]) else _inserted(order, axis)
    for one in sorted(held - set(order)):
        order = _inserted(order, one)
    if order == sorted(order):
        order = list(range(len(call.shape))) if len(order) == len(call.shape) else order
    others = [a for a in order if a != axis]
    values = [stored_with(graph, value, others) for value in values]
    names = [arranged(graph, value, order) for value in values]
    dims = tuple(call.shape[a] for a in order)
    name = graph.emit("Concat", names, dims, call.dtype, axis=order.index(axis))
    return tensor(call.shape, call.dtype, name, order)


def _inserted(order: list[int], axis: int) -> list[int]:
    place = next((i for i, other in enumerate(order) if other > axis), len(order))
    return [*order[:place], axis, *order[place:]]


@rule("split")
def split(call: Call, value: Value) -> list[Value]:
    value = stored_with(call.graph, value, [call.axis])
    place = value.axes.index(call.axis) if call.axis in value.axes else None
    shapes = [tuple(one.aval.shape) for one in call.equation.outvars]
    if place is None:  # of one cell
        return [value]
    dims = [tuple(1 if a is None else shape[a] for a in value.axes) for shape in shapes]
    sizes = vector(call.graph, [shape[call.axis] for shape in shapes])
    names = call.graph.emit_all(
        "Split", [stored(call.graph, value), sizes], dims, [value.dtype] * len(dims), axis=place
    )
    return [tensor(shape, value.dtype, name, value.axes) for shape, name in zip(shapes, names, strict=True)]


def sliced(call: Call, value: Value, cuts: dict[int, tuple[Any, Any, int]], shape: Any) -> Value:
    """Cut along axes: start, stop and step of each; sizes may be symbols, or names of vectors with one entry."""
    graph = call.graph
    real = {axis: cut for axis, cut in cuts.items() if axis in value.axes}
    if not real:
        return value.with_shape(shape, value.axes)
    if (
        value.is_constant
        and is_known([n for cut in real.values() for n in cut])
        and all(cut[2] > 0 for cut in real.values())
    ):
        index = tuple(slice(*real[a]) if a in real else slice(None) for a in value.axes)
        return replace(value, array=value.array[index], name=None).with_shape(shape, value.axes)
    axes = list(real)
    starts, stops, steps = (_vector(graph, [real[axis][i] for axis in axes]) for i in range(3))
    places = graph.integers(*(value.axes.index(axis) for axis in axes))
    dims = tuple(1 if a is None else shape[a] for a in value.axes)
    name = graph.emit("Slice", [stored(graph, value), starts, stops, places, steps], dims, value.dtype)
    return tensor(shape, value.dtype, name, value.axes)


def _vector(graph: Graph, sizes: list[Any]) -> str:
    if not any(isinstance(size, str) for size in sizes):
        return vector(graph, sizes)
    parts = [size if isinstance(size, str) else vector(graph, [size]) for size in sizes]
    return parts[0] if len(parts) == 1 else graph.emit("Concat", parts, (len(parts),), np.int64, axis=0)


@rule("slice")
def slice_(call: Call, value: Value) -> Value:
    steps = call.strides or (1,) * len(value.shape)
    cuts = {}
    for axis, (start, stop, step) in enumerate(zip(call.start_indices, call.limit_indices, steps, strict=True)):
        if not (is_known([start]) and start == 0 and step == 1 and stop == value.shape[axis]):
            cuts[axis] = (start, END if stop == value.shape[axis] else stop, step)
    return sliced(call, value, cuts, call.shape)


@rule("rev")
def rev(call: Call, value: Value) -> Value:
    if value.is_constant:
        places = [value.axes.index(axis) for axis in call.dimensions if axis in value.axes]
        return replace(value, array=np.flip(value.array, tuple(places)), name=None)
    return sliced(call, value, {axis: (-1, -END, -1) for axis in call.dimensions}, call.shape)


@rule("dynamic_slice")
def dynamic_slice(call: Call, value: Value, *starts: Value) -> Value:
    sizes = call.slice_sizes
    cuts: dict[int, tuple[Any, Any, int]] = {}
    for axis, (start, size) in enumerate(zip(starts, sizes, strict=False)):
        length = value.shape[axis]
        if size is length or size == length:
            continue
        first = as_size(start)
        if first is not None and is_known([first, size, length]):
            first = min(max(first, 0), length - size)
            cuts[axis] = (first, first + size, 1)
        elif first is not None and is_known([first]) and first == 0:
            cuts[axis] = (0, size, 1)
        else:
            begin = _clipped(call, start, length - size)
            cuts[axis] = (begin, call.graph.emit("Add", [begin, vector(call.graph, [size])], (1,), np.int64), 1)
    return sliced(call, value, cuts, call.shape)


def _clipped(call: Call, start: Value, most: Any) -> str:
    """A start as a vector of one entry, between 0 and the most."""
    graph = call.graph
    if start.size is not None:
        found = vector(graph, [start.size])
    else:
        wide = cast(call, start, np.int64)
        name = stored(graph, wide)
        if wide.axes != (None,):
            name = graph.emit("Reshape", [name, graph.integers(1)], (1,), np.int64)
        found = name
    low = graph.emit("Max", [found, graph.integers(0)], (1,), np.int64)
    return graph.emit("Min", [low, vector(graph, [most])], (1,), np.int64)


@rule("dynamic_update_slice")
def dynamic_update_slice(call: Call, value: Value, update: Value, *starts: Value) -> Any:
    """Written by an index for every entry of the axes that are cut; the others stand behind."""
    graph = call.graph
    cut = [axis for axis in range(len(value.shape)) if not _same(update.shape[axis], value.shape[axis])]
    if not cut:
        return update
    if len(cut) > 1 or not is_known([update.shape[cut[0]]]):
        return NotImplemented
    axis, rank = cut[0], len(value.shape)
    order = [axis, *(a for a in range(rank) if a != axis)]
    whole, part = (stored_with(graph, v, range(rank)) for v in (value, update))
    begin = _clipped(call, starts[axis], value.shape[axis] - update.shape[axis])
    rows = graph.emit("Add", [begin, graph.integers(*range(update.shape[axis]))], (update.shape[axis],), np.int64)
    rows = graph.emit("Unsqueeze", [rows, graph.integers(1)], (update.shape[axis], 1), np.int64)
    names = [arranged(graph, v, order) for v in (whole, part)]
    dims = tuple(value.shape[a] for a in order)
    name = graph.emit("ScatterND", [names[0], rows, names[1]], dims, value.dtype)
    return tensor(call.shape, value.dtype, name, order)


def _same(a: Any, b: Any) -> bool:
    return bool(a is b or a == b)


@rule("pad")
def pad(call: Call, value: Value, filling: Value) -> Any:
    graph, config = call.graph, call.padding_config
    if any(inside for _, _, inside in config):
        value = _spread(call, value, filling, [inside for _, _, inside in config])
    shape = value.shape
    if any(low or high for low, high, _ in config if not (is_known([low, high]) and max(low, high) <= 0)):
        touched = [
            axis for axis, (low, high, _) in enumerate(config) if not (is_known([low, high]) and not low and not high)
        ]
        value = _with_axes(graph, value, touched)
        lows, highs = ([_positive(config[a][i]) if a is not None else 0 for a in value.axes] for i in (0, 1))
        shape = tuple(
            size + _positive(low) + _positive(high) for size, (low, high, _) in zip(shape, config, strict=True)
        )
        dims = tuple(1 if a is None else shape[a] for a in value.axes)
        name = graph.emit(
            "Pad", [stored(graph, value), vector(graph, [*lows, *highs]), _scalar(graph, filling)], dims, value.dtype
        )
        value = tensor(shape, value.dtype, name, value.axes)
    cuts = {
        axis: (max(-low, 0), END if high >= 0 else high, 1)
        for axis, (low, high, _) in enumerate(config)
        if is_known([low, high]) and min(low, high) < 0
    }
    return sliced(call, value, cuts, call.shape) if cuts else value


def _positive(size: Any) -> Any:
    return max(size, 0) if is_known([size]) else size


def _scalar(graph: Graph, value: Value) -> str:
    return arranged(graph, value, ())


def _with_axes(graph: Graph, value: Value, axes: list[int]) -> Value:
    """Stored with these axes, also where they have size one."""
    value = stored_with(graph, value, axes)
    missing = [axis for axis in axes if axis not in value.axes]
    if not missing:
        return value
    held = [axis for axis in value.axes if axis is not None]
    order = held
    for axis in missing:
        order = _inserted(order, axis)
    name = arranged(graph, value, order)
    return Value(value.shape, value.dtype, tuple(order), name)


def _spread(call: Call, value: Value, filling: Value, insides: list[int]) -> Value:
    """Some fillings between neighbours: an axis behind each, padded, joined and cut."""
    graph = call.graph
    for axis, inside in enumerate(insides):
        if not inside:
            continue
        shape, size = list(value.shape), value.shape[axis]
        name = full(graph, value)
        name = graph.emit(
            "Unsqueeze", [name, graph.integers(axis + 1)], (*shape[: axis + 1], 1, *shape[axis + 1 :]), value.dtype
        )
        rank = len(shape) + 1
        ends = [0] * (2 * rank)
        ends[rank + axis + 1] = inside
        dims = (*shape[: axis + 1], 1 + inside, *shape[axis + 1 :])
        name = graph.emit("Pad", [name, graph.integers(*ends), _scalar(graph, filling)], dims, value.dtype)
        shape[axis] = size * (1 + inside)
        name = reshaped(graph, name, dims, tuple(shape), value.dtype)
        value = tensor(tuple(shape), value.dtype, name)
        shape[axis] = shape[axis] - inside
        value = sliced(call, value, {axis: (0, -inside, 1)}, tuple(shape))
    return value


@rule("iota")
def iota(call: Call, *sizes: Value) -> Value:
    graph, axis, size = call.graph, call.dimension, call.shape[call.dimension]
    if is_known([size]):
        return constant(np.arange(size, dtype=call.dtype), call.shape, (axis,))
    last = graph.emit("Squeeze", [vector(graph, [size]), graph.integers(0)], (), np.int64)
    zero, one = (graph.constant(np.asarray(n, np.int64)) for n in (0, 1))
    name = graph.emit("Range", [zero, last, one], (size,), np.int64)
    if call.dtype != np.int64:
        name = graph.emit("Cast", [name], (size,), call.dtype, to=call.dtype)
    return Value(call.shape, call.dtype, (axis,), name)


iota.folds = True  # type: ignore[attr-defined]


@rule("stack")
def stack(call: Call, *values: Value) -> Value:
    axis = call.axis

    def with_axis(value: Value) -> Value:
        shape = (*value.shape[:axis], 1, *value.shape[axis:])
        return value.with_shape(shape, [a if a is None or a < axis else a + 1 for a in value.axes])

    return joined(call, [with_axis(value) for value in values], axis)


@rule("tile")
def tile(call: Call, value: Value) -> Value:
    graph, times = call.graph, call.reps
    value = stored_with(graph, value, range(len(value.shape)))
    names = [arranged(graph, value, range(len(value.shape))), vector(graph, times)]
    return tensor(call.shape, value.dtype, graph.emit("Tile", names, call.shape, value.dtype))
