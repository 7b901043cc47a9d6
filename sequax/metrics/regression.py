"""Metrics of real numbers, probabilities and margins: running means of the losses of the same name, and R²."""

from __future__ import annotations

from typing import Annotated, Literal

import jax
import jax.numpy as jnp

from .. import losses
from ..core import dtypes, rows
from ..core.kinds import AxisLike, Factor, Integer, NameLike, OneOf, Positive
from ..core.types import ArrayLike, DTypeLike
from ..core.variable import Variable
from ..losses import align
from ..losses.regression import cosine
from .base import Metric, NamedMean
from .catalogue import function, metric

Aggregation = Annotated[
    Literal["uniform_average", "variance_weighted_average"] | None,
    OneOf("uniform_average", "variance_weighted_average", None),
]


@metric("mse", "MSE")
class MeanSquaredError(NamedMean):
    """Mean of squared errors, `(y_true − y_pred)²`.

    Args:
        name: of its values in logs.
        dtype: of the computation; default `floatx()`.

    Example:

    >>> float(MeanSquaredError()([[0.0, 1.0]], [[1.0, 3.0]]))
    2.5
    """

    one_value_per_sample = True

    def __init__(self, name: NameLike | None = "mean_squared_error", dtype: DTypeLike | None = None):
        super().__init__(losses.mean_squared_error, name, dtype)


@metric("mae", "MAE")
class MeanAbsoluteError(NamedMean):
    """Mean of absolute errors, `|y_true − y_pred|`.

    Args:
        name: of its values in logs.
        dtype: of the computation; default `floatx()`.

    Example:

    >>> float(MeanAbsoluteError()([[0.0, 1.0]], [[1.0, 3.0]]))
    1.5
    """

    one_value_per_sample = True

    def __init__(self, name: NameLike | None = "mean_absolute_error", dtype: DTypeLike | None = None):
        super().__init__(losses.mean_absolute_error, name, dtype)


@metric("mape", "MAPE")
class MeanAbsolutePercentageError(NamedMean):
    """Mean of absolute errors in percent of the targets.

    Args:
        name: of its values in logs.
        dtype: of the computation; default `floatx()`.

    Example:

    >>> float(MeanAbsolutePercentageError()([[2.0, 4.0]], [[1.0, 5.0]]))
    37.5
    """

    one_value_per_sample = True

    def __init__(self, name: NameLike | None = "mean_absolute_percentage_error", dtype: DTypeLike | None = None):
        super().__init__(losses.mean_absolute_percentage_error, name, dtype)


@metric("msle", "MSLE")
class MeanSquaredLogarithmicError(NamedMean):
    """Mean of squared differences of logarithms.

    Args:
        name: of its values in logs.
        dtype: of the computation; default `floatx()`.

    Example:

    >>> round(float(MeanSquaredLogarithmicError()([[0.0, 1.0]], [[1.0, 3.0]])), 4)
    0.4805
    """

    one_value_per_sample = True

    def __init__(self, name: NameLike | None = "mean_squared_logarithmic_error", dtype: DTypeLike | None = None):
        super().__init__(losses.mean_squared_logarithmic_error, name, dtype)


@metric()
class LogCoshError(NamedMean):
    """Mean of log cosh of errors.

    Args:
        name: of its values in logs.
        dtype: of the computation; default `floatx()`.

    Example:

    >>> round(float(LogCoshError()([[0.0, 1.0]], [[1.0, 3.0]])), 4)
    0.8794
    """

    one_value_per_sample = True

    def __init__(self, name: NameLike | None = "logcosh", dtype: DTypeLike | None = None):
        super().__init__(losses.log_cosh, name, dtype)


@metric()
class Hinge(NamedMean):
    """Mean of hinge losses.

    Args:
        name: of its values in logs.
        dtype: of the computation; default `floatx()`.

    Example:

    >>> float(Hinge()([[1.0, -1.0]], [[0.5, 0.5]]))
    1.0
    """

    one_value_per_sample = True

    def __init__(self, name: NameLike | None = "hinge", dtype: DTypeLike | None = None):
        super().__init__(losses.hinge, name, dtype)


@metric()
class SquaredHinge(NamedMean):
    """Mean of squared hinge losses.

    Args:
        name: of its values in logs.
        dtype: of the computation; default `floatx()`.

    Example:

    >>> float(SquaredHinge()([[1.0, -1.0]], [[0.5, 0.5]]))
    1.25
    """

    one_value_per_sample = True

    def __init__(self, name: NameLike | None = "squared_hinge", dtype: DTypeLike | None = None):
        super().__init__(losses.squared_hinge, name, dtype)


@metric()
class CategoricalHinge(NamedMean):
    """Mean of hinge losses of one-hot targets.

    Args:
        name: of its values in logs.
        dtype: of the computation; default `floatx()`.

    Example:

    >>> float(CategoricalHinge()([[0.0, 1.0]], [[0.25, 0.5]]))
    0.75
    """

    def __init__(self, name: NameLike | None = "categorical_hinge", dtype: DTypeLike | None = None):
        super().__init__(losses.categorical_hinge, name, dtype)


