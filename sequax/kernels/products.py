"""Products of small matrices, in a form that XLA fuses with what stands around them."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import lax

# A product of fewer multiplications costs less than the start of a separate operation.
MOST_MULTIPLICATIONS = 2**11


def matmul(x: jax.Array, kernel: jax.Array) -> jax.Array:
    """`x @ kernel` over the last axis of `x`.

    On a CPU XLA runs every product as an operation of its own. Written as a sum it is one loop together with bias,
    activation and their gradients.
    """
    # In 16 bits a sum would round every single product.
    small = x.ndim == 2 and x.size * kernel.shape[-1] <= MOST_MULTIPLICATIONS and x.dtype == kernel.dtype == jnp.float32
    if not small:
        return jnp.matmul(x, kernel)
    return lax.platform_dependent(x, kernel, cpu=_summed, default=jnp.matmul)


def _summed(x: jax.Array, kernel: jax.Array) -> jax.Array:
    return (x[:, :, None] * kernel[None]).sum(1)
