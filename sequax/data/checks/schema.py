"""What checks know of a model, and of the losses by name."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

SPARSE = {"sparse_categorical_crossentropy"}
CATEGORICAL = {"categorical_crossentropy", "categorical_focal_crossentropy"}
BINARY = {"binary_crossentropy", "binary_focal_crossentropy"}
REGRESSION = {
    "mean_squared_error", "mean_absolute_error", "mean_absolute_percentage_error", "mean_squared_logarithmic_error",
    "huber", "log_cosh", "cosine_similarity", "poisson",
}  # fmt: skip
HINGE = {"hinge", "squared_hinge"}
SAME_SHAPE = REGRESSION | BINARY | HINGE | {"categorical_hinge", "kl_divergence", "dice", "tversky"}
# What targets may be where a loss means something; beyond, it would train on another thing, or climb.
RANGES = {
    "poisson": (0.0, math.inf, "counts and rates must not be negative"),
    "dice": (0.0, 1.0, "make them one column of 0 and 1 for each class, e.g. with to_categorical"),
    "tversky": (0.0, 1.0, "make them one column of 0 and 1 for each class, e.g. with to_categorical"),
    "hinge": (-1.0, 1.0, "labels are -1 and 1, or 0 and 1; for more classes use categorical_hinge with one-hot rows"),
    "squared_hinge": (-1.0, 1.0, "labels are -1 and 1, or 0 and 1"),
}
ACCURACIES = {"accuracy", "acc", "binary_accuracy", "categorical_accuracy", "sparse_categorical_accuracy"}
UNBOUNDED = {"linear", "relu", "relu6", "leaky_relu", "elu", "selu", "gelu", "silu", "swish", "softplus", "tanh"}


@dataclass(frozen=True)
class IndexedPart:
    """A part of an input, `x[key]`, that an Embedding reads: its `input_dim`, and its name."""

    key: tuple[Any, ...]
    index_limit: int
    layer: str


@dataclass(frozen=True)
class InputSchema:
    """What a model says about one input; `shape` has the batch first and None where any size will do."""

    name: str
    shape: tuple[int | None, ...] | None
    dtype: str = "float32"
    index_limit: int | None = None  # `input_dim`, when an Embedding reads the values of the input
    layer: str | None = None  # the name of that Embedding
    indexed_parts: tuple[IndexedPart, ...] = ()  # those that an Embedding reads when the whole is not indices


@dataclass(frozen=True)
class OutputSchema:
    """What a model and `compile` say about one output; `loss` is None for a user's function or no loss."""

    name: str
    shape: tuple[int | None, ...]
    loss: str | None = None
    from_logits: bool = False
    activation: str | None = None  # the last activation, None when unknown
    ignore_class: int | None = None
    metrics: tuple[str, ...] = ()
    binary_metrics: tuple[str, ...] = ()  # those for which every label but 0 is positive
    binary_accuracy: str | None = None  # the metric that compares labels with 0 and 1

    @property
    def units(self) -> int | None:
        return self.shape[-1] if len(self.shape) > 1 else 1
