"""`SimpleRNN` and its cell."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Unpack

import jax
import jax.numpy as jnp

from ...core.constructor import LayerOptions
from ...core.kinds import ActivationLike, ConstraintLike, Fraction, InitializerLike, RegularizerLike, Size
from ...core.types import ShapeLike, Tensor, Tensors
from ...kernels import formulas
from ..catalogue import layer
from .cell import Cell, dropped
from .rnn import CellLayer, RecurrentOptions


@layer()
class SimpleRNNCell(Cell):
    """One step of `SimpleRNN`, for `RNN` or a loop of your own: `cell(inputs, [h])` returns `(h, [h])`.

    `h = t(x @ W + h @ U + b)`. Elman 1990, Finding Structure in Time.

    Shapes: inputs `(batch, features)`; h and the output `(batch, units)`.

    Args:
        units: size of the output and of the state.
        activation: `t`; name or callable.
        use_bias: whether there is a `b`.
        kernel_initializer, recurrent_initializer, bias_initializer: of `W`, of `U` and of the biases.
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
    >>> output, states = SimpleRNNCell(4)(jnp.ones((2, 8)), [jnp.zeros((2, 4))])
    >>> output.shape
    (2, 4)
    """

    def __init__(
        self,
        units: Size,
        activation: ActivationLike = "tanh",
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
        seed: int | None = None,
        **options: Unpack[LayerOptions],
    ):
        super().__init__(**options)
        self.state_size: int | list[int] = units

    def build(self, input_shape: ShapeLike) -> None:
        units = self.units
        self.add_weights((self.known_features(input_shape), units), (units, units), (units,))

    def call(self, sequence: Tensor, states: Tensors, training: bool = False) -> tuple[Tensor, Tensors]:
        return super().call(sequence, states, training)

    def advance(self, projected: Tensor, states: list[Any], recurrent_scale: Tensor | None = None) -> list[Any]:
        h = dropped(states[0], recurrent_scale)
        return [self.activation(projected + h @ self.recurrent_kernel.value)]

    def sequence(
        self, x: Tensor, states: list[Any], mask: Tensor | None, unroll: bool, recurrent_scale: Tensor | None
    ) -> tuple[Tensor, list[Any]]:
        if recurrent_scale is not None or not formulas.are_kept():
            return super().sequence(x, states, mask, unroll, recurrent_scale)

        def run(
            x: Tensor, kernel: Tensor, recurrent_kernel: Tensor, bias: Any, h0: Tensor, counts: Any, activations: Any
        ) -> tuple[Tensor, Tensor]:
            def step(h_before: Tensor, given: tuple[Any, Any]) -> tuple[Tensor, Tensor]:
                projected, counts = given
                h = self.activation(projected + h_before @ recurrent_kernel)
                h = h if counts is None else jnp.where(counts, h, h_before)
                return h, h

            projected = x @ kernel if bias is None else x @ kernel + bias
            h, hidden = jax.lax.scan(step, h0, (projected, counts))
            return hidden, h

        bias = None if self.bias is None else self.bias.value
        counts = None if mask is None else jnp.swapaxes(mask, 0, 1).astype(bool)[..., None]
        operands = jnp.swapaxes(x, 0, 1), self.kernel.value, self.recurrent_kernel.value, bias, states[0], counts
        hidden, h = formulas.named("rnn", run, *operands, activations=[formulas.path(self.activation)])
        return jnp.swapaxes(hidden, 0, 1), [h]


@layer()
class SimpleRNN(CellLayer):
    """Fully connected recurrence: `h = t(x @ W + h @ U + b)`.

    Elman 1990, Finding Structure in Time. The cell is the layer's attribute `cell`.

    Args:
        units: size of the output and of the state.
        activation: `t`; name or callable.
        use_bias: whether there is a `b`.
        kernel_initializer, recurrent_initializer, bias_initializer: of `W`, of `U` and of the biases.
        kernel_regularizer, recurrent_regularizer, bias_regularizer: penalties of them that are added to the loss.
        activity_regularizer: penalty of the outputs, added to the loss; name, callable or None.
        kernel_constraint, recurrent_constraint, bias_constraint: functions applied to them after each update.
        dropout: fraction of the inputs to drop in training, from 0 to 1. One draw per sequence.
        recurrent_dropout: fraction of `h` to drop in training, from 0 to 1.
        return_sequences: return the outputs of all steps, not of the last alone.
        return_state: return `(outputs, *states)`.
        go_backwards: run from the last step to the first; outputs stand in the order in which they were computed.
        stateful: begin each batch with the states that the last one ended with; needs a fixed batch size.
            `reset_state()` sets them to zero.
        unroll: results are the same; the loop may compile to longer, faster code.
        seed: of the dropout, a whole number; default: drawn from the process' stream.
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
    >>> SimpleRNN(4)(jnp.ones((2, 10, 8))).shape
    (2, 4)
    """

    cell_type: Callable[..., Cell] = SimpleRNNCell

    def __init__(
        self,
        units: Size,
        activation: ActivationLike = "tanh",
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
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        seed: int | None = None,
        **options: Unpack[RecurrentOptions],
    ):
        super().__init__(activity_regularizer=activity_regularizer, **options)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        if config["seed"] is None:
            del config["seed"]  # Keras' config of this layer has none
        return config
