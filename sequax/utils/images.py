"""Images as files and as arrays. Pillow reads and writes them; it is imported when it is first used."""

from __future__ import annotations

import io
import os
import pathlib
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import DTypeLike

from ..core.needed import needed
from ..core.settings import image_data_format
from ..core.types import ArrayLike, Path
from ..core.warning import warn
from .resample import check_interpolation, crop_to_ratio, resize_image

if TYPE_CHECKING:
    from PIL.Image import Image

_FORMATS = ("channels_first", "channels_last")
_MODES = {1: "L", 3: "RGB", 4: "RGBA"}
_PILLOW_INTERPOLATIONS = ("nearest", "bilinear", "bicubic", "hamming", "box", "lanczos")
_COLOR_MODES = {"grayscale": "L", "rgb": "RGB", "rgba": "RGBA"}


def pillow() -> ModuleType:
    """Pillow's `Image`.

    Raises:
        ImportError: if Pillow is not installed.
    """
    return needed("PIL.Image", "Reading and writing images")


def check_data_format(data_format: str | None) -> str:
    """Where the channels are: as given, or the setting of the process."""
    data_format = image_data_format() if data_format is None else data_format
    if data_format not in _FORMATS:
        raise ValueError(f"The `data_format` argument must be one of {_FORMATS}. Received: data_format={data_format!r}")
    return data_format


def array_to_img(
    x: ArrayLike, data_format: str | None = None, scale: bool = True, dtype: DTypeLike | None = None
) -> Image:
    """An array as a Pillow image.

    Args:
        x: array of rank 3 with 1 (gray), 3 (RGB) or 4 (RGBA) channels.
        data_format: where the channels are; default: the setting of the process.
        scale: stretch the values from 0 (the least) to 255 (the greatest); otherwise they are taken as they are.
        dtype: in which that is computed; default: float32.

    Raises:
        ValueError: for another rank or number of channels.
        ImportError: without Pillow.
    """
    data_format = check_data_format(data_format)
    array = np.asarray(x, dtype=dtype or "float32")
    if array.ndim != 3:
        raise ValueError(
            f"Expected image array to have rank 3 (single image). Got array with shape: {array.shape}. Pass one image"
            f" with its channel axis, such as `x[0]` of a batch or `x[..., None]` of a gray image."
        )
    array = array.transpose(1, 2, 0) if data_format == "channels_first" else array
    channels = array.shape[2]
    if channels not in _MODES:
        raise ValueError(f"Unsupported channel number: {channels}. Expected 1 (gray), 3 (RGB) or 4 (RGBA).")
    if scale:
        array = array - array.min()
        array = array / (array.max() or 1) * 255
    if channels > 1:
        return pillow().fromarray(array.astype("uint8"))
    gray = array[:, :, 0]
    # Values beyond a byte are kept, as an image of 32-bit whole numbers.
    return pillow().fromarray(gray.astype("uint8" if gray.max(initial=0) <= 255 else "int32"))


def img_to_array(img: Image | ArrayLike, data_format: str | None = None, dtype: DTypeLike | None = None) -> np.ndarray:
    """A Pillow image (or an array of rank 2 or 3) as an array of rank 3.

    Args:
        data_format: where the channels go; default: the setting of the process.
        dtype: of the array; default: float32.
        img: the image.

    Raises:
        ValueError: for another rank.
    """
    data_format = check_data_format(data_format)
    array = np.asarray(img, dtype=dtype or "float32")
    if array.ndim == 2:
        return array[None] if data_format == "channels_first" else array[..., None]
    if array.ndim != 3:
        raise ValueError(f"Unsupported image shape: {array.shape}. Expected one image, of rank 2 or 3.")
    return array.transpose(2, 0, 1) if data_format == "channels_first" else array


