"""Reading data for `adapt`: whole arrays, or batches from anything that can be iterated."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

import numpy as np

from ...core.types import Data


def batches(data: Data, steps: int | None, who: str) -> Iterator[np.ndarray]:
    """The numbers to adapt to, as float64 arrays; of pairs (x, y) the first part.

    Args:
        data: an array, nested list of numbers or table, or an iterable of batches (a list of arrays, a generator, a
            loader, a dataset).
        steps: read no more than this many batches.

    Raises:
        ValueError: for values that are not finite, and for no values at all.
        TypeError: for data that hold no numbers.
    """
    found = 0
    for number, batch in enumerate(islice(_pieces(data), steps)):
        values = numbers(batch, who)
        if not np.isfinite(values).all():
            row = np.argwhere(~np.isfinite(values))[0]
            raise ValueError(
                f"{who}: the data to adapt to hold NaN or infinity, first in batch {number} at index"
                f" {tuple(row.tolist())}. Remove or fill those values, e.g. with `numpy.nan_to_num`."
            )
        found += values.size
        if values.size:
            yield values
    if not found:
        raise ValueError(f"{who}: there are no values to adapt to. Received: {type(data).__name__} without data.")


def numbers(batch: object, who: str) -> np.ndarray:
    values = np.asarray(batch)
    if values.dtype.kind not in "biuf" and values.dtype.name != "bfloat16":
        raise TypeError(f"{who}: expected numbers to adapt to. Received: dtype {values.dtype}.")
    return values.astype(np.float64)


def _pieces(data: object) -> Iterable[Any]:
    whole = not _of_batches(data) if isinstance(data, list) else isinstance(data, (int, float))
    if whole or hasattr(data, "__array__"):
        return iter([data])
    if not isinstance(data, Iterable):
        raise TypeError(f"expected an array or an iterable of batches to adapt to. Received: {type(data).__name__}.")
    return (batch[0] if isinstance(batch, tuple) else batch for batch in data)


def _of_batches(data: list[Any]) -> bool:
    """Whether a list holds batches, or pairs `(x, y)` of them; rows and numbers are one array."""
    first: Any = data[0] if data else None
    if isinstance(first, tuple):
        return bool(first) and hasattr(first[0], "__array__")
    return hasattr(first, "__array__") and np.ndim(first) > 1
