"""Rows of a table."""

from __future__ import annotations

import jax
import jax.numpy as jnp


def embedding(table: jax.Array, indices: jax.Array, from_end: bool = False) -> jax.Array:
    """``table[indices]``: (rows, width) and integers of any shape -> (*indices.shape, width).

    An index outside of the table gives NaN rather than the wrong row (0 in tables of whole numbers); with `from_end`,
    negative ones count from the end, as NumPy's do. The gradient is a scatter-add: sorting the indices first is 1.6 to
    8 times slower on a CPU, a one-hot product 11 to 18 times.
    """
    nothing = jnp.nan if jnp.issubdtype(table.dtype, jnp.inexact) else 0
    return table.at[indices].get(mode="fill", fill_value=nothing, wrap_negative_indices=from_end)
