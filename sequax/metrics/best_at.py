"""The best value of one rate where another reaches a given value."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from ..core.kinds import Integer, NameLike, Probability
from ..core.types import ArrayLike, DTypeLike
from ..losses import align
from .catalogue import metric
from .confusion import FourCounts, Resolution, columns


class _BestAt(FourCounts):
    """The largest value of one rate over the thresholds at which another reaches a given value."""

    config_order: tuple[str, ...] = ("class_id", "num_thresholds")
    given: str  # the name of the constructor's first argument

    def __init__(
        self, value: float, num_thresholds: int, class_id: int | None, name: str | None, dtype: DTypeLike | None
    ):
        super().__init__(dtype, name)
        if not 0 <= value <= 1:
            raise ValueError(f"Argument `{self.given}` must be in the range [0, 1]. Received: {self.given}={value}")
        if num_thresholds <= 0:
            raise ValueError(f"Argument `num_thresholds` must be an integer > 0. Received: {num_thresholds}")
        self.value = value
        self.num_thresholds = num_thresholds
        self.class_id = class_id
        self.thresholds: list[float] = [0.5] if num_thresholds == 1 else np.linspace(0, 1, num_thresholds).tolist()
        self._add_counts((num_thresholds,))

    def update_state(self, y_true: ArrayLike, y_pred: ArrayLike, sample_weight: ArrayLike | None = None) -> None:
        selected = self._select(y_true, y_pred, sample_weight, class_id=self.class_id)
        self._count(*columns(selected), np.asarray(self.thresholds))

    def rates(self) -> tuple[jax.Array, jax.Array]:
        """The rate to reach and the rate to report."""
        raise NotImplementedError

    def result(self) -> jax.Array:
        reached, reported = self.rates()
        return jnp.max(jnp.where(reached >= self.value, reported, 0))

    def _precision(self) -> jax.Array:
        tp, fp, _, _ = self._values()
        return align.divide(tp, tp + fp)

    def _sensitivity(self) -> jax.Array:
        tp, _, _, fn = self._values()
        return align.divide(tp, tp + fn)

    def _specificity(self) -> jax.Array:
        _, fp, tn, _ = self._values()
        return align.divide(tn, tn + fp)


@metric()
class PrecisionAtRecall(_BestAt):
    """Best precision at a threshold where recall is at least `recall`.

    Args:
        recall: what it has to reach, from 0 to 1.
        num_thresholds: evenly spaced in [0, 1]; at most that many values are tried.
        class_id: count this class only.
        name: of its values in logs.
        dtype: of the computation; default `floatx()`.

    Raises:
        ValueError: for arguments out of range.

    Example:

    >>> round(float(PrecisionAtRecall(0.9)([0, 0, 1, 1], [0.1, 0.6, 0.4, 0.9])), 4)
    0.6667
    """

    given = "recall"

    def __init__(
        self,
        recall: Probability,
        num_thresholds: Resolution = 200,
        class_id: Integer | None = None,
        name: NameLike | None = None,
        dtype: DTypeLike | None = None,
    ):
        super().__init__(recall, num_thresholds, class_id, name, dtype)

    def rates(self) -> tuple[jax.Array, jax.Array]:
        return self._sensitivity(), self._precision()


@metric()
class RecallAtPrecision(_BestAt):
    """Best recall at a threshold where precision is at least `precision`.

    Args:
        precision: what it has to reach, from 0 to 1.
        num_thresholds: evenly spaced in [0, 1]; at most that many values are tried.
        class_id: count this class only.
        name: of its values in logs.
        dtype: of the computation; default `floatx()`.

    Raises:
        ValueError: for arguments out of range.

    Example:

    >>> float(RecallAtPrecision(0.9)([0, 0, 1, 1], [0.1, 0.6, 0.4, 0.9]))
    0.5
    """

    given = "precision"

    def __init__(
        self,
        precision: Probability,
        num_thresholds: Resolution = 200,
        class_id: Integer | None = None,
        name: NameLike | None = None,
        dtype: DTypeLike | None = None,
    ):
        super().__init__(precision, num_thresholds, class_id, name, dtype)

    def rates(self) -> tuple[jax.Array, jax.Array]:
        return self._precision(), self._sensitivity()


@metric()
class SensitivityAtSpecificity(_BestAt):
    """Best sensitivity (`TP / (TP + FN)`) where specificity (`TN / (TN + FP)`) is at least `specificity`.

    Args:
        specificity: what it has to reach, from 0 to 1.
        num_thresholds: evenly spaced in [0, 1]; at most that many values are tried.
        class_id: count this class only.
        name: of its values in logs.
        dtype: of the computation; default `floatx()`.

    Raises:
        ValueError: for arguments out of range.

    Example:

    >>> float(SensitivityAtSpecificity(0.9)([0, 0, 1, 1], [0.1, 0.6, 0.4, 0.9]))
    0.5
    """

    given = "specificity"

    def __init__(
        self,
        specificity: Probability,
        num_thresholds: Resolution = 200,
        class_id: Integer | None = None,
        name: NameLike | None = None,
        dtype: DTypeLike | None = None,
    ):
        super().__init__(specificity, num_thresholds, class_id, name, dtype)

    def rates(self) -> tuple[jax.Array, jax.Array]:
        return self._specificity(), self._sensitivity()


@metric()
class SpecificityAtSensitivity(_BestAt):
    """Best specificity (`TN / (TN + FP)`) where sensitivity (`TP / (TP + FN)`) is at least `sensitivity`.

    Args:
        sensitivity: what it has to reach, from 0 to 1.
        num_thresholds: evenly spaced in [0, 1]; at most that many values are tried.
        class_id: count this class only.
        name: of its values in logs.
        dtype: of the computation; default `floatx()`.

    Raises:
        ValueError: for arguments out of range.

    Example:

    >>> float(SpecificityAtSensitivity(0.9)([0, 0, 1, 1], [0.1, 0.6, 0.4, 0.9]))
    0.5
    """

    given = "sensitivity"

    def __init__(
        self,
        sensitivity: Probability,
        num_thresholds: Resolution = 200,
        class_id: Integer | None = None,
        name: NameLike | None = None,
        dtype: DTypeLike | None = None,
    ):
        super().__init__(sensitivity, num_thresholds, class_id, name, dtype)

    def rates(self) -> tuple[jax.Array, jax.Array]:
        return self._sensitivity(), self._specificity()
