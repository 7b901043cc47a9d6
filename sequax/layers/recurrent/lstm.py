"""`LSTM` and its cell."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from ... import activations, kernels
from ..arguments import positive_integer
from ..catalogue import layer
from .cell import Cell, dropped
from .rnn import CellLayer


@layer()
class LSTMCell(Cell):
    """One step of `LSTM`, for `RNN` or a loop of your own: `cell(inputs, [h, c])` returns `(h, [h, c])`.

    Arguments as in `LSTM`. With `training=True` each call draws new dropout masks.

    Shapes: inputs `(batch, features)`; h, c and the output `(batch, units)`.
    """

    unit_forget_bias: bool

    def __init__(
        self,
        units: int,
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
        self.units = positive_integer(f"Layer '{self.name}'", "units", units)
        self.state_size = [self.units, self.units]

    def build(self, input_shape: Sequence[int | None]) -> None:
        features, gates = self.known_features(input_shape), 4 * self.units
        initial_bias = forget_bias(self.bias_initializer, self.units) if self.unit_forget_bias else None
        self.add_weights((features, gates), (self.units, gates), (gates,), initial_bias)

    def advance(self, projected: jax.Array, states: list, recurrent_scale: jax.Array | None = None) -> list:
        gates = projected + dropped(states[0], recurrent_scale) @ self.recurrent_kernel.value
        return lstm_states(gates, states[1], self.activation, self.recurrent_activation)

    def sequence(
        self, x: jax.Array, states: list, mask: Any, unroll: bool, recurrent_scale: jax.Array | None
    ) -> tuple[jax.Array, list]:
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


def lstm_states(gates: jax.Array, c: jax.Array, activation: Callable, recurrent_activation: Callable) -> list:
    """`[h, c]` after a step, from the inputs of the gates and the c before it."""
    i, f, candidate, o = jnp.split(gates, 4, axis=-1)
    i, f, o = (recurrent_activation(gate) for gate in (i, f, o))
    c = f * c + i * activation(candidate)
    return [o * activation(c), c]


def forget_bias(initializer: Callable, units: int) -> Callable:
    """A bias with ones at the forget gate, so that memory lasts at first (Jozefowicz et al. 2015)."""

    def initial(shape: tuple[int, ...], dtype: Any = None) -> jax.Array:
        parts = [initializer((units,), dtype=dtype), jnp.ones((units,), dtype)]
        return jnp.concatenate([*parts, initializer((2 * units,), dtype=dtype)])

    return initial


@layer()
class LSTM(CellLayer):
    """Long short-term memory: `i, f, o = s(z)`, `c = f * c + i * t(z_c)`, `h = o * t(c)`, with `z = x @ W + h @ U + b`.

    Hochreiter and Schmidhuber 1997, with the forget gate of Gers et al. 2000. Gates stand in the order input, forget,
    candidate, output. The cell is the layer's attribute `cell`.

    Args:
        units: size of the output and of both states.
        activation: `t`. recurrent_activation: `s`.
        use_bias: whether there is a `b`. unit_forget_bias: start the forget gate's part of it at one.
        dropout: fraction of the inputs to drop in training; recurrent_dropout: of `h`. One draw per sequence.
        seed: of the dropout.
        return_sequences, return_state, go_backwards, stateful, unroll, zero_output_for_mask: as in `RNN`.
        use_cudnn: accepted for Keras' sake; the compiled loop is used on every device.

    Call: `(sequences, initial_state=None, mask=None, training=False)`, with `initial_state=[h, c]`. Masked steps keep
    the states and repeat the output; with `return_sequences` the mask is passed on.

    Shapes: `(batch, time, features)` to `(batch, units)`, or `(batch, time, units)` with `return_sequences`.

    Raises:
        ValueError: for states or masks that do not fit, or another batch size than a stateful layer was built with.

    Example:

    >>> import jax.numpy as jnp
    >>> LSTM(4, return_sequences=True)(jnp.ones((2, 10, 8))).shape
    (2, 10, 4)
    """

    cell_type = LSTMCell
    config_keys = frozenset({"implementation"})

    def __init__(
        self,
        units: int,
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
        unroll: bool = False,
        use_cudnn: Any = "auto",
        **kwargs: Any,
    ):
        super().__init__(locals())
