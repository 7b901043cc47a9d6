"""Pooling to an output of given size, whatever the size of the input."""

from __future__ import annotations

from typing import Any

import jax

from .. import kernels
from ..core.input_spec import InputSpec
from ..core.types import Shape, ShapeLike
from ..kernels.adaptive import adaptive_pool
from .arguments import data_format as checked_data_format
from .base import DtypeKeeping
from .catalogue import layer
from .pooling import floating
from .spatial import Spatial


class AdaptivePooling(Spatial):
    """Pooling over as many windows as the output has cells: `pool(x, window)` is what subclasses add.

    Along an axis of `length` cells, output cell `i` of `size` sees the cells from `floor(i * length / size)` to
    `ceil((i + 1) * length / size)`: windows overlap where `size` does not divide `length`.
    """

    def __init__(self, output_size: Any, data_format: str | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        self.output_size = self._checked_size(output_size)
        self.data_format = checked_data_format(data_format)
        self.input_spec = InputSpec(ndim=self.rank + 2)

    def _checked_size(self, value: Any) -> tuple[int, ...]:
        values = value if isinstance(value, (tuple, list)) else (value,) * self.rank
        if len(values) != self.rank or any(not hasattr(v, "__index__") for v in values):
            raise TypeError(
                f"{self._who()}: `output_size` must be an integer, or a tuple of {self.rank} of them, one per spatial"
                f" axis. Received: output_size={value!r} (of type {type(value).__name__})"
            )
        return self._per_axis("output_size", value)

    def pool(self, x: jax.Array, window: tuple[int, ...]) -> jax.Array:
        raise NotImplementedError

    def call(self, inputs: jax.Array) -> jax.Array:
        return self._from_channels_last(adaptive_pool(self._to_channels_last(inputs), self.output_size, self.pool))

    def compute_output_shape(self, input_shape: ShapeLike) -> Shape:
        batch, _, channels = self._split(input_shape)
        return self._join(batch, self.output_size, channels)


class AdaptiveMaxPooling(DtypeKeeping, AdaptivePooling):
    """The largest value of each window, channel by channel."""

    def pool(self, x: jax.Array, window: tuple[int, ...]) -> jax.Array:
        return kernels.max_pool(x, window)


class AdaptiveAveragePooling(AdaptivePooling):
    """The mean of each window, channel by channel."""

    def pool(self, x: jax.Array, window: tuple[int, ...]) -> jax.Array:
        return kernels.avg_pool(floating(x, self.compute_dtype), window)


@layer()
class AdaptiveAveragePooling1D(AdaptiveAveragePooling):
    """The mean of each of `output_size` windows over time: `(batch, length, channels)` to
    `(batch, output_size, channels)`.

    Output step `i` is the mean of the steps from `floor(i * length / output_size)` to
    `ceil((i + 1) * length / output_size)`, which may be longer or shorter than the input.

    Args:
        output_size: number of output steps.
        data_format: `"channels_last"`, the default, or `"channels_first"`.

    Raises:
        TypeError, ValueError: if `output_size` is not a positive integer.

    Example:

    >>> import jax.numpy as jnp
    >>> AdaptiveAveragePooling1D(3)(jnp.arange(7.0).reshape(1, 7, 1)).ravel().tolist()
    [1.0, 3.0, 5.0]
    """

    rank = 1


@layer()
class AdaptiveAveragePooling2D(AdaptiveAveragePooling):
    """The mean of each of `output_size` windows of an image; arguments as in `AdaptiveAveragePooling1D`, one number,
    or one per axis `(height, width)`.

    Shapes: `(batch, height, width, channels)` to `(batch, *output_size, channels)`.
    """

    rank = 2


@layer()
class AdaptiveAveragePooling3D(AdaptiveAveragePooling):
    """The mean of each of `output_size` windows of a volume; arguments as in `AdaptiveAveragePooling2D`.

    Shapes: `(batch, depth, height, width, channels)` to `(batch, *output_size, channels)`.
    """

    rank = 3


@layer()
class AdaptiveMaxPooling1D(AdaptiveMaxPooling):
    """The largest value of each of `output_size` windows over time; windows and arguments as in
    `AdaptiveAveragePooling1D`. Integers stay integers.

    Shapes: `(batch, length, channels)` to `(batch, output_size, channels)`.
    """

    rank = 1


@layer()
class AdaptiveMaxPooling2D(AdaptiveMaxPooling):
    """The largest value of each of `output_size` windows of an image; arguments as in `AdaptiveAveragePooling2D`.

    Of equal values in a window, the first one in the first column that holds one receives the gradient.

    Shapes: `(batch, height, width, channels)` to `(batch, *output_size, channels)`.
    """

    rank = 2


@layer()
class AdaptiveMaxPooling3D(AdaptiveMaxPooling):
    """The largest value of each of `output_size` windows of a volume; arguments as in `AdaptiveAveragePooling2D`.

    Shapes: `(batch, depth, height, width, channels)` to `(batch, *output_size, channels)`.
    """

    rank = 3
