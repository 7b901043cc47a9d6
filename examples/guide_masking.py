"""Sequences of different lengths: padding, and masks that travel from layer to layer.

Runs on Keras (`KERAS_BACKEND=jax python examples/guide_masking.py`) and on Sequax (`sequax run ...`); lines with ":"
are equal in both.
"""

import keras
import numpy as np
from keras import layers, ops


def fix_weights(model, seed=0):
    """The same starting weights in any library: NumPy draws them, not the initializers."""
    rng = np.random.default_rng(seed)
    model.set_weights([rng.normal(scale=0.4, size=w.shape) if w.ndim > 1 else w for w in model.get_weights()])
    return model


def show(name, value):
    print(f"{name}: {float(value):.5f}")


# --- padding ---

melodies = [[3, 1, 4], [1, 5, 9, 2, 6], [5, 3], [5, 8, 9, 7]]
for where in ("pre", "post"):
    print(f"padded {where}:", keras.utils.pad_sequences(melodies, padding=where).tolist())
print("cut to three:", keras.utils.pad_sequences(melodies, maxlen=3, truncating="post", padding="post").tolist())
padded = keras.utils.pad_sequences(melodies, padding="post").astype("int32")

# --- where masks come from ---

embedding = layers.Embedding(10, 4, mask_zero=True)
vectors = embedding(padded)
print("mask of the embedding:", np.asarray(embedding.compute_mask(padded)).astype(int).tolist())
signal = np.ones((2, 4, 3), dtype="float32")
signal[0, 2:] = 0
print("mask of values:", np.asarray(layers.Masking().compute_mask(signal)).astype(int).tolist())

# --- what they do: padding must not matter ---

reader = keras.Sequential([keras.Input((None,), dtype="int32"), embedding, layers.LSTM(6), layers.Dense(1)])
fix_weights(reader)
alone = np.concatenate([np.asarray(reader(np.array([melody], dtype="int32"))) for melody in melodies])
together = np.asarray(reader(padded))
print("padded together or each alone:", np.allclose(alone, together, atol=1e-5))
show("LSTM, mean answer", together.mean())

given = keras.Input((None,), dtype="int32")
x = embedding(given)
x = layers.Bidirectional(layers.GRU(4, return_sequences=True))(x)
x = layers.TimeDistributed(layers.Dense(3, activation="tanh"))(x)
graph = keras.Model(given, layers.GlobalAveragePooling1D()(x))
fix_weights(graph, seed=1)
show("GRU both ways and mean over time", np.asarray(graph(padded)).mean())
by_hand = layers.LSTM(6)
by_hand.build((None, None, 4))
by_hand.set_weights(reader.layers[1].get_weights())
vectors = reader.layers[0](padded)
explicit = by_hand(vectors, mask=padded != 0)
print("a mask given by hand does the same:", np.allclose(explicit, reader.layers[1](vectors, mask=padded != 0)))
show("without the mask", np.asarray(by_hand(np.asarray(vectors))).mean())
show("with the mask", np.asarray(explicit).mean())

# --- layers of one's own: make a mask, change it, pass it on, use it ---


class SkipNegative(layers.Layer):
    """Makes a mask: steps whose first number is negative are to be skipped."""

    def compute_mask(self, inputs, mask=None):
        return inputs[..., 0] >= 0

    def call(self, inputs):
        return ops.abs(inputs)


class EverySecond(layers.Layer):
    """Halves the length, so the mask must be halved, too."""

    supports_masking = True

    def compute_mask(self, inputs, mask=None):
        return None if mask is None else mask[:, ::2]

    def call(self, inputs):
        return inputs[:, ::2]


class Scaled(layers.Layer):
    """Changes no lengths: the mask passes through as it is."""

    def __init__(self, factor=2.0, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor
        self.supports_masking = True

    def call(self, inputs):
        return self.factor * inputs


class MaskedMean(layers.Layer):
    """Uses the mask: the mean over the steps that count."""

    supports_masking = True

    def compute_mask(self, inputs, mask=None):
        return None  # behind it there are no steps

    def call(self, inputs, mask=None):
        if mask is None:
            return ops.mean(inputs, axis=1)
        counts = ops.cast(mask, inputs.dtype)[..., None]
        return ops.sum(inputs * counts, axis=1) / ops.maximum(ops.sum(counts, axis=1), 1.0)


series = np.random.default_rng(3).normal(size=(64, 8, 2)).astype("float32")
target = np.where(series[:, ::2, :1] >= 0, np.abs(series[:, ::2, 1:]), 0).sum(axis=1)
chain = keras.Sequential(
    [
        keras.Input((8, 2)),
        SkipNegative(),
        Scaled(0.5),
        EverySecond(),
        layers.GRU(4, return_sequences=True),
        MaskedMean(),
    ]
)
answer = np.asarray(fix_weights(chain, seed=2)(series))
print("chain of masks:", answer.shape)
show("chain of masks, mean", answer.mean())

# --- masks in `fit`: the mask makes the loss skip steps, too ---

tokens = np.random.default_rng(4).integers(1, 6, size=(96, 7))
lengths = np.random.default_rng(5).integers(2, 8, size=96)
tokens[np.arange(7) >= lengths[:, None]] = 0
running = np.cumsum(tokens, axis=1) % 2  # after each step: is the sum so far odd?
tagger = keras.Sequential(
    [
        keras.Input((7,), dtype="int32"),
        layers.Embedding(6, 8, mask_zero=True),
        layers.LSTM(16, return_sequences=True),
        layers.Dense(1, activation="sigmoid"),
    ]
)
fix_weights(tagger, seed=6)
tagger.compile(keras.optimizers.Adam(0.02), "binary_crossentropy", weighted_metrics=["accuracy"])
history = tagger.fit(tokens, running[..., None], batch_size=32, epochs=3, shuffle=False, verbose=0)
show("tagger, loss", history.history["loss"][-1])
show("tagger, evaluated loss", tagger.evaluate(tokens, running[..., None], batch_size=32, verbose=0)[0])
changed = np.where(tokens[..., None] == 0, 1 - running[..., None], running[..., None])
show("tagger, other answers where there is padding", tagger.evaluate(tokens, changed, batch_size=32, verbose=0)[0])

regressor = keras.Sequential([keras.Input((8, 2)), SkipNegative(), EverySecond(), layers.LSTM(8), layers.Dense(1)])
fix_weights(regressor, seed=7)
regressor.compile(keras.optimizers.Adam(0.02), "mse")
history = regressor.fit(series, target, batch_size=16, epochs=4, shuffle=False, verbose=0)
show("regressor, loss", history.history["loss"][-1])
