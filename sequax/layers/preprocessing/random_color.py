"""Layers that change colors at random: brightness, contrast, saturation, hue, inversion, fewer levels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Unpack

import jax
import jax.numpy as jnp

from ...core import rng
from ...core.kinds import DataFormat
from ...core.types import Tensor
from ...kernels.colors import hsv_to_rgb, rgb_to_grayscale, rgb_to_hsv
from ..catalogue import layer
from .annotated import Images, images_of
from .image_arguments import (
    Bits,
    BoxOptions,
    Change,
    GivenChange,
    GivenShare,
    HiddenSeed,
    ImageOptions,
    LooseShare,
    Probability,
    Range,
    Share,
    ValueRange,
)
from .images import Drawn, RandomImageLayer, decide, from_bytes, per_image, to_bytes, uniform


class RandomColor(RandomImageLayer):
    """Base of layers that know the range of pixel values."""

    def _clip(self, images: Tensor) -> Tensor:
        return jnp.clip(images, *self.value_range)


@layer()
class RandomBrightness(RandomColor):
    """Adds a random number, one per image, in training, and clips to the range of values.

    Shapes: `(batch, height, width, channels)` or one image without the batch axis; the output has the same shape.
    Whole numbers stay whole numbers.

    Args:
        factor: part of the range: 0.2 draws from -0.2 to 0.2, (0, 0.5) makes lighter only.
        value_range: least and greatest value of a pixel.
        seed: whole number; None: drawn from the process' stream.
        **options: `bounding_box_format`, such as `"xyxy"`, where boxes come with the images; name, dtype, ...: as in
            `Layer`.

    Example:

    >>> import numpy as np
    >>> RandomBrightness(0.2)(np.ones((2, 8, 8, 3))).shape
    (2, 8, 8, 3)
    """

    keeps_integers = True
    to_integers: Callable[..., Any] = staticmethod(jnp.trunc)

    def __init__(
        self,
        factor: Change,
        value_range: ValueRange = (0, 255),
        seed: int | None = None,
        **options: Unpack[ImageOptions],
    ):
        super().__init__(**options)

    def draw(self, key: Tensor, shape: tuple[int, ...]) -> Drawn:
        low, high = self.value_range
        return {"rgb_delta": per_image((high - low) * uniform(key, shape[0], self.factor))}

    def transform(self, images: Tensor, drawn: Drawn) -> Tensor:
        return self._clip(images + per_image(drawn["rgb_delta"]))


@layer()
class RandomContrast(RandomColor):
    """`(x - mean) * f + mean` in training, with the mean of each channel of each image, clipped to the range of values.

    Shapes: `(batch, height, width, channels)` or one image without the batch axis; the output has the same shape.

    Args:
        factor: `f` is drawn from 1 to `1 + factor`; of two numbers, from `1 - lower` to `1 + upper`.
        value_range: least and greatest value of a pixel.
        seed: whole number; None: drawn from the process' stream.
        **options: `bounding_box_format`, such as `"xyxy"`, where boxes come with the images; name, dtype, ...: as in
            `Layer`.

    Example:

    >>> import numpy as np
    >>> RandomContrast(0.2)(np.ones((2, 8, 8, 3))).shape
    (2, 8, 8, 3)
    """

    def __init__(
        self,
        factor: LooseShare,
        value_range: ValueRange = (0, 255),
        seed: int | None = None,
        **options: Unpack[ImageOptions],
    ):
        super().__init__(**options)

    def draw(self, key: Tensor, shape: tuple[int, ...]) -> Drawn:
        lower, upper = self.factor
        return {"contrast_factor": per_image(uniform(key, shape[0], (1 - lower, 1 + upper)))}

    def transform(self, images: Tensor, drawn: Drawn) -> Tensor:
        mean = jnp.mean(images, (1, 2), keepdims=True)
        return self._clip((images - mean) * per_image(drawn["contrast_factor"]) + mean)


@layer()
class RandomColorDegeneration(RandomColor):
    """Mixes each image with its gray version in training: `x + factor * (gray - x)`, clipped to the range of values.

    Shapes: `(batch, height, width, channels)` or one image without the batch axis; the output has the same shape.

    Args:
        factor: 0.3 draws from -0.3 to 0.3, (0.5, 1) from 0.5 to 1, where 1 is gray and below 0 more colorful.
        value_range: least and greatest value of a pixel.
        data_format: `"channels_last"` or `"channels_first"`; None: as `config.set_image_data_format` says.
        seed: whole number; None: drawn from the process' stream.
        **options: `bounding_box_format`, such as `"xyxy"`, where boxes come with the images; name, dtype, ...: as in
            `Layer`.

    Example:

    >>> import numpy as np
    >>> RandomColorDegeneration(0.5)(np.ones((2, 8, 8, 3))).shape
    (2, 8, 8, 3)
    """

    channels: tuple[int, int] = (1, 3)

    def __init__(
        self,
        factor: Change,
        value_range: ValueRange = (0, 255),
        data_format: DataFormat = None,
        seed: int | None = None,
        **options: Unpack[BoxOptions],
    ):
        super().__init__(data_format=data_format, **options)

    def draw(self, key: Tensor, shape: tuple[int, ...]) -> Drawn:
        return {"factor": per_image(uniform(key, shape[0], self.factor))}

    def transform(self, images: Tensor, drawn: Drawn) -> Tensor:
        return self._clip(images + per_image(drawn["factor"]) * (_gray(images) - images))


@layer()
class RandomGrayscale(RandomImageLayer):
    """Makes an image gray with probability `factor` in training; the channels stay, and are then equal.

    Shapes: `(batch, height, width, channels)` or one image without the batch axis; the output has the same shape.

    Args:
        factor: probability.
        data_format: `"channels_last"` or `"channels_first"`; None: as `config.set_image_data_format` says.
        seed: whole number; None: drawn from the process' stream.
        **options: `bounding_box_format`, such as `"xyxy"`, where boxes come with the images; name, dtype, ...: as in
            `Layer`.

    Example:

    >>> import numpy as np
    >>> RandomGrayscale(0.5)(np.ones((2, 8, 8, 3))).shape
    (2, 8, 8, 3)
    """

    keeps_integers = True
    to_integers: Callable[..., Any] = staticmethod(jnp.trunc)
    channels: tuple[int, int] = (1, 3)

    def __init__(
        self,
        factor: Probability = 0.5,
        data_format: DataFormat = None,
        seed: HiddenSeed = None,
        **options: Unpack[BoxOptions],
    ):
        super().__init__(data_format=data_format, **options)

    def get_random_transformation(self, images: Images, training: bool = True, seed: rng.Seed = None) -> Any:
        return super().get_random_transformation(images, training, seed)

    def draw(self, key: Tensor, shape: tuple[int, ...]) -> Tensor:
        return per_image(decide(key, shape[0], (self.factor, self.factor)))

    def transform(self, images: Tensor, drawn: Any) -> Tensor:
        return jnp.where(per_image(drawn), _gray(images), images)


class RandomHueOrSaturation(RandomColor):
    """Base of layers that work on hue, saturation and value, each from 0 to 1."""

    channels: tuple[int] = (3,)

    def transform(self, images: Tensor, drawn: Drawn) -> Tensor:
        factor = jnp.reshape(jnp.asarray(drawn["factor"]), (-1, 1, 1))
        hue, saturation, value = jnp.moveaxis(rgb_to_hsv(to_bytes(images, self.value_range) / 255), -1, 0)
        changed = self.change(hue, saturation, factor)
        return from_bytes(hsv_to_rgb(jnp.stack([*changed, value], -1)) * 255, self.value_range)

    def change(self, hue: Tensor, saturation: Tensor, factor: Tensor) -> tuple[Tensor, Tensor]:
        raise NotImplementedError


@layer()
class RandomSaturation(RandomHueOrSaturation):
    """Multiplies the saturation of each image by `f / (1 - f)` in training, up to 1.

    Keras lets it grow beyond, which gives negative values.

    Shapes: `(batch, height, width, channels)` or one image without the batch axis; the output has the same shape.

    Args:
        factor: f: 0 is gray, 0.5 leaves the image as it is, 1 is fully saturated. A single number draws from `-factor`
            to `factor` as in Keras, which mostly desaturates; (0.3, 0.7) goes both ways.
        value_range: least and greatest value of a pixel.
        data_format: `"channels_last"` or `"channels_first"`; None: as `config.set_image_data_format` says.
        seed: whole number; None: drawn from the process' stream.
        **options: `bounding_box_format`, such as `"xyxy"`, where boxes come with the images; name, dtype, ...: as in
            `Layer`.

    Example:

    >>> import numpy as np
    >>> RandomSaturation((0.3, 0.7))(np.ones((2, 8, 8, 3))).shape
    (2, 8, 8, 3)
    """

    def __init__(
        self,
        factor: Change,
        value_range: ValueRange = (0, 255),
        data_format: DataFormat = None,
        seed: int | None = None,
        **options: Unpack[BoxOptions],
    ):
        super().__init__(data_format=data_format, **options)

    def draw(self, key: Tensor, shape: tuple[int, ...]) -> Drawn:
        factor = uniform(key, shape[0], self.factor)
        rest = 1 - factor
        return {"factor": factor / jnp.where(jnp.abs(rest) < 1e-6, 1e-6, rest)}

    def change(self, hue: Tensor, saturation: Tensor, factor: Tensor) -> tuple[Tensor, Tensor]:
        return hue, jnp.clip(saturation * factor, 0, 1)


@layer()
class RandomHue(RandomHueOrSaturation):
    """Turns the hue of each image in training, by up to half of the color circle either way.

    Shapes: `(batch, height, width, channels)` or one image without the batch axis; the output has the same shape.

    Args:
        factor: part of half a circle: 0.2 draws from 0 to 0.2, (0.1, 0.3) from 0.1 to 0.3, both ways.
        value_range: least and greatest value of a pixel.
        data_format: `"channels_last"` or `"channels_first"`; None: as `config.set_image_data_format` says.
        seed: whole number; None: drawn from the process' stream.
        **options: `bounding_box_format`, such as `"xyxy"`, where boxes come with the images; name, dtype, ...: as in
            `Layer`.

    Example:

    >>> import numpy as np
    >>> RandomHue(0.2)(np.ones((2, 8, 8, 3))).shape
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
        keys = jax.random.split(key)
        sign = jnp.where(decide(keys[0], shape[0], (0, 1)), 1, -1)
        return {"factor": 0.5 * sign * uniform(keys[1], shape[0], self.factor)}

    def change(self, hue: Tensor, saturation: Tensor, factor: Tensor) -> tuple[Tensor, Tensor]:
        return jnp.mod(hue + factor, 1), saturation


