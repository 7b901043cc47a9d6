"""Values that stand in memory because several operations read them."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import lax

from . import dispatch


def in_memory(x: jax.Array) -> jax.Array:
    """``x``, computed once for all its readers, and its gradient once for all that goes on from there.

    For a CPU, XLA computes a value again in each of its readers where they can all be fused with it. In a residual
    network each block reads what the one before it read: without a cut the program grows with the square of the depth
    (16 blocks that end in a layer normalization: 75,000 instructions and 16 s to compile, with it 7,000 and 1 s). Only
    in programs that are known to be for a CPU, so that what is exported has no trace of it.
    """
    if dispatch.platform() != "cpu" or not isinstance(x, jax.core.Tracer) or not jnp.issubdtype(x.dtype, jnp.floating):
        return x
    return lax.optimization_barrier(x)
