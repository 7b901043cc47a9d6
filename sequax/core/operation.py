"""Functions over tensors as nodes of a graph: what `a + b` or `x[:, 0]` on symbolic tensors records."""

from __future__ import annotations

import functools
import inspect
import operator
from collections.abc import Callable
from typing import Any, Self, TypeVar, cast

from . import above, names, op_table, shapes
from .portable import Portable
from .tensor import KerasTensor, Node, is_tensor, leaves, record
from .unavailable import Unavailable

F = TypeVar("F", bound=Callable)


class Operation(Unavailable, Portable):
    """A function of tensors that may also be called on symbolic ones, which makes it a node of a graph.

    A subclass computes in `call`; on symbolic tensors `compute_output_spec` says shapes and dtypes.

    Args:
        name: default: the class name in snake case with a counter.

    Example:

    >>> import jax.numpy as jnp
    >>> from sequax import KerasTensor
    >>> class Shifted(Operation):
    ...     def call(self, x, y):
    ...         return x + y + 1
    >>> Shifted()(jnp.zeros((2, 3)), jnp.ones((2, 3))).shape
    (2, 3)
    >>> Shifted()(KerasTensor((None, 3)), KerasTensor((None, 3))).shape
    (None, 3)
    """

    _init_arguments: tuple[tuple[Any, ...], dict[str, Any]]

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        made = super().__new__(cls)
        made._init_arguments = (args, kwargs)
        return made

    def __init__(self, name: str | None = None):
        kind = type(self).__name__
        self.name: str = names.check_name(names.auto_name(kind) if name is None else name, kind)
        self._recorded_calls: list[Node] = []

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if any(map(is_tensor, leaves((args, kwargs)))):
            return self.symbolic_call(*args, **kwargs)
        return self.call(*args, **kwargs)

    def symbolic_call(self, *args: Any, **kwargs: Any) -> Any:
        """The call on symbolic tensors, noted in the history of its outputs."""
        return record(self, args, kwargs, self.compute_output_spec(*args, **kwargs))

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """Compute outputs from inputs."""
        raise NotImplementedError(f"{type(self).__name__} has no `call()` method: write what it computes.")

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        """Symbolic outputs (shape and dtype) for symbolic inputs, found by running `call` on abstract values."""
        return shapes.infer(self.call, args, kwargs)

    @property
    def input(self) -> KerasTensor | Any:
        """The symbolic input of the first symbolic call; a list where there are several."""
        return _one_or_list(self._first_node("input").inputs)

    @property
    def output(self) -> KerasTensor | Any:
        """The symbolic output of the first symbolic call; a list where there are several."""
        return _one_or_list(leaves(self._first_node("output").outputs))

    def _first_node(self, what: str) -> Node:
        if not self._recorded_calls:
            raise AttributeError(
                f"{type(self).__name__} '{self.name}' was never called on symbolic tensors, so it has no {what} yet."
            )
        return self._recorded_calls[0]

    @property
    def recorded_calls(self) -> list[Node]:
        """The calls on symbolic tensors, in order."""
        return self._recorded_calls

    _inbound_nodes = recorded_calls

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments; only the name where a subclass has a `get_config` of its own.

        Raises:
            NotImplementedError: for `*args`, and for values other than numbers, text, and lists and dicts of them.
        """
        if type(self).get_config is not Operation.get_config:
            return {"name": self.name}
        parameters = list(inspect.signature(type(self).__init__).parameters.values())[1:]
        args, kwargs = self._init_arguments
        bound = inspect.Signature(parameters).bind(*args, **kwargs)
        bound.apply_defaults()
        config: dict[str, Any] = {}
        for parameter in parameters:
            value = bound.arguments[parameter.name]
            unnamed = parameter.kind in (parameter.VAR_POSITIONAL, parameter.POSITIONAL_ONLY)
            if (unnamed and value != ()) or not _is_plain(value):
                raise NotImplementedError(
                    f"{type(self).__name__} was created with `{parameter.name}`, which no config can hold"
                    f"{' since it has no keyword' if unnamed else f' ({type(value).__name__})'}. Override"
                    f" `get_config(self)` to return the constructor's arguments, JSON-friendly."
                )
            if not unnamed:
                config |= value if parameter.kind is parameter.VAR_KEYWORD else {parameter.name: value}
        takes_name = any(p.name == "name" or p.kind is p.VAR_KEYWORD for p in parameters)
        return {**config, "name": self.name} if takes_name else config

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """A new operation from `get_config()`."""
        try:
            return cls(**config)
        except Exception as error:
            raise TypeError(f"{cls.__name__} cannot be made from the config {config}. {error}") from error

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}>"


class FunctionOperation(Operation):
    """One call of a plain function.

    Args:
        function: of arrays, returning arrays.
        kind: name of the function, and the prefix of the node's name.
    """

    function: Callable[..., Any]
    kind: str

    def __init__(self, function: Callable[..., Any], kind: str):
        super().__init__(names.auto_name(kind))
        self.function, self.kind = function, kind

    @property
    def config_names(self) -> tuple[str, str, str] | None:
        """Module, class name and registered name in configs, of a function that is an op."""
        op = op_table.BY_NAME.get(self.kind)
        return None if op is None else (op.module, op.class_name, op.class_name)

    def call(self, *args: object, **kwargs: object) -> Any:
        return self.function(*args, **kwargs)

    def compute_output_spec(self, *args: object, **kwargs: object) -> Any:
        return shapes.infer(self.function, args, kwargs)

    def again(self) -> FunctionOperation:
        return FunctionOperation(self.function, self.kind)


def _one_or_list(values: list[Any]) -> Any:
    return values[0] if len(values) == 1 else values


def _is_plain(value: object) -> bool:
    if isinstance(value, dict):
        return all(isinstance(key, str) for key in value) and all(map(_is_plain, value.values()))
    if isinstance(value, (list, tuple)):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, (str, int, float, bool))


def symbolic(function: F, outputs: Callable[..., Any] | None = None) -> F:
    """`function` for arrays and for symbolic tensors: called on the latter it becomes a node of the graph.

    `outputs(*args, **kwargs)` says the symbolic outputs of the node; default: what tracing finds.
    """

    @functools.wraps(function)
    def call(*args: object, **kwargs: object) -> Any:
        if not any(map(is_tensor, leaves((args, kwargs)))):
            return function(*args, **kwargs)
        node = FunctionOperation(function, function.__name__)
        return node(*args, **kwargs) if outputs is None else record(node, args, kwargs, outputs(*args, **kwargs))

    return cast(F, call)


# The operators of symbolic tensors, by the name of the op that does the same.
OPERATORS: dict[str, Callable[..., Any]] = {
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


def _method(kind: str, reflected: bool = False) -> Callable[..., Any]:
    function = OPERATORS[kind]

    def call(self: KerasTensor, *others: object) -> KerasTensor:
        return FunctionOperation(function, kind)(*((*others, self) if reflected else (self, *others)))

    return call


for _kind, _function in OPERATORS.items():
    _name = _function.__name__.strip("_")
    setattr(KerasTensor, f"__{_name}__", _method(_kind))
    if _kind in ("add", "subtract", "multiply", "true_divide", "floor_divide", "mod", "power", "matmul"):
        setattr(KerasTensor, f"__r{_name}__", _method(_kind, reflected=True))


# Methods of symbolic tensors that are ops of more than one line. The ops are made of this module, so they are looked up
# when a method is called.
_METHODS = {
    "__and__": "logical_and",
    "__or__": "logical_or",
    "__xor__": "logical_xor",
    "__invert__": "logical_not",
    "__ne__": "not_equal",
    "reshape": "reshape",
    "squeeze": "squeeze",
    "astype": "cast",
}
_REFLECTED = {"__rand__": "logical_and", "__ror__": "logical_or", "__rxor__": "logical_xor"}


def _op(name: str, reflected: bool = False) -> Callable[..., Any]:
    def call(self: KerasTensor, *args: object, **kwargs: object) -> Any:
        op = getattr(above.load("ops"), name)
        return op(*args, self) if reflected else op(self, *args, **kwargs)

    call.__name__ = name
    call.__doc__ = f"`ops.{name}` of this tensor."
    return call


for _name, _kind in _METHODS.items():
    setattr(KerasTensor, _name, _op(_kind))
for _name, _kind in _REFLECTED.items():
    setattr(KerasTensor, _name, _op(_kind, reflected=True))


def _round(self: KerasTensor, ndigits: int | None = None) -> KerasTensor:
    return above.load("ops").round(self, ndigits or 0)


KerasTensor.__round__ = _round  # type: ignore[attr-defined]
