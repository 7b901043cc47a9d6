"""Pooling to an output of given size, whatever the size of the input."""

from __future__ import annotations

from typing import Unpack

from .. import kernels
from ..core.constructor import LayerOptions
from ..core.kinds import DataFormat, OutputSizes
from ..core.types import Shape, ShapeLike, Tensor
from ..kernels.adaptive import adaptive_pool
from .base import DtypeKeeping
from .catalogue import layer
from .pooling import floating
from .spatial import Spatial


class AdaptivePooling(Spatial):
    """Pooling over as many windows as the output has cells: `pool(x, window)` is what subclasses add.

    Along an axis of `length` cells, output cell `i` of `size` sees the cells from `floor(i * length / size)` to
    `ceil((i + 1) * length / size)`: windows overlap where `size` does not divide `length`.
    """

    output_size: tuple[int, ...]

    def __init__(self, output_size: OutputSizes, data_format: DataFormat = None, **options: Unpack[LayerOptions]):
        super().__init__(**options)

    def pool(self, x: Tensor, window: tuple[int, ...]) -> Tensor:
        raise NotImplementedError

    def call(self, inputs: Tensor) -> Tensor:
        return self._from_channels_last(adaptive_pool(self._to_channels_last(inputs), self.output_size, self.pool))

    def compute_output_shape(self, input_shape: ShapeLike) -> Shape:
        batch, _, channels = self._split(input_shape)
        return self._join(batch, self.output_size, channels)


class AdaptiveMaxPooling(DtypeKeeping, AdaptivePooling):
    """The largest value of each window, channel by channel."""

    def pool(self, x: Tensor, window: tuple[int, ...]) -> Tensor:
        return kernels.max_pool(x, window)


class AdaptiveAveragePooling(AdaptivePooling):
    """The mean of each window, channel by channel."""

    def pool(self, x: Tensor, window: tuple[int, ...]) -> Tensor:
        return kernels.avg_pool(floating(x, self.compute_dtype), window)


@layer()
class AdaptiveAveragePooling1D(AdaptiveAveragePooling):
    """The mean of each of `output_size` windows over time.

    Output step `i` sees the steps from `floor(i * length / output_size)` to `ceil((i + 1) * length / output_size)`:
    windows overlap where `output_size` does not divide `length`.

    Shapes: `(batch, length, channels)` to `(batch, output_size, channels)`; with `data_format="channels_first"` the
    channels follow the batch.

    Args:
        output_size: number of output steps; may be larger or smaller than the input.
        data_format: `"channels_last"` or `"channels_first"`; None: as `config.set_image_data_format` says.
        **options: name, dtype, trainable, ...: as in `Layer`.

    Raises:
        TypeError, ValueError: if `output_size` is no positive integer.

    Example:

    >>> import jax.numpy as jnp
    >>> AdaptiveAveragePooling1D(3)(jnp.arange(7.0).reshape(1, 7, 1)).ravel().tolist()
    [1.0, 3.0, 5.0]
    """

    rank = 1


@layer()
class AdaptiveAveragePooling2D(AdaptiveAveragePooling):
    """The mean of each of `output_size` windows of an image.

    Along an axis of `length` cells, output cell `i` of `size` sees the cells from `floor(i * length / size)` to
    `ceil((i + 1) * length / size)`: windows overlap where `size` does not divide `length`.

    Shapes: `(batch, height, width, channels)` to `(batch, *output_size, channels)`; with
    `data_format="channels_first"` the channels follow the batch.

    Args:
        output_size: size of the output, one number or `(height, width)`; may be larger or smaller than the input.
        data_format: `"channels_last"` or `"channels_first"`; None: as `config.set_image_data_format` says.
        **options: name, dtype, trainable, ...: as in `Layer`.

    Raises:
        TypeError, ValueError: if `output_size` is no positive integer, or not one per axis.

    Example:

    >>> import jax.numpy as jnp
    >>> AdaptiveAveragePooling2D((3, 1))(jnp.ones((2, 7, 5, 4))).shape
    (2, 3, 1, 4)
    """

    rank = 2


