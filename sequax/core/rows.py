"""Which rows of a batch count: all, but in a short batch that was filled up so that it runs as the others do.

Behind the last row of such a batch it comes again and again, so that no row gives what a true one would not (zeros may
give NaN, and NaN times 0 is NaN). Rows meet in few places: where losses are reduced, where metrics are updated, and
where moments of a batch are taken. These ask here. A model in which they meet elsewhere is never run so; what is
allowed stands in `training/alone.py`.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from contextvars import ContextVar
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from .._holding import Holding


class _Counted(NamedTuple):
    size: int
    count: Any  # int32


_batch: ContextVar[_Counted | None] = ContextVar("batch", default=None)


def counted(size: int, count: Any) -> AbstractContextManager[object]:
    """Inside, the first `count` of `size` rows count; None: all do, and nothing is asked."""
    return Holding(_batch, None if count is None else _Counted(size, count))


_averaged: ContextVar[Any] = ContextVar("averaged", default=None)


def averaged(count: Any) -> AbstractContextManager[object]:
    """Inside, gradients are means over so many rows; None: nobody knows over how many, or they are no means."""
    return Holding(_averaged, count)


def averaged_over() -> Any:
    """Over how many rows gradients are means; None where that is not known."""
    return _averaged.get()


def kept(values: jax.Array) -> jax.Array | None:
    """Whether each row counts, in a shape that broadcasts against values of all rows; None if all do."""
    batch = _batch.get()
    if batch is None:
        return None
    if values.ndim == 0 or values.shape[0] != batch.size:
        raise AssertionError(f"Values of shape {values.shape} are not those of a batch of {batch.size} rows.")
    return jnp.reshape(jnp.arange(batch.size) < batch.count, (-1,) + (1,) * (values.ndim - 1))


def number(of: float) -> Any:
    """How many of a number of values, equally many for each row of a batch, are of rows that count."""
    batch = _batch.get()
    return of if batch is None else batch.count * (of / batch.size)


def per_value(total: jax.Array, of: int) -> jax.Array:
    """A sum over rows that count, divided by the number of its values, of which a whole batch has `of`."""
    return total / of if _batch.get() is None else (total * share(of)).astype(total.dtype)


def share(of: int) -> jax.Array:
    """One divided by how many of so many values are of rows that count.

    To be multiplied by: so XLA divides by what it knows, and a short batch gets the bits that it has alone.
    """
    return 1 / number(of)
