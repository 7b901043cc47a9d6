"""What was written is run and compared with the model before anybody sees it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np

from .errors import ExportError
from .signature import Entry
from .trace import Traceable

TOLERANCE = 1e-4
# Rows, and the sizes of other axes that are not known: long enough for the pooling of deep networks.
_SIZES = ((2, 32), (3, 40))

Run = Callable[[list[np.ndarray]], Sequence[Any]]


def compare(traced: Traceable, run: Run, what: str, batch_size: int | None = None) -> float:
    """Run an artifact on two and on three rows, and the function itself; returns the largest difference.

    Args:
        run: the artifact, from arrays in the order of `traced.inputs` to outputs in their order.
        what: names the artifact in messages.
        batch_size: that it was written for; None: any.

    Raises:
        ExportError: if it fails, or gives something else.
    """
    function, weights = jax.jit(traced), traced.weights()
    largest = 0.0
    for rows, size in _SIZES:
        known = rows if batch_size is None else batch_size
        arrays, expected = _asked(traced, lambda arrays: function(weights, *arrays), known, size)
        try:
            found = [np.asarray(one) for one in run(arrays)]
        except Exception as error:
            raise ExportError(f"{what} was written, but does not run: {error}") from error
        largest = max(largest, _difference(traced, expected, found, what))
    return largest


def _asked(
    traced: Traceable, function: Callable[[list[np.ndarray]], Sequence[Any]], rows: int, size: int
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Inputs and what the function gives for them: values that mean something to it, if any of those tried do.

    Ids often come as floats, `Input((12,))` before an Embedding. Negative ones stand for nothing in a table, and NaN in
    place of a row is JAX' answer to that, not an artifact's.
    """
    found = []
    for whole in (False, True):
        arrays = [draw(entry, rows, size, whole) for entry in traced.inputs]
        expected = [np.asarray(one) for one in function(arrays)]
        found.append((arrays, expected))
        if not any(np.isnan(one).any() for one in expected if one.dtype.kind in "fc"):
            return found[-1]
    return found[0]


def _difference(traced: Traceable, expected: list[np.ndarray], found: list[np.ndarray], what: str) -> float:
    if len(found) != len(expected):
        raise ExportError(f"{what} gives {len(found)} outputs; the model gives {len(expected)}.")
    largest = 0.0
    for name, ours, theirs in zip(traced.output_names, expected, found, strict=True):
        if ours.shape != theirs.shape:
            raise ExportError(f"{what}: output '{name}' has the shape {theirs.shape}; the model gives {ours.shape}.")
        wide, other = ours.astype(np.float64), theirs.astype(np.float64)
        scale = max(1.0, float(np.abs(wide[np.isfinite(wide)]).max(initial=0)))
        if not np.allclose(other, wide, rtol=0, atol=TOLERANCE * scale, equal_nan=True):
            with np.errstate(invalid="ignore"):
                off = float(np.nanmax(np.abs(wide - other)))
            raise ExportError(
                f"{what} computes something else than the model: output '{name}' differs by {off:.3g}, where values are"
                f" up to {scale:.3g}. Nothing was kept. Please report it with the model's `summary()`."
            )
        with np.errstate(invalid="ignore"):
            largest = max(largest, float(np.nan_to_num(np.abs(wide - other)).max(initial=0)) / scale)
    return largest


def draw(entry: Entry, rows: int, size: int, whole: bool = False) -> np.ndarray:
    """Random values for an input: whole numbers 0 and 1, which stand for something in any table.

    Args:
        whole: of inputs of floats, too.
    """
    rng = np.random.default_rng(rows)
    shape = [(rows if axis == 0 else size) if one is None else one for axis, one in enumerate(entry.shape)]
    dtype = np.dtype(entry.dtype)
    if dtype.kind == "f" and not whole:
        return rng.normal(size=shape).astype(dtype)
    return rng.integers(0, 2, shape).astype(dtype)
