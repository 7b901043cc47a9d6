"""`FileCache`: elements kept in a file. Reading it runs no code: arrays of numbers, and texts as bytes and lengths."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from typing import Any

import numpy as np

from .chunk import Chunk
from .stage import Same, Stage
from .structures import Nest, leaves, packed
from .tensors import is_whole

_SUFFIX = ".sequax.npz"
SAVED = f"elements{_SUFFIX}"  # in a folder of `Dataset.save`


class FileCache(Same):
    """Keeps the elements of its first whole pass in a file.

    Args:
        path: of the file, without its suffix.

    The file is whole or absent. It says nothing of what made the elements: who changes that removes the file.
    """

    title = "CacheDataset"

    def __init__(self, source: Stage, path: str):
        super().__init__(source)
        self.path = path + _SUFFIX

    @property
    def slow(self) -> bool:
        return not os.path.exists(self.path) and super().slow

    def chunks(self) -> Iterator[Chunk]:
        if os.path.exists(self.path):
            yield from read(self.path)
            return
        kept = []
        for chunk in self.source.chunks():
            kept.append(chunk)
            yield chunk
        write(self.path, kept)


class Saved(Stage):
    """Elements that were written to a folder by `save`.

    Args:
        folder: its name.
    """

    title = "LoadDataset"

    def __init__(self, folder: str):
        super().__init__()
        self.path = os.path.join(folder, SAVED)
        if not os.path.exists(self.path):
            raise FileNotFoundError(f"{folder} has no elements in it that `Dataset.save` wrote.")

    def chunks(self) -> Iterator[Chunk]:
        yield from read(self.path)

    def count(self) -> int:
        return sum(chunk.rows for chunk in read(self.path))


def write(path: str, chunks: list[Chunk]) -> None:
    """Write chunks to a file, which is replaced as a whole.

    Raises:
        TypeError: for elements that hold data sets.
    """
    arrays: dict[str, np.ndarray] = {}
    forms = []
    for number, chunk in enumerate(chunks):
        kinds: list[Any] = []
        for place, leaf in enumerate(leaves(chunk.values)):
            key = f"{number}.{place}"
            if leaf.dtype.hasobject:
                kinds.append(list(leaf.shape))
                arrays |= _packed_texts(key, leaf)
            else:
                kinds.append(None)
                arrays[key] = leaf
        forms.append([_form(chunk.values), chunk.rows, kinds])
    arrays["forms"] = np.frombuffer(json.dumps(forms).encode(), np.uint8)
    folder = os.path.dirname(os.path.abspath(path))
    os.makedirs(folder, exist_ok=True)
    handle, temporary = tempfile.mkstemp(suffix=".tmp", dir=folder)
    try:
        with os.fdopen(handle, "wb") as file:
            np.savez(file, allow_pickle=False, **arrays)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def _packed_texts(key: str, leaf: np.ndarray) -> dict[str, np.ndarray]:
    items = leaf.ravel().tolist()
    if any(is_whole(item) for item in items):
        raise TypeError("A data set of data sets or of ragged rows cannot be kept in a file.")
    lengths = np.array([len(item) for item in items], np.int64)
    return {key: np.frombuffer(b"".join(items), np.uint8), f"{key}.lengths": lengths}


def read(path: str) -> Iterator[Chunk]:
    """The chunks of a file.

    Raises:
        ValueError: for a file that was not written by `write`.
    """
    with np.load(path, allow_pickle=False) as held:
        if "forms" not in held:
            raise ValueError(f"{path} is no cache of elements. Remove it, or choose another name.")
        for number, (form, rows, kinds) in enumerate(json.loads(held["forms"].tobytes())):
            found = []
            for place, shape in enumerate(kinds):
                key = f"{number}.{place}"
                found.append(held[key] if shape is None else _texts(held[key], held[f"{key}.lengths"], shape))
            yield Chunk(packed(_of_form(form), iter(found)), rows)


def _texts(joined: np.ndarray, lengths: np.ndarray, shape: list[int]) -> np.ndarray:
    whole, ends = joined.tobytes(), np.cumsum(lengths).tolist()
    texts = (whole[end - length : end] for end, length in zip(ends, lengths.tolist(), strict=True))
    return np.fromiter(texts, object).reshape(shape)


def _form(structure: Nest) -> Any:
    """A structure as JSON; named tuples become plain ones."""
    if isinstance(structure, tuple):
        return ["t", *map(_form, structure)]
    if isinstance(structure, dict):
        return ["d", *([key, _form(value)] for key, value in structure.items())]
    return 0


def _of_form(form: Any) -> Nest:
    if form == 0:
        return None
    if form[0] == "t":
        return tuple(map(_of_form, form[1:]))
    return {key: _of_form(value) for key, value in form[1:]}
