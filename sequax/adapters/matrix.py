"""A weight of any number of axes as one matrix (inputs, outputs), and the inputs that it meets as another."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from .contraction import Contraction


class Matrix:
    """The weight of a product as a matrix.

    Args:
        contraction: which axes of inputs, weight and outputs are the same.
        shape: of the weight.

    Raises:
        NotImplementedError: for a product that is none of two matrices.
    """

    def __init__(self, contraction: Contraction, shape: Sequence[Any]):
        self.contraction, self.shape = contraction, tuple(shape)
        inputs, weight, outputs = (set(axes) for axes in (contraction.inputs, contraction.weight, contraction.outputs))
        if inputs & weight & outputs or weight - inputs - outputs or inputs - weight - outputs:
            raise NotImplementedError(
                f"'{contraction.inputs},{contraction.weight}->{contraction.outputs}' is no product of two matrices:"
                f" each axis of the weight must be one of the inputs or one of the outputs."
            )
        reduced = contraction.reduced
        self.order: tuple[int, ...] = (*reduced, *(i for i in range(len(shape)) if i not in reduced))
        self.rows: int = math.prod(shape[i] for i in reduced)
        self.columns: int = math.prod(shape) // self.rows

    def of_weight(self, weight: jax.Array) -> jax.Array:
        """The weight as (inputs, outputs)."""
        return jnp.transpose(weight, self.order).reshape(self.rows, self.columns)

    def to_weight(self, matrix: jax.Array) -> jax.Array:
        """The weight in its own shape."""
        back = sorted(range(len(self.order)), key=self.order.__getitem__)
        return jnp.transpose(matrix.reshape([self.shape[i] for i in self.order]), back)

    def of_inputs(self, x: jax.Array) -> jax.Array:
        """Inputs as (n, inputs), in the order of the rows of the weight."""
        axes = self.contraction.inputs
        first = 0 if self.contraction.after else x.ndim - len(axes)
        summed = [first + axes.index(self.contraction.weight[i]) for i in self.contraction.reduced]
        others = [i for i in range(x.ndim) if i not in summed]
        return jnp.transpose(x, others + summed).reshape(-1, self.rows)
