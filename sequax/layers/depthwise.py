"""Convolutions of each channel by itself, alone (depthwise) or followed by one over channels (separable)."""

from __future__ import annotations

from typing import Unpack

from .. import kernels
from ..core.constructor import Options
from ..core.kinds import (
    ActivationLike,
    ConstraintLike,
    DataFormat,
    InitializerLike,
    Padding,
    RegularizerLike,
    Size,
    Sizes,
)
from ..core.types import Tensor
from ..core.variable import Variable
from .catalogue import layer
from .convolutional import BaseConvolution


class ChannelByChannel(BaseConvolution):
    """What depthwise and separable convolutions share: `depth_multiplier` filters for every channel."""

    strides_with_dilation = True
    depth_multiplier: int

    def add_depthwise_kernel(self, name: str, channels: int) -> Variable:
        return self.add("depthwise", (*self.kernel_size, channels, self.depth_multiplier), name=name)

    def channel_by_channel(self, x: Tensor, kernel: Tensor) -> Tensor:
        """The outputs of channel `c` stand side by side, from `c * depth_multiplier` on."""
        filters = kernel.reshape(*self.kernel_size, 1, -1)
        return kernels.conv(x, filters, groups=x.shape[-1], **self._window())


class DepthwiseConvolution(ChannelByChannel):
    """Depthwise convolution over `rank` spatial axes."""

    def __init__(
        self,
        kernel_size: Sizes,
        strides: Sizes = 1,
        padding: Padding = "valid",
        depth_multiplier: Size = 1,
        data_format: DataFormat = None,
        dilation_rate: Sizes = 1,
        activation: ActivationLike = None,
        use_bias: bool = True,
        depthwise_initializer: InitializerLike = "glorot_uniform",
        bias_initializer: InitializerLike = "zeros",
        depthwise_regularizer: RegularizerLike = None,
        bias_regularizer: RegularizerLike = None,
        activity_regularizer: RegularizerLike = None,
        depthwise_constraint: ConstraintLike = None,
        bias_constraint: ConstraintLike = None,
        **options: Unpack[Options],
    ):
        super().__init__(activity_regularizer=activity_regularizer, **options)

    def build_kernels(self, channels: int) -> None:
        self.kernel: Variable = self.add_depthwise_kernel("kernel", channels)

    def convolve(self, x: Tensor) -> Tensor:
        return self.channel_by_channel(x, self.kernel.value)

    def output_channels(self, channels: int | None) -> int | None:
        return None if channels is None else channels * self.depth_multiplier


class SeparableConvolution(ChannelByChannel):
    """Separable convolution over `rank` spatial axes."""

    def __init__(
        self,
        filters: Size,
        kernel_size: Sizes,
        strides: Sizes = 1,
        padding: Padding = "valid",
        data_format: DataFormat = None,
        dilation_rate: Sizes = 1,
        depth_multiplier: Size = 1,
        activation: ActivationLike = None,
        use_bias: bool = True,
        depthwise_initializer: InitializerLike = "glorot_uniform",
        pointwise_initializer: InitializerLike = "glorot_uniform",
        bias_initializer: InitializerLike = "zeros",
        depthwise_regularizer: RegularizerLike = None,
        pointwise_regularizer: RegularizerLike = None,
        bias_regularizer: RegularizerLike = None,
        activity_regularizer: RegularizerLike = None,
        depthwise_constraint: ConstraintLike = None,
        pointwise_constraint: ConstraintLike = None,
        bias_constraint: ConstraintLike = None,
        **options: Unpack[Options],
    ):
        super().__init__(activity_regularizer=activity_regularizer, **options)

    def build_kernels(self, channels: int) -> None:
        self.depthwise_kernel: Variable = self.add_depthwise_kernel("depthwise_kernel", channels)
        shape = (*(1,) * self.rank, channels * self.depth_multiplier, self.filters)
        self.pointwise_kernel: Variable = self.add("pointwise", shape, name="pointwise_kernel")

    def convolve(self, x: Tensor) -> Tensor:
        return kernels.conv(self.channel_by_channel(x, self.depthwise_kernel.value), self.pointwise_kernel.value)


@layer()
class DepthwiseConv1D(DepthwiseConvolution):
    """Convolution over time, each channel with filters of its own:
    `y[t, c * m + j] = activation(sum_k x[t * strides + k * dilation_rate, c] * kernel[k, c, j] + bias)`.

    Shapes: `(batch, length, channels)` to `(batch, new_length, channels * depth_multiplier)`; with
    `data_format="channels_first"` the channels follow the batch.

    Args:
        kernel_size: length of the window.
        strides: step between windows; may be combined with `dilation_rate`.
        padding: `"valid"` (none) or `"same"` (output length `ceil(length / strides)`). `"causal"` is for `Conv1D` only,
            as in Keras.
        depth_multiplier: the `m` of the formula, the number of outputs of each channel.
        data_format: `"channels_last"` or `"channels_first"`; None: as `config.set_image_data_format` says.
        dilation_rate: step within a window.
        activation: name or function; None: linear.
        use_bias: whether to add a bias.
        depthwise_initializer, bias_initializer: how the weights start; name, config or callable.
        depthwise_regularizer, bias_regularizer: penalties of the weights, added to the loss; name, callable or None.
        activity_regularizer: penalty of the outputs, added to the loss; name, callable or None.
        depthwise_constraint, bias_constraint: applied to the weights after each update; name, callable or None.
        **options: name, dtype, trainable, ...: as in `Layer`.

    Raises:
        ValueError: for a window larger than the input, or an unknown number of channels.

    Example:

    >>> import jax.numpy as jnp
    >>> DepthwiseConv1D(3, depth_multiplier=2)(jnp.ones((2, 10, 5))).shape
    (2, 8, 10)
    """

    rank = 1


