"""Constraints: callables that map a weight to an allowed one; applied after each optimizer step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp

from ._lazy import listed
from .core import dtypes
from .core.catalogue import Catalogue

catalogue = Catalogue("constraint", "keras.constraints")
get, deserialize = catalogue.get, catalogue.deserialize


def serialize(constraint: Any) -> Any:
    """The config of a constraint; of a public function its name."""
    return catalogue.serialize(constraint)


Axis = int | tuple[int, ...] | list[int]


@catalogue.register()
class Constraint:
    """Base of all constraints. A subclass writes `__call__(w) -> w` and, if it has settings, `get_config`.

    Example:

    >>> class AtMostOne(Constraint):
    ...     def __call__(self, w):
    ...         return jnp.minimum(w, 1.0)
    >>> AtMostOne()(jnp.array([0.5, 3.0])).tolist()
    [0.5, 1.0]
    """

    def __call__(self, w: Any) -> Any:
        return dtypes.as_array(w)

    def get_config(self) -> dict[str, Any]:
        return {}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Any:
        return cls(**config)

    def __repr__(self) -> str:
        settings = ", ".join(f"{name}={value!r}" for name, value in self.get_config().items())
        return f"{type(self).__name__}({settings})"


@catalogue.register()
class MaxNorm(Constraint):
    """Scales down vectors whose length exceeds `max_value`. Srivastava et al. 2014, *Dropout*, section 5.1.

    Args:
        max_value: largest length.
        axis: along which lengths are taken: 0 for the inputs of each unit of a dense kernel, (0, 1, 2) for the
            filters of a 2-D convolution.
    """

    def __init__(self, max_value: float = 2, axis: Axis = 0):
        self.max_value, self.axis = max_value, axis

    def __call__(self, w: Any) -> jax.Array:
        w = dtypes.as_array(w)
        length = _length(w, self.axis)
        return w * (jnp.clip(length, 0, self.max_value) / (dtypes.epsilon() + length))

    def get_config(self) -> dict[str, Any]:
        return {"max_value": self.max_value, "axis": self.axis}


@catalogue.register()
class MinMaxNorm(Constraint):
    """Brings the length of vectors between `min_value` and `max_value`.

    Args:
        min_value, max_value: bounds of the length.
        rate: how much of the way is gone in one step: 1 all of it.
        axis: along which lengths are taken.
    """

    def __init__(self, min_value: float = 0.0, max_value: float = 1.0, rate: float = 1.0, axis: Axis = 0):
        self.min_value, self.max_value, self.rate, self.axis = min_value, max_value, rate, axis

    def __call__(self, w: Any) -> jax.Array:
        w = dtypes.as_array(w)
        length = _length(w, self.axis)
        wanted = self.rate * jnp.clip(length, self.min_value, self.max_value) + (1 - self.rate) * length
        return w * (wanted / (dtypes.epsilon() + length))

    def get_config(self) -> dict[str, Any]:
        return {"min_value": self.min_value, "max_value": self.max_value, "rate": self.rate, "axis": self.axis}


@catalogue.register()
class NonNeg(Constraint):
    """Sets negative weights to 0."""

    def __call__(self, w: Any) -> jax.Array:
        w = dtypes.as_array(w)
        return w * (w >= 0).astype(w.dtype)


@catalogue.register()
class UnitNorm(Constraint):
    """Scales vectors to length 1.

    Args:
        axis: along which lengths are taken.
    """

    def __init__(self, axis: Axis = 0):
        self.axis = axis

    def __call__(self, w: Any) -> jax.Array:
        w = dtypes.as_array(w)
        return w / (dtypes.epsilon() + _length(w, self.axis))

    def get_config(self) -> dict[str, Any]:
        return {"axis": self.axis}


def _length(w: jax.Array, axis: Axis) -> jax.Array:
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
