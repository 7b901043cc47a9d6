"""Activations as ops; formulas and sources stand in `sequax/activations.py`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp

from .. import activations
from ..core.types import ArrayLike
from .table import DIVISIBLE, Unary, array, floating, op, operand, tried, unary

if TYPE_CHECKING:
    from ..activations import celu, elu, glu, hard_shrink, leaky_relu, log_softmax, soft_shrink, softmax, sparsemax
else:
    celu = op(activations.celu)
    elu = op(activations.elu)
    glu = tried(*DIVISIBLE)(activations.glu)
    hard_shrink = op(activations.hard_shrink)
    leaky_relu = op(activations.leaky_relu)
    log_softmax = op(activations.log_softmax)
    soft_shrink = op(activations.soft_shrink)
    softmax = op(activations.softmax)
    sparsemax = op(activations.sparsemax)
hard_sigmoid: Unary = op(activations.hard_sigmoid)
hard_silu: Unary = op(activations.hard_silu)
hard_swish = hard_silu
log_sigmoid: Unary = op(activations.log_sigmoid)
relu: Unary = unary("relu", activations.relu)
relu6: Unary = op(activations.relu6)
selu: Unary = op(activations.selu)
sigmoid: Unary = op(activations.sigmoid)
silu: Unary = op(activations.silu)
swish = silu
softplus: Unary = op(activations.softplus)
squareplus = op(activations.squareplus)
softsign: Unary = op(activations.softsign)
sparse_plus: Unary = op(activations.sparse_plus)
sparse_sigmoid: Unary = op(activations.sparse_sigmoid)
tanh_shrink: Unary = op(activations.tanh_shrink)


@op
def gelu(x: ArrayLike, approximate: bool = True) -> jax.Array:
    """`x Φ(x)`, by a tanh formula unless `approximate=False`. Hendrycks and Gimpel 2016.

    The activation of layers, `activations.gelu`, is exact by default; so it is in Keras.
    """
    return jax.nn.gelu(floating(x), approximate=bool(approximate))


@op
def hard_tanh(x: ArrayLike) -> jax.Array:
    """`min(max(x, −1), 1)`. Whole numbers stay whole."""
    return jax.nn.hard_tanh(array(x))


@op
def threshold(x: ArrayLike, threshold: jax.Array | float, default_value: ArrayLike) -> jax.Array:
    """`x` where `x > threshold`, else `default_value`; whole numbers stay whole if that is one."""
    x = array(x)
    return jnp.where(x > threshold, x, operand(default_value))


__all__ = [
    "celu", "elu", "gelu", "glu", "hard_shrink", "hard_sigmoid", "hard_silu", "hard_swish", "hard_tanh", "leaky_relu",
    "log_sigmoid", "log_softmax", "relu", "relu6", "selu", "sigmoid", "silu", "soft_shrink", "softmax", "softplus",
    "softsign", "sparse_plus", "sparse_sigmoid", "sparsemax", "squareplus", "swish", "tanh_shrink", "threshold",
]  # fmt: skip
