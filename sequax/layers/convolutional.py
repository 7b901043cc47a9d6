"""Convolutions: one base for any number of spatial axes, then the public classes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Unpack

import jax.numpy as jnp

from .. import kernels
from ..core.constructor import LayerOptions, Options
from ..core.input_spec import InputSpec
from ..core.kinds import (
    ActivationLike,
    CausalPadding,
    ConstraintLike,
    DataFormat,
    InitializerLike,
    LowRankAlpha,
    LowRankSize,
    RegularizerLike,
    Size,
    Sizes,
)
from ..core.types import Shape, ShapeLike, Tensor
from ..core.variable import Variable
from .base import ActivityListed, Adaptable, Weighted
from .catalogue import layer
from .windowed import Windowed


class BaseConvolution(Windowed, ActivityListed, Weighted):
    """What all convolutions do around their kernels: geometry, bias and activation.

    Subclasses create kernels in `build_kernels` and give `convolve(x)` for channels last.
    """

    strides_with_dilation = False  # whether both may be larger than 1
    filters: int  # depthwise convolutions have none
    kernel_size: tuple[int, ...]
    strides: tuple[int, ...]
    padding: str
    dilation_rate: tuple[int, ...]
    activation: Callable[[Tensor], Tensor] | None

    def __init__(self, **options: Unpack[LayerOptions]):
        super().__init__(**options)
        if not self.strides_with_dilation and max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise ValueError(
                f"{self._who()}: `strides > 1` is not supported in conjunction with `dilation_rate > 1`."
                f" Received: strides={self.strides} and dilation_rate={self.dilation_rate}"
            )

    def convolve(self, x: Tensor) -> Tensor:
        raise NotImplementedError

    def output_channels(self, channels: int | None) -> int | None:
        return self.filters

    def build(self, input_shape: ShapeLike) -> None:
        channels = self._split(input_shape)[2]
        if channels is None:
            raise ValueError(
                f"{self._who()}: the channel axis of the input must be known to create the kernel. Received:"
                f" input_shape={tuple(input_shape)}. Give the number of channels, e.g. `Input((None, None, 3))`."
            )
        self.compute_output_shape(input_shape)  # a window that does not fit is refused before there are variables
        self.input_spec: InputSpec = InputSpec(ndim=self.rank + 2, axes={self._channels_axis(): channels})
        self.build_kernels(channels)
        self.bias: Variable | None = self.add_bias((self.output_channels(channels),))

    def build_kernels(self, channels: int) -> None:
        raise NotImplementedError

    def call(self, inputs: Tensor) -> Tensor:
        self.compute_output_shape(inputs.shape)
        outputs = self.convolve(self._to_channels_last(jnp.asarray(inputs, self.compute_dtype)))
        if self.bias is not None:
            outputs = outputs + self.bias.value
        outputs = self._from_channels_last(outputs)
        return outputs if self.activation is None else self.activation(outputs)

    def compute_output_shape(self, input_shape: ShapeLike) -> Shape:
        batch, _, channels = self._split(input_shape)
        padding = "same" if self.padding == "causal" else self.padding  # both give ceil(size / stride)
        sizes = self._output_sizes(input_shape, self.kernel_size, self.strides, padding, self.dilation_rate)
        return self._join(batch, sizes, self.output_channels(channels))

    def _window(self) -> dict[str, Any]:
        """The geometry as arguments of `kernels.conv`."""
        padding: str | list[tuple[int, int]] = self.padding
        if padding == "causal":
            padding = [((size - 1) * step, 0) for size, step in zip(self.kernel_size, self.dilation_rate, strict=True)]
        return {"strides": self.strides, "padding": padding, "dilation": self.dilation_rate}


class Convolution(BaseConvolution, Adaptable):
    """Convolution over `rank` spatial axes: `activation(conv(x, kernel) + bias)`."""

    groups: int

    def __init__(
        self,
        filters: Size,
        kernel_size: Sizes,
        strides: Sizes = 1,
        padding: CausalPadding = "valid",
        data_format: DataFormat = None,
        dilation_rate: Sizes = 1,
        groups: Size = 1,
        activation: ActivationLike = None,
        use_bias: bool = True,
        kernel_initializer: InitializerLike = "glorot_uniform",
        bias_initializer: InitializerLike = "zeros",
        kernel_regularizer: RegularizerLike = None,
        bias_regularizer: RegularizerLike = None,
        activity_regularizer: RegularizerLike = None,
        kernel_constraint: ConstraintLike = None,
        bias_constraint: ConstraintLike = None,
        *,
        lora_rank: LowRankSize = None,
        lora_alpha: LowRankAlpha = None,
        **options: Unpack[Options],
    ):
        super().__init__(activity_regularizer=activity_regularizer, **options)
        if self.filters % self.groups:
            raise ValueError(
                f"{self._who()}: the number of filters must be evenly divisible by the number of groups."
                f" Received: groups={self.groups}, filters={self.filters}."
            )

    def build_kernels(self, channels: int) -> None:
        if channels % self.groups:
            raise ValueError(
                f"{self._who()}: the number of input channels must be evenly divisible by the number of groups."
                f" Received: groups={self.groups}, but the input has {channels} channels."
            )
        self.kernel: Variable = self.add("kernel", (*self.kernel_size, channels // self.groups, self.filters))

    def build(self, input_shape: ShapeLike) -> None:
        super().build(input_shape)
        self.adapt_from_start()

    def is_linear_at_last(self) -> bool:
        return self.groups == 1  # else each group has filters of its own

    def convolve(self, x: Tensor) -> Tensor:
        if type(self).convolution_op is Convolution.convolution_op:
            return self.kernel.product(partial(kernels.conv, groups=self.groups, **self._window()), x)
        return self._to_channels_last(self.convolution_op(self._from_channels_last(x), self.kernel.value))

    def convolution_op(self, inputs: Tensor, kernel: Tensor) -> Tensor:
        """The convolution alone; a subclass may override it, to normalize the kernel, say.

        Args:
            inputs: in the data format of the layer, as the outputs are.
            kernel: of the shape of `self.kernel`.
        """
        outputs = kernels.conv(self._to_channels_last(inputs), kernel, groups=self.groups, **self._window())
        return self._from_channels_last(outputs)


@layer("Convolution1D")
class Conv1D(Convolution):
    """Convolution over time: `y[t] = activation(sum_k x[t * strides + k * dilation_rate] @ kernel[k] + bias)`.

    Shapes: `(batch, length, channels)` to `(batch, new_length, filters)`; with `data_format="channels_first"` the
    channels follow the batch. Integers are computed in the layer's compute dtype. Masks are not passed on.

    Args:
        filters: number of output channels.
        kernel_size: length of the window.
        strides: step between windows.
        padding: `"valid"` (none), `"same"` (output length `ceil(length / strides)`), or `"causal"` (zeros in front
            only, so that `y[t]` sees nothing after `x[t]`; van den Oord et al. 2016, WaveNet).
        data_format: `"channels_last"` or `"channels_first"`; None: as `config.set_image_data_format` says.
        dilation_rate: step within a window; not together with `strides`.
        groups: the channels are split into this many groups with filters of their own.
        activation: name or function; None: linear.
        use_bias: whether to add a bias.
        kernel_initializer, bias_initializer: how the weights start; name, config or callable.
        kernel_regularizer, bias_regularizer: penalties of the weights, added to the loss; name, callable or None.
        activity_regularizer: penalty of the outputs, added to the loss; name, callable or None.
        kernel_constraint, bias_constraint: applied to the weights after each update; name, callable or None.
        lora_rank, lora_alpha: `enable_lora(lora_rank, lora_alpha)` when the layer is built; None: not.
        **options: name, dtype, trainable, ...: as in `Layer`.

    Raises:
        ValueError: for a window larger than the input, channels or filters that `groups` does not divide, or an
            unknown number of channels.

    Example:

    >>> import jax.numpy as jnp
    >>> Conv1D(4, 3)(jnp.ones((2, 10, 5))).shape
    (2, 8, 4)
    """

    rank = 1
    paddings: tuple[str, str, str] = ("valid", "same", "causal")


@layer("Convolution2D")
class Conv2D(Convolution):
    """Convolution over images: `activation(conv(x, kernel) + bias)`; like all of these a cross-correlation.

    Shapes: `(batch, height, width, channels)` to `(batch, new_height, new_width, filters)`; with
    `data_format="channels_first"` the channels follow the batch.

    Args:
        filters: number of output channels.
        kernel_size: size of the window, one number or `(height, width)`.
        strides: step between windows, one number or one per axis.
        padding: `"valid"` (none) or `"same"` (output size `ceil(size / strides)`).
        data_format: `"channels_last"` or `"channels_first"`; None: as `config.set_image_data_format` says.
        dilation_rate: step within a window, one number or one per axis; not together with `strides`.
        groups: the channels are split into this many groups with filters of their own.
        activation: name or function; None: linear.
        use_bias: whether to add a bias.
        kernel_initializer, bias_initializer: how the weights start; name, config or callable.
        kernel_regularizer, bias_regularizer: penalties of the weights, added to the loss; name, callable or None.
        activity_regularizer: penalty of the outputs, added to the loss; name, callable or None.
        kernel_constraint, bias_constraint: applied to the weights after each update; name, callable or None.
        lora_rank, lora_alpha: `enable_lora(lora_rank, lora_alpha)` when the layer is built; None: not.
        **options: name, dtype, trainable, ...: as in `Layer`.

    Raises:
        ValueError: for a window larger than the input, channels or filters that `groups` does not divide, or an
            unknown number of channels.

    Example:

    >>> import jax.numpy as jnp
    >>> Conv2D(4, 3, strides=2, padding="same")(jnp.ones((2, 9, 9, 3))).shape
    (2, 5, 5, 4)
    """

    rank = 2


@layer("Convolution3D")
class Conv3D(Convolution):
    """Convolution over volumes or videos: `activation(conv(x, kernel) + bias)`.

    Shapes: `(batch, depth, height, width, channels)` to `(batch, new_depth, new_height, new_width, filters)`; with
    `data_format="channels_first"` the channels follow the batch.

    Args:
        filters: number of output channels.
        kernel_size: size of the window, one number or `(depth, height, width)`.
        strides: step between windows, one number or one per axis.
        padding: `"valid"` (none) or `"same"` (output size `ceil(size / strides)`).
        data_format: `"channels_last"` or `"channels_first"`; None: as `config.set_image_data_format` says.
        dilation_rate: step within a window, one number or one per axis; not together with `strides`.
        groups: the channels are split into this many groups with filters of their own.
        activation: name or function; None: linear.
        use_bias: whether to add a bias.
        kernel_initializer, bias_initializer: how the weights start; name, config or callable.
        kernel_regularizer, bias_regularizer: penalties of the weights, added to the loss; name, callable or None.
        activity_regularizer: penalty of the outputs, added to the loss; name, callable or None.
        kernel_constraint, bias_constraint: applied to the weights after each update; name, callable or None.
        lora_rank, lora_alpha: `enable_lora(lora_rank, lora_alpha)` when the layer is built; None: not.
        **options: name, dtype, trainable, ...: as in `Layer`.

    Raises:
        ValueError: for a window larger than the input, channels or filters that `groups` does not divide, or an
            unknown number of channels.

    Example:

    >>> import jax.numpy as jnp
    >>> Conv3D(4, (1, 3, 3))(jnp.ones((2, 5, 9, 9, 3))).shape
    (2, 5, 7, 7, 4)
    """

    rank = 3
