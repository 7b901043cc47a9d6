"""Counts of true and false positives and negatives at thresholds, and what is made of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import jax
import jax.numpy as jnp
import numpy as np

from ..core import dtypes
from ..core.kinds import InFiles, Integer, NameLike, Quantity, Whole
from ..core.types import ArrayLike, DTypeLike
from ..losses import align
from .base import Metric
from .catalogue import metric

if TYPE_CHECKING:
    from ..core.variable import Variable

# Up to here every threshold is compared with every prediction; above, each prediction goes into one bucket.
_FEW = 8


class _Thresholds(Quantity):
    """A number in [0, 1], or several; configs hold them as they were passed."""

    attribute = False
    kept_as = "init_thresholds"


Thresholds = Annotated[Any, _Thresholds(several=True)]
Resolution = Annotated[int, InFiles(Whole(1, most=1 << 16))]  # arrays are as long


def counts(
    y_true: jax.Array, y_pred: jax.Array, weight: ArrayLike | None, thresholds: np.ndarray
) -> tuple[jax.Array, ...]:
    """Weighted true positives, false positives, true negatives, false negatives; positive is `y_pred > threshold`.

    Shapes: `(n, labels)` twice, weights that broadcast, T ascending thresholds -> four times `(T, labels)`.
    """
    positive = (y_true != 0).astype(y_pred.dtype)
    weight = jnp.broadcast_to(jnp.asarray(1.0 if weight is None else weight, y_pred.dtype), y_pred.shape)
    shares = jnp.stack([positive * weight, (1 - positive) * weight], axis=-1)  # (n, labels, 2)
    if len(thresholds) <= _FEW:
        above = y_pred[None] > jnp.asarray(thresholds, y_pred.dtype)[:, None, None]
        hits = jnp.sum(jnp.where(above[..., None], shares, 0), axis=1)
    else:
        labels = jnp.arange(y_pred.shape[1])[None, :]
        filled = jnp.zeros((len(thresholds), y_pred.shape[1], 2), y_pred.dtype)
        filled = filled.at[_buckets(y_pred, thresholds), labels].add(shares, mode="drop")
        hits = jnp.cumsum(filled[::-1], axis=0)[::-1]
    total = jnp.sum(shares, axis=0)
    misses = total - hits
    return hits[..., 0], hits[..., 1], misses[..., 1], misses[..., 0]


def _buckets(y_pred: jax.Array, thresholds: np.ndarray) -> jax.Array:
    """The last threshold that each prediction exceeds; if there is none, an index out of bounds, which is dropped."""
    steps = len(thresholds) - 1
    if np.allclose(thresholds, np.linspace(0, 1, steps + 1), atol=2e-7):
        bucket = jnp.ceil(jnp.clip(y_pred, 0, 1) * steps).astype("int32") - 1
        lowest = 0 if thresholds[0] < 0 else -1
        bucket = jnp.maximum(bucket, lowest)
    else:
        bucket = jnp.searchsorted(jnp.asarray(thresholds, y_pred.dtype), y_pred, side="left") - 1
    return jnp.where(bucket < 0, len(thresholds), bucket)


class ConfusionMetric(Metric):
    """Base of metrics that count at thresholds: brings targets, predictions and weights to `(n, labels)`."""

    binary_labels = True  # data checks refuse others: every label but 0 would count as positive

    def _select(
        self,
        y_true: ArrayLike,
        y_pred: ArrayLike,
        sample_weight: ArrayLike | None,
        top_k: int | None = None,
        class_id: int | None = None,
    ) -> tuple[jax.Array, jax.Array, Any]:
        counted = dtypes.jnp_dtype(dtypes.floatx())  # whatever the metric's dtype: 16 bits count to 2048 or 256
        y_true, y_pred = (dtypes.as_array(y).astype(counted) for y in (y_true, y_pred))
        y_true, y_pred = align.pair(type(self).__name__, y_true, y_pred)
        weight = None if sample_weight is None else align.weights(self.name, sample_weight, y_pred)
        if top_k is not None:
            y_pred = _only_largest(y_pred, top_k)
        if class_id is not None:
            if y_pred.ndim < 2:
                raise ValueError(
                    f"{type(self).__name__}: `class_id` chooses a column, so y_pred must have shape (samples, classes)."
                    f" Received: y_pred.shape={y_pred.shape}"
                )
            y_true, y_pred = y_true[..., class_id], y_pred[..., class_id]
            weight = weight[..., min(class_id, weight.shape[-1] - 1)] if weight is not None and weight.ndim else weight
        if weight is not None:
            weight = jnp.broadcast_to(weight, y_pred.shape)
        return y_true, y_pred, weight

    def _add(self, variable: Variable, value: jax.Array) -> None:
        variable.assign_add(value.reshape(variable.shape))


def _only_largest(y_pred: jax.Array, k: int) -> jax.Array:
    """Predictions with all but the k largest of each row at −∞."""
    if k > y_pred.shape[-1]:
        raise ValueError(f"`top_k` is {k}, but there are only {y_pred.shape[-1]} classes: y_pred.shape={y_pred.shape}")
    chosen = jax.lax.top_k(y_pred, k)[1]
    keep = jnp.any(chosen[..., None] == jnp.arange(y_pred.shape[-1]), axis=-2)
    return jnp.where(keep, y_pred, -jnp.inf)


def columns(arrays: tuple[Any, ...], labels: int = 1) -> tuple[Any, Any, Any]:
    """Targets, predictions and weights (or None) as `(n, labels)`."""
    y_true, y_pred, weight = (None if a is None else a.reshape(-1, labels) for a in arrays)
    return y_true, y_pred, weight


def _checked_thresholds(owner: str, thresholds: ArrayLike | None, default: float) -> np.ndarray:
    given = [default] if thresholds is None else np.atleast_1d(np.asarray(thresholds, "float64")).tolist()
    bad = [t for t in given if thresholds is not None and not 0 <= t <= 1]
    if bad:
        raise ValueError(f"{owner}: threshold values must be in [0, 1]. Received: {bad}")
    return np.asarray(given)


class _Count(ConfusionMetric):
    """One of the four counts."""

    which: int

    def __init__(
        self, thresholds: Thresholds | None = None, name: NameLike | None = None, dtype: DTypeLike | None = None
    ):
        super().__init__(dtype, name)
        self.init_thresholds = thresholds
        self.thresholds: list[float] = _checked_thresholds(type(self).__name__, thresholds, 0.5).tolist()
        self.accumulator: Variable = self.add_variable((len(self.thresholds),), name="accumulator")

    def update_state(self, y_true: ArrayLike, y_pred: ArrayLike, sample_weight: ArrayLike | None = None) -> None:
        selected = columns(self._select(y_true, y_pred, sample_weight))
        self._add(self.accumulator, _in_order(self.thresholds, *selected)[self.which])

    def result(self) -> jax.Array:
        return _one_or_all(self.accumulator.value)


def _in_order(
    thresholds: float | Sequence[float], y_true: jax.Array, y_pred: jax.Array, weight: ArrayLike | None
) -> tuple[jax.Array, ...]:
    """`counts` for thresholds in any order."""
    order = np.argsort(thresholds, kind="stable")
    back = np.argsort(order)
    found = counts(y_true, y_pred, weight, np.asarray(thresholds)[order])
    return found if np.array_equal(back, np.arange(len(back))) else tuple(f[back] for f in found)


def _one_or_all(values: jax.Array) -> jax.Array:
    return values[0] if values.shape[0] == 1 else values


@metric()
class TruePositives(_Count):
    """Weighted number of positives predicted as such (`y_pred > threshold`).

    Args:
        thresholds: number or list in [0, 1], default 0.5; positive is `y_pred > threshold`. A list gives a value each.
        name: of its values in logs.
        dtype: of the computation; default `floatx()`.

    Raises:
        ValueError: for a threshold outside of [0, 1].

    Example:

    >>> float(TruePositives()([1, 0, 1], [0.9, 0.8, 0.3]))
    1.0
    """

    which = 0


@metric()
class FalsePositives(_Count):
    """Weighted number of negatives predicted as positive.

    Args:
        thresholds: number or list in [0, 1], default 0.5; positive is `y_pred > threshold`. A list gives a value each.
        name: of its values in logs.
        dtype: of the computation; default `floatx()`.

    Raises:
        ValueError: for a threshold outside of [0, 1].

    Example:

    >>> float(FalsePositives()([1, 0, 1], [0.9, 0.8, 0.3]))
    1.0
    """

    which = 1


@metric()
class TrueNegatives(_Count):
    """Weighted number of negatives predicted as such.

    Args:
        thresholds: number or list in [0, 1], default 0.5; positive is `y_pred > threshold`. A list gives a value each.
        name: of its values in logs.
        dtype: of the computation; default `floatx()`.

    Raises:
        ValueError: for a threshold outside of [0, 1].

    Example:

    >>> float(TrueNegatives()([1, 0, 1], [0.9, 0.8, 0.3]))
    0.0
    """

    which = 2


@metric()
class FalseNegatives(_Count):
    """Weighted number of positives predicted as negative.

    Args:
        thresholds: number or list in [0, 1], default 0.5; positive is `y_pred > threshold`. A list gives a value each.
        name: of its values in logs.
        dtype: of the computation; default `floatx()`.

    Raises:
        ValueError: for a threshold outside of [0, 1].

    Example:

    >>> float(FalseNegatives()([1, 0, 1], [0.9, 0.8, 0.3]))
    1.0
    """

    which = 3


class _Rate(ConfusionMetric):
    """`TP / (TP + other)` at thresholds."""

    other: str
    which: int
    top_k: int | None
    class_id: int | None

    def __init__(
        self,
        thresholds: Thresholds | None = None,
        top_k: Integer | None = None,
        class_id: Integer | None = None,
        name: NameLike | None = None,
        dtype: DTypeLike | None = None,
    ):
        super().__init__(dtype, name)
        self.init_thresholds = thresholds
        # With top_k and no thresholds every one of the k largest is positive, however small.
        lowest = 0.5 if top_k is None else float(np.finfo("float32").min)
        self.thresholds: list[float] = _checked_thresholds(type(self).__name__, thresholds, lowest).tolist()
        self.true_positives: Variable = self.add_variable((len(self.thresholds),), name="true_positives")
        setattr(self, self.other, self.add_variable((len(self.thresholds),), name=self.other))

    def update_state(self, y_true: ArrayLike, y_pred: ArrayLike, sample_weight: ArrayLike | None = None) -> None:
        selected = columns(self._select(y_true, y_pred, sample_weight, self.top_k, self.class_id))
        found = _in_order(self.thresholds, *selected)
        self._add(self.true_positives, found[0])
        self._add(getattr(self, self.other), found[self.which])

    def result(self) -> jax.Array:
        hits = self.true_positives.value
        return _one_or_all(align.divide(hits, hits + getattr(self, self.other).value))


@metric()
class Precision(_Rate):
    """`TP / (TP + FP)`: which share of the positive predictions is right.

    Args:
        thresholds: number or list in [0, 1], default 0.5; positive is `y_pred > threshold`. A list gives a value each.
        top_k: only the k largest predictions of a row may be positive.
        class_id: count this class only.
        name: of its values in logs.
        dtype: of the computation; default `floatx()`.

    Raises:
        ValueError: for a threshold outside of [0, 1].

    Example:

    >>> float(Precision()([1, 0, 1], [0.9, 0.8, 0.3]))
    0.5
    """

    other: str
    which: int

    other, which = "false_positives", 1


@metric()
class Recall(_Rate):
    """`TP / (TP + FN)`: which share of the positives is found.

    Args:
        thresholds: number or list in [0, 1], default 0.5; positive is `y_pred > threshold`. A list gives a value each.
        top_k: only the k largest predictions of a row may be positive.
        class_id: count this class only.
        name: of its values in logs.
        dtype: of the computation; default `floatx()`.

    Raises:
        ValueError: for a threshold outside of [0, 1].

    Example:

    >>> float(Recall()([1, 0, 1], [0.9, 0.8, 0.3]))
    0.5
    """

    other: str
    which: int

    other, which = "false_negatives", 3


class FourCounts(ConfusionMetric):
    """Base of metrics that keep all four counts at many thresholds."""

    def _add_counts(self, shape: tuple[int, ...]) -> None:
        self.true_positives: Variable = self.add_variable(shape, name="true_positives")
        self.false_positives: Variable = self.add_variable(shape, name="false_positives")
        self.true_negatives: Variable = self.add_variable(shape, name="true_negatives")
        self.false_negatives: Variable = self.add_variable(shape, name="false_negatives")

    def _count(self, y_true: jax.Array, y_pred: jax.Array, weight: ArrayLike | None, thresholds: np.ndarray) -> None:
        found = counts(y_true, y_pred, weight, thresholds)
        kept = (self.true_positives, self.false_positives, self.true_negatives, self.false_negatives)
        for variable, value in zip(kept, found, strict=True):
            self._add(variable, value)

    def _values(self) -> tuple[jax.Array, ...]:
        return (
            self.true_positives.value,
            self.false_positives.value,
            self.true_negatives.value,
            self.false_negatives.value,
        )
