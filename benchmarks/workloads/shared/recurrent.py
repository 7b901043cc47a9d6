"""Text classifiers: an embedding, one recurrent layer, one output. Texts have one length, so nothing is masked.

PyTorch's LSTM has a second bias vector, which adds nothing to its formula; Flax's GRU has none within the reset gate.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from ...workload import Workload, glorot
from .texts import VOCABULARY, texts

BATCH, EPOCHS, WIDTH = 32, 1, 128


def keras(cell: str, length: int, units: int, library: Any) -> Any:
    layers = library.layers
    return library.Sequential(
        [
            library.Input((length,), dtype="int32"),
            layers.Embedding(VOCABULARY, WIDTH),
            getattr(layers, cell)(units),
            layers.Dense(1, activation="sigmoid"),
        ]
    )


def torch(cell: str, units: int) -> Any:
    from torch import nn

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embedding = nn.Embedding(VOCABULARY, WIDTH)
            self.recurrent = getattr(nn, cell)(WIDTH, units, batch_first=True)
            self.last = nn.Linear(units, 1)

        def forward(self, x: Any) -> Any:
            return self.last(self.recurrent(self.embedding(x))[0][:, -1])

    return Model()


def jax(cell: str, units: int, random: np.random.Generator) -> Any:
    from . import jax_layers as layers

    recurrent_params, recurrent = getattr(layers, f"{cell.lower()}_params"), getattr(layers, cell.lower())
    params = {
        "embedding": glorot(random, VOCABULARY, WIDTH),
        "recurrent": recurrent_params(random, WIDTH, units),
        "last": layers.dense_params(random, units, 1),
    }

    def apply(params: Any, x: Any, training: bool, key: Any) -> Any:
        return layers.dense(params["last"], recurrent(params["recurrent"], params["embedding"][x]))

    return params, apply


def flax(cell: str, units: int) -> Any:
    from flax import nnx

    class Model(nnx.Module):
        def __init__(self, rngs: Any) -> None:
            layer = {"LSTM": nnx.OptimizedLSTMCell, "GRU": nnx.GRUCell}[cell]
            self.embedding = nnx.Embed(VOCABULARY, WIDTH, rngs=rngs)
            self.recurrent = nnx.RNN(layer(WIDTH, units, rngs=rngs))
            self.last = nnx.Linear(units, 1, rngs=rngs)

        def __call__(self, x: Any, training: bool) -> Any:
            return self.last(self.recurrent(self.embedding(x))[:, -1])

    return Model(nnx.Rngs(0))


def text_classifier(name: str, cell: str, length: int, rows: int, units: int = 64) -> Workload:
    """`cell` is "LSTM" or "GRU"."""
    return Workload(
        name,
        f"{rows} texts of {length} words, {cell}({units}), batch {BATCH}, {EPOCHS} epoch",
        partial(texts, rows, length),
        "binary_crossentropy",
        BATCH,
        EPOCHS,
        partial(keras, cell, length, units),
        partial(torch, cell, units),
        partial(jax, cell, units),
        partial(flax, cell, units),
    )
