"""F scores: one number from precision and recall."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import jax
import jax.numpy as jnp

from ..core import dtypes
from ..core.kinds import Factor, NameLike, OneOf, Probability
from ..core.types import ArrayLike, DTypeLike
from ..core.variable import Variable
from ..losses import align
from .base import Metric
from .catalogue import metric

Average = Annotated[Literal["micro", "macro", "weighted"] | None, OneOf(None, "micro", "macro", "weighted")]


@metric("f_beta_score")
class FBetaScore(Metric):
    """`(1 + beta²) · precision · recall / (beta² · precision + recall)` of each class. Van Rijsbergen 1979.

    Shapes: `(batch, classes)` twice.

    Args:
        average: None (one value per class), `"micro"` (counts of all classes together), `"macro"` (mean over
            classes) or `"weighted"` (mean weighted by how many positives a class has).
        beta: how many times recall counts more than precision.
        threshold: positive is `y_pred > threshold`; None: the largest entry of each row.
        name: of its values in logs.
        dtype: of the computation; default `floatx()`.

    Raises:
        ValueError: for arguments that are none of these, and for inputs of another rank.

    Example:

    >>> round(float(FBetaScore("macro", beta=2.0)([[1, 0], [0, 1], [0, 1]], [[0.8, 0.2], [0.6, 0.4], [0.1, 0.9]])), 4)
    0.6944
    """

    binary_labels = True
    average: str | None
    beta: float
    threshold: float | None

    def __init__(
        self,
        average: Average = None,
        beta: Factor = 1.0,
        threshold: Probability | None = None,
        name: NameLike | None = "fbeta_score",
        dtype: DTypeLike | None = None,
    ):
        super().__init__(dtype, name)
        if not isinstance(beta, float) or beta <= 0:
            raise ValueError(f"{type(self).__name__}: `beta` must be a float > 0. Received: beta={beta!r}")
        if threshold is not None and (not isinstance(threshold, float) or not 0 < threshold <= 1):
            raise ValueError(
                f"{type(self).__name__}: `threshold` must be a float between 0 and 1. Received: threshold={threshold!r}"
            )
        self.axis: int | None = None if average == "micro" else 0
        self.true_positives: Any = None

    def build_variables(self, y_true_shape: tuple[int, ...], y_pred_shape: tuple[int, ...]) -> None:
        self._check_rank(y_true_shape, y_pred_shape)
        shape = () if self.average == "micro" else (y_pred_shape[1],)
        self.true_positives = self.add_variable(shape, dtype=self.dtype, name="true_positives")
        self.false_positives: Variable = self.add_variable(shape, dtype=self.dtype, name="false_positives")
        self.false_negatives: Variable = self.add_variable(shape, dtype=self.dtype, name="false_negatives")
        self.intermediate_weights: Variable = self.add_variable(shape, dtype=self.dtype, name="intermediate_weights")

    def _check_rank(self, y_true_shape: tuple[int, ...], y_pred_shape: tuple[int, ...]) -> None:
        if len(y_pred_shape) != 2 or len(y_true_shape) != 2:
            raise ValueError(
                f"{type(self).__name__} expects 2D inputs with shape (batch_size, classes). Received:"
                f" y_true.shape={y_true_shape}, y_pred.shape={y_pred_shape}"
            )

    def update_state(self, y_true: ArrayLike, y_pred: ArrayLike, sample_weight: ArrayLike | None = None) -> None:
        y_true, y_pred = align.pair(type(self).__name__, self._cast(y_true), self._cast(y_pred))
        self._check_rank(y_true.shape, y_pred.shape)
        if self.true_positives is None:
            self.build_variables(y_true.shape, y_pred.shape)
        if self.threshold is None:
            y_pred = jax.nn.one_hot(jnp.argmax(y_pred, axis=-1), y_pred.shape[1], dtype=y_pred.dtype)
        else:
            y_pred = (y_pred > self.threshold).astype(y_pred.dtype)
        weight = 1.0 if sample_weight is None else align.weights(self.name, sample_weight, y_pred)
        for variable, part in (
            (self.true_positives, y_pred * y_true),
            (self.false_positives, y_pred * (1 - y_true)),
            (self.false_negatives, (1 - y_pred) * y_true),
            (self.intermediate_weights, y_true),
        ):
            variable.assign_add(jnp.sum(part * weight, axis=self.axis))

    def result(self) -> jax.Array:
        if self.true_positives is None:
            return jnp.zeros(())
        epsilon, hits = dtypes.epsilon(), self.true_positives.value
        precision = hits / (hits + self.false_positives.value + epsilon)
        recall = hits / (hits + self.false_negatives.value + epsilon)
        scores = (1 + self.beta**2) * precision * recall / (self.beta**2 * precision + recall + epsilon)
        if self.average == "weighted":
            positives = self.intermediate_weights.value
            share = positives / (jnp.sum(positives) + epsilon)
            return jnp.sum(scores * share)
        return jnp.mean(scores) if self.average == "macro" else scores


@metric("f1_score")
class F1Score(FBetaScore):
    """`2 · precision · recall / (precision + recall)` of each class.

    Shapes: `(batch, classes)` twice.

    Args:
        average: None (one value per class), `"micro"` (counts of all classes together), `"macro"` (mean over
            classes) or `"weighted"` (mean weighted by how many positives a class has).
        threshold: positive is `y_pred > threshold`; None: the largest entry of each row.
        name: of its values in logs.
        dtype: of the computation; default `floatx()`.

    Raises:
        ValueError: as in `FBetaScore`.

    Example:

    >>> round(float(F1Score("macro")([[1, 0], [0, 1], [0, 1]], [[0.8, 0.2], [0.6, 0.4], [0.1, 0.9]])), 4)
    0.6667
    """

    def __init__(
        self,
        average: Average = None,
        threshold: Probability | None = None,
        name: NameLike | None = "f1_score",
        dtype: DTypeLike | None = None,
    ):
        super().__init__(average, 1.0, threshold, name, dtype)
