"""Ops of mathematics beyond arithmetic: error functions, distances, rankings, segments, complex views."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from ..core.types import ArrayLike
from .table import DIVISIBLE, Reduction, Unary, array, floating, named, op, reduction, tried, unary

erf: Unary = unary("erf", jax.scipy.special.erf, floating)
erfc: Unary = unary("erfc", jax.scipy.special.erfc, floating)
erfinv: Unary = unary("erfinv", jax.scipy.special.erfinv, floating)
rsqrt: Unary = unary("rsqrt", jax.lax.rsqrt, floating)
logsumexp: Reduction = reduction("logsumexp", jax.scipy.special.logsumexp, floating)


@op
def cdist(x: ArrayLike, y: ArrayLike) -> jax.Array:
    """Euclidean distances between the rows of `x` and those of `y`: `(..., n, d)`, `(..., m, d)` -> `(..., n, m)`.

    The gradient at distance 0 is 0 (in Keras it is NaN).
    """
    x, y = array(x), array(y)
    dtype = floating(jnp.zeros((), jnp.result_type(x, y))).dtype
    x, y = x.astype(dtype), y.astype(dtype)
    if x.ndim < 2 or y.ndim < 2:
        raise ValueError(f"cdist: expected inputs with at least 2 axes. Received shapes {x.shape} and {y.shape}.")
    if x.shape[-1] != y.shape[-1]:
        raise ValueError(f"cdist: the last axes of the inputs must be equal. Received shapes {x.shape} and {y.shape}.")
    squares = jnp.square(x[..., :, None, :] - y[..., None, :, :]).sum(-1)
    apart = squares > 0
    return jnp.where(apart, jnp.sqrt(jnp.where(apart, squares, 1)), jnp.sqrt(jax.lax.stop_gradient(squares)))


@op
def in_top_k(targets: ArrayLike, predictions: ArrayLike, k: int) -> jax.Array:
    """Whether each target class is among the `k` largest predictions; ties with the k-th one count.

    Args:
        targets: whole numbers `(n,)`. Classes that do not exist, and NaN predictions, are in no top `k`.
        predictions: `(n, classes)`.
    """
    predictions, targets = floating(predictions), array(targets)
    if targets.ndim != predictions.ndim - 1:
        raise ValueError(
            f"in_top_k: expected targets of shape (n,) and predictions of shape (n, classes). Received shapes"
            f" {targets.shape} and {predictions.shape}."
        )
    if k >= predictions.shape[-1]:
        return jnp.ones(targets.shape, bool)
    value = jnp.take_along_axis(predictions, targets[..., None], axis=-1, mode="fill")
    larger = (predictions > value).sum(-1)
    return (larger < k) & ~jnp.isnan(value[..., 0])


@tried(*DIVISIBLE)
def top_k(x: ArrayLike, k: int, sorted: bool = True) -> tuple[jax.Array, jax.Array]:
    """The `k` largest values of `x` along the last axis, in descending order, and their positions (int32).

    `sorted` is accepted; they are in order without it too.

    >>> [array.tolist() for array in top_k([3, 9, 5], 2)]
    [[9, 5], [1, 2]]
    """
    values, indices = jax.lax.top_k(array(x), k)
    return values, indices


@op
def logdet(x: ArrayLike) -> jax.Array:
    """`log |det x|` of square matrices in the last two axes."""
    return jnp.linalg.slogdet(floating(x))[1]


def _segment(name: str, function: Callable[..., Any], empty: str) -> Callable[..., Any]:
    def call(
        data: ArrayLike, segment_ids: ArrayLike, num_segments: int | None = None, sorted: bool = False
    ) -> jax.Array:
        data, segment_ids = array(data), array(segment_ids)
        if num_segments is None:
            raise ValueError(
                f"{name}: `num_segments` must be given, since the shape of the result depends on it. Received: None."
                f" Pass e.g. `num_segments=int(max(segment_ids)) + 1`."
            )
        if segment_ids.ndim != 1 or segment_ids.shape != data.shape[:1]:
            raise ValueError(
                f"{name}: `segment_ids` must have one axis, as long as the first one of `data`. Received shapes"
                f" {segment_ids.shape} and {data.shape}."
            )
        return function(data, segment_ids, num_segments=num_segments, indices_are_sorted=sorted)

    doc = f"""`{name[8:]}` of the rows of `data` with equal `segment_ids`; rows with ids outside are left out.

    Args:
        data: `(n, ...)`.
        segment_ids: whole numbers `(n,)`.
        num_segments: size of the first axis of the result. A segment without rows is {empty}.
        sorted: promise that the ids ascend, which is faster on some devices.
    """
    return op(named(call, name, doc))


segment_max: Callable[..., Any] = _segment("segment_max", jax.ops.segment_max, "the lowest number of the dtype (-inf)")
segment_min: Callable[..., Any] = _segment("segment_min", jax.ops.segment_min, "the highest number of the dtype (inf)")
segment_prod: Callable[..., Any] = _segment("segment_prod", jax.ops.segment_prod, "1")
segment_sum: Callable[..., Any] = _segment("segment_sum", jax.ops.segment_sum, "0")


@op
def view_as_complex(x: ArrayLike) -> jax.Array:
    """Complex numbers from the pairs of real and imaginary parts in the last axis of `x`: `(..., 2)` -> `(...)`."""
    x = floating(x)
    if x.ndim == 0 or x.shape[-1] != 2:
        raise ValueError(f"view_as_complex: the last axis must have size 2. Received shape {x.shape}.")
    return jax.lax.complex(x[..., 0], x[..., 1])


@op
def view_as_real(x: ArrayLike) -> jax.Array:
    """Real and imaginary parts of `x` in a new last axis: `(...)` -> `(..., 2)`."""
    x = array(x)
    return jnp.stack([jnp.real(x), jnp.imag(x)], axis=-1)


__all__ = [
    "cdist", "erf", "erfc", "erfinv", "in_top_k", "logdet", "logsumexp", "rsqrt", "segment_max", "segment_min",
    "segment_prod", "segment_sum", "top_k", "view_as_complex", "view_as_real",
]  # fmt: skip
