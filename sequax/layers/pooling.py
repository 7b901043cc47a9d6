"""Pooling over windows and over whole images: bases for any number of spatial axes, then the public classes."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from .. import kernels
from ..core import dtypes
from ..core.input_spec import InputSpec
from ..core.types import Shape, ShapeLike
from .arguments import data_format as checked_data_format
from .base import DtypeKeeping
from .catalogue import layer
from .spatial import Spatial
from .windowed import Windowed


class Pooling(Windowed):
    """Pooling over windows: `pool(x)` for channels last is what subclasses add."""

    def __init__(
        self,
        pool_size: Any,
        strides: Any = None,
        padding: str = "valid",
        data_format: str | None = None,
        name: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(name=name, **kwargs)
        self.pool_size = self._per_axis("pool_size", pool_size)
        self.strides = self._per_axis("strides", self.pool_size if strides is None else strides)
        self.padding = self._padding(padding)
        self.data_format = checked_data_format(data_format)
        self.input_spec = InputSpec(ndim=self.rank + 2)

    def pool(self, x: jax.Array) -> jax.Array:
        raise NotImplementedError

    def call(self, inputs: jax.Array) -> jax.Array:
        self.compute_output_shape(inputs.shape)
        return self._from_channels_last(self.pool(self._to_channels_last(inputs)))

    def compute_output_shape(self, input_shape: ShapeLike) -> Shape:
        batch, _, channels = self._split(input_shape)
        sizes = self._output_sizes(input_shape, self.pool_size, self.strides, self.padding)
        return self._join(batch, sizes, channels)


class MaxPooling(DtypeKeeping, Pooling):
    """The largest value of each window, channel by channel. Cells of padding never win."""

    pool_mode = "max"

    def __init__(
        self,
        pool_size: Any = 2,
        strides: Any = None,
        padding: str = "valid",
        data_format: str | None = None,
        name: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(pool_size, strides, padding, data_format, name, **kwargs)

    def pool(self, x: jax.Array) -> jax.Array:
        return kernels.max_pool(x, self.pool_size, self.strides, self.padding)


class AveragePooling(Pooling):
    """The mean of each window, channel by channel. Cells of padding count neither in the sum nor in the number."""

    pool_mode = "average"

    def pool(self, x: jax.Array) -> jax.Array:
        return kernels.avg_pool(floating(x, self.compute_dtype), self.pool_size, self.strides, self.padding)


@layer("MaxPool1D")
class MaxPooling1D(MaxPooling):
    """The largest value of each window over time, `y[t, c] = max_k x[t * strides + k, c]`.

    Args:
        pool_size: length of the window.
        strides: step between windows; None: `pool_size`, windows side by side.
        padding: `"valid"` (none), or `"same"` (output length `ceil(length / strides)`; padding never wins).
        data_format: `"channels_last"`, the default, or `"channels_first"`.

    Shapes: `(batch, length, channels)` to `(batch, new_length, channels)`. Integers stay integers. Masks are not
    passed on.

    Raises:
        ValueError: for windows larger than the input.

    Example:

    >>> import jax.numpy as jnp
    >>> MaxPooling1D()(jnp.array([[[1.0], [3.0], [2.0], [0.0], [9.0]]])).ravel().tolist()
    [3.0, 2.0]
    """

    rank = 1


@layer("MaxPool2D")
class MaxPooling2D(MaxPooling):
    """The largest value of each window of an image.

    Of equal values in a window the first in row-major order receives the gradient. Arguments as in `MaxPooling1D`, with
    one number, or one per axis `(height, width)`.

    Shapes: `(batch, height, width, channels)` to `(batch, new_height, new_width, channels)`.
    """

    rank = 2


@layer("MaxPool3D")
class MaxPooling3D(MaxPooling):
    """The largest value of each window of a volume; arguments as in `MaxPooling2D`, with three numbers per window.

    Shapes: `(batch, depth, height, width, channels)` to `(batch, new_depth, new_height, new_width, channels)`.
    """

    rank = 3


@layer("AvgPool1D")
class AveragePooling1D(AveragePooling):
    """The mean of each window over time, `y[t, c] = mean_k x[t * strides + k, c]`.

    With `padding="same"` the mean is over the cells that exist. Arguments as in `MaxPooling1D`; `pool_size` has no
    default.

    Shapes: `(batch, length, channels)` to `(batch, new_length, channels)`.
    """

    rank = 1


@layer("AvgPool2D")
class AveragePooling2D(AveragePooling):
    """The mean of each window of an image; arguments as in `MaxPooling2D`, `pool_size` has no default.

    Shapes: `(batch, height, width, channels)` to `(batch, new_height, new_width, channels)`.

    Example:

    >>> import jax.numpy as jnp
    >>> AveragePooling2D(2)(jnp.ones((1, 5, 4, 3))).shape
    (1, 2, 2, 3)
    """

    rank = 2


@layer("AvgPool3D")
class AveragePooling3D(AveragePooling):
    """The mean of each window of a volume; arguments as in `MaxPooling3D`, `pool_size` has no default.

    Shapes: `(batch, depth, height, width, channels)` to `(batch, new_depth, new_height, new_width, channels)`.
    """

    rank = 3


class GlobalPooling(Spatial):
    """One number per channel: `reduce(x, axes)` over all spatial axes is what subclasses add."""

    def __init__(self, data_format: str | None = None, keepdims: bool = False, **kwargs: Any):
        super().__init__(**kwargs)
        self.data_format = checked_data_format(data_format)
        self.keepdims = keepdims
        self.input_spec = InputSpec(ndim=self.rank + 2)

    def compute_output_shape(self, input_shape: ShapeLike) -> Shape:
        batch, _, channels = self._split(input_shape)
        return self._join(batch, (1,) * self.rank, channels) if self.keepdims else (batch, channels)


class GlobalMaxPooling(DtypeKeeping, GlobalPooling):
    """The largest value of each channel."""

    def call(self, inputs: jax.Array) -> jax.Array:
        return jnp.max(inputs, self._axes(), keepdims=self.keepdims)


class GlobalAveragePooling(GlobalPooling):
    """The mean of each channel."""

    def call(self, inputs: jax.Array) -> jax.Array:
        return jnp.mean(floating(inputs, self.compute_dtype), self._axes(), keepdims=self.keepdims)


@layer("GlobalMaxPool1D")
class GlobalMaxPooling1D(GlobalMaxPooling):
    """The largest value of each channel over time: `(batch, length, channels)` to `(batch, channels)`.

    Args:
        data_format: `"channels_last"`, the default, or `"channels_first"`.
        keepdims: keep the reduced axes, with size 1.

    Padded steps count: the layer takes no mask.
    """

    rank = 1


@layer("GlobalMaxPool2D")
class GlobalMaxPooling2D(GlobalMaxPooling):
    """The largest value of each channel of an image: `(batch, height, width, channels)` to `(batch, channels)`.

    Arguments as in `GlobalMaxPooling1D`.
    """

    rank = 2


@layer("GlobalMaxPool3D")
class GlobalMaxPooling3D(GlobalMaxPooling):
    """The largest value of each channel of a volume: `(batch, depth, height, width, channels)` to `(batch, channels)`.

    Arguments as in `GlobalMaxPooling1D`.
    """

    rank = 3


@layer("GlobalAvgPool1D")
class GlobalAveragePooling1D(GlobalAveragePooling):
    """The mean of each channel over time: `(batch, length, channels)` to `(batch, channels)`.

    With a mask only unmasked steps count, in the sum and in the number; what stands in masked steps, NaN included,
    has no influence. A sample whose steps are all masked gives zeros (Keras: NaN). The mask is used up.

    Args:
        data_format: `"channels_last"`, the default, or `"channels_first"`.
        keepdims: keep the reduced axis, with size 1.
    """

    rank = 1
    supports_masking = True

    def call(self, inputs: jax.Array, mask: jax.Array | None = None) -> jax.Array:
        if mask is None:
            return super().call(inputs)
        x = floating(inputs, self.compute_dtype)
        steps = jnp.expand_dims(jnp.asarray(mask, bool), self._channels_axis())
        count = jnp.maximum(jnp.sum(steps, self._axes(), keepdims=self.keepdims), 1)
        total = jnp.sum(jnp.where(steps, x, 0), self._axes(), keepdims=self.keepdims)
        return total / count.astype(x.dtype)

    def compute_mask(self, inputs: Any, mask: Any = None) -> None:
        return None


@layer("GlobalAvgPool2D")
class GlobalAveragePooling2D(GlobalAveragePooling):
    """The mean of each channel of an image: `(batch, height, width, channels)` to `(batch, channels)`.

    Arguments as in `GlobalMaxPooling1D` (Lin et al. 2013, Network In Network).

    Example:

    >>> import jax.numpy as jnp
    >>> GlobalAveragePooling2D()(jnp.ones((2, 7, 7, 5))).shape
    (2, 5)
    """

    rank = 2


@layer("GlobalAvgPool3D")
class GlobalAveragePooling3D(GlobalAveragePooling):
    """The mean of each channel of a volume: `(batch, depth, height, width, channels)` to `(batch, channels)`.

    Arguments as in `GlobalMaxPooling1D`.
    """

    rank = 3


def floating(x: jax.Array, dtype: str) -> jax.Array:
    """Integers in the compute dtype, so that a mean has a fraction."""
    return x if dtypes.is_float(x.dtype) else x.astype(dtypes.jnp_dtype(dtype))
