"""`ConvLSTM1D`, `ConvLSTM2D`, `ConvLSTM3D`: LSTM over images, with convolutions in the place of products."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Unpack

import jax.numpy as jnp

from ... import kernels
from ...core.constructor import LayerOptions
from ...core.input_spec import InputSpec
from ...core.kinds import (
    ActivationLike,
    ConstraintLike,
    DataFormat,
    Fraction,
    InitializerLike,
    Padding,
    RegularizerLike,
    Size,
    Sizes,
)
from ...core.types import Nested, Shape, ShapeLike, Tensor, Tensors
from ..catalogue import layer
from ..windowed import Windowed
from .cell import Cell, as_list, dropped
from .lstm import forget_bias, lstm_states
from .rnn import CellLayer, RecurrentOptions


class ConvLSTMCell(Windowed, Cell):
    """One step of a ConvLSTM layer. Inside, channels stand last; inputs, states and outputs follow `data_format`."""

    filters: int
    kernel_size: tuple[int, ...]
    strides: tuple[int, ...]
    padding: str
    dilation_rate: tuple[int, ...]
    unit_forget_bias: bool

    def __init__(
        self,
        rank: int,
        filters: Size,
        kernel_size: Sizes,
        strides: Sizes = 1,
        padding: Padding = "valid",
        data_format: DataFormat = None,
        dilation_rate: Sizes = 1,
        activation: ActivationLike = "tanh",
        recurrent_activation: ActivationLike = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: InitializerLike = "glorot_uniform",
        recurrent_initializer: InitializerLike = "orthogonal",
        bias_initializer: InitializerLike = "zeros",
        unit_forget_bias: bool = True,
        kernel_regularizer: RegularizerLike = None,
        recurrent_regularizer: RegularizerLike = None,
        bias_regularizer: RegularizerLike = None,
        kernel_constraint: ConstraintLike = None,
        recurrent_constraint: ConstraintLike = None,
        bias_constraint: ConstraintLike = None,
        dropout: Fraction = 0.0,
        recurrent_dropout: Fraction = 0.0,
        seed: int | None = None,
        **options: Unpack[LayerOptions],
    ):
        super().__init__(**options)
        self.units = filters
        self.state_size: int | list[int] = [filters, filters]
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise ValueError(
                f"{self._who()}: `strides > 1` is not supported in conjunction with `dilation_rate > 1`."
                f" Received: strides={self.strides} and dilation_rate={self.dilation_rate}"
            )

    def build(self, input_shape: ShapeLike) -> None:
        channels = self.known_features(input_shape, self._channels_axis())
        self.state_shape: Shape = self.output_shape_for(input_shape)[1:]
        if None in self.state_shape:
            raise ValueError(
                f"{self._who()}: the spatial sizes must be known, since the states have them too. Received:"
                f" {tuple(input_shape)} for one step. Give them, e.g. `Input((None, 64, 64, 3))`."
            )
        gates = 4 * self.filters
        initial_bias = forget_bias(self.bias_initializer, self.filters) if self.unit_forget_bias else None
        self.add_weights(
            (*self.kernel_size, channels, gates), (*self.kernel_size, self.filters, gates), (gates,), initial_bias
        )

    def output_shape_for(self, input_shape: ShapeLike) -> Shape:
        """Shape of the output and of both states for the input of one step."""
        sizes = self._output_sizes(input_shape, self.kernel_size, self.strides, self.padding, self.dilation_rate)
        return self._join(input_shape[0], sizes, self.filters)

    def get_initial_state(self, batch_size: int | None = None) -> list[Any]:
        """Zeros; the cell must be built, which tells the sizes."""
        return [jnp.zeros((batch_size, *self.state_shape), self.compute_dtype) for _ in range(2)]

    def project(self, inputs: Tensor) -> Tensor:
        image = inputs.reshape(-1, *inputs.shape[-self.rank - 1 :])  # all steps are one batch of images
        projected = kernels.conv(
            image, self.kernel.value, strides=self.strides, padding=self.padding, dilation=self.dilation_rate
        )
        projected = projected if self.bias is None else projected + self.bias.value
        return projected.reshape(*inputs.shape[: -self.rank - 1], *projected.shape[1:])

    def advance(self, projected: Tensor, states: list[Any], recurrent_scale: Tensor | None = None) -> list[Any]:
        h = dropped(states[0], recurrent_scale)
        gates = projected + kernels.conv(h, self.recurrent_kernel.value, padding="same")
        return lstm_states(gates, states[1], self.activation, self.recurrent_activation)

    def call(self, inputs: Tensor, states: Tensors, training: bool = False) -> tuple[Tensor, list[Tensor]]:
        inputs, *states = map(self._to_channels_last, (inputs, *states))
        _, states = super().call(inputs, states, training)
        states = [self._from_channels_last(state) for state in as_list(states)]
        return states[0], states

    def over_time(
        self, x: Tensor, states: list[Any], mask: Tensor | None, unroll: bool, training: bool
    ) -> tuple[Tensor, list[Any]]:
        first = self.data_format == "channels_first"
        x = jnp.moveaxis(x, 2, -1) if first else x
        states = [self._to_channels_last(state) for state in states]
        outputs, states = super().over_time(x, states, mask, unroll, training)
        outputs = jnp.moveaxis(outputs, -1, 2) if first else outputs
        return outputs, [self._from_channels_last(state) for state in states]


class ConvLSTM(CellLayer):
    """Base of the layers, over `rank` spatial axes."""

    rank = 0
    cell: ConvLSTMCell
    cell_type: Callable[..., Cell] = ConvLSTMCell

    def __init__(
        self,
        filters: Size,
        kernel_size: Sizes,
        strides: Sizes = 1,
        padding: Padding = "valid",
        data_format: DataFormat = None,
        dilation_rate: Sizes = 1,
        activation: ActivationLike = "tanh",
        recurrent_activation: ActivationLike = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: InitializerLike = "glorot_uniform",
        recurrent_initializer: InitializerLike = "orthogonal",
        bias_initializer: InitializerLike = "zeros",
        unit_forget_bias: bool = True,
        kernel_regularizer: RegularizerLike = None,
        recurrent_regularizer: RegularizerLike = None,
        bias_regularizer: RegularizerLike = None,
        activity_regularizer: RegularizerLike = None,
        kernel_constraint: ConstraintLike = None,
        recurrent_constraint: ConstraintLike = None,
        bias_constraint: ConstraintLike = None,
        dropout: Fraction = 0.0,
        recurrent_dropout: Fraction = 0.0,
        seed: int | None = None,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        **options: Unpack[RecurrentOptions],
    ):
        super().__init__(activity_regularizer=activity_regularizer, **options)
        self.input_spec: InputSpec = InputSpec(ndim=self.rank + 3)

    def _cell_settings(self) -> dict[str, Any]:
        return {"rank": self.rank, **super()._cell_settings()}

    def build(self, sequences_shape: ShapeLike, initial_state_shape: Nested[ShapeLike] | None = None) -> None:
        super().build(sequences_shape, initial_state_shape)
        self.input_spec = InputSpec(shape=(None, None, *sequences_shape[2:]))

    def compute_output_shape(
        self, sequences_shape: ShapeLike, initial_state_shape: Nested[ShapeLike] | None = None
    ) -> tuple[Any, ...]:
        batch, time, *image = sequences_shape
        state = self.cell.output_shape_for((batch, *image))
        output = (batch, time, *state[1:]) if self.return_sequences else state
        return (output, state, state) if self.return_state else output


@layer()
class ConvLSTM1D(ConvLSTM):
    """Convolutional LSTM over sequences: the equations of `LSTM`, with `z = conv(x, W) + conv(h, U) + b`.

    Shi et al. 2015, Convolutional LSTM Network, without their peephole connections. The convolution of the state keeps
    its size: stride 1, padding "same", no dilation.

    Shapes: `(batch, time, size, channels)` to `(batch, new_size, filters)`, or `(batch, time, new_size, filters)` with
    `return_sequences`. With `data_format="channels_first"` channels and filters stand before the sizes.

    Args:
        filters: channels of the output and of both states.
        kernel_size: of both convolutions; one number.
        strides: of the convolution of the inputs; one number.
        padding: of the convolution of the inputs: "valid" or "same".
        data_format: "channels_last" or "channels_first", for inputs, states and outputs; default: as
            `config.set_image_data_format` says, channels last at first.
        dilation_rate: of the convolution of the inputs; one number. Above 1 it excludes strides above 1.
        activation: `t`; name or callable.
        recurrent_activation: `s`; name or callable.
        use_bias: whether there is a `b`.
        kernel_initializer, recurrent_initializer, bias_initializer: of `W`, of `U` and of the biases.
        unit_forget_bias: start the part of `b` that belongs to the forget gate at one.
        kernel_regularizer, recurrent_regularizer, bias_regularizer: penalties of them that are added to the loss.
        activity_regularizer: penalty of the outputs, added to the loss; name, callable or None.
        kernel_constraint, recurrent_constraint, bias_constraint: functions applied to them after each update.
        dropout: fraction of the inputs to drop in training, from 0 to 1. One draw per sequence.
        recurrent_dropout: fraction of `h` to drop in training, from 0 to 1.
        seed: of the dropout, a whole number; default: drawn from the process' stream.
        return_sequences: return the outputs of all steps, not of the last alone.
        return_state: return `(outputs, *states)`.
        go_backwards: run from the last step to the first; outputs stand in the order in which they were computed.
        stateful: begin each batch with the states that the last one ended with; needs a fixed batch size.
            `reset_state()` sets them to zero.
        **options: `unroll`, `zero_output_for_mask`, ...: as in `RNN`; `name`, `dtype`, `trainable`, ...: as in `Layer`.

    Call: `(sequences, initial_state=None, mask=None, training=False)`, with `initial_state=[h, c]`. Masked steps keep
    the states and repeat the output; with `return_sequences` the mask is passed on.

    Raises:
        ValueError: for arguments out of range, states or masks that do not fit, another batch size than a stateful
            layer was built with or, when built, unknown spatial sizes.

    Example:

    >>> import jax.numpy as jnp
    >>> ConvLSTM1D(4, 3, padding="same")(jnp.ones((2, 5, 8, 3))).shape
    (2, 8, 4)
    """

    rank = 1


@layer()
class ConvLSTM2D(ConvLSTM):
    """Convolutional LSTM over images: the equations of `LSTM`, with `z = conv(x, W) + conv(h, U) + b`.

    Shi et al. 2015, Convolutional LSTM Network, without their peephole connections. The convolution of the state keeps
    its size: stride 1, padding "same", no dilation.

    Shapes: `(batch, time, rows, columns, channels)` to `(batch, new_rows, new_columns, filters)`, or
    `(batch, time, new_rows, new_columns, filters)` with `return_sequences`. With
    `data_format="channels_first"` channels and filters stand before the sizes.

    Args:
        filters: channels of the output and of both states.
        kernel_size: of both convolutions; one number, or one per spatial axis.
        strides: of the convolution of the inputs; one number, or one per spatial axis.
        padding: of the convolution of the inputs: "valid" or "same".
        data_format: "channels_last" or "channels_first", for inputs, states and outputs; default: as
            `config.set_image_data_format` says, channels last at first.
        dilation_rate: of the convolution of the inputs; one number, or one per spatial axis. Above 1 it excludes
            strides above 1.
        activation: `t`; name or callable.
        recurrent_activation: `s`; name or callable.
        use_bias: whether there is a `b`.
        kernel_initializer, recurrent_initializer, bias_initializer: of `W`, of `U` and of the biases.
        unit_forget_bias: start the part of `b` that belongs to the forget gate at one.
        kernel_regularizer, recurrent_regularizer, bias_regularizer: penalties of them that are added to the loss.
        activity_regularizer: penalty of the outputs, added to the loss; name, callable or None.
        kernel_constraint, recurrent_constraint, bias_constraint: functions applied to them after each update.
        dropout: fraction of the inputs to drop in training, from 0 to 1. One draw per sequence.
        recurrent_dropout: fraction of `h` to drop in training, from 0 to 1.
        seed: of the dropout, a whole number; default: drawn from the process' stream.
        return_sequences: return the outputs of all steps, not of the last alone.
        return_state: return `(outputs, *states)`.
        go_backwards: run from the last step to the first; outputs stand in the order in which they were computed.
        stateful: begin each batch with the states that the last one ended with; needs a fixed batch size.
            `reset_state()` sets them to zero.
        **options: `unroll`, `zero_output_for_mask`, ...: as in `RNN`; `name`, `dtype`, `trainable`, ...: as in `Layer`.

    Call: `(sequences, initial_state=None, mask=None, training=False)`, with `initial_state=[h, c]`. Masked steps keep
    the states and repeat the output; with `return_sequences` the mask is passed on.

    Raises:
        ValueError: for arguments out of range, states or masks that do not fit, another batch size than a stateful
            layer was built with or, when built, unknown spatial sizes.

    Example:

    >>> import jax.numpy as jnp
    >>> ConvLSTM2D(4, 3, padding="same")(jnp.ones((2, 5, 8, 8, 3))).shape
    (2, 8, 8, 4)
    """

    rank = 2


@layer()
class ConvLSTM3D(ConvLSTM):
    """Convolutional LSTM over volumes: the equations of `LSTM`, with `z = conv(x, W) + conv(h, U) + b`.

    Shi et al. 2015, Convolutional LSTM Network, without their peephole connections. The convolution of the state keeps
    its size: stride 1, padding "same", no dilation.

    Shapes: `(batch, time, depth, rows, columns, channels)` to `(batch, new_depth, new_rows, new_columns, filters)`, or
    `(batch, time, new_depth, new_rows, new_columns, filters)` with `return_sequences`. With
    `data_format="channels_first"` channels and filters stand before the sizes.

    Args:
        filters: channels of the output and of both states.
        kernel_size: of both convolutions; one number, or one per spatial axis.
        strides: of the convolution of the inputs; one number, or one per spatial axis.
        padding: of the convolution of the inputs: "valid" or "same".
        data_format: "channels_last" or "channels_first", for inputs, states and outputs; default: as
            `config.set_image_data_format` says, channels last at first.
        dilation_rate: of the convolution of the inputs; one number, or one per spatial axis. Above 1 it excludes
            strides above 1.
        activation: `t`; name or callable.
        recurrent_activation: `s`; name or callable.
        use_bias: whether there is a `b`.
        kernel_initializer, recurrent_initializer, bias_initializer: of `W`, of `U` and of the biases.
        unit_forget_bias: start the part of `b` that belongs to the forget gate at one.
        kernel_regularizer, recurrent_regularizer, bias_regularizer: penalties of them that are added to the loss.
        activity_regularizer: penalty of the outputs, added to the loss; name, callable or None.
        kernel_constraint, recurrent_constraint, bias_constraint: functions applied to them after each update.
        dropout: fraction of the inputs to drop in training, from 0 to 1. One draw per sequence.
        recurrent_dropout: fraction of `h` to drop in training, from 0 to 1.
        seed: of the dropout, a whole number; default: drawn from the process' stream.
        return_sequences: return the outputs of all steps, not of the last alone.
        return_state: return `(outputs, *states)`.
        go_backwards: run from the last step to the first; outputs stand in the order in which they were computed.
        stateful: begin each batch with the states that the last one ended with; needs a fixed batch size.
            `reset_state()` sets them to zero.
        **options: `unroll`, `zero_output_for_mask`, ...: as in `RNN`; `name`, `dtype`, `trainable`, ...: as in `Layer`.

    Call: `(sequences, initial_state=None, mask=None, training=False)`, with `initial_state=[h, c]`. Masked steps keep
    the states and repeat the output; with `return_sequences` the mask is passed on.

    Raises:
        ValueError: for arguments out of range, states or masks that do not fit, another batch size than a stateful
            layer was built with or, when built, unknown spatial sizes.

    Example:

    >>> import jax.numpy as jnp
    >>> ConvLSTM3D(4, 3, padding="same")(jnp.ones((2, 5, 4, 4, 4, 3))).shape
    (2, 4, 4, 4, 4)
    """

    rank = 3
