"""The part of `keras.backend` that made programs of symbolic tensors: placeholders, gradients, functions, updates.

A gradient is a node of the graph like any other: when it is computed, so are the values it hangs on. That is enough for
maps of what a network looks at, for pictures that please a filter, and for policies trained by a `function` with
updates.
"""

from __future__ import annotations

from collections.abc import Sequence, ValuesView
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from ..core import pure, scope
from ..core.operation import Operation
from ..core.tensor import KerasTensor, Node, is_tensor, leaves
from ..core.types import DTypeLike
from ..core.variable import Variable
from ..functional import Graph
from ..layers import Input

if TYPE_CHECKING:
    from ..optimizers import Optimizer


def placeholder(
    shape: Sequence[int | None] | None = None,
    ndim: int | None = None,
    dtype: DTypeLike | None = None,
    sparse: bool = False,
    name: str | None = None,
    ragged: bool = False,
) -> KerasTensor:
    """A symbolic tensor of this shape, batch axis included."""
    sizes = (None,) * (ndim or 0) if shape is None else tuple(shape)
    return Input(batch_shape=sizes or (None,), dtype=dtype, name=name)


class _Gradient(Operation):
    """The gradient of the sum of a tensor with respect to another one that it was made from.

    Args:
        loss: symbolic.
        wanted: a symbolic tensor on the way to it.
        entries: what else it was made from.
    """

    def __init__(self, loss: KerasTensor, wanted: KerasTensor, entries: list[KerasTensor]):
        super().__init__()
        self._graph = Graph([wanted, *entries], loss)

    def call(self, wanted: Any, *entries: Any) -> Any:
        return jax.grad(lambda value: jnp.sum(self._graph.run([value, *entries])))(wanted)

    def compute_output_spec(self, wanted: KerasTensor, *entries: KerasTensor) -> KerasTensor:
        return KerasTensor(wanted.shape, wanted.dtype)


class _WeightGradient(Operation):
    """The gradients of the sum of a tensor with respect to weights.

    Args:
        loss: symbolic.
        weights: that it hangs on.
        entries: symbolic tensors that it was made from.
    """

    def __init__(self, loss: KerasTensor, weights: list[Variable], entries: list[KerasTensor]):
        super().__init__()
        self._graph, self._weights = Graph(entries, loss), weights

    def call(self, *values: Any) -> list[Any]:
        def total(weights: list[Any]) -> Any:
            return jnp.sum(pure.apply(self._graph.run, self._weights, weights, list(values))[0])

        return jax.grad(total)([weight.value for weight in self._weights])

    def compute_output_spec(self, *values: KerasTensor) -> list[KerasTensor]:
        return [KerasTensor(weight.shape, weight.dtype) for weight in self._weights]


def gradients(loss: KerasTensor, variables: Any) -> list[KerasTensor]:
    """Symbolic gradients of a symbolic loss (its sum), one for each tensor or weight; `function` computes them.

    Raises:
        TypeError: for a loss that is no symbolic tensor: `jax.grad` differentiates functions.
    """
    if not is_tensor(loss):
        raise TypeError(
            f"keras.backend.gradients differentiates symbolic tensors, such as those made of `model.output`. Received:"
            f" {type(loss).__name__}. For a function of arrays, use `jax.grad`."
        )
    wanted = list(variables) if isinstance(variables, (list, tuple)) else [variables]
    weights = [one for one in wanted if isinstance(one, Variable)]
    entries = entries_of([loss])
    found: dict[int, KerasTensor] = {}
    if weights:
        slopes = leaves(_WeightGradient(loss, weights, entries)(*entries))
        found = {id(weight): slope for weight, slope in zip(weights, slopes, strict=True)}
    for tensor in filter(is_tensor, wanted):
        others = [one for one in entries if one is not tensor]
        found[id(tensor)] = _Gradient(loss, tensor, others)(tensor, *others)
    return [found[id(one)] for one in wanted]


def entries_of(tensors: Sequence[KerasTensor]) -> list[KerasTensor]:
    """The tensors of `Input` that others were made from, in the order in which they are met."""
    found: dict[int, KerasTensor] = {}
    seen: set[int] = set()
    waiting = list(reversed(tensors))
    while waiting:
        tensor = waiting.pop()
        if id(tensor) in seen:
            continue
        seen.add(id(tensor))
        node: Node | None = tensor.node
        if node is None or not node.inputs:
            found[id(tensor)] = tensor
        else:
            waiting.extend(reversed(node.inputs))
    return list(found.values())


class OptimizerStep:
    """What `optimizer.get_updates(...)` returns: a step, for the `updates` of `function`."""

    optimizer: Optimizer
    loss: KerasTensor
    params: list[Variable]

    def __init__(self, optimizer: Optimizer, loss: KerasTensor, params: Sequence[Variable]):
        self.optimizer, self.loss, self.params = optimizer, loss, list(params)
        optimizer.build(self.params)

    def __iter__(self) -> Any:  # scripts add lists of updates up
        return iter((self,))

    def __add__(self, others: Sequence[Any]) -> list[Any]:
        return [self, *others]

    def __radd__(self, others: Sequence[Any]) -> list[Any]:
        return [*others, self]


