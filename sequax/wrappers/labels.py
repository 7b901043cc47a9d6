"""Labels as the loss of a model takes them, and its outputs as probabilities."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from .. import activations
from ..model import Model

_OF_ONE_NUMBER = frozenset({"binary_crossentropy", "bce", "binary_focal_crossentropy", "hinge", "squared_hinge"})


def encoded(model: Model, numbers: np.ndarray, classes: int) -> np.ndarray:
    """Targets for the loss of a model: class numbers, a column of 0 and 1, or one-hot rows.

    Args:
        numbers: of the classes, from 0 on.
        classes: how many there are.
    """
    if loss_name(model).startswith("sparse"):
        return numbers.astype(np.int32)
    units = _units(model)
    if units == 1 or (units is None and classes == 2 and loss_name(model) in _OF_ONE_NUMBER):
        if classes > 2:
            raise ValueError(
                f"y has {classes} classes, but model {model.name!r} has one output, which tells two apart. Make its"
                f" last layer Dense({classes}, activation='softmax')."
            )
        return numbers.astype(np.float32)[:, None]
    return np.eye(classes, dtype=np.float32)[numbers]


def probabilities(model: Model, outputs: np.ndarray, classes: int) -> np.ndarray:
    """A column per class; rows sum to 1."""
    outputs = outputs.reshape(len(outputs), -1).astype(np.float64)
    if outputs.shape[1] == 1:
        second = 1 / (1 + np.exp(-outputs)) if _are_logits(model) else np.clip(outputs, 0, 1)
        return np.hstack([1 - second, second])
    outputs = outputs[:, :classes]
    if _are_logits(model) or _ends_linear(model):
        outputs = np.exp(outputs - outputs.max(axis=1, keepdims=True))
    outputs = np.maximum(outputs, 0)
    total = outputs.sum(axis=1, keepdims=True)
    return np.divide(outputs, total, out=np.full_like(outputs, 1 / outputs.shape[1]), where=total > 0)


def chances(model: Model, outputs: np.ndarray) -> np.ndarray:
    """The probability of each label by itself, of models that tell several labels per row."""
    outputs = outputs.reshape(len(outputs), -1).astype(np.float64)
    return 1 / (1 + np.exp(-outputs)) if _are_logits(model) else np.clip(outputs, 0, 1)


def check_several(model: Model, y: Any, count: int, expected: bool) -> None:
    """Refuse what a model cannot learn of rows with several labels.

    Args:
        y: targets.
        count: how many labels there are.
        expected: whether the model was made for several labels per row.

    Raises:
        ValueError: for a loss that knows one label per row, or another number of labels or outputs.
    """
    if np.ndim(y) != 2 or np.shape(y)[1] != count or not expected:
        raise ValueError(
            f"y has shape {np.shape(y)}; the first one had {'a column for each' if expected else 'one'}"
            f" of {count} labels."
        )
    if "categorical" in loss_name(model):
        raise ValueError(
            f"y has several labels per row, and the loss of model {model.name!r}, {loss_name(model)!r}, knows one. End"
            f" it with Dense({count}, activation='sigmoid') and compile it with 'binary_crossentropy'."
        )
    if _units(model) not in (None, count):
        raise ValueError(f"y has {count} labels, and model {model.name!r} {_units(model)} outputs.")


def class_weights(weights: Any, classes: np.ndarray, numbers: np.ndarray) -> dict[int, float]:
    """A weight per class number, in their order.

    Args:
        weights: "balanced", or a dict from label (or from class number, if the labels are others) to weight.
        classes: the labels.
        numbers: the place of each row's label among them.

    Raises:
        ValueError: for anything else.
    """
    if isinstance(weights, str) and weights == "balanced":
        counts = np.bincount(numbers, minlength=len(classes))
        even = len(numbers) / (np.count_nonzero(counts) * np.maximum(counts, 1))
        return dict(enumerate(even.tolist()))
    if not isinstance(weights, Mapping):
        raise ValueError(f'class_weight must be a dict from label to weight, or "balanced". Received: {weights!r:.80}')
    by_label = dict(zip(classes.tolist(), range(len(classes)), strict=True))
    places = by_label if set(weights) <= set(by_label) else {place: place for place in range(len(classes))}
    unknown = set(weights) - set(places)
    if unknown:
        raise ValueError(f"class_weight has {sorted(map(str, unknown))}, which are no labels in y: {list(by_label)}.")
    return dict.fromkeys(range(len(classes)), 1.0) | {places[label]: weight for label, weight in weights.items()}


def loss_name(model: Model) -> str:
    """The name of the loss a model was compiled with."""
    loss = model.loss
    return loss if isinstance(loss, str) else str(getattr(loss, "name", None) or getattr(loss, "__name__", ""))


def _units(model: Model) -> int | None:
    if model.built and model.symbolic_outputs is not None:
        return model.outputs[0].shape[-1]
    last = model.layers[-1] if model.layers else None
    return getattr(last, "units", None)


def _are_logits(model: Model) -> bool:
    return bool(getattr(model.loss, "from_logits", False))


def _ends_linear(model: Model) -> bool:
    last = model.layers[-1] if model.layers else None
    return getattr(last, "activation", None) is activations.linear
