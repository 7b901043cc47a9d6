"""Activations as ops; formulas and sources stand in `sequax/activations.py`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp

from .. import activations
from ..core.types import ArrayLike
from ..kernels.formulas import named
from .table import DIVISIBLE, F, Unary, array, floating, op, operand, tried, unary


def _op(function: F) -> F:
    made = op(function)
    made.__module__ = __name__  # where pickles find it; in the module of the function is the function itself
    return made


if TYPE_CHECKING:
    from ..activations import celu, elu, glu, hard_shrink, leaky_relu, log_softmax, soft_shrink, softmax, sparsemax
else:
    celu = _op(activations.celu)
    elu = _op(activations.elu)
    glu = tried(*DIVISIBLE)(activations.glu)
    glu.__module__ = __name__  # as in `_op`
    hard_shrink = _op(activations.hard_shrink)
    leaky_relu = _op(activations.leaky_relu)
    log_softmax = _op(activations.log_softmax)
    soft_shrink = _op(activations.soft_shrink)
    softmax = _op(activations.softmax)
    sparsemax = _op(activations.sparsemax)
hard_sigmoid: Unary = _op(activations.hard_sigmoid)
hard_silu: Unary = _op(activations.hard_silu)
hard_swish = hard_silu
log_sigmoid: Unary = _op(activations.log_sigmoid)
relu: Unary = unary("relu", activations.relu)
relu6: Unary = _op(activations.relu6)
selu: Unary = _op(activations.selu)
sigmoid: Unary = _op(activations.sigmoid)
silu: Unary = _op(activations.silu)
swish = silu
softplus: Unary = _op(activations.softplus)
squareplus = _op(activations.squareplus)
softsign: Unary = _op(activations.softsign)
sparse_plus: Unary = _op(activations.sparse_plus)
sparse_sigmoid: Unary = _op(activations.sparse_sigmoid)
tanh_shrink: Unary = _op(activations.tanh_shrink)


@op
def gelu(x: ArrayLike, approximate: bool = True) -> jax.Array:
    """`x Φ(x)`, by a tanh formula unless `approximate=False`. Hendrycks and Gimpel 2016.

    The activation of layers, `activations.gelu`, is exact by default; so it is in Keras.
    """
    return named("gelu", jax.nn.gelu, floating(x), approximate=bool(approximate))


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
