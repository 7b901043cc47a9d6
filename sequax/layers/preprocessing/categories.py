"""Whole numbers that stand for categories, as vectors."""

from __future__ import annotations

from typing import Annotated, Literal, Unpack

import jax
import jax.numpy as jnp

from ...core.constructor import LayerOptions
from ...core.kinds import OneOf, Whole
from ...core.layer import Layer
from ...core.tensor import KerasTensor
from ...core.types import Shape, ShapeLike, Tensor
from ..arguments import DenseOf
from ..catalogue import layer


def encode(indices: Tensor, count: int, output_mode: str, dtype: str, weights: Tensor | None = None) -> Tensor:
    """Vectors of `count` entries for categories 0 to `count - 1`; other numbers become zeros.

    `"one_hot"` adds an axis, or replaces a last axis of size 1; the others sum or unite over axis 1 (axis 0 of a
    vector), as Keras does.
    """
    if output_mode == "one_hot":
        squeezed = indices[..., 0] if indices.ndim and indices.shape[-1] == 1 else indices
        return jax.nn.one_hot(squeezed.reshape(squeezed.shape or (1,)), count, dtype=dtype)
    indices = indices if indices.ndim else indices[None]
    vectors = jax.nn.one_hot(indices, count, dtype=dtype)
    axis = min(1, indices.ndim - 1)
    if output_mode == "multi_hot":
        return vectors.max(axis)
    return (vectors if weights is None else vectors * jnp.asarray(weights, dtype)[..., None]).sum(axis)


def encoded_shape(shape: tuple[int | None, ...], count: int | None, output_mode: str) -> tuple[int | None, ...]:
    """The shape of what `encode` returns."""
    if output_mode == "int":
        return shape
    if output_mode == "one_hot":
        return (*(shape[:-1] if len(shape) > 1 and shape[-1] == 1 else shape), count)  # `()` as in Keras
    return (*shape[:1], *shape[2:], count) if len(shape) > 1 else (count,)


class HiddenDenseOf(DenseOf):
    """Not in configs, as in Keras."""

    in_config = False


HiddenDense = Annotated[bool, HiddenDenseOf()]
TokenCount = Annotated[int | None, Whole(1)]
EncodingMode = Annotated[Literal["one_hot", "multi_hot", "count"], OneOf("one_hot", "multi_hot", "count")]


@layer()
class CategoryEncoding(Layer):
    """Categories 0 to `num_tokens - 1` as vectors.

    Args:
        num_tokens: number of categories.
        output_mode: `"one_hot"`: a vector per number; `"multi_hot"`: one vector per sample with ones for the categories
            present; `"count"`: how often each is present.
        sparse: False; sparse outputs are not supported.
        **options: name, dtype, trainable, ...: as in `Layer`.

    Raises:
        ValueError: if `num_tokens` is no positive integer, or `output_mode` is none of these.

    Call arguments: `inputs`, whole numbers; `count_weights`, an array of the same shape, what each counts (only with
    `"count"`).

    Shapes: `(batch, n)` to `(batch, num_tokens)`; `"one_hot"` with n > 1: `(batch, n, num_tokens)`. Numbers out of
    range become zeros inside a compiled program; where the layer comes first, `fit` refuses them.

    Example:

    >>> import numpy as np
    >>> CategoryEncoding(4, output_mode="count")(np.array([[0, 1], [3, 3]])).tolist()
    [[1.0, 1.0, 0.0, 0.0], [0.0, 0.0, 0.0, 2.0]]
    """

    num_tokens: int
    output_mode: str

    def __init__(
        self,
        num_tokens: TokenCount = None,
        output_mode: EncodingMode = "multi_hot",
        sparse: HiddenDense = False,
        **options: Unpack[LayerOptions],
    ):
        super().__init__(**options)
        self.built = True

    def call(self, inputs: Tensor, count_weights: Tensor | None = None) -> Tensor:
        if count_weights is not None and self.output_mode != "count":
            raise ValueError(
                f"Layer '{self.name}' (CategoryEncoding): `count_weights` is not used when `output_mode` is not"
                f" 'count'. Received: output_mode={self.output_mode!r}"
            )
        indices = jnp.asarray(inputs).astype("int32")
        return encode(indices, self.num_tokens, self.output_mode, self.compute_dtype, count_weights)

    @property
    def index_limit(self) -> int:
        """Inputs are whole numbers below this one."""
        return self.num_tokens

    def compute_output_shape(self, input_shape: ShapeLike) -> Shape:
        return encoded_shape(tuple(input_shape), self.num_tokens, self.output_mode)

    def compute_output_spec(self, inputs: KerasTensor, count_weights: KerasTensor | None = None) -> KerasTensor:
        return KerasTensor(self.compute_output_shape(inputs.shape), self.compute_dtype)
