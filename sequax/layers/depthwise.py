"""Convolutions of each channel by itself, alone (depthwise) or followed by one over channels (separable)."""

from __future__ import annotations

from typing import Any

import jax

from .. import constraints, initializers, kernels, regularizers
from ..core.variable import Variable
from .arguments import positive_integer
from .catalogue import layer
from .convolutional import BaseConvolution


class ChannelByChannel(BaseConvolution):
    """What depthwise and separable convolutions share: `depth_multiplier` filters for every channel."""

    strides_with_dilation = True

    def __init__(
        self,
        depth_multiplier: int,
        depthwise_initializer: Any,
        depthwise_regularizer: Any,
        depthwise_constraint: Any,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.depth_multiplier = positive_integer(self._who(), "depth_multiplier", depth_multiplier)
        self.depthwise_initializer = initializers.get(depthwise_initializer)
        self.depthwise_regularizer = regularizers.get(depthwise_regularizer)
        self.depthwise_constraint = constraints.get(depthwise_constraint)

    def add_depthwise_kernel(self, name: str, channels: int) -> Variable:
        return self.add_weight(
            name=name,
            shape=(*self.kernel_size, channels, self.depth_multiplier),
            initializer=self.depthwise_initializer,
            regularizer=self.depthwise_regularizer,
            constraint=self.depthwise_constraint,
        )

    def channel_by_channel(self, x: jax.Array, kernel: jax.Array) -> jax.Array:
        """The outputs of channel `c` stand side by side, from `c * depth_multiplier` on."""
        filters = kernel.reshape(*self.kernel_size, 1, -1)
        return kernels.conv(x, filters, groups=x.shape[-1], **self._window())


class DepthwiseConvolution(ChannelByChannel):
    """Depthwise convolution over `rank` spatial axes."""

    def __init__(
        self,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        depth_multiplier: int = 1,
        data_format: str | None = None,
        dilation_rate: Any = 1,
        activation: Any = None,
        use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        depthwise_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        depthwise_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ):
        super().__init__(
            depth_multiplier,
            depthwise_initializer,
            depthwise_regularizer,
            depthwise_constraint,
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

    def build_kernels(self, channels: int) -> None:
        self.kernel = self.add_depthwise_kernel("kernel", channels)

    def convolve(self, x: jax.Array) -> jax.Array:
        return self.channel_by_channel(x, self.kernel.value)

    def output_channels(self, channels: int | None) -> int | None:
        return None if channels is None else channels * self.depth_multiplier


class SeparableConvolution(ChannelByChannel):
    """Separable convolution over `rank` spatial axes."""

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
        depth_multiplier: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform",
        pointwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        depthwise_regularizer: Any = None,
        pointwise_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        depthwise_constraint: Any = None,
        pointwise_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ):
        super().__init__(
            depth_multiplier,
            depthwise_initializer,
            depthwise_regularizer,
            depthwise_constraint,
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
        self.pointwise_initializer = initializers.get(pointwise_initializer)
        self.pointwise_regularizer = regularizers.get(pointwise_regularizer)
        self.pointwise_constraint = constraints.get(pointwise_constraint)

    def build_kernels(self, channels: int) -> None:
        self.depthwise_kernel = self.add_depthwise_kernel("depthwise_kernel", channels)
        self.pointwise_kernel = self.add_weight(
            name="pointwise_kernel",
            shape=(*(1,) * self.rank, channels * self.depth_multiplier, self.filters),
            initializer=self.pointwise_initializer,
            regularizer=self.pointwise_regularizer,
            constraint=self.pointwise_constraint,
        )

    def convolve(self, x: jax.Array) -> jax.Array:
        return kernels.conv(self.channel_by_channel(x, self.depthwise_kernel.value), self.pointwise_kernel.value)

    def output_channels(self, channels: int | None) -> int | None:
        return self.filters


@layer()
class DepthwiseConv1D(DepthwiseConvolution):
    """Convolution over time, each channel with filters of its own:
    `y[t, c * m + j] = activation(sum_k x[t * strides + k * dilation_rate, c] * kernel[k, c, j] + bias)`.

    Args:
        depth_multiplier: `m`, the number of outputs of a channel.
        padding: `"valid"` or `"same"`; `"causal"` is for `Conv1D` only, as in Keras.

    The others as in `Conv1D`, but `strides` and `dilation_rate` may be used together.

    Shapes: `(batch, length, channels)` to `(batch, new_length, channels * depth_multiplier)`.
    """

    rank = 1


@layer()
class DepthwiseConv2D(DepthwiseConvolution):
    """Convolution over images, each channel with filters of its own; arguments as in `DepthwiseConv1D`, per axis
    `(height, width)`.

    Shapes: `(batch, height, width, channels)` to `(batch, new_height, new_width, channels * depth_multiplier)`; with
    `data_format="channels_first"` the channels follow the batch.

    Example:

    >>> import jax.numpy as jnp
    >>> DepthwiseConv2D(3, depth_multiplier=2)(jnp.ones((2, 9, 9, 3))).shape
    (2, 7, 7, 6)
    """

    rank = 2


@layer("SeparableConvolution1D")
class SeparableConv1D(SeparableConvolution):
    """A depthwise convolution over time, then one over the channels: `activation(depthwise(x) @ pointwise + bias)`.

    Arguments as in `DepthwiseConv1D`; `filters` is the number of output channels.

    Shapes: `(batch, length, channels)` to `(batch, new_length, filters)`.
    """

    rank = 1


@layer("SeparableConvolution2D")
class SeparableConv2D(SeparableConvolution):
    """A depthwise convolution over images, then one over the channels: `activation(depthwise(x) @ pointwise + bias)`.

    Chollet 2017, Xception. Arguments as in `DepthwiseConv2D`; `filters` is the number of output channels.

    Shapes: `(batch, height, width, channels)` to `(batch, new_height, new_width, filters)`; with
    `data_format="channels_first"` the channels follow the batch.
    """

    rank = 2
