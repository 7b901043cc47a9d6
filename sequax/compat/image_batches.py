"""The batches of `ImageDataGenerator`: what all kinds have in common, and those from arrays.

Each object goes on for ever when it is iterated over, as scripts expect; `numbered()` gives the data set of one epoch,
which is what `fit` reads.
"""

from __future__ import annotations

import os
from collections.abc import Iterator as Iteration
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import DTypeLike

from ..core.types import ArrayLike, Path
from ..utils.images import array_to_img
from ..utils.py_dataset import PyDataset, SampleDataset, Samples

if TYPE_CHECKING:
    from .image_generator import ImageDataGenerator

Inputs = ArrayLike | tuple[ArrayLike, ArrayLike | list[ArrayLike]]  # images, and what passes beside them
SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".ppm", ".tif", ".tiff")


class _Epoch(SampleDataset):
    """One pass over the images of an iterator, by number of the batch."""

    def __init__(self, owner: Iterator, shuffle: bool, seed: int):
        super().__init__(owner.n, owner.batch_size, shuffle, seed)
        self._owner = owner

    def samples(self, numbers: np.ndarray) -> Samples:
        return self._owner.batch(numbers, [np.random.default_rng((self.seed, self.epoch, n)) for n in numbers])


class Iterator(PyDataset):
    """Base of all kinds.

    Args:
        n: number of images.
        shuffle: mix them differently in each epoch.
        seed: of the order and of the random changes.

    A subclass has `batch(numbers, randoms)`, which makes the batch of the images with these numbers.
    """

    batch_size: int
    shuffle: bool
    seed: int | None

    white_list_formats: tuple[str, ...] = tuple(suffix[1:] for suffix in SUFFIXES)

    def __init__(self, n: int, batch_size: int, shuffle: bool, seed: int | None, **kwargs: Any):
        super().__init__(**kwargs)
        self.n: int = int(n)
        self.samples: int = self.n
        self.batch_size, self.shuffle, self.seed = batch_size, shuffle, seed
        self.batch_index: int = 0
        self.total_batches_seen: int = 0
        self._epoch = _Epoch(self, shuffle, np.random.randint(2**31) if seed is None else seed)

    def batch(self, numbers: np.ndarray, randoms: list[np.random.Generator]) -> Samples:
        raise NotImplementedError

    def numbered(self) -> PyDataset:
        """The same batches as a data set with an end."""
        return self._epoch

    def __len__(self) -> int:
        return len(self._epoch)

    def __getitem__(self, index: int) -> Samples:
        return self._epoch[index]

    def __iter__(self) -> Iteration[Samples]:
        return self

    def __next__(self) -> Samples:
        """The next batch; after the last one comes the first of another epoch."""
        if self.batch_index >= len(self):
            self.batch_index = 0
            self._epoch.on_epoch_end()
        batch = self[self.batch_index]
        self.batch_index += 1
        self.total_batches_seen += 1
        return batch

    next = __next__

    def reset(self) -> None:
        """Begin again with the first batch."""
        self.batch_index = 0

    def on_epoch_end(self) -> None:
        self._epoch.on_epoch_end()


class Images(Iterator):
    """What all kinds do with an image: change it, standardize it, and write it to a folder if asked to.

    Args:
        generator: the `ImageDataGenerator`.
        save_to_dir, save_prefix, save_format: write what comes out as image files.
    """

    save_to_dir: Path | None
    save_prefix: str
    save_format: str

    def __init__(
        self,
        n: int,
        generator: ImageDataGenerator,
        batch_size: int = 32,
        shuffle: bool = True,
        seed: int | None = None,
        data_format: str | None = None,
        save_to_dir: Path | None = None,
        save_prefix: str = "",
        save_format: str = "png",
        dtype: DTypeLike | None = None,
        **kwargs: Any,
    ):
        super().__init__(n, batch_size, shuffle, seed, **kwargs)
        self.image_data_generator = generator
        self.data_format: str = data_format or generator.data_format
        self.save_to_dir, self.save_prefix, self.save_format = save_to_dir, save_prefix, save_format
        self.dtype: DTypeLike = dtype or generator.dtype

    def image(self, number: int) -> np.ndarray:
        raise NotImplementedError

    def targets(self, numbers: np.ndarray, x: np.ndarray) -> tuple[Any, ...]:
        """What stands behind the images in a batch: nothing, targets, or targets and weights."""
        raise NotImplementedError

    def batch(self, numbers: np.ndarray, randoms: list[np.random.Generator]) -> Samples:
        generator, images = self.image_data_generator, []
        for number, random in zip(numbers, randoms, strict=True):
            image = self.image(number)
            image = generator.apply_transform(image, generator.draw(image.shape, random))
            images.append(generator.standardize(image))
        x = np.stack(images).astype(self.dtype)
        if self.save_to_dir:
            self._save(numbers, x, self.save_to_dir)
        behind = self.targets(numbers, x)
        return (x, *behind) if behind else x

    def _save(self, numbers: np.ndarray, x: np.ndarray, folder: Path) -> None:
        for number, image in zip(numbers, x, strict=True):
            name = f"{self.save_prefix}_{number}_{np.random.randint(10**7)}.{self.save_format}"
            array_to_img(image, self.data_format, scale=True).save(os.path.join(folder, name))


