"""Ops that summarise axes: sums, means, extremes, quantiles, and the sums and products that run along an axis.

Booleans are summed as int32. Means and variances of whole numbers are floats. `axis=None` means all axes, and
`keepdims` leaves an axis of size 1 for each that was reduced.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from .table import array, axes, floating, given, op, operand, public, reduction

all = reduction("all", jnp.all)
any = reduction("any", jnp.any)
amax = reduction("amax", jnp.max)
amin = reduction("amin", jnp.min)
argmax = reduction("argmax", jnp.argmax)
argmin = reduction("argmin", jnp.argmin)
mean = reduction("mean", jnp.mean, floating)
median = reduction("median", jnp.median, floating)
ptp = reduction("ptp", jnp.ptp)
std = reduction("std", jnp.std, floating)
sum = reduction("sum", jnp.sum)
var = reduction("var", jnp.var, floating)

# The same with NaN left out. The position in a slice that is all NaN is -1.
nanargmax = reduction("nanargmax", jnp.nanargmax)
nanargmin = reduction("nanargmin", jnp.nanargmin)
nanmax = reduction("nanmax", jnp.nanmax)
nanmean = reduction("nanmean", jnp.nanmean, floating)
nanmedian = reduction("nanmedian", jnp.nanmedian, floating)
nanmin = reduction("nanmin", jnp.nanmin)
nanprod = reduction("nanprod", jnp.nanprod)
nanstd = reduction("nanstd", jnp.nanstd, floating)
nansum = reduction("nansum", jnp.nansum)
nanvar = reduction("nanvar", jnp.nanvar, floating)


@op
def max(x: Any, axis: Any = None, keepdims: bool = False, initial: Any = None) -> jax.Array:
    """The largest element of each slice, at least `initial`, which is also the result for empty slices."""
    return jnp.max(array(x), axis=axes(axis), keepdims=keepdims, initial=initial)


@op
def min(x: Any, axis: Any = None, keepdims: bool = False, initial: Any = None) -> jax.Array:
    """The smallest element of each slice, at most `initial`, which is also the result for empty slices."""
    return jnp.min(array(x), axis=axes(axis), keepdims=keepdims, initial=initial)


@op
def prod(x: Any, axis: Any = None, keepdims: bool = False, dtype: Any = None) -> jax.Array:
    """The product over `axis`, computed and returned in `dtype`."""
    return jnp.prod(array(x), axis=axes(axis), keepdims=keepdims, dtype=given(dtype))


@op
def average(x: Any, axis: Any = None, weights: Any = None) -> jax.Array:
    """Σ weights · x / Σ weights over `axis`; without weights the mean.

    `weights` have the shape of `x`, or one dimension, that of `axis`.
    """
    return jnp.average(array(x), axis=axes(axis), weights=None if weights is None else array(weights))


@op
def count_nonzero(x: Any, axis: Any = None) -> jax.Array:
    """How many elements are not zero, over `axis`."""
    return jnp.count_nonzero(array(x), axis=axes(axis))


def _quantile(name: str, function: Callable, scale: str) -> Callable:
    """The op `name(x, q, axis, method, keepdims)`."""

    def call(x: Any, q: Any, axis: Any = None, method: str = "linear", keepdims: bool = False) -> Any:
        x, q = floating(x), operand(q)
        result = function(x, q, axis=axes(axis), method=method, keepdims=keepdims)
        return result.astype(x.dtype)  # not that of `q`

    call.__name__ = call.__qualname__ = name
    call.__doc__ = (
        f"The values below which the shares `q` ({scale}) of each slice lie; axes of `q` come first in the result.\n\n"
        "    `method` says what to take between two elements: `linear`, `lower`, `higher`, `midpoint` or `nearest`\n"
        "    (Hyndman & Fan 1996, Sample Quantiles in Statistical Packages).\n    "
    )
    return op(call)


quantile = _quantile("quantile", jnp.quantile, "from 0 to 1")
percentile = _quantile("percentile", jnp.percentile, "from 0 to 100")
nanquantile = _quantile("nanquantile", jnp.nanquantile, "from 0 to 1, NaN left out")
nanpercentile = _quantile("nanpercentile", jnp.nanpercentile, "from 0 to 100, NaN left out")


def _running(name: str, function: Callable) -> Callable:
    """The op `name(x, axis=None, dtype=None)`."""

    def call(x: Any, axis: Any = None, dtype: Any = None) -> Any:
        return function(array(x), axis=axis, dtype=given(dtype))

    call.__name__ = call.__qualname__ = name
    call.__doc__ = f"`{name}` of `x` along `axis` (None: of all elements as one row), computed in `dtype`."
    return op(call)


cumprod = _running("cumprod", jnp.cumprod)
cumsum = _running("cumsum", jnp.cumsum)
nancumprod = _running("nancumprod", jnp.nancumprod)
nancumsum = _running("nancumsum", jnp.nancumsum)


@op
def diff(a: Any, n: int = 1, axis: int = -1) -> jax.Array:
    """Differences of neighbours along `axis`, taken `n` times; the axis gets shorter by `n`."""
    return jnp.diff(array(a), n=n, axis=axis)


@op
def trapezoid(y: Any, x: Any = None, dx: float = 1.0, axis: int = -1) -> jax.Array:
    """The integral of `y` along `axis` by the trapezoidal rule, over the points `x` or steps of `dx`."""
    return jnp.trapezoid(floating(y), None if x is None else array(x), dx=dx, axis=axis)


__all__ = public(globals())
