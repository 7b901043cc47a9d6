"""Intersection over union (Jaccard 1901) of predicted and true classes, as segmentation uses it."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from ..core import dtypes
from ..core.types import ArrayLike
from ..losses import align
from .base import Metric
from .catalogue import metric


class _ConfusionMatrix(Metric):
    """Base: counts how often class i (row) was predicted as class j (column)."""

    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ):
        super().__init__(dtype or "int32", name)
        self.num_classes, self.ignore_class, self.axis = num_classes, ignore_class, axis
        self.sparse_y_true, self.sparse_y_pred = sparse_y_true, sparse_y_pred
        self.total_cm = self.add_variable((num_classes, num_classes), dtype=self.dtype, name="total_confusion_matrix")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        y_true, y_pred = dtypes.as_array(y_true), dtypes.as_array(y_pred)
        y_true = y_true if self.sparse_y_true else jnp.argmax(y_true, axis=self.axis)
        y_pred = y_pred if self.sparse_y_pred else jnp.argmax(y_pred, axis=self.axis)
        y_true, y_pred = align.ranks(y_true.astype("int32"), y_pred.astype("int32"))
        if y_true.shape != y_pred.shape:
            raise ValueError(f"{type(self).__name__}: y_true has shape {y_true.shape}, y_pred {y_pred.shape}.")
        weight: Any = jnp.ones((), self.dtype)
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
            warnings.warn(
                f"{type(self).__name__}: weights of a float type are counted in {self.dtype}: the casting takes their"
                f' fractions away. Give the metric `dtype="float32"` to keep them.',
                stacklevel=3,
            )

    def _ious(self) -> tuple[jax.Array, jax.Array]:
        """The IoU of each class, and whether the class occurred."""
        matrix = self.total_cm.value.astype(jnp.float32)
        hits = jnp.diagonal(matrix)
        union = jnp.sum(matrix, axis=0) + jnp.sum(matrix, axis=1) - hits
        return hits / (union + dtypes.epsilon()), union > 0

    def _settings(self) -> dict[str, Any]:
        names = ("num_classes", "ignore_class", "sparse_y_true", "sparse_y_pred", "axis")
        return {name: getattr(self, name) for name in names}


@metric()
class IoU(_ConfusionMatrix):
    """Mean over `target_class_ids` of `TP / (TP + FP + FN)`; classes that never occurred are left out.

    Args:
        num_classes: number of classes.
        target_class_ids: classes that count.
        dtype: of the counts, int32 unless given; give a float type if there are sample weights with fractions.
        ignore_class: targets of this number are left out.
        sparse_y_true, sparse_y_pred: whether these hold class numbers; else the largest along `axis` is the class.
    """

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Sequence[int],
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ):
        super().__init__(num_classes, name, dtype, ignore_class, sparse_y_true, sparse_y_pred, axis)
        for number in target_class_ids:
            if not 0 <= number < num_classes:
                raise ValueError(f"Target class id {number} is out of range, which is [0, {num_classes}).")
        self.target_class_ids = list(target_class_ids)

    def result(self) -> jax.Array:
        chosen = jnp.asarray(self.target_class_ids, "int32")
        values, occurred = (a[chosen] for a in self._ious())
        return align.divide(jnp.sum(jnp.where(occurred, values, 0)), jnp.sum(occurred))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **self._settings(), "target_class_ids": self.target_class_ids}


@metric()
class BinaryIoU(IoU):
    """IoU of the classes 0 and 1, predictions being 1 from `threshold` on (None: predictions are class numbers)."""

    binary_labels = True

    def __init__(
        self,
        target_class_ids: Sequence[int] = (0, 1),
        threshold: float | None = 0.5,
        name: str | None = None,
        dtype: Any = None,
    ):
        super().__init__(2, target_class_ids, name, dtype)
        self.threshold = threshold

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        y_pred = dtypes.as_array(y_pred)
        if self.threshold is not None:
            y_pred = y_pred >= self.threshold
        super().update_state(y_true, y_pred, sample_weight)

    def get_config(self) -> dict[str, Any]:
        return {
            **Metric.get_config(self),
            "target_class_ids": self.target_class_ids,
            "threshold": self.threshold,
        }


@metric()
class MeanIoU(IoU):
    """Mean over all classes of `TP / (TP + FP + FN)`; classes that never occurred are left out. See `IoU`."""

    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ):
        every = range(num_classes)
        super().__init__(num_classes, every, name, dtype, ignore_class, sparse_y_true, sparse_y_pred, axis)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["target_class_ids"]
        return config


@metric()
class OneHotIoU(IoU):
    """`IoU` with one-hot targets."""

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Sequence[int],
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_pred: bool = False,
        axis: int = -1,
    ):
        super().__init__(num_classes, target_class_ids, name, dtype, ignore_class, False, sparse_y_pred, axis)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["sparse_y_true"]
        return config


@metric()
class OneHotMeanIoU(MeanIoU):
    """`MeanIoU` with one-hot targets."""

    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_pred: bool = False,
        axis: int = -1,
    ):
        super().__init__(num_classes, name, dtype, ignore_class, False, sparse_y_pred, axis)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["sparse_y_true"]
        return config
