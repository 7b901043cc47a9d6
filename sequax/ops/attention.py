"""Scaled dot-product attention as an op."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from ..core.types import ArrayLike
from ..kernels.formulas import named
from .layout import same_float
from .table import array, floating, op


@op
def dot_product_attention(
    query: ArrayLike,
    key: ArrayLike,
    value: ArrayLike,
    bias: ArrayLike | None = None,
    mask: ArrayLike | None = None,
    scale: float | None = None,
    is_causal: bool = False,
    flash_attention: bool | None = None,
    attn_logits_soft_cap: float | None = None,
) -> jax.Array:
    """`softmax(scale query keyᵀ + bias) value`, head by head. Vaswani et al. 2017.

    Args:
        query: `(batch, targets, heads, size)`.
        key, value: `(batch, sources, heads, size)`; with fewer heads each serves a group of the query's, which they
            must divide (Ainslie et al. 2023).
        bias: added to the logits; like `mask` it broadcasts to `(batch, heads, targets, sources)`.
        mask: where it is False (or 0) a source is not looked at; a target without sources looks at all alike.
        scale: default `1 / sqrt(size)`.
        is_causal: no target looks at a later source.
        flash_attention: True: cuDNN's kernel, an error where there is none; otherwise XLA's own fusion.
        attn_logits_soft_cap: c keeps logits between -c and c, by `c tanh(logits / c)` before the bias. Unlike Keras'
            it works on any device.

    Returns:
        `(batch, targets, heads, size)` in the dtype of the inputs; logits and softmax are float32.

    Raises:
        ValueError: for other shapes; for `flash_attention=True` together with a soft cap.
    """
    query, key, value = same_float(floating(query), floating(key), floating(value))
    _check(query, key, value)
    scale = query.shape[-1] ** -0.5 if scale is None else scale
    shape = (query.shape[0], query.shape[2], query.shape[1], key.shape[1])
    bias, mask = _fitted("bias", bias, shape), _fitted("mask", mask, shape)
    if flash_attention:
        if attn_logits_soft_cap is not None:
            raise ValueError(
                "dot_product_attention: `attn_logits_soft_cap` is not available with flash_attention=True."
            )
        bias = None if bias is None else bias.astype(query.dtype)
        options: dict[str, Any] = {"scale": scale, "is_causal": is_causal, "implementation": "cudnn"}
        return jax.nn.dot_product_attention(query, key, value, bias, None if mask is None else mask != 0, **options)
    heads = query.shape[2] // key.shape[2]
    if heads > 1:
        key, value = jnp.repeat(key, heads, 2), jnp.repeat(value, heads, 2)
    logits = jnp.einsum("btnh,bsnh->bnts", query, key, preferred_element_type=jnp.float32) * scale
    if attn_logits_soft_cap is not None:
        logits = jnp.tanh(logits / attn_logits_soft_cap) * attn_logits_soft_cap
    logits = logits if bias is None else logits + bias
    for allowed in (None if mask is None else mask != 0, _causal(*shape[2:]) if is_causal else None):
        # A finite number: a row without any source stays without NaN.
        logits = logits if allowed is None else jnp.where(allowed, logits, 0.7 * jnp.finfo(logits.dtype).min)
    shares = named("softmax", jax.nn.softmax, logits, axis=-1).astype(value.dtype)
    return jnp.einsum("bnts,bsnh->btnh", shares, value)


def _causal(targets: int, sources: int) -> jax.Array:
    return jnp.arange(sources) <= jnp.arange(targets)[:, None]


def _fitted(name: str, x: ArrayLike | None, shape: tuple[int, ...]) -> jax.Array | None:
    """`x` with four axes.

    Raises:
        ValueError: if it does not broadcast to `shape`.
    """
    if x is None:
        return None
    x = array(x)
    if x.ndim > 4 or any(size not in (1, full) for size, full in zip(x.shape[::-1], shape[::-1], strict=False)):
        raise ValueError(
            f"dot_product_attention: `{name}` must broadcast to (batch, heads, targets, sources), here {shape}."
            f" Received: {name}.shape={x.shape}"
        )
    return x.reshape((1,) * (4 - x.ndim) + x.shape)


def _check(query: jax.Array, key: jax.Array, value: jax.Array) -> None:
    shapes = f"query.shape={query.shape}, key.shape={key.shape}, value.shape={value.shape}"
    if not query.ndim == key.ndim == value.ndim == 4:
        raise ValueError(
            f"dot_product_attention: query, key and value must have 4 dimensions, (batch, time, heads, size)."
            f" Received: {shapes}"
        )
    fits = key.shape == value.shape and (query.shape[0], query.shape[3]) == (key.shape[0], key.shape[3])
    if not fits or query.shape[2] % key.shape[2]:
        raise ValueError(
            f"dot_product_attention: key and value must have the same shape, and the query's batch and size; their"
            f" heads must divide the query's. Received: {shapes}"
        )


__all__ = ["dot_product_attention"]
