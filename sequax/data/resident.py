"""Arrays on the device, such that a program does not depend on the number of their rows.

Small arrays are copied into room for more rows than they have; nobody looks at what lies behind them. Where the
processor is the device, large ones are read where they lie. JAX uses a NumPy array without a copy only if it begins at
a multiple of 64 bytes, and NumPy's own large arrays never do. So the array is seen through two views, each one vector
that begins at such an address, and the few rows that this cuts off, at either end, are copied. A copy of 188 MB takes
as long as a third of an epoch of a small model, and the memory.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from ..core.placement import DEVICE, Placement, Spread

_ALIGNMENT = 64  # bytes
# Copying less than this takes no longer than the steps around it, and small arrays lie at all kinds of addresses.
_LEAST_BYTES = 2**20
_LITTLE_BYTES = 2**14
_ROOM, _LEAST_ROOM = 1_024, 256  # rows; the least where rows are large
_ROOM_BYTES = 2**22  # of a copy with room; filling it takes half a millisecond, a program for another room a second


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Rows:
    """The rows of an array that stays in the user's memory.

    Its two views begin and end near its ends, and overlap: one program serves all arrays of the same views, up to twice
    as long as these.

    Attributes:
        head: a power of two of rows and twice as many as `edges`, but for the last few numbers: equally many at every
            address.
        tail: as many numbers, which end near the end of the array.
        edges: copies of the rows that the views may lack, of the beginning and of the end; equally many of both.
        skipped: numbers of the array in front of `head` and of `tail`, int32.
        count: of all rows, int32.
        row_shape: of one row.
    """

    head: jax.Array
    tail: jax.Array
    edges: jax.Array
    skipped: jax.Array | np.ndarray
    count: jax.Array | np.int32
    row_shape: tuple[int, ...] = dataclasses.field(metadata={"static": True})

    def take(self, index: jax.Array) -> jax.Array:
        """The rows of these numbers, which lie in bounds; any shape."""
        edge = len(self.edges) // 2
        in_head = (len(self.head) + _per_line(self.head) - 1) // math.prod(self.row_shape) - edge
        last = index - (self.count - 2 * edge)
        outer = _take(self.edges, jnp.where(index < edge, index, jnp.clip(last, 0, 2 * edge - 1)))
        # One pass: views that are not chosen cost no more than a row that is read again and again.
        inner = self._where(index < in_head, self._seen(self.head, 0, index), self._seen(self.tail, 1, index))
        return self._where((index < edge) | (last >= edge), outer, inner)

    def _seen(self, view: jax.Array, which: int, index: jax.Array) -> jax.Array:
        """Rows of a view; any, for numbers of rows that are not in it."""
        numbers = math.prod(self.row_shape)
        starts = jnp.clip(index * numbers - self.skipped[which], 0, len(view) - numbers)
        dimensions = lax.GatherDimensionNumbers((index.ndim,), collapsed_slice_dims=(), start_index_map=(0,))
        found = lax.gather(view, starts[..., None], dimensions, (numbers,), mode="promise_in_bounds")
        return found.reshape(*index.shape, *self.row_shape)

    def _where(self, which: jax.Array, yes: jax.Array, no: jax.Array) -> jax.Array:
        return jnp.where(which.reshape(*which.shape, *[1] * len(self.row_shape)), yes, no)


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Batches:
    """The rows of a block as batches, each of which is cut over devices, so that no device gets rows of others.

    Attributes:
        rows: shape (batches, rows of a batch, ...).
    """

    rows: jax.Array

    def take(self, index: jax.Array) -> jax.Array:
        """The rows of these numbers, which are those of one batch, or its first ones."""
        batch = lax.dynamic_index_in_dim(self.rows, index[0] // self.rows.shape[1], keepdims=False)
        return batch[: len(index)]


def put(arrays: object, with_room: bool = False, place: Placement = DEVICE) -> Any:
    """Arrays for a compiled program, a structure of device arrays, `Rows`, and NumPy arrays where these are small.

    The memory of the NumPy arrays may be read as long as the result is in use, so nobody may write to it meanwhile.

    Args:
        with_room: those that are copied get `room` for more rows.
        place: where; over several devices, each gets all of the rows, and takes its own.
    """
    copied = (lambda a: _with_room(a, place)) if with_room else place.put
    return jax.tree.map(lambda a: _in_place(a) if _stays(a, with_room, place) else copied(a), arrays)


def put_parts(arrays: object, batch_size: int, place: Placement) -> Any:
    """Whole batches for a compiled program that reads them in order."""
    rows = len(jax.tree.leaves(arrays)[0])
    return put_block(arrays, np.arange(rows), batch_size, place)[0] if place.is_spread else put(arrays)


def put_block(
    arrays: object, order: np.ndarray, batch_size: int, place: Placement, own: bool = False
) -> tuple[Any, np.ndarray]:
    """Rows of a block for a compiled program, and the order in which it is to read them.

    Args:
        arrays: rows, no more than there are numbers in `order`.
        order: of rows, as many as all blocks have; whole batches.
        own: the rows of this process are a part of each batch.
    """
    if not isinstance(place, Spread):
        return put(jax.tree.map(lambda a: filled(a, len(order)), arrays)), order

    columns = None if own else place.columns(batch_size)
    wanted = order.reshape(-1, batch_size)
    wanted = wanted if columns is None else wanted[:, columns]

    def batches(array: Any) -> Batches:
        rows = np.asarray(array)[wanted]
        return Batches(place.put_own_columns(rows) if own else place.put_columns(rows, batch_size))

    rows = len(order) * (place.row_processes if own else 1)
    return jax.tree.map(batches, arrays), np.arange(rows, dtype=np.int32)


def needed(rows: np.ndarray, order: np.ndarray, batch_size: int, place: Placement) -> tuple[np.ndarray, np.ndarray]:
    """Those rows of a block that this process has to have, at least one, and the order among them, for `put_block`.

    Args:
        rows: of the block, any names of them.
        order: in which batches take them; of those that others have, the result says nothing.
    """
    columns = place.columns(batch_size)
    if columns is None:
        return rows, order
    is_needed = np.zeros(len(rows), bool)
    is_needed[order[np.isin(np.arange(len(order)) % batch_size, columns)]] = True
    is_needed[order[-1]] |= not is_needed.any()  # of a short batch, all may be those of others
    return rows[is_needed], (np.cumsum(is_needed, dtype=np.int32) - 1)[order]


def filled(array: np.ndarray, rows: int) -> np.ndarray:
    """An array of that many rows: blocks have one shape, so that one program serves them; nobody reads the zeros."""
    if len(array) == rows:
        return array
    longer = np.zeros((rows, *array.shape[1:]), array.dtype)
    longer[: len(array)] = array
    return longer


def padded(order: np.ndarray, length: int) -> np.ndarray:
    """An order that is longer, for the same reason; behind its end the last row comes again and again."""
    longer = aligned(length, order.shape[1:], order.dtype)
    longer[: len(order)], longer[len(order) :] = order, order[-1:]
    return longer


def room(rows: int, bytes_per_row: int = 4) -> int:
    """For how many rows there is room where so many are copied: few sizes, so that few programs are compiled.

    Pages that nobody touches cost nothing on a processor; larger arrays get at most an eighth more, which costs memory
    on other devices.
    """
    size = _ROOM
    while size < rows:
        size *= 4
    if size * bytes_per_row <= _ROOM_BYTES:
        return size
    return _LEAST_ROOM if rows <= _LEAST_ROOM and rows * bytes_per_row < _LEAST_BYTES else rounded(rows, 8)


def rounded(rows: int, parts: int) -> int:
    """The next number of rows of which there are `parts` from each power of two to the next."""
    step = max(1, (1 << (rows - 1).bit_length()) // 2 // parts)
    return -(-rows // step) * step


def aligned(rows: int, row_shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """An empty array at an address from which JAX uses it without a copy."""
    dtype = np.dtype(dtype)
    memory = np.empty(rows * math.prod(row_shape) * dtype.itemsize + _ALIGNMENT, np.uint8)
    begin = -memory.ctypes.data % _ALIGNMENT
    return memory[begin : len(memory) - _ALIGNMENT + begin].view(dtype).reshape(rows, *row_shape)


def kept(array: object) -> object:
    """A copy of an array so small that it costs nothing: JAX reads some of them, too, where they lie."""
    return np.array(array) if isinstance(array, np.ndarray) and array.nbytes < _LEAST_BYTES else array


def bytes_to_copy(arrays: object, place: Placement = DEVICE) -> int:
    """Memory that `put` takes for what it copies, to which it may give room."""
    copied = sum(a.nbytes for a in jax.tree.leaves(arrays) if not _stays(a, True, place))
    return copied * (place.devices if jax.default_backend() == "cpu" else 1)


def take(arrays: object, index: jax.Array) -> Any:
    """Rows of what `put` gave, gathered on the device; the numbers must lie in bounds."""
    return jax.tree.map(
        lambda a: a.take(index) if isinstance(a, (Rows, Batches)) else _take(a, index),
        arrays,
        is_leaf=lambda a: isinstance(a, (Rows, Batches)),
    )


def _take(array: jax.Array, index: jax.Array) -> jax.Array:
    return jnp.asarray(array).at[index].get(mode="promise_in_bounds")


def _stays(array: Any, with_room: bool, place: Placement) -> bool:
    return not place.is_spread and _can_stay(array) and not _is_little(array, with_room)


def _can_stay(array: Any) -> bool:
    return (
        type(array) is np.ndarray
        and array.size < 2**31  # places are counted in int32
        and array.flags.c_contiguous
        and array.flags.aligned
        and jax.dtypes.canonicalize_dtype(array.dtype) == array.dtype
        and len(array) > 2 * _edge_rows(array)
        and jax.default_backend() == "cpu"
    )


def _is_little(array: np.ndarray, with_room: bool) -> bool:
    """Whether it is copied though it could stay."""
    small = array.nbytes < _LEAST_BYTES
    if not with_room:
        return small
    bytes_per_row = array.nbytes // len(array)
    roomy = room(len(array), bytes_per_row)
    return roomy * bytes_per_row <= _ROOM_BYTES or (small and roomy <= _LEAST_ROOM)


def _with_room(array: np.ndarray | jax.Array, place: Placement) -> np.ndarray | jax.Array:
    if type(array) is not np.ndarray:
        return place.put(array)
    size = room(len(array), array.nbytes // len(array))
    roomy = aligned(size, array.shape[1:], jax.dtypes.canonicalize_dtype(array.dtype))
    roomy[: len(array)] = array
    # A compiled call takes little to the device itself, in a tenth of the time.
    return roomy if roomy.nbytes <= _LITTLE_BYTES else place.put(roomy, in_place=True)


def _in_place(array: np.ndarray) -> Rows:
    count, line, edge = len(array), _per_line(array), _edge_rows(array)
    in_view = (1 << (count - 2 * edge).bit_length() - 1) + 2 * edge
    length = in_view * (array.size // count) - line + 1
    flat = array.reshape(-1)
    first = -array.ctypes.data % _ALIGNMENT // array.itemsize
    begins = [first, first + (array.size - length - first) // line * line]
    head, tail = (DEVICE.put(flat[begin : begin + length], in_place=True) for begin in begins)
    edges = DEVICE.put(np.concatenate([array[:edge], array[-edge:]]))
    return Rows(head, tail, edges, np.array(begins, np.int32), np.int32(count), array.shape[1:])


def _per_line(array: np.ndarray | jax.Array) -> int:
    return _ALIGNMENT // array.dtype.itemsize


def _edge_rows(array: np.ndarray) -> int:
    """Rows that hold as many numbers as may be cut off at one end."""
    return -(-(_per_line(array) - 1) // (array.size // len(array)))
