"""Ops that write numbers in another form: classes as rows of zeros and ones, polar coordinates, decibels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from ..core import dtypes
from ..core.tensor import KerasTensor
from ..core.types import ArrayLike, DTypeLike
from .table import array, floating, given, infer, op, sized


def _dense(function: Callable[..., Any]) -> Callable[..., KerasTensor]:
    """Symbolic outputs of an op with an argument `sparse`, which changes neither shape nor dtype."""

    def outputs(*args: object, sparse: bool = False, **kwargs: object) -> KerasTensor:
        found = infer(function, args, kwargs)
        found.sparse = bool(sparse)
        return found

    return outputs


def _one_hot(
    x: ArrayLike, num_classes: int, axis: int = -1, dtype: DTypeLike | None = None, sparse: bool = False
) -> jax.Array:
    numbers = _numbers(x)
    hot = jax.nn.one_hot(numbers, num_classes, axis=axis, dtype=given(dtype, dtypes.floatx()))
    return _sparse(hot, numbers.size) if sparse else hot


def _numbers(x: ArrayLike) -> jax.Array:
    x = array(x)
    return x if jnp.issubdtype(x.dtype, jnp.integer) else x.astype("int32")


@sized(_dense(_one_hot))
def one_hot(
    x: ArrayLike, num_classes: int, axis: int = -1, dtype: DTypeLike | None = None, sparse: bool = False
) -> jax.Array:
    """1 at the place of each class number and 0 elsewhere; only zeros for a number that is no class.

    Args:
        x: whole numbers of any shape.
        axis: where the new axis of `num_classes` goes.
        dtype: default `floatx()`.
        sparse: return a `jax.experimental.sparse.BCOO`.
    """
    return _one_hot(x, num_classes, axis, dtype, sparse)


def _multi_hot(
    inputs: ArrayLike,
    num_classes: int | None = None,
    axis: int = -1,
    dtype: DTypeLike | None = None,
    sparse: bool = False,
    **kwargs: int,
) -> jax.Array:
    num_classes = kwargs.pop("num_tokens", num_classes)
    if kwargs:
        raise TypeError(f"multi_hot: unknown arguments {sorted(kwargs)}.")
    if num_classes is None:
        raise ValueError("multi_hot: `num_classes` must be given.")
    x = _numbers(inputs)
    hot = jax.nn.one_hot(x, num_classes, axis=axis, dtype=given(dtype, dtypes.floatx()))
    found = hot.max(1 if x.ndim > 1 else 0)
    return _sparse(found, min(x.size, found.size)) if sparse else found


@sized(_dense(_multi_hot))
def multi_hot(
    inputs: ArrayLike,
    num_classes: int | None = None,
    axis: int = -1,
    dtype: DTypeLike | None = None,
    sparse: bool = False,
    **kwargs: int,
) -> jax.Array:
    """1 for every class that occurs in a sample: `(batch, numbers, ...)` to `(batch, ..., num_classes)`.

    Args:
        inputs: whole numbers; without a batch `(numbers,)` to `(num_classes,)`.
        num_classes: also called `num_tokens`.
        axis: where the classes go before the maximum over axis 1 (without a batch: 0) is taken, as in Keras: other
            axes than the last, and 0 for columns that are samples, are of little use.
        dtype, sparse: as in `one_hot`.

    Raises:
        ValueError: without `num_classes`.
    """
    return _multi_hot(inputs, num_classes, axis, dtype, sparse, **kwargs)


def _sparse(x: jax.Array, entries: int) -> Any:
    from jax.experimental import sparse  # seldom needed, and slow to import

    return sparse.BCOO.fromdense(x, nse=entries)


@op
def psnr(x1: ArrayLike, x2: ArrayLike, max_val: ArrayLike) -> jax.Array:
    """Peak signal-to-noise ratio in decibels: `10 log10(max_val² / mean((x1 − x2)²))`.

    `max_val` is the largest value that the signals can have, such as 255.

    Raises:
        ValueError: if the shapes differ.
    """
    x1, x2 = floating(x1), floating(x2)
    if x1.shape != x2.shape:
        raise ValueError(f"psnr: the shapes must be equal. Received: x1.shape={x1.shape}, x2.shape={x2.shape}")
    error = jnp.mean(jnp.square(x1 - x2))
    return 20 * jnp.log10(jnp.asarray(max_val, error.dtype)) - 10 * jnp.log10(error)


@op
def polar(abs_: ArrayLike, angle: ArrayLike) -> jax.Array:
    """The complex numbers `abs_ (cos angle + i sin angle)`; complex64."""
    length, angle = (x.astype(jnp.promote_types(x.dtype, jnp.float32)) for x in (floating(abs_), floating(angle)))
    return jax.lax.complex(*jnp.broadcast_arrays(length * jnp.cos(angle), length * jnp.sin(angle)))


__all__ = ["multi_hot", "one_hot", "polar", "psnr"]
