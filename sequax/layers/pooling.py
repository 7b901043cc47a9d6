"""Pooling over windows and over whole images: bases for any number of spatial axes, then the public classes."""

from __future__ import annotations

from typing import Unpack

import jax.numpy as jnp

from .. import kernels
from ..core import dtypes
from ..core.constructor import LayerOptions, UnnamedOptions
from ..core.kinds import DataFormat, Padding, Sizes
from ..core.types import Shape, ShapeLike, Tensor
from .base import DtypeKeeping
from .catalogue import layer
from .spatial import Spatial
from .windowed import Windowed


class Pooling(Windowed):
    """Pooling over windows: `pool(x)` for channels last is what subclasses add."""

    pool_size: tuple[int, ...]
    strides: tuple[int, ...]
    padding: str

    def __init__(self, **options: Unpack[LayerOptions]):
        super().__init__(**options)
        self.strides = self.strides or self.pool_size

    def pool(self, x: Tensor) -> Tensor:
        raise NotImplementedError

    def call(self, inputs: Tensor) -> Tensor:
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
        pool_size: Sizes = 2,
        strides: Sizes | None = None,
        padding: Padding = "valid",
        data_format: DataFormat = None,
        name: str | None = None,
        **options: Unpack[UnnamedOptions],
    ):
        super().__init__(name=name, **options)

    def pool(self, x: Tensor) -> Tensor:
        return kernels.max_pool(x, self.pool_size, self.strides, self.padding)


class AveragePooling(Pooling):
    """The mean of each window, channel by channel. Cells of padding count neither in the sum nor in the number."""

    pool_mode = "average"

    def __init__(
        self,
        pool_size: Sizes,
        strides: Sizes | None = None,
        padding: Padding = "valid",
        data_format: DataFormat = None,
        name: str | None = None,
        **options: Unpack[UnnamedOptions],
    ):
        super().__init__(name=name, **options)

    def pool(self, x: Tensor) -> Tensor:
        return kernels.avg_pool(floating(x, self.compute_dtype), self.pool_size, self.strides, self.padding)


@layer("MaxPool1D")
class MaxPooling1D(MaxPooling):
    """The largest value of each window over time: `y[t, c] = max_k x[t * strides + k, c]`.

    Shapes: `(batch, length, channels)` to `(batch, new_length, channels)`; with `data_format="channels_first"` the
    channels follow the batch. Cells of padding never win. Integers stay integers. Masks are not passed on.

    Args:
        pool_size: length of the window; default: 2.
        strides: step between windows; None: `pool_size`, windows side by side.
        padding: `"valid"` (none) or `"same"` (output length `ceil(length / strides)`).
        data_format: `"channels_last"` or `"channels_first"`; None: as `config.set_image_data_format` says.
        name: must be unique within a model; None: made from the class name.
        **options: dtype, trainable, ...: as in `Layer`.

    Raises:
        ValueError: for a window larger than the input.

    Example:

    >>> import jax.numpy as jnp
    >>> MaxPooling1D()(jnp.array([[[1.0], [3.0], [2.0], [0.0], [9.0]]])).ravel().tolist()
    [3.0, 2.0]
    """

    rank = 1


@layer("MaxPool2D")
class MaxPooling2D(MaxPooling):
    """The largest value of each window of an image.

    Of equal values in a window the first in row-major order receives the gradient.

    Shapes: `(batch, height, width, channels)` to `(batch, new_height, new_width, channels)`; with
    `data_format="channels_first"` the channels follow the batch. Cells of padding never win. Integers stay
    integers.

    Args:
        pool_size: size of the window, one number or `(height, width)`; default: 2.
        strides: step between windows, one number or one per axis; None: `pool_size`, windows side by side.
        padding: `"valid"` (none) or `"same"` (output size `ceil(size / strides)`).
        data_format: `"channels_last"` or `"channels_first"`; None: as `config.set_image_data_format` says.
        name: must be unique within a model; None: made from the class name.
        **options: dtype, trainable, ...: as in `Layer`.

    Raises:
        ValueError: for a window larger than the input.

    Example:

    >>> import jax.numpy as jnp
    >>> MaxPooling2D(3, strides=2, padding="same")(jnp.ones((1, 5, 4, 3))).shape
    (1, 3, 2, 3)
    """

    rank = 2


@layer("MaxPool3D")
class MaxPooling3D(MaxPooling):
    """The largest value of each window of a volume.

    Shapes: `(batch, depth, height, width, channels)` to `(batch, new_depth, new_height, new_width, channels)`; with
    `data_format="channels_first"` the channels follow the batch. Cells of padding never win. Integers stay
    integers.

    Args:
        pool_size: size of the window, one number or `(depth, height, width)`; default: 2.
        strides: step between windows, one number or one per axis; None: `pool_size`, windows side by side.
        padding: `"valid"` (none) or `"same"` (output size `ceil(size / strides)`).
        data_format: `"channels_last"` or `"channels_first"`; None: as `config.set_image_data_format` says.
        name: must be unique within a model; None: made from the class name.
        **options: dtype, trainable, ...: as in `Layer`.

    Raises:
        ValueError: for a window larger than the input.

    Example:

    >>> import jax.numpy as jnp
    >>> MaxPooling3D((1, 2, 2))(jnp.ones((1, 3, 4, 4, 5))).shape
    (1, 3, 2, 2, 5)
    """

    rank = 3


