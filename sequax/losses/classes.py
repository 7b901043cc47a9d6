"""The losses with a name and a reduction: each is one function of this package and its arguments."""

from __future__ import annotations

from typing import Annotated, Any

from ..core import constructor
from ..core.kinds import AxisLike, Factor, Factors, Integer, NameLike, Number, Real
from ..core.types import DTypeLike
from . import margin, probabilistic, regression
from .base import Loss, LossFunctionWrapper, Reduction
from .catalogue import loss

Between = Annotated[Number, Real(above=0, below=1)]


class _Named(LossFunctionWrapper):
    """A wrapper whose function is known from its class; it gets those arguments of the class that are no loss' own."""

    @property
    def arguments(self) -> dict[str, Any]:
        return constructor.added(self, Loss)


@loss()
class MeanSquaredError(_Named):
    """Mean of squared errors, `(y_true − y_pred)²`; see `mean_squared_error`.

    Args:
        reduction: how the losses become one number, as in `Loss`.
        name: for messages and logs.
        dtype: of the computation; default `floatx()`.

    Example:

    >>> float(MeanSquaredError()([[0.0, 1.0]], [[1.0, 3.0]]))
    2.5
    """

    one_value_per_sample = True

    def __init__(
        self,
        reduction: Reduction = "sum_over_batch_size",
        name: NameLike | None = "mean_squared_error",
        dtype: DTypeLike | None = None,
    ):
        super().__init__(regression.mean_squared_error, reduction, name, dtype)


@loss()
class MeanAbsoluteError(_Named):
    """Mean of absolute errors, `|y_true − y_pred|`; see `mean_absolute_error`.

    Args:
        reduction: how the losses become one number, as in `Loss`.
        name: for messages and logs.
        dtype: of the computation; default `floatx()`.

    Example:

    >>> float(MeanAbsoluteError()([[0.0, 1.0]], [[1.0, 3.0]]))
    1.5
    """

    one_value_per_sample = True

    def __init__(
        self,
        reduction: Reduction = "sum_over_batch_size",
        name: NameLike | None = "mean_absolute_error",
        dtype: DTypeLike | None = None,
    ):
        super().__init__(regression.mean_absolute_error, reduction, name, dtype)


@loss()
class MeanAbsolutePercentageError(_Named):
    """Mean of absolute errors in percent of the targets; see `mean_absolute_percentage_error`.

    Args:
        reduction: how the losses become one number, as in `Loss`.
        name: for messages and logs.
        dtype: of the computation; default `floatx()`.

    Example:

    >>> float(MeanAbsolutePercentageError()([[2.0, 4.0]], [[1.0, 5.0]]))
    37.5
    """

    one_value_per_sample = True

    def __init__(
        self,
        reduction: Reduction = "sum_over_batch_size",
        name: NameLike | None = "mean_absolute_percentage_error",
        dtype: DTypeLike | None = None,
    ):
        super().__init__(regression.mean_absolute_percentage_error, reduction, name, dtype)


@loss()
class MeanSquaredLogarithmicError(_Named):
    """Mean of squared differences of logarithms; see `mean_squared_logarithmic_error`.

    Args:
        reduction: how the losses become one number, as in `Loss`.
        name: for messages and logs.
        dtype: of the computation; default `floatx()`.

    Example:

    >>> round(float(MeanSquaredLogarithmicError()([[0.0, 1.0]], [[1.0, 3.0]])), 4)
    0.4805
    """

    one_value_per_sample = True

    def __init__(
        self,
        reduction: Reduction = "sum_over_batch_size",
        name: NameLike | None = "mean_squared_logarithmic_error",
        dtype: DTypeLike | None = None,
    ):
        super().__init__(regression.mean_squared_logarithmic_error, reduction, name, dtype)


