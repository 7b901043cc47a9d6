"""Regularizers: callables that map a weight (or outputs) to a scalar penalty, which is added to the loss."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import jax.numpy as jnp
import numpy as np

from ._lazy import listed
from .core import dtypes
from .core.catalogue import Catalogue

catalogue = Catalogue("regularizer", "keras.regularizers")
get, deserialize = catalogue.get, catalogue.deserialize


def serialize(regularizer: Any) -> Any:
    """The config of a regularizer; of a public function its name."""
    return catalogue.serialize(regularizer)


@catalogue.register()
class Regularizer:
    """Base of all regularizers. A subclass writes `__call__(x) -> scalar` and, to be saved, `get_config`.

    Example:

    >>> class Largest(Regularizer):
    ...     def __call__(self, x):
    ...         return 0.1 * jnp.max(jnp.abs(x))
    >>> round(float(Largest()(jnp.array([1.0, -3.0]))), 3)
    0.3
    """

    def __call__(self, x: Any) -> Any:
        return 0.0

    def get_config(self) -> dict[str, Any]:
        raise NotImplementedError(
            f"{type(self).__name__} does not implement `get_config()`, so a model that uses it cannot be saved."
        )

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Any:
        return cls(**config)

    def __repr__(self) -> str:
        settings = ", ".join(f"{name}={value!r}" for name, value in vars(self).items())
        return f"{type(self).__name__}({settings})"


@catalogue.register("l1l2")
class L1L2(Regularizer):
    """`l1 Σ|x| + l2 Σx²`. The elastic net of Zou and Hastie 2005.

    Args:
        l1, l2: factors, >= 0; None counts as 0.
    """

    def __init__(self, l1: float | None = 0.0, l2: float | None = 0.0):
        self.l1, self.l2 = _factor("l1", l1, 0.0), _factor("l2", l2, 0.0)

    def __call__(self, x: Any) -> Any:
        x = dtypes.as_array(x)
        penalty = jnp.zeros((), x.dtype)
        if self.l1:
            penalty = penalty + self.l1 * jnp.sum(jnp.abs(x))
        if self.l2:
            penalty = penalty + self.l2 * jnp.sum(jnp.square(x))
        return penalty

    def get_config(self) -> dict[str, Any]:
        return {"l1": self.l1, "l2": self.l2}


@catalogue.register()
class L1(Regularizer):
    """`l1 Σ|x|`: drives weights to exactly 0. Tibshirani 1996 (lasso).

    Args:
        l1: factor, >= 0; None counts as 0.01.
    """

    def __init__(self, l1: float | None = 0.01):
        self.l1 = _factor("l1", l1, 0.01)

    def __call__(self, x: Any) -> Any:
        return self.l1 * jnp.sum(jnp.abs(dtypes.as_array(x)))

    def get_config(self) -> dict[str, Any]:
        return {"l1": self.l1}


@catalogue.register()
class L2(Regularizer):
    """`l2 Σx²` (no factor ½): keeps weights small. Hoerl and Kennard 1970 (ridge).

    Args:
        l2: factor, >= 0; None counts as 0.01.
    """

    def __init__(self, l2: float | None = 0.01):
        self.l2 = _factor("l2", l2, 0.01)

    def __call__(self, x: Any) -> Any:
        return self.l2 * jnp.sum(jnp.square(dtypes.as_array(x)))

    def get_config(self) -> dict[str, Any]:
        return {"l2": self.l2}


@catalogue.register()
class OrthogonalRegularizer(Regularizer):
    """Pushes the rows (or columns) of a matrix to be orthogonal to each other: `factor` times the mean of the absolute
    cosines of all pairs.

    Args:
        factor: >= 0.
        mode: `"rows"` or `"columns"`.

    Raises:
        ValueError: when called with anything but a matrix.
    """

    def __init__(self, factor: float = 0.01, mode: str = "rows"):
        if mode not in ("rows", "columns"):
            raise ValueError(f"OrthogonalRegularizer: `mode` must be 'rows' or 'columns'. Received: mode={mode!r}")
        self.factor, self.mode = _factor("factor", factor, 0.01), mode

    def __call__(self, x: Any) -> Any:
        x = dtypes.as_array(x)
        if x.ndim != 2:
            raise ValueError(f"Inputs to OrthogonalRegularizer must have rank 2. Received: inputs.shape={x.shape}")
        rows = x if self.mode == "rows" else x.T
        # The floor keeps the gradient of a row of zeros finite.
        rows = rows / jnp.sqrt(jnp.maximum(jnp.sum(jnp.square(rows), axis=1, keepdims=True), 1e-12))
        count = rows.shape[0]
        cosines = jnp.abs(rows @ rows.T) * (1 - jnp.eye(count, dtype=x.dtype))
        return self.factor * 0.5 * jnp.sum(cosines) / max(1.0, count * (count - 1) / 2)

    def get_config(self) -> dict[str, Any]:
        return {"factor": self.factor, "mode": self.mode}


def _factor(name: str, value: object, default: float) -> float:
    value = default if value is None else value
    if not isinstance(value, (int, float, np.number)) or not math.isfinite(value) or value < 0:
        raise ValueError(f"Invalid value for argument `{name}`: expected a number >= 0. Received: {name}={value!r}")
    return float(value)


l1 = L1
l2 = L2
l1_l2 = L1L2
orthogonal_regularizer = OrthogonalRegularizer

__all__ = [
    "L1", "L1L2", "L2", "OrthogonalRegularizer", "Regularizer", "deserialize", "get", "l1", "l1_l2", "l2",
    "orthogonal_regularizer", "serialize",
]  # fmt: skip

if not TYPE_CHECKING:
    __getattr__, __dir__ = listed(__name__)
