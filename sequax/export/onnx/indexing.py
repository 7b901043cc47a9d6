"""Rules of gathers and scatters."""

from __future__ import annotations

from typing import Any

import numpy as np

from .elementwise import as_size, cast, made
from .shaping import in_shape, joined, sliced, tensor
from .translate import Call, rule
from .values import Value, arranged, constant, full, is_known, is_one, stored, stored_with


@rule("gather")
def gather(call: Call, value: Value, indices: Value) -> Any:
    numbers, sizes = call.dimension_numbers, call.slice_sizes
    cut = list(numbers.start_index_map)
    batched = list(numbers.operand_batching_dims)
    gone = list(numbers.collapsed_slice_dims)
    whole = [
        axis
        for axis, size in enumerate(sizes)
        if axis not in cut and axis not in batched and axis not in gone and _same(size, value.shape[axis])
    ]
    if len(whole) + len(cut) + len(batched) != len(value.shape):
        return NotImplemented
    places = len(indices.shape) - 1
    if set(cut) == set(gone) and not batched:
        found = _at_size(call, value, indices, cut, places)
        if found is not None:
            return found
    if set(gone) <= set(cut) and all(is_one(sizes[axis]) for axis in cut) and not batched:
        # Axes of size one that the program keeps are put in behind.
        inside = [axis for axis in range(len(value.shape)) if axis not in gone]
        offsets = dict(zip(inside, numbers.offset_dims, strict=True))
        kept = [place for place in range(len(call.shape)) if place not in [offsets.get(axis) for axis in cut]]
        rows = [kept.index(offsets[axis]) for axis in whole]
        shape = tuple(call.shape[place] for place in kept)
        # An index outside of a table is an error in onnxruntime, where it is NaN here; of several axes, as for points
        # outside of an image, it has a meaning.
        fills = len(cut) > 1 and "FILL" in str(call.mode).upper() and not indices.is_constant
        inside_ = _inside(call, value, indices, cut) if fills else None
        taken = _along if len(cut) == 1 else _at_places
        found = taken(call, value, _bounded(call, value, indices, cut, fills), cut, whole, rows, shape)
        if inside_ is not None:
            inside_ = inside_.with_shape(shape, [None if a is None else _batch(shape, rows)[a] for a in inside_.axes])
            found = made(call, "Where", inside_, found, _filling(call, value), dtype=value.dtype, shape=shape)
        return in_shape(call.graph, found, call.shape)
    if set(cut) == set(gone) and len(cut) == 1 and not whole:
        return _beside(call, value, _bounded(call, value, indices, cut), cut[0], batched)
    if not gone and not batched and places == 0:
        return _as_slice(call, value, indices, cut, sizes)
    return NotImplemented


def _same(a: Any, b: Any) -> bool:
    return bool(a is b or a == b)


def _at_size(call: Call, value: Value, indices: Value, cut: list[int], places: int) -> Value | None:
    """The last step of a sequence, as `x[:, -1]` asks for it with a symbolic number of steps; or that at a number."""
    if len(cut) != 1 or any(not is_one(size) for size in indices.shape):
        return None
    axis, at = cut[0], as_size(indices)
    if at is None:
        return None
    length = value.shape[axis]
    is_last = _same(at, length - 1)
    if is_last and value.last is not None and value.last[0] == axis:
        return _last_step(call, value)
    if not is_last and not is_known([at]):
        return None
    at = -1 if is_last and not is_known([at]) else int(at)
    rest = [size for a, size in enumerate(value.shape) if a != axis]
    if axis not in value.axes:
        kept = [a for a in range(len(value.shape)) if a != axis]
        found = value.with_shape(tuple(rest), [None if a is None else kept.index(a) for a in value.axes])
        return in_shape(call.graph, found, call.shape)
    place = value.axes.index(axis)
    kept = [a for a in range(len(value.shape)) if a != axis]
    axes = [None if a is None else kept.index(a) for a in value.axes if a != axis]
    dims = tuple(1 if a is None else rest[a] for a in axes)
    where = call.graph.constant(np.asarray(at, np.int64))
    name = call.graph.emit("Gather", [stored(call.graph, value), where], dims, value.dtype, axis=place)
    return in_shape(call.graph, tensor(tuple(rest), value.dtype, name, axes), call.shape)