@layer("AvgPool1D")
class AveragePooling1D(AveragePooling):
    """The mean of each window over time: `y[t, c] = mean_k x[t * strides + k, c]`.

    Shapes: `(batch, length, channels)` to `(batch, new_length, channels)`; with `data_format="channels_first"` the
    channels follow the batch. The mean is over the cells that exist: padding counts neither in the sum nor in the
    number.

    Args:
        pool_size: length of the window.
        strides: step between windows; None: `pool_size`, windows side by side.
        padding: `"valid"` (none) or `"same"` (output length `ceil(length / strides)`).
        data_format: `"channels_last"` or `"channels_first"`; None: as `config.set_image_data_format` says.
        name: must be unique within a model; None: made from the class name.
        **options: dtype, trainable, ...: as in `Layer`.

    Raises:
        ValueError: for a window larger than the input.

    Example:

    >>> import jax.numpy as jnp
    >>> AveragePooling1D(2, padding="same")(jnp.array([[[1.0], [3.0], [2.0]]])).ravel().tolist()
    [2.0, 2.0]
    """

    rank = 1


@layer("AvgPool2D")
class AveragePooling2D(AveragePooling):
    """The mean of each window of an image.

    Shapes: `(batch, height, width, channels)` to `(batch, new_height, new_width, channels)`; with
    `data_format="channels_first"` the channels follow the batch. The mean is over the cells that exist: padding
    counts neither in the sum nor in the number.

    Args:
        pool_size: size of the window, one number or `(height, width)`.
        strides: step between windows, one number or one per axis; None: `pool_size`, windows side by side.
        padding: `"valid"` (none) or `"same"` (output size `ceil(size / strides)`).
        data_format: `"channels_last"` or `"channels_first"`; None: as `config.set_image_data_format` says.
        name: must be unique within a model; None: made from the class name.
        **options: dtype, trainable, ...: as in `Layer`.

    Raises:
        ValueError: for a window larger than the input.

    Example:

    >>> import jax.numpy as jnp
    >>> AveragePooling2D(2)(jnp.ones((1, 5, 4, 3))).shape
    (1, 2, 2, 3)
    """

    rank = 2


@layer("AvgPool3D")
class AveragePooling3D(AveragePooling):
    """The mean of each window of a volume.

    Shapes: `(batch, depth, height, width, channels)` to `(batch, new_depth, new_height, new_width, channels)`; with
    `data_format="channels_first"` the channels follow the batch. The mean is over the cells that exist: padding
    counts neither in the sum nor in the number.

    Args:
        pool_size: size of the window, one number or `(depth, height, width)`.
        strides: step between windows, one number or one per axis; None: `pool_size`, windows side by side.
        padding: `"valid"` (none) or `"same"` (output size `ceil(size / strides)`).
        data_format: `"channels_last"` or `"channels_first"`; None: as `config.set_image_data_format` says.
        name: must be unique within a model; None: made from the class name.
        **options: dtype, trainable, ...: as in `Layer`.

    Raises:
        ValueError: for a window larger than the input.

    Example:

    >>> import jax.numpy as jnp
    >>> AveragePooling3D(2)(jnp.ones((1, 4, 4, 4, 5))).shape
    (1, 2, 2, 2, 5)
    """

    rank = 3


class GlobalPooling(Spatial):
    """One number per channel: `reduce(x, axes)` over all spatial axes is what subclasses add."""

    keepdims: bool

    def __init__(self, data_format: DataFormat = None, keepdims: bool = False, **options: Unpack[LayerOptions]):
        super().__init__(**options)

    def compute_output_shape(self, input_shape: ShapeLike) -> Shape:
        batch, _, channels = self._split(input_shape)
        return self._join(batch, (1,) * self.rank, channels) if self.keepdims else (batch, channels)


class GlobalMaxPooling(DtypeKeeping, GlobalPooling):
    """The largest value of each channel."""

    def call(self, inputs: Tensor) -> Tensor:
        return jnp.max(inputs, self._axes(), keepdims=self.keepdims)


class GlobalAveragePooling(GlobalPooling):
    """The mean of each channel."""

    def call(self, inputs: Tensor) -> Tensor:
        return jnp.mean(floating(inputs, self.compute_dtype), self._axes(), keepdims=self.keepdims)


@layer("GlobalMaxPool1D")
class GlobalMaxPooling1D(GlobalMaxPooling):
    """The largest value of each channel over time.

    Shapes: `(batch, length, channels)` to `(batch, channels)`; with `keepdims` the spatial axes stay, with size 1.
    Integers stay integers. Padded steps count: the layer takes no mask.

    Args:
        data_format: `"channels_last"` or `"channels_first"`; None: as `config.set_image_data_format` says.
        keepdims: whether to keep the reduced axis, with size 1.
        **options: name, dtype, trainable, ...: as in `Layer`.

    Example:

    >>> import jax.numpy as jnp
    >>> GlobalMaxPooling1D()(jnp.array([[[1.0], [3.0], [2.0]]])).tolist()
    [[3.0]]
    """

    rank = 1