@layer()
class AdaptiveAveragePooling3D(AdaptiveAveragePooling):
    """The mean of each of `output_size` windows of a volume.

    Along an axis of `length` cells, output cell `i` of `size` sees the cells from `floor(i * length / size)` to
    `ceil((i + 1) * length / size)`: windows overlap where `size` does not divide `length`.

    Shapes: `(batch, depth, height, width, channels)` to `(batch, *output_size, channels)`; with
    `data_format="channels_first"` the channels follow the batch.

    Args:
        output_size: size of the output, one number or `(depth, height, width)`; larger or smaller than the input.
        data_format: `"channels_last"` or `"channels_first"`; None: as `config.set_image_data_format` says.
        **options: name, dtype, trainable, ...: as in `Layer`.

    Raises:
        TypeError, ValueError: if `output_size` is no positive integer, or not one per axis.

    Example:

    >>> import jax.numpy as jnp
    >>> AdaptiveAveragePooling3D(2)(jnp.ones((2, 3, 7, 5, 4))).shape
    (2, 2, 2, 2, 4)
    """

    rank = 3


@layer()
class AdaptiveMaxPooling1D(AdaptiveMaxPooling):
    """The largest value of each of `output_size` windows over time.

    Output step `i` sees the steps from `floor(i * length / output_size)` to `ceil((i + 1) * length / output_size)`:
    windows overlap where `output_size` does not divide `length`.

    Shapes: `(batch, length, channels)` to `(batch, output_size, channels)`; with `data_format="channels_first"` the
    channels follow the batch. Integers stay integers.

    Args:
        output_size: number of output steps; may be larger or smaller than the input.
        data_format: `"channels_last"` or `"channels_first"`; None: as `config.set_image_data_format` says.
        **options: name, dtype, trainable, ...: as in `Layer`.

    Raises:
        TypeError, ValueError: if `output_size` is no positive integer.

    Example:

    >>> import jax.numpy as jnp
    >>> AdaptiveMaxPooling1D(3)(jnp.arange(7.0).reshape(1, 7, 1)).ravel().tolist()
    [2.0, 4.0, 6.0]
    """

    rank = 1


@layer()
class AdaptiveMaxPooling2D(AdaptiveMaxPooling):
    """The largest value of each of `output_size` windows of an image.

    Along an axis of `length` cells, output cell `i` of `size` sees the cells from `floor(i * length / size)` to
    `ceil((i + 1) * length / size)`: windows overlap where `size` does not divide `length`.

    Of equal values in a window, the first one in the first column that holds one receives the gradient.

    Shapes: `(batch, height, width, channels)` to `(batch, *output_size, channels)`; with
    `data_format="channels_first"` the channels follow the batch. Integers stay integers.

    Args:
        output_size: size of the output, one number or `(height, width)`; may be larger or smaller than the input.
        data_format: `"channels_last"` or `"channels_first"`; None: as `config.set_image_data_format` says.
        **options: name, dtype, trainable, ...: as in `Layer`.

    Raises:
        TypeError, ValueError: if `output_size` is no positive integer, or not one per axis.

    Example:

    >>> import jax.numpy as jnp
    >>> AdaptiveMaxPooling2D((3, 1))(jnp.ones((2, 7, 5, 4))).shape
    (2, 3, 1, 4)
    """

    rank = 2


@layer()
class AdaptiveMaxPooling3D(AdaptiveMaxPooling):
    """The largest value of each of `output_size` windows of a volume.

    Along an axis of `length` cells, output cell `i` of `size` sees the cells from `floor(i * length / size)` to
    `ceil((i + 1) * length / size)`: windows overlap where `size` does not divide `length`.

    Shapes: `(batch, depth, height, width, channels)` to `(batch, *output_size, channels)`; with
    `data_format="channels_first"` the channels follow the batch. Integers stay integers.

    Args:
        output_size: size of the output, one number or `(depth, height, width)`; larger or smaller than the input.
        data_format: `"channels_last"` or `"channels_first"`; None: as `config.set_image_data_format` says.
        **options: name, dtype, trainable, ...: as in `Layer`.

    Raises:
        TypeError, ValueError: if `output_size` is no positive integer, or not one per axis.

    Example:

    >>> import jax.numpy as jnp
    >>> AdaptiveMaxPooling3D(2)(jnp.ones((2, 3, 7, 5, 4))).shape
    (2, 2, 2, 2, 4)
    """

    rank = 3
