"""`GRU` and its cell."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from ... import activations, kernels
from ..arguments import positive_integer
from ..catalogue import layer
from .cell import Cell, dropped
from .rnn import CellLayer


@layer()
class GRUCell(Cell):
    """One step of `GRU`, for `RNN` or a loop of your own: `cell(inputs, [h])` returns `(h, [h])`.

    Arguments as in `GRU`. With `training=True` each call draws new dropout masks.

    Shapes: inputs `(batch, features)`; h and the output `(batch, units)`.
    """

    reset_after: bool

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
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
        reset_after: bool = True,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(locals())
        self.units = self.state_size = positive_integer(f"Layer '{self.name}'", "units", units)

    def build(self, input_shape: Sequence[int | None]) -> None:
        gates = 3 * self.units
        # With the reset gate after the product, the product has a bias of its own.
        bias = (2, gates) if self.reset_after else (gates,)
        self.add_weights((self.known_features(input_shape), gates), (self.units, gates), bias)

    def project(self, inputs: jax.Array) -> jax.Array:
        projected = inputs @ self.kernel.value
        if self.bias is None:
            return projected
        bias = self.bias.value
        return projected + (bias[0] if self.reset_after else bias)

    def advance(self, projected: jax.Array, states: list, recurrent_scale: jax.Array | None = None) -> list:
        (before,) = states
        h = dropped(before, recurrent_scale)
        z, r, candidate = self._gates(projected, h)
        z = self.recurrent_activation(z)
        return [z * before + (1 - z) * self.activation(candidate(self.recurrent_activation(r)))]

    def sequence(
        self, x: jax.Array, states: list, mask: Any, unroll: bool, recurrent_scale: jax.Array | None
    ) -> tuple[jax.Array, list]:
        usual = (self.activation, self.recurrent_activation) == (activations.tanh, activations.sigmoid)
        if recurrent_scale is not None or not self.reset_after or not usual:
            return super().sequence(x, states, mask, unroll, recurrent_scale)
        bias = None if self.bias is None else self.bias.value
        outputs, h = kernels.gru(x, self.kernel.value, self.recurrent_kernel.value, bias, states[0], mask)
        return outputs, [h]

    def _gates(self, projected: jax.Array, h: jax.Array) -> tuple[jax.Array, jax.Array, Any]:
        """Inputs of the update and the reset gate, and that of the candidate as a function of the open reset gate."""
        kernel, size = self.recurrent_kernel.value, 2 * self.units
        if self.reset_after:
            recurrent = h @ kernel
            if self.bias is not None:
                recurrent = recurrent + self.bias.value[1]
            z, r = jnp.split(projected[..., :size] + recurrent[..., :size], 2, axis=-1)
            return z, r, lambda r: projected[..., size:] + r * recurrent[..., size:]
        z, r = jnp.split(projected[..., :size] + h @ kernel[:, :size], 2, axis=-1)
        return z, r, lambda r: projected[..., size:] + (r * h) @ kernel[:, size:]


@layer()
class GRU(CellLayer):
    """Gated recurrent unit: `h = z * h + (1 - z) * t(candidate)`, with `z, r = s(x @ W + h @ U + b)`.

    The candidate's input is `x @ W + b + r * (h @ U + c)` with `reset_after`, and `x @ W + b + (r * h) @ U` without it,
    the form of Cho et al. 2014. Gates stand in the order update, reset, candidate. The papers swap `z` and `1 - z`;
    this is Keras' (and cuDNN's) reading. The cell is the layer's attribute `cell`.

    Args:
        units: size of the output and of the state.
        activation: `t`. recurrent_activation: `s`.
        use_bias: whether there are biases: `b` and `c`, of shape `(2, 3 * units)`; without `reset_after` only `b`.
        dropout: fraction of the inputs to drop in training; recurrent_dropout: of `h`. One draw per sequence.
        seed: of the dropout.
        return_sequences, return_state, go_backwards, stateful, unroll, zero_output_for_mask: as in `RNN`.
        reset_after: apply the reset gate after the product with the recurrent kernel.
        use_cudnn: accepted for Keras' sake; the compiled loop is used on every device.

    Call, masks and errors as in `RNN`, with `initial_state=[h]`.

    Shapes: `(batch, time, features)` to `(batch, units)`, or `(batch, time, units)` with `return_sequences`.

    Example:

    >>> import jax.numpy as jnp
    >>> GRU(4, return_sequences=True)(jnp.ones((2, 10, 8))).shape
    (2, 10, 4)
    """

    cell_type = GRUCell
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
        reset_after: bool = True,
        use_cudnn: Any = "auto",
        **kwargs: Any,
    ):
        super().__init__(locals())
