"""Targets beside the outputs and their losses."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ...core.warning import warn
from .reporting import check_finite, check_whole, enabled, find, fits, label, outside, place, plural, refuse, shown
from .rows import check_rows
from .schema import BINARY, CATEGORICAL, HINGE, RANGES, SAME_SHAPE, SPARSE, OutputSchema


def check_targets(
    y: Sequence[np.ndarray | None], schemas: Sequence[OutputSchema], what: str = "y", *, finite: bool = True
) -> list[np.ndarray | None]:
    """Check that targets suit the outputs and their losses, and return them unchanged.

    Shapes must be equal, save for one last axis of size 1; a sparse loss takes the output's shape without its last
    axis. Labels must be whole numbers among the model's classes, binary labels lie in [0, 1], all others be finite.
    Targets of a user's own loss function are only counted: NaN may be how they mark missing entries.

    Args:
        finite: refuse NaN and infinities.

    Raises:
        ValueError: naming the argument, the row or shape, and the remedy.

    Warns when rows of categorical targets do not sum to 1.
    """
    names = [schema.name for schema in schemas]
    if len(y) != len(schemas):
        raise ValueError(
            f"{what} has {plural(len(y), 'array')}; the model has {plural(len(schemas), 'output')}"
            f" ({', '.join(names)})."
        )
    for i, (target, schema) in enumerate(zip(y, schemas, strict=True)):
        if target is None:
            continue
        name = label(what, names, i)
        check_rows({name: [target]})
        _check_target_shape(target, schema, name)
        if enabled() and schema.loss is not None:
            if finite:
                check_finite(target, name)
            _check_target_values(target, schema, name)
        if enabled() and schema.binary_metrics and schema.loss not in BINARY:
            _check_binary(target, name, f"metric {schema.binary_metrics[0]!r} counts every label but 0 as positive")
    return list(y)


def _check_target_shape(y: np.ndarray, schema: OutputSchema, what: str) -> None:
    output = (None, *schema.shape[1:])
    classes = output[:-1] if len(output) > 1 else output
    is_classes = fits(y.shape, classes) or fits(y.shape, (*classes, 1))
    if schema.loss in SPARSE:
        if is_classes:
            return
        if fits(y.shape, output):
            raise ValueError(
                f"{what} has shape {y.shape}, which looks one-hot, and {schema.loss} takes class numbers of shape "
                f"{shown(classes)}: use categorical_crossentropy, or pass {what}.argmax(axis=-1)."
            )
        raise ValueError(
            f"{what} has shape {y.shape}; {schema.loss} expects class numbers of shape {shown(classes)}"
            f"{_places_remedy(y, output)}."
        )
    if schema.loss not in SAME_SHAPE | CATEGORICAL or _is_same_shape(y.shape, output):
        return
    remedy = ""
    if is_classes and schema.loss in CATEGORICAL:
        remedy = ": it is class numbers; use sparse_categorical_crossentropy, or to_categorical to make it one-hot"
    elif is_classes and schema.loss in BINARY:
        remedy = ": for class numbers use sparse_categorical_crossentropy with softmax, for yes or no use 1 unit"
    elif is_classes:
        columns = "one column per output unit" if output[-1] is None else f"{output[-1]} columns"
        remedy = f": it would be repeated over the outputs; give it {columns}, or end the model with 1 unit"
    remedy = remedy or _places_remedy(y, output)
    raise ValueError(
        f"{what} has shape {y.shape}; {schema.loss} expects the shape of the output, {shown(output)}{remedy}."
    )


def _places_remedy(y: np.ndarray, output: tuple[int | None, ...]) -> str:
    """Where the outputs still have the axes of images or steps, and the targets are one per sample."""
    places = output[1:-1]
    if y.ndim > 2 or not places:
        return ""
    sizes = " x ".join("n" if size is None else str(size) for size in places)
    return (
        f": the model has an output for each of {sizes} places or steps of a sample. For one per sample put `Flatten()`"
        f" or a global pooling in front of the last Dense, or leave `return_sequences=True` out of the last recurrent"
        f" layer"
    )


def _is_same_shape(shape: tuple[int, ...], output: tuple[int | None, ...]) -> bool:
    """Equal shapes, where one side may lack a last axis of size 1."""
    if fits(shape, output):
        return True
    return (output[-1] == 1 and fits(shape, output[:-1])) or (shape[-1] == 1 and fits(shape[:-1], output))


def _check_target_values(y: np.ndarray, schema: OutputSchema, what: str) -> None:
    if schema.loss in SPARSE:
        _check_labels(y, schema, what)
    elif schema.loss in BINARY:
        _check_binary(y, what)
    elif schema.loss in CATEGORICAL:
        _check_distributions(y, what)
    elif schema.loss in RANGES:
        _check_range(y, schema.loss, what)
        if schema.binary_accuracy and schema.loss in HINGE and y.min() < 0:
            warn(
                f"{what} has labels -1, and {schema.binary_accuracy!r} compares labels with 0 and 1, so that it never"
                f" counts these as right: pass ({what} + 1) / 2, which {schema.loss} takes as well."
            )


def _check_range(y: np.ndarray, loss: str, what: str) -> None:
    low, high, remedy = RANGES[loss]
    found = outside(y, low, high)
    if found is None and low == -1 and (y == -1).any() and (y == 0).any():
        found = outside(y, -1, -1)
        remedy = "it has both -1 and 0, which mean the same: labels are -1 and 1, or 0 and 1"
    if found is not None:
        limits = f"{low:g} or more" if math.isinf(high) else f"in [{low:g}, {high:g}]"
        refuse(
            f"{what} has {float(y[found.index]):g} at {place(found.index)} ({plural(found.rows, 'bad row')}): the"
            f" targets of {loss} must be {limits}: {remedy}."
        )


def _check_labels(y: np.ndarray, schema: OutputSchema, what: str) -> None:
    remedy = "labels are class numbers; for real values use a regression loss such as mean_squared_error"
    check_whole(y, what, "label", remedy)
    units = schema.units
    if units is None:
        return
    found = outside(y, 0, units - 1, schema.ignore_class)
    if found is None:
        return
    labels = y if schema.ignore_class is None else y[y != schema.ignore_class]
    low, high = int(labels.min()), int(labels.max())
    if low >= 1 and high == units:
        hint = f"labels run from {low} to {high}: subtract 1 ({what} - 1)"
    elif low >= 0:
        hint = f"give the model {high + 1} output units, or renumber the labels"
    else:
        hint = "labels must not be negative; ignore_class in the loss leaves out one of them"
    refuse(
        f"{what} has label {int(y[found.index])} at {place(found.index)}; the model has "
        f"{plural(units, 'output')} (0..{units - 1}; {plural(found.rows, 'bad row')}): {hint}."
    )


# Noise on the labels of a discriminator leads a little out of [0, 1].
_NOISY = (-0.4, 1.4)


def _check_binary(y: np.ndarray, what: str, why: str = "") -> None:
    found = outside(y, 0, 1)
    if found is None or outside(y, *_NOISY) is None:
        return
    low, high = float(y.min()), float(y.max())
    hint = "scale or threshold them"
    if (low, high) == (-1, 1):
        hint = f"for -1/+1 pass ({what} + 1) / 2"
    elif (low, high) == (1, 2):
        hint = f"for 1/2 pass {what} - 1"
    elif low >= 0 and high == int(high) <= 1000:
        hint = f"for {int(high) + 1} classes use sparse_categorical_crossentropy and as many softmax units"
    refuse(
        f"{what} has label {float(y[found.index]):g} at {place(found.index)} ({plural(found.rows, 'bad row')}): "
        f"binary labels must be 0/1 (or in [0, 1]){f', as {why}' if why else ''}; {hint}."
    )


def _check_distributions(y: np.ndarray, what: str) -> None:
    if y.ndim < 2:
        return
    # Summed in float64 whatever comes: uint8 would wrap, float16 would round.
    found = find(y, lambda part: np.abs(part.sum(axis=-1, dtype=np.float64) - 1) > 1e-2)
    if found is None:
        return
    total = float(y[found.index].sum(dtype=np.float64))
    warn(
        f"{what} does not sum to 1 in {plural(found.rows, 'row')} (first: {total:g} at {place(found.index)}), "
        "as categorical crossentropy expects: make the targets one-hot or probabilities; "
        "for several labels per sample use binary_crossentropy with sigmoid."
    )