JITTERS: dict[str, Any] = {
    "random_brightness": RandomBrightness,
    "random_contrast": RandomContrast,
    "random_saturation": RandomSaturation,
    "random_hue": RandomHue,
}


@layer()
class RandomColorJitter(RandomColor):
    """`RandomBrightness`, `RandomContrast`, `RandomSaturation` and `RandomHue`, in this order, in training.

    Shapes: `(batch, height, width, channels)` or one image without the batch axis; the output has the same shape.

    Args:
        value_range: least and greatest value of a pixel.
        brightness_factor, contrast_factor, saturation_factor, hue_factor: of those layers; None leaves one out.
        seed: whole number; None: drawn from the process' stream.
        data_format: `"channels_last"` or `"channels_first"`; None: as `config.set_image_data_format` says.
        **options: `bounding_box_format`, such as `"xyxy"`, where boxes come with the images; name, dtype, ...: as in
            `Layer`.

    Example:

    >>> import numpy as np
    >>> RandomColorJitter(brightness_factor=0.2, hue_factor=0.1)(np.ones((2, 8, 8, 3))).shape
    (2, 8, 8, 3)
    """

    def __init__(
        self,
        value_range: ValueRange = (0, 255),
        brightness_factor: GivenChange | None = None,
        contrast_factor: GivenShare | None = None,
        saturation_factor: GivenChange | None = None,
        hue_factor: GivenShare | None = None,
        seed: int | None = None,
        data_format: DataFormat = None,
        **options: Unpack[BoxOptions],
    ):
        super().__init__(data_format=data_format, **options)
        factors = (brightness_factor, contrast_factor, saturation_factor, hue_factor)
        self._steps = [name for name, factor in zip(JITTERS, factors, strict=True) if factor is not None]
        for name, factor in zip(JITTERS, factors, strict=True):
            if factor is not None:
                setattr(self, name, JITTERS[name](factor, value_range=self.value_range, seed=seed, name=name))
        if saturation_factor is not None or hue_factor is not None:
            self.channels: tuple[int] = (3,)

    def get_random_transformation(self, data: Images, training: bool = True, seed: rng.Seed = None) -> Any:
        """What each layer draws, one after the other, so that a single one draws what it would alone."""
        if not training:
            return None
        stream = self.seed_generator if seed is None else seed
        several = isinstance(stream, rng.SeedGenerator)
        keys = [rng.key(stream) for _ in self._steps] if several else jax.random.split(rng.key(seed), len(JITTERS))
        shape = self._sizes(images_of(data).shape)
        return {name: getattr(self, name).draw(k, shape) for name, k in zip(self._steps, keys, strict=False)}

    def transform(self, images: Tensor, drawn: Drawn) -> Tensor:
        for name in self._steps:
            images = getattr(self, name).transform(images, drawn[name])
        return images