@metric()
class Poisson(NamedMean):
    """Mean of negative log likelihoods of counts.

    Args:
        name: of its values in logs.
        dtype: of the computation; default `floatx()`.

    Example:

    >>> round(float(Poisson()([[1.0, 2.0]], [[1.0, 3.0]])), 4)
    0.9014
    """

    one_value_per_sample = True

    def __init__(self, name: NameLike | None = "poisson", dtype: DTypeLike | None = None):
        super().__init__(losses.poisson, name, dtype)


@metric()
class KLDivergence(NamedMean):
    """Mean of Kullback-Leibler divergences.

    Args:
        name: of its values in logs.
        dtype: of the computation; default `floatx()`.

    Example:

    >>> round(float(KLDivergence()([[0.5, 0.5]], [[0.25, 0.75]])), 4)
    0.1438
    """

    def __init__(self, name: NameLike | None = "kl_divergence", dtype: DTypeLike | None = None):
        super().__init__(losses.kl_divergence, name, dtype)


@metric("bce", "BCE")
class BinaryCrossentropy(NamedMean):
    """Mean of crossentropies of yes-or-no labels.

    Args:
        name: of its values in logs.
        dtype: of the computation; default `floatx()`.
        from_logits: whether predictions are logits instead of probabilities.
        label_smoothing: how far labels move towards equal shares, 0 to 1.

    Example:

    >>> round(float(BinaryCrossentropy()([[1.0], [0.0]], [[0.9], [0.2]])), 4)
    0.1643
    """

    one_value_per_sample = True

    def __init__(
        self,
        name: NameLike | None = "binary_crossentropy",
        dtype: DTypeLike | None = None,
        from_logits: bool = False,
        label_smoothing: Factor = 0,
    ):
        super().__init__(losses.binary_crossentropy, name, dtype)


@metric()
class CategoricalCrossentropy(NamedMean):
    """Mean of crossentropies of one-hot labels.

    Args:
        name: of its values in logs.
        dtype: of the computation; default `floatx()`.
        from_logits: whether predictions are logits instead of probabilities.
        label_smoothing: how far labels move towards equal shares, 0 to 1.
        axis: the axis of the classes.

    Example:

    >>> round(float(CategoricalCrossentropy()([[0.0, 1.0]], [[0.2, 0.8]])), 4)
    0.2231
    """

    def __init__(
        self,
        name: NameLike | None = "categorical_crossentropy",
        dtype: DTypeLike | None = None,
        from_logits: bool = False,
        label_smoothing: Factor = 0,
        axis: AxisLike = -1,
    ):
        super().__init__(losses.categorical_crossentropy, name, dtype)


@metric()
class SparseCategoricalCrossentropy(NamedMean):
    """Mean of crossentropies of class numbers.

    Args:
        name: of its values in logs.
        dtype: of the computation; default `floatx()`.
        from_logits: whether predictions are logits instead of probabilities.
        ignore_class: labels of this number are left out where there are sample weights or a mask, as in Keras;
            otherwise each counts as 0. (The loss of this name always leaves them out.)
        axis: the axis of the classes.

    Example:

    >>> round(float(SparseCategoricalCrossentropy()([1], [[0.2, 0.8]])), 4)
    0.2231
    """

    def __init__(
        self,
        name: NameLike | None = "sparse_categorical_crossentropy",
        dtype: DTypeLike | None = None,
        from_logits: bool = False,
        ignore_class: Integer | None = None,
        axis: AxisLike = -1,
    ):
        super().__init__(losses.sparse_categorical_crossentropy, name, dtype)


def _cosine(y_true: ArrayLike, y_pred: ArrayLike, axis: int = -1) -> jax.Array:
    return cosine("cosine_similarity", y_true, y_pred, axis)


@metric()
class CosineSimilarity(NamedMean):
    """Mean of cosines of angles: 1 for equal directions (the loss of this name has the other sign).

    Unlike Keras', its config keeps `axis`.

    Args:
        name: of its values in logs.
        dtype: of the computation; default `floatx()`.
        axis: the axis of the vectors.

    Example:

    >>> float(CosineSimilarity()([[0.0, 1.0]], [[0.0, 3.0]]))
    1.0
    """

    def __init__(
        self, name: NameLike | None = "cosine_similarity", dtype: DTypeLike | None = None, axis: AxisLike = -1
    ):
        super().__init__(_cosine, name, dtype)


@metric()
class RootMeanSquaredError(NamedMean):
    """`√mean((y_true − y_pred)²)`, the root taken once, of the running mean.

    Args:
        name: of its values in logs.
        dtype: of the computation; default `floatx()`.

    Example:

    >>> float(RootMeanSquaredError()([[0.0, 0.0]], [[1.0, 7.0]]))
    5.0
    """

    one_value_per_sample = True

    def __init__(self, name: NameLike | None = "root_mean_squared_error", dtype: DTypeLike | None = None):
        super().__init__(_squared_error, name, dtype)

    def result(self) -> jax.Array:
        return jnp.sqrt(super().result())


