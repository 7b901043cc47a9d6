"""Crossentropies as ops: element by element, and strict about shapes. The formulas are those of the losses."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from .. import losses
from ..core import dtypes
from ..core.types import ArrayLike
from .layout import same_float
from .table import array, floating, op


@op
def binary_crossentropy(target: ArrayLike, output: ArrayLike, from_logits: bool = False) -> jax.Array:
    """`−target log p − (1 − target) log(1 − p)` of each element; `p = sigmoid(output)` if `from_logits`.

    Raises:
        ValueError: if the shapes differ.
    """
    target, output = _pair("binary_crossentropy", target, output)
    return losses.binary_crossentropy(target, output, from_logits, axis=())


@op
def categorical_crossentropy(
    target: ArrayLike, output: ArrayLike, from_logits: bool = False, axis: int = -1
) -> jax.Array:
    """`−Σ target log p` over the classes on `axis`; `p = softmax(output)` if `from_logits`, else `output / Σ output`.

    Raises:
        ValueError: if the shapes differ, or there is no axis.
    """
    target, output = _pair("categorical_crossentropy", target, output)
    if output.ndim < 1:
        raise ValueError("categorical_crossentropy: `target` and `output` must have at least 1 dimension, the classes.")
    return losses.categorical_crossentropy(target, output, from_logits, axis=axis)


@op
def sparse_categorical_crossentropy(
    target: ArrayLike, output: ArrayLike, from_logits: bool = False, axis: int = -1
) -> jax.Array:
    """`−log p[target]`, `target` the number of a class (0 for a number that names none).

    p follows from `output`, `from_logits` and `axis` as in `categorical_crossentropy`.

    Raises:
        ValueError: if `target` has another shape than `output` without `axis`.
    """
    output = floating(output)
    output = output.astype(jnp.promote_types(output.dtype, dtypes.jnp_dtype(dtypes.floatx())))
    return losses.sparse_categorical_crossentropy(array(target), output, from_logits, axis=axis)


def _pair(name: str, target: ArrayLike, output: ArrayLike) -> tuple[jax.Array, ...]:
    target, output = array(target), floating(output)
    if target.shape != output.shape:
        raise ValueError(
            f"{name}: `target` and `output` must have the same shape. Received: target.shape={target.shape},"
            f" output.shape={output.shape}"
        )
    return same_float(target, output)


__all__ = ["binary_crossentropy", "categorical_crossentropy", "sparse_categorical_crossentropy"]
