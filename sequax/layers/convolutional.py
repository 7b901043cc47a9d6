"""Convolutions: one base for any number of spatial axes, then the public classes."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from .. import activations, constraints, initializers, kernels, regularizers
from ..core.input_spec import InputSpec
from .arguments import data_format as checked_data_format, positive_integer, refuse_unavailable
from .catalogue import layer
from .spatial import Shape, Sizes
from .windowed import Windowed


class BaseConvolution(Windowed):
    """What all convolutions do around their kernels: settings, geometry, bias and activation.

    Subclasses create kernels in `build_kernels` and give `convolve(x)` for channels last.
    """

    strides_with_dilation = False  # whether both may be larger than 1

    def __init__(
        self,
        kernel_size: Any,
        strides: Any,
        padding: str,
        data_format: str | None,
        dilation_rate: Any,
        activation: Any,
        use_bias: bool,
        bias_initializer: Any,
        bias_regularizer: Any,
        activity_regularizer: Any,
        bias_constraint: Any,
        **kwargs: Any,
    ):
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.kernel_size = self._per_axis("kernel_size", kernel_size)
        self.strides = self._per_axis("strides", strides)
        self.dilation_rate = self._per_axis("dilation_rate", dilation_rate)
        self.padding = self._padding(padding)
        self.data_format = checked_data_format(data_format)
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self.bias_initializer = initializers.get(bias_initializer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.bias_constraint = constraints.get(bias_constraint)
        self.input_spec = InputSpec(ndim=self.rank + 2)
        if not self.strides_with_dilation and max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise ValueError(
                f"{self._who()}: `strides > 1` is not supported in conjunction with `dilation_rate > 1`."
                f" Received: strides={self.strides} and dilation_rate={self.dilation_rate}"
            )

    def convolve(self, x: jax.Array) -> jax.Array:
        raise NotImplementedError

    def output_channels(self, channels: int | None) -> int | None:
        raise NotImplementedError

    def build(self, input_shape: Shape) -> None:
        channels = self._split(input_shape)[2]
        if channels is None:
            raise ValueError(
                f"{self._who()}: the channel axis of the input must be known to create the kernel. Received:"
                f" input_shape={tuple(input_shape)}. Give the number of channels, e.g. `Input((None, None, 3))`."
            )
        self.compute_output_shape(input_shape)  # a window that does not fit is refused before there are variables
        self.input_spec = InputSpec(ndim=self.rank + 2, axes={self._channels_axis(): channels})
        self.build_kernels(channels)
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                name="bias",
                shape=(self.output_channels(channels),),
                initializer=self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
            )

    def build_kernels(self, channels: int) -> None:
        raise NotImplementedError

    def call(self, inputs: jax.Array) -> jax.Array:
        self.compute_output_shape(inputs.shape)
        outputs = self.convolve(self._to_channels_last(jnp.asarray(inputs, self.compute_dtype)))
        if self.bias is not None:
            outputs = outputs + self.bias.value
        outputs = self._from_channels_last(outputs)
        return outputs if self.activation is None else self.activation(outputs)

    def compute_output_shape(self, input_shape: Shape) -> Sizes:
        batch, _, channels = self._split(input_shape)
        padding = "same" if self.padding == "causal" else self.padding  # both give ceil(size / stride)
        sizes = self._output_sizes(input_shape, self.kernel_size, self.strides, padding, self.dilation_rate)
        return self._join(batch, sizes, self.output_channels(channels))

    def get_config(self) -> dict[str, Any]:
        return {"activity_regularizer": None, **super().get_config()}

    def _window(self) -> dict[str, Any]:
        """The geometry as arguments of `kernels.conv`."""
        padding: Any = self.padding
        if padding == "causal":
            padding = [((size - 1) * step, 0) for size, step in zip(self.kernel_size, self.dilation_rate, strict=True)]
        return {"strides": self.strides, "padding": padding, "dilation": self.dilation_rate}


class Convolution(BaseConvolution):
    """Convolution over `rank` spatial axes: `activation(conv(x, kernel) + bias)`."""

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
        groups: int = 1,
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
        absent = {name: kwargs.pop(name, None) for name in ("lora_rank", "lora_alpha")}
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
        refuse_unavailable(self, **absent)
        self.filters = positive_integer(self._who(), "filters", filters)
        self.groups = positive_integer(self._who(), "groups", groups)
        if self.filters % self.groups:
            raise ValueError(
                f"{self._who()}: the number of filters must be evenly divisible by the number of groups."
                f" Received: groups={self.groups}, filters={self.filters}."
            )
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)

    def build_kernels(self, channels: int) -> None:
        if channels % self.groups:
            raise ValueError(
                f"{self._who()}: the number of input channels must be evenly divisible by the number of groups."
                f" Received: groups={self.groups}, but the input has {channels} channels."
            )
        self.kernel = self.add_weight(
            name="kernel",
            shape=(*self.kernel_size, channels // self.groups, self.filters),
            initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
        )

    def convolve(self, x: jax.Array) -> jax.Array:
        if type(self).convolution_op is Convolution.convolution_op:
            return kernels.conv(x, self.kernel.value, groups=self.groups, **self._window())
        return self._to_channels_last(self.convolution_op(self._from_channels_last(x), self.kernel.value))

    def convolution_op(self, inputs: jax.Array, kernel: jax.Array) -> jax.Array:
        """The convolution alone; a subclass may override it, to normalize the kernel, say.

        Args:
            inputs: in the data format of the layer, as the outputs are.
            kernel: of the shape of `self.kernel`.
        """
        outputs = kernels.conv(self._to_channels_last(inputs), kernel, groups=self.groups, **self._window())
        return self._from_channels_last(outputs)

    def output_channels(self, channels: int | None) -> int | None:
        return self.filters


@layer("Convolution1D")
class Conv1D(Convolution):
    """Convolution over time: `y[t] = activation(sum_k x[t * strides + k * dilation_rate] @ kernel[k] + bias)`.

    Args:
        filters: number of output channels.
        kernel_size: length of the window.
        strides: step between windows.
        padding: `"valid"` (none), `"same"` (output length `ceil(length / strides)`), or `"causal"` (zeros in front
            only, so that `y[t]` sees nothing after `x[t]`; van den Oord et al. 2016, WaveNet).
        data_format: `"channels_last"`, the default, or `"channels_first"`.
        dilation_rate: step within a window; not together with `strides`.
        groups: the channels are split into this many groups with filters of their own.
        activation: name or function; None: linear.
        use_bias: whether to add a bias.

    Shapes: `(batch, length, channels)` to `(batch, new_length, filters)`; channels first with the last two swapped.
    Integers are computed in the layer's compute dtype. Masks are not passed on.

    Raises:
        ValueError: for windows larger than the input, channels or filters not divisible by `groups`, unknown channels.

    Example:

    >>> import jax.numpy as jnp
    >>> Conv1D(4, 3)(jnp.ones((2, 10, 5))).shape
    (2, 8, 4)
    """

    rank = 1
    paddings = ("valid", "same", "causal")


@layer("Convolution2D")
class Conv2D(Convolution):
    """Convolution over images: `activation(conv(x, kernel) + bias)`; like all of these a cross-correlation.

    Args:
        kernel_size, strides, dilation_rate: one number, or one per axis `(height, width)`.
        padding: `"valid"` or `"same"`.

    The others as in `Conv1D`.

    Shapes: `(batch, height, width, channels)` to `(batch, new_height, new_width, filters)`; with
    `data_format="channels_first"` the channels follow the batch.

    Example:

    >>> import jax.numpy as jnp
    >>> Conv2D(4, 3, strides=2, padding="same")(jnp.ones((2, 9, 9, 3))).shape
    (2, 5, 5, 4)
    """

    rank = 2


@layer("Convolution3D")
class Conv3D(Convolution):
    """Convolution over volumes or videos, `activation(conv(x, kernel) + bias)`.

    Arguments as in `Conv2D`, with three numbers per window.

    Shapes: `(batch, depth, height, width, channels)` to `(batch, new_depth, new_height, new_width, filters)`; with
    `data_format="channels_first"` the channels follow the batch.
    """

    rank = 3
