"""Reading and writing at places: gather, scatter, and what is between them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, SupportsInt

import jax
import jax.numpy as jnp
import numpy as np

from ... import ops
from ...core.tensor import is_tensor as is_symbolic
from ...core.types import ArrayLike
from .arrays import sizes
from .member import Member
from .serving import Table, one_node
from .values import AnyTensor, Sizes, StringTensor, tensor

MEMBERS = Table()


@MEMBERS.serve("gather", sizes=True)
def gather(
    params: ArrayLike,
    indices: ArrayLike,
    validate_indices: object = None,
    axis: SupportsInt | None = None,
    batch_dims: int = 0,
) -> AnyTensor:
    params, indices = tensor(params), tensor(indices)
    axis = int(batch_dims if axis is None else axis)
    if isinstance(params, StringTensor):
        return StringTensor(np.take(params, np.asarray(indices), axis))
    _check_known("gather", params, indices, axis)
    batch_dims = int(batch_dims) % (len(indices.shape) or 1) if batch_dims < 0 else int(batch_dims)
    if batch_dims == 0:
        return ops.take(params, indices, axis=axis)
    return _gather_batched(params, indices, axis=axis, batch_dims=batch_dims)


def _check_known(name: str, params: jax.Array, indices: jax.Array, axis: int) -> None:
    """Refuse a place outside, where all is known: JAX would read the nearest one, or NaN."""
    if any(is_symbolic(one) or isinstance(one, jax.core.Tracer) for one in (params, indices)) or not indices.size:
        return
    if not isinstance(indices, np.ndarray) and isinstance(params, jax.core.Tracer):
        return
    places, size = np.asarray(indices), params.shape[axis]
    if places.min() < 0 or places.max() >= size:
        wrong = places[(places < 0) | (places >= size)].flat[0]
        raise IndexError(f"tensorflow.{name}: indices must be in 0 to {size - 1}, the axis {axis}. Received: {wrong}")


def _batched(params: jax.Array, indices: jax.Array, axis: int, batch_dims: int) -> jax.Array:
    def take(rows: jax.Array, places: jax.Array) -> jax.Array:
        return jnp.take(rows, places, axis=axis - batch_dims)

    function = take
    for _ in range(batch_dims):
        function = jax.vmap(function)
    return function(params, indices)


_gather_batched = one_node(_batched)


@MEMBERS.serve("gather_nd", node=True)
def gather_nd(params: ArrayLike, indices: ArrayLike, batch_dims: int = 0) -> AnyTensor:
    params, indices = tensor(params), tensor(indices)

    def take(rows: jax.Array, places: jax.Array) -> jax.Array:
        return rows[tuple(jnp.moveaxis(places, -1, 0))]

    if isinstance(params, StringTensor):
        return StringTensor(params.view(np.ndarray)[tuple(np.moveaxis(np.asarray(indices), -1, 0))])
    function = take
    for _ in range(int(batch_dims)):
        function = jax.vmap(function)
    return function(params, indices)


class SparseTensor:
    """Places and what stands there, such as a script writes them down; `sparse.to_dense` makes an array of it."""

    def __init__(self, indices: ArrayLike, values: ArrayLike, dense_shape: Iterable[SupportsInt]):
        self.indices, self.values = tensor(np.asarray(indices, np.int64)), tensor(values)
        self.dense_shape = self.shape = tuple(int(size) for size in dense_shape)
        if self.indices.shape != (*self.values.shape[:1], len(self.shape)):
            raise ValueError(
                f"tensorflow.SparseTensor: `indices` must have a row for each value and a column for each axis, shape"
                f" ({len(self.values)}, {len(self.shape)}). Received a shape of {tuple(self.indices.shape)}."
            )

    @property
    def dtype(self) -> np.dtype:
        return self.values.dtype


MEMBERS.update(dict.fromkeys(("SparseTensor", "sparse.SparseTensor"), Member(SparseTensor)))


@MEMBERS.serve("sparse.to_dense")
def to_dense(sp_input: object, default_value: Any = None, validate_indices: bool = True) -> AnyTensor:
    if not isinstance(sp_input, SparseTensor):
        raise TypeError(f"tensorflow.sparse.to_dense: expected a SparseTensor. Received: {type(sp_input).__name__}")
    values = sp_input.values
    places = tuple(np.asarray(sp_input.indices).T)
    if isinstance(values, jax.core.Tracer):
        blank = jnp.full(sp_input.shape, 0 if default_value is None else default_value, values.dtype)
        return tensor(blank.at[places].set(values))
    texts = isinstance(values, StringTensor)
    default = default_value if default_value is not None else b"" if texts else 0
    dense = np.full(sp_input.shape, default, values.dtype)  # in NumPy: each number of values would be a program
    dense[places] = np.asarray(values)
    return StringTensor(dense) if texts else tensor(dense)


@MEMBERS.serve("scatter_nd", node=True)
def scatter_nd(indices: ArrayLike, updates: ArrayLike, shape: Sizes) -> jax.Array:
    updates = tensor(updates)
    return jnp.zeros(sizes(shape), updates.dtype).at[_places(indices)].add(updates)


def _places(indices: ArrayLike) -> tuple[Any, ...]:
    return tuple(jnp.moveaxis(tensor(indices), -1, 0))


def _writer(kind: str, method: str) -> None:
    def write(tensor: ArrayLike, indices: ArrayLike, updates: ArrayLike) -> jax.Array:
        array = _tensor(tensor)
        return getattr(array.at[_places(indices)], method)(_tensor(updates).astype(array.dtype))

    write.__name__ = f"tensor_scatter_nd_{kind}"
    MEMBERS.serve(write.__name__, f"tensor_scatter_{kind}", node=True)(write)


_tensor = tensor
for _kind, _method in {"update": "set", "add": "add", "max": "max", "min": "min"}.items():
    _writer(_kind, _method)


@MEMBERS.serve("tensor_scatter_nd_sub", "tensor_scatter_sub", node=True)
def tensor_scatter_nd_sub(tensor: ArrayLike, indices: ArrayLike, updates: ArrayLike) -> jax.Array:
    return _tensor(tensor).at[_places(indices)].add(-_tensor(updates))


@MEMBERS.serve("dynamic_partition")
def dynamic_partition(data: ArrayLike, partitions: ArrayLike, num_partitions: int) -> list[AnyTensor]:
    data, where = tensor(data), np.asarray(partitions)
    return [data[where == part] for part in range(int(num_partitions))]


@MEMBERS.serve("dynamic_stitch")
def dynamic_stitch(indices: Sequence[ArrayLike], data: Sequence[ArrayLike]) -> jax.Array:
    places = [np.asarray(one).reshape(-1) for one in indices]
    rows = [
        tensor(one).reshape(-1, *tensor(one).shape[np.ndim(where) :]) for one, where in zip(data, indices, strict=True)
    ]
    found = jnp.zeros((int(max(one.max() for one in places)) + 1, *rows[0].shape[1:]), rows[0].dtype)
    for where, part in zip(places, rows, strict=True):
        found = found.at[where].set(part)
    return found
