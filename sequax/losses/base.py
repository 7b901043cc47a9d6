"""`Loss`: a function of targets and predictions with a name, sample weights, masks and a reduction to one number."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal

import jax
import jax.numpy as jnp
import numpy as np

from ..core import dtypes, masks, names, rows, scope
from ..core.catalogue import serialize
from ..core.config import deserialize
from ..core.constructor import Configured
from ..core.kinds import FunctionLike, NameLike, OneOf
from ..core.owner import Unmade
from ..core.portable import Portable
from ..core.types import ArrayLike, DTypeLike, Tensor
from . import align
from .catalogue import is_of_class_numbers, loss, losses

Reduction = Annotated[
    Literal["sum_over_batch_size", "sum", "mean", "mean_with_sample_weight", "none"] | None,
    OneOf("sum_over_batch_size", "sum", "mean", "mean_with_sample_weight", "none", None),
]


@loss()
class Loss(Portable, Configured):
    """Base of all losses. A subclass writes `call(y_true, y_pred) -> one loss per sample (or per step)`.

    Args:
        name: for messages; default: the class name in snake case.
        reduction: `"sum_over_batch_size"` or `"mean"` (sum over number of values), `"sum"`,
            `"mean_with_sample_weight"` (sum over sum of weights), `"none"` or None (all values).
        dtype: of the computation, a dtype or a policy; default `floatx()`, also under a mixed policy.

    `loss(y_true, y_pred, sample_weight)`: weights are aligned at the first axes, one per sample or one per value.
    Where `y_pred` or what `call` returns carries a mask, masked values are left out: of sums, and of the number of
    values.

    Example:

    >>> class Quartic(Loss):
    ...     def call(self, y_true, y_pred):
    ...         return jnp.mean((y_true - y_pred) ** 4, axis=-1)
    >>> float(Quartic()([[0.0], [0.0]], [[1.0], [2.0]], sample_weight=[1.0, 0.5]))
    4.5
    """

    config_order: tuple[str, ...] = ("name", "reduction")
    if not TYPE_CHECKING:  # which knows it as an attribute
        _dtype_policy = Unmade()
    name: str
    reduction: str | None

    def __init__(
        self, name: NameLike | None = None, reduction: Reduction = "sum_over_batch_size", dtype: DTypeLike | None = None
    ):
        if name is None:
            self.name = names.auto_name(type(self).__name__)
        self._dtype_policy = dtypes.get(dtype or dtypes.floatx())

    @property
    def dtype(self) -> str:
        return self._dtype_policy.compute_dtype

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """The losses before weights and reduction."""
        raise NotImplementedError(f"Loss {type(self).__name__} must implement `call(y_true, y_pred)`.")

    def __call__(self, y_true: Tensor | Any, y_pred: Tensor | Any, sample_weight: ArrayLike | None = None) -> jax.Array:
        with scope.some_call():
            mask = masks.get(y_pred)
            true = jax.tree.map(self._cast_target, y_true, is_leaf=_is_numbers)
            values = self.call(true, jax.tree.map(self._cast, y_pred, is_leaf=_is_numbers))
            own = masks.get(values)
        if mask is not None and own is not None:
            own = dtypes.as_array(mask).astype(bool) & own
        return reduce(self.name, self._cast(values), sample_weight, mask if own is None else own, self.reduction)

    def _cast(self, x: ArrayLike) -> jax.Array:
        return dtypes.as_array(x).astype(dtypes.jnp_dtype(self.dtype))

    _cast_target = _cast


@loss()
class LossFunctionWrapper(Loss):
    """A loss from a function `(y_true, y_pred, **kwargs) -> losses`.

    `y_true` and `y_pred` of shapes `(n,)` and `(n, 1)` reach the function as `(n, 1)` both.

    Args:
        fn: the function; to be saved, a public one or one that configs can name.
        reduction: as in `Loss`.
        name: as in `Loss`.
        dtype: as in `Loss`.
        **kwargs: what the function gets by keyword.

    Example:

    >>> absolute = lambda y_true, y_pred, factor: factor * jnp.abs(y_true - y_pred)
    >>> float(LossFunctionWrapper(absolute, factor=2.0)([[0.0]], [[1.5]]))
    3.0
    """

    holds_arguments = True  # configs may have any key: the arguments of the function
    fn: Callable[..., Any]

    def __init__(
        self,
        fn: FunctionLike,
        reduction: Reduction = "sum_over_batch_size",
        name: NameLike | None = None,
        dtype: DTypeLike | None = None,
        **kwargs: Any,
    ):
        super().__init__(name, reduction, dtype)
        self._arguments = kwargs

    @property
    def arguments(self) -> dict[str, Any]:
        """What the function gets by keyword."""
        return self._arguments

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        if hasattr(y_true, "ndim") and hasattr(y_pred, "ndim"):
            if y_true.ndim == y_pred.ndim == 1 and self.one_value_per_sample:
                y_true, y_pred = y_true[:, None], y_pred[:, None]
            y_true, y_pred = align.ranks(y_true, y_pred)
        return self.fn(y_true, y_pred, **self.arguments)

    def _cast_target(self, x: ArrayLike) -> jax.Array:
        # Through floats and back, numbers beyond 2^24 would change, and each label would take 50 operations more.
        return dtypes.as_array(x) if is_of_class_numbers(self.fn) else self._cast(x)

    one_value_per_sample = False  # whether two arrays of shape (n,) are n samples rather than one

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **serialize(self.arguments)}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> LossFunctionWrapper:
        config = dict(config)
        if isinstance(config.get("fn"), str):
            config["fn"] = losses.find(config["fn"])
        return cls(**deserialize(config))


def reduce(name: str, values: jax.Array, sample_weight: Any, mask: Tensor | None, reduction: str | None) -> jax.Array:
    """Weighted values brought to one number.

    With a mask, the mean is over values that count: `Σ values · weights · mask / (n Σ mask / size of mask)`. One value
    for a whole batch counts once for each weight.
    """
    if values.ndim == 0:
        around = [np.shape(given) for given in (sample_weight, mask) if given is not None]
        values = jnp.broadcast_to(values, max(around, key=lambda s: (len(s), math.prod(s)), default=()))
    elif values.ndim == 1 and np.ndim(sample_weight) == 2 and np.shape(sample_weight)[1] == 1:
        values = values[:, None]  # as in Keras, which shows where nothing is reduced
    weight = None if sample_weight is None else align.weights(name, sample_weight, values)
    counts = rows.kept(values)
    if counts is not None:
        values = jnp.where(counts, values, 0)
        weight = None if weight is None else weight * counts
    count: jax.Array | None = None
    if mask is not None:
        keep = align.weights(name, mask, values)
        keep = keep if counts is None else keep * counts
        count = values.size * (jnp.sum(keep) / keep.size)
        weight = keep if weight is None else weight * keep
        values = jnp.where(keep == 0, 0, values)  # a NaN in a masked step must not pass
    if weight is not None:
        values = values * weight
    if reduction in ("none", None) or values.ndim == 0:
        return values
    total = jnp.sum(values)
    if reduction == "sum":
        return total
    if reduction == "mean_with_sample_weight" and weight is not None:
        count = jnp.sum(weight)
    return rows.per_value(total, max(values.size, 1)) if count is None else align.divide(total, count)


def _is_numbers(value: object) -> bool:
    """Nested Python lists of numbers are one array, not a structure of many."""
    return isinstance(value, (list, tuple)) and not any(hasattr(v, "shape") or isinstance(v, dict) for v in value)
