"""`ConvLSTM1D`, `ConvLSTM2D`, `ConvLSTM3D`: LSTM over images, with convolutions in the place of products."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from ... import kernels
from ...core.input_spec import InputSpec
from ..arguments import data_format as checked_data_format, positive_integer
from ..catalogue import layer
from ..windowed import Windowed
from .cell import Cell, dropped
from .lstm import forget_bias, lstm_states
from .rnn import CellLayer

Shape = Sequence[int | None]


class ConvLSTMCell(Windowed, Cell):
    """One step of a ConvLSTM layer. Inside, channels stand last; inputs, states and outputs follow `data_format`."""

    unit_forget_bias: bool

    def __init__(
        self,
        rank: int,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        unit_forget_bias: bool = True,
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(locals())
        self.units = self.filters = positive_integer(self._who(), "filters", filters)
        self.kernel_size = self._per_axis("kernel_size", kernel_size)
        self.strides = self._per_axis("strides", strides)
        self.dilation_rate = self._per_axis("dilation_rate", dilation_rate)
        self.padding = self._padding(padding)
        self.data_format = checked_data_format(data_format)
        self.state_size = [self.filters, self.filters]
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise ValueError(
                f"{self._who()}: `strides > 1` is not supported in conjunction with `dilation_rate > 1`."
                f" Received: strides={self.strides} and dilation_rate={self.dilation_rate}"
            )

    def build(self, input_shape: Shape) -> None:
        channels = self.known_features(input_shape, self._channels_axis())
        self.state_shape = self.output_shape_for(input_shape)[1:]
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

    def output_shape_for(self, input_shape: Shape) -> tuple[int | None, ...]:
        """Shape of the output and of both states for the input of one step."""
        sizes = self._output_sizes(input_shape, self.kernel_size, self.strides, self.padding, self.dilation_rate)
        return self._join(input_shape[0], sizes, self.filters)

    def get_initial_state(self, batch_size: int | None = None) -> list:
        """Zeros; the cell must be built, which tells the sizes."""
        return [jnp.zeros((batch_size, *self.state_shape), self.compute_dtype) for _ in range(2)]

    def project(self, inputs: jax.Array) -> jax.Array:
        image = inputs.reshape(-1, *inputs.shape[-self.rank - 1 :])  # all steps are one batch of images
        projected = kernels.conv(
            image, self.kernel.value, strides=self.strides, padding=self.padding, dilation=self.dilation_rate
        )
        projected = projected if self.bias is None else projected + self.bias.value
        return projected.reshape(*inputs.shape[: -self.rank - 1], *projected.shape[1:])

    def advance(self, projected: jax.Array, states: list, recurrent_scale: jax.Array | None = None) -> list:
        h = dropped(states[0], recurrent_scale)
        gates = projected + kernels.conv(h, self.recurrent_kernel.value, padding="same")
        return lstm_states(gates, states[1], self.activation, self.recurrent_activation)

    def call(self, inputs: jax.Array, states: Any, training: bool = False) -> tuple[jax.Array, list]:
        inputs, *states = map(self._to_channels_last, (inputs, *states))
        _, states = super().call(inputs, states, training)
        states = [self._from_channels_last(state) for state in states]
        return states[0], states

    def over_time(self, x: jax.Array, states: list, mask: Any, unroll: bool, training: bool) -> tuple[jax.Array, list]:
        first = self.data_format == "channels_first"
        x = jnp.moveaxis(x, 2, -1) if first else x
        states = [self._to_channels_last(state) for state in states]
        outputs, states = super().over_time(x, states, mask, unroll, training)
        outputs = jnp.moveaxis(outputs, -1, 2) if first else outputs
        return outputs, [self._from_channels_last(state) for state in states]


class ConvLSTM(CellLayer):
    """Convolutional LSTM over `rank` spatial axes: the equations of `LSTM`, with `z = conv(x, W) + conv(h, U) + b`.

    Shi et al. 2015, Convolutional LSTM Network, without their peephole connections. The convolution of the state keeps
    its size: stride 1, padding "same", no dilation.

    Args:
        filters: channels of the output and of both states.
        kernel_size: of both convolutions; one number, or one per spatial axis.
        strides, padding, dilation_rate: of the convolution of the inputs; padding is "valid" or "same".
        data_format: "channels_last" (default) or "channels_first", for inputs, states and outputs.
        dropout: fraction of the inputs to drop in training; recurrent_dropout: of `h`. One draw per sequence.
        return_sequences, return_state, go_backwards, stateful: as in `RNN`. The other arguments: as in `LSTM`.

    Call, masks and errors as in `RNN`, with `initial_state=[h, c]`. Spatial sizes must be known when it is built.

    Shapes: `(batch, time, *sizes, channels)` to `(batch, *new_sizes, filters)`, with `return_sequences` to
    `(batch, time, *new_sizes, filters)`.
    """

    rank = 0
    cell: ConvLSTMCell
    cell_type = ConvLSTMCell
    _not_in_config = CellLayer._not_in_config | {"rank"}

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        unit_forget_bias: bool = True,
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        **kwargs: Any,
    ):
        super().__init__(locals(), rank=self.rank)
        self.input_spec = InputSpec(ndim=self.rank + 3)

    def build(self, sequences_shape: Shape, initial_state_shape: Any = None) -> None:
        super().build(sequences_shape, initial_state_shape)
        self.input_spec = InputSpec(shape=(None, None, *sequences_shape[2:]))

    def compute_output_shape(self, sequences_shape: Shape, initial_state_shape: Any = None) -> Any:
        batch, time, *image = sequences_shape
        state = self.cell.output_shape_for((batch, *image))
        output = (batch, time, *state[1:]) if self.return_sequences else state
        return (output, state, state) if self.return_state else output


@layer()
class ConvLSTM1D(ConvLSTM):
    __doc__ = ConvLSTM.__doc__
    rank = 1


@layer()
class ConvLSTM2D(ConvLSTM):
    __doc__ = ConvLSTM.__doc__
    rank = 2


@layer()
class ConvLSTM3D(ConvLSTM):
    __doc__ = ConvLSTM.__doc__
    rank = 3
