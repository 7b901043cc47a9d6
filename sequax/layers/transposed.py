"""Transposed convolutions, which enlarge where convolutions shrink."""

from __future__ import annotations

from typing import Any

import jax

from .. import constraints, initializers, kernels, regularizers
from ..kernels.windows import transposed_crop
from .arguments import positive_integer
from .catalogue import layer
from .convolutional import BaseConvolution
from .spatial import Shape, Sizes


class TransposedConvolution(BaseConvolution):
    """Transposed convolution over `rank` spatial axes: the gradient of a convolution with respect to its input."""

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        output_padding: Any = None,
        data_format: str | None = None,
        dilation_rate: Any = 1,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ):
        super().__init__(
            kernel_size=kernel_size,
            strides=strides,
            padding=padding,
            data_format=data_format,
            dilation_rate=dilation_rate,
            activation=activation,
            use_bias=use_bias,
            bias_initializer=bias_initializer,
            bias_regularizer=bias_regularizer,
            activity_regularizer=activity_regularizer,
            bias_constraint=bias_constraint,
            **kwargs,
        )
        self.filters = positive_integer(self._who(), "filters", filters)
        self.output_padding = self._checked_output_padding(output_padding)
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)

    def _checked_output_padding(self, value: Any) -> tuple[int, ...] | None:
        if value is None:
            return None
        cells = self._per_axis("output_padding", value, least=0)
        if any(more >= stride for more, stride in zip(cells, self.strides, strict=True)):
            raise ValueError(
                f"{self._who()}: `output_padding` must be strictly less than `strides` on every axis. Received:"
                f" output_padding={cells}, strides={self.strides}"
            )
        return cells

    def build_kernels(self, channels: int) -> None:
        self.kernel = self.add_weight(
            name="kernel",
            shape=(*self.kernel_size, self.filters, channels),
            initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
        )

    def convolve(self, x: jax.Array) -> jax.Array:
        cropped = [max(crop, 0) for crop in self._crops()]
        return kernels.conv_transpose(
            x,
            self.kernel.value,
            output=self._enlarged(x.shape[1:-1]),
            strides=self.strides,
            padding=[(crop // 2, crop - crop // 2) for crop in cropped],
            dilation=self.dilation_rate,
        )

    def output_channels(self, channels: int | None) -> int | None:
        return self.filters

    def compute_output_shape(self, input_shape: Shape) -> Sizes:
        batch, spatial, _ = self._split(input_shape)
        sizes = self._enlarged(spatial)
        if any(size is not None and size < 1 for size in sizes):
            raise ValueError(
                f"{self._who()}: the computed output size {sizes} would be zero or negative for an input of spatial"
                f" size {spatial} (full shape {tuple(input_shape)}). Use padding='valid' or a larger input."
            )
        return self._join(batch, sizes, self.filters)

    def _enlarged(self, spatial: Any) -> tuple:
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


@layer("Convolution1DTranspose")
class Conv1DTranspose(TransposedConvolution):
    """Transposed convolution over time: `y[t * strides + k * dilation_rate - crop] += kernel[k] @ x[t]`, then bias and
    activation.

    Dumoulin and Visin 2016, A guide to convolution arithmetic for deep learning. With `extent` for
    `(kernel_size - 1) * dilation_rate + 1`, the output has as many steps as:

    | `output_padding` | `"valid"` | `"same"` |
    |---|---|---|
    | None | `(length - 1) * strides + max(extent, strides)` | `length * strides` |
    | `p` | `(length - 1) * strides + extent + p` | `(length - 1) * strides + extent - 2 * (extent // 2) + p` |

    What is cut off is cut off at both ends, the odd cell at the end.

    Args:
        filters: number of output channels.
        kernel_size: length of the window.
        strides: how many output steps lie between those of two neighbouring inputs.
        padding: `"valid"` or `"same"`.
        output_padding: steps added at the end, fewer than `strides`; None: as many as the table says.
        data_format: `"channels_last"`, the default, or `"channels_first"`.
        dilation_rate: step within a window; not together with `strides`.

    The others as in `Conv1D`.

    Shapes: `(batch, length, channels)` to `(batch, new_length, filters)`.

    Raises:
        ValueError: for `output_padding` of `strides` or more, unknown channels, outputs without a step.

    Example:

    >>> import jax.numpy as jnp
    >>> Conv1DTranspose(4, 3, strides=2, padding="same")(jnp.ones((2, 10, 5))).shape
    (2, 20, 4)
    """

    rank = 1


@layer("Convolution2DTranspose")
class Conv2DTranspose(TransposedConvolution):
    """Transposed convolution over images; arguments and sizes as in `Conv1DTranspose`, per axis `(height, width)`.

    Shapes: `(batch, height, width, channels)` to `(batch, new_height, new_width, filters)`; with
    `data_format="channels_first"` the channels follow the batch.
    """

    rank = 2


@layer("Convolution3DTranspose")
class Conv3DTranspose(TransposedConvolution):
    """Transposed convolution over volumes; arguments as in `Conv2DTranspose`, `data_format` before `output_padding`.

    Shapes: `(batch, depth, height, width, channels)` to `(batch, new_depth, new_height, new_width, filters)`; with
    `data_format="channels_first"` the channels follow the batch.
    """

    rank = 3

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = (1, 1, 1),
        padding: str = "valid",
        data_format: str | None = None,
        output_padding: Any = None,
        dilation_rate: Any = (1, 1, 1),
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ):
        super().__init__(
            filters=filters,
            kernel_size=kernel_size,
            strides=strides,
            padding=padding,
            output_padding=output_padding,
            data_format=data_format,
            dilation_rate=dilation_rate,
            activation=activation,
            use_bias=use_bias,
            kernel_initializer=kernel_initializer,
            bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer,
            bias_regularizer=bias_regularizer,
            activity_regularizer=activity_regularizer,
            kernel_constraint=kernel_constraint,
            bias_constraint=bias_constraint,
            **kwargs,
        )
