"""What happens to gradients before the update rule sees them, and updates that happen only sometimes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from ..core import pure
from ..core.variable import Variable


def clip_by_norm(gradient: jax.Array, limit: float) -> jax.Array:
    """The gradient, shortened to the Euclidean length `limit` if it is longer.

    Source: Pascanu et al. 2013, On the difficulty of training recurrent neural networks.
    """
    length = jnp.sqrt(jnp.sum(jnp.square(gradient)))
    return gradient * (limit / jnp.maximum(length, limit))


def clip_by_global_norm(gradients: Sequence[jax.Array], limit: float) -> list[jax.Array]:
    """All gradients, scaled by one factor such that together they are no longer than `limit`."""
    length = jnp.sqrt(sum(jnp.sum(jnp.square(g.astype("float32"))) for g in gradients))
    factor = limit / jnp.maximum(length, limit)
    return [(g * factor).astype(g.dtype) for g in gradients]


def all_finite(gradients: Sequence[Any]) -> jax.Array:
    """A boolean scalar: no gradient holds an infinity or NaN."""
    return jnp.all(jnp.stack([jnp.all(jnp.isfinite(g)) for g in gradients]))


def when(condition: jax.Array, action: Callable[[], None], variables: Sequence[Variable]) -> None:
    """Run `action`, which assigns some of `variables`, where `condition` holds; else they stay as they are.

    Inside a compiled program the condition is not known yet: both outcomes become branches of the program, of which
    only one is computed.
    """
    if not isinstance(condition, jax.core.Tracer):
        if condition:
            action()
        return

    def changed(values: list[jax.Array]) -> list[jax.Array]:
        return pure.apply(action, variables, values)[1]

    before = [variable.value for variable in variables]
    after = jax.lax.cond(condition, changed, lambda values: values, before)
    for variable, value in zip(variables, after, strict=True):
        variable.assign(value)
