"""Inputs beside what the model takes: shapes, finite values, indices of embeddings."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, NoReturn

import numpy as np

from ...core.index_range import remedies
from ...core.warning import warn
from .reporting import check_finite, check_whole, enabled, fits, label, outside, place, plural, refuse, shown
from .rows import check_rows
from .schema import InputSchema


def check_inputs(x: Sequence[np.ndarray], schemas: Sequence[InputSchema], what: str = "x") -> list[np.ndarray]:
    """Check the model's inputs, and return them in the rank that the model takes.

    A missing last axis of size 1 is added (images without channels, one number per sample), a superfluous one is
    removed; nothing is copied. Values must be finite; indices of an Embedding must be whole and within its table.

    Raises:
        ValueError: naming the argument, the row and the remedy.
    """
    names = [schema.name for schema in schemas]
    if len(x) != len(schemas):
        raise ValueError(
            f"{what} has {plural(len(x), 'array')}; the model has {plural(len(schemas), 'input')} ({', '.join(names)})."
        )
    checked = []
    for i, (array, schema) in enumerate(zip(x, schemas, strict=True)):
        name = label(what, names, i)
        check_rows({name: [array]})
        array = _fit_shape(array, schema.shape, name)
        if enabled():
            check_finite(array, name)
            _check_indices(array, schema, name)
        checked.append(array)
    return checked


def _fit_shape(array: np.ndarray, expected: tuple[int | None, ...] | None, what: str) -> np.ndarray:
    if expected is None:
        return array
    expected = (None, *expected[1:])  # a fixed batch size is the trainer's affair, not that of whole arrays
    shape = array.shape
    if fits(shape, expected):
        return array
    if expected[-1] == 1 and fits((*shape, 1), expected):
        return array[..., None]
    if shape[-1] == 1 and fits(shape[:-1], expected):
        return array[..., 0]
    _refuse_shape(shape, expected, what)


def _refuse_shape(shape: tuple[int, ...], expected: tuple[int | None, ...], what: str) -> NoReturn:
    sample, wanted = shape[1:], expected[1:]
    got = f"{what} has shape {shape}; the model expects {shown(expected)}"
    if fits(shape, wanted) or (wanted and wanted[-1] == 1 and fits((*shape, 1), wanted)):
        raise ValueError(f"{got}: got one sample without a batch axis; use {what}[None].")
    if len(sample) == len(wanted) == 1:
        more = " Is the target still among the columns?" if sample[0] == (wanted[0] or 0) + 1 else ""
        raise ValueError(
            f"{what} has {plural(sample[0], 'feature')} (shape {shape}); the model expects {wanted[0]}.{more}"
        )
    if len(sample) == len(wanted) >= 2:
        if fits((*sample[1:], sample[0]), wanted):
            raise ValueError(f"{got}: the axes look swapped (channels first); use np.moveaxis({what}, 1, -1).")
        if fits((sample[-1], *sample[:-1]), wanted):
            raise ValueError(f"{got}: the axes look swapped (channels last); use np.moveaxis({what}, -1, 1).")
    sizes = [size for size in wanted if size is not None]
    if len(sizes) == len(wanted) and math.prod(sample) == math.prod(sizes):
        target = ", ".join(map(str, (-1, *sizes)))
        raise ValueError(f"{got}: each sample has the right number of values; use {what}.reshape({target}).")
    raise ValueError(f"{got}{_remedy(sample, wanted, what)}.")


def _remedy(sample: tuple[int, ...], wanted: tuple[int | None, ...], what: str) -> str:
    """What to do about samples of another size, where it is plain what they are."""
    if len(wanted) == 3 and wanted[-1] == 3:
        if fits(sample, wanted[:2]):
            return f": grey images for a model of three channels; use np.repeat({what}[..., None], 3, axis=-1)"
        if len(sample) == 3 and fits(sample[:2], wanted[:2]) and sample[2] in (1, 4):
            grey = f"grey images for a model of three channels; use np.repeat({what}, 3, axis=-1)"
            return f": {grey}" if sample[2] == 1 else f": images with transparency; use {what}[..., :3]"
    if len(sample) == len(wanted) == 3 and sample[2] == wanted[2] and None not in wanted[:2]:
        height, width = wanted[:2]
        return f": images of another size; use ops.image.resize({what}, ({height}, {width})), or Resizing in the model"
    if len(wanted) == 2 and len(sample) == 1 and sample[0] == wanted[1] and wanted[0] is not None:
        return (
            f": a time axis is missing, the rows are single steps; utils.timeseries_dataset_from_array({what}, targets,"
            f" sequence_length={wanted[0]}) makes windows of them"
        )
    return ""


def _check_indices(array: np.ndarray, schema: InputSchema, what: str) -> None:
    if schema.index_limit is not None:
        _check_index_range(array, schema.index_limit, schema.layer, what)
    for part in schema.indexed_parts:
        with suppress(IndexError):  # sizes that are not known may be too short: the model says so
            key = ", ".join(":" if k == slice(None) else "..." if k is ... else str(k) for k in part.key)
            _check_index_range(array[part.key], part.index_limit, part.layer, f"{what}[{key}]")


def _check_index_range(array: np.ndarray, limit: int, layer: str | None, what: str) -> None:
    check_whole(array, what, "index", "an Embedding takes whole numbers")
    found = outside(array, 0, limit - 1)
    if found is None:
        return
    owner = f"Embedding {layer!r}" if layer else "the Embedding"
    refuse(
        f"{what} has index {int(array[found.index])} at {place(found.index)}, outside 0..{limit - 1} of {owner} "
        f"(input_dim={limit}; {plural(found.rows, 'bad row')}): "
        f"{remedies(limit, int(array.min()), int(array.max()))}."
    )


def check_key_order(expected: dict[str, Any], owner: str) -> None:
    """A list in place of a dict says by its order alone which input is which.

    Raises:
        ValueError: if the order of the keys as they were written and that in which they are read differ.
    """
    text = (
        f"The structure of `inputs` doesn't match the expected structure. {owner}: expected a dict with the keys"
        f" {list(expected)}; a list is read in the order {sorted(expected)}."
    )
    if list(expected) != sorted(expected):
        raise ValueError(f"{text} Pass the dict.")
    warn(text)
