"""Rows: as many in all arguments, in one order, and of all classes on both sides of a split."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from ...core.warning import warn
from .reporting import chunks, enabled, listed, plural
from .schema import BINARY, CATEGORICAL, SPARSE, OutputSchema


def check_rows(groups: Mapping[str, Sequence[Any]]) -> int:
    """Require one number of rows in all arguments, at least one, and return it.

    `groups` maps an argument's name to its arrays: `{"x": [x], "y": [y]}`. None among the arrays is passed over.
    """
    sizes = {}
    for what, arrays in groups.items():
        for i, array in enumerate(arrays):
            if array is None:
                continue
            name = what if len(arrays) == 1 else f"{what}[{i}]"
            if array.ndim == 0:
                raise ValueError(f"{name} is a single number; expected an array with one row per sample.")
            sizes[name] = len(array)
    for name, size in sizes.items():
        if size == 0:
            raise ValueError(f"{name} has 0 samples.")
    if len(set(sizes.values())) > 1:
        listed = ", ".join(f"{name} has {plural(size, 'row')}" for name, size in sizes.items())
        raise ValueError(f"All arguments need the same number of rows, one per sample; but {listed}.")
    return next(iter(sizes.values()), 0)


def check_split(y: Sequence[np.ndarray | None], schemas: Sequence[OutputSchema], validation_split: float) -> None:
    """Warn when the rows that `validation_split` takes, the last ones, hold classes absent from all others."""
    if not validation_split or not enabled():
        return
    for target, schema in zip(y, schemas, strict=False):
        if target is None or schema.loss not in SPARSE | CATEGORICAL | BINARY:
            continue
        if schema.loss in BINARY and schema.units != 1:
            continue  # independent yes or no per unit, not classes
        kept = math.floor(len(target) * (1.0 - validation_split))
        unseen = sorted(classes_in(target[kept:], schema) - classes_in(target[:kept], schema) - {schema.ignore_class})
        if unseen:
            warn(
                f"validation_split={validation_split} takes the last {plural(len(target) - kept, 'row')} of the data, "
                f"where class {listed(unseen)} occurs and which training would never see: "
                "the data look sorted; shuffle them first."
            )


def check_index_order(groups: Mapping[str, Any]) -> None:
    """Warn when pandas arguments carry equal labels in another order, since rows are paired by position.

    `groups` maps names to arguments as the user gave them: `{"x": frame, "y": series}`; others are passed over.
    """
    indexed = [(what, data.index) for what, data in groups.items() if hasattr(getattr(data, "index", None), "equals")]
    for (first, ours), (what, theirs) in pairwise(indexed):
        if len(ours) == len(theirs) and not ours.equals(theirs) and set(ours) == set(theirs):
            warn(
                f"{first} and {what} hold the same index labels in another order, but rows are paired by position: "
                f"pass {what}.loc[{first}.index] if the labels should decide."
            )


def classes_in(y: np.ndarray, schema: OutputSchema) -> set[int]:
    """The class numbers in labels, or in one-hot rows unless the loss is a sparse one."""
    is_one_hot = schema.loss not in SPARSE and y.ndim > 1 and y.shape[-1] > 1
    found: set[int] = set()
    for _, part in chunks(y):
        labels = part.argmax(axis=-1) if is_one_hot else np.round(part.astype(np.float64))
        found.update(int(label) for label in np.unique(labels[np.isfinite(labels)]))
    return found
