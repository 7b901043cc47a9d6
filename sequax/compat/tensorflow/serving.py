"""How a function becomes a name of TensorFlow: arguments under all their spellings, symbolic tensors, known sizes."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, TypeVar

import jax

from ...core.operation import symbolic
from ...core.tensor import KerasTensor
from ...ops.table import infer
from .member import Member
from .values import HostTensor, of_shapes

F = TypeVar("F", bound=Callable[..., Any])

# Spellings of TensorFlow 1, and those that differ between functions. They count where a function has no such argument.
_SPELLINGS = {
    "keep_dims": "keepdims",
    "keepdims": "keep_dims",
    **dict.fromkeys(("reduction_indices", "dim", "dimension", "concat_dim", "split_dim", "squeeze_dims"), "axis"),
    "seq_dim": "seq_axis",
    "batch_dim": "batch_axis",
    "ksizes": "sizes",
    "filter": "filters",
    "x": "a",
    "y": "b",
    "type": "dtype",
    "nparray": "value",
}
_FIRST = {"input", "input_tensor", "tensor", "x", "a", "value", "values", "features", "inputs", "data", "logits", "t"}
_FIRST |= {"params", "image", "images", "tensors"}
_IGNORED = frozenset(("name", "validate_indices", "validate_shape", "parallel_iterations", "back_prop", "swap_memory"))


class Table(dict[str, Member]):
    """A table of names that grows by decorators."""

    def serve(self, *names: str, also: str = "", node: bool = False, sizes: bool = False) -> Callable[[F], F]:
        """Decorator: the function stands for these names.

        Args:
            also: modules, split by blanks, that have the first name too: `"math"` for `math.reduce_sum`.
            node: whether it becomes one node of the graph on symbolic tensors; functions made of ops need not.
            sizes: whether what `tf.shape` gave comes out as known as it was.
        """
        listed = (*names, *(f"{place}.{names[0]}" for place in also.split()))

        def decorate(function: F) -> F:
            served = spelled(one_node(function) if node else function, sizes)
            self.update(dict.fromkeys(listed, Member(served)))
            return served

        return decorate


def one_node(function: F) -> F:
    return symbolic(function, lambda *args, **kwargs: infer(function, args, kwargs))


def spelled(function: F, sizes: bool = False) -> F:
    """`function`, with keywords under all spellings that TensorFlow has had, and sizes that stay known."""
    parameters = list(inspect.signature(function).parameters.values())
    names = frozenset(one.name for one in parameters)
    first = parameters[0].name if parameters else ""
    open_ended = any(one.kind is one.VAR_KEYWORD for one in parameters)

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        if kwargs and not open_ended and not kwargs.keys() <= names:
            kwargs = {_today(key): value for key, value in kwargs.items() if key in names or key not in _IGNORED}
        try:
            return _known(function, args, kwargs) if sizes and _sized(args) else function(*args, **kwargs)
        except TypeError as error:
            raise of_shapes(error) from None

    def _today(key: str) -> str:
        if key in names:
            return key
        other = _SPELLINGS.get(key, key)
        if other in names:
            return other
        return first if key in _FIRST else key

    return call  # type: ignore[return-value]


def _sized(args: tuple[Any, ...]) -> bool:
    """Whether all tensors among the arguments are sizes, which are known."""
    found = False
    for one in args:
        if isinstance(one, (list, tuple)):
            if one and _sized(tuple(one)):
                found = True
            elif any(map(_unknown, one)):
                return False
        elif isinstance(one, HostTensor):
            found = True
        elif _unknown(one):
            return False
    return found


def _unknown(value: Any) -> bool:
    """Whether a value is a tensor, and no size: `tf.constant([1, 1])` may stand beside sizes."""
    return isinstance(value, (jax.Array, KerasTensor)) and not _counts(value)


def _known(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The result while it can be known: sizes give sizes, compiled or not."""
    with jax.ensure_compile_time_eval():
        found = function(*args, **kwargs)
        return jax.tree.map(lambda one: HostTensor(one) if _counts(one) else one, found)


def _counts(value: Any) -> bool:
    return isinstance(value, jax.Array) and not isinstance(value, jax.core.Tracer) and value.dtype.kind in "iub"