def _last_step(call: Call, value: Value) -> Value:
    """What a recurrent layer ends with, in the shape of one step of its sequence."""
    _, last, *renamed = value.last
    rank = len(value.shape)
    if renamed:  # a transposition has moved the axes (time, batch, ...) of the sequence
        places = renamed[0]
        order = [places[axis] for axis in range(1, rank)]
        kept = sorted(order)
        shape = tuple(value.shape[a] for a in kept)
        last = last.with_shape(shape, [None if a is None else kept.index(order[a]) for a in last.axes])
    return in_shape(call.graph, last, call.shape)


def _batch(shape: Any, offsets: list[int]) -> list[int]:
    return [place for place in range(len(shape)) if place not in offsets]


def _inside(call: Call, value: Value, indices: Value, cut: list[int]) -> Value | None:
    """For each place whether it is one of the table; None if its sizes are not known."""
    most = [value.shape[axis] for axis in cut]
    if not is_known(most):
        return None
    shape, last = indices.shape, len(indices.shape) - 1
    high = constant(np.asarray(most, indices.dtype), shape, [last])
    low = constant(np.zeros((), indices.dtype))
    both = made(
        call,
        "And",
        made(call, "GreaterOrEqual", indices, low, dtype=bool, shape=shape),
        made(call, "Less", indices, high, dtype=bool, shape=shape),
        dtype=bool,
        shape=shape,
    )
    both = stored_with(call.graph, cast(call, both, np.int32), [last])
    place = both.axes.index(last) if last in both.axes else None
    axes = tuple(a for a in both.axes if a != last)
    if place is None:
        return cast(call, Value(shape[:-1], both.dtype, axes, both.name), bool)
    dims = tuple(1 if a is None else shape[a] for a in axes)
    name = call.graph.emit(
        "ReduceMin", [stored(call.graph, both), call.graph.integers(place)], dims, np.int32, keepdims=0
    )
    return cast(call, Value(shape[:-1], np.dtype(np.int32), axes, name), bool)


def _filling(call: Call, value: Value) -> Value:
    filling = call.fill_value
    if filling is None:
        whole = value.dtype.kind in "iu"
        filling = (
            (np.iinfo(value.dtype).min if value.dtype.kind == "i" else np.iinfo(value.dtype).max) if whole else np.nan
        )
    return constant(np.asarray(filling, value.dtype))


def _bounded(call: Call, value: Value, indices: Value, cut: list[int], always: bool = False) -> Value:
    """Indices as the mode of the gather takes them: those beyond the end are moved to it, or there are none."""
    if indices.is_constant or ("FILL" in str(call.mode).upper() and not always):
        return indices
    low = constant(np.zeros((), indices.dtype))
    most = [value.shape[axis] - 1 for axis in cut]
    if not is_known(most):
        return indices
    high = (
        constant(np.asarray(most, indices.dtype), indices.shape, [len(indices.shape) - 1])
        if len(cut) > 1
        else constant(np.asarray(most[0], indices.dtype))
    )
    shape = indices.shape
    found = made(call, "Max", indices, low, dtype=indices.dtype, shape=shape)
    return made(call, "Min", found, high, dtype=indices.dtype, shape=shape)


