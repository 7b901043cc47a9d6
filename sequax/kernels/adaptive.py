"""Pooling to a given number of cells, whatever the size of the input; channels last."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

Pool = Callable[[jax.Array, tuple[int, ...]], jax.Array]


def adaptive_pool(x: jax.Array, output: tuple[int, ...], pool: Pool) -> jax.Array:
    """Pooling over as many windows as the output has cells.

    Along an axis of `length` cells, output cell `i` of `size` sees the cells from `floor(i * length / size)` to
    `ceil((i + 1) * length / size)`: windows overlap where `size` does not divide `length`.

    Args:
        x: `(batch, *spatial, channels)`.
        output: spatial shape of the result.
        pool: `(x, window) -> result`, windows side by side, such as `max_pool`.
    """
    # One axis after the other, the first one first: the order decides which of equal maxima gets the gradient.
    for position, size in enumerate(output):
        x = _pooled(x, position, size, pool)
    return x


def _pooled(x: jax.Array, position: int, size: int, pool: Pool) -> jax.Array:
    """Windows of equal length are pooled together, side by side; there are never more than three lengths."""
    axis, rank = position + 1, x.ndim - 2

    def along(cells: jax.Array, window: int) -> jax.Array:
        return pool(cells, tuple(window if at == position else 1 for at in range(rank)))

    length = x.shape[axis]
    if length % size == 0:
        return along(x, length // size)
    starts = np.arange(size) * length // size
    windows = -(-np.arange(1, size + 1) * length // size) - starts
    parts: list[jax.Array] = []
    order: list[int] = []
    for window in np.unique(windows):
        chosen = np.flatnonzero(windows == window)
        slices = [jax.lax.slice_in_dim(x, int(starts[i]), int(starts[i] + window), axis=axis) for i in chosen]
        parts.append(along(jnp.concatenate(slices, axis), int(window)))
        order.extend(chosen)
    return jnp.take(jnp.concatenate(parts, axis), np.argsort(order), axis=axis)
