"""Small models in one vector: what a compiled loop carries in place of many little arrays.

A step of a tiny model is not arithmetic but the start of its operations, of which the optimizer has a few per variable.
Inside the loop such a model's parameters are therefore one vector, and so is each kind of optimizer state; layers see
slices of it. Outside nothing changes: the vectors are made when a program begins and taken apart when it ends. The step
of 768 x 8 numbers, batch 10, takes half as long (`python -m benchmarks tabular`).
"""

from __future__ import annotations

import math
from typing import Any

import jax.numpy as jnp
import numpy as np

from ..core import pure
from ..core.pure import Values
from ..core.variable import Variable
from . import compiled, custom
from .state import Slots, TrainState

# Above this many numbers the arithmetic outweighs the starts, and moving the gradients into one vector costs more.
MOST_NUMBERS = 2**13


class Flat:
    """The layout of a model's parameters in one vector, and an optimizer that knows just this vector.

    Attributes:
        shapes: of the parameters, by their keys in the state.
        carried: keys of the optimizer's state inside the loop, in the order of that optimizer's variables.
        joined: for those that are vectors, the keys of the state they are made of.
    """

    def __init__(self, slots: Slots, optimizer: Any):
        self.shapes = {key: v.shape for key, v in slots.params.items()}
        variables = list(slots.params.values())
        numbers = sum(v.size for v in variables)
        self.vector = Variable(np.zeros(numbers, variables[0].stored.dtype), name="parameters")
        self.optimizer = optimizer.built_for([self.vector])
        slots_of_vector = self.optimizer.slots_of(self.vector)
        keys = {id(v): key for key, v in slots.optimizer.items()}
        keys.update((id(own), name) for name, own in slots_of_vector.items())
        self.carried = [keys[id(v)] for v in self.optimizer.variables]
        self.joined = {name: [keys[id(optimizer.slot(name, v))] for v in variables] for name in slots_of_vector}

    def views(self, vector: Any) -> Values:
        """The parameters as arrays of their own shapes."""
        ends = np.cumsum([math.prod(shape) for shape in self.shapes.values()])
        starts = [0, *ends[:-1]]
        return {
            key: vector[start:end].reshape(shape)
            for (key, shape), start, end in zip(self.shapes.items(), starts, ends, strict=True)
        }

    def enter(self, state: TrainState) -> TrainState:
        """The state as the loop carries it."""
        taken = {key for parts in self.joined.values() for key in parts}
        optimizer = {key: value for key, value in state.optimizer.items() if key not in taken}
        optimizer.update({name: _joined(state.optimizer, parts) for name, parts in self.joined.items()})
        return state._replace(params={"all": _joined(state.params, self.shapes)}, optimizer=optimizer)

    def leave(self, state: TrainState) -> TrainState:
        """The state as the variables hold it."""
        optimizer = {key: value for key, value in state.optimizer.items() if key not in self.joined}
        for name, parts in self.joined.items():
            optimizer.update(zip(parts, self.views(state.optimizer[name]).values(), strict=True))
        return state._replace(params=self.views(state.params["all"]), optimizer=dict(sorted(optimizer.items())))

    def update(self, state: TrainState, grads: Values) -> tuple[Values, Values]:
        """New parameters and new optimizer state, from the gradients of the single arrays."""
        variables = [self.vector, *self.optimizer.variables]
        values = [state.params["all"], *(state.optimizer[key] for key in self.carried)]
        _, values = pure.apply(self.optimizer.apply, variables, values, [_joined(grads, grads)], [self.vector])
        return {"all": values[0]}, {**state.optimizer, **dict(zip(self.carried, values[1:], strict=True))}


def of(model: Any, slots: Slots) -> Flat | None:
    """The layout, if a model is small enough and its optimizer treats every number alike."""
    if compiled.eager() or custom.of(model).train:
        return None
    optimizer = model.optimizer
    variables = list(slots.params.values())
    numbers = sum(v.size for v in variables)
    alike = "elementwise" in vars(type(optimizer)) and not (optimizer.clipnorm or optimizer.excludes)
    plain = all(v.constraint is None and not v.overwrite_with_gradient for v in variables)
    one_dtype = len({v.stored.dtype for v in variables}) == 1
    return Flat(slots, optimizer) if alike and plain and one_dtype and numbers <= MOST_NUMBERS else None


def _joined(values: Values, keys: Any) -> Any:
    return jnp.concatenate([values[key].reshape(-1) for key in keys])
