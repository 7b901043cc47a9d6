"""The batches of `ImageDataGenerator` whose images are files: in a folder per class, or named by a table."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.types import Path
from ..core.warning import warn
from ..utils.images import img_to_array, load_img
from ..utils.numerical import to_categorical
from .image_batches import SUFFIXES, Images, part_of

if TYPE_CHECKING:
    import pandas as pd

    from .image_generator import ImageDataGenerator


class _Files(Images):
    """Images read from files.

    Args:
        target_size: `(height, width)`.
        color_mode: "rgb", "rgba" or "grayscale".
        class_mode: "categorical" (one-hot rows), "binary" and "sparse" (numbers), "input" (the images), None.
        interpolation, keep_aspect_ratio: as in `load_img`.
    """

    def __init__(
        self,
        filepaths: list[str],
        labels: Any,
        class_mode: str | None,
        class_indices: dict[str, int],
        generator: ImageDataGenerator,
        target_size: tuple[int, int] = (256, 256),
        color_mode: str = "rgb",
        interpolation: str = "nearest",
        keep_aspect_ratio: bool = False,
        **options: Any,
    ):
        self.filepaths = filepaths
        self.labels = labels
        self.class_mode = class_mode
        self.class_indices = class_indices
        self.num_classes: int = len(class_indices)
        self.target_size: tuple[int, ...] = tuple(target_size)
        self.color_mode = color_mode
        self.interpolation = interpolation
        self.keep_aspect_ratio = keep_aspect_ratio
        super().__init__(len(filepaths), generator, **options)

    @property
    def image_shape(self) -> tuple[int, ...]:
        channels = {"grayscale": 1, "rgb": 3, "rgba": 4}[self.color_mode]
        first = self.data_format == "channels_first"
        return (channels, *self.target_size) if first else (*self.target_size, channels)

    def image(self, number: int) -> np.ndarray:
        size = (self.target_size[0], self.target_size[1])
        image = load_img(self.filepaths[number], self.color_mode, size, self.interpolation, self.keep_aspect_ratio)
        return img_to_array(image, self.data_format, self.dtype)

    def targets(self, numbers: np.ndarray, x: np.ndarray) -> tuple[Any, ...]:
        if self.class_mode is None:
            return ()
        if self.class_mode == "input":
            return (x.copy(),)
        labels = np.asarray(self.labels)[numbers]
        if self.class_mode == "categorical":
            return (np.asarray(to_categorical(labels, self.num_classes), self.dtype),)
        return (labels.astype(self.dtype),)


class DirectoryIterator(_Files):
    """Batches of the images in a folder, which has a folder for each class.

    Args:
        classes: names of the folders; default: all of them in order.
        subset: "training" or "validation", by the generator's `validation_split` of each class.
        follow_links: also read folders behind links.

    `class_indices`, `classes` (a number per file), `filenames`, `filepaths`, `samples`, `num_classes`.
    """

    def __init__(
        self,
        directory: Path,
        image_data_generator: ImageDataGenerator,
        target_size: tuple[int, int] = (256, 256),
        color_mode: str = "rgb",
        classes: Sequence[str] | None = None,
        class_mode: str | None = "categorical",
        follow_links: bool = False,
        subset: str | None = None,
        **options: Any,
    ):
        _check_class_mode(class_mode, ("binary", "categorical", "input", "sparse", None))
        self.directory: str = os.fspath(directory)
        names = classes or sorted(entry.name for entry in os.scandir(self.directory) if entry.is_dir())
        self.filenames: list[str] = []
        labels: list[int] = []
        for label, name in enumerate(names):
            found = list(_below(self.directory, name, follow_links))
            found = found[part_of(len(found), image_data_generator.validation_split, subset)]
            self.filenames += found
            labels += [label] * len(found)
        self.classes: np.ndarray = np.array(labels, "int32")
        indices = {name: label for label, name in enumerate(names)}
        print(f"Found {len(labels)} images belonging to {len(names)} classes.")
        paths = [os.path.join(self.directory, name) for name in self.filenames]
        super().__init__(
            paths, self.classes, class_mode, indices, image_data_generator, target_size, color_mode, **options
        )


def _below(directory: str, name: str, follow_links: bool) -> Iterator[str]:
    """Paths of the images of a class, relative to the folder."""
    for root, folders, files in os.walk(os.path.join(directory, name), followlinks=follow_links):
        folders.sort()
        for file in sorted(files):
            if file.lower().endswith(SUFFIXES):
                yield os.path.relpath(os.path.join(root, file), directory)


class DataFrameIterator(_Files):
    """Batches of the images that a table names.

    Args:
        dataframe: of pandas.
        directory: in front of the names; default: they are whole paths.
        x_col: column of the file names.
        y_col: column (or list of columns) of the targets.
        weight_col: column of sample weights.
        classes: names of the classes in order; default: those that there are, sorted.
        class_mode: as for folders, and "raw" (the numbers of `y_col`), "multi_output" (a list of them).
        subset: "training" or "validation"; the first rows are for validation.
        validate_filenames: leave out rows whose file does not exist, with a warning.
    """

    def __init__(
        self,
        dataframe: pd.DataFrame,
        directory: Path | None = None,
        image_data_generator: Any = None,
        x_col: str = "filename",
        y_col: str | list[str] = "class",
        weight_col: str | None = None,
        classes: Sequence[str] | None = None,
        class_mode: str | None = "categorical",
        subset: str | None = None,
        validate_filenames: bool = True,
        **options: Any,
    ):
        class_mode = "raw" if class_mode == "other" else class_mode  # an earlier name
        known = ("binary", "categorical", "input", "sparse", "raw", "multi_output", None)
        _check_class_mode(class_mode, known)
        paths = [os.path.join(directory, name) if directory else str(name) for name in dataframe[x_col]]
        if validate_filenames:
            kept = [os.path.isfile(path) and path.lower().endswith(SUFFIXES) for path in paths]
            if not all(kept):
                warn(
                    f'Found {kept.count(False)} invalid image filename(s) in x_col="{x_col}". These filename(s) will be'
                    f" ignored."
                )
                dataframe, paths = dataframe[kept], [path for path, keep in zip(paths, kept, strict=True) if keep]
        named = class_mode in ("binary", "categorical", "sparse")
        names = list(classes or sorted(set(dataframe[y_col]))) if named else []
        indices = {name: label for label, name in enumerate(names)}
        part = part_of(len(paths), image_data_generator.validation_split, subset)
        table = dataframe[part]
        labels: Any = None
        if named:
            self.classes: np.ndarray = np.array([indices[name] for name in table[y_col]])
            labels = self.classes
        elif class_mode == "raw":
            labels = table[y_col].values
        elif class_mode == "multi_output":
            labels = [np.array(table[column].tolist()) for column in y_col]
        self._sample_weight = None if weight_col is None else table[weight_col].values
        self.filenames: list[str] = list(table[x_col])
        suffix = f" belonging to {len(names)} classes" if named else ""
        print(f"Found {len(paths[part])} validated image filenames{suffix}.")
        super().__init__(paths[part], labels, class_mode, indices, image_data_generator, **options)

    @property
    def sample_weight(self) -> np.ndarray | None:
        return self._sample_weight

    def targets(self, numbers: np.ndarray, x: np.ndarray) -> tuple[Any, ...]:
        if self.class_mode == "multi_output":
            found: tuple[Any, ...] = ([labels[numbers] for labels in self.labels],)
        elif self.class_mode == "raw":
            found = (self.labels[numbers],)
        else:
            found = super().targets(numbers, x)
        return found if self._sample_weight is None else (*found, self._sample_weight[numbers])


def _check_class_mode(class_mode: str | None, known: tuple[str | None, ...]) -> None:
    if class_mode not in known:
        raise ValueError(f"Invalid class_mode: {class_mode!r}; expected one of: {known}")
