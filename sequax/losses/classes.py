"""The losses with a name and a reduction: each is one function of this package and its arguments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..core import dtypes
from . import margin, probabilistic, regression
from .align import Number
from .base import Loss, LossFunctionWrapper
from .catalogue import loss


class _Named(LossFunctionWrapper):
    """A wrapper whose function is known from its class: its arguments are attributes, and all that the config holds."""

    def __init__(self, fn: Callable, reduction: str | None, name: str | None, dtype: Any, **settings: Any):
        super().__init__(fn, reduction, name, dtype)
        self._settings = tuple(settings)
        vars(self).update(settings)

    @property
    def arguments(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self._settings}

    def get_config(self) -> dict[str, Any]:
        return {**Loss.get_config(self), **self.arguments}


@loss()
class MeanSquaredError(_Named):
    """Mean of squared errors; see `mean_squared_error`."""

    one_value_per_sample = True

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "mean_squared_error",
        dtype: Any = None,
    ):
        super().__init__(regression.mean_squared_error, reduction, name, dtype)


@loss()
class MeanAbsoluteError(_Named):
    """Mean of absolute errors; see `mean_absolute_error`."""

    one_value_per_sample = True

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "mean_absolute_error",
        dtype: Any = None,
    ):
        super().__init__(regression.mean_absolute_error, reduction, name, dtype)


@loss()
class MeanAbsolutePercentageError(_Named):
    """Mean of absolute errors in percent of the targets; see `mean_absolute_percentage_error`."""

    one_value_per_sample = True

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "mean_absolute_percentage_error",
        dtype: Any = None,
    ):
        super().__init__(regression.mean_absolute_percentage_error, reduction, name, dtype)


@loss()
class MeanSquaredLogarithmicError(_Named):
    """Mean of squared differences of logarithms; see `mean_squared_logarithmic_error`."""

    one_value_per_sample = True

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "mean_squared_logarithmic_error",
        dtype: Any = None,
    ):
        super().__init__(regression.mean_squared_logarithmic_error, reduction, name, dtype)


@loss()
class LogCosh(_Named):
    """Mean of log cosh of errors; see `log_cosh`."""

    one_value_per_sample = True

    def __init__(self, reduction: str | None = "sum_over_batch_size", name: str | None = "log_cosh", dtype: Any = None):
        super().__init__(regression.log_cosh, reduction, name, dtype)


@loss()
class Poisson(_Named):
    """Negative log likelihood of counts; see `poisson`."""

    one_value_per_sample = True

    def __init__(self, reduction: str | None = "sum_over_batch_size", name: str | None = "poisson", dtype: Any = None):
        super().__init__(probabilistic.poisson, reduction, name, dtype)


@loss()
class Hinge(_Named):
    """Hinge loss; see `hinge`."""

    one_value_per_sample = True

    def __init__(self, reduction: str | None = "sum_over_batch_size", name: str | None = "hinge", dtype: Any = None):
        super().__init__(margin.hinge, reduction, name, dtype)


@loss()
class SquaredHinge(_Named):
    """Squared hinge loss; see `squared_hinge`."""

    one_value_per_sample = True

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "squared_hinge",
        dtype: Any = None,
    ):
        super().__init__(margin.squared_hinge, reduction, name, dtype)


@loss()
class CategoricalHinge(_Named):
    """Hinge loss of one-hot targets; see `categorical_hinge`."""

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "categorical_hinge",
        dtype: Any = None,
    ):
        super().__init__(margin.categorical_hinge, reduction, name, dtype)


@loss()
class KLDivergence(_Named):
    """Kullback-Leibler divergence; see `kl_divergence`."""

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "kl_divergence",
        dtype: Any = None,
    ):
        super().__init__(probabilistic.kl_divergence, reduction, name, dtype)


@loss()
class CTC(_Named):
    """Connectionist temporal classification; see `ctc`."""

    def __init__(self, reduction: str | None = "sum_over_batch_size", name: str | None = "ctc", dtype: Any = None):
        super().__init__(probabilistic.ctc, reduction, name, dtype)


@loss()
class Huber(_Named):
    """Huber loss; see `huber`. Unlike Keras', its config keeps `delta`."""

    one_value_per_sample = True

    def __init__(
        self,
        delta: Number = 1.0,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "huber_loss",
        dtype: Any = None,
    ):
        super().__init__(regression.huber, reduction, name, dtype, delta=delta)


@loss()
class CosineSimilarity(_Named):
    """Minus the cosine of the angle; see `cosine_similarity`. Unlike Keras', its config keeps `axis`."""

    def __init__(
        self,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "cosine_similarity",
        dtype: Any = None,
    ):
        super().__init__(regression.cosine_similarity, reduction, name, dtype, axis=axis)


