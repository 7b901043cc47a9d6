"""Recurrent layers: a cell knows one step, a layer of the family runs its cell over time.

A cell splits its step in two: `project(inputs)`, which needs no state and is therefore done for all steps as one
product, and `advance(projected, states, recurrent_scale)`. What all layers share (states, masks, direction, shapes)
stands in `Recurrent`; a layer adds its constructor and, where there is a faster form of the whole loop, `run`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from inspect import signature
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from .. import activations, constraints, initializers, kernels, regularizers
from ..core.input_spec import InputSpec
from ..core.layer import Layer
from ..core.rng import SeedGenerator
from ..core.variable import Variable
from .arguments import positive_integer
from .catalogue import layer

Shape = Sequence[int | None]
States = list[jax.Array]


class Cell(Layer):
    """Base of the cells: dropout of inputs and states, zero states, and the call as one projected step.

    Subclasses set `units`, `state_size` (one size per state) and give `build`, `project` and `advance`.
    """

    units: int
    state_size: list[int]

    def __init__(self, dropout: float, recurrent_dropout: float, seed: int | None, **kwargs: Any):
        super().__init__(**kwargs)
        self.dropout = self._rate("dropout", dropout)
        self.recurrent_dropout = self._rate("recurrent_dropout", recurrent_dropout)
        self.seed = seed
        self.seed_generator = SeedGenerator(seed)

    def _rate(self, name: str, value: Any) -> float:
        if isinstance(value, (int, float)) and 0 <= value <= 1:
            return value
        raise ValueError(f"Layer '{self.name}': `{name}` must be a number from 0 to 1. Received: {name}={value!r}")

    @property
    def output_size(self) -> int:
        return self.units

    def project(self, inputs: jax.Array) -> jax.Array:
        """The part of a step that needs no state; any leading axes."""
        raise NotImplementedError

    def advance(self, projected: jax.Array, states: States, recurrent_scale: jax.Array | None = None) -> States:
        """New states; the first of them is the output."""
        raise NotImplementedError

    def call(self, inputs: jax.Array, states: Any, training: bool = False) -> tuple[jax.Array, States]:
        inputs = jnp.asarray(inputs, self.compute_dtype)
        scale, recurrent_scale = self.dropout_scales(inputs.shape[0], inputs.shape[-1], training)
        new = self.advance(self.project(dropped(inputs, scale)), list(states), recurrent_scale)
        return new[0], new

    def dropout_scales(self, batch: int, features: int, training: bool) -> tuple[jax.Array | None, jax.Array | None]:
        """Factors for inputs (batch, features) and for states (batch, units); None where nothing is dropped.

        Drawn once for a whole sequence (Gal and Ghahramani 2016, A Theoretically Grounded Application of Dropout in
        Recurrent Neural Networks).
        """
        if not training:
            return None, None
        return self._scale(self.dropout, (batch, features)), self._scale(self.recurrent_dropout, (batch, self.units))

    def _scale(self, rate: float, shape: tuple[int, ...]) -> jax.Array | None:
        if rate == 0:
            return None
        kept = kernels.dropout_mask(self.seed_generator.next(), shape, rate)
        return jnp.where(kept, 0.0 if rate == 1 else 1 / (1 - rate), 0.0).astype(self.compute_dtype)

    def get_initial_state(self, batch_size: int | None = None) -> States:
        """Zeros, one array (batch, size) per state."""
        return [jnp.zeros((batch_size, size), self.compute_dtype) for size in self.state_size]


def dropped(x: jax.Array, scale: jax.Array | None) -> jax.Array:
    return x if scale is None else x * scale


@layer()
class LSTMCell(Cell):
    """One step of `LSTM`, for a loop of your own: `cell(inputs, [h, c])` returns `(h, [h, c])`.

    Arguments as in `LSTM`. With `training=True` each call draws new dropout masks.

    Shapes: inputs `(batch, features)`; h, c and the output `(batch, units)`.
    """

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
        super().__init__(dropout, recurrent_dropout, seed, **kwargs)
        self.units = positive_integer(f"Layer '{self.name}'", "units", units)
        self.state_size = [self.units, self.units]
        self.activation = activations.get(activation)
        self.recurrent_activation = activations.get(recurrent_activation)
        self.use_bias = use_bias
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.recurrent_initializer = initializers.get(recurrent_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.unit_forget_bias = unit_forget_bias
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.recurrent_regularizer = regularizers.get(recurrent_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.recurrent_constraint = constraints.get(recurrent_constraint)
        self.bias_constraint = constraints.get(bias_constraint)

    def build(self, input_shape: Shape) -> None:
        self.kernel = self.add_weight(
            name="kernel",
            shape=(input_shape[-1], 4 * self.units),
            initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
        )
        self.recurrent_kernel = self.add_weight(
            name="recurrent_kernel",
            shape=(self.units, 4 * self.units),
            initializer=self.recurrent_initializer,
            regularizer=self.recurrent_regularizer,
            constraint=self.recurrent_constraint,
        )
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                name="bias",
                shape=(4 * self.units,),
                initializer=self._initial_bias if self.unit_forget_bias else self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
            )

    def _initial_bias(self, shape: tuple[int, ...], dtype: Any = None) -> jax.Array:
        """Ones at the forget gate, so that memory lasts at first (Jozefowicz et al. 2015)."""
        parts = [self.bias_initializer((self.units,), dtype=dtype), jnp.ones((self.units,), dtype)]
        return jnp.concatenate([*parts, self.bias_initializer((2 * self.units,), dtype=dtype)])

    def project(self, inputs: jax.Array) -> jax.Array:
        projected = inputs @ self.kernel.value
        return projected if self.bias is None else projected + self.bias.value

    def advance(self, projected: jax.Array, states: States, recurrent_scale: jax.Array | None = None) -> States:
        h, c = states
        gates = projected + dropped(h, recurrent_scale) @ self.recurrent_kernel.value
        i, f, candidate, o = jnp.split(gates, 4, axis=-1)
        i, f, o = (self.recurrent_activation(gate) for gate in (i, f, o))
        c = f * c + i * self.activation(candidate)
        return [o * self.activation(c), c]


class Recurrent(Layer):
    """Runs a cell over the time axis of (batch, time, features)."""

    supports_masking = True
    _untracked = Layer._untracked | {"states"}  # they are variables of the layer, yet no weights: files leave them out
    _not_in_config = frozenset({"cell", "use_cudnn"})

    def __init__(
        self,
        cell: Cell,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        zero_output_for_mask: bool = False,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.cell = cell
        self.return_sequences, self.return_state = return_sequences, return_state
        self.go_backwards, self.unroll = go_backwards, unroll
        self.stateful, self.zero_output_for_mask = stateful, zero_output_for_mask
        self.states: list[Variable] | None = None
        self.input_spec = InputSpec(ndim=3)

    def build(self, input_shape: Shape) -> None:
        batch, _, features = input_shape
        if features is None:
            raise ValueError(
                f"Layer '{self.name}' ({type(self).__name__}): the last axis of the input must be known. Received:"
                f" input_shape={tuple(input_shape)}. Give it, e.g. `Input((None, 8))`."
            )
        if self.stateful and batch is None:
            raise ValueError(
                f"Layer '{self.name}' ({type(self).__name__}): when using `stateful=True` in a RNN, the batch size must"
                f" be static. Received: input_shape={tuple(input_shape)}. Begin the model with"
                f" `Input(batch_shape=(batch_size, {input_shape[1]}, {features}))`."
            )
        self.input_spec = InputSpec(ndim=3, axes={-1: features})
        if not self.cell.built:
            self.cell.build((batch, features))
        if self.stateful:
            assert batch is not None
            self.states = [
                Variable(jnp.zeros, (batch, size), self.variable_dtype, trainable=False, name="rnn_state")
                for size in self.cell.state_size
            ]

    # --- one call ---

    def call(
        self,
        sequences: jax.Array,
        initial_state: Any = None,
        mask: jax.Array | None = None,
        training: bool = False,
    ) -> Any:
        x = jnp.asarray(sequences, self.compute_dtype)
        if x.shape[1] == 0:
            raise ValueError(f"Layer '{self.name}': expected at least one time step. Received: shape {x.shape}.")
        mask = self._mask(mask, x.shape)
        outputs, states = self.run(x, self._first_states(initial_state, x.shape[0]), mask, training)
        for variable, state in zip(self.states or [], states, strict=False):
            variable.assign(state)
        if mask is not None and self.zero_output_for_mask:
            mask = jnp.flip(mask, 1) if self.go_backwards else mask
            outputs = jnp.where(mask[..., None], outputs, 0)
        result = outputs if self.return_sequences else outputs[:, -1]
        return (result, *states) if self.return_state else result

    def run(self, x: jax.Array, states: States, mask: jax.Array | None, training: bool) -> tuple[jax.Array, States]:
        """Outputs of all steps, in the order in which they are computed, and the last states.

        A masked step keeps the states; its output is the kept first state.
        """
        scale, recurrent_scale = self.cell.dropout_scales(x.shape[0], x.shape[-1], training)
        projected = self.cell.project(x if scale is None else x * scale[:, None])
        advance = partial(self.cell.advance, recurrent_scale=recurrent_scale)
        return scan_time(advance, projected, states, mask, self.go_backwards, self.unroll)

    def _mask(self, mask: Any, shape: tuple[int, ...]) -> jax.Array | None:
        if mask is None:
            return None
        mask = jnp.asarray(mask, bool)
        mask = mask[..., 0] if mask.ndim == 3 and mask.shape[-1] == 1 else mask
        if mask.shape != shape[:2]:
            raise ValueError(
                f"Layer '{self.name}': expected a mask of shape (batch, time) = {shape[:2]}. Received: {mask.shape}."
            )
        return mask

    def _first_states(self, given: Any, batch: int) -> States:
        if given is None and self.states is None:
            return self.get_initial_state(batch)
        states = [variable.value for variable in self.states or []] if given is None else list(given)
        expected = [(batch, size) for size in self.cell.state_size]
        received = [tuple(state.shape) for state in states]
        if received == expected:
            return [jnp.asarray(state, self.compute_dtype) for state in states]
        if given is None:
            raise ValueError(
                f"Layer '{self.name}': a stateful RNN needs batches of the size that it was built with. Expected:"
                f" {received[0][0]}. Received: {batch}. Leave incomplete batches out, or build the layer anew."
            )
        raise ValueError(
            f"Layer '{self.name}': `initial_state` must be a list of {len(expected)} arrays of shapes {expected}."
            f" Received: {received}."
        )

    # --- states ---

    def get_initial_state(self, batch_size: int | None = None) -> States:
        return self.cell.get_initial_state(batch_size)

    def reset_state(self) -> None:
        """Set the states of a stateful layer to zero."""
        for variable in self.states or []:
            variable.assign(jnp.zeros(variable.shape))

    reset_states = reset_state

    @property
    def state_size(self) -> list[int]:
        return self.cell.state_size

    @property
    def variables(self) -> list[Variable]:
        return super().variables + (self.states or [])

    # --- shapes and masks ---

    def compute_output_shape(self, sequences_shape: Shape, initial_state_shape: Any = None) -> Any:
        batch, time, _ = sequences_shape
        output = (batch, time, self.cell.output_size) if self.return_sequences else (batch, self.cell.output_size)
        return (output, *((batch, size) for size in self.cell.state_size)) if self.return_state else output

    def compute_mask(self, sequences: Any, mask: Any) -> Any:
        passed = mask if self.return_sequences else None
        return [passed] + [None] * len(self.cell.state_size) if self.return_state else passed

    def get_config(self) -> dict[str, Any]:
        return {"activity_regularizer": None, **super().get_config()}


def _of_cell(name: str, recurrent: Recurrent) -> Any:
    return getattr(recurrent.cell, name)


def scan_time(
    advance: Callable[[jax.Array, States], States],
    projected: jax.Array,
    states: States,
    mask: jax.Array | None = None,
    go_backwards: bool = False,
    unroll: bool = False,
) -> tuple[jax.Array, States]:
    """Apply `advance` along axis 1 of `projected`: outputs (batch, time, units) and the last states."""

    def step(states: States, inputs: tuple[jax.Array, jax.Array | None]) -> tuple[States, jax.Array]:
        projected, counts = inputs
        new = advance(projected, states)
        if counts is not None:
            new = [jnp.where(counts, after, before) for after, before in zip(new, states, strict=True)]
        return new, new[0]

    sequence = jnp.swapaxes(projected, 0, 1), None if mask is None else jnp.swapaxes(mask, 0, 1)[..., None]
    if go_backwards:
        sequence = jax.tree.map(lambda a: jnp.flip(a, 0), sequence)
    states, outputs = lax.scan(step, states, sequence, unroll=unroll)
    return jnp.swapaxes(outputs, 0, 1), states


@layer()
class LSTM(Recurrent):
    """Long short-term memory: `i, f, o = s(z)`, `c = f * c + i * t(z_c)`, `h = o * t(c)`, with `z = x @ W + h @ U + b`.

    Hochreiter and Schmidhuber 1997, with the forget gate of Gers et al. 2000. Gates stand in the order input, forget,
    candidate, output. The cell is the layer's attribute `cell`.

    Args:
        units: size of the output and of both states.
        activation: `t`. recurrent_activation: `s`.
        use_bias: whether there is a `b`. unit_forget_bias: start the forget gate's part of it at one.
        dropout: fraction of the inputs to drop in training; recurrent_dropout: of `h`. One draw per sequence.
        seed: of the dropout.
        return_sequences: return the outputs of all steps, not of the last alone.
        return_state: return `(outputs, h, c)`.
        go_backwards: run from the last step to the first; outputs stand in the order in which they were computed.
        stateful: begin each batch with the states that the last one ended with; needs a fixed batch size.
            `reset_state()` sets them to zero.
        unroll: results are the same; the loop may compile to longer, faster code.
        use_cudnn: accepted for Keras' sake; the compiled loop is used on every device.
        zero_output_for_mask: outputs of masked steps are zero instead of those of the step before.

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

    cell: LSTMCell

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
        if use_cudnn not in ("auto", True, False):
            raise ValueError(f"LSTM: `use_cudnn` must be one of 'auto', True, False. Received: use_cudnn={use_cudnn!r}")
        kwargs.pop("implementation", None)  # chooses between forms that compute the same
        cell = LSTMCell(
            units,
            activation=activation,
            recurrent_activation=recurrent_activation,
            use_bias=use_bias,
            kernel_initializer=kernel_initializer,
            recurrent_initializer=recurrent_initializer,
            bias_initializer=bias_initializer,
            unit_forget_bias=unit_forget_bias,
            kernel_regularizer=kernel_regularizer,
            recurrent_regularizer=recurrent_regularizer,
            bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint,
            recurrent_constraint=recurrent_constraint,
            bias_constraint=bias_constraint,
            dropout=dropout,
            recurrent_dropout=recurrent_dropout,
            seed=seed,
            name="lstm_cell",
            dtype=kwargs.get("dtype"),
            trainable=kwargs.get("trainable", True),
        )
        super().__init__(
            cell,
            return_sequences=return_sequences,
            return_state=return_state,
            go_backwards=go_backwards,
            stateful=stateful,
            unroll=unroll,
            activity_regularizer=activity_regularizer,
            **kwargs,
        )
        self.use_cudnn = use_cudnn

    def run(self, x: jax.Array, states: States, mask: jax.Array | None, training: bool) -> tuple[jax.Array, States]:
        cell = self.cell
        if training and cell.recurrent_dropout > 0:
            return super().run(x, states, mask, training)
        scale, _ = cell.dropout_scales(x.shape[0], x.shape[-1], training)
        tanh, sigmoid = cell.activation is activations.tanh, cell.recurrent_activation is activations.sigmoid
        outputs, h, c = kernels.lstm(
            x if scale is None else x * scale[:, None],
            cell.kernel.value,
            cell.recurrent_kernel.value,
            None if cell.bias is None else cell.bias.value,
            h0=states[0],
            c0=states[1],
            mask=mask,
            go_backwards=self.go_backwards,
            activation=None if tanh else cell.activation,
            recurrent_activation=None if sigmoid else cell.recurrent_activation,
        )
        return outputs, [h, c]


# The settings of the cell are attributes of the layer, too.
for _name in signature(LSTMCell.__init__).parameters:
    if _name not in ("self", "kwargs"):
        setattr(LSTM, _name, property(partial(_of_cell, _name)))
