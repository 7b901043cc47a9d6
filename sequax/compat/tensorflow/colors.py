"""`tf.image`: colours, contrast and brightness of images, measures of likeness, and their random changes."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ... import ops
from ...core import dtypes
from ...core.rng import Seed
from ...core.tensor import is_tensor as is_symbolic
from ...core.types import ArrayLike, DTypeLike
from ...kernels import framing
from .images import picture
from .randoms import drawn, stateless_or_stream
from .serving import Table
from .values import AnyTensor, HostTensor, Operand, as_dtype, tensor

MEMBERS = Table()


def _kind(image: AnyTensor) -> str:
    return np.dtype(image.dtype).name


def _cast(image: AnyTensor, dtype: str) -> AnyTensor:
    kind = dtypes.jnp_dtype(dtype)
    return image.astype(kind) if not is_symbolic(image) else ops.cast(image, dtype)


def _saturated(image: AnyTensor, dtype: str) -> AnyTensor:
    limits = jnp.iinfo(dtypes.jnp_dtype(dtype))
    if isinstance(image, HostTensor):
        return HostTensor(np.clip(image, limits.min, limits.max))
    return ops.clip(image, limits.min, limits.max)


@MEMBERS.serve("image.convert_image_dtype")
def convert_image_dtype(image: ArrayLike, dtype: DTypeLike, saturate: bool = False) -> AnyTensor:
    """Whole numbers from 0 to the dtype's largest are floats from 0 to 1."""
    image = image if isinstance(image, HostTensor) else tensor(image)
    old, new = _kind(image), str(as_dtype(dtype))
    old, new = np.dtype(old).name, dtypes.jnp_dtype(new).name
    if old == new:
        return image
    from_float, to_float = dtypes.is_float(old), dtypes.is_float(new)
    if from_float and to_float:
        return _cast(image, new)
    if to_float:
        return _cast(image, new) * (1.0 / float(jnp.iinfo(old).max))
    if from_float:
        scaled = image * (float(jnp.iinfo(new).max) + 0.5)
        return _cast(_saturated(scaled, new) if saturate else scaled, new)
    most, least = int(jnp.iinfo(old).max), int(jnp.iinfo(new).max)
    if most > least:
        found = image // ((most + 1) // (least + 1))
        return _cast(_saturated(found, new) if saturate else found, new)
    found = _saturated(image, new) if saturate else image
    return _cast(found, new) * ((least + 1) // (most + 1))


def as_float(change: Callable[..., Any]) -> Callable[..., Any]:
    """A change of images of floats from 0 to 1, made one of images of any dtype."""

    def changed(image: ArrayLike, *args: Any) -> AnyTensor:
        image = picture(image)
        kind = _kind(image)
        if dtypes.is_float(kind):
            return change(image, *args)
        return convert_image_dtype(change(convert_image_dtype(image, "float32"), *args), kind, saturate=True)

    return changed


_brighter = as_float(lambda image, delta: image + delta)


@as_float
def _contrasted(image: Any, factor: Operand) -> AnyTensor:
    if isinstance(image, HostTensor):
        mean = image.mean(axis=(-3, -2), keepdims=True)
        return (image - mean) * factor + mean
    mean = ops.mean(image, axis=(-3, -2), keepdims=True)
    return (image - mean) * factor + mean


@as_float
def _hued(image: Any, delta: Operand) -> jax.Array:
    hsv = rgb_to_hsv(image)
    return hsv_to_rgb(jnp.concatenate([jnp.mod(hsv[..., :1] + delta, 1.0), hsv[..., 1:]], axis=-1))


@as_float
def _saturation(image: Any, factor: Operand) -> jax.Array:
    hsv = rgb_to_hsv(image)
    strong = jnp.clip(hsv[..., 1:2] * factor, 0.0, 1.0)
    return hsv_to_rgb(jnp.concatenate([hsv[..., :1], strong, hsv[..., 2:]], axis=-1))


@MEMBERS.serve("image.adjust_brightness")
def adjust_brightness(image: ArrayLike, delta: Operand) -> AnyTensor:
    return _brighter(image, delta)


@MEMBERS.serve("image.adjust_contrast", "image.adjust_contrast_v2")
def adjust_contrast(images: ArrayLike, contrast_factor: Operand) -> AnyTensor:
    return _contrasted(images, contrast_factor)


@MEMBERS.serve("image.adjust_hue", node=True)
def adjust_hue(image: ArrayLike, delta: Operand) -> jax.Array:
    return _hued(image, delta)


@MEMBERS.serve("image.adjust_saturation", node=True)
def adjust_saturation(image: ArrayLike, saturation_factor: Operand) -> jax.Array:
    return _saturation(image, saturation_factor)


@MEMBERS.serve("image.adjust_gamma", node=True)
def adjust_gamma(image: ArrayLike, gamma: Operand = 1, gain: Operand = 1) -> AnyTensor:
    return as_float(lambda image: gain * image**gamma)(image)


def _random(name: str, change: Callable[..., Any]) -> None:
    """`random_NAME` and `stateless_random_NAME` with the bounds `lower` and `upper`."""

    @MEMBERS.serve(f"image.random_{name}")
    def random_change(image: ArrayLike, lower: float, upper: float, seed: ArrayLike | None = None) -> AnyTensor:
        return change(image, _between(lower, upper, stateless_or_stream(seed, False), name))

    @MEMBERS.serve(f"image.stateless_random_{name}")
    def stateless_change(image: ArrayLike, lower: float, upper: float, seed: ArrayLike) -> AnyTensor:
        return change(image, _between(lower, upper, stateless_or_stream(seed, True), name))


def _random_up_to(name: str, change: Callable[..., Any]) -> None:
    """The same with a bound `max_delta` on both sides of zero."""

    @MEMBERS.serve(f"image.random_{name}")
    def random_change(image: ArrayLike, max_delta: float, seed: ArrayLike | None = None) -> AnyTensor:
        return change(image, _between(-max_delta, max_delta, stateless_or_stream(seed, False), name))

    @MEMBERS.serve(f"image.stateless_random_{name}")
    def stateless_change(image: ArrayLike, max_delta: float, seed: ArrayLike) -> AnyTensor:
        return change(image, _between(-max_delta, max_delta, stateless_or_stream(seed, True), name))


def _between(low: float, high: float, seed: Seed, name: str) -> jax.Array | np.float32:
    if isinstance(low, (int, float)) and isinstance(high, (int, float)) and low > high:
        raise ValueError(
            f"tensorflow.image.random_{name}: the upper bound must not be below the lower one: {low}, {high}"
        )
    found = drawn(seed, low, high)
    return found if isinstance(found, jax.core.Tracer) else np.float32(found)


_random("contrast", _contrasted)
_random("saturation", _saturation)
_random_up_to("brightness", _brighter)
_random_up_to("hue", _hued)


@MEMBERS.serve("image.per_image_standardization", "image.per_image_whitening", node=True)
def per_image_standardization(image: ArrayLike) -> AnyTensor:
    image = picture(image)
    if isinstance(image, HostTensor):
        host = np.asarray(image, np.float32).view(np.ndarray)
        least = 1 / np.sqrt(np.float32(np.prod(host.shape[-3:])))
        mean, spread = (f(host, axis=(-3, -2, -1), keepdims=True) for f in (np.mean, np.std))
        return HostTensor((host - mean) / np.maximum(spread, least))
    image = image if dtypes.is_float(image.dtype) else image.astype(jnp.float32)
    least = 1 / np.sqrt(np.float32(np.prod(image.shape[-3:])))
    mean, spread = (f(image, axis=(-3, -2, -1), keepdims=True) for f in (jnp.mean, jnp.std))
    return (image - mean) / jnp.maximum(spread, least)


_GRAY = np.array([0.2989, 0.5870, 0.1140], np.float32)


@MEMBERS.serve("image.rgb_to_grayscale", node=True)
def rgb_to_grayscale(images: ArrayLike) -> AnyTensor:
    images = picture(images)
    kind = _kind(images)
    gray = (convert_image_dtype(images, "float32") * _GRAY).sum(-1, keepdims=True)
    return gray if dtypes.is_float(kind) else convert_image_dtype(gray, kind)


@MEMBERS.serve("image.grayscale_to_rgb", node=True)
def grayscale_to_rgb(images: ArrayLike) -> AnyTensor:
    images = picture(images)
    shape = (*images.shape[:-1], 3)
    return (
        HostTensor(np.broadcast_to(images, shape))
        if isinstance(images, HostTensor)
        else jnp.broadcast_to(images, shape)
    )


@MEMBERS.serve("image.rgb_to_hsv")
def rgb_to_hsv(images: ArrayLike) -> jax.Array:
    return ops.image.rgb_to_hsv(tensor(images))


@MEMBERS.serve("image.hsv_to_rgb")
def hsv_to_rgb(images: ArrayLike) -> jax.Array:
    return ops.image.hsv_to_rgb(tensor(images))


# Columns are the new channels. The ways back are rounded as in TensorFlow.
_MIXTURES: dict[str, list[list[float]]] = {
    "rgb_to_yiq": [[0.299, 0.59590059, 0.2115], [0.587, -0.27455667, -0.52273617], [0.114, -0.32134392, 0.31119955]],
    "yiq_to_rgb": [[1, 1, 1], [0.95598634, -0.27201283, -1.10674021], [0.6208248, -0.64720424, 1.70423049]],
    "rgb_to_yuv": [
        [0.299, -0.14714119, 0.61497538],
        [0.587, -0.28886916, -0.51496512],
        [0.114, 0.43601035, -0.10001026],
    ],
    "yuv_to_rgb": [[1, 1, 1], [0, -0.394642334, 2.03206185], [1.13988303, -0.58062185, 0]],
}


def _mixture(name: str, matrix: list[list[float]]) -> None:
    @MEMBERS.serve(f"image.{name}")
    def mixed(images: ArrayLike) -> jax.Array:
        return ops.tensordot(tensor(images), np.asarray(matrix, np.float32), 1)


for _name, _matrix in _MIXTURES.items():
    _mixture(_name, _matrix)


@MEMBERS.serve("image.sobel_edges", node=True)
def sobel_edges(image: ArrayLike) -> jax.Array:
    padded = jnp.pad(tensor(image), [(0, 0), (1, 1), (1, 1), (0, 0)], "reflect")
    edges = framing.sobel(padded)[:, 1:-1, 1:-1]
    return edges


@MEMBERS.serve("image.image_gradients")
def image_gradients(image: ArrayLike) -> tuple[jax.Array, jax.Array]:
    image = tensor(image)
    below, right = image[:, 1:] - image[:, :-1], image[:, :, 1:] - image[:, :, :-1]
    return ops.pad(below, [(0, 0), (0, 1), (0, 0), (0, 0)]), ops.pad(right, [(0, 0), (0, 0), (0, 1), (0, 0)])


@MEMBERS.serve("image.total_variation")
def total_variation(images: ArrayLike) -> jax.Array:
    images = picture(images)
    below = ops.abs(images[..., 1:, :, :] - images[..., :-1, :, :])
    right = ops.abs(images[..., 1:, :] - images[..., :-1, :])
    return ops.sum(below, axis=(-3, -2, -1)) + ops.sum(right, axis=(-3, -2, -1))


def _compared(a: ArrayLike, b: ArrayLike, max_val: float) -> tuple[AnyTensor, AnyTensor, float]:
    """Both images as floats from 0 to 1, and what the largest value is then."""
    a, b = tensor(a), tensor(b)
    kind = _kind(a)
    scale = 1.0 if dtypes.is_float(kind) else float(jnp.iinfo(kind).max)
    return convert_image_dtype(a, "float32"), convert_image_dtype(b, "float32"), max_val / scale


@MEMBERS.serve("image.psnr")
def psnr(a: ArrayLike, b: ArrayLike, max_val: float) -> jax.Array:
    a, b, most = _compared(a, b, max_val)
    error = ops.mean(ops.square(a - b), axis=(-3, -2, -1))
    return 20 * math.log10(most) - 10 * ops.log10(error)


@MEMBERS.serve("image.ssim")
def ssim(
    img1: ArrayLike,
    img2: ArrayLike,
    max_val: float,
    filter_size: int = 11,
    filter_sigma: float = 1.5,
    k1: float = 0.01,
    k2: float = 0.03,
    return_index_map: bool = False,
) -> jax.Array:
    if return_index_map:
        raise NotImplementedError("tensorflow.image.ssim: `return_index_map=True` is not served.")
    a, b, most = _compared(img1, img2, max_val)
    found = ops.image.ssim(a, b, most, filter_size, filter_sigma, k1, k2, data_format="channels_last")
    return ops.squeeze(found, 0) if len(a.shape) == 3 and len(found.shape) else found