@loss()
class LogCosh(_Named):
    """Mean of log cosh of errors: squared for small errors, absolute for large ones; see `log_cosh`.

    Args:
        reduction: how the losses become one number, as in `Loss`.
        name: for messages and logs.
        dtype: of the computation; default `floatx()`.

    Example:

    >>> round(float(LogCosh()([[0.0, 1.0]], [[1.0, 3.0]])), 4)
    0.8794
    """

    one_value_per_sample = True

    def __init__(
        self,
        reduction: Reduction = "sum_over_batch_size",
        name: NameLike | None = "log_cosh",
        dtype: DTypeLike | None = None,
    ):
        super().__init__(regression.log_cosh, reduction, name, dtype)


@loss()
class Poisson(_Named):
    """Negative log likelihood of counts; see `poisson`.

    Args:
        reduction: how the losses become one number, as in `Loss`.
        name: for messages and logs.
        dtype: of the computation; default `floatx()`.

    Example:

    >>> round(float(Poisson()([[1.0, 2.0]], [[1.0, 3.0]])), 4)
    0.9014
    """

    one_value_per_sample = True

    def __init__(
        self,
        reduction: Reduction = "sum_over_batch_size",
        name: NameLike | None = "poisson",
        dtype: DTypeLike | None = None,
    ):
        super().__init__(probabilistic.poisson, reduction, name, dtype)


@loss()
class Hinge(_Named):
    """Hinge loss of targets −1 and 1 (or 0 and 1); see `hinge`.

    Args:
        reduction: how the losses become one number, as in `Loss`.
        name: for messages and logs.
        dtype: of the computation; default `floatx()`.

    Example:

    >>> float(Hinge()([[1.0, -1.0]], [[0.5, 0.5]]))
    1.0
    """

    one_value_per_sample = True

    def __init__(
        self,
        reduction: Reduction = "sum_over_batch_size",
        name: NameLike | None = "hinge",
        dtype: DTypeLike | None = None,
    ):
        super().__init__(margin.hinge, reduction, name, dtype)


@loss()
class SquaredHinge(_Named):
    """Squared hinge loss of targets −1 and 1 (or 0 and 1); see `squared_hinge`.

    Args:
        reduction: how the losses become one number, as in `Loss`.
        name: for messages and logs.
        dtype: of the computation; default `floatx()`.

    Example:

    >>> float(SquaredHinge()([[1.0, -1.0]], [[0.5, 0.5]]))
    1.25
    """

    one_value_per_sample = True

    def __init__(
        self,
        reduction: Reduction = "sum_over_batch_size",
        name: NameLike | None = "squared_hinge",
        dtype: DTypeLike | None = None,
    ):
        super().__init__(margin.squared_hinge, reduction, name, dtype)


@loss()
class CategoricalHinge(_Named):
    """Hinge loss of one-hot targets; see `categorical_hinge`.

    Args:
        reduction: how the losses become one number, as in `Loss`.
        name: for messages and logs.
        dtype: of the computation; default `floatx()`.

    Example:

    >>> float(CategoricalHinge()([[0.0, 1.0]], [[0.25, 0.5]]))
    0.75
    """

    def __init__(
        self,
        reduction: Reduction = "sum_over_batch_size",
        name: NameLike | None = "categorical_hinge",
        dtype: DTypeLike | None = None,
    ):
        super().__init__(margin.categorical_hinge, reduction, name, dtype)


@loss()
class KLDivergence(_Named):
    """Kullback-Leibler divergence of the predicted from the true distribution; see `kl_divergence`.

    Args:
        reduction: how the losses become one number, as in `Loss`.
        name: for messages and logs.
        dtype: of the computation; default `floatx()`.

    Example:

    >>> round(float(KLDivergence()([[0.5, 0.5]], [[0.25, 0.75]])), 4)
    0.1438
    """

    def __init__(
        self,
        reduction: Reduction = "sum_over_batch_size",
        name: NameLike | None = "kl_divergence",
        dtype: DTypeLike | None = None,
    ):
        super().__init__(probabilistic.kl_divergence, reduction, name, dtype)


