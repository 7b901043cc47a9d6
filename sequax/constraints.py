"""Constraints: callables that map a weight to an allowed one; applied after each optimizer step."""

from __future__ import annotations

from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp

from ._lazy import listed
from .core import dtypes
from .core.catalogue import Catalogue
from .core.constructor import Configured
from .core.kinds import AxisLike, Factor
from .core.types import ArrayLike, Config

catalogue: Catalogue = Catalogue("constraint", "keras.constraints")
get, deserialize = catalogue.get, catalogue.deserialize


def serialize(constraint: object) -> Config | str | None:
    """The config of a constraint; of a public function its name."""
    return catalogue.serialize(constraint)


@catalogue.register()
class Constraint(Configured):
    """Base of all constraints. A subclass writes `__call__(w) -> w` and, if it has settings, `get_config`.

    Example:

    >>> class AtMostOne(Constraint):
    ...     def __call__(self, w):
    ...         return jnp.minimum(w, 1.0)
    >>> AtMostOne()(jnp.array([0.5, 3.0])).tolist()
    [0.5, 1.0]
    """

    def __call__(self, w: jax.Array) -> jax.Array:
        return dtypes.as_array(w)


@catalogue.register()
class MaxNorm(Constraint):
    """Scales down vectors whose length exceeds `max_value`. Srivastava et al. 2014, *Dropout*, section 5.1.

    Args:
        max_value: largest length.
        axis: along which lengths are taken: 0 for the inputs of each unit of a dense kernel, (0, 1, 2) for the
            filters of a 2-D convolution.

    Example:

    >>> [round(w, 2) for w in MaxNorm(1.0)(jnp.array([[3.0], [4.0]])).ravel().tolist()]
    [0.6, 0.8]
    """

    max_value: float
    axis: AxisLike

    def __init__(self, max_value: Factor = 2, axis: AxisLike = 0):
        pass

    def __call__(self, w: ArrayLike) -> jax.Array:
        w = dtypes.as_array(w)
        length = _length(w, self.axis)
        return w * (jnp.clip(length, 0, self.max_value) / (dtypes.epsilon() + length))


@catalogue.register()
class MinMaxNorm(Constraint):
    """Brings the length of vectors between `min_value` and `max_value`.

    Args:
        min_value, max_value: bounds of the length.
        rate: how much of the way is gone in one step: 1 all of it.
        axis: along which lengths are taken, as in `MaxNorm`.

    Example:

    >>> [round(w, 2) for w in MinMaxNorm(min_value=1.0, max_value=2.0)(jnp.array([[0.3], [0.4]])).ravel().tolist()]
    [0.6, 0.8]
    """

    min_value: float
    max_value: float
    rate: float
    axis: AxisLike

    def __init__(self, min_value: Factor = 0.0, max_value: Factor = 1.0, rate: Factor = 1.0, axis: AxisLike = 0):
        pass

    def __call__(self, w: ArrayLike) -> jax.Array:
        w = dtypes.as_array(w)
        length = _length(w, self.axis)
        wanted = self.rate * jnp.clip(length, self.min_value, self.max_value) + (1 - self.rate) * length
        return w * (wanted / (dtypes.epsilon() + length))


@catalogue.register()
class NonNeg(Constraint):
    """Sets negative weights to 0.

    Example:

    >>> float(NonNeg()(jnp.array([-1.0, 2.0])).sum())
    2.0
    """

    def __call__(self, w: ArrayLike) -> jax.Array:
        w = dtypes.as_array(w)
        return w * (w >= 0).astype(w.dtype)


@catalogue.register()
class UnitNorm(Constraint):
    """Scales vectors to length 1.

    Args:
        axis: along which lengths are taken, as in `MaxNorm`.

    Example:

    >>> [round(w, 2) for w in UnitNorm()(jnp.array([[3.0], [4.0]])).ravel().tolist()]
    [0.6, 0.8]
    """

    axis: AxisLike

    def __init__(self, axis: AxisLike = 0):
        pass

    def __call__(self, w: ArrayLike) -> jax.Array:
        w = dtypes.as_array(w)
        return w / (dtypes.epsilon() + _length(w, self.axis))


def _length(w: jax.Array, axis: AxisLike) -> jax.Array:
    axis = tuple(axis) if isinstance(axis, list) else axis
    return jnp.sqrt(jnp.sum(jnp.square(w), axis=axis, keepdims=True))


max_norm = MaxNorm
min_max_norm = MinMaxNorm
non_neg = NonNeg
unit_norm = UnitNorm

__all__ = [
    "Constraint", "MaxNorm", "MinMaxNorm", "NonNeg", "UnitNorm", "deserialize", "get", "max_norm", "min_max_norm",
    "non_neg", "serialize", "unit_norm",
]  # fmt: skip

if not TYPE_CHECKING:
    __getattr__, __dir__ = listed(__name__)
