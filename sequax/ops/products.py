"""Ops that multiply and sum: products of matrices and vectors, traces, correlations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from ..core.types import ArrayLike
from .table import Binary, array, binary, floating, op

dot: Binary = binary("dot", jnp.dot)
inner: Binary = binary("inner", jnp.inner)
kron: Binary = binary("kron", jnp.kron)
outer: Binary = binary("outer", jnp.outer)
vdot: Binary = binary("vdot", jnp.vdot)


def _sum_type(operands: list[jax.Array]) -> type[Any] | None:
    """int32 for products of int8 alone, whose sums would overflow in int8; None: as JAX promotes."""
    return jnp.int32 if all(x.dtype == jnp.int8 for x in operands) else None


@op
def matmul(x1: ArrayLike, x2: ArrayLike) -> jax.Array:
    """`Σ_k x1[..., i, k] · x2[..., k, j]`; leading axes are broadcast, a vector is a row (left) or a column (right).

    The product of two int8 arrays is int32.
    """
    x1, x2 = array(x1), array(x2)
    return jnp.matmul(x1, x2, preferred_element_type=_sum_type([x1, x2]))


@op
def einsum(subscripts: str, *operands: ArrayLike, **kwargs: Any) -> jax.Array:
    """The sum of products of `operands` that `subscripts` says.

    `"ij,jk->ik"` multiplies matrices, `"ii->i"` is a diagonal.

    Products of int8 alone are int32. `kwargs` are those of `jax.numpy.einsum`, such as `optimize`.
    """
    arrays = [array(x) for x in operands]
    kwargs.setdefault("preferred_element_type", _sum_type(arrays))
    return jnp.einsum(subscripts, *arrays, **kwargs)


@op
def tensordot(x1: ArrayLike, x2: ArrayLike, axes: int | Sequence[int] | Sequence[Sequence[int]] = 2) -> jax.Array:
    """The products of elements of `x1` and `x2`, summed over `axes`.

    `axes` is a number, of last axes of `x1` and first ones of `x2`, or a pair: the axes of `x1` and those of `x2`.
    """
    return jnp.tensordot(array(x1), array(x2), axes)


@op
def cross(
    x1: ArrayLike, x2: ArrayLike, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None
) -> jax.Array:
    """The vector product of the vectors in `x1` and `x2`, of 3 elements (or 2: the third number of the product alone).

    `axisa` and `axisb` are the axes of the vectors, `axisc` that in the result; `axis` is all three of them.

    >>> cross([1, 0, 0], [0, 1, 0]).tolist()
    [0, 0, 1]
    """
    return jnp.cross(array(x1), array(x2), axisa, axisb, axisc, axis)


@op
def trace(x: ArrayLike, offset: int = 0, axis1: int = 0, axis2: int = 1) -> jax.Array:
    """The sums of the `offset`-th diagonals of the matrices in the axes `axis1` and `axis2` of `x`.

    Small integers are summed in 32 bits.

    >>> int(trace([[1, 2], [3, 4]]))
    5
    """
    return jnp.trace(array(x), offset, axis1, axis2)


@op
def slogdet(x: ArrayLike) -> tuple[jax.Array, jax.Array]:
    """Sign and logarithm of the absolute value of the determinants of the square matrices `x`."""
    return tuple(jnp.linalg.slogdet(floating(x)))


@op
def corrcoef(x: ArrayLike) -> jax.Array:
    """Pearson's correlation coefficients of the rows of `x`, a matrix of them."""
    return jnp.corrcoef(floating(x))


@op
def correlate(x1: ArrayLike, x2: ArrayLike, mode: str = "valid") -> jax.Array:
    """`c[k] = Σ_n x1[n + k] · x2[n]` of two vectors, as floats.

    `mode` says for which k: `"valid"` where they overlap wholly, `"same"` as many as the longer one has, `"full"` all.
    """
    x1, x2 = array(x1), array(x2)
    dtype = jnp.result_type(x1, x2)
    return jnp.correlate(floating(x1.astype(dtype)), floating(x2.astype(dtype)), mode)


__all__ = [
    "corrcoef", "correlate", "cross", "dot", "einsum", "inner", "kron", "matmul", "outer", "slogdet", "tensordot",
    "trace", "vdot",
]  # fmt: skip