@loss()
class CTC(_Named):
    """Connectionist temporal classification of sequences without alignment; see `ctc`.

    Args:
        reduction: how the losses become one number, as in `Loss`.
        name: for messages and logs.
        dtype: of the computation; default `floatx()`.

    Example:

    >>> round(float(CTC()([[1, 2]], [[[0.0, 2.0, 0.0], [0.0, 0.0, 2.0], [2.0, 0.0, 0.0]]])), 4)
    0.5578
    """

    def __init__(
        self,
        reduction: Reduction = "sum_over_batch_size",
        name: NameLike | None = "ctc",
        dtype: DTypeLike | None = None,
    ):
        super().__init__(probabilistic.ctc, reduction, name, dtype)


@loss()
class Huber(_Named):
    """Huber loss: squared for small errors, linear for large ones; see `huber`.

    Unlike Keras', its config keeps `delta`.

    Args:
        delta: the error from which on the loss is linear.
        reduction: how the losses become one number, as in `Loss`.
        name: for messages and logs.
        dtype: of the computation; default `floatx()`.

    Example:

    >>> float(Huber(delta=1.0)([[0.0, 1.0]], [[0.5, 3.0]]))
    0.8125
    """

    one_value_per_sample = True

    def __init__(
        self,
        delta: Factor = 1.0,
        reduction: Reduction = "sum_over_batch_size",
        name: NameLike | None = "huber_loss",
        dtype: DTypeLike | None = None,
    ):
        super().__init__(regression.huber, reduction, name, dtype)


@loss()
class CosineSimilarity(_Named):
    """Minus the cosine of the angle between targets and predictions; see `cosine_similarity`.

    Unlike Keras', its config keeps `axis`.

    Args:
        axis: the axis of the vectors.
        reduction: how the losses become one number, as in `Loss`.
        name: for messages and logs.
        dtype: of the computation; default `floatx()`.

    Example:

    >>> float(CosineSimilarity()([[0.0, 1.0]], [[0.0, 3.0]]))
    -1.0
    """

    def __init__(
        self,
        axis: AxisLike = -1,
        reduction: Reduction = "sum_over_batch_size",
        name: NameLike | None = "cosine_similarity",
        dtype: DTypeLike | None = None,
    ):
        super().__init__(regression.cosine_similarity, reduction, name, dtype)


@loss()
class BinaryCrossentropy(_Named):
    """Crossentropy of yes-or-no labels; see `binary_crossentropy`.

    Args:
        from_logits: whether predictions are logits instead of probabilities.
        label_smoothing: how far labels move towards equal shares, 0 to 1.
        axis: over which the mean of each sample is taken.
        reduction: how the losses become one number, as in `Loss`.
        name: for messages and logs.
        dtype: of the computation; default `floatx()`.

    Example:

    >>> round(float(BinaryCrossentropy()([[1.0], [0.0]], [[0.9], [0.2]])), 4)
    0.1643
    """

    one_value_per_sample = True

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: Factor = 0.0,
        axis: AxisLike | None = -1,
        reduction: Reduction = "sum_over_batch_size",
        name: NameLike | None = "binary_crossentropy",
        dtype: DTypeLike | None = None,
    ):
        super().__init__(probabilistic.binary_crossentropy, reduction, name, dtype)