@layer()
class RandomInvert(RandomColor):
    """Turns light and dark around in training: `low + high - x`, with the limits of the range of values.

    Keras computes `high - x`, which leaves ranges that do not begin at 0.

    Shapes: `(batch, height, width, channels)` or one image without the batch axis; the output has the same shape.

    Args:
        factor: the probability to change an image is drawn from 0 to `factor` (or between two numbers).
        value_range: least and greatest value of a pixel.
        seed: whole number; None: drawn from the process' stream.
        data_format: `"channels_last"` or `"channels_first"`; None: as `config.set_image_data_format` says.
        **options: `bounding_box_format`, such as `"xyxy"`, where boxes come with the images; name, dtype, ...: as in
            `Layer`.

    Example:

    >>> import numpy as np
    >>> RandomInvert((1.0, 1.0))(np.array([0.0, 55.0]).reshape(1, 1, 2, 1)).ravel().tolist()
    [255.0, 200.0]
    """

    def __init__(
        self,
        factor: Share = 1.0,
        value_range: ValueRange = (0, 255),
        seed: int | None = None,
        data_format: DataFormat = None,
        **options: Unpack[BoxOptions],
    ):
        super().__init__(data_format=data_format, **options)

    def draw(self, key: Tensor, shape: tuple[int, ...]) -> Drawn:
        return {"apply_inversion": decide(key, shape[0], self.factor)}

    def transform(self, images: Tensor, drawn: Drawn) -> Tensor:
        return jnp.where(per_image(drawn["apply_inversion"]), sum(self.value_range) - images, images)


