"""Ops on tensors as containers: conversion, dtype, shape, and reading and writing parts of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..core import dtypes, placement
from ..core.operation import FunctionOperation
from ..core.tensor import KerasTensor, is_tensor as is_symbolic
from ..core.types import ArrayLike, DTypeLike, Nested, Tensor
from ..core.variable import Variable
from .table import array, op, plain, sized, stays_known


@op
def cast(x: ArrayLike, dtype: DTypeLike) -> Tensor:
    """`x` in the dtype `dtype` (None: `floatx()`); to whole numbers fractions are cut off.

    >>> cast([1.9, -1.9], "int32").tolist()
    [1, -1]
    """
    return array(x).astype(dtypes.jnp_dtype(dtypes.standardize(dtype)))


@op
def saturate_cast(x: ArrayLike, dtype: DTypeLike) -> Tensor:
    """`x` in the dtype `dtype`, values outside its range moved to the nearest end; NaN becomes 0 in whole numbers.

    >>> saturate_cast([-3.0, 300.0, 5.5], "uint8").tolist()
    [0, 255, 5]
    """
    x, target = array(x), dtypes.jnp_dtype(dtypes.standardize(dtype))
    if jnp.issubdtype(x.dtype, jnp.complexfloating):
        return x.astype(target)
    (low, high), (lowest, highest) = _range(x.dtype), _range(target)
    kind = float if jnp.issubdtype(x.dtype, jnp.floating) else int
    bounds = kind(max(low, lowest)), kind(min(high, highest))
    wide = x.astype("int32") if x.dtype.name == "bool" else x
    return jnp.clip(wide, *(jnp.asarray(bound, wide.dtype) for bound in bounds)).astype(target)


def _range(dtype: np.dtype) -> tuple[Any, Any]:
    if dtype.name == "bool":
        return 0, 1
    limits: Any = jnp.iinfo(dtype) if jnp.issubdtype(dtype, jnp.integer) else jnp.finfo(dtype)
    kind = int if jnp.issubdtype(dtype, jnp.integer) else float
    return kind(limits.min), kind(limits.max)


@plain
@stays_known
def convert_to_tensor(
    x: ArrayLike, dtype: DTypeLike | None = None, sparse: bool | None = None, ragged: bool | None = None
) -> Any:
    """`x` (array, variable, number, nested list) as a tensor. Symbolic tensors stay symbolic.

    Args:
        dtype: default: the dtype of `x`, 64-bit numbers as 32-bit ones.
        sparse: kept for compatibility; tensors are always dense.

    Raises:
        ValueError: if `ragged` is true, or `x` is None.
    """
    if ragged:
        raise ValueError("convert_to_tensor: `ragged=True` is not supported with JAX. Pad the rows to equal lengths.")
    if is_symbolic(x):
        return x if dtype is None or dtypes.standardize(dtype) == x.dtype else cast(x, dtype)
    return array(x) if dtype is None else cast(x, dtype)


@plain
def convert_to_numpy(x: ArrayLike) -> np.ndarray:
    """The values of `x` as a NumPy array; of a JAX array it may be a view that cannot be written to.

    One that is cut over several processes is put together: all of them have to call this.

    Raises:
        ValueError: if `x` is a symbolic tensor, which has no values.
    """
    x = x.value if isinstance(x, Variable) else x
    return placement.DEVICE.fetch(x) if isinstance(x, jax.Array) else np.asarray(x)


@plain
def is_tensor(x: ArrayLike) -> bool:
    """Whether `x` is a JAX array. Variables, NumPy arrays and symbolic tensors are not."""
    return isinstance(x, jax.Array)


@plain
def dtype(x: ArrayLike) -> str:
    """The name of the dtype of `x`, e.g. `"float32"`."""
    return dtypes.standardize(x.dtype if hasattr(x, "dtype") else array(x).dtype)


@plain
def shape(x: ArrayLike) -> tuple[int | Any, ...]:
    """The sizes of `x` as a tuple; None where the size of a symbolic tensor is unknown."""
    return tuple(x.shape) if hasattr(x, "shape") else np.shape(x)


@op
def stop_gradient(variable: Nested[ArrayLike]) -> Any:
    """The values of `variable`, an array or a nested structure, held constant in differentiation."""
    return jax.lax.stop_gradient(jax.tree.map(array, variable))


@op
def scatter(indices: ArrayLike, values: ArrayLike, shape: Sequence[int]) -> Tensor:
    """Zeros of `shape` with `values` added at `indices`.

    Args:
        indices: whole numbers `(..., n)`: positions in the first `n` axes of the result. Positions outside are ignored.
        values: `(...)` + the remaining axes of the result.

    >>> scatter([[0], [2], [0]], [1.0, 2.0, 3.0], (4,)).tolist()
    [4.0, 0.0, 2.0, 0.0]
    """
    values = array(values)
    return jnp.zeros(tuple(shape), values.dtype).at[_positions(indices)].add(values)


@op
def scatter_update(inputs: ArrayLike, indices: ArrayLike, updates: ArrayLike, reduction: str | None = None) -> Tensor:
    """`inputs` with `updates` at `indices` (as in `scatter`).

    Args:
        reduction: how an update meets the value that is there: None puts it in its place (of several updates of one
            position the last one stays), `"add"`, `"mul"`, `"min"`, `"max"` combine them.
    """
    inputs = array(inputs)
    place = inputs.at[_positions(indices)]
    ways: dict[Any, Any] = {None: place.set, "add": place.add, "mul": place.mul, "min": place.min, "max": place.max}
    if reduction not in ways:
        raise ValueError(f"scatter_update: expected `reduction` to be one of {list(ways)}. Received: {reduction!r}")
    return ways[reduction](array(updates).astype(inputs.dtype))


def _positions(indices: ArrayLike) -> tuple[Tensor, ...]:
    indices = array(indices)
    return tuple(indices[..., axis] for axis in range(indices.shape[-1]))


def _block(inputs: Tensor | KerasTensor, start_indices: Any, shape: Sequence[int]) -> tuple[int | None, ...]:
    """The sizes of a block, with -1 resolved."""
    sizes = tuple(shape)
    if len(sizes) != len(inputs.shape):
        raise ValueError(
            f"slice: `shape` must name a size for each of the {len(inputs.shape)} axes of `inputs`. Received:"
            f" shape={sizes}"
        )
    return tuple(
        size if size != -1 else (None if total is None else total - int(start_indices[axis]))
        for axis, (size, total) in enumerate(zip(sizes, inputs.shape, strict=True))
    )


@sized(lambda inputs, start_indices, shape: KerasTensor(_block(inputs, start_indices, shape), inputs.dtype))
def slice(inputs: ArrayLike, start_indices: ArrayLike, shape: Sequence[int]) -> Tensor:
    """The block of `inputs` of this `shape` that begins at `start_indices`; a size of -1 reaches to the end.

    A block that would reach beyond the end is moved back until it fits, as in `jax.lax.dynamic_slice`.

    >>> slice([1, 2, 3, 4], [1], [2]).tolist()
    [2, 3]
    """
    inputs = array(inputs)
    return jax.lax.dynamic_slice(inputs, _starts(start_indices), _block(inputs, start_indices, shape))


def _starts(start: ArrayLike) -> list[Tensor]:
    start = array(start)
    return [start[axis] for axis in range(start.shape[0])]


@op
def slice_update(inputs: ArrayLike, start_indices: ArrayLike, updates: ArrayLike) -> Tensor:
    """`inputs` with the block that begins at `start_indices` replaced by `updates`, which has as many axes."""
    inputs = array(inputs)
    return jax.lax.dynamic_update_slice(inputs, array(updates).astype(inputs.dtype), _starts(start_indices))


@plain
def unstack(x: ArrayLike, num: int | None = None, axis: int = 0) -> list[Any]:
    """The slices of `x` along `axis`, without that axis, in a list.

    Args:
        num: their number; needed only where the size of a symbolic tensor is unknown.
    """
    x = x if is_symbolic(x) else array(x)
    if not -len(x.shape) <= axis < len(x.shape):
        raise ValueError(f"unstack: `axis` is outside the {len(x.shape)} axes of `x`. Received: axis={axis}")
    size = x.shape[axis] if x.shape[axis] is not None else num
    if size is None:
        raise ValueError(
            f"unstack: the size of axis {axis} of shape {x.shape} is unknown, so `num` cannot be inferred. Pass `num`."
        )

    def take(x: Tensor) -> list[Tensor]:
        return [jnp.take(x, position, axis, mode="clip") for position in range(size)]

    return FunctionOperation(take, "unstack")(x)


__all__ = [
    "cast", "convert_to_numpy", "convert_to_tensor", "dtype", "is_tensor", "saturate_cast", "scatter",
    "scatter_update", "shape", "slice", "slice_update", "stop_gradient", "unstack",
]  # fmt: skip
