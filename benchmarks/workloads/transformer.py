"""One encoder block of a transformer over embedded words: attention, two dense layers, normalization after each."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from ..workload import Workload, glorot
from .shared.texts import VOCABULARY, texts

ROWS, LENGTH, WIDTH, HEADS, HIDDEN = 1024, 64, 128, 4, 512
BATCH, EPOCHS, EPSILON = 32, 1, 1e-6


def keras(library: Any) -> Any:
    layers = library.layers

    class Encoder(layers.Layer):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.attention = layers.MultiHeadAttention(HEADS, WIDTH // HEADS)
            self.hidden, self.output_layer = layers.Dense(HIDDEN, activation="gelu"), layers.Dense(WIDTH)
            self.first_norm = layers.LayerNormalization(epsilon=EPSILON)
            self.second_norm = layers.LayerNormalization(epsilon=EPSILON)

        def build(self, input_shape: Any) -> None:
            self.attention.build(input_shape, input_shape)
            self.hidden.build(input_shape)
            self.output_layer.build((*input_shape[:-1], HIDDEN))
            self.first_norm.build(input_shape)
            self.second_norm.build(input_shape)

        def call(self, inputs: Any) -> Any:
            x = self.first_norm(inputs + self.attention(inputs, inputs))
            return self.second_norm(x + self.output_layer(self.hidden(x)))

    return library.Sequential(
        [
            library.Input((LENGTH,), dtype="int32"),
            layers.Embedding(VOCABULARY, WIDTH),
            Encoder(),
            layers.GlobalAveragePooling1D(),
            layers.Dense(1, activation="sigmoid"),
        ]
    )


def torch() -> Any:
    from torch import nn

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embedding = nn.Embedding(VOCABULARY, WIDTH)
            self.encoder = nn.TransformerEncoderLayer(
                WIDTH, HEADS, HIDDEN, dropout=0.0, activation="gelu", layer_norm_eps=EPSILON, batch_first=True
            )
            self.last = nn.Linear(WIDTH, 1)

        def forward(self, x: Any) -> Any:
            return self.last(self.encoder(self.embedding(x)).mean(1))

    return Model()


def jax(random: np.random.Generator) -> Any:
    import jax.numpy as jnp
    from jax import nn

    from .shared.jax_layers import dense, dense_params, layer_norm, layer_norm_params

    sizes = {"qkv": (WIDTH, 3 * WIDTH), "mixed": (WIDTH, WIDTH), "hidden": (WIDTH, HIDDEN), "output": (HIDDEN, WIDTH)}
    params = {name: dense_params(random, *size) for name, size in {**sizes, "last": (WIDTH, 1)}.items()}
    params |= {"first_norm": layer_norm_params(WIDTH), "second_norm": layer_norm_params(WIDTH)}
    params["embedding"] = glorot(random, VOCABULARY, WIDTH)

    def attention(params: Any, x: Any) -> Any:
        packed = dense(params["qkv"], x).reshape(*x.shape[:2], 3, HEADS, WIDTH // HEADS)
        query, key, value = jnp.moveaxis(packed, 2, 0)
        scores = nn.softmax(jnp.einsum("bqhd,bkhd->bhqk", query, key) * (WIDTH // HEADS) ** -0.5)
        return dense(params["mixed"], jnp.einsum("bhqk,bkhd->bqhd", scores, value).reshape(x.shape))

    def apply(params: Any, x: Any, training: bool, key: Any) -> Any:
        x = params["embedding"][x]
        x = layer_norm(params["first_norm"], x + attention(params, x))
        hidden = nn.gelu(dense(params["hidden"], x), approximate=False)
        return dense(params["last"], layer_norm(params["second_norm"], x + dense(params["output"], hidden)).mean(1))

    return params, apply


def flax() -> Any:
    from flax import nnx

    class Model(nnx.Module):
        def __init__(self, rngs: Any) -> None:
            self.embedding = nnx.Embed(VOCABULARY, WIDTH, rngs=rngs)
            self.attention = nnx.MultiHeadAttention(HEADS, WIDTH, decode=False, rngs=rngs)
            self.first_norm = nnx.LayerNorm(WIDTH, epsilon=EPSILON, rngs=rngs)
            self.hidden = nnx.Linear(WIDTH, HIDDEN, rngs=rngs)
            self.output = nnx.Linear(HIDDEN, WIDTH, rngs=rngs)
            self.second_norm = nnx.LayerNorm(WIDTH, epsilon=EPSILON, rngs=rngs)
            self.last = nnx.Linear(WIDTH, 1, rngs=rngs)

        def __call__(self, x: Any, training: bool) -> Any:
            x = self.embedding(x)
            x = self.first_norm(x + self.attention(x))
            x = self.second_norm(x + self.output(nnx.gelu(self.hidden(x), approximate=False)))
            return self.last(x.mean(1))

    return Model(nnx.Rngs(0))


WORKLOAD = Workload(
    "transformer",
    f"{ROWS:,} texts of {LENGTH} words, encoder block of width {WIDTH}, batch {BATCH}, {EPOCHS} epoch",
    partial(texts, ROWS, LENGTH),
    "binary_crossentropy",
    BATCH,
    EPOCHS,
    keras,
    torch,
    jax,
    flax,
)