@loss()
class BinaryFocalCrossentropy(_Named):
    """Crossentropy of yes-or-no labels in which easy samples count little; see `binary_focal_crossentropy`.

    Args:
        apply_class_balancing: whether to weigh class 1 by `alpha` and class 0 by `1 − alpha`.
        alpha: weight of class 1, 0 to 1.
        gamma: how little easy samples count; 0 makes it the plain crossentropy.
        from_logits: whether predictions are logits instead of probabilities.
        label_smoothing: how far labels move towards equal shares, 0 to 1.
        axis: over which the mean of each sample is taken.
        reduction: how the losses become one number, as in `Loss`.
        name: for messages and logs.
        dtype: of the computation; default `floatx()`.

    Example:

    >>> round(float(BinaryFocalCrossentropy()([[1.0], [0.0]], [[0.9], [0.2]])), 4)
    0.005
    """

    one_value_per_sample = True
    config_order: tuple[str, ...] = (
        *Loss.config_order,
        "from_logits",
        "label_smoothing",
        "axis",
    )

    def __init__(
        self,
        apply_class_balancing: bool = False,
        alpha: Factor = 0.25,
        gamma: Factor = 2.0,
        from_logits: bool = False,
        label_smoothing: Factor = 0.0,
        axis: AxisLike | None = -1,
        reduction: Reduction = "sum_over_batch_size",
        name: NameLike | None = "binary_focal_crossentropy",
        dtype: DTypeLike | None = None,
    ):
        super().__init__(probabilistic.binary_focal_crossentropy, reduction, name, dtype)


@loss()
class CategoricalCrossentropy(_Named):
    """Crossentropy of one-hot labels; see `categorical_crossentropy`.

    Args:
        from_logits: whether predictions are logits instead of probabilities.
        label_smoothing: how far labels move towards equal shares, 0 to 1.
        axis: the axis of the classes.
        reduction: how the losses become one number, as in `Loss`.
        name: for messages and logs.
        dtype: of the computation; default `floatx()`.

    Example:

    >>> round(float(CategoricalCrossentropy()([[0.0, 1.0]], [[0.2, 0.8]])), 4)
    0.2231
    """

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: Factor = 0.0,
        axis: AxisLike = -1,
        reduction: Reduction = "sum_over_batch_size",
        name: NameLike | None = "categorical_crossentropy",
        dtype: DTypeLike | None = None,
    ):
        super().__init__(probabilistic.categorical_crossentropy, reduction, name, dtype)


@loss()
class CategoricalFocalCrossentropy(_Named):
    """Crossentropy of one-hot labels in which easy samples count little; see `categorical_focal_crossentropy`.

    Args:
        alpha: weight of all classes, or a list with one for each.
        gamma: how little easy samples count; 0 makes it the plain crossentropy.
        from_logits: whether predictions are logits instead of probabilities.
        label_smoothing: how far labels move towards equal shares, 0 to 1.
        axis: the axis of the classes.
        reduction: how the losses become one number, as in `Loss`.
        name: for messages and logs.
        dtype: of the computation; default `floatx()`.

    Example:

    >>> round(float(CategoricalFocalCrossentropy()([[0.0, 1.0]], [[0.2, 0.8]])), 4)
    0.0022
    """

    config_order: tuple[str, ...] = (
        *Loss.config_order,
        "from_logits",
        "label_smoothing",
        "axis",
    )

    def __init__(
        self,
        alpha: Factors = 0.25,
        gamma: Factor = 2.0,
        from_logits: bool = False,
        label_smoothing: Factor = 0.0,
        axis: AxisLike = -1,
        reduction: Reduction = "sum_over_batch_size",
        name: NameLike | None = "categorical_focal_crossentropy",
        dtype: DTypeLike | None = None,
    ):
        super().__init__(probabilistic.categorical_focal_crossentropy, reduction, name, dtype)


@loss()
class SparseCategoricalCrossentropy(_Named):
    """Crossentropy of class numbers; see `sparse_categorical_crossentropy`.

    Class numbers stay whole numbers, so that a 16-bit `dtype` does not round them. Unlike Keras', its config keeps
    `axis`.

    Args:
        from_logits: whether predictions are logits instead of probabilities.
        ignore_class: labels of this number are left out of the mean; None: all count.
        reduction: how the losses become one number, as in `Loss`.
        axis: the axis of the classes.
        name: for messages and logs.
        dtype: of the computation; default `floatx()`.

    Example:

    >>> round(float(SparseCategoricalCrossentropy()([1], [[0.2, 0.8]])), 4)
    0.2231
    """

    def __init__(
        self,
        from_logits: bool = False,
        ignore_class: Integer | None = None,
        reduction: Reduction = "sum_over_batch_size",
        axis: AxisLike = -1,
        name: NameLike | None = "sparse_categorical_crossentropy",
        dtype: DTypeLike | None = None,
    ):
        super().__init__(probabilistic.sparse_categorical_crossentropy, reduction, name, dtype)


