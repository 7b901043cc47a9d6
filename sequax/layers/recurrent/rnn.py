"""`RNN`: runs any cell over time; and the base of the layers that make their cell themselves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from inspect import signature
from typing import Annotated, Any, Unpack

import jax
import jax.numpy as jnp

from ...core import dtypes, input_spec, shapes
from ...core.constructor import LayerOptions, Options
from ...core.input_spec import InputSpec
from ...core.kinds import Kind, OneOf, Owner
from ...core.layer import Layer
from ...core.names import to_snake_case
from ...core.tensor import KerasTensor, leaves
from ...core.types import Nested, ShapeLike, Symbols, Tensor, Tensors
from ...core.variable import Variable
from ..base import ActivityListed
from ..catalogue import layer
from . import loop
from .cell import Cell, build_cell, check_cell, initial_states, output_size
from .stacked import StackedRNNCells


class CellOf(Kind):
    """A cell; a list of them becomes one."""

    expected = "a cell, or a list of cells"

    def resolve(self, value: object, name: str, owner: Owner) -> Any:
        cell = StackedRNNCells(value) if isinstance(value, (list, tuple)) else value
        check_cell(cell, f"{owner}: `{name}`")
        return cell

    def fits(self, value: object, cls: type) -> bool:
        return isinstance(value, (Mapping, list, tuple))


CellLike = Annotated[Any, CellOf()]


@layer()
class RNN(Layer):
    """Runs a cell over the time axis.

    Args:
        cell: one of our cells, or any layer with `call(inputs, states) -> (output, states)` and a `state_size`: a whole
            number, or a (nested) list of them, one per state. It may take `training`, and may have an `output_size` and
            a method `get_initial_state(batch_size)`. A list of cells becomes `StackedRNNCells`.
        return_sequences: return the outputs of all steps, not of the last alone.
        return_state: return `(outputs, *states)`.
        go_backwards: run from the last step to the first; outputs stand in the order in which they were computed.
        stateful: begin each batch with the states that the last one ended with; needs a fixed batch size.
            `reset_state()` sets them to zero.
        unroll: results are the same; the loop may compile to longer, faster code.
        zero_output_for_mask: outputs of masked steps are zero instead of those of the step before.
        **options: `name`, `dtype`, `trainable`, ...: as in `Layer`.

    Call: `(sequences, initial_state=None, mask=None, training=False)`, with one array per state in `initial_state`.
    Masked steps keep the states and repeat the output; with `return_sequences` the mask is passed on.

    Shapes: `(batch, time, features)` to `(batch, units)`, or `(batch, time, units)` with `return_sequences`.

    Raises:
        ValueError: for what is no cell, states or masks that do not fit, or another batch size than a stateful layer
            was built with.

    Example:

    >>> import jax.numpy as jnp
    >>> from sequax.layers import GRUCell, LSTMCell
    >>> RNN([LSTMCell(4), GRUCell(3)])(jnp.ones((2, 10, 8))).shape
    (2, 3)
    """

    supports_masking = True
    mask_is_of_first = True  # initial states have none
    cell: Any
    return_sequences: bool
    return_state: bool
    go_backwards: bool
    stateful: bool
    unroll: bool
    zero_output_for_mask: bool
    # They are variables of the layer, yet no weights: files leave them out.
    untracked: frozenset[str] = Layer.untracked | {"states"}

    def __init__(
        self,
        cell: CellLike,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        zero_output_for_mask: bool = False,
        **options: Unpack[LayerOptions],
    ):
        super().__init__(**options)
        self.states: Nested[Variable] | None = None  # variables in the structure of the cell's states, if stateful
        # Cells of ours take vectors; own ones may take more per step.
        self.input_spec: InputSpec = InputSpec(ndim=3) if self._is_ours() else InputSpec(min_ndim=3)

    @property
    def input_axes(self) -> tuple[str, ...] | None:  # type: ignore[override]
        of_step = getattr(self.cell, "input_axes", None) or ("features",)
        return ("time", *of_step) if self._is_ours() else None

    def build(self, sequences_shape: ShapeLike, initial_state_shape: Nested[ShapeLike] | None = None) -> None:
        # Also where a layer around this one builds it.
        input_spec.check(self.input_spec, KerasTensor(sequences_shape, name="sequences"), self.name)
        batch = sequences_shape[0]
        if self.stateful and batch is None:
            raise ValueError(
                f"Layer '{self.name}' ({type(self).__name__}): when using `stateful=True` in a RNN, the batch size must"
                f" be static. Received: input_shape={tuple(sequences_shape)}. Begin the model with"
                f" `Input(batch_shape=(batch_size, {', '.join(map(str, sequences_shape[1:]))}))`."
            )
        build_cell(self.cell, (batch, *sequences_shape[2:]))
        rank = len(sequences_shape)
        self.input_spec = InputSpec(ndim=rank, axes={-1: sequences_shape[-1]} if rank == 3 else None)
        if self.stateful:
            self.states = jax.tree.map(self._state_variable, self._state_specs(batch))

    def _state_variable(self, spec: jax.ShapeDtypeStruct) -> Variable:
        return Variable(jnp.zeros, spec.shape, self.variable_dtype, trainable=False, name="rnn_state")

    # --- one call ---

    def call(
        self,
        sequences: Tensor,
        initial_state: Tensors | None = None,
        mask: Tensor | None = None,
        training: bool = False,
    ) -> Tensor | tuple[Any, ...]:
        x = jnp.asarray(sequences)
        if x.shape[1] == 0:
            raise ValueError(f"Layer '{self.name}': expected at least one time step. Received: shape {x.shape}.")
        mask = self._mask(mask, x.shape)
        if self.go_backwards:
            x, mask = jnp.flip(x, 1), None if mask is None else jnp.flip(mask, 1)
        first = self._first_states(initial_state, x.shape[0])
        _, outputs, states = self.inner_loop(x, first, mask, training)
        for variable, state in zip(self._state_variables(), leaves(states), strict=self.stateful):
            variable.assign(state)
        if mask is not None and self.zero_output_for_mask:
            outputs = jnp.where(mask.reshape(*mask.shape, *(1,) * (outputs.ndim - 2)), outputs, 0)
        result = outputs if self.return_sequences else outputs[:, -1]
        result, states = jax.tree.map(partial(in_dtype, dtype=self.compute_dtype), (result, states))
        return (result, *states) if self.return_state else result

    def inner_loop(
        self, sequences: Tensor, initial_state: list[Any], mask: Tensor | None, training: bool = False
    ) -> tuple[Tensor, Tensor, list[Any]]:
        """The cell over all steps: the last output, all outputs, the last states. A subclass may override it.

        Args:
            sequences: in the order in which the steps are taken, (batch, time, ...).
            initial_state: in the structure of the cell's states.
            mask: (batch, time), True where a step counts, or None.
            training: whether the cell trains.
        """
        outputs, states = loop.run(self.cell, sequences, initial_state, mask, self.unroll, training)
        return outputs[:, -1], outputs, states

    def _mask(self, mask: Tensor | None, shape: tuple[int, ...]) -> Tensor | None:
        if mask is None:
            return None
        mask = jnp.asarray(mask, bool)
        mask = mask[..., 0] if mask.ndim == 3 and mask.shape[-1] == 1 else mask
        if mask.shape != shape[:2]:
            raise ValueError(
                f"Layer '{self.name}': expected a mask of shape (batch, time) = {shape[:2]}. Received: {mask.shape}."
            )
        return mask

    def _first_states(self, given: Tensors | None, batch: int) -> list[Any]:
        """The states to begin with, in the cell's structure; those given may be nested or one after another."""
        if given is None and self.states is None:
            return self.get_initial_state(batch)
        states = [v.value for v in self._state_variables()] if given is None else leaves(given)
        specs, structure = jax.tree.flatten(self._state_specs(batch))
        expected, received = ([tuple(state.shape) for state in group] for group in (specs, states))
        if received == expected:
            cast = [jnp.asarray(state, spec.dtype) for state, spec in zip(states, specs, strict=True)]
            return jax.tree.unflatten(structure, cast)
        if given is None:
            raise ValueError(
                f"Layer '{self.name}': a stateful RNN needs batches of the size that it was built with. Expected:"
                f" {received[0][0]}. Received: {batch}. Leave incomplete batches out, or build the layer again."
            )
        raise ValueError(
            f"Layer '{self.name}': `initial_state` must be a list of {len(expected)} arrays of shapes {expected}."
            f" Received: {received}."
        )

    # --- states ---

    def get_initial_state(self, batch_size: int | None = None) -> list[Any]:
        """The states of the cell before the first step."""
        return initial_states(self.cell, batch_size)

    def _state_specs(self, batch: int | None) -> list[Any]:
        """Shapes and dtypes of the states."""
        return jax.eval_shape(lambda: self.get_initial_state(batch))

    def _state_variables(self) -> list[Variable]:
        return leaves(self.states)

    def reset_state(self) -> None:
        """Set the states of a stateful layer to zero."""
        for variable in self._state_variables():
            variable.assign(jnp.zeros(variable.shape))

    reset_states = reset_state

    @property
    def single_state(self) -> bool:
        """Whether the cell has one state."""
        return len(leaves(self.cell.state_size)) == 1

    @property
    def state_size(self) -> list[Any]:
        size = self.cell.state_size
        return list(size) if isinstance(size, (list, tuple)) else [size]

    @property
    def variables(self) -> list[Variable]:
        return super().variables + self._state_variables()

    # --- shapes and masks ---

    def compute_output_shape(
        self, sequences_shape: ShapeLike, initial_state_shape: Nested[ShapeLike] | None = None
    ) -> tuple[Any, ...]:
        if self.built and not self._is_ours():
            return super().compute_output_shape(sequences_shape)
        batch, time, *_ = sequences_shape
        size = output_size(self.cell)
        output = (batch, time, size) if self.return_sequences else (batch, size)
        if not self.return_state:
            return output
        return (output, *jax.tree.map(lambda spec: (batch, *spec.shape[1:]), self._state_specs(1)))

    def compute_output_spec(self, *args: object, **kwargs: object) -> Symbols:
        if self._is_ours():
            return super().compute_output_spec(*args, **kwargs)
        return shapes.infer(self.__call__, args, kwargs)

    def _is_ours(self) -> bool:
        """Whether all cells are ours, whose sizes are known without a trial."""
        return isinstance(self.cell, Layer) and all(map(loop.knows_time, self.cell.flatten_layers()))

    def compute_mask(self, sequences: Tensor, mask: Tensor | None) -> Tensor | list[Tensor | None] | None:
        passed = mask if self.return_sequences else None
        return [passed] + [None] * len(jax.tree.leaves(self.cell.state_size)) if self.return_state else passed


