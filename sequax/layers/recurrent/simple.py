"""`SimpleRNN` and its cell."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax

from ..arguments import positive_integer
from ..catalogue import layer
from .cell import Cell, dropped
from .rnn import CellLayer


@layer()
class SimpleRNNCell(Cell):
    """One step of `SimpleRNN`, for `RNN` or a loop of your own: `cell(inputs, [h])` returns `(h, [h])`.

    Arguments as in `SimpleRNN`. With `training=True` each call draws new dropout masks.

    Shapes: inputs `(batch, features)`; h and the output `(batch, units)`.
    """

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
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
        self.units = self.state_size = positive_integer(f"Layer '{self.name}'", "units", units)

    def build(self, input_shape: Sequence[int | None]) -> None:
        units = self.units
        self.add_weights((self.known_features(input_shape), units), (units, units), (units,))

    def call(self, sequence: jax.Array, states: Any, training: bool = False) -> tuple[jax.Array, Any]:
        return super().call(sequence, states, training)

    def advance(self, projected: jax.Array, states: list, recurrent_scale: jax.Array | None = None) -> list:
        h = dropped(states[0], recurrent_scale)
        return [self.activation(projected + h @ self.recurrent_kernel.value)]


@layer()
class SimpleRNN(CellLayer):
    """Fully connected recurrence: `h = t(x @ W + h @ U + b)`.

    Elman 1990, Finding Structure in Time. The cell is the layer's attribute `cell`.

    Args:
        units: size of the output and of the state.
        activation: `t`.
        use_bias: whether there is a `b`.
        dropout: fraction of the inputs to drop in training; recurrent_dropout: of `h`. One draw per sequence.
        seed: of the dropout.
        return_sequences, return_state, go_backwards, stateful, unroll, zero_output_for_mask: as in `RNN`.

    Call, masks and errors as in `RNN`, with `initial_state=[h]`.

    Shapes: `(batch, time, features)` to `(batch, units)`, or `(batch, time, units)` with `return_sequences`.

    Example:

    >>> import jax.numpy as jnp
    >>> SimpleRNN(4)(jnp.ones((2, 10, 8))).shape
    (2, 4)
    """

    cell_type = SimpleRNNCell
    config_keys = frozenset({"implementation"})

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(locals())

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        if config["seed"] is None:
            del config["seed"]  # Keras' config of this layer has none
        return config
