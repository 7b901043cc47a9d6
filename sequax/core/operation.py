"""Functions over tensors as nodes of a graph: what `a + b` or `x[:, 0]` on symbolic tensors records."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable
from typing import Any, TypeVar, cast

from . import names, shapes
from .tensor import KerasTensor, Node, is_tensor, leaves, record

F = TypeVar("F", bound=Callable)


class Operation:
    """A function of arrays that may also be called on symbolic tensors.

    Args:
        function: of arrays, returning arrays.
        name: prefix of the node's name.
    """

    def __init__(self, function: Callable, name: str):
        self.function, self.name = function, names.auto_name(name)
        self.nodes: list[Node] = []

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if not any(map(is_tensor, leaves((args, kwargs)))):
            return self.function(*args, **kwargs)
        return record(self, args, kwargs, shapes.infer(self.function, args, kwargs))


def symbolic(function: F, outputs: Callable | None = None) -> F:
    """`function` for arrays and for symbolic tensors: called on the latter it becomes a node of the graph.

    `outputs(*args, **kwargs)` says the symbolic outputs of the node; default: what tracing finds.
    """

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        if not any(map(is_tensor, leaves((args, kwargs)))):
            return function(*args, **kwargs)
        node = Operation(function, function.__name__)
        return node(*args, **kwargs) if outputs is None else record(node, args, kwargs, outputs(*args, **kwargs))

    return cast(F, call)


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