@loss()
class BinaryCrossentropy(_Named):
    """Crossentropy of yes-or-no labels; see `binary_crossentropy`."""

    one_value_per_sample = True

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: Number = 0.0,
        axis: Any = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "binary_crossentropy",
        dtype: Any = None,
    ):
        arguments = {"from_logits": from_logits, "label_smoothing": label_smoothing, "axis": axis}
        super().__init__(probabilistic.binary_crossentropy, reduction, name, dtype, **arguments)


@loss()
class BinaryFocalCrossentropy(_Named):
    """Focal crossentropy of yes-or-no labels; see `binary_focal_crossentropy`."""

    one_value_per_sample = True

    def __init__(
        self,
        apply_class_balancing: bool = False,
        alpha: Number = 0.25,
        gamma: Number = 2.0,
        from_logits: bool = False,
        label_smoothing: Number = 0.0,
        axis: Any = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "binary_focal_crossentropy",
        dtype: Any = None,
    ):
        arguments = {
            "from_logits": from_logits,
            "label_smoothing": label_smoothing,
            "axis": axis,
            "apply_class_balancing": apply_class_balancing,
            "alpha": alpha,
            "gamma": gamma,
        }
        super().__init__(probabilistic.binary_focal_crossentropy, reduction, name, dtype, **arguments)


@loss()
class CategoricalCrossentropy(_Named):
    """Crossentropy of one-hot labels; see `categorical_crossentropy`."""

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: Number = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "categorical_crossentropy",
        dtype: Any = None,
    ):
        arguments = {"from_logits": from_logits, "label_smoothing": label_smoothing, "axis": axis}
        super().__init__(probabilistic.categorical_crossentropy, reduction, name, dtype, **arguments)


@loss()
class CategoricalFocalCrossentropy(_Named):
    """Focal crossentropy of one-hot labels; see `categorical_focal_crossentropy`."""

    def __init__(
        self,
        alpha: Any = 0.25,
        gamma: Number = 2.0,
        from_logits: bool = False,
        label_smoothing: Number = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "categorical_focal_crossentropy",
        dtype: Any = None,
    ):
        arguments = {
            "from_logits": from_logits,
            "label_smoothing": label_smoothing,
            "axis": axis,
            "alpha": alpha,
            "gamma": gamma,
        }
        super().__init__(probabilistic.categorical_focal_crossentropy, reduction, name, dtype, **arguments)


@loss()
class SparseCategoricalCrossentropy(_Named):
    """Crossentropy of class numbers; see `sparse_categorical_crossentropy`.

    Labels equal to `ignore_class` are left out of the mean. Class numbers stay whole numbers, so that a 16-bit `dtype`
    does not round them. Unlike Keras', the config keeps `axis`.
    """

    def __init__(
        self,
        from_logits: bool = False,
        ignore_class: int | None = None,
        reduction: str | None = "sum_over_batch_size",
        axis: int = -1,
        name: str | None = "sparse_categorical_crossentropy",
        dtype: Any = None,
    ):
        arguments = {"from_logits": from_logits, "ignore_class": ignore_class, "axis": axis}
        super().__init__(probabilistic.sparse_categorical_crossentropy, reduction, name, dtype, **arguments)

    def _cast_target(self, x: Any) -> Any:
        return dtypes.as_array(x)


@loss()
class CategoricalGeneralizedCrossEntropy(_Named):
    """Crossentropy robust to wrong labels; see `categorical_generalized_cross_entropy`."""

    def __init__(
        self,
        q: Number = 0.5,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "categorical_generalized_cross_entropy",
        dtype: Any = None,
    ):
        if not 0 < q < 1:
            raise ValueError(f"CategoricalGeneralizedCrossEntropy: `q` must lie between 0 and 1. Received: q={q!r}")
        super().__init__(probabilistic.categorical_generalized_cross_entropy, reduction, name, dtype, q=q)


@loss()
class Dice(_Named):
    """Dice loss of overlap; see `dice`."""

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "dice",
        axis: Any = None,
        dtype: Any = None,
    ):
        super().__init__(margin.dice, reduction, name, dtype, axis=axis)


@loss()
class Tversky(_Named):
    """Tversky loss of overlap; see `tversky`."""

    def __init__(
        self,
        alpha: Number = 0.5,
        beta: Number = 0.5,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "tversky",
        axis: Any = None,
        dtype: Any = None,
    ):
        super().__init__(margin.tversky, reduction, name, dtype, alpha=alpha, beta=beta, axis=axis)


@loss()
class Circle(_Named):
    """Circle loss of embeddings; see `circle`. Rows without a partner of the same class do not count in the mean."""

    def __init__(
        self,
        gamma: Number = 80.0,
        margin: Number = 0.4,
        remove_diagonal: bool = True,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "circle",
        dtype: Any = None,
    ):
        arguments = {"gamma": gamma, "margin": margin, "remove_diagonal": remove_diagonal}
        super().__init__(_circle, reduction, name, dtype, **arguments)


_circle = margin.circle
