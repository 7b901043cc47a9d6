"""Attention without heads: by dot products (Luong) and by a sum (Bahdanau). They are called on a list."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal, Unpack

import jax.numpy as jnp

from .. import kernels
from ..core import rng, shapes
from ..core.constructor import LayerOptions
from ..core.kinds import OneOf, Rate
from ..core.tensor import KerasTensor, shape_of
from ..core.types import ArrayLike, Nested, Shape, ShapeLike, Tensor
from ..core.variable import Variable
from .attending import ListAttention, both, causal, fitted, shares
from .catalogue import layer


class Scored(ListAttention):
    """Base: a weighted sum of the values, the weights being a softmax of scores of query and key."""

    supports_masking = True
    dropout: float
    use_scale: bool

    def __init__(self, dropout: Rate = 0.0, seed: int | None = None, **options: Unpack[LayerOptions]):
        super().__init__(**options)
        self.seed_generator: rng.SeedGenerator | None = rng.SeedGenerator(seed) if dropout > 0 else None

    def scores(self, query: Tensor, key: Tensor) -> Tensor:
        """`(..., queries, keys)`."""
        raise NotImplementedError

    def call(
        self,
        inputs: Sequence[Tensor],
        mask: Nested[ArrayLike] | None = None,
        training: bool = False,
        return_attention_scores: bool = False,
        use_causal_mask: bool = False,
    ) -> Tensor | tuple[Tensor, Tensor]:
        self._check(shape_of(inputs))
        query, value, key = inputs[0], inputs[1], inputs[-1] if len(inputs) == 3 else inputs[1]
        query_mask, value_mask = self._masks(mask)
        scores = self.scores(query, key)
        allowed = both(
            [
                None if value_mask is None else fitted(value_mask[..., None, :], scores.shape, 1, "mask[1]", self),
                causal(query.shape[-2], value.shape[-2]) if use_causal_mask else None,
            ]
        )
        weights = shares(scores, allowed)
        if training and self.seed_generator is not None:
            kept = kernels.dropout_mask(self.seed_generator.next(), weights.shape, self.dropout)
            weights = jnp.where(kept, weights / (1 - self.dropout), 0)
        outputs = jnp.matmul(weights, value)
        if query_mask is not None:
            outputs = outputs * jnp.asarray(query_mask, outputs.dtype)[..., None]
        return (outputs, weights) if return_attention_scores else outputs

    def _masks(self, mask: Nested[ArrayLike] | None) -> tuple[Tensor | None, Tensor | None]:
        if mask is None:
            return None, None
        if not isinstance(mask, (list, tuple)) or len(mask) not in (2, 3):
            raise ValueError(
                f"Layer '{self.name}': {type(self).__name__} layer mask must be a list of length 2 or 3, namely"
                f" [query_mask, value_mask]. Received: {len(mask) if isinstance(mask, (list, tuple)) else 'no list'}."
            )
        query_mask, value_mask = (None if m is None else jnp.asarray(m, bool) for m in mask[:2])
        return query_mask, value_mask

    def _check(self, listed: Nested[ShapeLike]) -> tuple[Shape, Shape, Shape]:
        """The shapes of query, value and key.

        Raises:
            ValueError: if there is no list of two or three, or they do not fit together.
        """
        kind = type(self).__name__
        if not isinstance(listed, (list, tuple)) or not listed or shapes.is_shape(listed):
            raise ValueError(
                f"Layer '{self.name}': {kind} layer must be called on a list of inputs, namely [query, value] or"
                f" [query, value, key]. Received: one input of shape {listed}."
            )
        if len(listed) not in (2, 3):
            raise ValueError(
                f"Layer '{self.name}': {kind} layer accepts inputs list of length 2 or 3, namely [query, value] or"
                f" [query, value, key]. Received length: {len(listed)}."
            )
        query, value, key = (tuple(listed[i]) for i in (0, 1, -1 if len(listed) == 3 else 1))
        fits = min(map(len, (query, value, key))) >= 2 and _agree(query[-1], key[-1]) and _agree(value[-2], key[-2])
        if not fits:
            raise ValueError(
                f"Layer '{self.name}': {kind} expects a query (..., queries, dim), a value (..., keys, features) and a"
                f" key (..., keys, dim). Received: query={query}, value={value}, key={key}"
            )
        return query, value, key

    def compute_mask(self, inputs: Sequence[Tensor], mask: Sequence[Tensor | None] | None = None) -> Tensor | None:
        return None if mask is None else self._masks(mask)[0]

    def compute_output_shape(self, input_shape: Nested[ShapeLike]) -> Shape:
        query, value, _ = self._check(input_shape)
        return (*query[:-1], value[-1])

    def compute_output_spec(
        self,
        inputs: Sequence[KerasTensor],
        mask: Sequence[KerasTensor | None] | None = None,
        return_attention_scores: bool = False,
        training: bool | None = None,
        use_causal_mask: bool = False,
    ) -> KerasTensor | tuple[KerasTensor, KerasTensor]:
        query, value, _ = self._check(shape_of(inputs))
        outputs = KerasTensor((*query[:-1], value[-1]), self.compute_dtype)
        if not return_attention_scores:
            return outputs
        return outputs, KerasTensor((*query[:-1], value[-2]), self.compute_dtype)


ScoreMode = Annotated[Literal["dot", "concat"], OneOf("dot", "concat")]


@layer()
class Attention(Scored):
    """Attention by dot products: `softmax(scale * query @ key.T) @ value`.

    Luong et al. 2015, Effective Approaches to Attention-based Neural Machine Translation. There is no division by the
    square root of the dimension, unlike in `MultiHeadAttention`.

    Shapes: a list `[query, value]` or `[query, value, key]` of `(batch, queries, dim)`, `(batch, keys, features)` and
    `(batch, keys, dim)` -> `(batch, queries, features)`. Without a key the value is the key.

    Args:
        use_scale: whether a trained number, 1 at first, scales the scores.
        score_mode: `"dot"`, or `"concat"` for `weight * sum(tanh(scale * (query + key)))` with a trained weight.
        dropout: share of the weights that are dropped in training, from 0 to below 1.
        seed: of the dropout, a whole number; default: drawn from the process' stream.
        **options: `name`, `dtype`, `trainable`, ...: as in `Layer`.

    Call arguments:
        inputs: the list.
        mask: `[query_mask, value_mask]`, each `(batch, steps)` or None; default: those of the inputs. Outputs of masked
            queries are 0, masked values are not looked at.
        return_attention_scores: also return the weights, `(batch, queries, keys)`.
        use_causal_mask: no query looks at later steps.

    Raises:
        ValueError: for another `score_mode`, a `dropout` out of range, or inputs that are no such list.

    Example:

    >>> import numpy as np
    >>> Attention()([np.ones((2, 3, 4)), np.ones((2, 5, 4))]).shape
    (2, 3, 4)
    """

    score_mode: str

    def __init__(
        self,
        use_scale: bool = False,
        score_mode: ScoreMode = "dot",
        dropout: Rate = 0.0,
        seed: int | None = None,
        **options: Unpack[LayerOptions],
    ):
        super().__init__(dropout, seed, **options)

    def build(self, input_shape: Nested[ShapeLike]) -> None:
        self._check(input_shape)
        self.scale: Variable | None = self.add_weight((), "ones", name="scale") if self.use_scale else None
        self.concat_score_weight: Variable | None = None
        if self.score_mode == "concat":
            self.concat_score_weight = self.add_weight((), "ones", name="concat_score_weight")

    def scores(self, query: Tensor, key: Tensor) -> Tensor:
        scale = 1 if self.scale is None else self.scale.value
        if self.concat_score_weight is None:
            return scale * jnp.matmul(query, jnp.swapaxes(key, -1, -2))
        pairs = query[..., :, None, :] + key[..., None, :, :]
        return self.concat_score_weight.value * jnp.tanh(scale * pairs).sum(-1)


class AdditiveAttentionOptions(LayerOptions, total=False):
    """Further keyword arguments of `AdditiveAttention`."""

    seed: int | None


@layer()
class AdditiveAttention(Scored):
    """Attention by sums: scores `sum(scale * tanh(query + key))`.

    Bahdanau et al. 2015, Neural Machine Translation by Jointly Learning to Align and Translate; the projections of
    query and key, which belong to the score there, are left to layers before this one.

    Shapes: a list `[query, value]` or `[query, value, key]` of `(batch, queries, dim)`, `(batch, keys, features)` and
    `(batch, keys, dim)` -> `(batch, queries, features)`. Without a key the value is the key.

    Args:
        use_scale: whether to scale each feature by a trained number.
        dropout: share of the weights that are dropped in training, from 0 to below 1.
        **options: `seed` of the dropout; `name`, `dtype`, `trainable`, ...: as in `Layer`.

    Call arguments: those of `Attention`.

    Raises:
        ValueError: for a `dropout` out of range, or inputs that are no such list.

    Example:

    >>> import numpy as np
    >>> AdditiveAttention()([np.ones((2, 3, 4)), np.ones((2, 5, 4))]).shape
    (2, 3, 4)
    """

    score_mode = "concat"

    def __init__(self, use_scale: bool = True, dropout: Rate = 0.0, **options: Unpack[AdditiveAttentionOptions]):
        super().__init__(dropout, **options)

    def build(self, input_shape: Nested[ShapeLike]) -> None:
        features = self._check(input_shape)[0][-1]
        self.scale: Variable | None = None
        if self.use_scale:
            if features is None:
                raise ValueError(
                    f"Layer '{self.name}' (AdditiveAttention): the last size of the query gives the scale its size, so"
                    f" it must be known. Received: input_shape={input_shape}"
                )
            self.scale = self.add_weight((features,), "glorot_uniform", name="scale")

    def scores(self, query: Tensor, key: Tensor) -> Tensor:
        pairs = jnp.tanh(query[..., :, None, :] + key[..., None, :, :])
        return (pairs if self.scale is None else self.scale.value * pairs).sum(-1)


def _agree(a: int | None, b: int | None) -> bool:
    return a is None or b is None or a == b
