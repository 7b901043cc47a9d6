"""How a function becomes one of `sequax.ops`, and the makers of the many that differ in one function only.

An op takes arrays, variables, NumPy arrays, nested lists and Python numbers, and symbolic tensors. Dtypes are promoted
as in JAX, whose lattice is Keras' too: a Python number takes the dtype of its partner; 64-bit types become 32-bit ones.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

import jax
import jax.numpy as jnp
import numpy as np

from ..core import dtypes, shapes
from ..core.operation import symbolic
from ..core.tensor import KerasTensor, is_tensor, leaves
from ..core.types import ArrayLike, Axis, DTypeLike
from ..core.variable import Variable

F = TypeVar("F", bound=Callable[..., Any])

_ops: set[Callable[..., Any]] = set()

# Numbers tried for unknown sizes (first axis, others) where the usual ones would mislead: below and above all other
# sizes, for ops that cut at one of them; and numbers that divide into any usual count of parts.
SHORT_AND_LONG = ((1, 1), (1009, 1013))
DIVISIBLE = ((55440, 55440), (110880, 110880))


def op(function: F) -> F:
    """Decorator: make a function public as an op, callable on symbolic tensors too."""
    return sized(lambda *args, **kwargs: infer(function, args, kwargs))(function)


def sized(rule: Callable[..., Any]) -> Callable[[F], F]:
    """Decorator: an op whose symbolic outputs are `rule(*args, **kwargs)`, for sizes that tracing does not find."""

    return lambda function: plain(symbolic(function, rule))


def stays_known(function: F) -> F:
    """Decorator: of a few whole numbers that are known, the result is known inside of programs, too.

    They are sizes, and what is made of them is the shape that another op asks for.
    """

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        if all(map(_is_size, jax.tree.leaves((args, kwargs)))):
            with jax.ensure_compile_time_eval():
                return function(*args, **kwargs)
        return function(*args, **kwargs)

    return call  # type: ignore[return-value]


def _is_size(value: object) -> bool:
    if isinstance(value, (np.ndarray, jax.Array)):
        return not isinstance(value, jax.core.Tracer) and value.dtype.kind in "iu" and value.size <= 32
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def tried(*trials: tuple[int, int]) -> Callable[[F], F]:
    """Decorator: an op traced with these numbers for unknown sizes (first axis, others) in place of the usual ones."""

    def decorate(function: F) -> F:
        return sized(lambda *args, **kwargs: shapes.infer(function, args, kwargs, trials))(function)

    return decorate


def infer(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Outputs by tracing. Unknown sizes that fit only one number take it from the other tensors: (None, 3) + (2, 3)."""
    try:
        return shapes.infer(function, args, kwargs)
    except (TypeError, ValueError):
        filled = _fill(args, kwargs)
        if filled is None:
            raise
        return shapes.infer(function, *filled)


def _fill(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[Any, Any]] | None:
    """The arguments with unknown sizes replaced by the sizes that others have at the same place from the right."""
    tensors = [value for value in leaves((args, kwargs)) if hasattr(value, "shape")]
    agreed: dict[int, int] = {}
    for tensor in tensors:
        agreed |= {i: size for i, size in enumerate(reversed(tensor.shape)) if size is not None and size > 1}

    def fill(value: object) -> Any:
        if not is_tensor(value):
            return value
        sizes = [agreed.get(i) if size is None else size for i, size in enumerate(reversed(value.shape))]
        return KerasTensor(sizes[::-1], value.dtype, name=value.name)

    if not any(None in t.shape and fill(t).shape != t.shape for t in tensors if is_tensor(t)):
        return None
    return shapes.map_structure(fill, (args, kwargs))


def plain(function: F) -> F:
    """Decorator: public as it is, for functions that handle symbolic tensors themselves."""
    _ops.add(function)
    return function