@layer()
class DepthwiseConv2D(DepthwiseConvolution):
    """Convolution over images, each channel with filters of its own (Howard et al. 2017, MobileNets).

    Shapes: `(batch, height, width, channels)` to `(batch, new_height, new_width, channels * depth_multiplier)`; with
    `data_format="channels_first"` the channels follow the batch.

    Args:
        kernel_size: size of the window, one number or `(height, width)`.
        strides: step between windows, one number or one per axis; may be combined with `dilation_rate`.
        padding: `"valid"` (none) or `"same"` (output size `ceil(size / strides)`).
        depth_multiplier: number of outputs of each channel.
        data_format: `"channels_last"` or `"channels_first"`; None: as `config.set_image_data_format` says.
        dilation_rate: step within a window, one number or one per axis.
        activation: name or function; None: linear.
        use_bias: whether to add a bias.
        depthwise_initializer, bias_initializer: how the weights start; name, config or callable.
        depthwise_regularizer, bias_regularizer: penalties of the weights, added to the loss; name, callable or None.
        activity_regularizer: penalty of the outputs, added to the loss; name, callable or None.
        depthwise_constraint, bias_constraint: applied to the weights after each update; name, callable or None.
        **options: name, dtype, trainable, ...: as in `Layer`.

    Raises:
        ValueError: for a window larger than the input, or an unknown number of channels.

    Example:

    >>> import jax.numpy as jnp
    >>> DepthwiseConv2D(3, depth_multiplier=2)(jnp.ones((2, 9, 9, 3))).shape
    (2, 7, 7, 6)
    """

    rank = 2


@layer("SeparableConvolution1D")
class SeparableConv1D(SeparableConvolution):
    """A depthwise convolution over time, then one over the channels: `activation(depthwise(x) @ pointwise + bias)`.

    Shapes: `(batch, length, channels)` to `(batch, new_length, filters)`; with `data_format="channels_first"` the
    channels follow the batch.

    Args:
        filters: number of output channels.
        kernel_size: length of the window.
        strides: step between windows; may be combined with `dilation_rate`.
        padding: `"valid"` (none) or `"same"` (output length `ceil(length / strides)`).
        data_format: `"channels_last"` or `"channels_first"`; None: as `config.set_image_data_format` says.
        dilation_rate: step within a window.
        depth_multiplier: number of channels that the depthwise convolution makes of each.
        activation: name or function; None: linear.
        use_bias: whether to add a bias.
        depthwise_initializer, pointwise_initializer, bias_initializer: how the weights start; name, config or callable.
        depthwise_regularizer, pointwise_regularizer, bias_regularizer: penalties of the weights, added to the loss;
            name, callable or None.
        activity_regularizer: penalty of the outputs, added to the loss; name, callable or None.
        depthwise_constraint, pointwise_constraint, bias_constraint: applied to the weights after each update; name,
            callable or None.
        **options: name, dtype, trainable, ...: as in `Layer`.

    Raises:
        ValueError: for a window larger than the input, or an unknown number of channels.

    Example:

    >>> import jax.numpy as jnp
    >>> SeparableConv1D(4, 3)(jnp.ones((2, 10, 5))).shape
    (2, 8, 4)
    """

    rank = 1


@layer("SeparableConvolution2D")
class SeparableConv2D(SeparableConvolution):
    """A depthwise convolution over images, then one over the channels: `activation(depthwise(x) @ pointwise + bias)`
    (Chollet 2017, Xception).

    Shapes: `(batch, height, width, channels)` to `(batch, new_height, new_width, filters)`; with
    `data_format="channels_first"` the channels follow the batch.

    Args:
        filters: number of output channels.
        kernel_size: size of the window, one number or `(height, width)`.
        strides: step between windows, one number or one per axis; may be combined with `dilation_rate`.
        padding: `"valid"` (none) or `"same"` (output size `ceil(size / strides)`).
        data_format: `"channels_last"` or `"channels_first"`; None: as `config.set_image_data_format` says.
        dilation_rate: step within a window, one number or one per axis.
        depth_multiplier: number of channels that the depthwise convolution makes of each.
        activation: name or function; None: linear.
        use_bias: whether to add a bias.
        depthwise_initializer, pointwise_initializer, bias_initializer: how the weights start; name, config or callable.
        depthwise_regularizer, pointwise_regularizer, bias_regularizer: penalties of the weights, added to the loss;
            name, callable or None.
        activity_regularizer: penalty of the outputs, added to the loss; name, callable or None.
        depthwise_constraint, pointwise_constraint, bias_constraint: applied to the weights after each update; name,
            callable or None.
        **options: name, dtype, trainable, ...: as in `Layer`.

    Raises:
        ValueError: for a window larger than the input, or an unknown number of channels.

    Example:

    >>> import jax.numpy as jnp
    >>> SeparableConv2D(4, 3, padding="same")(jnp.ones((2, 9, 9, 3))).shape
    (2, 9, 9, 4)
    """

    rank = 2
