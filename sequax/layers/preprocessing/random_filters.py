"""Layers that blur, sharpen, or erase parts of images at random."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Unpack

import jax
import jax.numpy as jnp

from ...core.kinds import Checked, DataFormat, Owner
from ...core.types import Tensor
from ...kernels.images import gaussian_blur
from ..catalogue import layer
from .image_arguments import BoxOptions, Color, LooseShare, Range, Share, ValueRange, is_pair
from .images import Drawn, covers, decide, normal, per_image, uniform
from .random_color import RandomColor


@layer()
class RandomSharpness(RandomColor):
    """`smooth + 2 f (x - smooth)` in training: `f` of 0 smooths, 0.5 leaves the image as it is, 1 sharpens.

    `smooth` is the mean of the 3x3 neighbours with weight 5 for the pixel itself; zeros lie outside of the image.

    Shapes: `(batch, height, width, channels)` or one image without the batch axis; the output has the same shape.

    Args:
        factor: f: 0.3 draws from 0 to 0.3, (0.3, 0.7) goes both ways.
        value_range: least and greatest value of a pixel.
        data_format: `"channels_last"` or `"channels_first"`; None: as `config.set_image_data_format` says.
        seed: whole number; None: drawn from the process' stream.
        **options: `bounding_box_format`, such as `"xyxy"`, where boxes come with the images; name, dtype, ...: as in
            `Layer`.

    Example:

    >>> import numpy as np
    >>> RandomSharpness((0.3, 0.7))(np.ones((2, 8, 8, 3))).shape
    (2, 8, 8, 3)
    """

    def __init__(
        self,
        factor: LooseShare,
        value_range: ValueRange = (0, 255),
        data_format: DataFormat = None,
        seed: int | None = None,
        **options: Unpack[BoxOptions],
    ):
        super().__init__(data_format=data_format, **options)

    def draw(self, key: Tensor, shape: tuple[int, ...]) -> Drawn:
        return {"factor": uniform(key, shape[0], self.factor)}

    def transform(self, images: Tensor, drawn: Drawn) -> Tensor:
        rows, columns = images.shape[1:3]
        padded = jnp.pad(images, ((0, 0), (1, 1), (1, 1), (0, 0)))
        across = padded[:, :, :columns] + padded[:, :, 1 : columns + 1] + padded[:, :, 2:]
        box = across[:, :rows] + across[:, 1 : rows + 1] + across[:, 2:]
        smooth = (box + 4 * images) / 13
        return self._clip(smooth + 2 * per_image(drawn["factor"]) * (images - smooth))


class OddSizesOf(Checked):
    """Rows and columns of a window that has a middle; one number for both."""

    expected = "an odd number, or a list of two"

    def resolve(self, value: object, name: str, owner: Owner) -> tuple[int, ...]:
        sizes = super().resolve(value, name, owner)
        return tuple(sizes) if is_pair(sizes) else (sizes, sizes)

    def contains(self, value: object) -> bool:
        sizes = value if is_pair(value) else (value, value)
        return len(sizes) == 2 and all(isinstance(size, int) and size > 0 and size % 2 for size in sizes)


OddSizes = Annotated[int | Sequence[int], OddSizesOf()]


@layer()
class RandomGaussianBlur(RandomColor):
    """Blurs images by a Gaussian window in training; zeros lie outside of the image.

    Keras 3 on JAX blurs along rows only and darkens the image; here the blur goes both ways and keeps the brightness.

    Shapes: `(batch, height, width, channels)` or one image without the batch axis; the output has the same shape.

    Args:
        factor: the probability to change an image is drawn from 0 to `factor` (or between two numbers).
        kernel_size: rows and columns of the window, odd; one number for both.
        sigma: deviation in pixels, drawn from 0 to `sigma` (at most 1) or between two numbers, for each image and axis.
        value_range: least and greatest value of a pixel.
        data_format: `"channels_last"` or `"channels_first"`; None: as `config.set_image_data_format` says.
        seed: whole number; None: drawn from the process' stream.
        **options: `bounding_box_format`, such as `"xyxy"`, where boxes come with the images; name, dtype, ...: as in
            `Layer`.

    Example:

    >>> import numpy as np
    >>> RandomGaussianBlur(kernel_size=5)(np.ones((2, 8, 8, 3))).shape
    (2, 8, 8, 3)
    """

    kernel_size: tuple[int, int]
    sigma: Range

    def __init__(
        self,
        factor: Share = 1.0,
        kernel_size: OddSizes = 3,
        sigma: LooseShare = 1.0,
        value_range: ValueRange = (0, 255),
        data_format: DataFormat = None,
        seed: int | None = None,
        **options: Unpack[BoxOptions],
    ):
        super().__init__(data_format=data_format, **options)
        if self.sigma[0] < 0:
            raise ValueError(f"{self._who()}: `sigma` must not be negative. Received: sigma={sigma!r}")

    def draw(self, key: Tensor, shape: tuple[int, ...]) -> Drawn:
        keys = jax.random.split(key, 3)
        sigma = [uniform(k, shape[0], self.sigma) for k in keys[1:]]
        return {"should_apply_blur": decide(keys[0], shape[0], self.factor), "blur_factor": jnp.stack(sigma, -1)}

    def transform(self, images: Tensor, drawn: Drawn) -> Tensor:
        blurred = gaussian_blur(images, self.kernel_size, drawn["blur_factor"])
        return jnp.where(per_image(drawn["should_apply_blur"]), self._clip(blurred), images)


@layer()
class RandomErasing(RandomColor):
    """Covers a rectangle of each image in training. Zhong et al. 2017, Random Erasing Data Augmentation.

    Shapes: `(batch, height, width, channels)` or one image without the batch axis; the output has the same shape.

    Args:
        factor: the probability to change an image is drawn from 0 to `factor` (or between two numbers).
        scale: part of the area: each side is the image's times the root of a number drawn from here; one number: from
            0 to it.
        fill_value: number, or one per channel; None: normal noise in the range of values.
        value_range: least and greatest value of a pixel.
        seed: whole number; None: drawn from the process' stream.
        data_format: `"channels_last"` or `"channels_first"`; None: as `config.set_image_data_format` says.
        **options: `bounding_box_format`, such as `"xyxy"`, where boxes come with the images; name, dtype, ...: as in
            `Layer`.

    Example:

    >>> import numpy as np
    >>> RandomErasing(scale=(0.1, 0.2))(np.ones((2, 8, 8, 3))).shape
    (2, 8, 8, 3)
    """

    gives_batches = True
    scale: Range

    def __init__(
        self,
        factor: Share = 1.0,
        scale: Share = (0.02, 0.33),
        fill_value: Color | None = None,
        value_range: ValueRange = (0, 255),
        seed: int | None = None,
        data_format: DataFormat = None,
        **options: Unpack[BoxOptions],
    ):
        super().__init__(data_format=data_format, **options)

    def draw(self, key: Tensor, shape: tuple[int, ...]) -> Drawn:
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

    def _covered(self, keys: Sequence[Tensor], batch: int, size: int) -> Tensor:
        """Whether the rectangle covers a place along an axis, `(batch, size)`."""
        return covers(keys[1], size * jnp.sqrt(uniform(keys[0], batch, self.scale)), size)

    def transform(self, images: Tensor, drawn: Drawn) -> Tensor:
        erased = per_image(drawn["apply_erasing"]) & drawn["batch_masks"]
        return jnp.where(erased, jnp.asarray(drawn["fill_value"], images.dtype), images)
