"""Arrays on the device; where the processor is the device, large ones are read where they lie.

JAX uses a NumPy array without a copy only if it begins at a multiple of 64 bytes, and NumPy's own large arrays never
do. So the array is seen as one vector that begins at the next such address, and the few rows that this cuts off, at
either end, are copied. A copy of 188 MB takes as long as a third of an epoch of a small model, and the memory.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from ..core.placement import DEVICE

_ALIGNMENT = 64  # bytes
# Copying less than this takes no longer than the steps around it, and small arrays lie at all kinds of addresses.
_LEAST_BYTES = 2**20


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Rows:
    """The rows of an array that stays in the user's memory.

    Attributes:
        flat: all numbers from the first aligned one on, without the last few: equally many at every address, so that
            one program serves them all.
        edges: copies of the rows that `flat` may lack, of the beginning and of the end; equally many of both.
        skipped: numbers in front of `flat`, int32.
        row_shape: of one row.
    """

    flat: Any
    edges: Any
    skipped: Any
    row_shape: tuple[int, ...] = dataclasses.field(metadata={"static": True})

    def take(self, index: Any) -> Any:
        """The rows of these numbers, which lie in bounds; any shape."""
        numbers, edge = math.prod(self.row_shape), len(self.edges) // 2
        count = (len(self.flat) + _per_line(self.flat) - 1) // numbers
        starts = jnp.clip(index * numbers - self.skipped, 0, len(self.flat) - numbers)
        dimensions = lax.GatherDimensionNumbers((index.ndim,), collapsed_slice_dims=(), start_index_map=(0,))
        inner = lax.gather(self.flat, starts[..., None], dimensions, (numbers,), mode="promise_in_bounds")
        last = index - (count - 2 * edge)
        at_edge = (index < edge) | (last >= edge)
        outer = _take(self.edges, jnp.where(index < edge, index, jnp.clip(last, 0, 2 * edge - 1)))
        shape = (*index.shape, *self.row_shape)
        return jnp.where(at_edge.reshape(*index.shape, *[1] * len(self.row_shape)), outer, inner.reshape(shape))


def put(arrays: Any) -> Any:
    """Arrays for a compiled program, a structure of device arrays and `Rows`.

    The memory of the NumPy arrays may be read as long as the result is in use, so nobody may write to it meanwhile.
    """
    return jax.tree.map(lambda a: _in_place(a) if _can_stay(a) else DEVICE.put(a), arrays)


def kept(array: Any) -> Any:
    """A copy of an array so small that it costs nothing: JAX reads some of them, too, where they lie."""
    return np.array(array) if isinstance(array, np.ndarray) and array.nbytes < _LEAST_BYTES else array


def bytes_to_copy(arrays: Any) -> int:
    """Memory that `put` takes."""
    return sum(a.nbytes for a in jax.tree.leaves(arrays) if not _can_stay(a))


def take(arrays: Any, index: Any) -> Any:
    """Rows of what `put` gave, gathered on the device; the numbers must lie in bounds."""
    return jax.tree.map(
        lambda a: a.take(index) if isinstance(a, Rows) else _take(a, index),
        arrays,
        is_leaf=lambda a: isinstance(a, Rows),
    )


def _take(array: Any, index: Any) -> Any:
    return array.at[index].get(mode="promise_in_bounds")


def _can_stay(array: Any) -> bool:
    return (
        type(array) is np.ndarray
        and array.nbytes >= _LEAST_BYTES
        and array.size < 2**31  # places are counted in int32
        and array.flags.c_contiguous
        and array.flags.aligned
        and jax.dtypes.canonicalize_dtype(array.dtype) == array.dtype
        and len(array) > 2 * _edge_rows(array)
        and jax.default_backend() == "cpu"
    )


def _in_place(array: np.ndarray) -> Rows:
    skipped = -array.ctypes.data % _ALIGNMENT // array.itemsize
    numbers = array.size - _per_line(array) + 1
    flat = DEVICE.put(array.reshape(-1)[skipped : skipped + numbers], in_place=True)
    edge = _edge_rows(array)
    edges = DEVICE.put(np.concatenate([array[:edge], array[-edge:]]))
    return Rows(flat, edges, np.int32(skipped), array.shape[1:])


def _per_line(array: Any) -> int:
    return _ALIGNMENT // array.dtype.itemsize


def _edge_rows(array: np.ndarray) -> int:
    """Rows that hold as many numbers as may be cut off at one end."""
    return -(-(_per_line(array) - 1) // (array.size // len(array)))
