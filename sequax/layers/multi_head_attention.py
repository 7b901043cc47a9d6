"""Attention with several heads, each with projections of its own; in groups that share keys and values."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Unpack

import jax
import jax.numpy as jnp
import numpy as np

from ..core import names, quantizing, settings
from ..core.catalogue import serialize
from ..core.constructor import Options
from ..core.kinds import (
    AxesOf,
    ConstraintLike,
    Count,
    InitializerLike,
    Owner,
    Plain,
    Rate,
    RegularizerLike,
    Size,
    Whole,
)
from ..core.layer import Layer
from ..core.tensor import KerasTensor
from ..core.types import Shape, ShapeLike, Tensor
from .arguments import resolve_axes
from .attending import both, causal, fitted, near, shares
from .catalogue import layer
from .dense import EinsumDense
from .regularization import Dropout


class Projected(Layer):
    """Base: query, key and value are projected for each head, the heads' outputs are projected once more.

    Axes along which attention acts are found in `_attention_axes(rank)`; the others are batches. Subclasses say how
    many heads and features the projections have, and how scores and outputs are summed.
    """

    supports_masking = True
    dropout: float
    use_bias: bool
    use_gate: bool
    sliding_window: int | None
    flash_attention: bool | None
    seed: int | None
    kernel_initializer: Callable[..., Tensor]
    bias_initializer: Callable[..., Tensor]
    kernel_regularizer: Callable[[Tensor], Tensor] | None
    bias_regularizer: Callable[[Tensor], Tensor] | None
    kernel_constraint: Callable[[Tensor], Tensor] | None
    bias_constraint: Callable[[Tensor], Tensor] | None

    def __init__(self, activity_regularizer: RegularizerLike, **options: Unpack[Options]):
        super().__init__(**options)
        if self.flash_attention and self.dropout:
            raise ValueError(
                f"Layer '{self.name}': Dropout is not supported when flash attention is enabled. Set `dropout` to 0.0,"
                f" or leave out `flash_attention`. Received: dropout={self.dropout}"
            )
        plain = self.flash_attention is None and not self.dropout
        self._prefers_flash = plain and bool(settings.is_flash_attention_enabled())
        # Acts on each projection, as in Keras, the last of which makes the output.
        self._projection_regularizer = activity_regularizer

    # --- what subclasses say ---

    def _sizes(self) -> dict[str, tuple[int, int]]:
        """Heads and features of the projections `query`, `key` and `value`."""
        raise NotImplementedError

    def _output_sizes(self, query_shape: ShapeLike) -> Shape:
        return tuple(query_shape[-1:])

    def _attention_axes(self, rank: int) -> tuple[int, ...]:
        return (1,)

    def _scores(self, query: Tensor, key: Tensor) -> Tensor:
        """`(batch, ..., heads, *queries, *keys)`."""
        raise NotImplementedError

    def _gathered(self, weights: Tensor, value: Tensor) -> Tensor:
        """`(batch, *queries, heads, features)`, the axes in the order of the query."""
        raise NotImplementedError

    # The layers inside, once they are built.
    query_dense: property = property(lambda self: self._query_dense)
    key_dense: property = property(lambda self: self._key_dense)
    value_dense: property = property(lambda self: self._value_dense)
    output_dense: property = property(lambda self: self._output_dense)

    # --- variables ---

    def build(self, query_shape: ShapeLike, value_shape: ShapeLike, key_shape: ShapeLike | None = None) -> None:
        key_shape = value_shape if key_shape is None else key_shape
        self._check(query_shape, value_shape, key_shape)
        sizes = self._sizes()
        self._query_dense = self._projection("query", query_shape, sizes["query"])
        self._key_dense = self._projection("key", key_shape, sizes["key"])
        gate_sizes = (sizes["query"][0], sizes["value"][1])
        self._gate_dense = self._projection("gate", query_shape, gate_sizes, "sigmoid") if self.use_gate else None
        self._value_dense = self._projection("value", value_shape, sizes["value"])
        self._dropout_layer = Dropout(self.dropout, seed=self.seed, dtype=self._dtype_policy) if self.dropout else None
        self._output_dense = self._back_projection((*query_shape[:-1], *gate_sizes), self._output_sizes(query_shape))

    def _projection(
        self, name: str, input_shape: ShapeLike, sizes: tuple[int, int], activation: str | None = None
    ) -> EinsumDense:
        """From the features of `input_shape` to heads and their features."""
        kept = _letters(len(input_shape) - 1)
        bias_axes = "YZ" if self.use_bias else None
        dense = self._dense(
            f"{kept}X,XYZ->{kept}YZ", (*_unknown(input_shape[1:-1]), *sizes), bias_axes, name, activation
        )
        dense.build(tuple(input_shape))
        return dense

    def _back_projection(self, input_shape: Shape, sizes: tuple[Any, ...]) -> EinsumDense:
        """From heads and their features to the features of the output."""
        kept, made = _letters(len(input_shape) - 2), "UVW"[: len(sizes)]
        bias_axes = made if self.use_bias else None
        equation = f"{kept}YZ,YZ{made}->{kept}{made}"
        dense = self._dense(equation, (*_unknown(input_shape[1:-2]), *sizes), bias_axes, "attention_output")
        dense.build(tuple(input_shape))
        return dense

    def _dense(
        self,
        equation: str,
        output_shape: tuple[Any, ...],
        bias_axes: str | None,
        name: str,
        activation: str | None = None,
    ) -> EinsumDense:
        return EinsumDense(
            equation,
            output_shape,
            activation=activation,
            bias_axes=bias_axes,
            kernel_initializer=_renewed(self.kernel_initializer),
            bias_initializer=_renewed(self.bias_initializer),
            kernel_regularizer=self.kernel_regularizer,
            bias_regularizer=self.bias_regularizer,
            activity_regularizer=self._projection_regularizer,
            kernel_constraint=self.kernel_constraint,
            bias_constraint=self.bias_constraint,
            dtype=self._dtype_policy,
            name=name,
        )

    # --- the call ---

    def call(
        self,
        query: Tensor,
        value: Tensor,
        key: Tensor | None = None,
        query_mask: Tensor | None = None,
        value_mask: Tensor | None = None,
        key_mask: Tensor | None = None,
        attention_mask: Tensor | None = None,
        return_attention_scores: bool = False,
        training: bool | None = None,
        use_causal_mask: bool = False,
    ) -> Tensor | tuple[Tensor, Tensor]:
        key = value if key is None else key
        scores_shape = self._check(query.shape, value.shape, key.shape)
        given = {"query_mask": query_mask, "value_mask": value_mask, "key_mask": key_mask}
        given["attention_mask"] = attention_mask
        allowed = self._allowed(scores_shape, len(self._attention_axes(query.ndim)), given, use_causal_mask)
        outputs, weights = self._compute_attention(
            self._query_dense(query),
            self._key_dense(key),
            self._value_dense(value),
            attention_mask=allowed,
            return_attention_scores=return_attention_scores,
            training=training,
        )
        if self._gate_dense is not None:
            outputs = outputs * self._gate_dense(query)
        outputs = self._output_dense(outputs)
        return (outputs, weights) if return_attention_scores and weights is not None else outputs

    def _compute_attention(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        attention_mask: Tensor | None = None,
        training: bool | None = None,
        return_attention_scores: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """Sums of projected values, and the weights if asked for. Subclasses call and replace it, as in Keras.

        Args:
            query, key, value: `(batch, ..., heads, features)`.
            attention_mask: of pairs; the axes that the scores have besides are put before those of the queries.
            training: whether weights are dropped.
            return_attention_scores: whether the weights are returned, None otherwise.
        """
        scale = 1 / math.sqrt(self._sizes()["key"][1])
        if self._uses_flash(query.dtype, return_attention_scores):
            # An NVIDIA GPU and 16-bit floats are needed, or JAX raises an error.
            flash = functools.partial(jax.nn.dot_product_attention, implementation="cudnn")
            return flash(query, key, value, mask=attention_mask, scale=scale), None
        key_axes = len(self._attention_axes(query.ndim - 1))
        scores = self._scores(query * scale, key)
        allowed = fitted(attention_mask, scores.shape, key_axes, "attention_mask", self)
        # Keras' kernels differ for queries that may look at no key: shares of 0, or the mean of all values.
        exact = return_attention_scores or self.dropout > 0 or query.ndim > 4
        weights = shares(scores, allowed, tuple(range(-key_axes, 0)), empty_is_zero=exact)
        kept = weights if self._dropout_layer is None else self._dropout_layer(weights, training=training)
        return self._gathered(kept, value), weights if return_attention_scores else None

    def _allowed(
        self, scores: tuple[Any, ...], key_axes: int, given: dict[str, Tensor | None], use_causal_mask: bool
    ) -> Tensor | None:
        """All masks as one mask of pairs."""
        if key_axes > 1 and (use_causal_mask or self.sliding_window is not None):
            raise ValueError(
                f"Layer '{self.name}': `use_causal_mask` and `sliding_window` need steps along one axis, but attention"
                f" acts along {key_axes}. Pass `attention_axes` with one axis."
            )
        found = [
            fitted(mask if mask is None else _of_pairs(mask, name, key_axes), scores, key_axes, name, self)
            for name, mask in given.items()
        ]
        if use_causal_mask:
            found.append(causal(scores[-2], scores[-1]))
        if self.sliding_window is not None:
            found.append(near(scores[-2], scores[-1], self.sliding_window))
        return both(found)

    def _uses_flash(self, dtype: np.dtype, return_attention_scores: bool) -> bool:
        """By the argument, or as the setting of the process asks for it: where the kernel can be used."""
        if self.flash_attention and return_attention_scores:
            raise ValueError(
                f"Layer '{self.name}': Returning attention scores is not supported when flash attention is enabled."
                f" Leave out `flash_attention` to access attention scores."
            )
        if not self._prefers_flash or return_attention_scores:
            return bool(self.flash_attention)
        return dtype in (jnp.float16, jnp.bfloat16) and jax.default_backend() == "gpu"

    # --- shapes ---

    def _check(self, query: ShapeLike, value: ShapeLike, key: ShapeLike) -> tuple[Any, ...]:
        """The shape of the scores.

        Raises:
            ValueError: if the shapes of query, value and key do not fit together.
        """
        received = f"Received: query_shape={query}, value_shape={value}, key_shape={key}"
        rank = len(query)
        if rank < 3 or len(value) != rank or len(key) != rank:
            raise ValueError(
                f"Layer '{self.name}' ({type(self).__name__}) expects query, value and key of one rank, at least"
                f" 3: (batch, steps, features). {received}"
            )
        axes = self._attention_axes(rank)
        if not _agree(value[:-1], key[:-1]):
            raise ValueError(
                f"Layer '{self.name}': All dimensions of `value` and `key`, except the last one, must be equal."
                f" {received}"
            )
        free = [axis for axis in range(1, rank - 1) if axis not in axes]
        if not _agree([query[a] for a in free], [value[a] for a in free]):
            raise ValueError(
                f"Layer '{self.name}': query and value must have equal sizes along the axes {free}, along which there"
                f" is no attention. {received}"
            )
        batch = query[0] if query[0] != 1 else value[0]
        heads = self._sizes()["query"][0]
        return (batch, *(query[a] for a in free), heads, *(query[a] for a in axes), *(value[a] for a in axes))

    def compute_output_shape(
        self, query_shape: ShapeLike, value_shape: ShapeLike, key_shape: ShapeLike | None = None
    ) -> Shape:
        self._check(query_shape, value_shape, value_shape if key_shape is None else key_shape)
        return (*query_shape[:-1], *self._output_sizes(query_shape))

    def compute_output_spec(
        self,
        query: KerasTensor,
        value: KerasTensor,
        key: KerasTensor | None = None,
        return_attention_scores: bool = False,
        **others: object,
    ) -> KerasTensor | tuple[KerasTensor, KerasTensor]:
        scores = self._check(query.shape, value.shape, (value if key is None else key).shape)
        outputs = KerasTensor((*query.shape[:-1], *self._output_sizes(query.shape)), self.compute_dtype)
        return (outputs, KerasTensor(scores, self.compute_dtype)) if return_attention_scores else outputs

    def get_config(self) -> dict[str, Any]:
        regularizer = serialize(self._projection_regularizer)
        config = {**super().get_config(), "activity_regularizer": regularizer}
        policy = quantizing.policies_inside(self)
        return config if policy is None else {**config, "dtype": serialize(policy)}


# Files have the projections under public names.
_NAMES_IN_FILES = {f"_{part}_dense": f"{part}_dense" for part in ("query", "key", "value", "output")}


class _Features(Whole):
    """One size or several; a tuple in the end."""

    def resolve(self, value: object, name: str, owner: Owner) -> Any:
        sizes = value if isinstance(value, (list, tuple)) else (value,)
        return tuple(super(_Features, self).resolve(size, name, owner) for size in sizes)

    def fits(self, value: object, cls: type) -> bool:
        sizes = value if isinstance(value, (list, tuple)) else (value,)
        return all(super(_Features, self).fits(size, cls) for size in sizes)


Features = Annotated[int | Sequence[int], _Features()]
AttentionAxes = Annotated[int | Sequence[int], AxesOf(tuple, one=False)]
FlashAttention = Annotated[bool | None, Plain("true, false or null", bool, in_config=False)]


@layer()
class MultiHeadAttention(Projected):
    """Attention of several heads: `softmax(q @ k.T / sqrt(key_dim)) @ v` of projections q, k, v of query, key, value.

    Vaswani et al. 2017, Attention Is All You Need. The heads' outputs are projected together to the output.

    Shapes: query `(batch, queries, features)`, value and key `(batch, keys, features)` -> `(batch, queries,
    features of the query)`; with further axes, attention acts along `attention_axes`.

    In a stack, `Sequential([..., MultiHeadAttention(2, 16)])` or in `Residual` and `Parallel`, the output of the layer
    before is both query and value: self-attention.

    Args:
        num_heads: number of heads.
        key_dim: features of query and key in each head.
        value_dim: features of the value in each head; default: `key_dim`.
        dropout: share of the attention weights that are dropped in training, from 0 to below 1.
        use_bias: whether the projections have biases.
        output_shape: features of the output, one size or several; default: those of the query.
        attention_axes: axes along which attention acts; default: all but the first and the last.
        sliding_window: a query looks only at keys fewer steps away than this; default: at all.
        flash_attention: True for cuDNN's kernel, which needs an NVIDIA GPU; None for that kernel on a GPU in 16-bit
            floats without dropout, if `config.enable_flash_attention()` was called.
        kernel_initializer, bias_initializer: of the kernels and biases of all projections.
        kernel_regularizer, bias_regularizer: penalties of them, added to the loss; name, callable or None.
        activity_regularizer: penalty of the outputs of each projection.
        kernel_constraint, bias_constraint: functions that they go through after each update; name, callable or None.
        use_gate: whether the heads' outputs are multiplied by `sigmoid` of a projection of the query.
        seed: of the dropout, a whole number; default: drawn from the process' stream.
        **options: `name`, `dtype`, `trainable`, ...: as in `Layer`.

    Call arguments:
        query, value, key: the tensors; the key is the value by default.
        query_mask, value_mask, key_mask: `(batch, steps)`, True where a step counts; default: the masks of the tensors.
            Keras 3.15.1 leaves a `query_mask` that is passed by hand out of account.
        attention_mask: pairs that are allowed, `(batch, queries, keys)` or `(batch, heads, queries, keys)`.
        return_attention_scores: also return the weights `(batch, heads, queries, keys)`, before dropout.
        use_causal_mask: no query looks at later steps.

    A query that may look at no key gets the mean of all values; with `dropout`, `return_attention_scores` or further
    axes it gets 0 (as in Keras). Such outputs are masked themselves as a rule.

    Raises:
        TypeError: for `attention_axes` that are no whole numbers.
        ValueError: for sizes that are no positive integers, a `dropout` out of range, a dropout beside
            `flash_attention`, or query, value and key that do not fit together.

    Example:

    >>> import numpy as np
    >>> MultiHeadAttention(num_heads=2, key_dim=3)(np.ones((2, 5, 4)), np.ones((2, 6, 4))).shape
    (2, 5, 4)
    """

    attributes_in_files = _NAMES_IN_FILES
    num_heads: int
    key_dim: int
    output_shape: tuple[int, ...] | None
    attention_axes: tuple[int, ...] | None

    def __init__(
        self,
        num_heads: Size,
        key_dim: Size,
        value_dim: Count | None = None,
        dropout: Rate = 0.0,
        use_bias: bool = True,
        output_shape: Features | None = None,
        attention_axes: AttentionAxes | None = None,
        sliding_window: Size | None = None,
        flash_attention: FlashAttention = None,
        kernel_initializer: InitializerLike = "glorot_uniform",
        bias_initializer: InitializerLike = "zeros",
        kernel_regularizer: RegularizerLike = None,
        bias_regularizer: RegularizerLike = None,
        activity_regularizer: RegularizerLike = None,
        kernel_constraint: ConstraintLike = None,
        bias_constraint: ConstraintLike = None,
        use_gate: bool = False,
        seed: int | None = None,
        **options: Unpack[Options],
    ):
        super().__init__(activity_regularizer, **options)
        self.value_dim: Count = value_dim or key_dim

    def _sizes(self) -> dict[str, tuple[int, int]]:
        key = (self.num_heads, self.key_dim)
        return {"query": key, "key": key, "value": (self.num_heads, self.value_dim)}

    def _output_sizes(self, query_shape: ShapeLike) -> Shape:
        return self.output_shape or tuple(query_shape[-1:])

    def _attention_axes(self, rank: int) -> tuple[int, ...]:
        if self.attention_axes is None:
            return tuple(range(1, rank - 1))
        axes = resolve_axes(self.name, self.attention_axes, rank)
        if {0, rank - 1} & set(axes):
            raise ValueError(
                f"Layer '{self.name}' (MultiHeadAttention): attention acts neither along the batch axis nor along the"
                f" features. Received: attention_axes={self.attention_axes} for inputs of {rank} dimensions."
            )
        return axes

    def _names(self, rank: int) -> tuple[str, str, str]:
        """Axes of query, of key and of scores as letters; the keys' own in upper case, `Y` the heads."""
        axes = self._attention_axes(rank)
        query = _letters(rank - 1)
        key = "".join(name.upper() if axis in axes else name for axis, name in enumerate(query))
        free = "".join(name for axis, name in enumerate(query) if axis not in axes)
        along = "".join(query[axis] for axis in axes)
        return query, key, f"{free}Y{along}{along.upper()}"

    def _scores(self, query: Tensor, key: Tensor) -> Tensor:
        queries, keys, scores = self._names(query.ndim - 1)
        return jnp.einsum(f"{queries}YZ,{keys}YZ->{scores}", query, key)

    def _gathered(self, weights: Tensor, value: Tensor) -> Tensor:
        queries, keys, scores = self._names(value.ndim - 1)
        return jnp.einsum(f"{scores},{keys}YZ->{queries}YZ", weights, value)