def public(names: dict[str, Any]) -> list[str]:
    """What the `__all__` of a module of ops has to list, from its `globals()`; a test asks."""
    return sorted(name for name, value in names.items() if callable(value) and value in _ops)


def array(x: ArrayLike) -> jax.Array:
    """`x` as a JAX array; Python floats and float64 become `floatx()`."""
    if isinstance(x, jax.Array):
        return x
    return x.value if isinstance(x, Variable) else dtypes.as_array(x)


def operand(x: ArrayLike) -> jax.Array | complex:
    """`x` as a JAX array, but a Python number as it is: the dtype of its partner decides what it becomes."""
    return x if isinstance(x, (bool, int, float, complex)) else array(x)


def floating(x: ArrayLike) -> jax.Array:
    """`x` as an array of floats (or complex numbers): whole numbers and booleans become `floatx()`."""
    x = array(x)
    return x if jnp.issubdtype(x.dtype, jnp.inexact) else x.astype(dtypes.jnp_dtype(dtypes.floatx()))


def given(dtype: DTypeLike | None, default: str | None = None) -> np.dtype | None:
    """The dtype that JAX has for an argument `dtype`; `default` (None: none) where it is None."""
    dtype = default if dtype is None else dtype
    return None if dtype is None else jax.dtypes.canonicalize_dtype(dtypes.standardize(dtype))


def axes(axis: Axis) -> int | tuple[int, ...] | None:
    """An argument `axis`: several in a list mean the same as in a tuple, which is what JAX takes everywhere."""
    return tuple(axis) if isinstance(axis, Sequence) else axis


def known(name: str, x: object, instead: str) -> None:
    """Refuse values that are not there yet: an op whose output sizes depend on values cannot be compiled."""
    if isinstance(x, jax.core.Tracer):
        raise TypeError(
            f"ops.{name}: the size of the result depends on values, which are unknown while a function is compiled"
            f" (received a traced array of shape {x.shape}). {instead}"
        )


class Unary(Protocol):
    """An op of one array."""

    def __call__(self, x: ArrayLike) -> jax.Array: ...


class Binary(Protocol):
    """An op of two arrays that are broadcast."""

    def __call__(self, x1: ArrayLike, x2: ArrayLike) -> jax.Array: ...


class Reduction(Protocol):
    """An op that takes axes together."""

    def __call__(self, x: ArrayLike, axis: Axis = None, keepdims: bool = False) -> jax.Array: ...


def unary(name: str, function: Callable[..., Any], convert: Callable[[ArrayLike], jax.Array] = array) -> Unary:
    """The op `name(x)`, elementwise."""

    def call(x: ArrayLike) -> jax.Array:
        return function(convert(x))

    return op(named(call, name, f"`{name}` of each element of `x`; the shape stays."))


def binary(name: str, function: Callable[..., Any]) -> Binary:
    """The op `name(x1, x2)`, elementwise with broadcasting."""

    def call(x1: ArrayLike, x2: ArrayLike) -> jax.Array:
        return function(operand(x1), operand(x2))

    return op(named(call, name, f"`{name}` of `x1` and `x2`, element by element; their shapes are broadcast."))


def reduction(name: str, function: Callable[..., Any], convert: Callable[[ArrayLike], jax.Array] = array) -> Reduction:
    """The op `name(x, axis=None, keepdims=False)`."""

    def call(x: ArrayLike, axis: Axis = None, keepdims: bool = False) -> jax.Array:
        return function(convert(x), axis=axes(axis), keepdims=keepdims)

    several = "" if "arg" in name else " several,"
    doc = f"`{name}` of `x` over `axis` (a number,{several} or None: all of them); `keepdims` keeps it, with size 1."
    return op(named(call, name, doc))


def named(call: F, name: str, doc: str) -> F:
    """A function that was made for an op, with the name and the docstring of that."""
    call.__name__ = call.__qualname__ = name
    call.__module__ = "sequax.ops"  # where pickles find it
    call.__doc__ = doc
    return call
