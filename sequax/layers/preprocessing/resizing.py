"""Images of another size: resized, and cropped at the centre or anywhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Unpack

import jax
import jax.numpy as jnp

from ...core import rng
from ...core.kinds import DataFormat, Number, OneOf, Size
from ...core.types import ShapeLike, Tensor
from ...kernels.images import resize
from ..catalogue import layer
from .annotated import Images, images_of
from .image_arguments import BoxOptions, Finite, UnnamedBoxOptions
from .images import ImageLayer, RandomImageLayer

ResizeInterpolation = Annotated[
    Literal["bilinear", "nearest", "bicubic", "lanczos3", "lanczos5"],
    OneOf("bilinear", "nearest", "bicubic", "lanczos3", "lanczos5"),
]
ResizeFillMode = Annotated[Literal["constant"], OneOf("constant")]


class Sized(ImageLayer):
    """Base of layers whose outputs have a given height and width.

    They show a window of the image, which a subclass says by `window`, and may lie outside.
    """

    moves = True
    height: int
    width: int

    def compute_output_shape(self, input_shape: ShapeLike | Mapping[str, Any]) -> Any:
        if isinstance(input_shape, Mapping):
            return super().compute_output_shape(input_shape)
        return self._resized(input_shape, self.height, self.width)

    @property
    def open_axes(self) -> tuple[int, ...]:
        """Axes whose sizes do not matter to what comes after the layer."""
        return self.height_axis, self.width_axis

    def _output_size(self, rows: int, columns: int) -> tuple[Any, Any]:
        return self.height, self.width

    def window(self, drawn: Any, rows: int, columns: int) -> tuple[Any, Any, Any, Any]:
        """Top, left, height and width of what is shown, `(batch, 1)` or numbers."""
        raise NotImplementedError

    def move_points(self, x: Tensor, y: Tensor, drawn: Any, rows: int, columns: int) -> tuple[Tensor, Tensor]:
        top, left, height, width = self.window(drawn, rows, columns)
        return (x - left) * (self.width / width), (y - top) * (self.height / height)

    def transform(self, images: Tensor, drawn: Any) -> Tensor:
        return self.show(images, drawn, "bilinear")

    def transform_masks(self, masks: Tensor, drawn: Any) -> Tensor:
        return self.show(masks, drawn, "nearest")

    def show(self, images: Tensor, drawn: Any, interpolation: str) -> Tensor:
        raise NotImplementedError

    def _fitted(self, images: Tensor, interpolation: str) -> Tensor:
        size = (self.height, self.width)
        return images if images.shape[1:3] == size else resize(images, size, interpolation)


@layer()
class Resizing(Sized):
    """Images resized to `(height, width)`, in training and outside of it.

    Shapes: `(batch, rows, columns, channels)` -> `(batch, height, width, channels)`; or one image, without the batch.
    Whole numbers stay whole numbers, rounded.

    Args:
        height, width: of the output.
        interpolation: `"bilinear"`, `"nearest"`, `"bicubic"`, `"lanczos3"` or `"lanczos5"`.
        crop_to_aspect_ratio: cut the longer side off at both ends first, so that nothing is distorted.
        pad_to_aspect_ratio: extend the shorter side by `fill_value` at both ends first; instead of cropping.
        fill_mode: only `"constant"`.
        fill_value: number outside of the image, with `fill_mode="constant"`.
        antialias: average over more pixels when shrinking.
        data_format: `"channels_last"` or `"channels_first"`; None: as `config.set_image_data_format` says.
        **options: `bounding_box_format`, such as `"xyxy"`, where boxes come with the images; name, dtype, ...: as in
            `Layer`.

    Example:

    >>> import numpy as np
    >>> Resizing(2, 2)(np.arange(16.0).reshape(4, 4, 1))[..., 0].tolist()
    [[2.5, 4.5], [10.5, 12.5]]
    """

    keeps_integers = True
    interpolation: str
    crop_to_aspect_ratio: bool
    pad_to_aspect_ratio: bool
    fill_value: Number
    antialias: bool

    def __init__(
        self,
        height: Size,
        width: Size,
        interpolation: ResizeInterpolation = "bilinear",
        crop_to_aspect_ratio: bool = False,
        pad_to_aspect_ratio: bool = False,
        fill_mode: ResizeFillMode = "constant",
        fill_value: Finite = 0.0,
        antialias: bool = False,
        data_format: DataFormat = None,
        **options: Unpack[BoxOptions],
    ):
        super().__init__(data_format=data_format, **options)
        if crop_to_aspect_ratio and pad_to_aspect_ratio:
            raise ValueError(
                f"{self._who()}: only one of `pad_to_aspect_ratio` and `crop_to_aspect_ratio` can be True. Received"
                f" both."
            )

    def get_random_transformation(self, data: Images, training: bool = True, seed: rng.Seed = None) -> Any:
        """Rows and columns of the images."""
        return self._sizes(images_of(data).shape)[1:3]

    def _input_size(self, transformation: Any) -> tuple[Any, Any]:
        return transformation

    def window(self, drawn: Any, rows: int, columns: int) -> tuple[Any, Any, Any, Any]:
        if self.crop_to_aspect_ratio:
            return _centred(rows, columns, *aspect_window(rows, columns, self.height, self.width))
        if self.pad_to_aspect_ratio:
            top, left = (extra // 2 for extra in aspect_border(rows, columns, self.height, self.width))
            return -top, -left, rows + 2 * top, columns + 2 * left
        return 0, 0, rows, columns

    def transform(self, images: Tensor, drawn: Any) -> Tensor:
        return self.show(images, drawn, self.interpolation)

    def show(self, images: Tensor, drawn: Any, interpolation: str) -> Tensor:
        size = self.height, self.width
        if self.crop_to_aspect_ratio:
            images = crop_to_aspect(images, *size)
        elif self.pad_to_aspect_ratio:
            images = pad_to_aspect(images, *size, self.fill_value)
        return resize(images, size, interpolation, self.antialias and interpolation != "nearest")


@layer()
class CenterCrop(Sized):
    """The middle of the images, `(height, width)`, in training and outside of it.

    An image that is smaller on a side is cropped to the aspect ratio of the output and resized, bilinear.

    Shapes: `(batch, rows, columns, channels)` -> `(batch, height, width, channels)`; or one image, without the batch.

    Args:
        height, width: of the output.
        data_format: `"channels_last"` or `"channels_first"`; None: as `config.set_image_data_format` says.
        **options: `bounding_box_format`, such as `"xyxy"`, where boxes come with the images; name, dtype, ...: as in
            `Layer`.

    Example:

    >>> import numpy as np
    >>> CenterCrop(1, 2)(np.arange(12.0).reshape(3, 4, 1)).ravel().tolist()
    [5.0, 6.0]
    """

    def __init__(self, height: Size, width: Size, data_format: DataFormat = None, **options: Unpack[BoxOptions]):
        super().__init__(data_format=data_format, **options)

    def get_random_transformation(self, data: Images, training: bool = True, seed: rng.Seed = None) -> Any:
        """The shape of the images."""
        return {"input_shape": tuple(images_of(data).shape)}

    def window(self, drawn: Any, rows: int, columns: int) -> tuple[Any, Any, Any, Any]:
        size = self.height, self.width
        fits = rows >= self.height and columns >= self.width
        return _centred(rows, columns, *(size if fits else aspect_window(rows, columns, *size)))

    def show(self, images: Tensor, drawn: Any, interpolation: str) -> Tensor:
        return self._fitted(_cut(images, self.window(drawn, *images.shape[1:3])), interpolation)


@layer()
class RandomCrop(Sized, RandomImageLayer):
    """A window of `(height, width)` from a random place of each image; outside of training from its middle.

    Where an image is smaller on a side, the whole side is taken and resized, bilinear. Outside of training Keras 3
    returns whole images, of another shape than it declares; here the shape is always the declared one. Keras draws
    one place for all images of a batch.

    Shapes: `(batch, rows, columns, channels)` -> `(batch, height, width, channels)`; or one image, without the batch.

    Args:
        height, width: of the output.
        seed: whole number; None: drawn from the process' stream.
        data_format: `"channels_last"` or `"channels_first"`; None: as `config.set_image_data_format` says.
        name: must be unique within a model; None: made from the class name.
        **options: `bounding_box_format`, such as `"xyxy"`, where boxes come with the images; name, dtype, ...: as in
            `Layer`.

    Example:

    >>> import numpy as np
    >>> RandomCrop(4, 4)(np.ones((2, 8, 8, 3)), training=True).shape
    (2, 4, 4, 3)
    """

    def __init__(
        self,
        height: Size,
        width: Size,
        seed: int | None = None,
        data_format: DataFormat = None,
        name: str | None = None,
        **options: Unpack[UnnamedBoxOptions],
    ):
        super().__init__(data_format=data_format, name=name, **options)

    def rests(self, transformation: Any, training: bool) -> bool:
        return False

    def get_random_transformation(self, data: Images, training: bool = True, seed: rng.Seed = None) -> Any:
        """Top and left of the window of each image, and rows and columns of the images."""
        shape = self._sizes(images_of(data).shape)
        if not training:
            return (*self._centre(*shape[1:3]), *shape[1:3])
        return (*self.draw(rng.key(self.seed_generator if seed is None else seed), shape), *shape[1:3])

    def _input_size(self, transformation: Any) -> tuple[Any, Any]:
        if transformation is None or len(transformation) != 4:
            raise ValueError(
                f"{self._who()}: the transformation does not say the size of the images, which boxes depend on."
                f" Expected (top, left, rows, columns), as `get_random_transformation` returns it."
            )
        return transformation[2:]

    def _size(self, rows: int, columns: int) -> tuple[int, int]:
        return min(self.height, rows), min(self.width, columns)

    def _centre(self, rows: int, columns: int) -> tuple[int, int]:
        return _centred(rows, columns, *self._size(rows, columns))[:2]

    def draw(self, key: Tensor, shape: tuple[int, ...]) -> Any:
        batch, rows, columns, _ = shape
        size, keys = self._size(rows, columns), jax.random.split(key)
        spare = (rows - size[0], columns - size[1])
        return tuple(jax.random.randint(k, (batch,), 0, s + 1) for k, s in zip(keys, spare, strict=True))

    def window(self, drawn: Any, rows: int, columns: int) -> tuple[Any, Any, Any, Any]:
        top, left = (jnp.reshape(jnp.asarray(place), (-1, 1)) for place in drawn[:2])
        return (top, left, *self._size(rows, columns))

    def show(self, images: Tensor, drawn: Any, interpolation: str) -> Tensor:
        batch, rows, columns, channels = images.shape
        places = self._centre(rows, columns) if drawn is None else drawn[:2]
        size = self._size(rows, columns)
        if all(isinstance(place, int) for place in places):
            return self._fitted(_cut(images, (*places, *size)), interpolation)
        top, left = (jnp.broadcast_to(jnp.asarray(place, "int32"), (batch,)) for place in places)
        cut = jax.vmap(lambda image, y, x: jax.lax.dynamic_slice(image, (y, x, jnp.zeros_like(y)), (*size, channels)))
        return self._fitted(cut(images, top, left), interpolation)


def _centred(rows: int, columns: int, height: int, width: int) -> tuple[int, int, int, int]:
    """The window of that size in the middle: top, left, height, width."""
    return (rows - height) // 2, (columns - width) // 2, height, width


def _cut(images: Tensor, window: tuple[int, int, int, int]) -> Tensor:
    top, left, height, width = window
    return images[:, top : top + height, left : left + width]


def aspect_window(rows: int, columns: int, height: int, width: int) -> tuple[int, int]:
    """Rows and columns of the largest part of an image with the aspect ratio of `(height, width)`."""
    return max(min(rows, int(columns * height / width)), 1), max(min(columns, int(rows * width / height)), 1)


def aspect_border(rows: int, columns: int, height: int, width: int) -> tuple[int, int]:
    """Rows and columns that an image lacks to the aspect ratio of `(height, width)`, to within a pixel."""
    return max(int(columns * height / width) - rows, 0), max(int(rows * width / height) - columns, 0)


def crop_to_aspect(images: Tensor, height: int, width: int) -> Tensor:
    """The largest middle part of the images with the aspect ratio of `(height, width)`."""
    rows, columns = images.shape[1:3]
    return _cut(images, _centred(rows, columns, *aspect_window(rows, columns, height, width)))


def pad_to_aspect(images: Tensor, height: int, width: int, fill_value: Number) -> Tensor:
    """The images with equal borders on two sides, of the aspect ratio of `(height, width)` to within a pixel."""
    rows, columns = images.shape[1:3]
    extra = aspect_border(rows, columns, height, width)
    ends = [(0, 0), *((e // 2, e // 2) for e in extra), (0, 0)]
    return jnp.pad(images, ends, constant_values=fill_value)
