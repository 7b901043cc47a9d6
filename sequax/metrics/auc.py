"""Area under the ROC curve and under the precision-recall curve."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import jax
import jax.numpy as jnp
import numpy as np

from ..core.kinds import InFiles, NameLike, OneOf, Owner, Quantity, Whole
from ..core.types import ArrayLike, DTypeLike
from ..losses import align
from .catalogue import metric
from .confusion import FourCounts, Resolution, Thresholds, columns


class _Curve(OneOf):
    """A name in capitals or not."""

    def resolve(self, value: Any, name: str, owner: Owner) -> str:
        known = isinstance(value, str) and value.upper() in self.allowed
        return super().resolve(value.upper() if known else value, name, owner)

    def fits(self, value: object, cls: type) -> bool:
        return isinstance(value, str) and super().fits(value.upper(), cls)


class _Weights(Quantity):
    """A list of numbers."""

    def resolve(self, value: object, name: str, owner: Owner) -> np.ndarray:
        return np.asarray(value, "float32")

    def config(self, value: object) -> list[float]:
        return np.asarray(value).tolist()


Curve = Annotated[Literal["ROC", "PR", "PRGAIN"], _Curve("ROC", "PR", "PRGAIN")]
Summation = Annotated[
    Literal["interpolation", "minoring", "majoring"], OneOf("interpolation", "minoring", "majoring", lower=True)
]
Labels = Annotated[int, InFiles(Whole(1, most=1 << 20))]  # arrays are as long
Weights = Annotated[Any, _Weights(several=True)]


@metric()
class AUC(FourCounts):
    """Area under a curve through `num_thresholds` points.

    Args:
        num_thresholds: evenly spaced in [0, 1], first and last a little outside; at least 2.
        curve: `"ROC"` (Hanley and McNeil 1982), `"PR"` (precision over recall) or `"PRGAIN"` (Flach and Kull 2015).
        summation_method: `"interpolation"` (trapezoids; for PR the interpolation of Davis and Goadrich 2006),
            `"minoring"` (lower sums) or `"majoring"` (upper sums).
        name: of its values in logs.
        dtype: of the computation; default `floatx()`.
        thresholds: own thresholds in place of `num_thresholds`; 0 and 1 are added.
        multi_label: one curve per label, then their mean; else all predictions share one curve.
        num_labels: lets `multi_label` make its variables at once instead of on the first update.
        label_weights: weights of the labels.
        from_logits: predictions go through a sigmoid first.

    Predictions are taken as lying in [0, 1].

    Raises:
        ValueError: for arguments that are none of these.

    Example:

    >>> float(AUC(num_thresholds=3)([0, 0, 1, 1], [0.1, 0.6, 0.4, 0.9]))
    0.5
    """

    curve: str
    summation_method: str
    multi_label: bool
    num_labels: int | None
    label_weights: np.ndarray | None
    from_logits: bool

    def __init__(
        self,
        num_thresholds: Resolution = 200,
        curve: Curve = "ROC",
        summation_method: Summation = "interpolation",
        name: NameLike | None = None,
        dtype: DTypeLike | None = None,
        thresholds: Thresholds | None = None,
        multi_label: bool = False,
        num_labels: Labels | None = None,
        label_weights: Weights | None = None,
        from_logits: bool = False,
    ):
        super().__init__(dtype, name)
        inner = _inner_thresholds(num_thresholds, thresholds)
        self.init_thresholds: list[float] | None = None if thresholds is None else inner.tolist()
        self._thresholds = np.concatenate([[-1e-7], inner, [1 + 1e-7]])
        self.num_thresholds: int = len(self._thresholds)
        self.true_positives: Any = None
        if not multi_label or num_labels is not None:
            self.build_variables(num_labels or 1)

    @property
    def thresholds(self) -> list[float]:
        return self._thresholds.tolist()

    def build_variables(self, labels: int) -> None:
        if self.multi_label and self.label_weights is not None and self.label_weights.shape != (labels,):
            raise ValueError(
                f"AUC: expected one of `label_weights` for each of {labels} labels. Received an array of shape"
                f" {self.label_weights.shape}"
            )
        self._add_counts((self.num_thresholds, labels) if self.multi_label else (self.num_thresholds,))

    def update_state(self, y_true: ArrayLike, y_pred: ArrayLike, sample_weight: ArrayLike | None = None) -> None:
        y_true, y_pred, weight = self._select(y_true, y_pred, sample_weight)
        y_pred = jax.nn.sigmoid(y_pred) if self.from_logits else y_pred
        if self.multi_label:
            labels = y_pred.shape[-1] if y_pred.ndim > 1 else 1
            if self.true_positives is None:
                self.build_variables(labels)
        elif self.label_weights is not None:
            weight = self.label_weights if weight is None else weight * self.label_weights
            weight, labels = jnp.broadcast_to(weight, y_pred.shape), 1
        else:
            labels = 1
        self._count(*columns((y_true, y_pred, weight), labels), self._thresholds)

    def result(self) -> jax.Array:
        if self.true_positives is None:
            return jnp.zeros(())
        tp, fp, tn, fn = self._values()
        if self.curve == "PR" and self.summation_method == "interpolation":
            return self.interpolate_pr_auc()
        recall = align.divide(tp, tp + fn)
        if self.curve == "ROC":
            x, y = align.divide(fp, fp + tn), recall
        elif self.curve == "PR":
            x, y = recall, align.divide(tp, tp + fp)
        else:
            odds = align.divide(tp + fn, tn + fp)
            x = jnp.where(tp > 0, jnp.maximum(1 - odds * align.divide(fn, tp), 0), 0)
            y = 1 - odds * align.divide(fp, tp)
        left, right = y[:-1], y[1:]
        if self.summation_method == "interpolation":
            height = (left + right) / 2
        else:
            height = (jnp.minimum if self.summation_method == "minoring" else jnp.maximum)(left, right)
        return self._average(jnp.sum((x[:-1] - x[1:]) * height, axis=0))

    def interpolate_pr_auc(self) -> jax.Array:
        """The area under precision over recall of the counts so far, whatever `curve` says."""
        tp, fp, _, fn = self._values()
        return self._average(_interpolated_pr(tp, fp, fn))

    def _average(self, areas: jax.Array) -> jax.Array:
        if not self.multi_label:
            return areas
        if self.label_weights is None:
            return jnp.mean(areas)
        return align.divide(jnp.sum(areas * self.label_weights), jnp.sum(self.label_weights))

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        own = config.pop("thresholds")
        return config if own is None else {**config, "thresholds": own}


def _interpolated_pr(tp: jax.Array, fp: jax.Array, fn: jax.Array) -> jax.Array:
    """Area under precision over recall, false positives growing linearly between two points (Davis and Goadrich 2006).

    Between thresholds `TP = intercept + slope P` with `P = TP + FP`; the area is the integral of `TP / P` over TP.
    """
    positives = tp + fp
    steps = jnp.maximum(positives[:-1] - positives[1:], 0)
    slope = align.divide(tp[:-1] - tp[1:], steps)
    intercept = tp[1:] - slope * positives[1:]
    both = (positives[:-1] > 0) & (positives[1:] > 0)
    ratio = jnp.where(both, align.divide(positives[:-1], jnp.maximum(positives[1:], 0)), 1.0)
    area = slope * (tp[:-1] - tp[1:] + intercept * jnp.log(ratio))
    return jnp.sum(align.divide(area, jnp.maximum(tp[1:] + fn[1:], 0)), axis=0)


def _inner_thresholds(num_thresholds: int, thresholds: ArrayLike | None) -> np.ndarray:
    if thresholds is None:
        if num_thresholds <= 1:
            raise ValueError(f"Argument `num_thresholds` must be an integer > 1. Received: {num_thresholds}")
        return np.arange(1, num_thresholds - 1) / (num_thresholds - 1)
    inner = np.sort(np.asarray(thresholds, "float64").reshape(-1))
    if inner.size and not (inner[0] >= 0 and inner[-1] <= 1):
        raise ValueError(f"AUC: thresholds must be in [0, 1]. Received: thresholds={thresholds}")
    return inner
