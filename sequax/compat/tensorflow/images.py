"""`tf.image`: sizes, crops and flips of images, `(rows, columns, channels)` or a batch of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, SupportsInt

import jax
import jax.numpy as jnp
import numpy as np

from ... import ops
from ...core.rng import Seed
from ...core.types import ArrayLike
from . import resizing
from .arrays import sizes
from .member import Member
from .randoms import drawn, stateless_or_stream
from .serving import Table
from .values import AnyTensor, HostTensor, Sizes, tensor

MEMBERS = Table({"image.ResizeMethod": Member(resizing.ResizeMethod)})


def picture(x: ArrayLike) -> AnyTensor:
    """An image or a batch of them as a tensor; one that NumPy holds stays with NumPy."""
    x = x if isinstance(x, HostTensor) else tensor(x)
    if len(x.shape) < 3:
        raise ValueError(
            f"tensorflow.image: expected an image (rows, columns, channels) or a batch of them. Received: shape"
            f" {tuple(x.shape)}"
        )
    return x


def _resize(images: Any, height: int, width: int, method: str | int, antialias: bool) -> AnyTensor:
    name = resizing.NAMES.get(method.lower() if isinstance(method, str) else method)
    if name is None:
        raise ValueError(
            f"tensorflow.image.resize: `method` must be one of {sorted(set(resizing.NAMES.values()))}."
            f" Received: {method!r}"
        )
    return resizing.resized(images, height, width, name, antialias)


@MEMBERS.serve("image.resize", "image.resize_images", node=True)
def resize(
    images: ArrayLike,
    size: Sizes,
    method: str | int = "bilinear",
    preserve_aspect_ratio: bool = False,
    antialias: bool = False,
    align_corners: bool = False,
) -> AnyTensor:
    images = picture(images)
    if align_corners:
        raise NotImplementedError("tensorflow.image.resize: `align_corners=True` of TensorFlow 1 is not served.")
    height, width = sizes(size)
    if preserve_aspect_ratio:
        height, width = resizing.fitted(images.shape[-3], images.shape[-2], height, width)
    return _resize(images, height, width, method, antialias)


def _old_resize(name: str, method: str) -> None:
    @MEMBERS.serve(f"image.resize_{name}", node=True)
    def resize_images(
        images: ArrayLike, size: Sizes, align_corners: bool = False, half_pixel_centers: bool = False
    ) -> AnyTensor:
        return resize(images, size, method, align_corners=align_corners)


for _name, _method in {
    "bilinear": "bilinear",
    "nearest_neighbor": "nearest",
    "bicubic": "bicubic",
    "area": "area",
}.items():
    _old_resize(_name, _method)


@MEMBERS.serve("image.resize_with_pad", "image.resize_image_with_pad", node=True)
def resize_with_pad(
    image: ArrayLike,
    target_height: SupportsInt,
    target_width: SupportsInt,
    method: str | int = "bilinear",
    antialias: bool = False,
) -> AnyTensor:
    image, height, width = picture(image), int(target_height), int(target_width)
    size, begin = resizing.fitted_below(image.shape[-3], image.shape[-2], height, width)
    return framed(_resize(image, *size, method, antialias), *begin, height, width)


@MEMBERS.serve("image.resize_with_crop_or_pad", "image.resize_image_with_crop_or_pad", node=True)
def resize_with_crop_or_pad(image: ArrayLike, target_height: SupportsInt, target_width: SupportsInt) -> AnyTensor:
    image, height, width = picture(image), int(target_height), int(target_width)
    rows, columns = image.shape[-3:-1]
    top, left = max((rows - height) // 2, 0), max((columns - width) // 2, 0)
    image = image[..., top : top + min(rows, height), left : left + min(columns, width), :]
    return framed(image, max((height - rows) // 2, 0), max((width - columns) // 2, 0), height, width)


def framed(image: Any, top: int, left: int, height: int, width: int) -> AnyTensor:
    """The image in a frame of zeros."""
    rows, columns = image.shape[-3:-1]
    if min(top, left, height - top - rows, width - left - columns) < 0:
        raise ValueError(
            f"tensorflow.image: an image of {rows} by {columns} at ({top}, {left}) does not fit into {height} by"
            f" {width}."
        )
    widths = [(0, 0)] * (len(image.shape) - 3)
    widths += [(top, height - top - rows), (left, width - left - columns), (0, 0)]
    return HostTensor(np.pad(image, widths)) if isinstance(image, HostTensor) else ops.pad(image, widths)


@MEMBERS.serve("image.pad_to_bounding_box", node=True)
def pad_to_bounding_box(
    image: ArrayLike,
    offset_height: SupportsInt,
    offset_width: SupportsInt,
    target_height: SupportsInt,
    target_width: SupportsInt,
) -> AnyTensor:
    return framed(picture(image), int(offset_height), int(offset_width), int(target_height), int(target_width))


@MEMBERS.serve("image.crop_to_bounding_box", node=True)
def crop_to_bounding_box(
    image: ArrayLike,
    offset_height: int | AnyTensor,
    offset_width: int | AnyTensor,
    target_height: SupportsInt,
    target_width: SupportsInt,
) -> AnyTensor:
    image, height, width = picture(image), int(target_height), int(target_width)
    if any(isinstance(one, jax.core.Tracer) for one in (offset_height, offset_width)):
        front = (0,) * (len(image.shape) - 3)
        shape = (*image.shape[:-3], height, width, image.shape[-1])
        return jax.lax.dynamic_slice(image, (*front, offset_height, offset_width, 0), shape)
    top, left = int(offset_height), int(offset_width)
    if min(top, left) < 0 or top + height > image.shape[-3] or left + width > image.shape[-2]:
        raise ValueError(
            f"tensorflow.image.crop_to_bounding_box: {height} by {width} at ({top}, {left}) reaches beyond the image."
            f" Received: shape {tuple(image.shape)}"
        )
    return image[..., top : top + height, left : left + width, :]


@MEMBERS.serve("image.central_crop", node=True)
def central_crop(image: ArrayLike, central_fraction: float) -> AnyTensor:
    image, fraction = picture(image), float(central_fraction)
    if not 0 < fraction <= 1:
        raise ValueError(f"tensorflow.image.central_crop: expected a fraction in (0, 1]. Received: {central_fraction}")
    (rows, columns) = image.shape[-3:-1]
    top, left = int((rows - rows * fraction) / 2), int((columns - columns * fraction) / 2)
    return image[..., top : rows - top, left : columns - left, :]


@MEMBERS.serve("image.flip_left_right")
def flip_left_right(image: ArrayLike) -> AnyTensor:
    return picture(image)[..., ::-1, :]


@MEMBERS.serve("image.flip_up_down")
def flip_up_down(image: ArrayLike) -> AnyTensor:
    return picture(image)[..., ::-1, :, :]


@MEMBERS.serve("image.transpose", "image.transpose_image")
def transpose(image: ArrayLike) -> AnyTensor:
    image = picture(image)
    order = (*range(len(image.shape) - 3), *(len(image.shape) - i for i in (2, 3, 1)))
    return image.transpose(order) if isinstance(image, HostTensor) else ops.transpose(image, order)


@MEMBERS.serve("image.rot90")
def rot90(image: ArrayLike, k: Any = 1) -> AnyTensor:
    if isinstance(k, jax.core.Tracer):
        turned = [rot90(image, times) for times in range(4)]
        if turned[1].shape != turned[0].shape:
            raise ValueError("tensorflow.image.rot90: `k` that is known at run time only needs square images.")
        return jax.lax.select_n(jnp.mod(k, 4), *turned)
    image, turns = picture(image), int(k) % 4
    if turns == 1:
        return flip_up_down(transpose(image))
    if turns == 2:
        return image[..., ::-1, ::-1, :]
    return transpose(flip_up_down(image)) if turns == 3 else image


def _random_flip(name: str, flip: Callable[[Any], Any]) -> None:
    def flipped(image: ArrayLike, seed: Seed) -> AnyTensor:
        image = picture(image)
        if len(image.shape) > 3:
            chosen = ops.reshape(random_bits(image.shape[0], seed), (-1, 1, 1, 1))
            return ops.where(chosen, flip(image), tensor(image))
        chosen = drawn(seed, 0.0, 1.0) < 0.5
        if isinstance(image, HostTensor) and not isinstance(chosen, jax.core.Tracer):
            return flip(image) if bool(chosen) else image
        return jnp.where(chosen, tensor(flip(image)), tensor(image))

    @MEMBERS.serve(f"image.random_flip_{name}")
    def random_flip(image: ArrayLike, seed: ArrayLike | None = None) -> AnyTensor:
        return flipped(image, stateless_or_stream(seed, False))

    @MEMBERS.serve(f"image.stateless_random_flip_{name}")
    def stateless_random_flip(image: ArrayLike, seed: ArrayLike) -> AnyTensor:
        return flipped(image, stateless_or_stream(seed, True))


def random_bits(count: int, seed: Seed) -> jax.Array:
    """True or False, `(count,)`."""
    from ...random import uniform

    return uniform((count,), seed=seed) < 0.5


_random_flip("left_right", flip_left_right)
_random_flip("up_down", flip_up_down)


@MEMBERS.serve("image.crop_and_resize", node=True)
def crop_and_resize(
    image: ArrayLike,
    boxes: ArrayLike,
    box_indices: ArrayLike,
    crop_size: Sizes,
    method: str = "bilinear",
    extrapolation_value: float = 0.0,
) -> jax.Array:
    image, boxes, owners = tensor(image).astype(jnp.float32), tensor(boxes), tensor(box_indices)
    height, width = sizes(crop_size)
    rows, columns = image.shape[1:3]

    def places(low: jax.Array, high: jax.Array, size: int, count: int) -> jax.Array:
        if count == 1:
            return 0.5 * (low + high)[None] * (size - 1)
        return low * (size - 1) + jnp.arange(count) * (high - low) * (size - 1) / (count - 1)

    def one(box: jax.Array, owner: jax.Array) -> jax.Array:
        y, x = places(box[0], box[2], rows, height), places(box[1], box[3], columns, width)
        if method == "nearest":
            found = image[owner][jnp.round(y).astype(int)][:, jnp.round(x).astype(int)]
        else:
            top, left = jnp.floor(y).astype(int), jnp.floor(x).astype(int)
            down, across = (y - top)[:, None, None], (x - left)[None, :, None]
            picked = image[owner]
            upper, lower = picked[top], picked[jnp.minimum(top + 1, rows - 1)]
            right = jnp.minimum(left + 1, columns - 1)
            found = (upper[:, left] * (1 - across) + upper[:, right] * across) * (1 - down)
            found += (lower[:, left] * (1 - across) + lower[:, right] * across) * down
        inside = ((y >= 0) & (y <= rows - 1))[:, None, None] & ((x >= 0) & (x <= columns - 1))[None, :, None]
        return jnp.where(inside, found, extrapolation_value)

    return jax.vmap(one)(boxes, owners)


@MEMBERS.serve("image.extract_patches", "image.extract_image_patches", "extract_image_patches")
def extract_patches(
    images: ArrayLike,
    sizes: Any = None,
    strides: Sequence[SupportsInt] | None = None,
    rates: Sequence[SupportsInt] = (1, 1, 1, 1),
    padding: str = "VALID",
) -> jax.Array:
    picked = [tuple(int(size) for size in one[1:3]) for one in (sizes, strides or sizes, rates)]
    return ops.image.extract_patches(tensor(images), picked[0], picked[1], picked[2][0], padding=padding.lower())


_COLORS = [[1, 1, 0, 1], [0, 0, 1, 1], [1, 0, 0, 1], [0, 1, 0, 1], [0.5, 0, 0.5, 1], [0.5, 0.5, 0, 1], [0.5, 0, 0, 1]]
_COLORS += [[0, 0, 0.5, 1], [0, 1, 1, 1], [1, 0, 1, 1]]


@MEMBERS.serve("image.draw_bounding_boxes")
def draw_bounding_boxes(images: ArrayLike, boxes: ArrayLike, colors: ArrayLike | None = None) -> jax.Array:
    drawn_on, boxes = np.array(images, np.float32), np.asarray(boxes, np.float32)
    palette = np.asarray(_COLORS if colors is None else colors, np.float32)
    rows, columns, channels = drawn_on.shape[1:]
    for image, own in zip(drawn_on, boxes, strict=True):
        for i, (top, left, bottom, right) in enumerate(own):
            color = palette[i % len(palette)][:channels] if channels > 1 else np.ones(1, np.float32)
            edges = top * (rows - 1), left * (columns - 1), bottom * (rows - 1), right * (columns - 1)
            y1, x1, y2, x2 = (int(edge) for edge in edges)
            if y2 < 0 or x2 < 0 or y1 >= rows or x1 >= columns or y1 > y2 or x1 > x2:
                continue
            high, low = slice(max(y1, 0), min(y2, rows - 1) + 1), slice(max(x1, 0), min(x2, columns - 1) + 1)
            for row in (y1, y2):
                if 0 <= row < rows:
                    image[row, low] = color
            for column in (x1, x2):
                if 0 <= column < columns:
                    image[high, column] = color
    return jnp.asarray(drawn_on)