def in_dtype(value: Tensor, dtype: str) -> Tensor:
    """Floats in a dtype; other values as they are."""
    return value.astype(dtype) if dtypes.is_float(value.dtype) and dtypes.is_float(dtype) else value


class RecurrentOptions(Options, total=False):
    """Further keyword arguments of layers that make their cell themselves."""

    zero_output_for_mask: bool
    implementation: int  # of older code: chose between forms that compute the same


class _UseCudnn(OneOf):
    in_config = False  # as in Keras

    def resolve(self, value: object, name: str, owner: Owner) -> object:
        return value if value in self.allowed else self.refuse(value, name, owner)


UseCudnn = Annotated[str | bool, _UseCudnn("auto", True, False)]


class OfCell:
    """A setting of the cell that its layer shows under the same name; what the constructor keeps waits for the cell.

    Args:
        name: of the setting.
    """

    def __init__(self, name: str):
        self.name = name

    def __get__(self, recurrent: CellLayer | None, cls: type | None = None) -> Any:
        return self if recurrent is None else getattr(recurrent.cell, self.name)

    def __set__(self, recurrent: CellLayer, value: object) -> None:
        if "cell" in vars(recurrent):
            raise AttributeError(
                f"Layer '{recurrent.name}' ({type(recurrent).__name__}): `{self.name}` is a setting of its cell. Set"
                f" `layer.cell.{self.name}`."
            )
        vars(recurrent).setdefault("_for_cell", {})[self.name] = value


class CellLayer(ActivityListed, RNN):
    """A layer that makes its cell from its own arguments, which are attributes of both. Subclasses name `cell_type`."""

    cell: Cell
    cell_type: Callable[..., Cell]
    not_in_config: frozenset[str] = frozenset({"cell"})
    config_keys: frozenset[str] = frozenset({"implementation"})

    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        for name in signature(cls.cell_type).parameters:
            if not hasattr(cls, name) and name != "options":
                setattr(cls, name, OfCell(name))

    def __init__(self, **options: Any):
        options.pop("implementation", None)
        flags = {name: vars(self)[name] for name in _FLAGS if name in vars(self)}
        cell = self.cell_type(
            **self._cell_settings(),
            name=to_snake_case(self.cell_type.__name__),
            dtype=options.get("dtype"),
            trainable=options.get("trainable", True),
        )
        super().__init__(cell, **{**flags, **options})
        self.input_spec: InputSpec = InputSpec(ndim=3)

    def _cell_settings(self) -> dict[str, Any]:
        return vars(self).pop("_for_cell")


_FLAGS = ("return_sequences", "return_state", "go_backwards", "stateful", "unroll")
