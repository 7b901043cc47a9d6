"""Intersection over union (Jaccard 1901) of predicted and true classes, as segmentation uses it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import jax
import jax.numpy as jnp

from ..core import dtypes
from ..core.kinds import Integer, Listed, NameLike, Probability, Size
from ..core.types import ArrayLike, DTypeLike
from ..core.variable import Variable
from ..core.warning import warn
from ..losses import align
from .base import Metric
from .catalogue import metric

Classes = Annotated[Sequence[int], Listed()]


class _ConfusionMatrix(Metric):
    """Base: counts how often class i (row) was predicted as class j (column)."""

    config_order: tuple[str, ...] = ("num_classes", "ignore_class", "sparse_y_true", "sparse_y_pred", "axis")
    num_classes: int
    ignore_class: int | None
    sparse_y_true: bool
    sparse_y_pred: bool
    axis: int

    def __init__(
        self,
        num_classes: Size,
        name: NameLike | None = None,
        dtype: DTypeLike | None = None,
        ignore_class: Integer | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: Integer = -1,
    ):
        super().__init__(dtype or "int32", name)
        shape = (num_classes, num_classes)
        self.total_cm: Variable = self.add_variable(shape, dtype=self.dtype, name="total_confusion_matrix")

    def update_state(self, y_true: ArrayLike, y_pred: ArrayLike, sample_weight: ArrayLike | None = None) -> None:
        y_true, y_pred = dtypes.as_array(y_true), dtypes.as_array(y_pred)
        y_true = y_true if self.sparse_y_true else jnp.argmax(y_true, axis=self.axis)
        y_pred = y_pred if self.sparse_y_pred else jnp.argmax(y_pred, axis=self.axis)
        y_true, y_pred = align.ranks(y_true.astype("int32"), y_pred.astype("int32"))
        if y_true.shape != y_pred.shape:
            raise ValueError(f"{type(self).__name__}: y_true has shape {y_true.shape}, y_pred {y_pred.shape}.")
        weight: jax.Array = jnp.ones((), self.dtype)
        if sample_weight is not None:
            self._warn_of_fractions(sample_weight)
            weight = self._cast(align.weights(self.name, sample_weight, y_true.astype(jnp.float32)))
        known = (y_true >= 0) & (y_true < self.num_classes) & (y_pred >= 0) & (y_pred < self.num_classes)
        if self.ignore_class is not None:
            known &= y_true != self.ignore_class
        index = jnp.where(known, y_true * self.num_classes + y_pred, self.num_classes**2)  # out of bounds: dropped
        cells = jnp.zeros(self.num_classes**2, self.dtype)
        cells = cells.at[index.reshape(-1)].add(jnp.broadcast_to(weight, index.shape).reshape(-1), mode="drop")
        self.total_cm.assign_add(cells.reshape(self.num_classes, self.num_classes))

    def _warn_of_fractions(self, sample_weight: ArrayLike) -> None:
        if dtypes.is_float(dtypes.as_array(sample_weight).dtype) and not dtypes.is_float(self.dtype):
            warn(
                f"{type(self).__name__}: weights of a float type are counted in {self.dtype}: the casting takes their"
                f' fractions away. Give the metric `dtype="float32"` to keep them.'
            )

    def _ious(self) -> tuple[jax.Array, jax.Array]:
        """The IoU of each class, and whether the class occurred."""
        matrix = self.total_cm.value.astype(jnp.float32)
        hits = jnp.diagonal(matrix)
        union = jnp.sum(matrix, axis=0) + jnp.sum(matrix, axis=1) - hits
        return hits / (union + dtypes.epsilon()), union > 0


@metric()
class IoU(_ConfusionMatrix):
    """Mean over `target_class_ids` of `TP / (TP + FP + FN)`; classes that never occurred are left out.

    Args:
        num_classes: number of classes.
        target_class_ids: classes that count.
        name: of its values in logs.
        dtype: of the counts, int32 unless given; give a float type if there are sample weights with fractions.
        ignore_class: targets of this number are left out.
        sparse_y_true: whether targets hold class numbers; else the largest along `axis` is the class.
        sparse_y_pred: whether predictions hold class numbers; else the largest along `axis` is the class.
        axis: the axis of the classes.

    Raises:
        ValueError: if a target class is out of range.

    Example:

    >>> float(IoU(3, [1, 2])([0, 1, 1, 2], [0, 1, 2, 2]))
    0.5
    """

    target_class_ids: Sequence[int]

    def __init__(
        self,
        num_classes: Size,
        target_class_ids: Classes,
        name: NameLike | None = None,
        dtype: DTypeLike | None = None,
        ignore_class: Integer | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: Integer = -1,
    ):
        super().__init__(num_classes, name, dtype, ignore_class, sparse_y_true, sparse_y_pred, axis)
        for number in target_class_ids:
            if not 0 <= number < num_classes:
                raise ValueError(f"Target class id {number} is out of range, which is [0, {num_classes}).")
        self.target_class_ids: list[int] = list(target_class_ids)

    def result(self) -> jax.Array:
        chosen = jnp.asarray(self.target_class_ids, "int32")
        values, occurred = (a[chosen] for a in self._ious())
        return align.divide(jnp.sum(jnp.where(occurred, values, 0)), jnp.sum(occurred))


@metric()
class BinaryIoU(IoU):
    """IoU of the classes 0 and 1.

    Args:
        target_class_ids: classes that count.
        threshold: predictions from it on are 1; None: predictions are class numbers.
        name: of its values in logs.
        dtype: of the counts, int32 unless given; give a float type if there are sample weights with fractions.

    Example:

    >>> round(float(BinaryIoU()([0, 1, 1], [0.2, 0.4, 0.9])), 4)
    0.5
    """

    binary_labels = True
    threshold: float | None

    def __init__(
        self,
        target_class_ids: Classes = (0, 1),
        threshold: Probability | None = 0.5,
        name: NameLike | None = None,
        dtype: DTypeLike | None = None,
    ):
        super().__init__(2, target_class_ids, name, dtype)

    def update_state(self, y_true: ArrayLike, y_pred: ArrayLike, sample_weight: ArrayLike | None = None) -> None:
        y_pred = dtypes.as_array(y_pred)
        if self.threshold is not None:
            y_pred = y_pred >= self.threshold
        super().update_state(y_true, y_pred, sample_weight)


@metric()
class MeanIoU(IoU):
    """Mean over all classes of `TP / (TP + FP + FN)`; classes that never occurred are left out.

    Args:
        num_classes: number of classes.
        name: of its values in logs.
        dtype: of the counts, int32 unless given; give a float type if there are sample weights with fractions.
        ignore_class: targets of this number are left out.
        sparse_y_true: whether targets hold class numbers; else the largest along `axis` is the class.
        sparse_y_pred: whether predictions hold class numbers; else the largest along `axis` is the class.
        axis: the axis of the classes.

    Example:

    >>> round(float(MeanIoU(3)([0, 1, 1, 2], [0, 1, 2, 2])), 4)
    0.6667
    """

    def __init__(
        self,
        num_classes: Size,
        name: NameLike | None = None,
        dtype: DTypeLike | None = None,
        ignore_class: Integer | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: Integer = -1,
    ):
        every = range(num_classes)
        super().__init__(num_classes, every, name, dtype, ignore_class, sparse_y_true, sparse_y_pred, axis)


@metric()
class OneHotIoU(IoU):
    """`IoU` with one-hot targets.

    Args:
        num_classes: number of classes.
        target_class_ids: classes that count.
        name: of its values in logs.
        dtype: of the counts, int32 unless given; give a float type if there are sample weights with fractions.
        ignore_class: targets of this number are left out.
        sparse_y_pred: whether predictions hold class numbers; else the largest along `axis` is the class.
        axis: the axis of the classes.

    Example:

    >>> float(OneHotIoU(2, [1])([[1, 0], [0, 1], [0, 1]], [[0.8, 0.2], [0.6, 0.4], [0.1, 0.9]]))
    0.5
    """

    def __init__(
        self,
        num_classes: Size,
        target_class_ids: Classes,
        name: NameLike | None = None,
        dtype: DTypeLike | None = None,
        ignore_class: Integer | None = None,
        sparse_y_pred: bool = False,
        axis: Integer = -1,
    ):
        super().__init__(num_classes, target_class_ids, name, dtype, ignore_class, False, sparse_y_pred, axis)


@metric()
class OneHotMeanIoU(MeanIoU):
    """`MeanIoU` with one-hot targets.

    Args:
        num_classes: number of classes.
        name: of its values in logs.
        dtype: of the counts, int32 unless given; give a float type if there are sample weights with fractions.
        ignore_class: targets of this number are left out.
        sparse_y_pred: whether predictions hold class numbers; else the largest along `axis` is the class.
        axis: the axis of the classes.

    Example:

    >>> float(OneHotMeanIoU(2)([[1, 0], [0, 1], [0, 1]], [[0.8, 0.2], [0.6, 0.4], [0.1, 0.9]]))
    0.5
    """

    def __init__(
        self,
        num_classes: Size,
        name: NameLike | None = None,
        dtype: DTypeLike | None = None,
        ignore_class: Integer | None = None,
        sparse_y_pred: bool = False,
        axis: Integer = -1,
    ):
        super().__init__(num_classes, name, dtype, ignore_class, False, sparse_y_pred, axis)
