"""`rearrange`: transposing, splitting and merging axes in the notation of einops.

Rogozhnikov (2022), *Einops: clear and reliable tensor manipulations with Einstein-like notation*. As in Keras there is
no ellipsis; a 1 (or empty parentheses) stands for an axis of size 1, which Keras does not know.
"""

from __future__ import annotations

import math
import re

import jax
import jax.numpy as jnp

from ..core.types import ArrayLike
from .table import DIVISIBLE, array, tried

_NAME = r"(?:[A-Za-z_]\w*|1)"
_AXIS = re.compile(rf"\s*(\((?:\s*{_NAME})*\s*\)|{_NAME})\s*")


@tried(*DIVISIBLE)
def rearrange(tensor: ArrayLike, pattern: str, **axes_lengths: int) -> jax.Array:
    """The elements of `tensor` under other axes.

    Args:
        pattern: `"names -> names"`; parentheses join the axes inside into one.
        axes_lengths: sizes of names; of the names in one pair of parentheses on the left, one may be left out.

    >>> rearrange(jnp.zeros((2, 8, 8, 3)), "b (h i) (w j) c -> b h w (i j c)", i=4, j=4).shape
    (2, 2, 2, 48)
    """
    tensor = array(tensor)
    before, after = _parse(pattern)
    sizes = _sizes(before, tensor.shape, axes_lengths, pattern)
    names = _names(before)
    split = tensor.reshape([sizes[name] for name in names])
    moved = jnp.transpose(split, [names.index(name) for name in _names(after)])
    return moved.reshape([math.prod(sizes[name] for name in group) for group in after])


def _parse(pattern: str) -> tuple[list[list[str]], list[list[str]]]:
    """Both sides as lists of axes, each the list of the names that it is made of."""
    sides = pattern.split("->")
    if len(sides) != 2:
        raise ValueError(f"rearrange: the pattern must have one '->', e.g. 'a b -> b a'. Received: {pattern!r}")
    before, after = (_axes(side, pattern) for side in sides)
    left, right = _names(before), _names(after)
    if sorted(left) != sorted(right) or len(set(left)) != len(left):
        raise ValueError(
            f"rearrange: each name must stand once on each side of '->'. Received: {pattern!r} with {left} on the left"
            f" and {right} on the right."
        )
    return before, after


def _names(axes: list[list[str]]) -> list[str]:
    return [name for axis in axes for name in axis]


def _axes(side: str, pattern: str) -> list[list[str]]:
    if re.sub(_AXIS, "", side):
        raise ValueError(
            f"rearrange: a pattern is made of names, single parentheses around names, and 1. Received: {pattern!r}"
        )
    return [[name for name in axis.strip("()").split() if name != "1"] for axis in _AXIS.findall(side)]


def _sizes(before: list[list[str]], shape: tuple[int, ...], lengths: dict[str, int], pattern: str) -> dict[str, int]:
    if len(before) != len(shape):
        raise ValueError(
            f"rearrange: the pattern {pattern!r} has {len(before)} axes on the left, but the tensor's shape is {shape}."
        )
    sizes = dict(lengths)
    for axis, total in zip(before, shape, strict=True):
        unknown = [name for name in axis if name not in sizes]
        if len(unknown) > 1:
            raise ValueError(f"rearrange: give the sizes of all but one of {axis} in {pattern!r}, e.g. `{axis[0]}=2`.")
        known = math.prod(sizes[name] for name in axis if name in sizes)
        if unknown and known and total % known == 0:
            sizes[unknown[0]] = total // known
        elif unknown or known != total:
            raise ValueError(
                f"rearrange: an axis of size {total} cannot be ({' '.join(axis)}) with sizes"
                f" {lengths} in {pattern!r}; the shape is {shape}."
            )
    return sizes


__all__ = ["rearrange"]
