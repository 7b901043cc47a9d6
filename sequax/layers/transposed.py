"""Transposed convolutions, which enlarge where convolutions shrink."""

from __future__ import annotations

from typing import Any, Unpack

from .. import kernels
from ..core.constructor import LayerOptions, Options
from ..core.kinds import (
    ActivationLike,
    ConstraintLike,
    Counts,
    DataFormat,
    InitializerLike,
    Padding,
    RegularizerLike,
    Size,
    Sizes,
)
from ..core.types import Shape, ShapeLike, Tensor
from ..core.variable import Variable
from ..kernels.windows import transposed_crop
from .catalogue import layer
from .convolutional import BaseConvolution


class TransposedConvolution(BaseConvolution):
    """Transposed convolution over `rank` spatial axes: the gradient of a convolution with respect to its input."""

    output_padding: tuple[int, ...] | None

    def __init__(self, **options: Unpack[LayerOptions]):
        super().__init__(**options)
        more = self.output_padding or ()
        if any(cells >= stride for cells, stride in zip(more, self.strides, strict=False)):
            raise ValueError(
                f"{self._who()}: `output_padding` must be strictly less than `strides` on every axis. Received:"
                f" output_padding={more}, strides={self.strides}"
            )

    def build_kernels(self, channels: int) -> None:
        self.kernel: Variable = self.add("kernel", (*self.kernel_size, self.filters, channels))

    def convolve(self, x: Tensor) -> Tensor:
        cropped = [max(crop, 0) for crop in self._crops()]
        return kernels.conv_transpose(
            x,
            self.kernel.value,
            output=self._enlarged(x.shape[1:-1]),
            strides=self.strides,
            padding=[(crop // 2, crop - crop // 2) for crop in cropped],
            dilation=self.dilation_rate,
        )

    def compute_output_shape(self, input_shape: ShapeLike) -> Shape:
        batch, spatial, _ = self._split(input_shape)
        sizes = self._enlarged(spatial)
        if any(isinstance(size, int) and size < 1 for size in sizes):
            raise ValueError(
                f"{self._who()}: the computed output size {sizes} would be zero or negative for an input of spatial"
                f" size {spatial} (full shape {tuple(input_shape)}). Use padding='valid' or a larger input."
            )
        return self._join(batch, sizes, self.filters)

    def _enlarged(self, spatial: ShapeLike) -> tuple[Any, ...]:
        """Spatial sizes of the output, None where the input's are unknown."""
        rows = zip(spatial, self._extents(), self.strides, self._crops(), strict=True)
        return tuple(
            None if size is None else (size - 1) * stride + extent - crop for size, extent, stride, crop in rows
        )

    def _extents(self) -> list[int]:
        """Cells from the first to the last one that a window touches."""
        return [(size - 1) * step + 1 for size, step in zip(self.kernel_size, self.dilation_rate, strict=True)]

    def _crops(self) -> list[int]:
        """Cells cut off from all that the windows touch, half of them (rounded down) in front; below zero: zeros
        added behind."""
        more = self.output_padding or (None,) * self.rank
        rows = zip(self._extents(), self.strides, more, strict=True)
        return [
            transposed_crop(extent, stride, self.padding, output_padding) for extent, stride, output_padding in rows
        ]


class TransposedConvolution1Or2(TransposedConvolution):
    """Those over one or two spatial axes; over three the arguments stand in another order."""

    def __init__(
        self,
        filters: Size,
        kernel_size: Sizes,
        strides: Sizes = 1,
        padding: Padding = "valid",
        output_padding: Counts | None = None,
        data_format: DataFormat = None,
        dilation_rate: Sizes = 1,
        activation: ActivationLike = None,
        use_bias: bool = True,
        kernel_initializer: InitializerLike = "glorot_uniform",
        bias_initializer: InitializerLike = "zeros",
        kernel_regularizer: RegularizerLike = None,
        bias_regularizer: RegularizerLike = None,
        activity_regularizer: RegularizerLike = None,
        kernel_constraint: ConstraintLike = None,
        bias_constraint: ConstraintLike = None,
        **options: Unpack[Options],
    ):
        super().__init__(activity_regularizer=activity_regularizer, **options)


@layer("Convolution1DTranspose")
class Conv1DTranspose(TransposedConvolution1Or2):
    """Transposed convolution over time: `y[t * strides + k * dilation_rate - crop] += kernel[k] @ x[t]`, then bias and
    activation.

    Dumoulin and Visin 2016, A guide to convolution arithmetic for deep learning. With `extent` for
    `(kernel_size - 1) * dilation_rate + 1`, the output has as many steps as:

    | `output_padding` | `"valid"` | `"same"` |
    |---|---|---|
    | None | `(length - 1) * strides + max(extent, strides)` | `length * strides` |
    | `p` | `(length - 1) * strides + extent + p` | `(length - 1) * strides + extent - 2 * (extent // 2) + p` |

    What is cut off is cut off at both ends, the odd cell at the end.

    Shapes: `(batch, length, channels)` to `(batch, new_length, filters)`; with `data_format="channels_first"` the
    channels follow the batch.

    Args:
        filters: number of output channels.
        kernel_size: length of the window.
        strides: how many output steps lie between those of two neighbouring inputs.
        padding: `"valid"` or `"same"`; the table says what they mean.
        output_padding: steps added at the end, fewer than `strides`; None: as many as the table says.
        data_format: `"channels_last"` or `"channels_first"`; None: as `config.set_image_data_format` says.
        dilation_rate: step within a window; not together with `strides`.
        activation: name or function; None: linear.
        use_bias: whether to add a bias.
        kernel_initializer, bias_initializer: how the weights start; name, config or callable.
        kernel_regularizer, bias_regularizer: penalties of the weights, added to the loss; name, callable or None.
        activity_regularizer: penalty of the outputs, added to the loss; name, callable or None.
        kernel_constraint, bias_constraint: applied to the weights after each update; name, callable or None.
        **options: name, dtype, trainable, ...: as in `Layer`.

    Raises:
        ValueError: for `output_padding` of `strides` or more, an unknown number of channels, or an empty output.

    Example:

    >>> import jax.numpy as jnp
    >>> Conv1DTranspose(4, 3, strides=2, padding="same")(jnp.ones((2, 10, 5))).shape
    (2, 20, 4)
    """

    rank = 1


@layer("Convolution2DTranspose")
class Conv2DTranspose(TransposedConvolution1Or2):
    """Transposed convolution over images: what enlarges them as `Conv2D` shrinks them.

    The table of `Conv1DTranspose` says how large the output is along each axis.

    Shapes: `(batch, height, width, channels)` to `(batch, new_height, new_width, filters)`; with
    `data_format="channels_first"` the channels follow the batch.

    Args:
        filters: number of output channels.
        kernel_size: size of the window, one number or `(height, width)`.
        strides: how many output cells lie between those of two neighbouring inputs, one number or one per axis.
        padding: `"valid"` or `"same"`.
        output_padding: cells added at the end of each axis, fewer than `strides`; None: as many as the table says.
        data_format: `"channels_last"` or `"channels_first"`; None: as `config.set_image_data_format` says.
        dilation_rate: step within a window, one number or one per axis; not together with `strides`.
        activation: name or function; None: linear.
        use_bias: whether to add a bias.
        kernel_initializer, bias_initializer: how the weights start; name, config or callable.
        kernel_regularizer, bias_regularizer: penalties of the weights, added to the loss; name, callable or None.
        activity_regularizer: penalty of the outputs, added to the loss; name, callable or None.
        kernel_constraint, bias_constraint: applied to the weights after each update; name, callable or None.
        **options: name, dtype, trainable, ...: as in `Layer`.

    Raises:
        ValueError: for `output_padding` of `strides` or more, an unknown number of channels, or an empty output.

    Example:

    >>> import jax.numpy as jnp
    >>> Conv2DTranspose(4, 3, strides=2, padding="same")(jnp.ones((2, 5, 5, 3))).shape
    (2, 10, 10, 4)
    """

    rank = 2


@layer("Convolution3DTranspose")
class Conv3DTranspose(TransposedConvolution):
    """Transposed convolution over volumes: what enlarges them as `Conv3D` shrinks them.

    The table of `Conv1DTranspose` says how large the output is along each axis. Unlike there, `data_format` stands
    before `output_padding`, as in Keras.

    Shapes: `(batch, depth, height, width, channels)` to `(batch, new_depth, new_height, new_width, filters)`; with
    `data_format="channels_first"` the channels follow the batch.

    Args:
        filters: number of output channels.
        kernel_size: size of the window, one number or `(depth, height, width)`.
        strides: how many output cells lie between those of two neighbouring inputs, one number or one per axis.
        padding: `"valid"` or `"same"`.
        data_format: `"channels_last"` or `"channels_first"`; None: as `config.set_image_data_format` says.
        output_padding: cells added at the end of each axis, fewer than `strides`; None: as many as the table says.
        dilation_rate: step within a window, one number or one per axis; not together with `strides`.
        activation: name or function; None: linear.
        use_bias: whether to add a bias.
        kernel_initializer, bias_initializer: how the weights start; name, config or callable.
        kernel_regularizer, bias_regularizer: penalties of the weights, added to the loss; name, callable or None.
        activity_regularizer: penalty of the outputs, added to the loss; name, callable or None.
        kernel_constraint, bias_constraint: applied to the weights after each update; name, callable or None.
        **options: name, dtype, trainable, ...: as in `Layer`.

    Raises:
        ValueError: for `output_padding` of `strides` or more, an unknown number of channels, or an empty output.

    Example:

    >>> import jax.numpy as jnp
    >>> Conv3DTranspose(4, 2, strides=2)(jnp.ones((2, 3, 3, 3, 5))).shape
    (2, 6, 6, 6, 4)
    """

    rank = 3

    def __init__(
        self,
        filters: Size,
        kernel_size: Sizes,
        strides: Sizes = (1, 1, 1),
        padding: Padding = "valid",
        data_format: DataFormat = None,
        output_padding: Counts | None = None,
        dilation_rate: Sizes = (1, 1, 1),
        activation: ActivationLike = None,
        use_bias: bool = True,
        kernel_initializer: InitializerLike = "glorot_uniform",
        bias_initializer: InitializerLike = "zeros",
        kernel_regularizer: RegularizerLike = None,
        bias_regularizer: RegularizerLike = None,
        activity_regularizer: RegularizerLike = None,
        kernel_constraint: ConstraintLike = None,
        bias_constraint: ConstraintLike = None,
        **options: Unpack[Options],
    ):
        super().__init__(activity_regularizer=activity_regularizer, **options)
