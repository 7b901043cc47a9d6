"""`Metric`: a running value in variables, with an update, a result and a reset. And the plain ones: sum and mean."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

import jax
import jax.numpy as jnp

from .. import initializers
from ..core import dtypes, masks, names, pure, scope, tracking
from ..core.catalogue import serialize
from ..core.config import check_own, deserialize, reading
from ..core.constructor import Configured, added
from ..core.kinds import FunctionLike, InitializerLike, NameLike
from ..core.owner import Unmade
from ..core.portable import Portable
from ..core.types import ArrayLike, DTypeLike
from ..core.variable import Variable
from ..losses import align
from ..losses.catalogue import losses
from .catalogue import metric, metrics


@metric()
class Metric(Portable, Configured):
    """Base of all metrics. A subclass makes variables in `__init__` and writes `update_state` and `result`.

    Args:
        dtype: of the computation, a dtype or a policy; default `floatx()`.
        name: of its values in logs; default: the class name in snake case.

    Variables may also be made in `update_state`, on the first call, when shapes are known; other metrics may be kept
    as attributes. `reset_state` sets all variables to 0.

    Example:

    >>> class Largest(Metric):
    ...     def __init__(self, name="largest", dtype=None):
    ...         super().__init__(dtype=dtype, name=name)
    ...         self.largest = self.add_variable((), initializer="zeros", name="largest")
    ...     def update_state(self, y_true, y_pred, sample_weight=None):
    ...         self.largest.assign(jnp.maximum(self.largest.value, jnp.max(y_pred)))
    ...     def result(self):
    ...         return self.largest.value
    >>> float(Largest()(None, jnp.array([1.0, 5.0])))
    5.0
    """

    tracked_as = "metric"
    if not TYPE_CHECKING:  # which knows it as an attribute
        _dtype_policy = Unmade()
    name: str

    def __init__(self, dtype: DTypeLike | None = None, name: NameLike | None = None):
        if name is None:
            self.name = names.auto_name(type(self).__name__)
        self._dtype_policy = dtypes.get(dtype or dtypes.floatx())

    @property
    def dtype(self) -> str:
        return self._dtype_policy.compute_dtype

    # --- variables ---

    def add_variable(
        self,
        shape: Sequence[int],
        initializer: InitializerLike = "zeros",
        dtype: DTypeLike | None = None,
        aggregation: str = "sum",
        name: str | None = None,
    ) -> Variable:
        """Make a variable of this metric; keep it as an attribute. By default it is of `floatx()`.

        A sum in a 16-bit dtype of the metric would soon stop growing.
        """
        variable = Variable(
            initializers.get(initializer),
            shape=tuple(shape),
            dtype=dtype or dtypes.floatx(),
            trainable=False,
            aggregation=aggregation,
            name=name,
        )
        variable.path = f"{self.name}/{variable.name}"
        return variable

    def add_weight(
        self,
        shape: Sequence[int] = (),
        initializer: InitializerLike = None,
        dtype: DTypeLike | None = None,
        name: str | None = None,
    ) -> Variable:
        """As `add_variable`, with zeros by default."""
        return self.add_variable(shape, "zeros" if initializer is None else initializer, dtype, name=name)

    @property
    def variables(self) -> list[Variable]:
        """Own variables, then those of metrics kept as attributes."""
        found = tracking.owned(self, "variable")
        for inner in tracking.owned(self, "metric"):
            found += inner.variables
        return tracking.unique(found)

    @property
    def state_variables(self) -> list[Variable]:
        """`variables` and the states of seed generators."""
        found = self.variables + [seed.state for seed in tracking.owned(self, "seed")]
        for inner in tracking.owned(self, "metric"):
            found += inner.state_variables
        return tracking.unique(found)

    # --- to override ---

    def update_state(self, *args: Any, **kwargs: Any) -> None:
        """Take in one batch."""
        raise NotImplementedError(f"Metric {type(self).__name__} must implement `update_state`.")

    def result(self) -> jax.Array | Any:
        """The value so far: a scalar, an array or a dict of them."""
        raise NotImplementedError(f"Metric {type(self).__name__} must implement `result`.")

    def reset_state(self) -> None:
        """Forget what was taken in."""
        for variable in self.variables:
            variable.assign(jnp.zeros(variable.shape, variable.dtype))

    def __call__(self, *args: Any, **kwargs: Any) -> jax.Array | Any:
        self.update_state(*args, **kwargs)
        return self.result()

    # --- as pure functions ---

    def stateless_update_state(self, metric_variables: Sequence[Any], *args: Any, **kwargs: Any) -> list[Any]:
        """The new values of the variables, which themselves stay as they are."""
        return pure.apply(self.update_state, *self._matching(metric_variables), *args, **kwargs)[1]

    def stateless_result(self, metric_variables: Sequence[Any]) -> jax.Array | Any:
        return pure.apply(self.result, *self._matching(metric_variables))[0]

    def stateless_reset_state(self) -> list[Any]:
        variables = self.variables
        return pure.apply(self.reset_state, variables, [v.value for v in variables])[1]

    def _matching(self, values: Sequence[Any]) -> tuple[list[Variable], list[Any]]:
        """The variables, and the arrays they are to hold; variables stand for what they hold."""
        variables = self.variables
        if len(variables) != len(values):
            raise ValueError(
                f"Metric {self.name!r} has {len(variables)} variables, but received {len(values)} values."
                f" (Some metrics make theirs on the first `update_state`.)"
            )
        return variables, [value.value if isinstance(value, Variable) else value for value in values]

    # --- config ---

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name, "dtype": self.dtype, **super().get_config()}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        with reading():
            check_own(cls, config)
            return cls(**config)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}>"

    def _prepared(self, values: ArrayLike, sample_weight: ArrayLike | None) -> tuple[jax.Array, ArrayLike | None]:
        """Values in the dtype of the metric, and weights without those that the values' own mask leaves out.

        As in Keras that mask (of ignored classes) has no effect where there are no weights.
        """
        own = None if sample_weight is None else masks.get(values)
        values = self._cast(values)
        return values, masked_weights(self.name, values, sample_weight, own)

    def _cast(self, x: ArrayLike) -> jax.Array:
        return dtypes.as_array(x).astype(dtypes.jnp_dtype(self.dtype))


@metric()
class Sum(Metric):
    """Sum of values, `Σ values · weights`.

    Args:
        name: of its values in logs.
        dtype: of the computation; default `floatx()`.

    Example:

    >>> float(Sum()([1.0, 2.0], sample_weight=[1.0, 0.5]))
    2.0
    """

    def __init__(self, name: NameLike | None = "sum", dtype: DTypeLike | None = None):
        super().__init__(dtype, name)
        self.total: Variable = self.add_variable((), dtype=self.dtype, name="total")

    def update_state(self, values: ArrayLike, sample_weight: ArrayLike | None = None) -> None:
        values, weight = self._prepared(values, sample_weight)
        if weight is not None:
            values = values * align.weights(self.name, weight, values)
        self.total.assign_add(jnp.sum(values))

    def result(self) -> jax.Array:
        return self.total.value


@metric()
class Mean(Metric):
    """Mean over samples, `Σ values · weights / Σ weights`; each sample counts as the mean of its values.

    Args:
        name: of its values in logs.
        dtype: of the computation; default `floatx()`.

    Example:

    >>> float(Mean()([1.0, 3.0], sample_weight=[1.0, 3.0]))
    2.5
    """

    def __init__(self, name: NameLike | None = "mean", dtype: DTypeLike | None = None):
        super().__init__(dtype, name)
        self.total: Variable = self.add_variable((), dtype=self.dtype, name="total")
        self.count: Variable = self.add_variable((), dtype=self.dtype, name="count")

    def update_state(self, values: ArrayLike, sample_weight: ArrayLike | None = None) -> None:
        total, count = mean_parts(self.name, *self._prepared(values, sample_weight))
        self.total.assign_add(total)
        self.count.assign_add(count)

    def result(self) -> jax.Array:
        return align.divide(self.total.value, self.count.value)


def mean_parts(name: str, values: jax.Array, sample_weight: ArrayLike | None) -> tuple[jax.Array, Any]:
    """What a batch adds to total and count. All axes but the first are averaged, of weights as well as of values."""
    if sample_weight is None:
        samples = values.shape[0] if values.ndim else 1
        return jnp.sum(values) * (samples / max(values.size, 1)), samples
    weight = dtypes.as_array(sample_weight)
    if weight.ndim == 0:
        return jnp.mean(values) * weight.astype(values.dtype), weight.astype(values.dtype)
    weight = align.weights(name, weight, values)
    per_sample = values.size // max(values.shape[0], 1)
    weight = jnp.broadcast_to(weight, values.shape)
    return jnp.sum(values * weight) / max(per_sample, 1), jnp.sum(weight) / max(per_sample, 1)


@metric()
class MeanMetricWrapper(Mean):
    """Mean of a function `(y_true, y_pred, **kwargs) -> values`.

    Where `y_pred` carries a mask, masked values do not count. Shapes `(n,)` and `(n, 1)` reach the function as
    `(n, 1)` both.

    Args:
        fn: the function; to be saved, a public one or one that configs can name.
        name: of its values in logs; default: the class name in snake case.
        dtype: of the computation; default `floatx()`.
        **kwargs: what the function gets by keyword.

    Example:

    >>> scaled = lambda y_true, y_pred, factor: factor * jnp.abs(y_true - y_pred)
    >>> float(MeanMetricWrapper(scaled, factor=2.0)([[0.0]], [[1.5]]))
    3.0
    """

    holds_arguments = True  # configs may have any key: the arguments of the function
    fn: Callable[..., Any]

    def __init__(self, fn: FunctionLike, name: NameLike | None = None, dtype: DTypeLike | None = None, **kwargs: Any):
        super().__init__(name, dtype)
        self._arguments = kwargs

    @property
    def arguments(self) -> dict[str, Any]:
        """What the function gets by keyword."""
        return self._arguments

    one_value_per_sample = False  # whether two arrays of shape (n,) are n samples rather than one

    def update_state(  # type: ignore[override]
        self, y_true: ArrayLike, y_pred: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> None:
        with scope.some_call():
            mask = masks.get(y_pred)
            y_true, y_pred = dtypes.as_array(y_true), dtypes.as_array(y_pred)
            if y_true.ndim == y_pred.ndim == 1 and self.one_value_per_sample:
                y_true, y_pred = y_true[:, None], y_pred[:, None]
            values = self._cast(self.fn(*align.ranks(y_true, y_pred), **self.arguments))
            if (
                mask is not None and jnp.ndim(mask) > values.ndim
            ):  # a function that has brought masked steps together has dealt with them
                mask = None
            weight = masked_weights(self.name, values, sample_weight, mask)
            super().update_state(values, weight)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **serialize(self.arguments)}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        config = dict(config)
        if isinstance(config.get("fn"), str):
            name = config["fn"]
            config["fn"] = metrics.functions.get(name) or losses.find(name)
        return cls(**deserialize(config))


class NamedMean(MeanMetricWrapper):
    """A wrapper whose function is known from its class; it gets the arguments that not every metric has."""

    @property
    def arguments(self) -> dict[str, Any]:
        return added(self, Metric)


def masked_weights(
    name: str, values: jax.Array, sample_weight: ArrayLike | None, mask: ArrayLike | None
) -> ArrayLike | None:
    """Weights with 0 where the mask says that a value does not count."""
    if mask is None:
        return sample_weight
    keep = align.weights(name, mask, values)
    return keep if sample_weight is None else keep * align.weights(name, sample_weight, values)
