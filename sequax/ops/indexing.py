"""Ops that pick elements, by place or by condition, and that search, sort and count them.

Positions and counts are int32. Where the size of a result depends on values (`nonzero`, `unique`, `bincount`), the op
works on concrete arrays only: inside a compiled function it says so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from ..core.tensor import KerasTensor, is_tensor
from ..core.types import ArrayLike, ShapeLike
from .table import SHORT_AND_LONG, array, infer, known, op, operand, sized, tried


@tried(*SHORT_AND_LONG)
def get_item(x: ArrayLike, key: object) -> jax.Array:
    """`x[key]`."""
    return array(x)[key]


@op
def take(x: ArrayLike, indices: ArrayLike, axis: int | None = None) -> jax.Array:
    """The elements at `indices` along `axis` (None: of `x` as one vector); negative ones count from the end.

    Indices outside give NaN, or the smallest (unsigned: largest) number of a dtype without NaN.
    """
    return jnp.take(array(x), array(indices), axis)


@op
def take_along_axis(x: ArrayLike, indices: ArrayLike, axis: int | None = None) -> jax.Array:
    """For each place of `indices` the element of `x` at that index along `axis`; the other axes are matched.

    With `axis=None` `x` is taken as one vector, and `indices` must be one.

    >>> take_along_axis([[1, 2], [3, 4]], [[1], [0]], axis=1).tolist()
    [[2], [3]]
    """
    return jnp.take_along_axis(array(x), array(indices), axis)


def _places(condition: KerasTensor) -> tuple[KerasTensor, ...]:
    return tuple(KerasTensor((None,), "int32") for _ in condition.shape)


def _nonzero(name: str, x: ArrayLike) -> tuple[jax.Array, ...]:
    known(name, x := array(x), "Use `where(condition, x1, x2)`, which keeps the shape, or call it outside.")
    return jnp.nonzero(x)


@sized(_places)
def nonzero(x: ArrayLike) -> tuple[jax.Array, ...]:
    """The places of the elements of `x` that are not zero: one array of indices per axis.

    >>> [places.tolist() for places in nonzero([[0, 5], [6, 0]])]
    [[0, 1], [1, 0]]
    """
    return _nonzero("nonzero", x)


def _chosen(condition: Any, x1: ArrayLike | None = None, x2: ArrayLike | None = None) -> Any:
    return _places(condition) if x1 is None and x2 is None else infer(_where, (condition, x1, x2), {})


def _where(condition: ArrayLike, x1: ArrayLike | None = None, x2: ArrayLike | None = None) -> Any:
    if x1 is None and x2 is None:
        return _nonzero("where", condition)
    if x1 is None or x2 is None:
        raise ValueError(
            f"ops.where: give both `x1` and `x2`, or neither for the places where the condition holds."
            f" Received: x1={x1}, x2={x2}"
        )
    return jnp.where(array(condition), operand(x1), operand(x2))


@sized(_chosen)
def where(condition: ArrayLike, x1: ArrayLike | None = None, x2: ArrayLike | None = None) -> Any:
    """`x1` where `condition` holds and `x2` elsewhere; without both: the places where it holds, as `nonzero`."""
    return _where(condition, x1, x2)


@op
def select(condlist: Sequence[ArrayLike], choicelist: Sequence[ArrayLike], default: ArrayLike = 0) -> jax.Array:
    """For each place the element of the first of `choicelist` whose condition in `condlist` holds, else `default`."""
    return jnp.select([array(c) for c in condlist], [operand(c) for c in choicelist], operand(default))


@op
def unravel_index(indices: ArrayLike, shape: ShapeLike) -> tuple[jax.Array, ...]:
    """The index along each axis of the elements with the numbers `indices` in an array of `shape`, counted row by row.

    >>> [axis.tolist() for axis in unravel_index([1, 5], (2, 3))]
    [[0, 1], [1, 2]]
    """
    return tuple(jnp.unravel_index(array(indices), shape))


@op
def argsort(x: ArrayLike, axis: int | None = -1) -> jax.Array:
    """The indices that sort `x` along `axis` (None: as one vector); equal elements keep their order."""
    return jnp.argsort(array(x), axis)


@op
def sort(x: ArrayLike, axis: int | None = -1) -> jax.Array:
    """`x` in rising order along `axis` (None: as one vector)."""
    return jnp.sort(array(x), axis)


@op
def argpartition(x: ArrayLike, kth: int, axis: int = -1) -> jax.Array:
    """Indices that put the `kth` smallest element of `x` in its place along `axis`.

    None larger comes before it, none smaller after it; the order on both sides is open.
    """
    return jnp.argpartition(array(x), kth, axis)


@op
def searchsorted(sorted_sequence: ArrayLike, values: ArrayLike, side: str = "left") -> jax.Array:
    """Where `values` fit into the vector `sorted_sequence`.

    `side` is `"left"` for the place before the elements equal to them, or `"right"` for that behind.

    >>> searchsorted([1, 3, 5], [3, 4]).tolist()
    [1, 2]

    Raises:
        ValueError: if `sorted_sequence` is not a vector.
    """
    sequence = array(sorted_sequence)
    if sequence.ndim != 1:
        raise ValueError(
            f"ops.searchsorted: `sorted_sequence` must have one axis; use `vectorized_map` for several."
            f" Received: shape={sequence.shape}"
        )
    return jnp.searchsorted(sequence, array(values), side=side)


@op
def digitize(x: ArrayLike, bins: ArrayLike) -> jax.Array:
    """For each element of `x` the number of the bin it falls into: i where `bins[i - 1] <= x < bins[i]`.

    >>> digitize([0.5, 1.5, 9.0], [1.0, 2.0]).tolist()
    [0, 1, 2]
    """
    return jnp.digitize(array(x), array(bins))


@op
def isin(x1: ArrayLike, x2: ArrayLike, assume_unique: bool = False, invert: bool = False) -> jax.Array:
    """For each element of `x1` whether it is one of `x2` (`invert`: whether it is not).

    `assume_unique` promises that neither holds an element twice, which may be faster.

    >>> isin([1, 2, 3], [3, 1]).tolist()
    [True, False, True]
    """
    return jnp.isin(array(x1), array(x2), assume_unique, invert)


def _distinct(
    x: KerasTensor,
    sorted: bool = True,
    return_index: bool = False,
    return_inverse: bool = False,
    return_counts: bool = False,
    axis: int | None = None,
    size: int | None = None,
    fill_value: ArrayLike | None = None,
) -> KerasTensor | tuple[KerasTensor, ...]:
    sizes = list(x.shape)
    values, inverse = ([size], sizes) if axis is None else (sizes, [sizes[axis]])
    if axis is not None:
        values = [*sizes]
        values[axis] = size
    outputs = [KerasTensor(values, x.dtype)]
    flags = ((return_index, [size]), (return_inverse, inverse), (return_counts, [size]))
    outputs += [KerasTensor(shape, "int32") for wanted, shape in flags if wanted]
    return tuple(outputs) if len(outputs) > 1 else outputs[0]


@sized(_distinct)
def unique(
    x: ArrayLike,
    sorted: bool = True,
    return_index: bool = False,
    return_inverse: bool = False,
    return_counts: bool = False,
    axis: int | None = None,
    size: int | None = None,
    fill_value: jax.Array | float | None = None,
) -> Any:
    """The different elements of `x`, in rising order; each NaN differs from all others.

    Args:
        x: an array.
        sorted: the result is in order in any case.
        return_index: return the places of the first of each, too.
        return_inverse: return the places in the result that make `x` again, too.
        return_counts: return how often each occurs, too.
        axis: compare slices along this axis instead of elements.
        size: length of the result: the first ones, or followed by `fill_value`. It is needed in compiled functions.
        fill_value: the smallest element where None.
    """
    x = array(x)
    if size is None:
        known("unique", x, "Give `size`, the length of the result.")
    flags = {"return_index": return_index, "return_inverse": return_inverse, "return_counts": return_counts}
    result = jnp.unique(x, **flags, axis=axis, equal_nan=False, size=size, fill_value=fill_value)
    return tuple(result) if any(flags.values()) else result


def _counted(x: ArrayLike, weights: ArrayLike | None = None, minlength: int = 0, sparse: bool = False) -> KerasTensor:
    dtype = "int32" if weights is None else weights.dtype if is_tensor(weights) else array(weights).dtype.name
    return KerasTensor((*(x if is_tensor(x) else array(x)).shape[:-1], None), dtype)


@sized(_counted)
def bincount(x: ArrayLike, weights: ArrayLike | None = None, minlength: int = 0, sparse: bool = False) -> jax.Array:
    """How often each of 0, 1, ... max(x) occurs along the last axis, or the sums of the `weights` there.

    Args:
        x: whole numbers >= 0, with one axis or two (then row by row).
        weights: in the shape of `x`.
        minlength: the result has at least this length.
        sparse: not supported.
    """
    if sparse:
        raise ValueError("ops.bincount: sparse results are not supported; leave `sparse=False`.")
    x = array(x)
    known("bincount", x, "Sum a one-hot encoding, `sum(one_hot(x, length), axis=-2)`, or call it outside.")
    count: Callable[..., Any] = partial(jnp.bincount, length=max(int(x.max()) + 1 if x.size else 0, minlength))
    for _ in x.shape[:-1]:
        count = jax.vmap(count)
    return count(x) if weights is None else count(x, array(weights))


@op
def histogram(x: ArrayLike, bins: int = 10, range: tuple[float, float] | None = None) -> tuple[jax.Array, jax.Array]:
    """How many elements of a vector `x` fall into each of `bins` equal intervals of `range`, and their edges.

    Raises:
        ValueError: if `x` is not a vector, `bins` no number of intervals or `range` no pair.
    """
    x = array(x)
    if x.ndim != 1:
        raise ValueError(f"ops.histogram: `x` must have one axis. Received: x.shape={x.shape}")
    if not isinstance(bins, int) or bins < 1:
        raise ValueError(f"ops.histogram: `bins` must be a whole number >= 1. Received: bins={bins}")
    if range is not None and len(range) != 2:
        raise ValueError(f"ops.histogram: `range` must be a pair (lowest, highest). Received: range={range}")
    counts, edges = jnp.histogram(x, bins, range)
    return counts, edges


__all__ = [
    "argpartition", "argsort", "bincount", "digitize", "get_item", "histogram", "isin", "nonzero", "searchsorted",
    "select", "sort", "take", "take_along_axis", "unique", "unravel_index", "where",
]  # fmt: skip