def _squared_error(y_true: ArrayLike, y_pred: ArrayLike) -> jax.Array:
    y_true, y_pred = align.pair("root_mean_squared_error", y_true, y_pred)
    return jnp.square(y_true - y_pred)


@metric()
class R2Score(Metric):
    """Coefficient of determination `1 − Σ(y − ŷ)² / Σ(y − ȳ)²`, of each output and then averaged. Wright 1921.

    Shapes: `(batch, outputs)` twice.

    Args:
        class_aggregation: `"uniform_average"`, `"variance_weighted_average"`, or None for one value per output.
        num_regressors: above 0 gives the adjusted R², once there are more samples than regressors and one. As in Keras,
            the number of samples in its formula counts every output of a sample.
        name: of its values in logs.
        dtype: of the computation; default `floatx()`.

    Raises:
        ValueError: for other arguments, and for inputs of another rank.

    Example:

    >>> float(R2Score()([[1.0], [2.0], [3.0]], [[1.0], [2.0], [2.0]]))
    0.5
    """

    class_aggregation: str | None
    num_regressors: int

    def __init__(
        self,
        class_aggregation: Aggregation = "uniform_average",
        num_regressors: Positive = 0,
        name: NameLike | None = "r2_score",
        dtype: DTypeLike | None = None,
    ):
        super().__init__(dtype, name)
        self.num_samples: Variable = self.add_variable((), name="num_samples")
        self.squared_sum: Variable | None = None

    def build_variables(self, outputs: int) -> None:
        self.squared_sum = self.add_variable((outputs,), name="squared_sum")
        self.sum: Variable = self.add_variable((outputs,), name="sum")
        self.total_mse: Variable = self.add_variable((outputs,), name="residual")
        self.count: Variable = self.add_variable((outputs,), name="count")

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
        self.num_samples.assign_add(rows.number(y_true.size))

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


@function
def pearson_correlation(y_true: ArrayLike, y_pred: ArrayLike, axis: int = -1) -> jax.Array:
    """Correlation of targets and predictions along `axis`. Pearson 1895.

    Args:
        y_true: targets.
        y_pred: predictions, of the same shape.
        axis: the axis of the values; it is removed.

    >>> round(float(pearson_correlation([1.0, 2.0, 3.0], [1.0, 3.0, 2.0])), 4)
    0.5
    """
    y_true, y_pred = (_centred(y, axis) for y in align.pair("pearson_correlation", y_true, y_pred))
    product = jnp.sum(y_true * y_pred, axis=axis)
    return product / jnp.sqrt(jnp.sum(jnp.square(y_true), axis=axis) * jnp.sum(jnp.square(y_pred), axis=axis))


@function
def concordance_correlation(y_true: ArrayLike, y_pred: ArrayLike, axis: int = -1) -> jax.Array:
    """`2 cov / (var + var + (mean − mean)²)` along `axis`: 1 only for equality. Lin 1989.

    Args:
        y_true: targets.
        y_pred: predictions, of the same shape.
        axis: the axis of the values; it is removed.

    >>> round(float(concordance_correlation([1.0, 2.0, 3.0], [1.0, 3.0, 2.0])), 4)
    0.5
    """
    y_true, y_pred = align.pair("concordance_correlation", y_true, y_pred)
    true, pred = _centred(y_true, axis), _centred(y_pred, axis)
    shift = jnp.square(jnp.mean(y_true, axis=axis) - jnp.mean(y_pred, axis=axis))
    spread = jnp.mean(jnp.square(true), axis=axis) + jnp.mean(jnp.square(pred), axis=axis)
    return 2 * jnp.mean(true * pred, axis=axis) / (spread + shift + dtypes.epsilon())


def _centred(x: jax.Array, axis: int) -> jax.Array:
    return x - jnp.mean(x, axis=axis, keepdims=True)


@metric()
class PearsonCorrelation(NamedMean):
    """Mean over samples of the correlation along `axis`; see `pearson_correlation`.

    Args:
        name: of its values in logs.
        dtype: of the computation; default `floatx()`.
        axis: the axis of the values.

    Example:

    >>> round(float(PearsonCorrelation()([[1.0, 2.0, 3.0]], [[1.0, 3.0, 2.0]])), 4)
    0.5
    """

    def __init__(
        self, name: NameLike | None = "pearson_correlation", dtype: DTypeLike | None = None, axis: AxisLike = -1
    ):
        super().__init__(pearson_correlation, name, dtype)


@metric()
class ConcordanceCorrelation(NamedMean):
    """Mean over samples of the concordance along `axis`; see `concordance_correlation`.

    Args:
        name: of its values in logs.
        dtype: of the computation; default `floatx()`.
        axis: the axis of the values.

    Example:

    >>> round(float(ConcordanceCorrelation()([[1.0, 2.0, 3.0]], [[1.0, 3.0, 2.0]])), 4)
    0.5
    """

    def __init__(
        self, name: NameLike | None = "concordance_correlation", dtype: DTypeLike | None = None, axis: AxisLike = -1
    ):
        super().__init__(concordance_correlation, name, dtype)
