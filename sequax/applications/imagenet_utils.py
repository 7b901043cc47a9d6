"""Images as the networks were trained on them, and the names of the 1000 classes of ImageNet."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np

from .. import ops
from .._lazy import listed
from ..core import dtypes, settings, shapes
from ..core.types import ArrayLike, Shape, ShapeLike
from ..utils.downloads import get_file

__all__ = ["decode_predictions", "preprocess_input"]

Mode = Literal["caffe", "tf", "torch"]
Prediction = tuple[str, str, Any]  # number in WordNet, name, score

CLASSES = 1000
_INDEX = "https://storage.googleapis.com/download.tensorflow.org/data/imagenet_class_index.json"
_INDEX_MD5 = "c2c37ea517e94d9795004a39431a14cb"

# Of the images of ImageNet, per channel: means of 0..255 in blue, green, red; of 0..1 in red, green, blue.
_CAFFE_MEAN = (103.939, 116.779, 123.68)
_TORCH_MEAN, _TORCH_DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class Preprocessing(Protocol):
    """`preprocess_input` of the module of a network."""

    def __call__(self, x: Any, data_format: str | None = None) -> Any: ...


def preprocess_input(x: Any, data_format: str | None = None, mode: Mode = "caffe") -> Any:
    """Prepare images with values from 0 to 255 for a network.

    Args:
        x: one image or a batch: a NumPy array, an array of JAX, or a symbolic tensor.
        data_format: where channels stand; default: as the setting of the process says.
        mode: `"caffe"`: blue, green, red, the mean of ImageNet taken off; `"tf"`: from -1 to 1; `"torch"`: from 0 to 1,
            then to mean 0 and deviation 1 of ImageNet per channel.

    Returns:
        The same kind of array, in floating point. As in Keras a NumPy array of floats is written over, to save
        memory: pass `x.copy()` to keep it. An array that may not be written is copied.

    Raises:
        ValueError: for another mode or data format.

    >>> preprocess_input(np.array([[[0, 51, 255]]], "uint8"), mode="tf").tolist()
    [[[-1.0, -0.6..., 1.0]]]
    """
    if mode not in ("caffe", "tf", "torch"):
        raise ValueError(f"Expected mode to be one of `caffe`, `tf` or `torch`. Received: mode={mode!r}")
    if data_format not in (None, "channels_first", "channels_last"):
        raise ValueError(
            "Expected data_format to be one of `channels_first` or `channels_last`."
            f" Received: data_format={data_format!r}"
        )
    x = _floats(x if hasattr(x, "shape") else np.asarray(x))
    first = (data_format or settings.image_data_format()) == "channels_first"
    if mode == "tf":
        x /= 127.5
        x -= 1.0
    elif mode == "torch":
        x /= 255.0
        x -= _per_channel(_TORCH_MEAN, x, first)
        x /= _per_channel(_TORCH_DEVIATION, x, first)
    else:
        flip: Callable[..., Any] = np.flip if isinstance(x, np.ndarray) else ops.flip
        x = flip(x, len(x.shape) - (3 if first else 1))
        x -= _per_channel(_CAFFE_MEAN, x, first)
    return x


def _floats(x: Any) -> Any:
    if not isinstance(x, np.ndarray):
        return x if dtypes.is_float(x.dtype) else ops.cast(x, dtypes.floatx())
    if not dtypes.is_float(x.dtype):
        return x.astype(dtypes.floatx())
    return x if x.flags.writeable else x.copy()


def _per_channel(numbers: tuple[float, ...], x: Any, first: bool) -> np.ndarray:
    return np.reshape(np.asarray(numbers, dtypes.jnp_dtype(x.dtype)), (3, 1, 1) if first else (3,))


def preprocessing(mode: Mode, module: str) -> Preprocessing:
    """`preprocess_input` of a module whose networks take images of this mode."""

    def prepare(x: Any, data_format: str | None = None) -> Any:
        return preprocess_input(x, data_format, mode)

    return _named(prepare, module, f"`imagenet_utils.preprocess_input` with `mode={mode!r}`.")


def no_preprocessing(module: str) -> Preprocessing:
    """`preprocess_input` of a module whose networks scale images themselves."""

    def prepare(x: Any, data_format: str | None = None) -> Any:
        return x

    return _named(prepare, module, "The images themselves: these networks take values from 0 to 255 and scale them.")


def _named(function: Any, module: str, about: str) -> Any:
    function.__name__ = function.__qualname__ = "preprocess_input"
    function.__module__, function.__doc__ = module, about
    return function


def decode_predictions(preds: ArrayLike, top: int = 5) -> list[list[Prediction]]:
    """The likeliest classes of ImageNet for each row of predictions.

    Their names are downloaded once, into Keras' cache, and checked.

    Args:
        preds: scores, `(samples, 1000)`.
        top: how many per row.

    Returns:
        Per row a list of `(number in WordNet, name, score)`, the highest score first.

    Raises:
        ValueError: for another shape.
    """
    scores = np.asarray(preds)
    if scores.ndim != 2 or scores.shape[1] != CLASSES:
        raise ValueError(
            f"`decode_predictions` expects a batch of predictions (i.e. a 2D array of shape (samples, {CLASSES}))."
            f" Received array with shape: {scores.shape}"
        )
    names = _class_names()
    best = np.argsort(-scores, axis=1, kind="stable")[:, :top]
    return [[(*names[i], row[i]) for i in indices] for row, indices in zip(scores, best, strict=True)]


@functools.cache
def _class_names() -> list[tuple[str, str]]:
    path = get_file("imagenet_class_index.json", _INDEX, cache_subdir="models", file_hash=_INDEX_MD5)
    with open(path, encoding="utf-8") as file:
        index = json.load(file)
    return [tuple(index[str(i)]) for i in range(CLASSES)]


def obtain_input_shape(
    input_shape: ShapeLike | None,
    default_size: int | None,
    min_size: int,
    data_format: str,
    require_flatten: bool,
    weights: object = None,
) -> Shape:
    """The shape of one image for a network.

    Args:
        input_shape: what was asked for; None: what the network likes best.
        default_size: height and width where none are asked for and the classifier must know them.
        min_size: the smallest height and width.
        data_format: where channels stand.
        require_flatten: whether the classifier must know the size.
        weights: `"imagenet"` if the network takes those, which are for three channels.

    Raises:
        ValueError: for a shape that does not fit.
    """
    first = data_format == "channels_first"

    def shape_of(side: int | None) -> Shape:
        return (3, side, side) if first else (side, side, 3)

    if not input_shape:
        shape = shape_of(default_size if require_flatten else None)
    else:
        shape = shapes.standardize(input_shape, "input_shape")
        if len(shape) != 3:
            raise ValueError(f"`input_shape` must be a tuple of three integers. Received: input_shape={shape}")
        if weights == "imagenet" and require_flatten and shape != shape_of(default_size):
            raise ValueError(
                f"When setting `include_top=True` and loading `imagenet` weights, `input_shape` should be"
                f" {shape_of(default_size)}. Received: input_shape={shape}"
            )
        if weights == "imagenet" and shape[0 if first else -1] != 3:
            raise ValueError(f"The input must have 3 channels; Received `input_shape={shape}`")
        check_size(shape, min_size, data_format)
    if require_flatten and None in shape:
        raise ValueError(
            f"If `include_top` is True, you should specify a static `input_shape`. Received: input_shape={shape}"
        )
    return shape


def check_size(shape: Shape, least: int, data_format: str) -> None:
    """Raise a ValueError for images that are smaller than a network takes."""
    sides = shape[1:] if data_format == "channels_first" else shape[:2]
    if any(side is not None and side < least for side in sides):
        raise ValueError(f"Input size must be at least {least}x{least}; Received: input_shape={shape}")


if not TYPE_CHECKING:
    __getattr__, __dir__ = listed(__name__)
