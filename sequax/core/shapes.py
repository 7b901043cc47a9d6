"""Output shapes without computing: `jax.eval_shape`, with unknown dimensions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeGuard

import jax
import jax.numpy as jnp

from . import dtypes, masks, scope
from .tensor import KerasTensor, is_tensor, leaves, map_structure
from .types import ShapeLike

# Unknown sizes are tried with two different numbers; an output size that differs depends on them. Batch sizes are
# small, so that a layer that loops over samples in Python stays cheap; other sizes leave room for deep downsampling.
_TRIALS = ((3, 251), (5, 509))


class ValuesNeeded(Exception):
    """A traced call makes a variable whose first value is known when the call runs, and not before."""


def infer(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], trials: tuple[Any, ...] = _TRIALS
) -> Any:
    """KerasTensors in the shape and dtype that `function(*args, **kwargs)` returns for symbolic arguments.

    Masks go along: inside, the arguments have the masks that they carry as symbolic tensors, and so do the results.
    """
    first, second = (_trace(function, args, kwargs, *trial) for trial in trials)
    if not any(None in t.shape for t in leaves((args, kwargs)) if is_tensor(t)):
        second = first
    shapes = jax.tree.map(lambda a, b: _merge(a.shape, b.shape), first, second)
    outputs, found = jax.tree.map(lambda a, shape: KerasTensor(shape.sizes, a.dtype.name), first, shapes)
    for tensor, mask in zip(leaves(outputs), found or (), strict=False):
        tensor._keras_mask = mask
    return outputs


class _Sizes:
    """A shape as one leaf of a tree."""

    def __init__(self, sizes: tuple[int | None, ...]):
        self.sizes = sizes


def _merge(a: tuple[int, ...], b: tuple[int, ...]) -> _Sizes:
    return _Sizes(tuple(m if m == n else None for m, n in zip(a, b, strict=True)))


def _trace(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], batch: int, other: int) -> Any:
    """Shapes and dtypes of the outputs and their masks when unknown sizes are `batch` (first axis) and `other`."""

    def concrete(value: object) -> object:
        if not is_tensor(value):
            return value
        sizes = [(batch if axis == 0 else other) if size is None else size for axis, size in enumerate(value.shape)]
        return jax.ShapeDtypeStruct(tuple(sizes), dtypes.jnp_dtype(value.dtype))

    flat, structure = jax.tree.flatten((args, kwargs), is_leaf=is_tensor)
    symbolic = [i for i, value in enumerate(flat) if is_tensor(value)]

    def call(given: list[Any]) -> Any:
        filled = list(flat)
        for i, value in zip(symbolic, given, strict=True):
            filled[i] = value
        call_args, call_kwargs = jax.tree.unflatten(structure, filled)
        return function(*call_args, **call_kwargs)

    def run(given: list[Any], carried: list[Any]) -> tuple[Any, list[Any] | None]:
        # Values that the call assigns (moving averages, seeds) are dropped with the frame.
        frame = scope.Frame([], [], strict=False)
        frame.symbolic = True
        with scope.framed(frame):
            masks.keep(given, carried)
            outputs = call(given)
            return outputs, masks.of(outputs)

    tensors = [flat[i] for i in symbolic]
    wanted: Any = list(map(concrete, tensors)), [concrete(t._keras_mask) for t in tensors]
    try:
        return jax.eval_shape(run, *wanted)
    except ValuesNeeded:
        nothing = [jnp.zeros(one.shape, one.dtype) for one in wanted[0]]
        if scope.frame() is not None or any(isinstance(one, jax.core.Tracer) for one in nothing):
            raise  # whoever traces around runs all of it
        call(nothing)  # once: from now on the variables are there
    return jax.eval_shape(run, *wanted)


def standardize(shape: ShapeLike, what: str = "shape") -> tuple[int | None, ...]:
    """A shape as a tuple of ints and None.

    Raises:
        ValueError: if it is not a sequence of non-negative whole numbers and None.
    """
    if isinstance(shape, int) or (not isinstance(shape, Sequence) and not hasattr(shape, "__iter__")) or shape is None:
        hint = f" Did you mean ({shape},)?" if isinstance(shape, int) else ""
        raise ValueError(
            f"Cannot convert '{shape}' to a shape.{hint} Expected a tuple such as (28, 28, 1) for `{what}`."
        )
    sizes = tuple(shape)
    for size in sizes:
        if size is not None and (isinstance(size, bool) or not hasattr(size, "__index__") or size.__index__() < 0):
            raise ValueError(
                f"Cannot convert '{shape}' to a shape: found {size!r}. Sizes are whole numbers >= 0, or None for"
                f" unknown ones."
            )
    return tuple(None if size is None else size.__index__() for size in sizes)


def is_shape(value: object) -> TypeGuard[ShapeLike]:
    """Whether a value is one shape (a flat sequence of ints, symbols of `jax.export` and None), not a structure."""
    return isinstance(value, (tuple, list)) and all(
        s is None or hasattr(s, "__index__") or hasattr(s, "dimension_as_value") for s in value
    )


def map_shapes(function: Callable[..., Any], structure: object) -> Any:
    """Apply a function to each shape of a nested list or dict of shapes."""
    return jax.tree.map(lambda s: function(tuple(s)), structure, is_leaf=is_shape)


__all__ = ["infer", "is_shape", "map_shapes", "map_structure", "standardize"]
