"""Ops that summarise axes: sums, means, extremes, quantiles, and the sums and products that run along an axis.

Booleans are summed as int32. Means and variances of whole numbers are floats. `axis=None` means all axes, and
`keepdims` leaves an axis of size 1 for each that was reduced.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from ..core.types import ArrayLike, Axis, DTypeLike
from .table import Reduction, array, axes, floating, given, named, op, operand, reduction

all: Reduction = reduction("all", jnp.all)
any: Reduction = reduction("any", jnp.any)
amax: Reduction = reduction("amax", jnp.max)
amin: Reduction = reduction("amin", jnp.min)
argmax: Reduction = reduction("argmax", jnp.argmax)
argmin: Reduction = reduction("argmin", jnp.argmin)
mean: Reduction = reduction("mean", jnp.mean, floating)
median: Reduction = reduction("median", jnp.median, floating)
ptp: Reduction = reduction("ptp", jnp.ptp)
std: Reduction = reduction("std", jnp.std, floating)
sum: Reduction = reduction("sum", jnp.sum)
var: Reduction = reduction("var", jnp.var, floating)

# The same with NaN left out. The position in a slice that is all NaN is -1.
nanargmax: Reduction = reduction("nanargmax", jnp.nanargmax)
nanargmin: Reduction = reduction("nanargmin", jnp.nanargmin)
nanmax: Reduction = reduction("nanmax", jnp.nanmax)
nanmean: Reduction = reduction("nanmean", jnp.nanmean, floating)
nanmedian: Reduction = reduction("nanmedian", jnp.nanmedian, floating)
nanmin: Reduction = reduction("nanmin", jnp.nanmin)
nanprod: Reduction = reduction("nanprod", jnp.nanprod)
nanstd: Reduction = reduction("nanstd", jnp.nanstd, floating)
nansum: Reduction = reduction("nansum", jnp.nansum)
nanvar: Reduction = reduction("nanvar", jnp.nanvar, floating)


@op
def max(x: ArrayLike, axis: Axis = None, keepdims: bool = False, initial: jax.Array | float | None = None) -> jax.Array:
    """The largest element of `x` over `axis`, at least `initial`, which is also the result for empty slices.

    With `keepdims` the axes stay, with size 1.
    """
    return jnp.max(array(x), axis=axes(axis), keepdims=keepdims, initial=initial)


@op
def min(x: ArrayLike, axis: Axis = None, keepdims: bool = False, initial: jax.Array | float | None = None) -> jax.Array:
    """The smallest element of `x` over `axis`, at most `initial`, which is also the result for empty slices.

    With `keepdims` the axes stay, with size 1.
    """
    return jnp.min(array(x), axis=axes(axis), keepdims=keepdims, initial=initial)


@op
def prod(x: ArrayLike, axis: Axis = None, keepdims: bool = False, dtype: DTypeLike | None = None) -> jax.Array:
    """The product of `x` over `axis`, computed and returned in `dtype` (None: that of `x`, small integers in 32 bits).

    With `keepdims` the axes stay, with size 1.
    """
    return jnp.prod(array(x), axis=axes(axis), keepdims=keepdims, dtype=given(dtype))


@op
def average(x: ArrayLike, axis: Axis = None, weights: ArrayLike | None = None) -> jax.Array:
    """`Σ weights · x / Σ weights` over `axis`; without weights the mean.

    `weights` have the shape of `x`, or one dimension, that of `axis`.
    """
    return jnp.average(array(x), axis=axes(axis), weights=None if weights is None else array(weights))


@op
def count_nonzero(x: ArrayLike, axis: Axis = None) -> jax.Array:
    """How many elements of `x` are not zero, over `axis`.

    >>> count_nonzero([[0, 1], [2, 3]], axis=0).tolist()
    [1, 2]
    """
    return jnp.count_nonzero(array(x), axis=axes(axis))


def _quantile(name: str, function: Callable[..., Any], scale: str) -> Callable[..., Any]:
    """The op `name(x, q, axis, method, keepdims)`."""

    def call(
        x: ArrayLike, q: ArrayLike, axis: Axis = None, method: str = "linear", keepdims: bool = False
    ) -> jax.Array:
        x, q = floating(x), operand(q)
        result = function(x, q, axis=axes(axis), method=method, keepdims=keepdims)
        return result.astype(x.dtype)  # not that of `q`

    doc = (
        f"The values below which the shares `q` ({scale}) of `x` over `axis` lie; axes of `q` lead in the result.\n\n"
        "    `method` says what to take between two elements: `linear`, `lower`, `higher`, `midpoint` or `nearest`\n"
        "    (Hyndman & Fan 1996, Sample Quantiles in Statistical Packages).\n\n"
        "    With `keepdims` the axes stay, with size 1.\n    "
    )
    return op(named(call, name, doc))


quantile: Callable[..., Any] = _quantile("quantile", jnp.quantile, "from 0 to 1")
percentile: Callable[..., Any] = _quantile("percentile", jnp.percentile, "from 0 to 100")
nanquantile: Callable[..., Any] = _quantile("nanquantile", jnp.nanquantile, "from 0 to 1, NaN left out")
nanpercentile: Callable[..., Any] = _quantile("nanpercentile", jnp.nanpercentile, "from 0 to 100, NaN left out")


def _running(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """The op `name(x, axis=None, dtype=None)`."""

    def call(x: ArrayLike, axis: Axis = None, dtype: DTypeLike | None = None) -> jax.Array:
        return function(array(x), axis=axis, dtype=given(dtype))

    doc = f"`{name}` of `x` along `axis` (None: of all elements as one row), computed in `dtype`."
    return op(named(call, name, doc))


cumprod: Callable[..., Any] = _running("cumprod", jnp.cumprod)
cumsum: Callable[..., Any] = _running("cumsum", jnp.cumsum)
nancumprod: Callable[..., Any] = _running("nancumprod", jnp.nancumprod)
nancumsum: Callable[..., Any] = _running("nancumsum", jnp.nancumsum)


@op
def diff(a: ArrayLike, n: int = 1, axis: int = -1) -> jax.Array:
    """Differences of neighbours in `a` along `axis`, taken `n` times; the axis gets shorter by `n`.

    >>> diff([1, 4, 9]).tolist()
    [3, 5]
    """
    return jnp.diff(array(a), n=n, axis=axis)


@op
def trapezoid(y: ArrayLike, x: ArrayLike | None = None, dx: float = 1.0, axis: int = -1) -> jax.Array:
    """The integral of `y` along `axis` by the trapezoidal rule, over the points `x` or steps of `dx`."""
    return jnp.trapezoid(floating(y), None if x is None else array(x), dx=dx, axis=axis)


__all__ = [
    "all", "amax", "amin", "any", "argmax", "argmin", "average", "count_nonzero", "cumprod", "cumsum", "diff", "max",
    "mean", "median", "min", "nanargmax", "nanargmin", "nancumprod", "nancumsum", "nanmax", "nanmean", "nanmedian",
    "nanmin", "nanpercentile", "nanprod", "nanquantile", "nanstd", "nansum", "nanvar", "percentile", "prod", "ptp",
    "quantile", "std", "sum", "trapezoid", "var",
]  # fmt: skip
