"""`Embedding`: a row of a table for every index; `ReversibleEmbedding` also the way back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Unpack

import jax.numpy as jnp
import numpy as np

from .. import kernels
from ..adapters.contraction import Contraction
from ..adapters.quantized import Scaled
from ..core import dtypes, lookups, masks, scope, settings
from ..core.constructor import CommonOptions
from ..core.kinds import (
    ConstraintLike,
    DtypeLike,
    InitializerLike,
    LowRankAlpha,
    LowRankSize,
    Number,
    QuantizationLike,
    RegularizerLike,
    Size,
    StartingWeights,
)
from ..core.tensor import KerasTensor
from ..core.types import Shape, ShapeLike, Tensor
from ..core.variable import Variable
from ..core.warning import warn
from .base import ActivityListed
from .catalogue import layer
from .quantized import Kept, QuantizableWeight


class EmbeddingOptions(CommonOptions, total=False):
    """Further keyword arguments of `Embedding`; `input_length` is one of older code."""

    activity_regularizer: RegularizerLike
    input_length: int | None


class ReversibleEmbeddingOptions(EmbeddingOptions, total=False):
    """Those that `ReversibleEmbedding` hands on to `Embedding`."""

    weights: StartingWeights
    lora_rank: LowRankSize
    lora_alpha: LowRankAlpha
    quantization_config: QuantizationLike


@layer()
class Embedding(ActivityListed, QuantizableWeight):
    """Looks up a trained vector for every whole number: `outputs[..., :] = embeddings[inputs[...]]`.

    Shapes: `(batch, ...)` of whole numbers from 0 to `input_dim` - 1 -> `(batch, ..., output_dim)`.

    An index outside of the table is an error that names the layer and the index. `fit`, `evaluate` and `predict` raise
    it before the first step where the index comes from the data as it is, else after the step that looked it up; own
    compiled programs get NaN. With `sequax.config.set_data_checks(False)` indices below zero count from the end.

    Args:
        input_dim: number of rows, the largest index plus one.
        output_dim: length of a row.
        embeddings_initializer: of the table; default: uniform between -0.05 and 0.05.
        embeddings_regularizer: penalty of the table, added to the loss; name, callable or None.
        embeddings_constraint: function that the table goes through after each update; name, callable or None.
        mask_zero: whether index 0 means padding, which later layers then skip.
        weights: the table itself, as an array or a list of one array; the layer is then built at once.
        lora_rank, lora_alpha: `enable_lora(lora_rank, lora_alpha)` when the layer is built; None: not.
        quantization_config: how `dtype="int8_from_float32"` and the like quantize; None: the usual way.
        **options: `name`, `dtype`, `trainable`, ...: as in `Layer`. `input_length`, of older code, has no effect.

    Raises:
        ValueError: if a size is no positive integer.

    Example:

    >>> import numpy as np
    >>> Embedding(input_dim=10, output_dim=4)(np.array([[1, 2, 3]])).shape
    (1, 3, 4)
    """

    adapted_weight = "embeddings"
    embeddings: Variable = Kept()  # type: ignore[assignment]
    kept_as = "table"
    input_dim: int
    output_dim: int
    mask_zero: bool
    embeddings_initializer: Callable[..., Tensor]

    def __init__(
        self,
        input_dim: Size,
        output_dim: Size,
        embeddings_initializer: InitializerLike = "uniform",
        embeddings_regularizer: RegularizerLike = None,
        embeddings_constraint: ConstraintLike = None,
        mask_zero: bool = False,
        weights: StartingWeights = None,
        lora_rank: LowRankSize = None,
        lora_alpha: LowRankAlpha = None,
        quantization_config: QuantizationLike = None,
        **options: Unpack[EmbeddingOptions],
    ):
        if options.pop("input_length", None) is not None:
            warn("Embedding: `input_length` has no effect. Remove it; the length comes from the data.")
        super().__init__(**options)
        self.autocast = False  # float16 has no 2049: an index would become that of another row
        self.supports_masking = mask_zero
        if weights is not None:
            self.build(None)
            self.set_weights([np.asarray(w) for w in weights] if isinstance(weights, (list, tuple)) else [weights])

    def build(self, input_shape: ShapeLike | None = None) -> None:
        if self.built:  # by `weights`
            return
        self.add_adapted((self.input_dim, self.output_dim))
        self.adapt_from_start()

    def call(self, inputs: Tensor) -> Tensor:
        inputs, who = jnp.asarray(inputs), f"{type(self).__name__} '{self.name}'"
        if jnp.issubdtype(inputs.dtype, jnp.floating) and self.input_dim > (most := _exact(inputs.dtype)):
            raise ValueError(
                f"{who} gets its indices as {inputs.dtype}, which holds whole numbers up to {most} only, and has"
                f" input_dim={self.input_dim}: larger ones would become others. Let them be whole numbers all the way,"
                f" beginning with `Input(..., dtype='int32')`."
            )
        indices = inputs.astype("int32")
        checked = settings.data_checks()
        if checked:
            lookups.check(indices, self.input_dim, who)
        rows = self.adapted.product(lambda i, table: kernels.embedding(table, i, from_end=not checked), indices)
        return rows.astype(self.compute_dtype)

    @property
    def input_dtype(self) -> str:
        """Of an `Input` that is made for this layer: as in Keras, unless that does not hold all indices."""
        enough = (t for t in (self.compute_dtype, "float32") if self.input_dim <= _exact(dtypes.jnp_dtype(t)))
        return next(enough, "int32")

    @property
    def index_limit(self) -> int:
        """Inputs are whole numbers below this one."""
        return self.input_dim

    def compute_mask(self, inputs: Tensor | np.ndarray, mask: Tensor | None = None) -> Tensor | None:
        return jnp.not_equal(inputs, 0) if self.mask_zero else None

    def compute_output_shape(self, input_shape: ShapeLike) -> Shape:
        return (*input_shape, self.output_dim)


def _exact(dtype: np.dtype) -> int:
    """Up to here a floating dtype holds all whole numbers."""
    return 2 ** (jnp.finfo(dtype).nmant + 1)


@layer()
class ReversibleEmbedding(Embedding):
    """An embedding that can also score vectors against all rows of its table, as at the end of a language model.

    `layer(indices)` looks up rows, as `Embedding`. `layer(vectors, reverse=True)` gives logits,
    `vectors @ embeddings.T` (Press and Wolf 2017, Using the Output Embedding to Improve Language Models), or
    `vectors @ reverse_embeddings` where the weights are not tied.

    Shapes: `(batch, ...)` of whole numbers -> `(batch, ..., output_dim)`; reverse: `(batch, ..., output_dim)` ->
    `(batch, ..., input_dim)`. Logits carry no mask.

    Args:
        input_dim: number of rows, the largest index plus one.
        output_dim: length of a row.
        tie_weights: whether both ways share one table; else there is a second one, `(output_dim, input_dim)`.
        embeddings_initializer: of the tables; default: uniform between -0.05 and 0.05.
        embeddings_regularizer: penalty of the first table, added to the loss; name, callable or None.
        embeddings_constraint: function that the first table goes through after each update; name, callable or None.
        mask_zero: whether index 0 means padding, which later layers then skip.
        reverse_dtype: in which logits are computed; default: that of the table, float32 under a mixed policy.
        logit_soft_cap: logits are brought between `-cap` and `cap` by `cap * tanh(logits / cap)` (Gemma 2, 2024).
        **options: `weights`, `name`, `dtype`, `trainable`, ...: as in `Embedding`.

    Raises:
        ValueError: if a size is no positive integer, or `reverse_dtype` no dtype.

    Example:

    >>> import numpy as np
    >>> layer = ReversibleEmbedding(input_dim=10, output_dim=4)
    >>> layer(layer(np.array([[1, 2, 3]])), reverse=True).shape
    (1, 3, 10)
    """

    kept_as = "two ways"
    backwards: Scaled  # how a table that both ways share is multiplied
    tie_weights: bool
    reverse_dtype: str | None
    logit_soft_cap: float | None

    def __init__(
        self,
        input_dim: Size,
        output_dim: Size,
        tie_weights: bool = True,
        embeddings_initializer: InitializerLike = "uniform",
        embeddings_regularizer: RegularizerLike = None,
        embeddings_constraint: ConstraintLike = None,
        mask_zero: bool = False,
        reverse_dtype: DtypeLike | None = None,
        logit_soft_cap: Number | None = None,
        **options: Unpack[ReversibleEmbeddingOptions],
    ):
        of_table = (embeddings_initializer, embeddings_regularizer, embeddings_constraint)
        super().__init__(input_dim, output_dim, *of_table, mask_zero, **options)

    def build(self, input_shape: ShapeLike | None = None) -> None:
        if self.built:
            return
        super().build(input_shape)
        if not self.tie_weights and not hasattr(self, "reverse_embeddings"):
            self.reverse_embeddings: Variable = self.add_weight(
                (self.output_dim, self.input_dim),
                self.embeddings_initializer,
                name="reverse_embeddings",  # as in Keras, neither penalised nor constrained
            )

    def call(self, inputs: Tensor, reverse: bool = False) -> Tensor:
        if not reverse:
            return super().call(inputs)
        if self._is_quantized:
            logits = self._quantized_logits(jnp.asarray(inputs, dtypes.jnp_dtype(self.compute_dtype)))
        else:
            with scope.calling(None):  # the stored table, not its copy in the compute dtype
                table = self.adapted.value.T if self.tie_weights else self.reverse_embeddings.value
            dtype = dtypes.jnp_dtype(self._dtype_of_logits())
            logits = jnp.matmul(jnp.asarray(inputs, dtype), table.astype(dtype))
        if self.logit_soft_cap:
            logits = jnp.tanh(logits / self.logit_soft_cap) * self.logit_soft_cap
        masks.put(logits, masks.Dropped(self.name))  # `compute_mask` is for indices
        return logits

    def contraction(self) -> Contraction:
        """Of the way back."""
        return Contraction("d", "vd", "v", "v") if self.tie_weights else Contraction("d", "dv", "v", "v")

    def _quantized_logits(self, inputs: Tensor) -> Tensor:
        if not self.tie_weights:
            return self.reverse_embeddings.product(jnp.matmul, inputs)
        logits, low_rank = self.backwards.product(_against_rows, inputs, self.adapted.stored_value), self._low_rank
        if low_rank is None:
            return logits
        a, b = (part.value.astype(inputs.dtype) for part in low_rank.variables)
        return logits + low_rank.scale * (inputs @ b.T) @ a.T

    def _dtype_of_logits(self) -> str:
        return self.compute_dtype if self._is_quantized else self.reverse_dtype or self.variable_dtype

    def compute_output_shape(self, input_shape: ShapeLike, reverse: bool = False) -> Shape:
        return (*input_shape[:-1], self.input_dim) if reverse else super().compute_output_shape(input_shape)

    def compute_output_spec(self, inputs: KerasTensor, reverse: bool = False) -> KerasTensor:
        dtype = self._dtype_of_logits() if reverse else self.compute_dtype
        return KerasTensor(self.compute_output_shape(inputs.shape, reverse), dtype)


def _against_rows(inputs: Tensor, table: Tensor, **options: Any) -> Tensor:
    return jnp.matmul(inputs, table.T, **options)