@layer()
class RandomPosterization(RandomColor):
    """Keeps only the first bits of each value in training.

    Shapes: `(batch, height, width, channels)` or one image without the batch axis; the output has the same shape.

    Args:
        factor: number of bits, from 1 to 8: drawn from 1 to below `factor` (or from the lower to below the upper of
            two numbers), as in Keras.
        value_range: least and greatest value of a pixel.
        data_format: `"channels_last"` or `"channels_first"`; None: as `config.set_image_data_format` says.
        seed: whole number; None: drawn from the process' stream.
        **options: `bounding_box_format`, such as `"xyxy"`, where boxes come with the images; name, dtype, ...: as in
            `Layer`.

    Example:

    >>> import numpy as np
    >>> RandomPosterization(4)(np.ones((2, 8, 8, 3))).shape
    (2, 8, 8, 3)
    """

    def __init__(
        self,
        factor: Bits,
        value_range: ValueRange = (0, 255),
        data_format: DataFormat = None,
        seed: int | None = None,
        **options: Unpack[BoxOptions],
    ):
        super().__init__(data_format=data_format, **options)

    def draw(self, key: Tensor, shape: tuple[int, ...]) -> Drawn:
        lower, upper = map(int, self.factor)
        bits = jax.random.randint(key, (shape[0],), lower, max(upper, lower + 1))
        return {"shift_factor": (8 - bits).astype("uint8")}

    def transform(self, images: Tensor, drawn: Drawn) -> Tensor:
        shift = per_image(drawn["shift_factor"]).astype("int32")
        levels = jnp.clip(to_bytes(images, self.value_range), 0, 255).astype("int32")
        return from_bytes(((levels >> shift) << shift).astype(images.dtype), self.value_range)


@layer()
class Solarization(RandomColor):
    """Adds to each image, then inverts what is not below a threshold, in training.

    On values from 0 to 255: `y = clip(x + addition)`, then `y` where `y < threshold` and `255 - y` elsewhere.

    Shapes: `(batch, height, width, channels)` or one image without the batch axis; the output has the same shape.

    Args:
        addition_factor: part of 255: 0.2 draws from 0 to 51, (0.1, 0.2) from 25.5 to 51. (Keras draws from 0 always.)
        threshold_factor: the same for the threshold.
        value_range: least and greatest value of a pixel.
        seed: whole number; None: drawn from the process' stream.
        **options: `bounding_box_format`, such as `"xyxy"`, where boxes come with the images; name, dtype, ...: as in
            `Layer`.

    Example:

    >>> import numpy as np
    >>> Solarization(0.2, 0.5)(np.ones((2, 8, 8, 3))).shape
    (2, 8, 8, 3)
    """

    addition_factor: Range
    threshold_factor: Range

    def __init__(
        self,
        addition_factor: Share = 0.0,
        threshold_factor: Share = 0.0,
        value_range: ValueRange = (0, 255),
        seed: int | None = None,
        **options: Unpack[ImageOptions],
    ):
        super().__init__(**options)

    def draw(self, key: Tensor, shape: tuple[int, ...]) -> Drawn:
        keys = jax.random.split(key)
        factors = {"additions": self.addition_factor, "thresholds": self.threshold_factor}
        return {
            name: per_image(255 * uniform(k, shape[0], factor))
            for k, (name, factor) in zip(keys, factors.items(), strict=True)
        }

    def transform(self, images: Tensor, drawn: Drawn) -> Tensor:
        added = jnp.clip(to_bytes(images, self.value_range) + per_image(drawn["additions"]), 0, 255)
        solarized = jnp.where(added < per_image(drawn["thresholds"]), added, 255 - added)
        return from_bytes(solarized, self.value_range)


def _gray(images: Tensor) -> Tensor:
    return images if images.shape[-1] == 1 else rgb_to_grayscale(images)