def load_img(
    path: Path,
    color_mode: str = "rgb",
    target_size: tuple[int, int] | int | None = None,
    interpolation: str = "nearest",
    keep_aspect_ratio: bool = False,
) -> Image:
    """A Pillow image from a file.

    Args:
        path: of the file, or its content as `io.BytesIO`.
        color_mode: `"grayscale"`, `"rgb"` or `"rgba"`. Gray images of more than 8 bits stay as they are.
        target_size: `(height, width)` to resize to, or one number for both; default: none.
        interpolation: of Pillow: `"nearest"`, `"bilinear"`, `"bicubic"`, `"hamming"`, `"box"` or `"lanczos"`.
        keep_aspect_ratio: cut off what does not fit the ratio of `target_size`.

    Raises:
        ValueError: for unknown modes.
        TypeError: for a path of another type.
        ImportError: without Pillow.
    """
    if color_mode not in _COLOR_MODES:
        raise ValueError(f"color_mode must be one of {tuple(_COLOR_MODES)}. Received: color_mode={color_mode!r}")
    if target_size is not None and interpolation not in _PILLOW_INTERPOLATIONS:
        raise ValueError(
            f"Invalid interpolation method {interpolation!r}. Supported methods are {', '.join(_PILLOW_INTERPOLATIONS)}"
        )
    img = _opened(path)
    deep_gray = color_mode == "grayscale" and img.mode in ("I;16", "I")
    if img.mode != _COLOR_MODES[color_mode] and not deep_gray:
        img = img.convert(_COLOR_MODES[color_mode])
    if target_size is None:
        return img
    target_size = check_size("target_size", target_size)
    if (img.height, img.width) == target_size:
        return img
    box = _middle(img, target_size) if keep_aspect_ratio else None
    method = getattr(pillow().Resampling, interpolation.upper())
    return img.resize((target_size[1], target_size[0]), method, box=box)


def _opened(path: Path) -> Image:
    image = pillow()
    if isinstance(path, io.BytesIO):
        img = image.open(path)
        img.load()
        return img
    if not isinstance(path, (str, bytes, pathlib.Path, os.PathLike)):
        raise TypeError(f"path should be path-like or io.BytesIO, not {type(path).__name__}")
    with open(path, "rb") as file:  # closed again: Pillow would keep the file open until the image is collected
        img = image.open(io.BytesIO(file.read()))
    img.load()
    return img


def _middle(img: Image, size: tuple[int, int]) -> tuple[int, int, int, int]:
    height = min(img.height, int(float(img.width * size[0]) / size[1]))
    width = min(img.width, int(float(img.height * size[1]) / size[0]))
    top, left = (img.height - height) // 2, (img.width - width) // 2
    return left, top, left + width, top + height


def save_img(
    path: Path,
    x: ArrayLike,
    data_format: str | None = None,
    file_format: str | None = None,
    scale: bool = True,
    **kwargs: Any,
) -> None:
    """Write an array as an image file.

    Args:
        path: of the file; its suffix says the format unless `file_format` does.
        x, data_format, scale: as in `array_to_img`.
        kwargs: of `PIL.Image.Image.save`.
    """
    img = array_to_img(x, data_format=data_format, scale=scale)
    kind = file_format or pathlib.Path(os.fsdecode(path)).suffix if not hasattr(path, "write") else file_format
    if img.mode == "RGBA" and str(kind).lower().lstrip(".") in ("jpg", "jpeg"):
        warn("The JPG format does not support RGBA images, converting to RGB.")
        img = img.convert("RGB")
    img.save(path, format=file_format, **kwargs)


def smart_resize(
    x: ArrayLike,
    size: tuple[int, int],
    interpolation: str = "bilinear",
    data_format: str | None = "channels_last",
    **kwargs: object,
) -> np.ndarray:
    """Images in another size, not distorted: what does not fit the ratio of `size` is cut off at the edges.

    Args:
        x: `(height, width, channels)` or `(batch, height, width, channels)`.
        size: `(height, width)`.
        interpolation: `"bilinear"`, `"nearest"`, `"bicubic"`, `"area"`, `"lanczos3"`, `"lanczos5"`, `"gaussian"` or
            `"mitchellcubic"`.
        data_format: where the channels are.

    Returns:
        float32, of the rank of `x`.
    """
    if kwargs:
        raise TypeError(f"smart_resize() got unexpected keyword arguments: {list(kwargs)}")
    check_interpolation(interpolation)
    size = check_size("size", size)
    data_format = check_data_format(data_format)
    array = np.asarray(x)
    if array.ndim not in (3, 4):
        raise ValueError(
            f"Expected an image array with shape `(height, width, channels)`, or `(batch_size, height, width,"
            f" channels)`. Received shape {array.shape}."
        )
    array = np.moveaxis(array, -3, -1) if data_format == "channels_first" else array
    resized = resize_image(crop_to_ratio(array, size).astype("float32"), size, interpolation)
    return np.moveaxis(resized, -1, -3) if data_format == "channels_first" else resized


def check_size(name: str, size: Any) -> tuple[int, int]:
    """`(height, width)` as two whole numbers from 1 on; one number is both."""
    sizes = tuple(size) if hasattr(size, "__len__") else (size, size)
    if len(sizes) != 2 or any(not hasattr(s, "__index__") or isinstance(s, bool) or s < 1 for s in sizes):
        raise ValueError(
            f"Expected `{name}` to be a tuple of 2 integers (height, width). Received: {name}={size!r:.60}"
        )
    return int(sizes[0]), int(sizes[1])
