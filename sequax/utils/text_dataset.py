"""`text_dataset_from_directory`: text files as batches of strings."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from ..core.types import Path
from .folders import FolderDataset, Labels, Request, check_format, datasets


def text_dataset_from_directory(
    directory: Path,
    labels: Labels = "inferred",
    label_mode: str | None = "int",
    class_names: Sequence[str] | None = None,
    batch_size: int | None = 32,
    max_length: int | None = None,
    shuffle: bool = True,
    seed: int | None = None,
    validation_split: float | None = None,
    subset: str | None = None,
    follow_links: bool = False,
    format: str = "tf",
    verbose: bool = True,
) -> FolderDataset | tuple[FolderDataset, FolderDataset]:
    """Text files (`.txt`, UTF-8) of a folder as batches of strings, read when they are asked for.

    Args:
        max_length: characters of a text that are kept; default: all.
        directory: the folder, with one sub-folder for each class.
        labels: "inferred" from the sub-folders, None, or a list of one per file in the order of the sorted paths.
        label_mode: "int", "categorical" (one-hot), "binary" (0 or 1) or None.
        class_names: names of the sub-folders, in the order that gives the classes their numbers; default: sorted.
        batch_size: samples per batch; None: single samples.
        shuffle: mix the files, differently for each pass.
        seed: whole number that fixes the order.
        validation_split: fraction of the files kept apart, from 0 to 1.
        subset: "training", "validation" or "both", with `validation_split`.
        follow_links: go into linked folders, too.
        format: `"tf"`, or `"grain"`: who iterates gets `bytes`, or `str` in NumPy arrays.
        verbose: print how many files there are.

    Returns:
        A data set of `(texts, labels)`, or of texts, `(batch,)`; it has the methods of `Dataset`, such as `map`, and
        `class_names` and `file_paths`. Batches by number are arrays of dtype object that hold `str`.

    Raises:
        ValueError: for arguments that do not fit, for a folder without texts, and for a file that is not UTF-8.
        FileNotFoundError: if there is no such folder.
    """
    check_format(format)
    if max_length is not None and (not hasattr(max_length, "__index__") or max_length < 1):
        raise ValueError(f"`max_length` must be a whole number from 1 on, or None. Received: max_length={max_length!r}")
    request = Request(
        directory, labels, label_mode, class_names, batch_size, shuffle, seed, validation_split, subset, follow_links,
        verbose,
    )  # fmt: skip
    read, join = partial(_read, max_length=max_length), partial(np.fromiter, dtype=object)
    found = datasets(request, (".txt",), "text", read, join)
    for dataset in found if isinstance(found, tuple) else (found,):
        dataset.in_numpy = format == "grain"
    return found


def _read(path: str, max_length: int | None) -> str:
    try:
        with open(path, encoding="utf-8", newline="") as file:  # line ends as they are in the file
            return file.read() if max_length is None else file.read(max_length)
    except UnicodeDecodeError as error:
        raise ValueError(f"Text file {path} is not UTF-8 (byte {error.start}). Convert it, or remove it.") from None
