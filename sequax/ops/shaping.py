"""Ops that change the shape or the order of elements: reshape, transpose, join, split, repeat, pad, flip."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..core import shapes
from ..core.tensor import KerasTensor, is_tensor
from ..core.types import ArrayLike, Axis, PerAxis, ShapeLike
from .table import DIVISIBLE, Unary, array, known, named, op, operand, plain, sized, stays_known, tried, unary

fliplr: Unary = unary("fliplr", jnp.fliplr)
flipud: Unary = unary("flipud", jnp.flipud)
ravel: Unary = unary("ravel", jnp.ravel)


@plain
def ndim(x: ArrayLike) -> int:
    """The number of axes of `x`, as a Python int, of symbolic tensors too."""
    return x.ndim if is_tensor(x) else array(x).ndim


@op
def size(x: ArrayLike) -> int | Any:
    """The number of elements of `x`, as a Python int.

    Of a symbolic tensor, whose sizes may be unknown, it is a symbolic scalar.
    """
    return math.prod(array(x).shape)


def _sizes(newshape: PerAxis | ArrayLike) -> tuple[int, ...]:
    """A new shape as numbers, the unknown size as -1."""
    known: Any = np.asarray(newshape).tolist() if hasattr(newshape, "shape") else newshape
    sizes = (known,) if isinstance(known, int) else tuple(known)
    return tuple(-1 if size is None else int(size) for size in sizes)


def _reshape(x: ArrayLike, newshape: PerAxis) -> jax.Array:
    return jnp.reshape(array(x), _sizes(newshape))


def _reshaped(x: KerasTensor, newshape: PerAxis) -> KerasTensor:
    sizes = _sizes(newshape)
    if None in x.shape and -1 not in sizes:
        return KerasTensor(sizes, x.dtype)  # the unknown sizes can only be those that fit
    return shapes.infer(_reshape, (x, newshape), {}, DIVISIBLE)


@sized(_reshaped)
def reshape(x: ArrayLike, newshape: PerAxis) -> jax.Array:
    """The elements of `x` in the shape `newshape`, in which one size may be -1 (or None): it follows from the others.

    >>> reshape([1, 2, 3, 4], (2, -1)).tolist()
    [[1, 2], [3, 4]]
    """
    return _reshape(x, newshape)


@sized(lambda x, shape: KerasTensor(shape, x.dtype))
def broadcast_to(x: ArrayLike, shape: ShapeLike) -> jax.Array:
    """`x` repeated along new leading axes and along axes of size 1 until it has the shape `shape`."""
    return jnp.broadcast_to(array(x), shape)


@op
def transpose(x: ArrayLike, axes: Sequence[int] | None = None) -> jax.Array:
    """`x` with its axes in the order `axes`; None: reversed."""
    return jnp.transpose(array(x), axes)


@op
def swapaxes(x: ArrayLike, axis1: int, axis2: int) -> jax.Array:
    """`x` with the axes `axis1` and `axis2` exchanged."""
    return jnp.swapaxes(array(x), axis1, axis2)


@op
def moveaxis(x: ArrayLike, source: PerAxis, destination: PerAxis) -> jax.Array:
    """`x` with the axes `source` (one or several) at the places `destination`; the others keep their order."""
    return jnp.moveaxis(array(x), source, destination)


@op
@stays_known
def expand_dims(x: ArrayLike, axis: PerAxis) -> jax.Array:
    """`x` with new axes of size 1, which are at the places `axis` of the result."""
    return jnp.expand_dims(array(x), tuple(axis) if isinstance(axis, Sequence) else axis)


@op
def squeeze(x: ArrayLike, axis: Axis = None) -> jax.Array:
    """`x` without the axes of size 1 named in `axis`; None: without any such axis.

    Raises:
        ValueError: if a named axis has another size.
    """
    return jnp.squeeze(array(x), tuple(axis) if isinstance(axis, Sequence) else axis)


@op
def flip(x: ArrayLike, axis: Axis = None) -> jax.Array:
    """`x` in reversed order along `axis` (None: along all axes)."""
    return jnp.flip(array(x), axis)


@op
def roll(x: ArrayLike, shift: PerAxis, axis: Axis = None) -> jax.Array:
    """`x` with elements moved on by `shift` along `axis`, those past the end back to the start."""
    return jnp.roll(array(x), shift, axis)


@op
def rot90(array: ArrayLike, k: int = 1, axes: tuple[int, int] = (0, 1)) -> jax.Array:
    """`array` turned `k` times by a quarter in the plane of the two `axes`, from the first towards the second.

    Raises:
        ValueError: if there are not two different axes to turn.
    """
    if np.ndim(array) < 2 or len(axes) != 2 or axes[0] == axes[1]:
        raise ValueError(
            f"ops.rot90: a rotation needs an array with at least two axes, and two different ones of them in `axes`."
            f" Received: array.ndim={np.ndim(array)}, axes={axes}"
        )
    return jnp.rot90(operand(array), k, (axes[0], axes[1]))


def _joined(name: str, function: Callable[..., Any], way: str) -> Callable[..., Any]:
    """The op `name(xs)`."""

    def call(xs: Sequence[ArrayLike]) -> jax.Array:
        return function([array(x) for x in xs])

    return op(named(call, name, f"The arrays in the list `xs` joined {way}."))


dstack: Callable[..., Any] = _joined("dstack", jnp.dstack, "along the third axis, which those of fewer axes get")
hstack: Callable[..., Any] = _joined("hstack", jnp.hstack, "along the second axis; vectors along their only one")
vstack: Callable[..., Any] = _joined("vstack", jnp.vstack, "along the first axis; vectors become rows")


@op
@stays_known
def concatenate(xs: Sequence[ArrayLike], axis: int | None = 0) -> jax.Array:
    """The arrays in the list `xs` joined along the existing axis `axis`; None: as vectors.

    Their other sizes are equal; the dtype is that of all together.

    >>> concatenate([[1, 2], [3]]).tolist()
    [1, 2, 3]
    """
    return jnp.concatenate([array(x) for x in xs], axis)


@op
@stays_known
def stack(x: Sequence[ArrayLike], axis: int = 0) -> jax.Array:
    """The arrays in the list `x`, of equal shape, along a new axis at the place `axis`.

    >>> stack([[1, 2], [3, 4]], axis=1).tolist()
    [[1, 3], [2, 4]]
    """
    return jnp.stack([array(element) for element in x], axis)


@op
def append(x1: ArrayLike, x2: ArrayLike, axis: int | None = None) -> jax.Array:
    """`x2` behind `x1` along `axis`; None: both as vectors."""
    return jnp.append(operand(x1), operand(x2), axis)


@tried(*DIVISIBLE)
def split(x: ArrayLike, indices_or_sections: PerAxis, axis: int = 0) -> list[jax.Array]:
    """`x` cut into a list of parts along `axis`.

    `indices_or_sections` is the number of equal parts, or a list of the indices where the cuts are.

    >>> [part.tolist() for part in split([1, 2, 3, 4], [1, 3])]
    [[1], [2, 3], [4]]

    Raises:
        ValueError: if the size of the axis does not divide into so many parts (see `array_split`).
    """
    return list(jnp.split(array(x), _cuts(indices_or_sections), axis))


@tried(*DIVISIBLE)
def array_split(x: ArrayLike, indices_or_sections: int, axis: int = 0) -> list[jax.Array]:
    """`x` cut into a list of `indices_or_sections` parts along `axis`.

    Where the size does not divide, the first ones are longer by one.

    >>> [part.tolist() for part in array_split([1, 2, 3], 2)]
    [[1, 2], [3]]
    """
    if not isinstance(indices_or_sections, int):
        raise TypeError(
            f"ops.array_split: `indices_or_sections` must be a whole number; for parts between indices use `split`."
            f" Received: {indices_or_sections!r}"
        )
    return list(jnp.array_split(array(x), indices_or_sections, axis))


def _cuts(indices_or_sections: PerAxis) -> int | np.ndarray:
    return indices_or_sections if isinstance(indices_or_sections, int) else np.asarray(indices_or_sections)


def _split(name: str, function: Callable[..., Any], axis: str) -> Callable[..., Any]:
    """The op `name(x, indices_or_sections)`."""

    def call(x: ArrayLike, indices_or_sections: PerAxis) -> list[jax.Array]:
        return list(function(array(x), _cuts(indices_or_sections)))

    return tried(*DIVISIBLE)(named(call, name, f"`split` of `x` along {axis}; `indices_or_sections` as there."))


dsplit: Callable[..., Any] = _split("dsplit", jnp.dsplit, "the third axis")
hsplit: Callable[..., Any] = _split("hsplit", jnp.hsplit, "the second axis, or the only one")
vsplit: Callable[..., Any] = _split("vsplit", jnp.vsplit, "the first axis")


@op
def repeat(x: ArrayLike, repeats: ArrayLike, axis: int | None = None) -> jax.Array:
    """Each element of `x` along `axis` (None: of all as one vector) `repeats` times: a number, or one for each.

    >>> repeat([1, 2], [1, 3]).tolist()
    [1, 2, 2, 2]
    """
    known("repeat", repeats, "Give `repeats` as a number or a NumPy array.")
    return jnp.repeat(array(x), np.asarray(repeats), axis)


@op
def tile(x: ArrayLike, repeats: ArrayLike) -> jax.Array:
    """`x` side by side `repeats` times: one number for each axis, or for the last axes where there are fewer."""
    return jnp.tile(array(x), repeats if isinstance(repeats, int) else _sizes(repeats))


@op
def pad(
    x: ArrayLike,
    pad_width: PerAxis | Sequence[tuple[int, int]],
    mode: str = "constant",
    constant_values: ArrayLike | None = None,
) -> jax.Array:
    """`x` with elements before and after it along each axis.

    Args:
        x: an array.
        pad_width: a pair (before, after) for each axis, or one pair or number for all.
        mode: what to put there: `constant_values`, or what `numpy.pad` knows: `reflect`, `symmetric`, `edge`, `wrap`...
        constant_values: 0 where None; only with `mode="constant"`.
    """
    if mode != "constant":
        if constant_values is not None:
            raise ValueError(
                f"ops.pad: `constant_values` can only be given with mode='constant'. Received: mode={mode!r}"
            )
        return jnp.pad(array(x), pad_width, mode)
    return jnp.pad(
        array(x), pad_width, mode, constant_values=0 if constant_values is None else operand(constant_values)
    )


__all__ = [
    "append", "array_split", "broadcast_to", "concatenate", "dsplit", "dstack", "expand_dims", "flip", "fliplr",
    "flipud", "hsplit", "hstack", "moveaxis", "ndim", "pad", "ravel", "repeat", "reshape", "roll", "rot90", "size",
    "split", "squeeze", "stack", "swapaxes", "tile", "transpose", "vsplit", "vstack",
]  # fmt: skip