def _along(
    call: Call, value: Value, indices: Value, cut: list[int], whole: list[int], offsets: list[int], result: Any
) -> Value:
    """Rows of a table: one axis by indices of any shape; `offsets` are the places of the other axes in the result."""
    graph, (axis,) = call.graph, cut
    value = stored_with(graph, value, [axis])
    shape = indices.shape[:-1]
    flat = in_shape(graph, indices, shape)
    flat = cast(call, stored_with(graph, flat, range(len(shape))), np.int64 if flat.is_constant else flat.dtype)
    flat = cast(call, flat, np.int64) if flat.dtype not in (np.int32, np.int64) else flat
    at = arranged(graph, flat, range(len(shape)))
    batch = [place for place in range(len(result)) if place not in offsets]
    before = sorted(a for a in value.axes if a is not None and a < axis)
    after = sorted(a for a in value.axes if a is not None and a > axis)
    name = arranged(graph, value, [*before, axis, *after])
    axes = [*(offsets[whole.index(a)] for a in before), *batch, *(offsets[whole.index(a)] for a in after)]
    dims = tuple(result[a] for a in axes)
    name = graph.emit("Gather", [name, at], dims, value.dtype, axis=len(before))
    return tensor(result, value.dtype, name, axes)


def _at_places(
    call: Call, value: Value, indices: Value, cut: list[int], whole: list[int], offsets: list[int], result: Any
) -> Value:
    """Entries of several axes at once."""
    graph = call.graph
    value = stored_with(graph, value, range(len(value.shape)))
    name = arranged(graph, value, [*cut, *whole])
    at = full(graph, cast(call, indices, np.int64))
    batch = [place for place in range(len(result)) if place not in offsets]
    axes = [*batch, *offsets]
    dims = tuple(result[a] for a in axes)
    name = graph.emit("GatherND", [name, at], dims, value.dtype)
    return tensor(result, value.dtype, name, axes)


def _beside(call: Call, value: Value, indices: Value, axis: int, batched: list[int]) -> Any:
    """One entry of an axis for each of all others, as `take_along_axis` has it."""
    numbers, graph = call.dimension_numbers, call.graph
    in_indices = list(numbers.start_indices_batching_dims)
    own = [a for a in range(len(indices.shape) - 1) if a not in in_indices]
    if len(own) != 1 or len(batched) != len(value.shape) - 1:
        return NotImplemented
    value = stored_with(graph, value, range(len(value.shape)))
    shape = indices.shape[:-1]
    flat = cast(call, in_shape(graph, indices, shape), np.int64)
    flat = stored_with(graph, flat, range(len(shape)))
    order = [0] * len(value.shape)
    order[axis] = own[0]
    for a, b in zip(batched, in_indices, strict=True):
        order[a] = b
    names = [arranged(graph, value, range(len(value.shape))), arranged(graph, flat, order)]
    dims = tuple(shape[a] for a in order)
    name = graph.emit("GatherElements", names, dims, value.dtype, axis=axis)
    return tensor(call.shape, value.dtype, name, order)


def _as_slice(call: Call, value: Value, indices: Value, cut: list[int], sizes: Any) -> Any:
    """A part of a known size that begins at a number."""
    if not indices.is_constant:
        return NotImplemented
    starts = indices.array.reshape(-1)
    cuts = {}
    for axis, start in zip(cut, starts, strict=True):
        if not _same(sizes[axis], value.shape[axis]):
            cuts[axis] = (int(start), int(start) + sizes[axis], 1)
    return sliced(call, value, cuts, call.shape)


# --- scatters ---

_REDUCTIONS = {
    "scatter": "none",
    "scatter-add": "add",
    "scatter_add": "add",
    "scatter-mul": "mul",
    "scatter_mul": "mul",
}
_REDUCTIONS |= {"scatter-min": "min", "scatter_min": "min", "scatter-max": "max", "scatter_max": "max"}


