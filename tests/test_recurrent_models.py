"""Stacks with recurrent layers as people build them: they learn."""

from __future__ import annotations

import numpy as np

import sequax
from sequax import layers


def test_a_gru_classifies_sequences_by_their_trend(rng):
    labels = rng.integers(0, 2, 256)
    slopes = np.where(labels == 1, 1.0, -1.0)[:, None] * np.linspace(0, 1, 12)
    x = (slopes + 0.3 * rng.normal(size=slopes.shape))[..., None].astype("float32")
    model = sequax.Sequential(
        [
            layers.Input((None, 1)),
            layers.GRU(8, dropout=0.1),
            layers.Dense(2, activation="softmax"),
        ]
    )
    model.compile(sequax.optimizers.Adam(0.02), "sparse_categorical_crossentropy", metrics=["accuracy"])
    before = model.evaluate(x, labels, verbose=0)[0]
    model.fit(x, labels, batch_size=8, verbose=0)
    loss, accuracy = model.evaluate(x, labels, verbose=0)
    assert loss < 0.5 * before
    assert accuracy > 0.9


def test_a_bidirectional_lstm_classifies_padded_texts(rng):
    """A text is positive if word 1 stands in it; zeros are padding, whose amount must not matter."""
    texts = rng.integers(2, 20, (256, 10))
    labels = rng.integers(0, 2, 256)
    texts[np.arange(256), rng.integers(0, 4, 256)] = np.where(labels == 1, 1, 2)
    lengths = rng.integers(4, 11, 256)
    texts[np.arange(10) >= lengths[:, None]] = 0
    model = sequax.Sequential(
        [
            layers.Input((None,)),
            layers.Embedding(20, 8, mask_zero=True),
            layers.Bidirectional(layers.LSTM(8)),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(sequax.optimizers.Adam(0.03), "binary_crossentropy")
    before = model.evaluate(texts, labels, verbose=0)
    history = model.fit(texts, labels, batch_size=8, epochs=2, verbose=0).history
    assert history["loss"][1] < history["loss"][0] < before
    longer = np.concatenate([texts, np.zeros((256, 5), texts.dtype)], axis=1)
    np.testing.assert_allclose(
        model.predict(longer[:4], verbose=0), model.predict(texts[:4], verbose=0), rtol=1e-4, atol=1e-5
    )
