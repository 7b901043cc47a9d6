"""Folders of files as data sets: which files there are, their labels, and the two halves of a split.

What images, texts and sounds have in common; `FolderDataset` reads the files batch by batch.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..core.rng import fresh_seed
from ..core.types import Path
from .messages import announce
from .py_dataset import SampleDataset, Samples

Labels = str | Sequence[int] | np.ndarray | None  # "inferred", one per file, or none


class Files(NamedTuple):
    """Files, the number of the class of each (None: without labels), and the names of the classes."""

    paths: list[str]
    labels: np.ndarray | None
    class_names: list[str] | None


class FolderDataset(SampleDataset):
    """Files read in batches: `(x, y)`, or `x` without labels.

    Args:
        files: paths and labels.
        read: makes one array (or string) from the path of a file.
        join: makes a batch from a list of them.
        label_mode: "int", "binary", "categorical" or None.

    `file_paths` are the files in the order they were indexed, `class_names` the names of the classes.
    """

    file_paths: list[str]
    class_names: list[str] | None
    label_mode: str | None

    def __init__(
        self,
        files: Files,
        read: Callable[[str], Any],
        join: Callable[[list[Any]], Any],
        label_mode: str | None,
        batch_size: int | None,
        shuffle: bool,
        seed: int,
    ):
        super().__init__(len(files.paths), batch_size, shuffle, seed)
        self.file_paths, self.class_names, self.label_mode = files.paths, files.class_names, label_mode
        self.labels: np.ndarray | None = files.labels
        self._read, self._join = read, join

    def samples(self, numbers: np.ndarray) -> Samples:
        x = self._join([self._read(self.file_paths[number]) for number in numbers])
        if self.labels is None or self.label_mode is None:
            return x
        return x, encoded(self.labels[numbers], self.label_mode, len(self.class_names or ()))


def encoded(labels: np.ndarray, label_mode: str, classes: int) -> np.ndarray:
    """Numbers of classes as int32; as a column of float32 ("binary"); or as one-hot rows ("categorical")."""
    if label_mode == "binary":
        return labels.astype("float32")[:, None]
    return np.eye(classes, dtype="float32")[labels] if label_mode == "categorical" else labels.astype("int32")


class Request(NamedTuple):
    """The arguments that all kinds of folders have."""

    directory: Path
    labels: Labels
    label_mode: str | None
    class_names: Sequence[str] | None
    batch_size: int | None
    shuffle: bool
    seed: int | None
    validation_split: float | None
    subset: str | None
    follow_links: bool
    verbose: bool


def datasets(
    request: Request, suffixes: tuple[str, ...], what: str, read: Callable[[str], Any], join: Callable[[list[Any]], Any]
) -> FolderDataset | tuple[FolderDataset, FolderDataset]:
    """The data set of a folder, or a pair of them for `subset="both"`.

    Args:
        suffixes: of the files that count, in lower case.
        what: the kind of file in messages, such as "image".

    Raises:
        ValueError: for arguments that do not fit each other or the folder.
        FileNotFoundError: if there is no such folder.
    """
    request = request._replace(labels=None if request.label_mode is None else request.labels)
    check(request, what)
    seed = fresh_seed() if request.seed is None else int(request.seed)
    found = indexed(request, suffixes, what, seed)
    label_mode = None if request.labels is None else request.label_mode
    if label_mode == "binary" and len(found.class_names or ()) != 2:
        raise ValueError(
            f'When passing `label_mode="binary"`, there must be exactly 2 class_names. Received:'
            f" class_names={found.class_names}"
        )

    def dataset(files: Files, shuffle: bool) -> FolderDataset:
        return FolderDataset(files, read, join, label_mode, request.batch_size, shuffle, seed)

    if request.validation_split is None:
        return dataset(found, request.shuffle)
    training, validation = split(found, request, what)
    if request.subset == "both":
        return dataset(training, request.shuffle), dataset(validation, False)
    return dataset(training if request.subset == "training" else validation, request.shuffle)


def check(request: Request, what: str) -> None:
    """
    Raises:
        ValueError: for arguments that are wrong whatever the folder holds.
    """
    labels, names = request.labels, request.class_names
    if isinstance(labels, str) and labels != "inferred":
        raise ValueError(
            f"`labels` argument should be a list/tuple of integer labels, of the same size as the number of {what}"
            f' files in the target directory; "inferred" to take them from its folders; or None for no labels.'
            f" Received: labels={labels!r}"
        )
    if names is not None and not isinstance(labels, str):
        raise ValueError(
            f'You can only pass `class_names` if `labels="inferred"`. Received: labels={labels!r:.60}, and'
            f" class_names={names}"
        )
    if request.label_mode not in ("int", "categorical", "binary", None):
        raise ValueError(
            f'`label_mode` argument must be one of "int", "categorical", "binary", or None. Received:'
            f" label_mode={request.label_mode!r}"
        )
    size = request.batch_size
    if size is not None and (isinstance(size, bool) or not hasattr(size, "__index__") or size < 1):
        raise ValueError(f"`batch_size` must be a whole number from 1 on, or None. Received: batch_size={size!r}")
    _check_split(request)


def _check_split(request: Request) -> None:
    share, subset = request.validation_split, request.subset
    if share is not None and not 0 < share < 1:
        raise ValueError(f"`validation_split` must be between 0 and 1, received: {share}")
    if (share is None) != (subset is None):
        raise ValueError(
            f"If `subset` is set, `validation_split` must be set, and inversely. Received: subset={subset!r} and"
            f" validation_split={share}"
        )
    if subset not in ("training", "validation", "both", None):
        raise ValueError(f'`subset` must be either "training", "validation" or "both", received: {subset!r}')
    if share is not None and request.shuffle and request.seed is None and subset != "both":
        raise ValueError(
            "If using `validation_split` and shuffling the data, you must provide a `seed` argument, to make sure that"
            " there is no overlap between the training and validation subset."
        )


def indexed(request: Request, suffixes: tuple[str, ...], what: str, seed: int) -> Files:
    """The files of a folder with their labels, mixed by the seed as Keras mixes them."""
    directory = os.fspath(request.directory)
    if not os.path.isdir(directory):
        raise FileNotFoundError(f"There is no folder {directory!r}, to read {what} files from.")
    if isinstance(request.labels, str):
        found = _by_folder(directory, request, suffixes)
    else:
        paths = list(_files(directory, suffixes, request.follow_links))
        found = Files(paths, *_given_labels(request, paths, directory))
    if request.verbose:
        classes = "" if found.class_names is None else f" belonging to {len(found.class_names)} classes"
        announce(f"Found {len(found.paths)} files{classes}.")
    if not found.paths:
        raise ValueError(
            f"No {'images' if what == 'image' else f'{what} files'} found in directory {directory}."
            f" Allowed format(s): {suffixes}."
            f"{_hint(directory, request.labels)}"
        )
    if not request.shuffle:
        return found
    order = np.arange(len(found.paths))
    np.random.RandomState(seed).shuffle(order)
    labels = None if found.labels is None else found.labels[order]
    return Files([found.paths[i] for i in order], labels, found.class_names)


def _by_folder(directory: str, request: Request, suffixes: tuple[str, ...]) -> Files:
    folders = sorted(
        name
        for name in os.listdir(directory)
        if not name.startswith(".") and os.path.isdir(os.path.join(directory, name))
    )
    names = list(request.class_names) if request.class_names is not None else folders
    if not set(names) <= set(folders) or len(set(names)) < len(names):
        raise ValueError(
            f"The `class_names` passed did not match the names of the subdirectories of the target directory. Expected:"
            f" {folders} (or a subset of it), but received: class_names={names}"
        )
    paths, labels = [], []
    for label, name in enumerate(names):
        inside = list(_files(os.path.join(directory, name), suffixes, request.follow_links))
        paths += inside
        labels += [label] * len(inside)
    return Files(paths, np.array(labels, "int32"), names)


def _files(directory: str, suffixes: tuple[str, ...], follow_links: bool) -> Iterator[str]:
    """Paths in a fixed order, those of a folder before those of the folders in it."""
    visited = set()
    for root, folders, names in os.walk(directory, followlinks=follow_links):
        real = os.path.realpath(root)
        if real in visited:  # a link to a folder above would be followed for ever
            folders.clear()
            continue
        visited.add(real)
        folders.sort()
        yield from (os.path.join(root, name) for name in sorted(names) if name.lower().endswith(suffixes))


def _given_labels(request: Request, paths: list[str], directory: str) -> tuple[np.ndarray | None, list[str] | None]:
    if request.labels is None:
        return None, None
    array = np.asarray(request.labels)
    if array.shape != (len(paths),):
        raise ValueError(
            f"Expected the lengths of `labels` to match the number of files in the target directory. len(labels) is"
            f" {len(array) if array.ndim else 'unknown'} while we found {len(paths)} files in directory {directory}."
        )
    if array.dtype.kind not in "iu":
        raise ValueError(f"`labels` must be whole numbers, one per file. Received: dtype {array.dtype}")
    classes = sorted(set(array.tolist()))
    if classes and (classes[0] < 0 or (request.label_mode != "int" and classes[-1] >= len(classes))):
        raise ValueError(
            f"`labels` must be whole numbers from 0 on, without gaps unless `label_mode='int'`. Received the numbers"
            f" {', '.join(map(str, classes[:10]))}{', ...' if len(classes) > 10 else ''}."
        )
    return array.astype("int32"), [str(label) for label in classes]


def _hint(directory: str, labels: object) -> str:
    if isinstance(labels, str) and any(os.path.isfile(os.path.join(directory, name)) for name in os.listdir(directory)):
        return " The class of a file is the folder it lies in; pass labels=None for files without classes."
    return ""


def split(files: Files, request: Request, what: str) -> tuple[Files, Files]:
    """The first files for training and the last `validation_split` of them for validation."""
    share = request.validation_split or 0.0
    at = len(files.paths) - int(share * len(files.paths))
    halves = []
    for name, part in (("training", slice(None, at)), ("validation", slice(at, None))):
        labels = None if files.labels is None else files.labels[part]
        halves.append(Files(files.paths[part], labels, files.class_names))
        if request.subset not in ("both", name):
            continue
        if request.verbose:
            announce(f"Using {len(halves[-1].paths)} files for {name}.")
        if not halves[-1].paths:
            raise ValueError(
                f"With validation_split={share}, none of the {len(files.paths)} {what} files is left for {name}."
            )
    return halves[0], halves[1]


def check_format(format: str) -> None:
    """Keras' `format` says which library makes the data set; here it is a `PyDataset` either way."""
    if format not in ("tf", "grain"):
        raise ValueError(f'`format` should be either "tf" or "grain". Received: format={format!r}')
