"""Regularizers: callables that map a weight (or outputs) to a scalar penalty, which is added to the loss."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeGuard

import jax.numpy as jnp
import numpy as np

from ._lazy import listed
from .core import dtypes
from .core.catalogue import Catalogue
from .core.constructor import Configured, ours
from .core.kinds import Kind, Number, OneOf, Owner
from .core.types import ArrayLike, Config, Tensor

catalogue: Catalogue = Catalogue("regularizer", "keras.regularizers")
get, deserialize = catalogue.get, catalogue.deserialize


def serialize(regularizer: object) -> Config | str | None:
    """The config of a regularizer; of a public function its name."""
    return catalogue.serialize(regularizer)


class _Strength(Kind):
    """A finite number >= 0, which becomes a float.

    Args:
        default: what None stands for.
    """

    expected = "a number >= 0"

    def __init__(self, default: float):
        self.default = default

    def resolve(self, value: object, name: str, owner: Owner) -> float:
        value = self.default if value is None else value
        return float(value) if _is_strength(value) else self.refuse(value, name, owner)

    def fits(self, value: object, cls: type) -> bool:
        return value is None or _is_strength(value)


def _is_strength(value: object) -> TypeGuard[float]:
    return isinstance(value, (int, float, np.number)) and math.isfinite(value) and bool(value >= 0)


Factor = Annotated[Number | None, _Strength(default=0.01)]
FactorOrZero = Annotated[Number | None, _Strength(default=0.0)]
Mode = Annotated[Literal["rows", "columns"], OneOf("rows", "columns")]


@catalogue.register()
class Regularizer(Configured):
    """Base of all regularizers. A subclass writes `__call__(x) -> scalar` and, to be saved, `get_config`.

    Example:

    >>> class Largest(Regularizer):
    ...     def __call__(self, x):
    ...         return 0.1 * jnp.max(jnp.abs(x))
    >>> round(float(Largest()(jnp.array([1.0, -3.0]))), 3)
    0.3
    """

    def __call__(self, x: Tensor) -> Tensor | float:
        return 0.0

    def get_config(self) -> dict[str, Any]:
        if ours(type(self)) is Regularizer:
            raise NotImplementedError(
                f"{type(self).__name__} does not implement `get_config()`, so a model that uses it cannot be saved."
            )
        return super().get_config()

    def __repr__(self) -> str:
        settings = ", ".join(f"{name}={value!r}" for name, value in vars(self).items())
        return f"{type(self).__name__}({settings})"


@catalogue.register("l1l2")
class L1L2(Regularizer):
    """`l1 Σ|x| + l2 Σx²`. The elastic net of Zou and Hastie 2005.

    Args:
        l1, l2: factors, >= 0; None counts as 0.

    Raises:
        ValueError: for a factor that is no finite number >= 0.

    Example:

    >>> float(L1L2(l1=0.1, l2=0.01)(jnp.array([1.0, -3.0])))
    0.5
    """

    l1: float
    l2: float

    def __init__(self, l1: FactorOrZero = 0.0, l2: FactorOrZero = 0.0):
        pass

    def __call__(self, x: ArrayLike) -> Tensor:
        x = dtypes.as_array(x)
        penalty = jnp.zeros((), x.dtype)
        if self.l1:
            penalty = penalty + self.l1 * jnp.sum(jnp.abs(x))
        if self.l2:
            penalty = penalty + self.l2 * jnp.sum(jnp.square(x))
        return penalty


@catalogue.register()
class L1(Regularizer):
    """`l1 Σ|x|`: drives weights to exactly 0. Tibshirani 1996 (lasso).

    Args:
        l1: factor, >= 0; None counts as 0.01.

    Raises:
        ValueError: for a factor that is no finite number >= 0.

    Example:

    >>> float(L1(0.5)(jnp.array([1.0, -3.0])))
    2.0
    """

    l1: float

    def __init__(self, l1: Factor = 0.01):
        pass

    def __call__(self, x: ArrayLike) -> Tensor:
        return self.l1 * jnp.sum(jnp.abs(dtypes.as_array(x)))


@catalogue.register()
class L2(Regularizer):
    """`l2 Σx²` (no factor ½): keeps weights small. Hoerl and Kennard 1970 (ridge).

    Args:
        l2: factor, >= 0; None counts as 0.01.

    Raises:
        ValueError: for a factor that is no finite number >= 0.

    Example:

    >>> float(L2(0.5)(jnp.array([1.0, -3.0])))
    5.0
    """

    l2: float

    def __init__(self, l2: Factor = 0.01):
        pass

    def __call__(self, x: ArrayLike) -> Tensor:
        return self.l2 * jnp.sum(jnp.square(dtypes.as_array(x)))


@catalogue.register()
class OrthogonalRegularizer(Regularizer):
    """Pushes the rows (or columns) of a matrix to be orthogonal to each other: `factor` times the mean of the absolute
    cosines of all pairs.

    Args:
        factor: 0 or more.
        mode: `"rows"` or `"columns"`.

    Raises:
        ValueError: for other arguments, and when called with anything but a matrix.

    Example:

    >>> float(OrthogonalRegularizer(0.5)(jnp.array([[1.0, 0.0], [2.0, 0.0]])))
    0.5
    """

    factor: float
    mode: str

    def __init__(self, factor: Factor = 0.01, mode: Mode = "rows"):
        pass

    def __call__(self, x: ArrayLike) -> Tensor:
        x = dtypes.as_array(x)
        if x.ndim != 2:
            raise ValueError(f"Inputs to OrthogonalRegularizer must have rank 2. Received: inputs.shape={x.shape}")
        rows = x if self.mode == "rows" else x.T
        # The floor keeps the gradient of a row of zeros finite.
        rows = rows / jnp.sqrt(jnp.maximum(jnp.sum(jnp.square(rows), axis=1, keepdims=True), 1e-12))
        count = rows.shape[0]
        cosines = jnp.abs(rows @ rows.T) * (1 - jnp.eye(count, dtype=x.dtype))
        return self.factor * 0.5 * jnp.sum(cosines) / max(1.0, count * (count - 1) / 2)


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
