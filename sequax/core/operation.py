"""Functions over tensors as nodes of a graph: what `a + b` or `x[:, 0]` on symbolic tensors records."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from . import names, shapes
from .tensor import KerasTensor, Node, is_tensor, leaves, record


class Operation:
    """A function of arrays that may also be called on symbolic tensors.

    Args:
        function: of arrays, returning arrays.
        name: prefix of the node's name.
    """

    def __init__(self, function: Callable, name: str):
        self.function, self.name = function, names.auto_name(name)
        self.nodes: list[Node] = []

    def __call__(self, *args: Any) -> Any:
        if not any(map(is_tensor, leaves(args))):
            return self.function(*args)
        return record(self, args, {}, shapes.infer(self.function, args, {}))


def _binary(function: Callable, name: str) -> Callable:
    return lambda self, other: Operation(function, name)(self, other)


def _reflected(function: Callable, name: str) -> Callable:
    return lambda self, other: Operation(lambda a, b: function(b, a), name)(self, other)


def _unary(function: Callable, name: str) -> Callable:
    return lambda self: Operation(function, name)(self)


def _get_item(self: KerasTensor, index: Any) -> KerasTensor:
    return Operation(lambda x: x[index], "get_item")(self)


for _name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul"):
    _function = getattr(operator, _name)
    setattr(KerasTensor, f"__{_name}__", _binary(_function, _name))
    setattr(KerasTensor, f"__r{_name}__", _reflected(_function, _name))
for _name in ("lt", "le", "gt", "ge"):
    setattr(KerasTensor, f"__{_name}__", _binary(getattr(operator, _name), _name))
for _name in ("neg", "abs"):
    setattr(KerasTensor, f"__{_name}__", _unary(getattr(operator, _name), _name))
setattr(KerasTensor, "__getitem__", _get_item)  # noqa: B010 - a class that gets its operators here
