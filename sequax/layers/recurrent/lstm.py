"""`LSTM` and its cell."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Unpack

import jax.numpy as jnp
import numpy as np

from ... import activations, kernels
from ...core.constructor import LayerOptions
from ...core.kinds import ActivationLike, ConstraintLike, Fraction, InitializerLike, RegularizerLike, Size
from ...core.types import ShapeLike, Tensor
from ..catalogue import layer
from .cell import Cell, dropped
from .rnn import CellLayer, RecurrentOptions, UseCudnn


@layer()
class LSTMCell(Cell):
    """One step of `LSTM`, for `RNN` or a loop of your own: `cell(inputs, [h, c])` returns `(h, [h, c])`.

    `i, f, o = s(z)`, `c = f * c + i * t(z_c)`, `h = o * t(c)`, with `z = x @ W + h @ U + b`. Hochreiter and Schmidhuber
    1997, with the forget gate of Gers et al. 2000.

    Shapes: inputs `(batch, features)`; h, c and the output `(batch, units)`.

    Args:
        units: size of the output and of both states.
        activation: `t`; name or callable.
        recurrent_activation: `s`; name or callable.
        use_bias: whether there is a `b`.
        kernel_initializer, recurrent_initializer, bias_initializer: of `W`, of `U` and of the biases.
        unit_forget_bias: start the part of `b` that belongs to the forget gate at one.
        kernel_regularizer, recurrent_regularizer, bias_regularizer: penalties of them that are added to the loss.
        kernel_constraint, recurrent_constraint, bias_constraint: functions applied to them after each update.
        dropout: fraction of the inputs to drop in training, from 0 to 1. Every call makes a new draw.
        recurrent_dropout: fraction of `h` to drop in training, from 0 to 1.
        seed: of the dropout, a whole number; default: drawn from the process' stream.
        **options: `name`, `dtype`, `trainable`, ...: as in `Layer`.

    Raises:
        ValueError: if `units` is no positive integer, or a dropout is out of range.

    Example:

    >>> import jax.numpy as jnp
    >>> output, (h, c) = LSTMCell(4)(jnp.ones((2, 8)), [jnp.zeros((2, 4)), jnp.zeros((2, 4))])
    >>> c.shape
    (2, 4)
    """

    unit_forget_bias: bool

    def __init__(
        self,
        units: Size,
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
        self.state_size: int | list[int] = [units, units]

    def build(self, input_shape: ShapeLike) -> None:
        features, gates = self.known_features(input_shape), 4 * self.units
        initial_bias = forget_bias(self.bias_initializer, self.units) if self.unit_forget_bias else None
        self.add_weights((features, gates), (self.units, gates), (gates,), initial_bias)

    def advance(self, projected: Tensor, states: list[Any], recurrent_scale: Tensor | None = None) -> list[Any]:
        gates = projected + dropped(states[0], recurrent_scale) @ self.recurrent_kernel.value
        return lstm_states(gates, states[1], self.activation, self.recurrent_activation)

    def sequence(
        self, x: Tensor, states: list[Any], mask: Tensor | None, unroll: bool, recurrent_scale: Tensor | None
    ) -> tuple[Tensor, list[Any]]:
        if recurrent_scale is not None:
            return super().sequence(x, states, mask, unroll, recurrent_scale)
        tanh, sigmoid = self.activation is activations.tanh, self.recurrent_activation is activations.sigmoid
        outputs, h, c = kernels.lstm(
            x,
            self.kernel.value,
            self.recurrent_kernel.value,
            None if self.bias is None else self.bias.value,
            h0=states[0],
            c0=states[1],
            mask=mask,
            activation=None if tanh else self.activation,
            recurrent_activation=None if sigmoid else self.recurrent_activation,
        )
        return outputs, [h, c]


def lstm_states(
    gates: Tensor, c: Tensor, activation: Callable[..., Any], recurrent_activation: Callable[..., Any]
) -> list[Any]:
    """`[h, c]` after a step, from the inputs of the gates and the c before it."""
    i, f, candidate, o = jnp.split(gates, 4, axis=-1)
    i, f, o = (recurrent_activation(gate) for gate in (i, f, o))
    c = f * c + i * activation(candidate)
    return [o * activation(c), c]


def forget_bias(initializer: Callable[..., Any], units: int) -> Callable[..., Any]:
    """A bias with ones at the forget gate, so that memory lasts at first (Jozefowicz et al. 2015)."""

    def initial(shape: tuple[int, ...], dtype: str | np.dtype | None = None) -> np.ndarray:
        # In NumPy: making a model compiles nothing.
        first, rest = (np.asarray(initializer((count * units,), dtype=dtype)) for count in (1, 2))
        return np.concatenate([first, np.ones_like(first), rest])

    return initial


@layer()
class LSTM(CellLayer):
    """Long short-term memory: `i, f, o = s(z)`, `c = f * c + i * t(z_c)`, `h = o * t(c)`, with `z = x @ W + h @ U + b`.

    Hochreiter and Schmidhuber 1997, with the forget gate of Gers et al. 2000. Gates stand in the order input, forget,
    candidate, output. The cell is the layer's attribute `cell`.

    Args:
        units: size of the output and of both states.
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
        unroll: results are the same; the loop may compile to longer, faster code.
        use_cudnn: accepted for Keras' sake; the compiled loop is used on every device.
        **options: `zero_output_for_mask` (outputs of masked steps are zero instead of those of the step before);
            `name`, `dtype`, `trainable`, ...: as in `Layer`.

    Call: `(sequences, initial_state=None, mask=None, training=False)`, with `initial_state=[h, c]`. Masked steps keep
    the states and repeat the output; with `return_sequences` the mask is passed on.

    Shapes: `(batch, time, features)` to `(batch, units)`, or `(batch, time, units)` with `return_sequences`.

    Raises:
        ValueError: for arguments out of range, states or masks that do not fit, or another batch size than a stateful
            layer was built with.

    Example:

    >>> import jax.numpy as jnp
    >>> LSTM(4, return_sequences=True)(jnp.ones((2, 10, 8))).shape
    (2, 10, 4)
    """

    cell_type: Callable[..., Cell] = LSTMCell

    def __init__(
        self,
        units: Size,
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
        unroll: bool = False,
        use_cudnn: UseCudnn = "auto",
        **options: Unpack[RecurrentOptions],
    ):
        super().__init__(activity_regularizer=activity_regularizer, **options)
