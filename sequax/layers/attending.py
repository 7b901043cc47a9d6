"""What all attention layers share: shares from scores, the masks that rule pairs out, and self-attention in a stack.

A mask of pairs is boolean, of the shape of the scores or with sizes of 1: True where a query may look at a key.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from .. import kernels
from ..core import masks, shapes, signature
from ..core.layer import Layer
from ..core.tensor import KerasTensor
from ..core.types import Nested, ShapeLike, Symbols, Tensor

AnyTensor = Tensor | KerasTensor


def shares(
    scores: Tensor, allowed: Tensor | None, axes: int | tuple[int, ...] = -1, empty_is_zero: bool = False
) -> Tensor:
    """Softmax of the scores over the keys, in float32 at least.

    Args:
        scores: `(..., queries, keys)`.
        allowed: mask of pairs.
        axes: of the keys.
        empty_is_zero: a query that may look at no key gets shares of 0; otherwise it looks at all keys alike.

    >>> shares(jnp.zeros((1, 2)), jnp.array([[True, False]])).tolist()
    [[1.0, 0.0]]
    """
    exact = scores.astype(jnp.promote_types(scores.dtype, "float32"))
    if allowed is None:
        return _softmax(exact, axes).astype(scores.dtype)
    # The lowest number rather than -inf, whose shares are NaN where no key is allowed.
    found = _softmax(jnp.where(allowed, exact, jnp.finfo(exact.dtype).min), axes)
    return (found * allowed if empty_is_zero else found).astype(scores.dtype)


def _softmax(scores: Tensor, axes: int | tuple[int, ...]) -> Tensor:
    return kernels.named("softmax", jax.nn.softmax, scores, axis=axes)


def causal(queries: int, keys: int) -> Tensor:
    """Pairs whose key is not later than the query."""
    return jnp.arange(keys) <= jnp.arange(queries)[:, None]


def near(queries: int, keys: int, window: int) -> Tensor:
    """Pairs fewer than `window` steps apart."""
    return abs(jnp.arange(queries)[:, None] - jnp.arange(keys)) < window


def both(found: Sequence[Tensor | None]) -> Tensor | None:
    """Where all masks are True; None without any."""
    given = [m for m in found if m is not None]
    return functools.reduce(jnp.logical_and, given) if given else None


def fitted(mask: Tensor | None, scores: tuple[int, ...], key_axes: int, argument: str, layer: Layer) -> Tensor | None:
    """A mask for scores of shape `(batch, ..., heads, *queries, *keys)`; the axes it lacks are put before the queries.

    Raises:
        ValueError: if it does not broadcast to the scores.
    """
    if mask is None:
        return None
    pairs = jnp.asarray(mask, bool)
    before = max(pairs.ndim - 2 * key_axes, 0)
    missing = (1,) * (len(scores) - pairs.ndim)
    pairs = pairs.reshape(pairs.shape[:before] + missing + pairs.shape[before:])
    if pairs.ndim != len(scores) or any(m not in (1, n) for m, n in zip(pairs.shape, scores, strict=True)):
        raise ValueError(
            f"Layer '{layer.name}' ({type(layer).__name__}): `{argument}` does not fit the scores of shape"
            f" {scores}, (batch, ..., queries, keys). Received a mask of shape {tuple(mask.shape)}."
        )
    return pairs


# --- attention in a stack ---


class ListAttention(Layer):
    """Base of attention layers that are called on `[query, value]` or `[query, value, key]`."""


def attends_to_itself(layer: Layer) -> bool:
    """Whether a layer asks for a query and a value, which in a stack are one and the same tensor."""
    return isinstance(layer, ListAttention) or signature.of(type(layer).call).required == ["query", "value"]


def inputs_for(layer: Layer, x: Any, several: bool) -> tuple[Any, ...]:
    """The positional arguments of a layer of a stack for the output `x` of the one before.

    Attention layers get that output as query and as value: in a stack attention is self-attention. If it is `several`
    tensors, they are taken as query, value and, if there are three, key.
    """
    if not attends_to_itself(layer):
        return (x,)
    inputs = list(x) if several else [x, x]
    return (inputs,) if isinstance(layer, ListAttention) else tuple(inputs)


def call_on(layer: Layer, x: Nested[AnyTensor], mask: Tensor | None = None) -> Nested[AnyTensor]:
    """Call a layer of a stack."""
    if mask is not None and attends_to_itself(layer):
        masks.put(x, mask)
        mask = None
    inputs = inputs_for(layer, x, isinstance(x, (list, tuple)))
    return layer(*inputs) if mask is None else layer(*inputs, mask=mask)


def spec_after(layer: Layer, x: Symbols) -> Symbols:
    """Symbolic output of a layer of a stack, without recording the call."""
    return layer.compute_output_spec(*inputs_for(layer, x, isinstance(x, (list, tuple))))


def shape_after(layer: Layer, shape: Nested[ShapeLike]) -> Nested[ShapeLike]:
    """Output shape of a layer of a stack."""
    return layer.compute_output_shape(*inputs_for(layer, shape, not shapes.is_shape(shape)))
