"""Bases of the layers that change images, and what their arguments may be."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Unpack

import jax
import jax.numpy as jnp
import numpy as np

from ...core import dtypes, rng, shapes
from ...core.kinds import Number
from ...core.tensor import KerasTensor
from ...core.types import ArrayLike, ShapeLike, Tensor
from ...kernels import random_bits
from .annotated import AnnotatedImages, Images, images_of
from .image_arguments import ImageOptions, Range

Drawn = dict[str, Any]


class ImageLayer(AnnotatedImages):
    """Base of layers on `(batch, rows, columns, channels)`, or one image without the batch axis.

    A subclass writes `transform`, a pure function of images with channels last, in floating point. Images come out in
    the compute dtype; whole numbers stay whole numbers where the class says `keeps_integers`.
    """

    keeps_integers = False
    to_integers: Callable[..., Any] = staticmethod(jnp.round)
    gives_batches = False  # whether `transform_images` makes a batch of a single image, as it does in Keras
    channels: tuple[int, ...] = ()  # the numbers of channels that make sense; empty: any

    def get_random_transformation(self, data: Images, training: bool = True, seed: rng.Seed = None) -> Any:
        """What `transform_images` will do: drawn numbers, or None where nothing is random."""
        return None

    def transform_images(self, images: ArrayLike, transformation: Any = None, training: bool = True) -> Tensor:
        """Images transformed by what `get_random_transformation` returned."""
        images = jnp.asarray(images)
        dtype = self._output_dtype(images.dtype)
        if self.rests(transformation, training):
            return self._cast(images, dtype)
        outputs = self.transform(self._standardized(images), transformation)
        return self._cast(self._restored(outputs, 4 if self.gives_batches else images.ndim), dtype)

    def transform(self, images: Tensor, drawn: Drawn) -> Tensor:
        """New images of images `(batch, rows, columns, channels)` in floating point."""
        raise NotImplementedError

    def transform_segmentation_masks(
        self, segmentation_masks: ArrayLike, transformation: Any = None, training: bool = True
    ) -> Tensor:
        """Masks whose pixels went the way of those of the images, each with a value that it had. They keep their dtype.

        Args:
            segmentation_masks: with the layout of images, and any number of channels.
        """
        masks = jnp.asarray(segmentation_masks)
        if not self.moves or self.rests(transformation, training):
            return masks
        outputs = self.transform_masks(self._standardized(masks), transformation)
        return self._cast(self._restored(outputs, masks.ndim), masks.dtype.name)

    def transform_masks(self, masks: Tensor, drawn: Drawn) -> Tensor:
        """As `transform`, reading the nearest pixel; where the class says `moves`."""
        raise NotImplementedError

    def compute_output_shape(self, input_shape: ShapeLike | Mapping[str, Any]) -> Any:
        if isinstance(input_shape, Mapping):
            return super().compute_output_shape(input_shape)
        self._check(input_shape)
        return tuple(input_shape)

    def compute_output_spec(
        self, data: KerasTensor | Mapping[str, Any], training: bool = True
    ) -> KerasTensor | dict[str, Any]:
        if isinstance(data, Mapping):
            return shapes.infer(self.__call__, (data,), {"training": training})
        return KerasTensor(self.compute_output_shape(data.shape), self._output_dtype(data.dtype))

    def _output_dtype(self, dtype: str | np.dtype) -> str:
        kept = self.keeps_integers and dtypes.is_int(dtype)
        return jnp.dtype(dtype).name if kept else self.compute_dtype

    def _cast(self, images: Tensor, dtype: str) -> Tensor:
        if dtypes.is_int(dtype) and not dtypes.is_int(images.dtype):
            limits = jnp.iinfo(dtype)
            images = jnp.clip(self.to_integers(images), limits.min, limits.max)
        return images.astype(dtypes.jnp_dtype(dtype))

    def _standardized(self, images: Tensor) -> Tensor:
        """With a batch axis, channels last, in float32 at least."""
        images = images[None] if images.ndim == 3 else images
        images = jnp.moveaxis(images, 1, -1) if self.data_format == "channels_first" else images
        return images.astype(jnp.promote_types(images.dtype, "float32") if dtypes.is_float(images.dtype) else "float32")

    def _restored(self, images: Tensor, rank: int) -> Tensor:
        images = jnp.moveaxis(images, -1, 1) if self.data_format == "channels_first" else images
        return images[0] if rank == 3 else images

    def _resized(self, shape: Sequence[Any], height: int, width: int) -> tuple[Any, ...]:
        """A shape with another height and width."""
        self._check(shape)
        batch, _, _, channels = self._sizes(shape)
        inner = (channels, height, width) if self.data_format == "channels_first" else (height, width, channels)
        return inner if len(shape) == 3 else (batch, *inner)

    def _check(self, shape: Sequence[Any]) -> None:
        if len(shape) not in (3, 4):
            axes = "channels, height, width" if self.data_format == "channels_first" else "height, width, channels"
            raise ValueError(
                f"{self._who()}: expected images of rank 3, ({axes}), or a batch of them, of rank 4. Received: shape"
                f" {tuple(shape)}."
            )
        channels = self._sizes(shape)[3]
        if self.channels and channels is not None and channels not in self.channels:
            raise ValueError(
                f"{self._who()}: expected images with {' or '.join(map(str, self.channels))} channels (red, green,"
                f" blue), {self.data_format}. Received: shape {tuple(shape)}."
            )


class RandomImageLayer(ImageLayer):
    """Base of layers that draw numbers in training, for each image of the batch its own, and rest outside of it.

    A subclass writes `draw`, which returns arrays with the batch as first axis, and `transform`, which uses them.
    """

    training_only = True

    factor: Any
    seed: int | None
    value_range: Range
    interpolation: str
    fill_value: Number | Sequence[Number] | None

    def __init__(self, **options: Unpack[ImageOptions]):
        super().__init__(**options)
        self.seed_generator: rng.SeedGenerator = rng.SeedGenerator(self.seed)

    @property
    def generator(self) -> rng.SeedGenerator:
        return self.seed_generator

    def rests(self, transformation: Any, training: bool) -> bool:
        return not training or transformation is None

    def get_random_transformation(self, data: Images, training: bool = True, seed: rng.Seed = None) -> Any:
        """Numbers drawn for images, or for the images of a dict; None outside of training.

        Args:
            seed: whole number or `SeedGenerator`; default: the layer's own stream.
        """
        if not training:
            return None
        shape = images_of(data).shape
        drawn = self.draw(rng.key(self.seed_generator if seed is None else seed), self._sizes(shape))
        return {**drawn, "input_shape": tuple(shape)} if self.moves else drawn

    def draw(self, key: Tensor, shape: tuple[int, ...]) -> Any:
        """Random numbers for images of `shape`, `(batch, rows, columns, channels)`."""
        raise NotImplementedError

    def _fill(self, interpolation: str) -> dict[str, Any]:
        mode = getattr(self, "fill_mode", "constant")
        return {"interpolation": interpolation, "fill_mode": mode, "fill_value": self.fill_value}


# --- drawing ---


def uniform(key: Tensor, batch: int, bounds: Range) -> Tensor:
    """One number per image."""
    return jax.random.uniform(key, (batch,), minval=bounds[0], maxval=bounds[1])


def decide(key: Tensor, batch: int, chances: Range) -> Tensor:
    """Whether each image is changed, with a probability drawn uniformly from `chances`: on average, their mean."""
    return jax.random.uniform(key, (batch,)) < sum(chances) / 2


def normal(key: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Standard normal numbers, from bits cheaper than JAX's: a draw as large as the images costs time."""
    bits = random_bits(jax.random.bits(key, (2,), "uint32"), shape)
    share = ((bits >> 8).astype("float32") + 0.5) / 2**24
    return math.sqrt(2) * jax.scipy.special.erfinv(2 * share - 1)