@layer("GlobalMaxPool2D")
class GlobalMaxPooling2D(GlobalMaxPooling):
    """The largest value of each channel of an image.

    Shapes: `(batch, height, width, channels)` to `(batch, channels)`; with `keepdims` the spatial axes stay, with
    size 1. Integers stay integers.

    Args:
        data_format: `"channels_last"` or `"channels_first"`; None: as `config.set_image_data_format` says.
        keepdims: whether to keep the reduced axes, with size 1.
        **options: name, dtype, trainable, ...: as in `Layer`.

    Example:

    >>> import jax.numpy as jnp
    >>> GlobalMaxPooling2D(keepdims=True)(jnp.ones((2, 7, 7, 5))).shape
    (2, 1, 1, 5)
    """

    rank = 2


@layer("GlobalMaxPool3D")
class GlobalMaxPooling3D(GlobalMaxPooling):
    """The largest value of each channel of a volume.

    Shapes: `(batch, depth, height, width, channels)` to `(batch, channels)`; with `keepdims` the spatial axes stay,
    with size 1. Integers stay integers.

    Args:
        data_format: `"channels_last"` or `"channels_first"`; None: as `config.set_image_data_format` says.
        keepdims: whether to keep the reduced axes, with size 1.
        **options: name, dtype, trainable, ...: as in `Layer`.

    Example:

    >>> import jax.numpy as jnp
    >>> GlobalMaxPooling3D()(jnp.ones((2, 3, 7, 7, 5))).shape
    (2, 5)
    """

    rank = 3


@layer("GlobalAvgPool1D")
class GlobalAveragePooling1D(GlobalAveragePooling):
    """The mean of each channel over time.

    With a mask only unmasked steps count, in the sum and in the number; what stands in masked steps, NaN included,
    has no influence. A sample whose steps are all masked gives zeros (Keras: NaN). The mask is used up.

    Shapes: `(batch, length, channels)` to `(batch, channels)`; with `keepdims` the spatial axes stay, with size 1.

    Args:
        data_format: `"channels_last"` or `"channels_first"`; None: as `config.set_image_data_format` says.
        keepdims: whether to keep the reduced axis, with size 1.
        **options: name, dtype, trainable, ...: as in `Layer`.

    Example:

    >>> import jax.numpy as jnp
    >>> GlobalAveragePooling1D()(jnp.array([[[1.0], [3.0], [8.0]]]), mask=jnp.array([[True, True, False]])).tolist()
    [[2.0]]
    """

    rank = 1
    supports_masking = True

    def call(self, inputs: Tensor, mask: Tensor | None = None) -> Tensor:
        if mask is None:
            return super().call(inputs)
        x = floating(inputs, self.compute_dtype)
        steps = jnp.expand_dims(jnp.asarray(mask, bool), self._channels_axis())
        count = jnp.maximum(jnp.sum(steps, self._axes(), keepdims=self.keepdims), 1)
        total = jnp.sum(jnp.where(steps, x, 0), self._axes(), keepdims=self.keepdims)
        return total / count.astype(x.dtype)

    def compute_mask(self, inputs: Tensor, mask: Tensor | None = None) -> None:
        return None


@layer("GlobalAvgPool2D")
class GlobalAveragePooling2D(GlobalAveragePooling):
    """The mean of each channel of an image (Lin et al. 2013, Network In Network).

    Shapes: `(batch, height, width, channels)` to `(batch, channels)`; with `keepdims` the spatial axes stay, with
    size 1.

    Args:
        data_format: `"channels_last"` or `"channels_first"`; None: as `config.set_image_data_format` says.
        keepdims: whether to keep the reduced axes, with size 1.
        **options: name, dtype, trainable, ...: as in `Layer`.

    Example:

    >>> import jax.numpy as jnp
    >>> GlobalAveragePooling2D()(jnp.ones((2, 7, 7, 5))).shape
    (2, 5)
    """

    rank = 2


@layer("GlobalAvgPool3D")
class GlobalAveragePooling3D(GlobalAveragePooling):
    """The mean of each channel of a volume.

    Shapes: `(batch, depth, height, width, channels)` to `(batch, channels)`; with `keepdims` the spatial axes stay,
    with size 1.

    Args:
        data_format: `"channels_last"` or `"channels_first"`; None: as `config.set_image_data_format` says.
        keepdims: whether to keep the reduced axes, with size 1.
        **options: name, dtype, trainable, ...: as in `Layer`.

    Example:

    >>> import jax.numpy as jnp
    >>> GlobalAveragePooling3D()(jnp.ones((2, 3, 7, 7, 5))).shape
    (2, 5)
    """

    rank = 3


def floating(x: Tensor, dtype: str) -> Tensor:
    """Integers in the compute dtype, so that a mean has a fraction."""
    return x if dtypes.is_float(x.dtype) else x.astype(dtypes.jnp_dtype(dtype))
