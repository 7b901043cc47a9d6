"""Weights of samples and of classes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from .reporting import check_finite, enabled, fits, listed, refuse, shown
from .rows import check_rows, classes_in
from .schema import BINARY, CATEGORICAL, SPARSE, OutputSchema


def check_weights(
    sample_weight: Sequence[np.ndarray | None] | None,
    class_weight: Mapping[int, float] | None,
    y: Sequence[np.ndarray | None],
    schemas: Sequence[OutputSchema],
    what: str = "sample_weight",
) -> list[str]:
    """Check that sample weights are finite and of a shape that suits, and class weights of classes that there are.

    Returns:
        What is right for some and a slip of others, as sentences to warn with.

    Raises:
        ValueError: naming the row or the class, and the remedy.
    """
    if sample_weight is not None and class_weight is not None:
        raise ValueError(f"{what} and class_weight cannot be used together: multiply them into one {what}.")
    sample_weight = sample_weight or ()
    negative = False
    for i, weight in enumerate(sample_weight):
        if weight is not None:
            name = what if len(sample_weight) == 1 else f"{what}[{i}]"
            _check_sample_weight(weight, schemas[min(i, len(schemas) - 1)] if schemas else None, name)
            negative |= enabled() and weight.size > 0 and bool(weight.min() < 0)
    told = []
    if negative:
        told.append(
            f"{what} has negative weights: training raises the loss of their rows, as policy gradients want it. Use"
            f" weights of 0 or more for anything else."
        )
    if class_weight is not None:
        missing = _check_class_weight(class_weight, y, schemas)
        if missing:
            told.append(
                f"class_weight has no weight for {'class' if len(missing) == 1 else 'classes'} {listed(missing)}, found"
                f" in y: it counts as 1. Add {missing[0]}: 1.0 to say so."
            )
    return told


def _check_sample_weight(weight: np.ndarray, schema: OutputSchema | None, what: str) -> None:
    check_rows({what: [weight]})
    if schema is not None and weight.ndim > 1:
        steps = schema.shape[1:-1]
        sizes = weight.shape[1:-1] if weight.shape[-1] == 1 else weight.shape[1:]
        if not (fits(sizes, steps[: len(sizes)]) or fits(weight.shape[1:], steps)):
            allowed = "(n,)" if not steps else f"(n,) or {shown((None, *steps))}"
            raise ValueError(
                f"{what} has shape {weight.shape}; output {schema.name!r} takes weights of shape {allowed}."
            )
    if enabled():
        check_finite(weight, what)


def _check_class_weight(
    weights: Mapping[int, float], y: Sequence[np.ndarray | None], schemas: Sequence[OutputSchema]
) -> list[int]:
    """Classes in `y` that have no weight."""
    if not isinstance(weights, Mapping):
        given = repr(weights) if isinstance(weights, str) else type(weights).__name__
        raise ValueError(f'class_weight must be a dict from class number to weight, or "balanced", got {given}.')
    if len(schemas) != 1:
        raise ValueError(f"class_weight works with one output; the model has {len(schemas)}. Use sample_weight.")
    for label, weight in weights.items():
        if not isinstance(label, int | float | np.number) or label != int(label):
            raise ValueError(
                f"class_weight has the key {label!r:.40}; keys are class numbers, as in {{0: 1.0, 1: 5.0}}."
            )
        if not isinstance(weight, int | float | np.number):
            raise ValueError(f"class_weight gives class {label} a {type(weight).__name__}; weights are numbers.")
        if enabled() and not (math.isfinite(weight) and weight >= 0):
            refuse(f"class_weight gives class {label} the weight {weight}: weights must be finite and 0 or more.")
    if not enabled():
        return []
    _check_known_classes(weights, schemas[0])
    if not y or y[0] is None:
        return []
    present = classes_in(y[0], schemas[0]) - {schemas[0].ignore_class}
    return sorted(present - {int(label) for label in weights})


def _check_known_classes(weights: Mapping[int, float], schema: OutputSchema) -> None:
    if schema.loss not in SPARSE | CATEGORICAL | BINARY or schema.units is None:
        return
    number = 2 if schema.units == 1 else schema.units
    unknown = sorted(int(label) for label in weights if not 0 <= label < number)
    if unknown:
        refuse(f"class_weight has a weight for {listed(unknown)}, but the model's classes are 0..{number - 1}.")
