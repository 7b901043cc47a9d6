"""The mean of the words of a text, then two dense layers: updating a large embedding is nearly all the work."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from ..workload import Workload, glorot
from .shared.texts import VOCABULARY, texts

ROWS, LENGTH, WIDTH, HIDDEN = 4_096, 80, 128, 16
BATCH, EPOCHS = 64, 2


def keras(library: Any) -> Any:
    layers = library.layers
    return library.Sequential(
        [
            library.Input((LENGTH,), dtype="int32"),
            layers.Embedding(VOCABULARY, WIDTH),
            layers.GlobalAveragePooling1D(),
            layers.Dense(HIDDEN, activation="relu"),
            layers.Dense(1, activation="sigmoid"),
        ]
    )


def torch() -> Any:
    from torch import nn

    bag = nn.EmbeddingBag(VOCABULARY, WIDTH, mode="mean")
    return nn.Sequential(bag, nn.Linear(WIDTH, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 1))


def jax(random: np.random.Generator) -> Any:
    from jax import nn

    from .shared.jax_layers import dense, dense_params

    params = {
        "embedding": glorot(random, VOCABULARY, WIDTH),
        "hidden": dense_params(random, WIDTH, HIDDEN),
        "last": dense_params(random, HIDDEN, 1),
    }

    def apply(params: Any, x: Any, training: bool, key: Any) -> Any:
        return dense(params["last"], nn.relu(dense(params["hidden"], params["embedding"][x].mean(1))))

    return params, apply


def flax() -> Any:
    from flax import nnx

    class Model(nnx.Module):
        def __init__(self, rngs: Any) -> None:
            self.embedding = nnx.Embed(VOCABULARY, WIDTH, rngs=rngs)
            self.hidden = nnx.Linear(WIDTH, HIDDEN, rngs=rngs)
            self.last = nnx.Linear(HIDDEN, 1, rngs=rngs)

        def __call__(self, x: Any, training: bool) -> Any:
            return self.last(nnx.relu(self.hidden(self.embedding(x).mean(1))))

    return Model(nnx.Rngs(0))


WORKLOAD = Workload(
    "embedding",
    f"{ROWS:,} texts of {LENGTH} words, mean of embeddings, batch {BATCH}, {EPOCHS} epochs",
    partial(texts, ROWS, LENGTH),
    "binary_crossentropy",
    BATCH,
    EPOCHS,
    keras,
    torch,
    jax,
    flax,
)
