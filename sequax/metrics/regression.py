"""Metrics of real numbers, probabilities and margins: running means of the losses of the same name, and R²."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from .. import losses
from ..core import dtypes
from ..core.types import ArrayLike
from ..core.variable import Variable
from ..losses import align
from ..losses.regression import cosine
from .base import Metric, NamedMean
from .catalogue import function, metric


@metric("mse", "MSE")
class MeanSquaredError(NamedMean):
    """Mean of squared errors."""

    one_value_per_sample = True

    def __init__(self, name: str | None = "mean_squared_error", dtype: Any = None):
        super().__init__(losses.mean_squared_error, name, dtype)


@metric("mae", "MAE")
class MeanAbsoluteError(NamedMean):
    """Mean of absolute errors."""

    one_value_per_sample = True

    def __init__(self, name: str | None = "mean_absolute_error", dtype: Any = None):
        super().__init__(losses.mean_absolute_error, name, dtype)


@metric("mape", "MAPE")
class MeanAbsolutePercentageError(NamedMean):
    """Mean of absolute errors in percent of the targets."""

    one_value_per_sample = True

    def __init__(self, name: str | None = "mean_absolute_percentage_error", dtype: Any = None):
        super().__init__(losses.mean_absolute_percentage_error, name, dtype)


@metric("msle", "MSLE")
class MeanSquaredLogarithmicError(NamedMean):
    """Mean of squared differences of logarithms."""

    one_value_per_sample = True

    def __init__(self, name: str | None = "mean_squared_logarithmic_error", dtype: Any = None):
        super().__init__(losses.mean_squared_logarithmic_error, name, dtype)


@metric()
class LogCoshError(NamedMean):
    """Mean of log cosh of errors."""

    one_value_per_sample = True

    def __init__(self, name: str | None = "logcosh", dtype: Any = None):
        super().__init__(losses.log_cosh, name, dtype)


@metric()
class Hinge(NamedMean):
    """Mean of hinge losses."""

    one_value_per_sample = True

    def __init__(self, name: str | None = "hinge", dtype: Any = None):
        super().__init__(losses.hinge, name, dtype)


@metric()
class SquaredHinge(NamedMean):
    """Mean of squared hinge losses."""

    one_value_per_sample = True

    def __init__(self, name: str | None = "squared_hinge", dtype: Any = None):
        super().__init__(losses.squared_hinge, name, dtype)


@metric()
class CategoricalHinge(NamedMean):
    """Mean of hinge losses of one-hot targets."""

    def __init__(self, name: str | None = "categorical_hinge", dtype: Any = None):
        super().__init__(losses.categorical_hinge, name, dtype)


@metric()
class Poisson(NamedMean):
    """Mean of negative log likelihoods of counts."""

    one_value_per_sample = True

    def __init__(self, name: str | None = "poisson", dtype: Any = None):
        super().__init__(losses.poisson, name, dtype)


@metric()
class KLDivergence(NamedMean):
    """Mean of Kullback-Leibler divergences."""

    def __init__(self, name: str | None = "kl_divergence", dtype: Any = None):
        super().__init__(losses.kl_divergence, name, dtype)


@metric("bce", "BCE")
class BinaryCrossentropy(NamedMean):
    """Mean of crossentropies of yes-or-no labels."""

    one_value_per_sample = True

    def __init__(
        self,
        name: str | None = "binary_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        label_smoothing: float = 0,
    ):
        arguments = {"from_logits": from_logits, "label_smoothing": label_smoothing}
        super().__init__(losses.binary_crossentropy, name, dtype, **arguments)


@metric()
class CategoricalCrossentropy(NamedMean):
    """Mean of crossentropies of one-hot labels."""

    def __init__(
        self,
        name: str | None = "categorical_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        label_smoothing: float = 0,
        axis: int = -1,
    ):
        arguments = {"from_logits": from_logits, "label_smoothing": label_smoothing, "axis": axis}
        super().__init__(losses.categorical_crossentropy, name, dtype, **arguments)


@metric()
class SparseCategoricalCrossentropy(NamedMean):
    """Mean of crossentropies of class numbers.

    As in Keras, those equal to `ignore_class` are left out where there are sample weights or a mask; otherwise each
    counts as 0. (The loss of this name always leaves them out.)
    """

    def __init__(
        self,
        name: str | None = "sparse_categorical_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        ignore_class: int | None = None,
        axis: int = -1,
    ):
        arguments = {"from_logits": from_logits, "ignore_class": ignore_class, "axis": axis}
        super().__init__(losses.sparse_categorical_crossentropy, name, dtype, **arguments)


def _cosine(y_true: ArrayLike, y_pred: ArrayLike, axis: int = -1) -> jax.Array:
    return cosine("cosine_similarity", y_true, y_pred, axis)


@metric()
class CosineSimilarity(NamedMean):
    """Mean of cosines of angles: 1 for equal directions (the loss of this name has the other sign).

    Unlike Keras', its config keeps `axis`.
    """

    def __init__(self, name: str | None = "cosine_similarity", dtype: Any = None, axis: int = -1):
        super().__init__(_cosine, name, dtype, axis=axis)


@metric()
class RootMeanSquaredError(NamedMean):
    """`√mean((y_true − y_pred)²)`, the root taken once, of the running mean."""

    one_value_per_sample = True

    def __init__(self, name: str | None = "root_mean_squared_error", dtype: Any = None):
        super().__init__(_squared_error, name, dtype)

    def result(self) -> jax.Array:
        return jnp.sqrt(super().result())


def _squared_error(y_true: ArrayLike, y_pred: ArrayLike) -> jax.Array:
    y_true, y_pred = align.pair("root_mean_squared_error", y_true, y_pred)
    return jnp.square(y_true - y_pred)


@metric()
class R2Score(Metric):
    """Coefficient of determination `1 − Σ(y − ŷ)² / Σ(y − ȳ)²`, of each output and then averaged. Wright 1921.

    Args:
        class_aggregation: `"uniform_average"`, `"variance_weighted_average"`, or None for one value per output.
        num_regressors: above 0 gives the adjusted R², once there are more samples than regressors and one. As in Keras,
            the number of samples in its formula counts every output of a sample.

    Shapes: `(batch, outputs)` twice.
    """

    def __init__(
        self,
        class_aggregation: str | None = "uniform_average",
        num_regressors: int = 0,
        name: str | None = "r2_score",
        dtype: Any = None,
    ):
        super().__init__(dtype, name)
        allowed = ("uniform_average", "variance_weighted_average", None)
        if class_aggregation not in allowed:
            raise ValueError(f"R2Score: `class_aggregation` must be one of {allowed}. Received: {class_aggregation!r}")
        if num_regressors < 0:
            raise ValueError(f"R2Score: `num_regressors` must be >= 0. Received: {num_regressors}")
        self.class_aggregation, self.num_regressors = class_aggregation, num_regressors
        self.num_samples = self.add_variable((), name="num_samples")
        self.squared_sum: Variable | None = None

    def build_variables(self, outputs: int) -> None:
        self.squared_sum = self.add_variable((outputs,), name="squared_sum")
        self.sum = self.add_variable((outputs,), name="sum")
        self.total_mse = self.add_variable((outputs,), name="residual")
        self.count = self.add_variable((outputs,), name="count")

    def update_state(self, y_true: ArrayLike, y_pred: ArrayLike, sample_weight: ArrayLike | None = None) -> None:
        y_true, y_pred = align.pair("R2Score", self._cast(y_true), self._cast(y_pred))
        y_true, y_pred = (y[:, None] if y.ndim == 1 else y for y in (y_true, y_pred))
        if y_true.ndim != 2:
            raise ValueError(
                f"R2Score expects 2D inputs with shape (batch_size, outputs). Received: y_true.shape={y_true.shape}"
            )
        if self.squared_sum is None:
            self.build_variables(y_true.shape[1])
        assert self.squared_sum is not None
        weight = jnp.ones((), y_true.dtype)
        if sample_weight is not None:
            weight = align.weights(self.name, sample_weight, y_true)
        weight = jnp.broadcast_to(weight, y_true.shape)
        self.sum.assign_add(jnp.sum(weight * y_true, axis=0))
        self.squared_sum.assign_add(jnp.sum(weight * jnp.square(y_true), axis=0))
        self.total_mse.assign_add(jnp.sum(weight * jnp.square(y_true - y_pred), axis=0))
        self.count.assign_add(jnp.sum(weight, axis=0))
        self.num_samples.assign_add(y_true.size)

    def result(self) -> jax.Array:
        if self.squared_sum is None:
            return jnp.zeros(())
        total = self.squared_sum.value - self.sum.value * align.divide(self.sum.value, self.count.value)
        # Constant targets have no variance to explain: 0, but nan for a perfect fit, as in Keras.
        score = 1 - self.total_mse.value / total
        score = jnp.where(jnp.isinf(score), 0.0, score)
        if self.class_aggregation == "uniform_average":
            score = jnp.mean(score)
        elif self.class_aggregation == "variance_weighted_average":
            score = jnp.sum(score * total) / jnp.sum(total)
        if self.num_regressors == 0:
            return score
        samples = self.num_samples.value
        left = samples - self.num_regressors - 1
        adjusted = 1 - (1 - score) * align.divide(samples - 1, left)
        return jnp.where(left > 0, adjusted, score)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "class_aggregation": self.class_aggregation,
            "num_regressors": self.num_regressors,
        }


@function
def pearson_correlation(y_true: ArrayLike, y_pred: ArrayLike, axis: int = -1) -> jax.Array:
    """Correlation of targets and predictions along `axis`, which it removes. Pearson 1895."""
    y_true, y_pred = (_centred(y, axis) for y in align.pair("pearson_correlation", y_true, y_pred))
    product = jnp.sum(y_true * y_pred, axis=axis)
    return product / jnp.sqrt(jnp.sum(jnp.square(y_true), axis=axis) * jnp.sum(jnp.square(y_pred), axis=axis))


@function
def concordance_correlation(y_true: ArrayLike, y_pred: ArrayLike, axis: int = -1) -> jax.Array:
    """`2 cov / (var + var + (mean − mean)²)` along `axis`, which it removes: 1 only for equality. Lin 1989."""
    y_true, y_pred = align.pair("concordance_correlation", y_true, y_pred)
    true, pred = _centred(y_true, axis), _centred(y_pred, axis)
    shift = jnp.square(jnp.mean(y_true, axis=axis) - jnp.mean(y_pred, axis=axis))
    spread = jnp.mean(jnp.square(true), axis=axis) + jnp.mean(jnp.square(pred), axis=axis)
    return 2 * jnp.mean(true * pred, axis=axis) / (spread + shift + dtypes.epsilon())


def _centred(x: jax.Array, axis: int) -> jax.Array:
    return x - jnp.mean(x, axis=axis, keepdims=True)


@metric()
class PearsonCorrelation(NamedMean):
    """Mean over samples of the correlation along `axis`; see `pearson_correlation`."""

    def __init__(self, name: str | None = "pearson_correlation", dtype: Any = None, axis: int = -1):
        super().__init__(pearson_correlation, name, dtype, axis=axis)


@metric()
class ConcordanceCorrelation(NamedMean):
    """Mean over samples of the concordance along `axis`; see `concordance_correlation`."""

    def __init__(self, name: str | None = "concordance_correlation", dtype: Any = None, axis: int = -1):
        super().__init__(concordance_correlation, name, dtype, axis=axis)