def beta(key: Tensor, alpha: float | Tensor, batch: int) -> Tensor:
    """Numbers of a Beta distribution of (alpha, alpha); logarithms keep small ones apart from zero."""
    return jax.nn.softmax(jax.random.loggamma(key, alpha, (2, batch)), 0)[0]


def covers(key: Tensor, length: Tensor, size: int) -> Tensor:
    """Whether intervals of a length at random places cover the middle of a pixel, `(batch, size)`."""
    start = (size - length) * jax.random.uniform(key, length.shape)
    middle = jnp.arange(size) + 0.5
    return (middle >= start[:, None]) & (middle < (start + length)[:, None])


def per_image(values: ArrayLike) -> Tensor:
    """One number per image, to broadcast against `(batch, rows, columns, channels)`."""
    return jnp.reshape(jnp.asarray(values), (-1, 1, 1, 1))


# --- ranges of values ---


def to_bytes(images: Tensor, value_range: Range) -> Tensor:
    """From the range of values to 0 ... 255."""
    low, high = value_range
    return images if (low, high) == (0, 255) else (images - low) * (255 / (high - low))


def from_bytes(images: Tensor, value_range: Range) -> Tensor:
    low, high = value_range
    return images if (low, high) == (0, 255) else images * ((high - low) / 255) + low
