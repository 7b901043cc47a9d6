"""`Cell`: what the cells of our recurrent layers share; and the questions that are asked of any cell."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Unpack

import jax
import jax.numpy as jnp

from ... import kernels
from ...core import shapes
from ...core.constructor import LayerOptions
from ...core.layer import Layer
from ...core.rng import SeedGenerator
from ...core.tensor import KerasTensor
from ...core.types import ShapeLike, Tensor, Tensors
from ...core.variable import Variable
from ..base import Weighted
from .loop import AnyCell, scan_steps


class Cell(Weighted):
    """One step of a recurrent layer, in two parts.

    `project(inputs)` needs no state and is therefore done for all steps as one product; `advance(projected, states,
    recurrent_scale)` gives the new states, the first of which is the output.

    Subclasses set `state_size`.
    """

    units: int
    state_size: int | list[int]
    dropout: float
    recurrent_dropout: float
    seed: int | None
    activation: Callable[..., Any]
    recurrent_activation: Callable[..., Any]
    bias_initializer: Callable[..., Any]

    def __init__(self, **options: Unpack[LayerOptions]):
        super().__init__(**options)
        self.seed_generator: SeedGenerator = SeedGenerator(self.seed)

    def add_weights(
        self,
        kernel: tuple[Any, ...],
        recurrent_kernel: tuple[Any, ...],
        bias: tuple[Any, ...],
        initial_bias: Callable[..., Tensor] | None = None,
    ) -> None:
        """Create the weights of these shapes; there is no bias if `use_bias` is False."""
        self.kernel: Variable = self.add("kernel", kernel)
        self.recurrent_kernel: Variable = self.add("recurrent", recurrent_kernel, name="recurrent_kernel")
        self.bias: Variable | None = self.add("bias", bias, initial_bias) if self.use_bias else None

    def known_features(self, input_shape: ShapeLike, axis: int = -1) -> int:
        features = input_shape[axis]
        if features is None:
            raise ValueError(
                f"Layer '{self.name}' ({type(self).__name__}): the {'last' if axis == -1 else 'channel'} axis of the"
                f" input must be known. Received: {tuple(input_shape)} for one step. Give it, e.g. `Input((None, 8))`."
            )
        return features

    @property
    def output_size(self) -> int:
        return self.units

    def project(self, inputs: Tensor) -> Tensor:
        """The part of a step that needs no state; any leading axes."""
        projected = inputs @ self.kernel.value
        return projected if self.bias is None else projected + self.bias.value

    def advance(self, projected: Tensor, states: list[Any], recurrent_scale: Tensor | None = None) -> list[Any]:
        """New states; the first of them is the output."""
        raise NotImplementedError

    def call(self, inputs: Tensor, states: Tensors, training: bool = False) -> tuple[Tensor, Tensors]:
        inputs = jnp.asarray(inputs, self.compute_dtype)
        before = as_list(states)
        scale, recurrent_scale = self.dropout_scales(inputs.shape, before[0].shape, training)
        new = self.advance(self.project(dropped(inputs, scale)), before, recurrent_scale)
        return new[0], new if isinstance(states, (list, tuple)) else new[0]

    def over_time(
        self, x: Tensor, states: list[Any], mask: Tensor | None, unroll: bool, training: bool
    ) -> tuple[Tensor, list[Any]]:
        """Outputs of all steps and the last states, with one draw of dropout for the sequence."""
        x = jnp.asarray(x, self.compute_dtype)
        if mask is not None:
            # What stands in masked steps may be anything; 0 * NaN in the product would reach the kernel's gradient.
            x = jnp.where(mask.reshape(*mask.shape, *(1,) * (x.ndim - 2)), x, 0)
        states = [jnp.asarray(state, self.compute_dtype) for state in states]
        scale, recurrent_scale = self.dropout_scales((x.shape[0], *x.shape[2:]), states[0].shape, training)
        return self.sequence(
            dropped(x, None if scale is None else scale[:, None]), states, mask, unroll, recurrent_scale
        )

    def sequence(
        self, x: Tensor, states: list[Any], mask: Tensor | None, unroll: bool, recurrent_scale: Tensor | None
    ) -> tuple[Tensor, list[Any]]:
        """`over_time` for inputs that are ready: cast, masked and dropped."""

        def step(projected: Tensor, states: list[Any]) -> tuple[Tensor, list[Any]]:
            new = self.advance(projected, states, recurrent_scale)
            return new[0], new

        return scan_steps(step, self.project(x), states, states[0], mask, unroll)

    def dropout_scales(
        self, inputs: tuple[int, ...], state: tuple[int, ...], training: bool
    ) -> tuple[Tensor | None, Tensor | None]:
        """Factors for inputs and for a state of these shapes; None where nothing is dropped.

        Drawn once for a whole sequence (Gal and Ghahramani 2016, A Theoretically Grounded Application of Dropout in
        Recurrent Neural Networks).
        """
        if not training:
            return None, None
        return self._scale(self.dropout, inputs), self._scale(self.recurrent_dropout, state)

    def _scale(self, rate: float, shape: tuple[int, ...]) -> Tensor | None:
        if rate == 0:
            return None
        kept = kernels.dropout_mask(self.seed_generator.next(), shape, rate)
        return jnp.where(kept, 0.0 if rate == 1 else 1 / (1 - rate), 0.0).astype(self.compute_dtype)

    def get_initial_state(self, batch_size: int | None = None) -> list[Any]:
        """Zeros, one array (batch, size) per state."""
        return [jnp.zeros((batch_size, size), self.compute_dtype) for size in as_list(self.state_size)]


def dropped(x: Tensor, scale: Tensor | None) -> Tensor:
    return x if scale is None else x * scale


# --- any cell ---


def as_list(value: object) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else [value]


def check_cell(cell: object, argument: str) -> None:
    """Refuse what cannot be a cell."""
    if not callable(getattr(cell, "call", None)):
        raise ValueError(
            f"{argument} must have a `call(inputs, states)` method, such as `LSTMCell(8)` has. Received: {cell!r:.100}"
        )
    if not hasattr(cell, "state_size"):
        raise ValueError(
            f"{argument} must have an attribute `state_size`: a whole number, or a list of them, one per state."
            f" Received: {cell!r:.100} (of type {type(cell).__name__})."
        )


def output_size(cell: AnyCell) -> int:
    """Size of a cell's output: its `output_size`, else the size of its first state."""
    size = getattr(cell, "output_size", None)
    return jax.tree.leaves(cell.state_size)[0] if size is None else size


def initial_states(cell: AnyCell, batch_size: int | None) -> list[Any]:
    """A cell's own initial states, or zeros in the structure of its `state_size`."""
    if hasattr(cell, "get_initial_state"):
        return as_list(cell.get_initial_state(batch_size=batch_size))
    dtype = getattr(cell, "compute_dtype", "float32")
    return jax.tree.map(lambda size: jnp.zeros((batch_size, size), dtype), as_list(cell.state_size))


def build_cell(cell: AnyCell, input_shape: ShapeLike) -> None:
    """Make the weights of a cell for the shape of one step (batch, features)."""
    if not isinstance(cell, Layer) or cell.built:
        return
    if type(cell).build is not Layer.build:
        cell.build(tuple(input_shape))
        return
    # Layers inside the cell are built by the first call, which needs states.
    batch = input_shape[0] or 1
    states = jax.eval_shape(lambda: initial_states(cell, batch))
    symbolic = jax.tree.map(lambda s: KerasTensor(s.shape, s.dtype.name), states)
    shapes.infer(cell.__call__, (KerasTensor((batch, *input_shape[1:]), cell.compute_dtype), symbolic), {})
