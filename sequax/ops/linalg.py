"""Linear algebra, also as the namespace `keras.ops.linalg`. Matrices are the last two axes, the others a batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp

from .._lazy import listed
from ..core.types import ArrayLike, Axis
from .table import SHORT_AND_LONG, array, axes, floating, op, tried


def _matrix(x: ArrayLike, name: str) -> jax.Array:
    x = floating(x)
    if x.ndim < 2:
        raise ValueError(f"{name}: expected a matrix, or a batch of them (rank >= 2). Received shape {x.shape}.")
    return x


def _square(x: ArrayLike, name: str) -> jax.Array:
    x = _matrix(x, name)
    if x.shape[-1] != x.shape[-2]:
        raise ValueError(f"{name}: expected a square matrix. Received shape {x.shape}.")
    return x


@op
def cholesky(x: ArrayLike, upper: bool = False) -> jax.Array:
    """`L` with `x = L Lᵀ`, lower triangular (or `Lᵀ`, if `upper`), of symmetric positive definite matrices.

    Raises:
        ValueError: eagerly, if a matrix is not positive definite; inside a compiled function the result is NaN then.
    """
    factor = jnp.linalg.cholesky(_square(x, "cholesky"), upper=upper)
    if not isinstance(factor, jax.core.Tracer) and bool(jnp.isnan(factor).any()):
        raise ValueError(
            "cholesky: the decomposition failed, so the input is not positive definite, or not finite. Adding a small"
            " multiple of the identity helps where rounding is the cause."
        )
    return factor


@op
def cholesky_inverse(x: ArrayLike, upper: bool = False) -> jax.Array:
    """The inverse of a matrix from its Cholesky factor `x`: the lower triangular one, or with `upper` the upper one."""
    factor = _square(x, "cholesky_inverse")
    identity = jnp.broadcast_to(jnp.eye(factor.shape[-1], dtype=factor.dtype), factor.shape)
    inverse = jax.scipy.linalg.solve_triangular(factor, identity, lower=not upper)
    transposed = jnp.swapaxes(inverse, -1, -2)
    return inverse @ transposed if upper else transposed @ inverse


@op
def det(x: ArrayLike) -> jax.Array:
    """The determinants of the square matrices `x`: `(..., n, n)` -> `(...)`.

    >>> float(det([[2.0, 1.0], [0.0, 3.0]]))
    6.0
    """
    return jnp.linalg.det(_square(x, "det"))


@op
def eig(x: ArrayLike) -> tuple[jax.Array, jax.Array]:
    """Eigenvalues `(..., n)` and eigenvectors (columns of `(..., n, n)`) of `x`, complex. JAX has it on CPUs only."""
    values, vectors = jnp.linalg.eig(_square(x, "eig"))
    return values, vectors


@op
def eigh(x: ArrayLike) -> tuple[jax.Array, jax.Array]:
    """Eigenvalues, ascending, and eigenvectors (columns) of the symmetric or Hermitian matrices `x`."""
    values, vectors = jnp.linalg.eigh(_square(x, "eigh"))
    return values, vectors


@op
def inv(x: ArrayLike) -> jax.Array:
    """The inverse of the square matrices `x`; of a singular one it is infinite or NaN."""
    return jnp.linalg.inv(_square(x, "inv"))


@op
def jvp(
    fun: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any], has_aux: bool = False
) -> tuple[Any, ...]:
    """The value of `fun(*primals)` and its derivative in the direction of `tangents` (forward mode).

    Args:
        primals: arguments of `fun`, a list or tuple.
        tangents: of the same structure, shapes and dtypes.
        has_aux: whether `fun` returns a pair whose second part is passed on as a third result.
    """
    primals, tangents = (jax.tree.map(array, values) for values in (primals, tangents))
    return jax.jvp(fun, primals, tangents, has_aux=has_aux)


@op
def lstsq(a: ArrayLike, b: ArrayLike, rcond: float | None = None) -> jax.Array:
    """The `x` of smallest norm among those with the smallest `|a x - b|`.

    Args:
        a: `(m, n)`.
        b: `(m,)` or `(m, k)`; the result has shape `(n,)` or `(n, k)`.
        rcond: singular values below `rcond` times the largest one count as 0.
    """
    a, b = _matrix(a, "lstsq"), floating(b)
    if a.ndim != 2 or b.ndim not in (1, 2) or a.shape[0] != b.shape[0]:
        raise ValueError(
            f"lstsq: expected `a` of shape (m, n) and `b` of shape (m,) or (m, k). Received shapes {a.shape} and"
            f" {b.shape}."
        )
    return jnp.linalg.lstsq(a, b, rcond=rcond)[0]


@tried(*SHORT_AND_LONG)
def lu_factor(x: ArrayLike) -> tuple[jax.Array, jax.Array]:
    """`x = P L U`: `L` (without its unit diagonal) and `U` in one matrix, and the row each row changed with (int32)."""
    factors, pivots = jax.scipy.linalg.lu_factor(_matrix(x, "lu_factor"))
    return factors, pivots


@op
def matrix_rank(x: ArrayLike, tol: float | None = None) -> jax.Array:
    """How many singular values of the matrices `x`, `(..., m, n)`, lie above `tol`.

    `tol` is the largest of them times `max(m, n)` and the machine epsilon where it is None.
    """
    x = _matrix(x, "matrix_rank")
    values = jnp.linalg.svd(x, compute_uv=False)
    bound = values.max(-1, keepdims=True) * max(x.shape[-2:]) * jnp.finfo(x.dtype).eps if tol is None else tol
    return (values > bound).sum(-1)


@op
def norm(x: ArrayLike, ord: float | str | None = None, axis: Axis = None, keepdims: bool = False) -> jax.Array:
    """The norm of vectors (`axis` is one number) or matrices (two).

    Args:
        ord: of a vector: a number `p` for `(Σ|x|ᵖ)^(1/p)`, also 0 and ±inf. Of a matrix: `"fro"`, `"nuc"`, ±1, ±2,
            ±inf. None: the root of the sum of squares of all elements that `axis` spans.
        axis: None: `x` as a whole, which must have one or two axes if `ord` is given.
        keepdims: keep the axes that the norm spans, with size 1.
    """
    if isinstance(ord, str) and ord not in ("fro", "nuc"):
        raise ValueError(f"norm: `ord` as a string must be 'fro' or 'nuc'. Received: ord={ord!r}")
    return jnp.linalg.norm(floating(x), ord=ord, axis=axes(axis), keepdims=keepdims)


@op
def pinv(x: ArrayLike, rcond: float | None = None) -> jax.Array:
    """The Moore-Penrose inverse of the matrices `x`: `(..., m, n)` -> `(..., n, m)`.

    Args:
        rcond: singular values below `rcond` times the largest one count as 0.
    """
    return jnp.linalg.pinv(_matrix(x, "pinv"), rtol=rcond)


@tried(*SHORT_AND_LONG)
def qr(x: ArrayLike, mode: str = "reduced") -> tuple[jax.Array, jax.Array]:
    """`x = Q R` with orthonormal columns in `Q` and upper triangular `R`.

    Args:
        mode: `"reduced"`: `(m, k)`, `(k, n)` with `k = min(m, n)`; `"complete"`: `(m, m)`, `(m, n)`.
    """
    if mode not in ("reduced", "complete"):
        raise ValueError(f"qr: expected `mode` to be 'reduced' or 'complete'. Received: mode={mode!r}")
    q, r = jnp.linalg.qr(_matrix(x, "qr"), mode=mode)
    return q, r


def _solved(name: str, solve: Callable[..., Any], a: ArrayLike, b: ArrayLike) -> jax.Array:
    """`solve(a, b)` for matrices `(..., n, k)`, or for vectors: one per matrix, or a single `(n,)`."""
    a, b = _square(a, name), floating(b)
    vectors = b.ndim == 1 or b.shape == a.shape[:-1]
    if b.ndim < 1 or b.shape[-1 if vectors else -2] != a.shape[-1]:
        raise ValueError(
            f"{name}: `b` must be (..., n) or (..., n, k) with the n of `a`. Received shapes {a.shape} and {b.shape}."
        )
    dtype = jnp.result_type(a, b)
    found = solve(a.astype(dtype), (b[..., None] if vectors else b).astype(dtype))
    return found[..., 0] if vectors else found


@op
def solve(a: ArrayLike, b: ArrayLike) -> jax.Array:
    """The `x` with `a x = b` for `a` of shape `(..., n, n)`.

    Args:
        b: a vector per matrix, `(..., n)`, or one for all, `(n,)`; or matrices, `(..., n, k)`. So is the result.
    """
    return _solved("solve", jnp.linalg.solve, a, b)


@op
def solve_triangular(a: ArrayLike, b: ArrayLike, lower: bool = False) -> jax.Array:
    """The `x` with `a x = b` for triangular `a`, of which only the upper (or `lower`) triangle is read; as `solve`."""

    def solve(a: jax.Array, b: jax.Array) -> jax.Array:
        batch = jnp.broadcast_shapes(a.shape[:-2], b.shape[:-2])
        a, b = (jnp.broadcast_to(x, (*batch, *x.shape[-2:])) for x in (a, b))
        return jax.scipy.linalg.solve_triangular(a, b, lower=lower)

    return _solved("solve_triangular", solve, a, b)


@tried(*SHORT_AND_LONG)
def svd(x: ArrayLike, full_matrices: bool = True, compute_uv: bool = True) -> Any:
    """`x = U diag(s) V`: the tuple `(U, s, V)` with `s` descending, or `s` alone if not `compute_uv`.

    Args:
        full_matrices: `U` `(m, m)` and `V` `(n, n)`; otherwise `(m, k)` and `(k, n)` with `k = min(m, n)`.
    """
    x = _matrix(x, "svd")
    if not compute_uv:
        return jnp.linalg.svd(x, full_matrices=full_matrices, compute_uv=False)
    u, s, v = jnp.linalg.svd(x, full_matrices=full_matrices)
    return u, s, v


__all__ = [
    "cholesky", "cholesky_inverse", "det", "eig", "eigh", "inv", "jvp", "lstsq", "lu_factor", "matrix_rank", "norm",
    "pinv", "qr", "solve", "solve_triangular", "svd",
]  # fmt: skip

if not TYPE_CHECKING:
    __getattr__, __dir__ = listed(__name__)
