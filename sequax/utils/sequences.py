"""Lists of unequal length as one array."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

import numpy as np
from numpy.typing import DTypeLike


def pad_sequences(
    sequences: Collection[Iterable[Any]],
    maxlen: int | None = None,
    dtype: DTypeLike = "int32",
    padding: str = "pre",
    truncating: str = "pre",
    value: object = 0.0,
) -> np.ndarray:
    """Sequences of unequal length as an array of shape `(sequences, maxlen, ...)`.

    Args:
        sequences: list of sequences; entries are numbers, or arrays of one shape.
        maxlen: length of the result; default: that of the longest sequence.
        dtype: of the result; `object` for strings of any length.
        padding: fill shorter sequences at the front (`"pre"`) or at the end (`"post"`).
        truncating: cut longer ones at the front or at the end.
        value: to fill with.

    Raises:
        ValueError: for what is no list of sequences, for entries of unequal shape, and for unknown modes.

    >>> pad_sequences([[1, 2, 3], [4]]).tolist()
    [[1, 2, 3], [0, 0, 4]]
    >>> pad_sequences([[1, 2, 3], [4]], maxlen=2, padding="post", truncating="post").tolist()
    [[1, 2], [4, 0]]
    """
    for name, mode, word in (("padding", padding, "Padding"), ("truncating", truncating, "Truncating")):
        if mode not in ("pre", "post"):
            raise ValueError(f"{word} type {mode!r} not understood. Expected {name}='pre' or {name}='post'.")
    rows = _rows(sequences)
    length = int(maxlen) if maxlen is not None else max(len(row) for row in rows)
    padded = _filled(len(rows), length, _entry_shape(rows), dtype, value)
    for target, row in zip(padded, rows, strict=True):
        if len(row) == 0 or length == 0:
            continue
        kept = np.asarray(row[-length:] if truncating == "pre" else row[:length], dtype=padded.dtype)
        if padding == "post":
            target[: len(kept)] = kept
        else:
            target[length - len(kept) :] = kept
    return padded


def _rows(sequences: Collection[Iterable[Any]]) -> list[Any]:
    if not hasattr(sequences, "__len__"):
        raise ValueError(f"`sequences` must be a list of sequences. Received: {type(sequences).__name__}")
    rows = list(sequences)
    for position, row in enumerate(rows):
        if not hasattr(row, "__len__"):
            if not isinstance(row, Iterable):
                raise ValueError(
                    f"`sequences` must be a list of iterables. Found a {type(row).__name__} at position {position}:"
                    f" {row!r:.40}"
                )
            rows[position] = list(row)
    if not rows:
        raise ValueError("pad_sequences: there are no sequences to pad. Received an empty list.")
    return rows


def _entry_shape(rows: list[Any]) -> tuple[int, ...]:
    shape: tuple[int, ...] | None = None
    for position, row in enumerate(rows):
        if len(row) == 0:
            continue
        found = () if isinstance(row[0], str) else np.shape(row)[1:]
        shape = found if shape is None else shape
        if found != shape:
            raise ValueError(
                f"Shape of sample {found} of sequence at position {position} is different from expected shape {shape}."
            )
    return shape or ()


def _filled(count: int, length: int, shape: tuple[int, ...], dtype: DTypeLike, value: object) -> np.ndarray:
    kind = np.dtype(dtype)
    if isinstance(value, str) and kind.kind not in "OU":
        raise ValueError(
            f"`dtype` {dtype} is not compatible with a string as `value`. Received: value={value!r}. Set"
            f" `dtype=object` for strings of any length."
        )
    return np.full((count, length, *shape), value, dtype=kind)
