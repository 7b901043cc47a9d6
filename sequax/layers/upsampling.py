"""Layers that enlarge sequences, images and volumes without weights."""

from __future__ import annotations

from typing import Annotated, Literal, Unpack

import jax
import jax.numpy as jnp
import numpy as np

from ..core import dtypes
from ..core.constructor import LayerOptions
from ..core.kinds import DataFormat, OneOf, Sizes
from ..core.types import Shape, ShapeLike, Tensor
from .arguments import Times
from .base import Rearranging
from .catalogue import layer
from .spatial import Spatial

Interpolation = Annotated[
    Literal["nearest", "bilinear", "bicubic", "lanczos3", "lanczos5"],
    OneOf("nearest", "bilinear", "bicubic", "lanczos3", "lanczos5", lower=True),
]


class UpSampling(Rearranging, Spatial):
    """Every cell `size` times along each spatial axis."""

    size: int | tuple[int, ...]

    def call(self, inputs: Tensor) -> Tensor:
        for axis, times in zip(self._axes(), self._times(), strict=True):
            inputs = jnp.repeat(inputs, times, axis=axis)
        return inputs

    def _times(self) -> tuple[int, ...]:
        return (self.size,) if isinstance(self.size, int) else self.size

    def compute_output_shape(self, input_shape: ShapeLike) -> Shape:
        batch, spatial, channels = self._split(input_shape)
        rows = zip(spatial, self._times(), strict=True)
        return self._join(batch, [None if size is None else size * times for size, times in rows], channels)


@layer()
class UpSampling1D(UpSampling):
    """Every time step `size` times.

    Shapes: `(batch, length, channels)` to `(batch, length * size, channels)`.

    Args:
        size: how many times longer, a whole number.
        **options: name, dtype, trainable, ...: as in `Layer`.

    Raises:
        TypeError, ValueError: if `size` is no positive integer.

    Example:

    >>> import jax.numpy as jnp
    >>> UpSampling1D(2)(jnp.array([[[1.0], [2.0]]])).ravel().tolist()
    [1.0, 1.0, 2.0, 2.0]
    """

    rank = 1

    def __init__(self, size: Times = 2, **options: Unpack[LayerOptions]):
        super().__init__(**options)


@layer()
class UpSampling2D(UpSampling):
    """Images enlarged.

    Shapes: `(batch, height, width, channels)` to `(batch, height * size[0], width * size[1], channels)`; with
    `data_format="channels_first"` the channels follow the batch.

    Args:
        size: how many times larger, one number or `(height, width)`.
        data_format: `"channels_last"` or `"channels_first"`; None: as `config.set_image_data_format` says.
        interpolation: `"nearest"` repeats cells. `"bilinear"`, `"bicubic"` (Keys 1981, a = -0.5), `"lanczos3"` and
            `"lanczos5"` weigh neighbours, centres of cells aligned; images of integers are rounded to integers again.
        **options: name, dtype, trainable, ...: as in `Layer`.

    Example:

    >>> import jax.numpy as jnp
    >>> UpSampling2D((1, 2), interpolation="bilinear")(jnp.array([0.0, 4.0]).reshape(1, 1, 2, 1)).ravel().tolist()
    [0.0, 1.0, 3.0, 4.0]
    """

    rank = 2
    interpolation: str

    def __init__(
        self,
        size: Sizes = (2, 2),
        data_format: DataFormat = None,
        interpolation: Interpolation = "nearest",
        **options: Unpack[LayerOptions],
    ):
        super().__init__(**options)

    def call(self, inputs: Tensor) -> Tensor:
        if self.interpolation == "nearest":
            return super().call(inputs)
        shape = self.compute_output_shape(inputs.shape)
        resized = jax.image.resize(inputs, shape, self.interpolation, antialias=False)
        return resized if dtypes.is_float(inputs.dtype) else _rounded(resized, inputs.dtype)


def _rounded(x: Tensor, dtype: np.dtype) -> Tensor:
    """Whole numbers; weights below zero may lead beyond the dtype's range, such as 0 to 255."""
    limits = jnp.iinfo(dtype)
    return jnp.clip(jnp.round(x), limits.min, limits.max).astype(dtype)


@layer()
class UpSampling3D(UpSampling):
    """Every cell of a volume `size` times along each axis.

    Shapes: `(batch, depth, height, width, channels)` to
    `(batch, depth * size[0], height * size[1], width * size[2], channels)`; with `data_format="channels_first"` the
    channels follow the batch.

    Args:
        size: how many times larger, one number or `(depth, height, width)`.
        data_format: `"channels_last"` or `"channels_first"`; None: as `config.set_image_data_format` says.
        **options: name, dtype, trainable, ...: as in `Layer`.

    Example:

    >>> import jax.numpy as jnp
    >>> UpSampling3D((1, 2, 3))(jnp.ones((1, 2, 2, 2, 4))).shape
    (1, 2, 4, 6, 4)
    """

    rank = 3

    def __init__(self, size: Sizes = (2, 2, 2), data_format: DataFormat = None, **options: Unpack[LayerOptions]):
        super().__init__(**options)
