"""`image_dataset_from_directory`: image files as batches of arrays."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from ..core.types import Path
from .folders import FolderDataset, Labels, Request, check_format, datasets
from .images import check_data_format, check_size, load_img, pillow
from .resample import check_interpolation, crop_to_ratio, pad_to_ratio, resize_image

SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".png")


def image_dataset_from_directory(
    directory: Path,
    labels: Labels = "inferred",
    label_mode: str | None = "int",
    class_names: Sequence[str] | None = None,
    color_mode: str = "rgb",
    batch_size: int | None = 32,
    image_size: tuple[int, int] | int = (256, 256),
    shuffle: bool = True,
    seed: int | None = None,
    validation_split: float | None = None,
    subset: str | None = None,
    interpolation: str = "bilinear",
    follow_links: bool = False,
    crop_to_aspect_ratio: bool = False,
    pad_to_aspect_ratio: bool = False,
    data_format: str | None = None,
    format: str = "tf",
    verbose: bool = True,
) -> FolderDataset | tuple[FolderDataset, FolderDataset]:
    """Images of a folder (bmp, gif, jpeg, png; the first frame of a gif) as batches, read when they are asked for.

    Args:
        directory: with one folder of files per class, or with files, for other `labels`.
        labels: `"inferred"`: from the folders; a list with a number for each file, in the order of their sorted paths;
            None: none.
        label_mode: `"int"`: int32 numbers; `"binary"`: float32 `(batch, 1)`; `"categorical"`: one-hot rows; None: none.
        class_names: the folders to read, in the order of their numbers; default: all, sorted.
        color_mode: `"grayscale"`, `"rgb"` or `"rgba"`: 1, 3 or 4 channels.
        batch_size: None: one image at a time, without a batch axis.
        image_size: `(height, width)` of all images, or one number for both.
        shuffle: mix the files, differently for each epoch; otherwise they come in the order of their paths.
        seed: of the mixing, and of the split.
        validation_split: share of the files that is kept for validation, the last ones after one mixing.
        subset: `"training"`, `"validation"` or `"both"` (returns a pair), with `validation_split`.
        interpolation: `"bilinear"`, `"nearest"`, `"bicubic"`, `"area"`, `"lanczos3"`, `"lanczos5"`, `"gaussian"` or
            `"mitchellcubic"`; without antialiasing, as in Keras.
        follow_links: also read folders behind links.
        crop_to_aspect_ratio, pad_to_aspect_ratio: cut off, or fill with zeros, instead of distorting.
        data_format: where the channels are; default: the setting of the process.
        format: kept for Keras' sake, which returns a data set of TensorFlow or grain.
        verbose: print how many files there are.

    Returns:
        A data set of `(images, labels)`, or of images: float32 from 0 to 255, `(batch, height, width, channels)`. It
        has the methods of `Dataset`, such as `map`, and `class_names` and `file_paths`. Files with other suffixes are
        left out.

    Raises:
        ValueError: for arguments that do not fit, and for a folder without images.
        FileNotFoundError: if there is no such folder.
        ImportError: without Pillow.
    """
    check_format(format)
    check_interpolation(interpolation)
    if color_mode not in ("rgb", "rgba", "grayscale"):
        raise ValueError(
            f'`color_mode` must be one of {{"rgb", "rgba", "grayscale"}}. Received: color_mode={color_mode!r}'
        )
    if crop_to_aspect_ratio and pad_to_aspect_ratio:
        raise ValueError("Only one of `pad_to_aspect_ratio`, `crop_to_aspect_ratio` can be set to `True`.")
    fit = "crop" if crop_to_aspect_ratio else "pad" if pad_to_aspect_ratio else None
    size = check_size("image_size", image_size)
    read = partial(_read, color_mode=color_mode, size=size, interpolation=interpolation, fit=fit)
    first = check_data_format(data_format) == "channels_first"
    request = Request(
        directory, labels, label_mode, class_names, batch_size, shuffle, seed, validation_split, subset, follow_links,
        verbose,
    )  # fmt: skip
    found = datasets(request, SUFFIXES, "image", read, _join_first if first else np.stack)
    pillow()  # say that it is missing now, not at the first batch
    return found


def _join_first(images: list[np.ndarray]) -> np.ndarray:
    return np.ascontiguousarray(np.moveaxis(np.stack(images), -1, 1))


def _read(path: str, color_mode: str, size: tuple[int, int], interpolation: str, fit: str | None) -> np.ndarray:
    try:
        image = np.asarray(load_img(path, color_mode), dtype="float32")
    except OSError as error:  # Pillow: not an image, or cut off
        raise ValueError(f"Image file {path} cannot be read: {error}. Remove it, or repair it.") from None
    image = image[..., None] if image.ndim == 2 else image
    if fit is not None:
        image = crop_to_ratio(image, size) if fit == "crop" else pad_to_ratio(image, size)
    return resize_image(image, size, interpolation)
