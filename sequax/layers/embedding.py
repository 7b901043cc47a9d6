"""`Embedding`: a row of a table for every index."""

from __future__ import annotations

import warnings
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .. import constraints, initializers, kernels, regularizers
from ..core.layer import Layer
from .arguments import positive_integer, refuse_unavailable
from .catalogue import layer


@layer()
class Embedding(Layer):
    """Looks up a trained vector for every whole number: `outputs[..., :] = embeddings[inputs[...]]`.

    Shapes: `(batch, ...)` of whole numbers from 0 to `input_dim` - 1 -> `(batch, ..., output_dim)`.

    An index outside of the table gives NaN, an index below zero counts from the end: `fit`, `evaluate` and `predict`
    refuse such data before they get here.

    Args:
        input_dim: number of rows, the largest index plus one.
        output_dim: length of a row.
        mask_zero: whether index 0 means padding, which layers behind it then skip.
        weights: the table itself, as an array or a list of one array.

    Example:

    >>> import numpy as np
    >>> Embedding(input_dim=10, output_dim=4)(np.array([[1, 2, 3]])).shape
    (1, 3, 4)
    """

    _not_in_config = frozenset({"weights", "lora_rank", "lora_alpha"})

    def __init__(
        self,
        input_dim: Any,
        output_dim: Any,
        embeddings_initializer: Any = "uniform",
        embeddings_regularizer: Any = None,
        embeddings_constraint: Any = None,
        mask_zero: bool = False,
        weights: Any = None,
        lora_rank: Any = None,
        lora_alpha: Any = None,
        quantization_config: Any = None,
        **kwargs: Any,
    ):
        if kwargs.pop("input_length", None) is not None:
            warnings.warn(
                "Embedding: `input_length` has no effect. Remove it; the length comes from the data.",
                UserWarning,
                stacklevel=2,
            )
        super().__init__(**kwargs)
        refuse_unavailable(self, lora_rank=lora_rank, lora_alpha=lora_alpha, quantization_config=quantization_config)
        self.input_dim = positive_integer("Embedding", "input_dim", input_dim)
        self.output_dim = positive_integer("Embedding", "output_dim", output_dim)
        self.embeddings_initializer = initializers.get(embeddings_initializer)
        self.embeddings_regularizer = regularizers.get(embeddings_regularizer)
        self.embeddings_constraint = constraints.get(embeddings_constraint)
        self.mask_zero = mask_zero
        self.supports_masking = mask_zero
        self.quantization_config = None
        if weights is not None:
            self.build(None)
            self.set_weights([np.asarray(w) for w in weights] if isinstance(weights, (list, tuple)) else [weights])

    def build(self, input_shape: Any = None) -> None:
        self.embeddings = self.add_weight(
            (self.input_dim, self.output_dim),
            self.embeddings_initializer,
            regularizer=self.embeddings_regularizer,
            constraint=self.embeddings_constraint,
            name="embeddings",
        )

    def call(self, inputs: Any) -> jax.Array:
        return kernels.embedding(self.embeddings.value, jnp.asarray(inputs).astype("int32"))

    def compute_mask(self, inputs: Any, mask: Any = None) -> jax.Array | None:
        return jnp.not_equal(inputs, 0) if self.mask_zero else None

    def compute_output_shape(self, input_shape: Any) -> tuple:
        return (*input_shape, self.output_dim)

    def get_config(self) -> dict[str, Any]:
        return {"activity_regularizer": None, **super().get_config()}
