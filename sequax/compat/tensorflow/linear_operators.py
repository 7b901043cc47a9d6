"""`tf.linalg.LinearOperator...`: matrices that know what they are, held as plain arrays here."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import jax.scipy.linalg as solvers

from . import linear
from .member import Member
from .values import DType, TensorShape, as_dtype, tensor


class LinearOperator:
    """A matrix, or a batch of them, and what is computed with it.

    Args:
        matrix: of shape `(..., rows, columns)`.
        options: what is known of it (`is_non_singular`, ...) and `name`: without effect.
    """

    def __init__(self, matrix: Any, **options: object):
        self._matrix = tensor(matrix)

    def to_dense(self, name: object = None) -> Any:
        return self._matrix

    @property
    def shape(self) -> TensorShape:
        return TensorShape(self._matrix.shape)

    @property
    def dtype(self) -> DType:
        return as_dtype(self._matrix.dtype)

    def matmul(self, x: Any, adjoint: bool = False, adjoint_arg: bool = False, name: object = None) -> Any:
        if isinstance(x, LinearOperator):
            return LinearOperatorFullMatrix(self.matmul(x.to_dense(), adjoint, adjoint_arg))
        return linear.matmul(self._matrix, x, adjoint_a=adjoint, adjoint_b=adjoint_arg)

    __matmul__ = matmul

    def matvec(self, x: Any, adjoint: bool = False, name: object = None) -> Any:
        return self.matmul(tensor(x)[..., None], adjoint)[..., 0]

    def solve(self, rhs: Any, adjoint: bool = False, adjoint_arg: bool = False, name: object = None) -> Any:
        """What gives `rhs` when it is multiplied."""
        return self._solved(linear.adjoint(rhs) if adjoint_arg else tensor(rhs), adjoint)

    def _solved(self, rhs: Any, adjoint: bool) -> Any:
        return linear.solve(self._matrix, rhs, adjoint)

    def solvevec(self, rhs: Any, adjoint: bool = False, name: object = None) -> Any:
        return self.solve(tensor(rhs)[..., None], adjoint)[..., 0]

    def inverse(self, name: object = None) -> LinearOperator:
        return LinearOperatorFullMatrix(self.solve(jnp.eye(self._matrix.shape[-1], dtype=self._matrix.dtype)))

    def adjoint(self, name: object = None) -> LinearOperator:
        return LinearOperatorFullMatrix(linear.adjoint(self._matrix))

    H = property(adjoint)

    def diag_part(self, name: object = None) -> Any:
        return jnp.diagonal(self._matrix, axis1=-2, axis2=-1)

    def trace(self, name: object = None) -> Any:
        return jnp.trace(self._matrix, axis1=-2, axis2=-1)

    def determinant(self, name: object = None) -> Any:
        return jnp.linalg.det(self._matrix)

    def log_abs_determinant(self, name: object = None) -> Any:
        return jnp.linalg.slogdet(self._matrix)[1]

    def add_to_tensor(self, x: Any, name: object = None) -> Any:
        return self._matrix + tensor(x)

    def cholesky(self, name: object = None) -> LinearOperator:
        return LinearOperatorLowerTriangular(jnp.linalg.cholesky(self._matrix))


class LinearOperatorFullMatrix(LinearOperator):
    """Any matrix."""


class LinearOperatorLowerTriangular(LinearOperator):
    """A matrix of which nothing above the diagonal counts.

    Args:
        tril: the matrix.
        options: as of `LinearOperator`.
    """

    def __init__(self, tril: Any, **options: object):
        super().__init__(jnp.tril(tensor(tril)))

    def _solved(self, rhs: Any, adjoint: bool) -> Any:
        shape = jnp.broadcast_shapes(self._matrix.shape[:-2], rhs.shape[:-2])
        matrix = jnp.broadcast_to(self._matrix, (*shape, *self._matrix.shape[-2:]))
        return solvers.solve_triangular(
            matrix, jnp.broadcast_to(rhs, (*shape, *rhs.shape[-2:])), trans="C" if adjoint else "N", lower=True
        )


class LinearOperatorDiag(LinearOperator):
    """A diagonal matrix.

    Args:
        diag: the numbers on the diagonal.
        options: as of `LinearOperator`.
    """

    def __init__(self, diag: Any, **options: object):
        diag = tensor(diag)
        super().__init__(diag[..., None] * jnp.eye(diag.shape[-1], dtype=diag.dtype))


class LinearOperatorIdentity(LinearOperator):
    """Ones on the diagonal.

    Args:
        num_rows: its size.
        dtype: of the numbers.
        options: as of `LinearOperator`.
    """

    def __init__(self, num_rows: Any, dtype: Any = None, **options: object):
        super().__init__(jnp.eye(int(num_rows), dtype=str(as_dtype(dtype or "float32"))))


MEMBERS: dict[str, Member] = {
    f"linalg.{cls.__name__}": Member(cls)
    for cls in (
        *(LinearOperator, LinearOperatorFullMatrix, LinearOperatorLowerTriangular),
        *(LinearOperatorDiag, LinearOperatorIdentity),
    )
}
