"""Layers that blur, sharpen, or erase parts of images at random."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from ...kernels.images import gaussian_blur
from ..catalogue import layer
from .images import Drawn, bounds, covers, decide, normal, number, per_image, uniform
from .random_color import RandomColor


@layer()
class RandomSharpness(RandomColor):
    """`smooth + 2 f (x - smooth)` in training: `f` of 0 smooths, 0.5 leaves the image as it is, 1 sharpens.

    `smooth` is the mean of the 3x3 neighbours with weight 5 for the pixel itself; zeros lie outside of the image.

    Args:
        factor: f: 0.3 draws from 0 to 0.3, (0.3, 0.7) goes both ways.
        value_range: limits of the pixels.
        seed: whole number; default: drawn from the process' stream.
    """

    def __init__(
        self, factor: Any, value_range: Any = (0, 255), data_format: Any = None, seed: Any = None, **kwargs: Any
    ):
        super().__init__(value_range=value_range, seed=seed, data_format=data_format, **kwargs)
        self.factor = bounds(self._who(), "factor", factor, 0, 1)

    def draw(self, key: jax.Array, shape: tuple[int, ...]) -> Drawn:
        return {"factor": uniform(key, shape[0], self.factor)}

    def transform(self, images: jax.Array, drawn: Drawn) -> jax.Array:
        rows, columns = images.shape[1:3]
        padded = jnp.pad(images, ((0, 0), (1, 1), (1, 1), (0, 0)))
        across = padded[:, :, :columns] + padded[:, :, 1 : columns + 1] + padded[:, :, 2:]
        box = across[:, :rows] + across[:, 1 : rows + 1] + across[:, 2:]
        smooth = (box + 4 * images) / 13
        return self._clip(smooth + 2 * per_image(drawn["factor"]) * (images - smooth))


@layer()
class RandomGaussianBlur(RandomColor):
    """Blurs images by a Gaussian window in training; zeros lie outside of the image.

    Keras 3 on JAX blurs along rows only and darkens the image; here the blur goes both ways and keeps the brightness.

    Args:
        factor: the probability to change an image is drawn from 0 to `factor` (or between two numbers).
        kernel_size: rows and columns of the window, odd; one number for both.
        sigma: deviation in pixels, drawn from 0 to `sigma` (at most 1) or between two numbers, for each image and axis.
        value_range: limits of the pixels.
        seed: whole number; default: drawn from the process' stream.
    """

    def __init__(
        self,
        factor: Any = 1.0,
        kernel_size: Any = 3,
        sigma: Any = 1.0,
        value_range: Any = (0, 255),
        data_format: Any = None,
        seed: Any = None,
        **kwargs: Any,
    ):
        super().__init__(value_range=value_range, seed=seed, data_format=data_format, **kwargs)
        self.factor = bounds(self._who(), "factor", factor, 0, 1, strict=True)
        self.sigma = bounds(self._who(), "sigma", sigma, 0, 1)
        if self.sigma[0] < 0:
            raise ValueError(f"{self._who()}: the `sigma` argument cannot be negative. Received: sigma={sigma!r}")
        sizes = tuple(kernel_size) if isinstance(kernel_size, Sequence) else (kernel_size, kernel_size)
        if len(sizes) != 2 or any(not isinstance(size, int) or size < 1 or size % 2 == 0 for size in sizes):
            raise ValueError(
                f"{self._who()}: `kernel_size` must be an odd number, or a list of two. Received:"
                f" kernel_size={kernel_size!r}"
            )
        self.kernel_size = sizes

    def draw(self, key: jax.Array, shape: tuple[int, ...]) -> Drawn:
        keys = jax.random.split(key, 3)
        sigma = [uniform(k, shape[0], self.sigma) for k in keys[1:]]
        return {"should_apply_blur": decide(keys[0], shape[0], self.factor), "blur_factor": jnp.stack(sigma, -1)}

    def transform(self, images: jax.Array, drawn: Drawn) -> jax.Array:
        blurred = gaussian_blur(images, self.kernel_size, drawn["blur_factor"])
        return jnp.where(per_image(drawn["should_apply_blur"]), self._clip(blurred), images)


@layer()
class RandomErasing(RandomColor):
    """Covers a rectangle of each image in training. Zhong et al. 2017, Random Erasing Data Augmentation.

    Args:
        factor: the probability to change an image is drawn from 0 to `factor` (or between two numbers).
        scale: part of the area: each side is the image's times the root of a number drawn from here; one number: from
            0 to it.
        fill_value: number, or one per channel; None: normal noise in the range of values.
        value_range: limits of the pixels.
        seed: whole number; default: drawn from the process' stream.
    """

    gives_batches = True

    def __init__(
        self,
        factor: Any = 1.0,
        scale: Any = (0.02, 0.33),
        fill_value: Any = None,
        value_range: Any = (0, 255),
        seed: Any = None,
        data_format: Any = None,
        **kwargs: Any,
    ):
        super().__init__(value_range=value_range, seed=seed, data_format=data_format, **kwargs)
        self.factor = bounds(self._who(), "factor", factor, 0, 1, strict=True)
        self.scale = bounds(self._who(), "scale", scale, 0, 1, strict=True)
        self.fill_value = fill_value
        if fill_value is not None:
            several = isinstance(fill_value, (tuple, list))
            for value in fill_value if several else [fill_value]:
                number(self._who(), "fill_value", value)

    def draw(self, key: jax.Array, shape: tuple[int, ...]) -> Drawn:
        chosen, noise, *keys = jax.random.split(key, 6)
        rows = self._covered(keys[:2], shape[0], shape[1])
        columns = self._covered(keys[2:], shape[0], shape[2])
        if self.fill_value is None:
            fill = self._clip(self.value_range[1] * normal(noise, shape))
        else:
            fill = jnp.broadcast_to(jnp.asarray(self.fill_value, "float32"), shape)
        return {
            "apply_erasing": decide(chosen, shape[0], self.factor),
            "batch_masks": jnp.broadcast_to((rows[:, :, None] & columns[:, None, :])[..., None], shape),
            "fill_value": fill,
        }

    def _covered(self, keys: Sequence[jax.Array], batch: int, size: int) -> jax.Array:
        """Whether the rectangle covers a place along an axis, `(batch, size)`."""
        return covers(keys[1], size * jnp.sqrt(uniform(keys[0], batch, self.scale)), size)

    def transform(self, images: jax.Array, drawn: Drawn) -> jax.Array:
        erased = per_image(drawn["apply_erasing"]) & drawn["batch_masks"]
        return jnp.where(erased, jnp.asarray(drawn["fill_value"], images.dtype), images)