@loss()
class CategoricalGeneralizedCrossEntropy(_Named):
    """Crossentropy of class numbers that is robust to wrong labels; see `categorical_generalized_cross_entropy`.

    Args:
        q: between 0 (as the crossentropy) and 1 (as the absolute error), neither included.
        reduction: how the losses become one number, as in `Loss`.
        name: for messages and logs.
        dtype: of the computation; default `floatx()`.

    Raises:
        ValueError: if `q` does not lie between 0 and 1.

    Example:

    >>> round(float(CategoricalGeneralizedCrossEntropy()([1], [[0.2, 0.8]])), 4)
    0.2111
    """

    def __init__(
        self,
        q: Between = 0.5,
        reduction: Reduction = "sum_over_batch_size",
        name: NameLike | None = "categorical_generalized_cross_entropy",
        dtype: DTypeLike | None = None,
    ):
        super().__init__(probabilistic.categorical_generalized_cross_entropy, reduction, name, dtype)


@loss()
class Dice(_Named):
    """Dice loss of overlap; see `dice`.

    Args:
        reduction: how the losses become one number, as in `Loss`.
        name: for messages and logs.
        axis: over which the overlap is counted; None: everything.
        dtype: of the computation; default `floatx()`.

    Example:

    >>> round(float(Dice()([[1.0, 0.0]], [[0.75, 0.25]])), 4)
    0.25
    """

    def __init__(
        self,
        reduction: Reduction = "sum_over_batch_size",
        name: NameLike | None = "dice",
        axis: AxisLike | None = None,
        dtype: DTypeLike | None = None,
    ):
        super().__init__(margin.dice, reduction, name, dtype)


@loss()
class Tversky(_Named):
    """Tversky loss of overlap; see `tversky`.

    Args:
        alpha: weight of the false negatives.
        beta: weight of the false positives.
        reduction: how the losses become one number, as in `Loss`.
        name: for messages and logs.
        axis: over which the overlap is counted; None: everything.
        dtype: of the computation; default `floatx()`.

    Example:

    >>> round(float(Tversky(alpha=0.7, beta=0.3)([[1.0, 0.0]], [[0.75, 0.25]])), 4)
    0.25
    """

    def __init__(
        self,
        alpha: Factor = 0.5,
        beta: Factor = 0.5,
        reduction: Reduction = "sum_over_batch_size",
        name: NameLike | None = "tversky",
        axis: AxisLike | None = None,
        dtype: DTypeLike | None = None,
    ):
        super().__init__(margin.tversky, reduction, name, dtype)


@loss()
class Circle(_Named):
    """Circle loss of embeddings; see `circle`. Rows without a partner of the same class do not count in the mean.

    Args:
        gamma: scale of the similarities.
        margin: how far from perfect a similarity counts as good enough.
        remove_diagonal: whether rows are not compared with themselves.
        reduction: how the losses become one number, as in `Loss`.
        name: for messages and logs.
        dtype: of the computation; default `floatx()`.

    Example:

    >>> round(float(Circle(gamma=2.0)([0, 0, 1], [[1.0, 0.0], [0.8, 0.6], [0.0, 1.0]])), 4)
    0.6141
    """

    def __init__(
        self,
        gamma: Factor = 80.0,
        margin: Factor = 0.4,
        remove_diagonal: bool = True,
        reduction: Reduction = "sum_over_batch_size",
        name: NameLike | None = "circle",
        dtype: DTypeLike | None = None,
    ):
        super().__init__(_circle, reduction, name, dtype)


_circle = margin.circle
