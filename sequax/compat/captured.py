"""Losses that look at tensors of the graph besides their two arguments: `z_mean` in a closure, or bound by `partial`.

Such a function is called once, on symbolic tensors. What it needs of the graph is computed where the model is, and kept
by a layer until the loss is computed from it and the targets.
"""

from __future__ import annotations

import dis
import functools
import inspect
from collections.abc import Callable, Iterator
from types import CodeType
from typing import Any

from ..core.layer import Layer
from ..core.tensor import KerasTensor, is_tensor, leaves
from ..core.types import Tensor
from ..functional import Graph
from ..layers import Input
from ..model import Model
from . import added
from .notes import note


class Kept(Layer):
    """`[x, *tensors]` -> `x`; keeps the tensors of the call that is on its way."""

    untracked = Layer.untracked | {"values"}
    unnoted = Layer.unnoted | {"values"}

    def call(self, inputs: list[Tensor]) -> Tensor:
        self.values: list[Tensor] = inputs[1:]
        return inputs[0]

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape[0]


def losses(model: Model, given: Any) -> Any:
    """What `compile` is given as loss, with functions of two arguments in place of those that look at more."""
    graph = model.recorded_graph
    if graph is None or (not isinstance(given, (list, tuple)) and not callable(given)):
        return given
    several = list(given) if isinstance(given, (list, tuple)) else [given]
    outputs = leaves(graph.outputs)
    if len(several) != len(outputs) or not any(any(map(is_tensor, captured(one))) for one in several):
        return given
    found = [
        _of_two(model, one, output) if any(map(is_tensor, captured(one))) else one
        for one, output in zip(several, outputs, strict=True)
    ]
    return found if isinstance(given, (list, tuple)) else found[0]


def captured(function: Any) -> Iterator[Any]:
    """What a function of the user's holds besides its arguments."""
    if isinstance(function, functools.partial):
        yield from (*function.args, *function.keywords.values())
        yield from captured(function.func)
    elif inspect.isfunction(function):
        yield from inspect.getclosurevars(function).nonlocals.values()
        read, _ = read_by(function.__code__)
        yield from (value for name, value in function.__globals__.items() if name in read)
        yield from function.__defaults__ or ()


def read_by(code: CodeType) -> tuple[set[str], set[str]]:
    """The globals and the attributes that code names, functions inside included.

    Not `inspect.getclosurevars`, which takes `math.pi` for a global `pi`.
    """
    read = [(one.opname, one.argval) for one in dis.get_instructions(code)]
    names = {name for kind, name in read if kind == "LOAD_GLOBAL"}
    attributes = {name for kind, name in read if kind in ("LOAD_ATTR", "LOAD_METHOD")}
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            inner_names, inner_attributes = read_by(inner)
            names, attributes = names | inner_names, attributes | inner_attributes
    return names, attributes


def _of_two(model: Model, function: Callable[..., Any], output: KerasTensor) -> Callable[..., Any]:
    note("a loss that looks at tensors of the graph", "`add_loss` in the `call` of a layer of your own")
    target = Input(batch_shape=output.shape, dtype=output.dtype)
    result = function(target, output)
    waiting, frontier = _split(result, target)
    layer = Kept()
    added.pass_on(model, layer, frontier)
    late = Graph([target, *frontier], result) if waiting else None

    @functools.wraps(function)
    def loss(y_true: Tensor, y_pred: Tensor) -> Tensor:
        values = layer.values
        return values[0] if late is None else late.run([y_true, *values])

    loss.__name__ = getattr(function, "__name__", "loss")
    return loss


def _split(result: KerasTensor, target: KerasTensor) -> tuple[bool, list[KerasTensor]]:
    """Whether a tensor hangs on the target, and the tensors at which what hangs on it begins."""
    hangs: dict[int, bool] = {id(target): True}

    def look(tensor: KerasTensor) -> bool:
        if id(tensor) not in hangs:
            node = tensor.node
            hangs[id(tensor)] = node is not None and any([look(one) for one in node.inputs])
        return hangs[id(tensor)]

    if not look(result):
        return False, [result]
    frontier: dict[int, KerasTensor] = {}
    waiting = [result]
    while waiting:
        tensor = waiting.pop()
        if tensor is target:
            continue
        if not hangs[id(tensor)]:
            frontier[id(tensor)] = tensor
        elif tensor.node is not None:
            waiting.extend(tensor.node.inputs)
    return True, list(frontier.values())