@layer()
class GroupQueryAttention(Projected):
    """Attention of several heads, groups of which share one projection of keys and values.

    Ainslie et al. 2023, GQA. One group per head is multi-head attention, one group in all is multi-query attention.

    Shapes: query `(batch, queries, features)`, value and key `(batch, keys, features)` -> as the query. In a stack it
    is self-attention, as `MultiHeadAttention`.

    Args:
        head_dim: features of each head.
        num_query_heads: number of heads, a multiple of `num_key_value_heads`.
        num_key_value_heads: number of projections of keys and values.
        dropout: share of the attention weights that are dropped in training, from 0 to below 1.
        use_bias: whether the projections have biases.
        sliding_window: a query looks only at keys fewer steps away than this; default: at all.
        flash_attention: True for cuDNN's kernel, which needs an NVIDIA GPU; None for that kernel on a GPU in 16-bit
            floats without dropout, if `config.enable_flash_attention()` was called.
        kernel_initializer, bias_initializer: of the kernels and biases of all projections.
        kernel_regularizer, bias_regularizer: penalties of them, added to the loss; name, callable or None.
        activity_regularizer: penalty of the outputs of each projection.
        kernel_constraint, bias_constraint: functions that they go through after each update; name, callable or None.
        use_gate: whether the heads' outputs are multiplied by `sigmoid` of a projection of the query.
        seed: of the dropout, a whole number; default: drawn from the process' stream.
        **options: `name`, `dtype`, `trainable`, ...: as in `Layer`.

    Call arguments:
        query, value, key: the tensors; the key is the value by default.
        query_mask, value_mask, key_mask: `(batch, steps)`, True where a step counts; default: the masks of the tensors.
            Keras 3.15.1 leaves a `query_mask` that is passed by hand out of account.
        attention_mask: pairs that are allowed, `(batch, queries, keys)` or `(batch, heads, queries, keys)`.
        return_attention_scores: also return the weights `(batch, heads, queries, keys)`, before dropout.
        use_causal_mask: no query looks at later steps.

    A query that may look at no key gets the mean of all values; with `dropout`, `return_attention_scores` or further
    axes it gets 0 (as in Keras). Such outputs are masked themselves as a rule.

    Raises:
        ValueError: for sizes that are no positive integers or numbers of heads that do not divide, a `dropout` out of
            range, a dropout beside `flash_attention`, or query, value and key that do not fit together.

    Example:

    >>> import numpy as np
    >>> GroupQueryAttention(3, num_query_heads=4, num_key_value_heads=2)(np.ones((2, 5, 4)), np.ones((2, 6, 4))).shape
    (2, 5, 4)
    """

    name_in_files = "grouped_query_attention"  # as Keras' class is called inside
    head_dim: int
    num_query_heads: int
    num_key_value_heads: int

    def __init__(
        self,
        head_dim: Size,
        num_query_heads: Size,
        num_key_value_heads: Size,
        dropout: Rate = 0.0,
        use_bias: bool = True,
        sliding_window: Size | None = None,
        flash_attention: FlashAttention = None,
        kernel_initializer: InitializerLike = "glorot_uniform",
        bias_initializer: InitializerLike = "zeros",
        kernel_regularizer: RegularizerLike = None,
        bias_regularizer: RegularizerLike = None,
        activity_regularizer: RegularizerLike = None,
        kernel_constraint: ConstraintLike = None,
        bias_constraint: ConstraintLike = None,
        use_gate: bool = False,
        seed: int | None = None,
        **options: Unpack[Options],
    ):
        # Keras' class has another name inside, which its layers are called after.
        options["name"] = options.get("name") or names.auto_name("GroupedQueryAttention")
        super().__init__(activity_regularizer, **options)
        self.activity_regularizer = activity_regularizer  # Keras counts the output twice in this layer
        if num_query_heads % num_key_value_heads:
            raise ValueError(
                f"Layer '{self.name}': `num_query_heads` must be divisible by `num_key_value_heads`. Received:"
                f" num_query_heads={num_query_heads}, num_key_value_heads={num_key_value_heads}"
            )

    def _sizes(self) -> dict[str, tuple[int, int]]:
        shared = (self.num_key_value_heads, self.head_dim)
        return {"query": (self.num_query_heads, self.head_dim), "key": shared, "value": shared}

    def _scores(self, query: Tensor, key: Tensor) -> Tensor:
        batch, steps, heads, features = query.shape
        grouped = query.reshape(batch, steps, self.num_key_value_heads, -1, features)
        scores = jnp.einsum("atgrf,asgf->agrts", grouped, key)
        return scores.reshape(scores.shape[0], heads, *scores.shape[-2:])

    def _gathered(self, weights: Tensor, value: Tensor) -> Tensor:
        batch, heads, queries, keys = weights.shape
        grouped = weights.reshape(batch, self.num_key_value_heads, -1, queries, keys)
        outputs = jnp.einsum("agrts,asgf->atgrf", grouped, value)
        return outputs.reshape(batch, queries, heads, -1)

    def _check(self, query: ShapeLike, value: ShapeLike, key: ShapeLike) -> tuple[Any, ...]:
        if len(query) != 3 or not _agree(query[-1:], value[-1:]):
            raise ValueError(
                f"Layer '{self.name}': GroupQueryAttention expects tensors of 3 dimensions, and the last dimension of"
                f" query and value must be equal. Received: query_shape={query}, value_shape={value}"
            )
        return super()._check(query, value, key)


def _agree(a: ShapeLike, b: ShapeLike) -> bool:
    """Whether sizes are equal as far as they are known."""
    return len(a) == len(b) and all(m is None or n is None or m == n for m, n in zip(a, b, strict=True))


def _of_pairs(mask: Tensor, name: str, key_axes: int) -> Tensor:
    """A mask of queries or of keys as one of pairs."""
    if name == "attention_mask":
        return mask
    place = mask.ndim if name == "query_mask" else max(mask.ndim - key_axes, 0)
    return mask.reshape(mask.shape[:place] + (1,) * key_axes + mask.shape[place:])


def _unknown(sizes: ShapeLike) -> tuple[None, ...]:
    """As many unknown sizes: the numbers of steps may differ from call to call."""
    return (None,) * len(sizes)


def _letters(number: int) -> str:
    return "abcdefghijklm"[:number]


def _renewed(initializer: Any) -> Callable[..., Tensor]:
    """An equal initializer; without a seed of its own it draws other values than the one that was given."""
    if not hasattr(initializer, "get_config"):
        return initializer
    return type(initializer).from_config(initializer.get_config())
