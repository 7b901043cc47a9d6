"""`StackedRNNCells`: several cells as one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Unpack

import jax

from ...core.config import deserialize
from ...core.constructor import LayerOptions
from ...core.custom_objects import custom_object_scope
from ...core.kinds import Listed, Owner
from ...core.layer import Layer
from ...core.types import CustomObjects, T, Tensor, Tensors
from ..catalogue import layer
from . import loop
from .cell import as_list, build_cell, check_cell, initial_states, output_size
from .loop import AnyCell


class _Cells(Listed):
    expected = "a list of at least one cell"

    def resolve(self, value: object, name: str, owner: Owner) -> list[AnyCell]:
        if not isinstance(value, (list, tuple)) or not value:
            self.refuse(value, name, owner)
        for cell in value:
            check_cell(cell, f"{owner}: each of `{name}`")
        return list(value)


Cells = Annotated[Sequence[AnyCell], _Cells()]


@layer()
class StackedRNNCells(Layer):
    """Cells one above the other: the output of each is the input of the next, at every step.

    Args:
        cells: list of cells, our own or any that `RNN` takes.
        **options: `name`, `dtype`, `trainable`, ...: as in `Layer`.

    Call: `(inputs, states)` with a list of states per cell gives `(output, states)`.

    Raises:
        ValueError: for an empty list, or a member that is no cell.

    Example:

    >>> from sequax.layers import GRUCell, LSTMCell
    >>> StackedRNNCells([LSTMCell(4), GRUCell(3)]).state_size
    [[4, 4], 3]
    """

    cells: list[AnyCell]

    def __init__(self, cells: Cells, **options: Unpack[LayerOptions]):
        super().__init__(**options)

    @property
    def state_size(self) -> list[Any]:
        return [cell.state_size for cell in self.cells]

    @property
    def output_size(self) -> int:
        return output_size(self.cells[-1])

    def get_initial_state(self, batch_size: int | None = None) -> list[Any]:
        """A list of states per cell."""
        return [_first_states(cell, batch_size) for cell in self.cells]

    def build(self, input_shape: Sequence[int | None]) -> None:
        shape = tuple(input_shape)
        for cell in self.cells:
            build_cell(cell, shape)
            shape = (shape[0], output_size(cell))

    def call(
        self, inputs: Tensor, states: Sequence[Any], training: bool = False, **kwargs: object
    ) -> tuple[Tensor, list[Any]]:
        new = []
        for cell, before in zip(self.cells, states, strict=True):
            options = {"training": training} if isinstance(cell, Layer) else {}
            inputs, after = cell(inputs, as_list(before), **options, **kwargs)
            new.append(_like(before, after))
        return inputs, new

    def over_time(
        self, x: Tensor, states: list[Any], mask: Tensor | None, unroll: bool, training: bool
    ) -> tuple[Tensor, list[Any]]:
        """Cell by cell over the whole sequence: no cell needs the later outputs of another one."""
        new = []
        for cell, before in zip(self.cells, states, strict=True):
            x, after = loop.run(cell, x, as_list(before), mask, unroll, training)
            new.append(_like(before, after))
        return x, new

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: CustomObjects | None = None) -> StackedRNNCells:
        """A new stack from `get_config()`; own cells by name need `custom_objects` or a registration."""
        with custom_object_scope(custom_objects):
            return super().from_config({**config, "cells": deserialize(config["cells"])})


def _first_states(cell: AnyCell, batch_size: int | None) -> Tensors:
    """The states of a cell: an array, not a list of one, where the cell says a single size and nothing else."""
    states = initial_states(cell, batch_size)
    single = not isinstance(cell.state_size, (list, tuple)) and not hasattr(cell, "get_initial_state")
    return states[0] if single else states


def _like(before: T, after: object) -> T:
    """The new states in the structure of the old ones; a cell may return a list for an array."""
    return jax.tree.unflatten(jax.tree.structure(before), jax.tree.leaves(after))