@rule(*_REDUCTIONS)
def scatter(call: Call, value: Value, indices: Value, updates: Value) -> Any:
    """Updates at places of some axes. What lies outside is dropped by JAX, so those indices go to a cell behind."""
    numbers, graph = call.dimension_numbers, call.graph
    cut, gone = list(numbers.scatter_dims_to_operand_dims), list(numbers.inserted_window_dims)
    batched = list(numbers.operand_batching_dims)
    rank = len(value.shape)
    whole = [axis for axis in range(rank) if axis not in cut and axis not in batched]
    if not gone and not batched and len(cut) == 1 and indices.is_constant and len(indices.shape) == 1:
        return _update(call, value, int(indices.array.reshape(())), cut[0], updates)
    if set(cut) != set(gone) or len(cut) != 1:
        return _scatter_several(call, value, indices, updates, cut, gone, whole)
    axis = cut[0]
    window = list(numbers.update_window_dims)
    shape = indices.shape[:-1]
    at = cast(call, in_shape(graph, indices, shape), np.int64)
    reduction = _REDUCTIONS[call.equation.primitive.name]
    dtype = value.dtype
    wide = np.dtype("int32") if dtype.kind == "b" else dtype
    value, updates = (cast(call, stored_with(graph, v, range(len(v.shape))), wide) for v in (value, updates))
    if batched:
        in_indices = list(numbers.scatter_indices_batching_dims)
        own = [a for a in range(len(shape)) if a not in in_indices]
        if whole or len(own) != 1:
            return NotImplemented
        order = [0] * rank
        order[axis] = own[0]
        for a, b in zip(batched, in_indices, strict=True):
            order[a] = b
        at = stored_with(graph, at, range(len(shape)))
        names = [arranged(graph, value, range(rank)), arranged(graph, at, order), arranged(graph, updates, order)]
        dims = call.shape
        name = graph.emit("ScatterElements", names, dims, wide, axis=axis, reduction=reduction)
        return cast(call, tensor(call.shape, wide, name), dtype)
    batch = [a for a in range(len(updates.shape)) if a not in window]
    rows = in_shape(graph, at, (*shape, 1))
    names = [arranged(graph, value, [axis, *whole]), full(graph, rows), arranged(graph, updates, [*batch, *window])]
    order = [axis, *whole]
    dims = tuple(call.shape[a] for a in order)
    name = graph.emit("ScatterND", names, dims, wide, reduction=reduction)
    return cast(call, tensor(call.shape, wide, name, order), dtype)


_JOINED = {"add": "Add", "mul": "Mul", "min": "Min", "max": "Max"}


def _update(call: Call, value: Value, start: int, axis: int, updates: Value) -> Any:
    """One part of an axis, between what is before and behind."""
    window = call.dimension_numbers.update_window_dims
    length, size = value.shape[axis], updates.shape[window[axis]]
    if not is_known([length, size]) or start < 0 or start + size > length:
        return NotImplemented

    def part(begin: int, end: int) -> Value:
        shape = (*value.shape[:axis], end - begin, *value.shape[axis + 1 :])
        return sliced(call, value, {axis: (begin, end, 1)}, shape)

    reduction = _REDUCTIONS[call.equation.primitive.name]
    middle = in_shape(call.graph, updates, part(start, start + size).shape)
    if reduction != "none":
        middle = made(call, _JOINED[reduction], part(start, start + size), middle, shape=middle.shape)
    parts = [part(0, start), middle, part(start + size, length)]
    return joined(call, [one for one in parts if one.shape[axis] != 0], axis)


def _scatter_several(
    call: Call, value: Value, indices: Value, updates: Value, cut: list[int], gone: list[int], whole: list[int]
) -> Any:
    if set(cut) != set(gone) or call.dimension_numbers.operand_batching_dims:
        return NotImplemented
    graph, window = call.graph, list(call.dimension_numbers.update_window_dims)
    dtype = value.dtype
    wide = np.dtype("int32") if dtype.kind == "b" else dtype
    value, updates = (cast(call, stored_with(graph, v, range(len(v.shape))), wide) for v in (value, updates))
    batch = [a for a in range(len(updates.shape)) if a not in window]
    order = [*cut, *whole]
    names = [
        arranged(graph, value, order),
        full(graph, cast(call, indices, np.int64)),
        arranged(graph, updates, [*batch, *window]),
    ]
    dims = tuple(call.shape[a] for a in order)
    reduction = _REDUCTIONS[call.equation.primitive.name]
    name = graph.emit("ScatterND", names, dims, wide, reduction=reduction)
    return cast(call, tensor(call.shape, wide, name, order), dtype)