def get_updates(
    self: Optimizer, loss: Any = None, params: Any = None, constraints: Any = None, *old: Any
) -> OptimizerStep:
    """The update of some weights by the gradient of a symbolic loss, for `K.function(inputs, outputs, updates)`.

    Keras 1 called it with `(params, constraints, loss)`, and with these names.
    """
    if old or (not is_tensor(loss) and constraints is not None and is_tensor(constraints)):
        loss, params = (old[0] if old else constraints), loss
    if not is_tensor(loss) and is_tensor(params):
        loss, params = params, loss
    return OptimizerStep(self, loss, params)


def _in_order(entries: Any, values: Any) -> list[Any]:
    """The values for entries of a graph, out of the lists that these are in: `[model.input, K.learning_phase()]`.

    Values may be lists themselves, of numbers; and a model with a list of one input takes a value without it, too.
    """
    if not isinstance(entries, (list, tuple)):
        return [values]
    if not isinstance(values, (list, tuple)) or len(values) != len(entries):
        values = [values]
    return [found for entry, value in zip(entries, values, strict=True) for found in _in_order(entry, value)]


class function:
    """`function([model.input], [layer.output])`, called on a list of arrays, gives a list of arrays.

    Args:
        inputs: symbolic tensors, and perhaps the learning phase.
        outputs: symbolic tensors, made from these; one alone gives one array.
        updates: of `optimizer.get_updates`; each call does them once, after the outputs.
    """

    def __init__(self, inputs: Sequence[Any], outputs: Any, updates: Any = None, **kwargs: object):
        self._entries = inputs
        given = _in_order(inputs, inputs)
        self._alone = not isinstance(outputs, (list, tuple, ValuesView))
        self._outputs: list[Any] = [outputs] if self._alone else list(outputs)
        self._steps = [one for one in updates or () if isinstance(one, OptimizerStep)]
        self._places = [place for place, tensor in enumerate(given) if is_tensor(tensor)]
        self._phase = next((place for place in range(len(given)) if place not in self._places), None)
        self._inputs = [given[place] for place in self._places]
        symbolic = [one for one in self._outputs if is_tensor(one)]
        self._graph = Graph(self._inputs, [*symbolic, *(step.loss for step in self._steps)])
        layers = {id(v): v for operation in self._graph.operations for v in getattr(operation, "state_variables", ())}
        self._weights = list(layers.values())
        self._programs: dict[Any, Any] = {}

    def __call__(self, inputs: Sequence[Any]) -> Any:
        given = _in_order(self._entries, inputs)
        values = [jnp.asarray(given[place]) for place in self._places]
        training = bool(self._steps) if self._phase is None else bool(given[self._phase])
        variables = [*self._weights]
        for step in self._steps:
            variables += [
                v for v in (*step.params, *step.optimizer.variables) if all(v is not one for one in variables)
            ]
        program = self._programs.get(training) or self._programs.setdefault(
            training, self._program(variables, training)
        )
        results, moved = program([v.value for v in variables], values)
        for variable, value in zip(variables, moved, strict=True):
            variable.assign(value)
        ready = iter(results)
        outputs = [np.asarray(next(ready)) if is_tensor(one) else one for one in self._outputs]
        return outputs[0] if self._alone else outputs

    def _program(self, variables: list[Variable], training: bool) -> Any:
        count = sum(map(is_tensor, self._outputs))

        def run(weights: list[Any], values: list[Any]) -> tuple[list[Any], list[Any]]:
            def forward(values: list[Any]) -> list[Any]:
                with scope.calling(None, training=training):
                    return self._graph.run(values)[:count]

            results, weights = pure.apply(forward, variables, weights, values)
            for step in self._steps:
                weights = self._updated(step, variables, weights, values)
            return results, weights

        return jax.jit(run)

    def _updated(self, step: OptimizerStep, variables: list[Variable], weights: list[Any], values: list[Any]) -> Any:
        graph = Graph(self._inputs, step.loss)
        places = {id(v): place for place, v in enumerate(variables)}
        own, slots = ([places[id(v)] for v in group] for group in (step.params, step.optimizer.variables))

        def total(params: list[Any]) -> Any:
            held = list(weights)
            for place, value in zip(own, params, strict=True):
                held[place] = value

            def forward() -> Any:
                with scope.calling(None, training=True):
                    return jnp.sum(graph.run(values))

            return pure.apply(forward, variables, held)

        slopes, moved = jax.grad(total, has_aux=True)([weights[place] for place in own])
        params, after = step.optimizer.stateless_apply(
            [weights[place] for place in slots], slopes, [weights[place] for place in own]
        )
        moved = list(moved)
        for place, value in zip([*own, *slots], [*params, *after], strict=True):
            moved[place] = value
        return moved