def part_of(count: int, split: float, subset: str | None) -> slice:
    """The rows of a subset: the first ones are for validation."""
    if subset is None:
        return slice(0, count)
    if subset not in ("training", "validation"):
        raise ValueError(f"Invalid subset name: {subset!r}; expected 'training' or 'validation'.")
    at = int(split * count)
    return slice(0, at) if subset == "validation" else slice(at, count)


def _check_classes(y: np.ndarray, part: slice) -> None:
    other = np.delete(y, part, axis=0)
    if not np.array_equal(np.unique(y[part]), np.unique(other)):
        raise ValueError(
            "Training and validation subsets have different number of classes after the split. If your numpy arrays are"
            " sorted by the label, you might want to shuffle them."
        )


class NumpyArrayIterator(Images):
    """Batches of images of an array.

    Args:
        x: images, rank 4; or a tuple of them and further inputs, which pass unchanged.
        y: targets, one per image; default: none.
        sample_weight: one per image.
        subset: "training" or "validation", by the generator's `validation_split`.

    Raises:
        ValueError: for lengths that differ, or another rank.
    """

    x: np.ndarray
    x_misc: list[np.ndarray]

    def __init__(
        self,
        x: Inputs,
        y: ArrayLike | None,
        image_data_generator: ImageDataGenerator,
        batch_size: int = 32,
        shuffle: bool = False,
        sample_weight: ArrayLike | None = None,
        subset: str | None = None,
        ignore_class_split: bool = False,
        **options: Any,
    ):
        further = [np.asarray(one) for one in (x[1] if isinstance(x[1], list) else [x[1]])] if type(x) is tuple else []
        x = np.asarray(x[0] if type(x) is tuple else x)
        if x.ndim != 4:
            raise ValueError(
                f"Input data in `NumpyArrayIterator` should have rank 4. You passed an array with shape {x.shape}. Gray"
                f" images need a channel axis: x[..., None]."
            )
        rest: dict[str, Any] = {
            "y": y,
            "sample_weight": sample_weight,
            **{f"x[{i + 1}]": one for i, one in enumerate(further)},
        }
        for name, one in rest.items():
            if one is not None and len(one) != len(x):
                raise ValueError(f"x and {name} should have the same length. Found: {len(x)} and {len(one)}.")
        part = part_of(len(x), image_data_generator.validation_split, subset)
        if subset is not None and y is not None and not ignore_class_split:
            _check_classes(np.asarray(y), part)
        self.x, self.x_misc = x[part], [one[part] for one in further]
        self.y: np.ndarray | None = None if y is None else np.asarray(y)[part]
        self.sample_weight: np.ndarray | None = None if sample_weight is None else np.asarray(sample_weight)[part]
        super().__init__(len(self.x), image_data_generator, batch_size, shuffle, **options)

    def image(self, number: int) -> np.ndarray:
        return self.x[number].astype(self.dtype)

    def targets(self, numbers: np.ndarray, x: np.ndarray) -> tuple[Any, ...]:
        given = (self.y, self.sample_weight)
        return tuple(one[numbers] for one in given if one is not None) if self.y is not None else ()

    def batch(self, numbers: np.ndarray, randoms: list[np.random.Generator]) -> Samples:
        batch = super().batch(numbers, randoms)
        if not self.x_misc:
            return batch
        x, *behind = batch if isinstance(batch, tuple) else (batch,)
        inputs = (x, *(one[numbers] for one in self.x_misc))
        return (inputs, *behind) if behind else inputs
