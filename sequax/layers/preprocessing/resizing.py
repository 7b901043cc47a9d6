"""Images of another size: resized, and cropped at the centre or anywhere."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from ...kernels.images import resize
from ..arguments import positive_integer
from ..catalogue import layer
from .images import ImageLayer, RandomImageLayer, number

RESIZE_INTERPOLATIONS = ("bilinear", "nearest", "bicubic", "lanczos3", "lanczos5")


class Sized(ImageLayer):
    """Base of layers whose outputs have a given height and width."""

    height: int
    width: int

    def _set_size(self, height: Any, width: Any) -> None:
        self.height = positive_integer(self._who(), "height", height)
        self.width = positive_integer(self._who(), "width", width)

    def compute_output_shape(self, input_shape: Any) -> tuple:
        return self._resized(input_shape, self.height, self.width)


@layer()
class Resizing(Sized):
    """Images resized to `(height, width)`, in training and outside of it.

    Args:
        height, width: of the output.
        interpolation: `"bilinear"`, `"nearest"`, `"bicubic"`, `"lanczos3"` or `"lanczos5"`.
        crop_to_aspect_ratio: cut the longer side off at both ends first, so that nothing is distorted.
        pad_to_aspect_ratio: extend the shorter side by `fill_value` at both ends first; instead of cropping.
        fill_mode: only `"constant"`.
        antialias: average over more pixels when shrinking.

    Whole numbers stay whole numbers, rounded.

    >>> import numpy as np
    >>> Resizing(2, 2)(np.arange(16.0).reshape(4, 4, 1))[..., 0].tolist()
    [[2.5, 4.5], [10.5, 12.5]]
    """

    keeps_integers = True

    def __init__(
        self,
        height: Any,
        width: Any,
        interpolation: Any = "bilinear",
        crop_to_aspect_ratio: bool = False,
        pad_to_aspect_ratio: bool = False,
        fill_mode: Any = "constant",
        fill_value: Any = 0.0,
        antialias: bool = False,
        data_format: Any = None,
        **kwargs: Any,
    ):
        super().__init__(data_format=data_format, **kwargs)
        self._set_size(height, width)
        self.interpolation, self.antialias = interpolation, antialias
        self.crop_to_aspect_ratio, self.pad_to_aspect_ratio = crop_to_aspect_ratio, pad_to_aspect_ratio
        self.fill_mode, self.fill_value = fill_mode, number(self._who(), "fill_value", fill_value)
        for name, known in (("interpolation", RESIZE_INTERPOLATIONS), ("fill_mode", ("constant",))):
            if getattr(self, name) not in known:
                raise ValueError(
                    f"{self._who()}: invalid value for argument `{name}`. Expected one of {known}. Received:"
                    f" {name}={getattr(self, name)!r}"
                )
        if crop_to_aspect_ratio and pad_to_aspect_ratio:
            raise ValueError(
                f"{self._who()}: only one of `pad_to_aspect_ratio` and `crop_to_aspect_ratio` can be True. Received"
                f" both."
            )

    def transform(self, images: jax.Array, drawn: Any) -> jax.Array:
        size = self.height, self.width
        if self.crop_to_aspect_ratio:
            images = crop_to_aspect(images, *size)
        elif self.pad_to_aspect_ratio:
            images = pad_to_aspect(images, *size, self.fill_value)
        return resize(images, size, self.interpolation, self.antialias)


@layer()
class CenterCrop(Sized):
    """The middle of the images, `(height, width)`, in training and outside of it.

    An image that is smaller on a side is cropped to the aspect ratio of the output and resized, bilinear.
    """

    def __init__(self, height: Any, width: Any, data_format: Any = None, **kwargs: Any):
        super().__init__(data_format=data_format, **kwargs)
        self._set_size(height, width)

    def transform(self, images: jax.Array, drawn: Any) -> jax.Array:
        if images.shape[1] >= self.height and images.shape[2] >= self.width:
            return _middle(images, self.height, self.width)
        return resize(crop_to_aspect(images, self.height, self.width), (self.height, self.width))


@layer()
class RandomCrop(Sized, RandomImageLayer):
    """A window of `(height, width)` from a random place of each image; outside of training from its middle.

    Where an image is smaller on a side, the whole side is taken and resized, bilinear. Outside of training Keras 3
    returns whole images, of another shape than it declares; here the shape is always the declared one. Keras draws
    one place for all images of a batch.

    Args:
        seed: whole number; default: drawn from the process' stream.
    """

    training_only = False

    def __init__(
        self,
        height: Any,
        width: Any,
        seed: Any = None,
        data_format: Any = None,
        name: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(seed=seed, data_format=data_format, name=name, **kwargs)
        self._set_size(height, width)

    def _window(self, rows: int, columns: int) -> tuple[int, int]:
        return min(self.height, rows), min(self.width, columns)

    def draw(self, key: jax.Array, shape: tuple[int, ...]) -> Any:
        batch, rows, columns, _ = shape
        window = self._window(rows, columns)
        keys = jax.random.split(key)
        spare = (rows - window[0], columns - window[1])
        return tuple(jax.random.randint(k, (batch,), 0, s + 1) for k, s in zip(keys, spare, strict=True))

    def run(self, images: jax.Array, transformation: Any, training: bool) -> jax.Array:
        if training:
            return self.transform(images, transformation)
        return self._fitted(_middle(images, *self._window(*images.shape[1:3])))

    def transform(self, images: jax.Array, drawn: Any) -> jax.Array:
        batch, rows, columns, channels = images.shape
        size = (*self._window(rows, columns), channels)
        top, left = (jnp.broadcast_to(jnp.asarray(place, "int32"), (batch,)) for place in drawn)
        cut = jax.vmap(lambda image, y, x: jax.lax.dynamic_slice(image, (y, x, jnp.zeros_like(y)), size))
        return self._fitted(cut(images, top, left))

    def _fitted(self, images: jax.Array) -> jax.Array:
        size = (self.height, self.width)
        return images if images.shape[1:3] == size else resize(images, size)


def _middle(images: jax.Array, height: int, width: int) -> jax.Array:
    top, left = (images.shape[1] - height) // 2, (images.shape[2] - width) // 2
    return images[:, top : top + height, left : left + width]


def crop_to_aspect(images: jax.Array, height: int, width: int) -> jax.Array:
    """The largest middle part of the images with the aspect ratio of `(height, width)`."""
    rows, columns = images.shape[1:3]
    window = min(rows, int(columns * height / width)), min(columns, int(rows * width / height))
    return _middle(images, max(window[0], 1), max(window[1], 1))


def pad_to_aspect(images: jax.Array, height: int, width: int, fill_value: Any) -> jax.Array:
    """The images with equal borders on two sides, of the aspect ratio of `(height, width)` to within a pixel."""
    rows, columns = images.shape[1:3]
    extra = (max(int(columns * height / width) - rows, 0), max(int(rows * width / height) - columns, 0))
    ends = [(0, 0), *((e // 2, e // 2) for e in extra), (0, 0)]
    return jnp.pad(images, ends, constant_values=fill_value)
