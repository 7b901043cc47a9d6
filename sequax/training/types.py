"""Types of the arguments of `compile`, `fit` and their kin. Editors offer the names; other strings are taken, too."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, TypeAlias

import jax
import optax

from ..callbacks.base import Callback
from ..callbacks.callback_list import CallbackList
from ..distribution.mesh import DeviceMesh
from ..distribution.strategies import Distribution
from ..losses.base import Loss
from ..metrics.base import Metric
from ..optimizers.base import Optimizer

OptimizerName = Literal[
    "adadelta", "adafactor", "adagrad", "adam", "adamax", "adamw", "ftrl", "lamb", "lion", "muon", "nadam", "rmsprop",
    "schedulefreeadamw", "sgd",
]  # fmt: skip
LossName = Literal[
    "binary_crossentropy", "binary_focal_crossentropy", "categorical_crossentropy", "categorical_focal_crossentropy",
    "categorical_generalized_cross_entropy", "categorical_hinge", "circle", "cosine_similarity", "ctc", "dice", "hinge",
    "huber", "kl_divergence", "log_cosh", "mae", "mape", "mean_absolute_error", "mean_absolute_percentage_error",
    "mean_squared_error", "mean_squared_logarithmic_error", "mse", "msle", "poisson", "sparse_categorical_crossentropy",
    "squared_hinge", "tversky",
]  # fmt: skip
MetricName = Literal[
    "acc", "accuracy", "auc", "binary_accuracy", "binary_crossentropy", "categorical_accuracy",
    "categorical_crossentropy", "categorical_hinge", "ce", "concordance_correlation", "cosine_similarity",
    "crossentropy", "f1_score", "false_negatives", "false_positives", "hinge", "kl_divergence", "mae", "mape",
    "mean_absolute_error", "mean_absolute_percentage_error", "mean_squared_error", "mean_squared_logarithmic_error",
    "mse", "msle", "pearson_correlation", "poisson", "precision", "r2_score", "recall", "root_mean_squared_error",
    "sparse_categorical_accuracy", "sparse_categorical_crossentropy", "sparse_top_k_categorical_accuracy",
    "squared_hinge", "top_k_categorical_accuracy", "true_negatives", "true_positives",
]  # fmt: skip

Function = Callable[..., Any]  # of y_true and y_pred
OptimizerLike: TypeAlias = (
    OptimizerName | str | Optimizer | type[Optimizer] | optax.GradientTransformation | Mapping[str, Any] | None
)
LossLike = LossName | str | Loss | Function | Mapping[str, Any] | None
MetricLike = MetricName | str | Metric | Function | Mapping[str, Any] | None

# Of one output, or a list or a dict of them by output.
Losses = LossLike | Sequence[LossLike] | Mapping[str, LossLike]
Metrics = Sequence[MetricLike | Sequence[MetricLike]] | Mapping[str, MetricLike | Sequence[MetricLike]] | None
LossWeights = float | Sequence[float] | Mapping[str, float] | None

Callbacks = Callback | Sequence[Callback] | CallbackList | None
Verbose = int | Literal["auto"]
ClassWeights = dict[int, float] | Literal["balanced"]
# Where a model is computed with; a string is "all", a device or a kind of them.
Devices: TypeAlias = str | int | jax.Device | Sequence[str | jax.Device] | DeviceMesh | Distribution | None
