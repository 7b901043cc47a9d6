"""`GRU` and its cell."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Unpack

import jax.numpy as jnp

from ... import activations, kernels
from ...core.constructor import LayerOptions
from ...core.kinds import ActivationLike, ConstraintLike, Fraction, InitializerLike, RegularizerLike, Size
from ...core.types import ShapeLike, Tensor
from ..catalogue import layer
from .cell import Cell, dropped
from .rnn import CellLayer, RecurrentOptions, UseCudnn


@layer()
class GRUCell(Cell):
    """One step of `GRU`, for `RNN` or a loop of your own: `cell(inputs, [h])` returns `(h, [h])`.

    `h = z * h + (1 - z) * t(candidate)`, with `z, r = s(x @ W + h @ U + b)`; `GRU` says more of the candidate.

    Shapes: inputs `(batch, features)`; h and the output `(batch, units)`.

    Args:
        units: size of the output and of the state.
        activation: `t`; name or callable.
        recurrent_activation: `s`; name or callable.
        use_bias: whether there are biases.
        kernel_initializer, recurrent_initializer, bias_initializer: of `W`, of `U` and of the biases.
        kernel_regularizer, recurrent_regularizer, bias_regularizer: penalties of them that are added to the loss.
        kernel_constraint, recurrent_constraint, bias_constraint: functions applied to them after each update.
        dropout: fraction of the inputs to drop in training, from 0 to 1. Every call makes a new draw.
        recurrent_dropout: fraction of `h` to drop in training, from 0 to 1.
        reset_after: apply the reset gate after the product with the recurrent kernel.
        seed: of the dropout, a whole number; default: drawn from the process' stream.
        **options: `name`, `dtype`, `trainable`, ...: as in `Layer`.

    Raises:
        ValueError: if `units` is no positive integer, or a dropout is out of range.

    Example:

    >>> import jax.numpy as jnp
    >>> output, states = GRUCell(4)(jnp.ones((2, 8)), [jnp.zeros((2, 4))])
    >>> output.shape
    (2, 4)
    """

    reset_after: bool

    def __init__(
        self,
        units: Size,
        activation: ActivationLike = "tanh",
        recurrent_activation: ActivationLike = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: InitializerLike = "glorot_uniform",
        recurrent_initializer: InitializerLike = "orthogonal",
        bias_initializer: InitializerLike = "zeros",
        kernel_regularizer: RegularizerLike = None,
        recurrent_regularizer: RegularizerLike = None,
        bias_regularizer: RegularizerLike = None,
        kernel_constraint: ConstraintLike = None,
        recurrent_constraint: ConstraintLike = None,
        bias_constraint: ConstraintLike = None,
        dropout: Fraction = 0.0,
        recurrent_dropout: Fraction = 0.0,
        reset_after: bool = True,
        seed: int | None = None,
        **options: Unpack[LayerOptions],
    ):
        super().__init__(**options)
        self.state_size: int | list[int] = units

    def build(self, input_shape: ShapeLike) -> None:
        gates = 3 * self.units
        # With the reset gate after the product, the product has a bias of its own.
        bias = (2, gates) if self.reset_after else (gates,)
        self.add_weights((self.known_features(input_shape), gates), (self.units, gates), bias)

    def project(self, inputs: Tensor) -> Tensor:
        projected = inputs @ self.kernel.value
        if self.bias is None:
            return projected
        bias = self.bias.value
        return projected + (bias[0] if self.reset_after else bias)

    def advance(self, projected: Tensor, states: list[Any], recurrent_scale: Tensor | None = None) -> list[Any]:
        (before,) = states
        h = dropped(before, recurrent_scale)
        z, r, candidate = self._gates(projected, h)
        z = self.recurrent_activation(z)
        return [z * before + (1 - z) * self.activation(candidate(self.recurrent_activation(r)))]

    def sequence(
        self, x: Tensor, states: list[Any], mask: Tensor | None, unroll: bool, recurrent_scale: Tensor | None
    ) -> tuple[Tensor, list[Any]]:
        usual = (self.activation, self.recurrent_activation) == (activations.tanh, activations.sigmoid)
        if recurrent_scale is not None or not self.reset_after or not usual:
            return super().sequence(x, states, mask, unroll, recurrent_scale)
        bias = None if self.bias is None else self.bias.value
        outputs, h = kernels.gru(x, self.kernel.value, self.recurrent_kernel.value, bias, states[0], mask)
        return outputs, [h]

    def _gates(self, projected: Tensor, h: Tensor) -> tuple[Tensor, Tensor, Any]:
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
        activation: `t`; name or callable.
        recurrent_activation: `s`; name or callable.
        use_bias: whether there are biases: `b` and `c`, of shape `(2, 3 * units)`; without `reset_after` only `b`.
        kernel_initializer, recurrent_initializer, bias_initializer: of `W`, of `U` and of the biases.
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
        reset_after: apply the reset gate after the product with the recurrent kernel.
        use_cudnn: accepted for Keras' sake; the compiled loop is used on every device.
        **options: `zero_output_for_mask` (outputs of masked steps are zero instead of those of the step before);
            `name`, `dtype`, `trainable`, ...: as in `Layer`.

    Call: `(sequences, initial_state=None, mask=None, training=False)`, with `initial_state=[h]`. Masked steps keep
    the states and repeat the output; with `return_sequences` the mask is passed on.

    Shapes: `(batch, time, features)` to `(batch, units)`, or `(batch, time, units)` with `return_sequences`.

    Raises:
        ValueError: for arguments out of range, states or masks that do not fit, or another batch size than a stateful
            layer was built with.

    Example:

    >>> import jax.numpy as jnp
    >>> GRU(4, return_sequences=True)(jnp.ones((2, 10, 8))).shape
    (2, 10, 4)
    """

    cell_type: Callable[..., Cell] = GRUCell

    def __init__(
        self,
        units: Size,
        activation: ActivationLike = "tanh",
        recurrent_activation: ActivationLike = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: InitializerLike = "glorot_uniform",
        recurrent_initializer: InitializerLike = "orthogonal",
        bias_initializer: InitializerLike = "zeros",
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
        reset_after: bool = True,
        use_cudnn: UseCudnn = "auto",
        **options: Unpack[RecurrentOptions],
    ):
        super().__init__(activity_regularizer=activity_regularizer, **options)
