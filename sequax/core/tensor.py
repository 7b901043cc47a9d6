"""`KerasTensor`: shape and dtype of a value that is not there yet, and the record of the call that will make it."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Any, NoReturn, TypeGuard

import jax

from . import dtypes, names

if TYPE_CHECKING:
    from .operation import Operation
    from .operators import Operators
    from .types import DTypeLike, Shape, ShapeLike, T

    Base = Operators["KerasTensor"]
else:
    Base = object


class KerasTensor(Base):
    """A symbolic tensor: what `Input` returns and what layers return when called on one.

    Args:
        shape: sizes, None where unknown; the batch axis is included.
        dtype: name of the dtype.
        name: default `keras_tensor`, `keras_tensor_1`, ...

    Beside Python's operators it has the methods `reshape` and `squeeze`, which are the ops of that name.
    """

    def __init__(
        self,
        shape: ShapeLike,
        dtype: DTypeLike = "float32",
        sparse: bool = False,
        ragged: bool = False,
        record_history: bool = True,
        name: str | None = None,
        **kwargs: object,
    ):
        if sparse or ragged or kwargs.get("ragged_rank"):
            raise ValueError("KerasTensor: sparse and ragged tensors are not supported; pass dense arrays.")
        self.shape: Shape = tuple(shape)
        self.dtype: str = dtypes.standardize(dtype)
        self.name: str = name if name is not None else names.auto_name("keras_tensor")
        self.sparse = self.ragged = False
        self.ragged_rank: None = None
        self.row_splits_dtype: None = None
        self.record_history = record_history
        self.node: Node | None = None  # the call that makes this tensor
        self.position = 0  # among the outputs of that call
        self._keras_mask: KerasTensor | None = None  # a symbolic tensor, too, where the value will have a mask

    @property
    def ndim(self) -> int:
        return len(self.shape)

    rank = ndim

    @property
    def _keras_history(self) -> tuple[Any, int, int]:
        assert self.node is not None, "a KerasTensor without history"
        return self.node.operation, self.node.index, self.position

    def value_config(self) -> dict[str, Any]:
        """How a config writes the tensor: which output of which call it is."""
        history = None if self.node is None else [self.node.operation.name, self.node.index, self.position]
        parts = {"shape": self.shape, "dtype": self.dtype, "keras_history": history}
        return {"class_name": "__keras_tensor__", "config": parts}

    def __repr__(self) -> str:
        return f"<KerasTensor shape={self.shape}, dtype={self.dtype}, name={self.name}>"

    def __iter__(self) -> NoReturn:
        raise NotImplementedError("Iterating over a symbolic KerasTensor is not supported; its length may be unknown.")

    def __bool__(self) -> bool:
        raise TypeError("A symbolic KerasTensor has no truth value: use array functions in place of Python `if`.")

    def __array__(self, *args: object, **kwargs: object) -> NoReturn:
        raise _no_value("a NumPy array")

    def __int__(self) -> NoReturn:
        raise _no_value("an int")

    def __float__(self) -> NoReturn:
        raise _no_value("a float")

    def __jax_array__(self) -> NoReturn:
        raise ValueError(
            "A KerasTensor cannot be passed to a JAX function: it is symbolic. Wrap the function into a layer"
            " (`Lambda(function)`, or a `Layer` subclass) and call that on the tensor."
        )


class Node:
    """One recorded call: who was called, with what, and the tensors that came out."""

    args: tuple[Any, ...]
    index: int
    kwargs: dict[Any, Any]
    operation: Any
    outputs: Any

    __slots__ = ("args", "index", "kwargs", "operation", "outputs")

    def __init__(self, operation: Operation, args: tuple[Any, ...], kwargs: dict[str, Any], outputs: Any, index: int):
        self.operation, self.args, self.kwargs, self.outputs, self.index = operation, args, kwargs, outputs, index

    @property
    def inputs(self) -> list[KerasTensor]:
        return [t for t in jax.tree.leaves((self.args, self.kwargs), is_leaf=is_tensor) if is_tensor(t)]

    input_tensors = inputs

    @property
    def parent_nodes(self) -> list[Node]:
        """The calls that the inputs came out of, each once."""
        found = [t.node for t in self.inputs if t.node is not None]
        return list({id(node): node for node in found}.values())


def record(operation: Operation, args: tuple[Any, ...], kwargs: dict[str, Any], outputs: T) -> T:
    """Note a call in the history of its output tensors; returns the outputs."""
    node = Node(operation, args, kwargs, outputs, index=len(operation.recorded_calls))
    operation.recorded_calls.append(node)
    for position, tensor in enumerate(leaves(outputs)):
        tensor.node, tensor.position = node, position
    return outputs


def is_tensor(value: object) -> TypeGuard[KerasTensor]:
    return isinstance(value, KerasTensor)


def _no_value(what: str) -> ValueError:
    return ValueError(
        f"A KerasTensor is symbolic: it has a shape and a dtype, but no value, so it cannot become {what}."
        " Wrap the function that needs values into a layer (`Lambda`, or a `Layer` subclass) and call that."
    )


def leaves(structure: object) -> list[Any]:
    """The leaves of nested lists, tuples and dicts, None left out, symbolic tensors whole."""
    return jax.tree.leaves(structure)  # a KerasTensor is no tree to JAX, so it needs no telling


def abstract(structure: object) -> Hashable:
    """How a structure holds its arrays or tensors, and their shapes and dtypes: what a trace hangs on."""
    flat, how = jax.tree.flatten(structure)
    return how, *[(tuple(one.shape), str(one.dtype)) for one in flat]


def map_structure(function: Callable[..., Any], structure: object) -> Any:
    return _in_order(structure, jax.tree.map(function, structure, is_leaf=is_tensor))


def _in_order(structure: object, mapped: Any) -> Any:
    """What JAX made of a structure, with the keys of dicts in their order: JAX sorts them."""
    if type(structure) is dict:
        return {key: _in_order(one, mapped[key]) for key, one in structure.items()}
    if isinstance(structure, (list, tuple)) and type(structure) in (list, tuple):
        return type(mapped)(_in_order(one, other) for one, other in zip(structure, mapped, strict=True))
    return mapped


def shape_of(structure: object) -> Any:
    """Shapes of the tensors of a structure, None where unknown, in the same structure."""
    return map_structure(lambda t: tuple(t.shape), structure)
