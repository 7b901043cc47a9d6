"""The switch of value checks, the search for bad entries, and words for what was found."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np

from ..._holding import Holding
from ...core import settings

SWITCH = "If the data are meant to be so, sequax.config.set_data_checks(False) turns value checks off."
CHUNK = 1 << 20  # entries looked at together while searching, so that masks stay at a few megabytes

enabled: Callable[[], bool] = settings.data_checks
set_enabled: Callable[[bool], None] = settings.set_data_checks


@dataclass(frozen=True)
class Found:
    """The first bad entry, and how many entries and rows are bad."""

    index: tuple[int, ...]
    entries: int
    rows: int


def find(array: np.ndarray, is_bad: Callable[[np.ndarray], np.ndarray]) -> Found | None:
    """Search row chunks for entries where `is_bad` holds; None if there are none."""
    first, entries, rows = None, 0, 0
    for start, part in chunks(array):
        bad = is_bad(part)
        if not bad.any():
            continue
        if first is None:
            offset, *rest = np.unravel_index(int(bad.argmax()), bad.shape)
            first = (start + int(offset), *map(int, rest))
        entries += int(np.count_nonzero(bad))
        rows += int(np.count_nonzero(bad.reshape(len(bad), -1).any(axis=1)))
    return None if first is None else Found(first, entries, rows)


def chunks(array: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Parts of about `CHUNK` entries, and the number of the first row of each."""
    if not array.size:
        return
    step = max(1, CHUNK * len(array) // array.size)
    for start in range(0, len(array), step):
        yield start, array[start : start + step]


_row_numbers: ContextVar[np.ndarray | None] = ContextVar("sequax_row_numbers", default=None)


def numbered_rows(numbers: np.ndarray) -> Holding[np.ndarray]:
    """Inside, messages give rows these numbers: those of the whole data, when a part of them is checked."""
    return Holding(_row_numbers, numbers)


def place(index: tuple[int, ...]) -> str:
    """Words for an entry: "row 3", "row 3, column 1" or "row 3, position (1, 2)"."""
    row, *rest = index
    numbers = _row_numbers.get()
    row = row if numbers is None else int(numbers[row])
    if not rest:
        return f"row {row}"
    return f"row {row}, column {rest[0]}" if len(rest) == 1 else f"row {row}, position {tuple(rest)}"


def plural(number: int, word: str) -> str:
    """Words for a count: "1 row", "2 rows"."""
    ending = "" if number == 1 else "es" if word.endswith("ch") else "s"
    return f"{number} {word}{ending}"


def refuse(message: str) -> NoReturn:
    """Refuse a value, and tell the switch that would let it pass."""
    raise ValueError(f"{message} {SWITCH}")


def label(what: str, names: Sequence[str], i: int) -> str:
    """The name of an argument, or of one of its arrays."""
    return what if len(names) == 1 else f"{what}[{i}] ({names[i]!r})"


def shown(shape: Sequence[int | None]) -> str:
    """Words for a shape: `(n, 3)`."""
    return f"({', '.join('n' if size is None else str(size) for size in shape)}{',' if len(shape) == 1 else ''})"


def is_float(array: np.ndarray) -> bool:
    """Whether entries may be NaN; the extended float types are of kind V."""
    return array.dtype.kind == "f" or (array.dtype.kind == "V" and array.dtype.names is None)


def has_finite_sum(array: np.ndarray) -> bool:
    """Whether the sum is finite, and so are all numbers then; finite numbers may have a sum that is not."""
    with np.errstate(over="ignore", invalid="ignore"):
        return bool(np.isfinite(np.add.reduce(array, axis=None)))


def check_finite(array: np.ndarray, what: str) -> None:
    """Refuse NaN and infinity."""
    if not is_float(array) or not array.size or has_finite_sum(array):
        return
    found = find(array, lambda part: ~np.isfinite(part))
    if found is None:  # finite numbers whose sum overflowed
        return
    value = float(array[found.index])
    kind = "NaN" if math.isnan(value) else "infinity"
    if found.entries == 1:
        refuse(f"{what} has 1 {kind} ({place(found.index)}): clean the data before training.")
    refuse(
        f"{what} has {found.entries} entries that are NaN or infinite, in {plural(found.rows, 'row')} "
        f"(first: {kind} at {place(found.index)}): clean the data before training."
    )


def check_whole(array: np.ndarray, what: str, noun: str, remedy: str) -> None:
    """Refuse fractions among what has to be whole numbers."""
    if not is_float(array):
        return
    found = find(array, lambda part: part != np.floor(part))
    if found is not None:
        refuse(
            f"{what} has {noun} {float(array[found.index]):g} at {place(found.index)}, which is not a whole number "
            f"({plural(found.rows, 'bad row')}): {remedy}."
        )


def outside(array: np.ndarray, low: float, high: float, ignored: int | None = None) -> Found | None:
    """The first entry that is not within limits, which are allowed themselves."""
    if not array.size or (array.min() >= low and array.max() <= high):
        return None

    def is_bad(part: np.ndarray) -> np.ndarray:
        bad = (part < low) | (part > high)
        return bad if ignored is None else bad & (part != ignored)

    return find(array, is_bad)


def listed(values: Sequence[Any]) -> str:
    """Words for a few of many values."""
    return ", ".join(map(str, values[:5])) + (", ..." if len(values) > 5 else "")


def fits(shape: Sequence[int], expected: Sequence[int | None]) -> bool:
    """Whether a shape is one that is expected, with None for any size."""
    return len(shape) == len(expected) and all(
        want is None or have == want for have, want in zip(shape, expected, strict=True)
    )
