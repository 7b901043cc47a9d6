"""`ImageDataGenerator`: images that are changed at random while they are read. Today layers such as `RandomFlip` do it.

What comes out for given parameters of a transformation is what Keras gives; the random numbers are others, and depend
on the seed, the epoch and the image alone, so that batches may be made in any order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeGuard, TypeVar

import numpy as np
from numpy.typing import DTypeLike

from ..core.dtypes import floatx
from ..core.types import ArrayLike, Path
from ..core.warning import warn
from ..utils.images import check_data_format
from . import image_transforms as transforms
from .image_batches import Inputs, NumpyArrayIterator
from .image_files import DataFrameIterator, DirectoryIterator
from .notes import note

if TYPE_CHECKING:
    import pandas as pd

T = TypeVar("T")


class ImageDataGenerator:
    """Changes images at random, and standardizes them.

    Args:
        featurewise_center, featurewise_std_normalization: subtract the mean of all images, divide by their deviation;
            `fit` finds both.
        samplewise_center, samplewise_std_normalization: the same with the numbers of each image.
        zca_whitening, zca_epsilon: decorrelate the pixels; `fit` finds how.
        rotation_range: degrees.
        width_shift_range, height_shift_range: fraction of the size if below 1, else pixels; whole numbers give whole
            pixels; a list gives the choices.
        brightness_range: pair of factors.
        shear_range: degrees.
        zoom_range: pair of factors, or a number z for `1 - z` to `1 + z`.
        channel_shift_range: greatest number added to all values.
        fill_mode, cval: what lies outside: "nearest", "constant" (`cval`), "reflect" or "wrap".
        horizontal_flip, vertical_flip: turn over every second image.
        rescale: factor of all values, after `preprocessing_function`.
        preprocessing_function: from one image to one image, after the random changes.
        data_format: where the channels are; default: the setting of the process.
        validation_split: share that `subset="validation"` gives.
        interpolation_order: of the splines that turn and move.
        dtype: of the batches; default: the float type of the process.
    """

    zca_whitening: bool
    zca_epsilon: float
    rotation_range: float
    shear_range: float
    width_shift_range: float | Sequence[float]
    height_shift_range: float | Sequence[float]
    fill_mode: str
    cval: float
    interpolation_order: int
    horizontal_flip: bool
    vertical_flip: bool
    rescale: float | None
    preprocessing_function: Callable[[np.ndarray], np.ndarray] | None
    data_format: str
    validation_split: float

    def __init__(
        self,
        featurewise_center: bool = False,
        samplewise_center: bool = False,
        featurewise_std_normalization: bool = False,
        samplewise_std_normalization: bool = False,
        zca_whitening: bool = False,
        zca_epsilon: float = 1e-6,
        rotation_range: float = 0,
        width_shift_range: float | Sequence[float] = 0.0,
        height_shift_range: float | Sequence[float] = 0.0,
        brightness_range: tuple[float, float] | None = None,
        shear_range: float = 0.0,
        zoom_range: float | tuple[float, float] = 0.0,
        channel_shift_range: float = 0.0,
        fill_mode: str = "nearest",
        cval: float = 0.0,
        horizontal_flip: bool = False,
        vertical_flip: bool = False,
        rescale: float | None = None,
        preprocessing_function: Callable[[np.ndarray], np.ndarray] | None = None,
        data_format: str | None = None,
        validation_split: float = 0.0,
        interpolation_order: int = 1,
        dtype: DTypeLike | None = None,
        **kwargs: str,
    ):
        if "dim_ordering" in kwargs:  # Keras 1
            data_format = {"th": "channels_first", "tf": "channels_last"}[kwargs.pop("dim_ordering")]
        if kwargs:
            raise TypeError(f"ImageDataGenerator: unrecognized keyword arguments {sorted(kwargs)}")
        if validation_split and not 0 < validation_split < 1:
            raise ValueError(f"`validation_split` must be strictly between 0 and 1. Received: {validation_split}")
        self.featurewise_center: bool = featurewise_center or featurewise_std_normalization or zca_whitening
        # Whitening scales as well.
        self.featurewise_std_normalization: bool = featurewise_std_normalization and not zca_whitening
        self.samplewise_center: bool = samplewise_center or samplewise_std_normalization
        self.samplewise_std_normalization = samplewise_std_normalization
        self.zca_whitening, self.zca_epsilon = zca_whitening, zca_epsilon
        self.rotation_range, self.shear_range = rotation_range, shear_range
        self.width_shift_range, self.height_shift_range = width_shift_range, height_shift_range
        self.brightness_range: tuple[float, float] | None = _pair("brightness_range", brightness_range)
        given = (1 - zoom_range, 1 + zoom_range) if isinstance(zoom_range, _NUMBER) else zoom_range
        self.zoom_range: tuple[float, float] = _pair("zoom_range", given)
        self.channel_shift_range = channel_shift_range
        self.fill_mode, self.cval, self.interpolation_order = fill_mode, cval, interpolation_order
        self.horizontal_flip, self.vertical_flip = horizontal_flip, vertical_flip
        self.rescale, self.preprocessing_function = rescale, preprocessing_function
        self.data_format, self.validation_split = check_data_format(data_format), validation_split
        self.dtype: DTypeLike = dtype or floatx()
        first = self.data_format == "channels_first"
        # In a batch; one less in an image.
        self.channel_axis, self.row_axis, self.col_axis = (1, 2, 3) if first else (3, 1, 2)
        self.mean: np.ndarray | None = None
        self.std: np.ndarray | None = None
        self.zca_whitening_matrix: np.ndarray | None = None

    # --- batches ---

    def flow(
        self, x: Inputs, y: ArrayLike | None = None, batch_size: int = 32, shuffle: bool = True, **options: Any
    ) -> NumpyArrayIterator:
        """Batches from arrays; see `NumpyArrayIterator`."""
        return NumpyArrayIterator(x, y, self, batch_size=batch_size, shuffle=shuffle, **options)

    def flow_from_directory(
        self, directory: Path, target_size: tuple[int, int] = (256, 256), **options: Any
    ) -> DirectoryIterator:
        """Batches from a folder with a folder per class; see `DirectoryIterator`."""
        return DirectoryIterator(directory, self, target_size=target_size, **options)

    def flow_from_dataframe(
        self, dataframe: pd.DataFrame, directory: Path | None = None, **options: Any
    ) -> DataFrameIterator:
        """Batches from a table of file names; see `DataFrameIterator`."""
        if options.get("has_ext") is False:
            raise ValueError("flow_from_dataframe(has_ext=False): write the endings of the files into the column.")
        for name in ("has_ext", "drop_duplicates", "sort"):
            if name in options:
                note(f"flow_from_dataframe({name}=)", "leave it out, it has no effect")
                del options[name]
        return DataFrameIterator(dataframe, directory, self, **options)

    # --- one image ---

    def get_random_transform(self, img_shape: tuple[int, ...], seed: int | None = None) -> dict[str, Any]:
        """Parameters of a transformation, drawn at random."""
        return self.draw(img_shape, np.random.default_rng(np.random.randint(2**31) if seed is None else seed))

    def draw(self, img_shape: tuple[int, ...], random: np.random.Generator) -> dict[str, Any]:
        rows, columns = img_shape[self.row_axis - 1], img_shape[self.col_axis - 1]
        low, high = self.zoom_range
        zoom = random.uniform(low, high, 2) if (low, high) != (1, 1) else (1, 1)
        intensity = self.channel_shift_range
        return {
            "theta": random.uniform(-self.rotation_range, self.rotation_range),
            "tx": _shift(self.height_shift_range, rows, random),
            "ty": _shift(self.width_shift_range, columns, random),
            "shear": random.uniform(-self.shear_range, self.shear_range),
            "zx": zoom[0],
            "zy": zoom[1],
            "flip_horizontal": bool(random.random() < 0.5) and self.horizontal_flip,
            "flip_vertical": bool(random.random() < 0.5) and self.vertical_flip,
            "channel_shift_intensity": random.uniform(-intensity, intensity) if intensity else None,
            "brightness": random.uniform(*self.brightness_range) if self.brightness_range is not None else None,
        }

    def apply_transform(self, x: np.ndarray, transform_parameters: dict[str, Any]) -> np.ndarray:
        """An image after a transformation with these parameters; those that are missing change nothing."""
        given = transform_parameters
        rows, columns, channels = self.row_axis - 1, self.col_axis - 1, self.channel_axis - 1
        x = transforms.apply_affine_transform(
            np.asarray(x),
            **{name: given.get(name, 1 if name in ("zx", "zy") else 0) for name in _GEOMETRY},
            **transforms.placing(rows, columns, channels, self.fill_mode, self.cval, self.interpolation_order),
        )
        if given.get("channel_shift_intensity") is not None:
            x = transforms.apply_channel_shift(x, given["channel_shift_intensity"], channels)
        if given.get("flip_horizontal", False):
            x = transforms.flip_axis(x, columns)
        if given.get("flip_vertical", False):
            x = transforms.flip_axis(x, rows)
        if given.get("brightness") is not None:
            last = np.moveaxis(x, channels, -1)
            x = np.moveaxis(transforms.apply_brightness_shift(last, given["brightness"], False), -1, channels)
        return x

    def random_transform(self, x: np.ndarray, seed: int | None = None) -> np.ndarray:
        """An image after a random transformation."""
        return self.apply_transform(x, self.get_random_transform(x.shape, seed))

    def standardize(self, x: np.ndarray) -> np.ndarray:
        """An image (or a batch) scaled and centred as the arguments say."""
        if self.preprocessing_function is not None:
            x = self.preprocessing_function(x)
        x = np.asarray(x, self.dtype)
        x = x * self.rescale if self.rescale else x
        if self.samplewise_center:
            x = x - x.mean(keepdims=True)
        if self.samplewise_std_normalization:
            x = x / (x.std(keepdims=True) + 1e-6)
        if self.featurewise_center and self._fitted(self.mean, "featurewise_center"):
            x = x - self.mean
        if self.featurewise_std_normalization and self._fitted(self.std, "featurewise_std_normalization"):
            x = x / (self.std + 1e-6)
        if self.zca_whitening and self._fitted(self.zca_whitening_matrix, "zca_whitening"):
            size = len(self.zca_whitening_matrix)
            x = (x.reshape(-1, size) @ self.zca_whitening_matrix).reshape(x.shape)
        return np.asarray(x, self.dtype)

    def _fitted(self, value: np.ndarray | None, setting: str) -> TypeGuard[np.ndarray]:
        if value is None:
            warn(
                f"This ImageDataGenerator specifies `{setting}`, but it hasn't been fit on any training data. Fit it"
                f" first by calling `.fit(numpy_data)`."
            )
        return value is not None

    # --- numbers of all images ---

    def fit(self, x: ArrayLike, augment: bool = False, rounds: int = 1, seed: int | None = None) -> None:
        """Find mean, deviation and whitening.

        Args:
            x: images, rank 4.
            augment: use randomly changed images, `rounds` of each.

        Raises:
            ValueError: for another rank.
        """
        images = np.array(x, self.dtype)
        if images.ndim != 4:
            raise ValueError(f"Input to `.fit()` should have rank 4. Got array with shape: {images.shape}")
        if augment:
            random = np.random.default_rng(np.random.randint(2**31) if seed is None else seed)
            pool = [image for _ in range(rounds) for image in images]
            images = np.stack([self.apply_transform(image, self.draw(image.shape, random)) for image in pool])
        axes = (0, self.row_axis, self.col_axis)
        shape = [1, 1, 1]
        shape[self.channel_axis - 1] = images.shape[self.channel_axis]
        if self.featurewise_center:
            self.mean = images.mean(axis=axes).reshape(shape)
            images = images - self.mean
        if self.featurewise_std_normalization:
            self.std = images.std(axis=axes).reshape(shape)
            images = images / (self.std + 1e-6)
        if self.zca_whitening:
            flat = images.reshape(len(images), -1)
            # Along directions in which the images do not differ, nothing is left.
            _, lengths, directions = np.linalg.svd(flat, full_matrices=False)
            scales = np.sqrt(len(flat)) / (lengths + self.zca_epsilon)
            self.zca_whitening_matrix = (directions.T * scales) @ directions


_NUMBER = (int, float, np.number)
_GEOMETRY = ("theta", "tx", "ty", "shear", "zx", "zy")


def _shift(extent: float | Sequence[float], size: int, random: np.random.Generator) -> float:
    """Pixels, drawn from what `width_shift_range` may be."""
    if not isinstance(extent, _NUMBER):
        shift = random.choice(np.asarray(extent)) * random.choice([-1, 1])
        largest = np.max(extent)
    elif isinstance(extent, (int, np.integer)) and extent:
        return float(random.integers(-extent + 1, extent))
    else:
        shift, largest = random.uniform(-extent, extent), extent
    return float(shift * size if largest < 1 else shift)


def _pair(name: str, value: T) -> T:
    if value is not None and np.asarray(value).shape != (2,):
        raise ValueError(f"`{name}` should be a tuple or list of two floats. Received: {name}={value!r}")
    return value
