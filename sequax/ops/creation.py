"""Ops that make arrays: constants, ranges, grids, triangles and windows.

Where `dtype` is None it is `floatx()`, unless said otherwise.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from ..core import dtypes
from ..core.tensor import KerasTensor, is_tensor
from ..core.types import ArrayLike, DTypeLike, ShapeLike
from . import table
from .table import SHORT_AND_LONG, given, known, named, op, operand, plain, sized, tried


@op
def array(x: ArrayLike, dtype: DTypeLike | None = None) -> jax.Array:
    """`x` as an array: a nested list, numbers, a NumPy array, a variable.

    `dtype` is that of `x` where it is None; Python floats and float64 become `floatx()`.
    """
    x = table.array(x)
    return x if dtype is None else x.astype(given(dtype))


@op
def copy(x: ArrayLike) -> jax.Array:
    """A new array with the elements of `x`."""
    return jnp.array(table.array(x), copy=True)


def _filled(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """The op `name(shape, dtype=None)`."""

    def call(shape: int | ShapeLike, dtype: DTypeLike | None = None) -> jax.Array:
        return function(shape, dtype=given(dtype, dtypes.floatx()))

    return plain(named(call, name, f"`{name}` of this `shape`; `dtype` is `floatx()` where it is None."))


def _filled_like(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """The op `name(x, dtype=None)`."""

    def call(x: ArrayLike, dtype: DTypeLike | None = None) -> jax.Array:
        return function(table.array(x), dtype=given(dtype))

    return op(named(call, name, f"`{name}`: in the shape of `x`; `dtype` is that of `x` where it is None."))


empty: Callable[..., Any] = _filled("empty", jnp.empty)
ones: Callable[..., Any] = _filled("ones", jnp.ones)
zeros: Callable[..., Any] = _filled("zeros", jnp.zeros)
empty_like: Callable[..., Any] = _filled_like("empty_like", jnp.empty_like)
ones_like: Callable[..., Any] = _filled_like("ones_like", jnp.ones_like)
zeros_like: Callable[..., Any] = _filled_like("zeros_like", jnp.zeros_like)


@sized(lambda shape, fill_value, dtype=None: KerasTensor(shape, dtype))
def full(shape: int | ShapeLike, fill_value: ArrayLike, dtype: DTypeLike | None = None) -> jax.Array:
    """`fill_value`, broadcast to `shape`; `dtype` is `floatx()` where it is None, also for whole numbers."""
    return jnp.full(shape, operand(fill_value), dtype=given(dtype, dtypes.floatx()))


@op
def full_like(x: ArrayLike, fill_value: ArrayLike, dtype: DTypeLike | None = None) -> jax.Array:
    """`fill_value`, broadcast to the shape of `x`; `dtype` is that of `x` where it is None."""
    return jnp.full_like(table.array(x), operand(fill_value), dtype=given(dtype))


@op
def arange(
    start: ArrayLike, stop: ArrayLike | None = None, step: ArrayLike | None = None, dtype: DTypeLike | None = None
) -> jax.Array:
    """`start`, `start + step`, ... below `stop`; with one argument 0, 1, ... below it.

    `dtype` is that of the arguments together where it is None: int32 for Python ints, `floatx()` if one is a Python
    float.

    >>> arange(1, 7, 2).tolist()
    [1, 3, 5]
    """
    bounds: list[Any] = [None if value is None else operand(value) for value in (start, stop, step)]
    numbers = [bound for bound in bounds if bound is not None]
    for bound in numbers:
        known("arange", bound, "Give it numbers, or sizes of the shape of an array.")
    if dtype is None and all(isinstance(bound, (int, float)) for bound in numbers):
        dtype = dtypes.floatx() if any(isinstance(bound, float) for bound in numbers) else None
    return jnp.arange(bounds[0], bounds[1], bounds[2], dtype=given(dtype))


@op
def linspace(
    start: ArrayLike,
    stop: ArrayLike,
    num: int = 50,
    endpoint: bool = True,
    retstep: bool = False,
    dtype: DTypeLike | None = None,
    axis: int = 0,
) -> Any:
    """`num` numbers at equal distances from `start` to `stop`; with `retstep` also that distance.

    Args:
        start, stop: numbers or arrays, which are broadcast.
        num: how many.
        endpoint: whether `stop` is the last of them; otherwise they end one distance before it.
        retstep: return a pair, the numbers and their distance.
        dtype: default: that of `start` and `stop` together, as floats. Whole-number dtypes round down.
        axis: where the numbers lie in the result if `start` and `stop` are arrays.

    >>> linspace(0, 1, 5).tolist()
    [0.0, 0.25, 0.5, 0.75, 1.0]
    """
    result = jnp.linspace(operand(start), operand(stop), num, endpoint, retstep, given(dtype), axis)
    return tuple(result) if retstep else result


@op
def logspace(
    start: ArrayLike,
    stop: ArrayLike,
    num: int = 50,
    endpoint: bool = True,
    base: jax.Array | float = 10,
    dtype: DTypeLike | None = None,
    axis: int = 0,
) -> jax.Array:
    """`num` numbers at equal ratios from `base ** start` to `base ** stop`.

    `endpoint`, `dtype` and `axis` are as in `linspace`.

    >>> logspace(0, 2, 3).tolist()
    [1.0, 10.0, 100.0]
    """
    return jnp.logspace(operand(start), operand(stop), num, endpoint, base, given(dtype), axis)


@op
def geomspace(
    start: ArrayLike,
    stop: ArrayLike,
    num: int = 50,
    endpoint: bool = True,
    dtype: DTypeLike | None = None,
    axis: int = 0,
) -> jax.Array:
    """`num` numbers at equal ratios from `start` to `stop`; `endpoint`, `dtype` and `axis` as in `linspace`."""
    return jnp.geomspace(operand(start), operand(stop), num, endpoint, given(dtype), axis)


@op
def meshgrid(*x: ArrayLike, indexing: str = "xy") -> list[jax.Array]:
    """The coordinates of the grid that the vectors `x` span, one array per vector.

    `indexing` is `"ij"`, which keeps the order of the axes, or `"xy"`, which exchanges the first two.
    """
    return list(jnp.meshgrid(*map(table.array, x), indexing=indexing))


@plain
def eye(N: int, M: int | None = None, k: int = 0, dtype: DTypeLike | None = None) -> jax.Array:
    """`N` × `M` zeros (`M` is `N` where None) with ones on the `k`-th diagonal.

    `dtype` is `floatx()` where it is None.
    """
    return jnp.eye(N, M, k, dtype=given(dtype, dtypes.floatx()))


@plain
def identity(n: int, dtype: DTypeLike | None = None) -> jax.Array:
    """The `n` × `n` identity matrix; `dtype` is `floatx()` where it is None."""
    return jnp.identity(n, dtype=given(dtype, dtypes.floatx()))


@plain
def tri(N: int, M: int | None = None, k: int = 0, dtype: DTypeLike | None = None) -> jax.Array:
    """`N` × `M` zeros (`M` is `N` where None) with ones on and below the `k`-th diagonal.

    `dtype` is `floatx()` where it is None.

    >>> tri(2, 3).tolist()
    [[1.0, 0.0, 0.0], [1.0, 1.0, 0.0]]
    """
    return jnp.tri(N, M, k, dtype=given(dtype, dtypes.floatx()))


@op
def tril(x: ArrayLike, k: int = 0) -> jax.Array:
    """The lower triangles of the matrices `x`: zeros above the `k`-th diagonal.

    >>> tril([[1, 2], [3, 4]]).tolist()
    [[1, 0], [3, 4]]
    """
    return jnp.tril(table.array(x), k)


@op
def triu(x: ArrayLike, k: int = 0) -> jax.Array:
    """The upper triangles of the matrices `x`: zeros below the `k`-th diagonal.

    >>> triu([[1, 2], [3, 4]]).tolist()
    [[1, 2], [0, 4]]
    """
    return jnp.triu(table.array(x), k)


@op
def vander(x: ArrayLike, N: int | None = None, increasing: bool = False) -> jax.Array:
    """The Vandermonde matrix of `N` columns: in column j the power `N - 1 - j` of `x`, or j if `increasing`.

    `N` is the size of `x` where it is None.
    """
    return jnp.vander(table.array(x), N, increasing)


@tried(*SHORT_AND_LONG)
def diag(x: ArrayLike, k: int = 0) -> jax.Array:
    """The `k`-th diagonal of the matrix `x`, or the matrix with the vector `x` there and zeros elsewhere.

    >>> diag([1, 2]).tolist()
    [[1, 0], [0, 2]]
    """
    return jnp.diag(table.array(x), k)


@op
def diagflat(x: ArrayLike, k: int = 0) -> jax.Array:
    """The square matrix with the elements of `x` on its `k`-th diagonal and zeros elsewhere."""
    return jnp.diagflat(table.array(x), k)


@tried(*SHORT_AND_LONG)
def diagonal(x: ArrayLike, offset: int = 0, axis1: int = 0, axis2: int = 1) -> jax.Array:
    """The `offset`-th diagonals of the matrices in the axes `axis1` and `axis2` of `x`, as the last axis of the result.

    >>> diagonal([[1, 2], [3, 4]]).tolist()
    [1, 4]
    """
    return jnp.diagonal(table.array(x), offset, axis1, axis2)


def _window(name: str, function: Callable[..., Any], formula: str) -> Callable[..., Any]:
    """The op `name(x)`, a window of `x` points."""

    def call(x: ArrayLike) -> jax.Array:
        return function(_points(name, x))

    return plain(named(call, name, f"The window of `x` points n = 0 ... x - 1, of floats: {formula}."))


def _points(name: str, x: Any) -> int:
    if is_tensor(x):
        raise TypeError(f"ops.{name}: `x`, the number of points, must be a number. Received a symbolic tensor: {x}")
    known(name, x, "Give it a number.")
    return int(x)


bartlett: Callable[..., Any] = _window("bartlett", jnp.bartlett, "1 - |2n / (x - 1) - 1|")
blackman: Callable[..., Any] = _window(
    "blackman", jnp.blackman, "0.42 - 0.5 cos(2πn / (x - 1)) + 0.08 cos(4πn / (x - 1))"
)
hamming: Callable[..., Any] = _window("hamming", jnp.hamming, "0.54 - 0.46 cos(2πn / (x - 1))")
hanning: Callable[..., Any] = _window("hanning", jnp.hanning, "0.5 - 0.5 cos(2πn / (x - 1))")


@plain
def kaiser(x: ArrayLike, beta: ArrayLike) -> jax.Array:
    """The Kaiser window of `x` points: `i0(beta √(1 - (2n / (x - 1) - 1)²)) / i0(beta)`."""
    return jnp.kaiser(_points("kaiser", x), operand(beta))


__all__ = [
    "arange", "array", "bartlett", "blackman", "copy", "diag", "diagflat", "diagonal", "empty", "empty_like", "eye",
    "full", "full_like", "geomspace", "hamming", "hanning", "identity", "kaiser", "linspace", "logspace", "meshgrid",
    "ones", "ones_like", "tri", "tril", "triu", "vander", "zeros", "zeros_like",
]  # fmt: skip
