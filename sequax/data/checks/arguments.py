"""The numbers that `fit` and its kin take: sizes, steps and epochs."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...core.warning import warn
from .reporting import plural


def check_arguments(
    *,
    batch_size: int | None = None,
    epochs: int | None = None,
    initial_epoch: int | None = 0,
    validation_split: float | None = 0.0,
    steps: int | None = None,
    steps_per_epoch: int | None = None,
    rows: int | None = None,
    validation_batch_size: int | None = None,
    validation_steps: int | None = None,
    validation_rows: int | None = None,
) -> None:
    """Check the numbers given to `fit` and its kin; None means not given.

    `rows` is how many samples came as arrays, before `validation_split` takes its part; None for streams.

    Raises:
        ValueError: for sizes that are not positive whole numbers, and splits that leave a part empty.

    Warns when no epoch would be trained, and of more steps than the arrays have batches.
    """
    sizes = {"batch_size": batch_size, "validation_batch_size": validation_batch_size, "steps": steps}
    sizes |= {"steps_per_epoch": steps_per_epoch, "validation_steps": validation_steps}
    for name, value in sizes.items():
        _check_count(name, value, 1)
    _check_count("epochs", epochs, 0)
    _check_count("initial_epoch", initial_epoch, 0)
    if epochs is not None and (initial_epoch or 0) >= epochs:
        first = f"initial_epoch={initial_epoch} is not below " if initial_epoch else ""
        warn(f"Nothing to train: {first}epochs={epochs}.")
    if validation_split:
        held_out = _split_rows(validation_split, rows)
        rows, validation_rows = (None, None) if rows is None else (rows - held_out, held_out)
    _check_steps("steps", steps, rows, batch_size)
    _check_steps("steps_per_epoch", steps_per_epoch, rows, batch_size)
    _check_steps("validation_steps", validation_steps, validation_rows, validation_batch_size or batch_size)


def check_validation_freq(frequency: Any) -> None:
    """Check the epochs after which `fit` validates: every n-th one, or those in a list, which count from 1.

    Raises:
        ValueError: for anything but a whole number of at least 1, or a list of such.
    """
    listed = isinstance(frequency, list | tuple | set | frozenset | range)
    for value in frequency if listed else [frequency]:
        if not isinstance(value, int | np.integer) or value < 1:
            raise ValueError(
                f"validation_freq must be a whole number of at least 1 (2: after every second epoch), or a list of the"
                f" epochs to validate after, counted from 1. Received: {frequency!r:.40}."
            )


def _check_count(name: str, value: Any, low: int) -> None:
    if value is None:
        return
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | np.integer) or value < low:
        if getattr(value, "shape", ()):
            raise ValueError(
                f"{name} must be a whole number of at least {low}, got an array of shape {tuple(value.shape)}. Pass"
                f" data by name: fit(x, y, validation_data=..., sample_weight=...); predict takes x alone."
            )
        raise ValueError(f"{name} must be a whole number of at least {low}, got {value!r:.40}.")


def _split_rows(split: Any, rows: int | None) -> int:
    """How many rows the split holds out; 0 when the number of rows is unknown."""
    number = isinstance(split, int | float | np.number) and not isinstance(split, bool)
    if not number or not 0 <= split < 1:
        raise ValueError(f"validation_split must be a fraction from 0 up to, not including, 1, got {split!r:.40}.")
    if rows is None:
        return 0
    kept = math.floor(rows * (1.0 - split))
    if kept in (0, rows):
        raise ValueError(
            f"validation_split={split} leaves {kept} of {plural(rows, 'row')} for training and {rows - kept} for "
            "validation: both need at least one. Give more data or another fraction."
        )
    return rows - kept


def _check_steps(name: str, steps: int | None, rows: int | None, batch_size: int | None) -> None:
    if steps is None or rows is None:
        return
    size = batch_size or -(-rows // steps)  # where nothing is said, so many steps take all rows
    batches = -(-rows // size)
    if steps > batches:
        warn(
            f"{name}={steps} is more than the data hold: {plural(rows, 'row')} make {plural(batches, 'batch')} "
            f"of {size}, which is all that is used."
        )
