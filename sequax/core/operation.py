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
        kind: name of the function, and the prefix of the node's name.
    """

    def __init__(self, function: Callable, kind: str):
        self.function, self.kind, self.name = function, kind, names.auto_name(kind)
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


# The operators of symbolic tensors, by the name of the op that does the same.
OPERATORS: dict[str, Callable] = {
    "add": operator.add,
    "subtract": operator.sub,
    "multiply": operator.mul,
    "true_divide": operator.truediv,
    "floor_divide": operator.floordiv,
    "mod": operator.mod,
    "power": operator.pow,
    "matmul": operator.matmul,
    "less": operator.lt,
    "less_equal": operator.le,
    "greater": operator.gt,
    "greater_equal": operator.ge,
    "negative": operator.neg,
    "absolute": operator.abs,
    "get_item": operator.getitem,
}


def _method(kind: str, reflected: bool = False) -> Callable:
    function = OPERATORS[kind]

    def call(self: KerasTensor, *others: Any) -> Any:
        return Operation(function, kind)(*((*others, self) if reflected else (self, *others)))

    return call


for _kind, _function in OPERATORS.items():
    _name = _function.__name__.strip("_")
    setattr(KerasTensor, f"__{_name}__", _method(_kind))
    if _kind in ("add", "subtract", "multiply", "true_divide", "floor_divide", "mod", "power", "matmul"):
        setattr(KerasTensor, f"__r{_name}__", _method(_kind, reflected=True))
