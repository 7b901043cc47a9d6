"""Weights spread over several `.weights.h5` files, and the `.weights.json` file that lists them."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import numpy as np

from . import atomic, config, hdf5_writer, weights
from .errors import LoadError
from .hdf5_reader import Dataset, File
from .source import Source

if TYPE_CHECKING:
    from ..model import Model

_LARGEST_INDEX = 16 * 2**20
_ENDING = ".weights.json"


def save(model: Model, path: str, max_shard_size: float, overwrite: bool, skip: Iterable[Any] = ()) -> None:
    """Write files of at most `max_shard_size` gigabytes each, and last of all the index."""
    if not path.endswith(_ENDING):
        raise ValueError(
            f"The filename must end in `{_ENDING}` when `max_shard_size` is given. Received: filepath={path}"
        )
    if isinstance(max_shard_size, bool) or not isinstance(max_shard_size, (int, float)) or not max_shard_size > 0:
        raise ValueError(f"`max_shard_size` must be a number of gigabytes above 0. Received: {max_shard_size!r}")
    weights.refuse_existing(path, overwrite)
    arrays, groups = weights.contents(model, skip=skip)
    stem = path.removesuffix(_ENDING)
    listed: dict[str, list[str]] = {}
    for number, part in enumerate(_parts(arrays, max_shard_size * 2**30)):
        file = f"{stem}_{number:05d}.weights.h5"
        own = {group: groups[group] for group in {name.rpartition("/")[0] for name in part} if group in groups}
        own.update(groups if number == 0 else {})
        atomic.write(file, hdf5_writer.to_bytes(part, own))
        for name in part:
            files = listed.setdefault(f"/{name.rpartition('/')[0]}", [])
            if os.path.basename(file) not in files:
                files.append(os.path.basename(file))
    total = sum(array.nbytes for array in arrays.values())
    index = {"metadata": {"total_size": total}, "weight_map": listed}
    atomic.write(path, json.dumps(index, indent=4).encode())


def _parts(arrays: dict[str, np.ndarray], limit: float) -> list[dict[str, np.ndarray]]:
    found: list[dict[str, np.ndarray]] = [{}]
    size = 0
    for path, array in arrays.items():
        if found[-1] and size + array.nbytes > limit:
            found.append({})
            size = 0
        found[-1][path] = array
        size += array.nbytes
    return found


def load(model: Model, path: str, skip_mismatch: bool, objects_to_skip: Iterable[Any]) -> None:
    """Read all files of an index into a model, all or nothing."""
    folder = os.path.dirname(path)
    found: dict[str, Dataset] = {}
    size = 0
    with ExitStack() as stack:
        for name in _names(path):
            source = stack.enter_context(Source.of(os.path.join(folder, name)))
            file = File(source)
            size += source.size
            twice = set(file.datasets) & set(found)
            if twice:
                raise LoadError(f"{path}: {min(twice)!r} stands in {name} and in a file before.")
            found.update(file.datasets)
        weights.load(model, found, path, size, skip_mismatch=skip_mismatch, objects_to_skip=objects_to_skip)


def _names(path: str) -> list[str]:
    """The names of the files; they are numbered after the index and stand beside it."""
    with Source.of(path) as source:
        if source.size > _LARGEST_INDEX:
            raise LoadError(f"{path}: an index of {source.size:,} bytes is too long; {_LARGEST_INDEX:,} are allowed.")
        raw = source.read(0, source.size, "the index")
    index = config.parse(raw, path, max_values=10_000 + len(raw) // 8)
    listed = index.get("weight_map") if isinstance(index, dict) else None
    if not isinstance(listed, dict) or not listed:
        raise LoadError(f"{path}: an index needs an entry 'weight_map' that says which file holds what.")
    entries = [[one] if isinstance(one, str) else one for one in listed.values()]
    if not all(isinstance(one, list) and all(isinstance(name, str) for name in one) for one in entries):
        raise LoadError(f"{path}: the entries of 'weight_map' must be lists of file names.")
    names = list(dict.fromkeys(name for one in entries for name in one))
    stem = re.escape(os.path.basename(path).removesuffix(_ENDING))
    for name in names:
        if not re.fullmatch(rf"{stem}_\d{{5}}\.weights\.h5", name):
            raise LoadError(
                f"{path}: {name!r} is not opened: the files of an index stand beside it and are named after it, such"
                f" as '{os.path.basename(path).removesuffix(_ENDING)}_00000.weights.h5'."
            )
    return names
