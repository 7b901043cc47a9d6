"""Weights of classes as weights of samples."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np


def by_class(class_weight: Any) -> dict[int, float] | None:
    """A dict from class number to weight: of a dict whose keys are floats, bools or of NumPy, or of a pandas Series."""
    if not hasattr(class_weight, "items"):
        return class_weight
    plain = {_number(label): _number(weight) for label, weight in class_weight.items()}
    whole = {int(k) if isinstance(k, (bool, float)) and k == int(k) else k: w for k, w in plain.items()}
    return whole or None


def _number(value: Any) -> Any:
    """A number of NumPy or JAX as one of Python."""
    return value.item() if hasattr(value, "item") and getattr(value, "size", 1) == 1 else value


def weights_of_classes(class_weight: Mapping[int, float], y: np.ndarray, numbers: bool = False) -> np.ndarray:
    """A weight per sample, or per step, from a weight per class.

    Args:
        numbers: the targets are class numbers, whatever their last axis; else one of several entries is one-hot.
    """
    labels = _labels(y, numbers)
    table = np.ones(max([*class_weight, int(labels.max())]) + 1, np.float32)
    for label, weight in class_weight.items():
        table[label] = weight
    return table[labels]


def _labels(y: np.ndarray, numbers: bool) -> np.ndarray:
    if y.ndim > 1 and y.shape[-1] > 1 and not numbers:
        return y.argmax(-1)
    return np.round(y[..., 0] if y.ndim > 1 and y.shape[-1] == 1 else y).astype(int)


def balanced(y: np.ndarray, numbers: bool = False, ignored: int | None = None) -> dict[int, float]:
    """Weights under which each class of `y` counts the same: samples / (classes * samples of the class).

    Args:
        numbers: as for `weights_of_classes`.
        ignored: a class that has no part in the loss.
    """
    classes, counts = np.unique(_labels(y, numbers), return_counts=True)
    classes, counts = classes[classes != ignored], counts[classes != ignored]
    return {
        int(label): float(counts.sum() / (len(classes) * count)) for label, count in zip(classes, counts, strict=True)
    }


def is_balanced(class_weight: object) -> bool:
    return isinstance(class_weight, str) and class_weight == "balanced"


def refuse_balanced(class_weight: Mapping[Any, Any] | str | None, of_what: str) -> None:
    """Refuse "balanced" where not all rows are known at once."""
    if is_balanced(class_weight):
        raise ValueError(
            f'class_weight="balanced" counts the classes of all rows, which {of_what} does not have at once. Count them'
            f" first: class_weight={{label: rows / (classes * count), ...}}."
        )
