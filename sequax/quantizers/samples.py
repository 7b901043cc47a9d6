"""Sequences of token ids to calibrate with, from texts or arrays."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np


def get_dataloader(
    tokenizer: Any,
    sequence_length: int,
    dataset: Iterable[Any],
    num_samples: int = 128,
    *,
    strategy: str = "strided",
    seed: int = 42,
    stride: int | None = None,
    eos_id: int | None = None,
) -> np.ndarray:
    """Sequences cut out of all texts put together, which are repeated where they are too short.

    Args:
        tokenizer: makes ids of a text: a function, or an object with `tokenize` or `encode`. None where data are ids.
        sequence_length: ids in a sequence.
        dataset: texts, or arrays of ids.
        num_samples: how many sequences.
        strategy: where they begin: "strided" at equal distances from a place that the seed chooses, "linspace" at equal
            distances from first to last, "random" anywhere.
        seed: of "strided" and "random".
        stride: the distance of "strided"; default: so that they cover all ids.
        eos_id: stands between texts.

    Returns:
        `(num_samples, 1, sequence_length)` of int32.

    Raises:
        TypeError: for something else than texts or ids.
        ValueError: for a data set without ids, and another strategy.
    """
    if isinstance(dataset, (str, bytes)) or not hasattr(dataset, "__iter__"):
        raise TypeError(
            f"The `dataset` argument must be an iterable of texts or of arrays of token ids. Got type:"
            f" {type(dataset).__name__}. Please pass the loaded dataset directly."
        )
    ids = np.concatenate([np.zeros(0, "int32"), *_pieces(tokenizer, dataset, eos_id)])
    if not ids.size:
        raise ValueError("Provided dataset is empty: it holds no text and no ids to calibrate with.")
    needed = num_samples * sequence_length
    if ids.size < needed:
        ids = np.tile(ids, math.ceil(needed / ids.size))
    last = ids.size - sequence_length
    starts = _starts(strategy, last, num_samples, seed, stride)
    return np.lib.stride_tricks.sliding_window_view(ids, sequence_length)[starts].astype("int32")[:, None, :]


def batches(config: Any, as_ids: bool, size: int) -> Iterator[np.ndarray]:
    """What a model is run on: sequences of ids, or the rows of a data set of floats as they are.

    Args:
        config: a `GPTQConfig` or `AWQConfig`.
        as_ids: whether whole numbers that are floats are ids.
        size: how many sequences or rows come at a time.

    Raises:
        TypeError: for something else than texts, ids or rows of floats of one shape.
        ValueError: for a data set that is empty.
    """
    data = config.dataset
    if hasattr(data, "__iter__") and not isinstance(data, (str, bytes)):
        data = list(data)
    rows = _float_rows(data, as_ids) if isinstance(data, list) else None
    if rows is None:
        found = get_dataloader(config.tokenizer, config.sequence_length, data, config.num_samples)[:, 0]
    else:
        found = rows[: config.num_samples]
    for start in range(0, len(found), size):
        yield found[start : start + size]


def _float_rows(data: list[Any], as_ids: bool) -> np.ndarray | None:
    """The rows of a data set of floats; None for texts and ids."""
    if not data or isinstance(data[0], (str, bytes)):
        return None
    first = np.asarray(data[0])
    if first.dtype.kind != "f" or (as_ids and bool((first == np.floor(first)).all())):
        return None
    try:
        return np.stack([np.asarray(row, "float32") for row in data])
    except ValueError:
        shapes = sorted({np.shape(row) for row in data})
        raise TypeError(f"The rows of a `dataset` of floats must have one shape. Received: {shapes[:5]}") from None


def _starts(strategy: str, last: int, count: int, seed: int, stride: int | None) -> np.ndarray:
    draws = np.random.default_rng(seed)
    if strategy == "random":
        return draws.integers(0, last + 1, size=count)
    if strategy == "linspace":
        return np.linspace(0, last, count, dtype="int64")
    if strategy == "strided":
        stride = max(1, (last + 1) // count) if stride is None else stride
        return (draws.integers(0, last + 1) + np.arange(count) * stride) % (last + 1)
    raise ValueError(f"get_dataloader: `strategy` must be 'strided', 'linspace' or 'random'. Received: {strategy!r}")


def _pieces(tokenizer: Any, dataset: Iterable[Any], eos_id: int | None) -> Iterator[np.ndarray]:
    is_first = True
    for item in dataset:
        is_text = isinstance(item, (str, bytes))
        if is_text and eos_id is not None and not is_first:
            yield np.array([eos_id], "int32")
        is_first = False
        yield _ids_of_text(tokenizer, item.decode() if isinstance(item, bytes) else item) if is_text else _ids(item)


def _ids(item: Any) -> np.ndarray:
    """Ids that came as such.

    Raises:
        TypeError: for values that are no whole numbers.
    """
    values = np.asarray(item)
    whole = values.dtype.kind in "iu" or (values.dtype.kind == "f" and bool((values == np.floor(values)).all()))
    if not whole:
        raise TypeError(
            f"The `dataset` must hold texts or arrays of token ids, which are whole numbers. Received:"
            f" {type(item).__name__} of dtype {values.dtype}"
        )
    return values.reshape(-1).astype("int32")


def _ids_of_text(tokenizer: Any, text: str) -> np.ndarray:
    """The ids of a text. What `tokenize` is to one library is `encode` or the call to another.

    Raises:
        TypeError: for a tokenizer that gives none.
    """
    ways = [getattr(tokenizer, name, None) for name in ("tokenize", "__call__", "encode")]
    for way in filter(callable, ways):
        found = _without_text(way, text)
        if found is not None:
            return found
    raise TypeError(
        f"The `tokenizer` must make token ids of a text: a function, or an object with `tokenize` or `encode`."
        f" Received: {tokenizer!r:.100} (of type {type(tokenizer).__name__})"
    )


def _without_text(way: Callable[[str], Any], text: str) -> np.ndarray | None:
    """The ids that a function makes of a text; None if it makes pieces of text."""
    found: Any = way(text)
    found = found["input_ids"] if isinstance(found, Mapping) and "input_ids" in found else found
    found = np.asarray(getattr(found, "ids", found))
    return None if found.dtype.kind in "USO" else _ids(found)
