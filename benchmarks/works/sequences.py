"""Networks over series, texts and films."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from ..workload import Workload, clusters

CLASSES, VOCABULARY = 5, 1_000


def resnet_1d(library: Any) -> Any:
    layers = library.layers

    def conv(x: Any, filters: int, window: int) -> Any:
        return layers.BatchNormalization()(layers.Conv1D(filters, window, padding="same", use_bias=False)(x))

    inputs = x = library.Input((256, 1))
    for filters in (32, 64, 64):
        y = layers.ReLU()(conv(x, filters, 9))
        y = layers.ReLU()(conv(y, filters, 5))
        x = layers.ReLU()(layers.Add()([conv(y, filters, 3), conv(x, filters, 1)]))
    return library.Model(inputs, layers.Dense(CLASSES, activation="softmax")(layers.GlobalAveragePooling1D()(x)))


def wavenet(library: Any, filters: int = 32) -> Any:
    """Gated causal convolutions of growing dilation, with skips; predicts each next value."""
    layers = library.layers

    def conv(x: Any, window: int = 1, **more: Any) -> Any:
        return layers.Conv1D(filters, window, padding="causal", **more)(x)

    inputs = library.Input((256, 1))
    x, skips = conv(inputs), []
    for dilation in (1, 2, 4, 8, 16, 32, 64):
        gate = conv(x, 2, dilation_rate=dilation, activation="sigmoid")
        y = layers.Multiply()([conv(x, 2, dilation_rate=dilation, activation="tanh"), gate])
        skips.append(conv(y))
        x = layers.Add()([x, conv(y)])
    return library.Model(inputs, layers.Conv1D(1, 1)(conv(layers.ReLU()(layers.Add()(skips)), activation="relu")))


def bidirectional(library: Any) -> Any:
    layers = library.layers
    both = [layers.Bidirectional(layers.LSTM(32, return_sequences=more)) for more in (True, False)]
    return library.Sequential([library.Input((60, 16)), *both, layers.Dense(CLASSES, activation="softmax")])


def forecast(library: Any) -> Any:
    return library.Sequential([library.Input((24, 4)), library.layers.GRU(32), library.layers.Dense(1)])


def seq2seq(library: Any, width: int = 64) -> Any:
    """An encoder's state starts the decoder."""
    layers = library.layers
    source, target = (library.Input((20,), dtype="int32") for _ in range(2))
    _, *state = layers.LSTM(width, return_state=True)(layers.Embedding(VOCABULARY, width)(source))
    x = layers.Embedding(VOCABULARY, width)(target)
    x = layers.LSTM(width, return_sequences=True)(x, initial_state=state)
    return library.Model([source, target], layers.Dense(VOCABULARY, activation="softmax")(x))


def transformer(library: Any, length: int = 64, width: int = 64) -> Any:
    """Two causal blocks that predict each next word."""
    layers = library.layers

    class Positions(layers.Layer):
        def build(self, shape: Any) -> None:
            self.table = self.add_weight(shape=shape[1:], initializer="uniform")

        def call(self, inputs: Any) -> Any:
            return inputs + self.table

    inputs = library.Input((length,), dtype="int32")
    x = Positions()(layers.Embedding(VOCABULARY, width)(inputs))
    for _ in range(2):
        y = layers.LayerNormalization()(x)
        x = layers.Add()([x, layers.MultiHeadAttention(4, width // 4)(y, y, use_causal_mask=True)])
        y = layers.Dense(4 * width, activation="gelu")(layers.LayerNormalization()(x))
        x = layers.Add()([x, layers.Dropout(0.1)(layers.Dense(width)(y))])
    return library.Model(inputs, layers.Dense(VOCABULARY, activation="softmax")(layers.LayerNormalization()(x)))


def text_convnet(library: Any) -> Any:
    layers = library.layers
    inputs = library.Input((64,), dtype="int32")
    x = layers.Embedding(VOCABULARY, 64)(inputs)
    widths = (layers.Conv1D(64, window, activation="relu")(x) for window in (3, 4, 5))
    x = layers.Dropout(0.5)(layers.Concatenate()([layers.GlobalMaxPooling1D()(one) for one in widths]))
    return library.Model(inputs, layers.Dense(CLASSES, activation="softmax")(x))


def masked(library: Any) -> Any:
    """Texts of unequal lengths, padded by zeros, that the LSTM skips."""
    layers = library.layers
    stack = [library.Input((64,), dtype="int32"), layers.Embedding(VOCABULARY, 32, mask_zero=True), layers.LSTM(32)]
    return library.Sequential([*stack, layers.Dense(CLASSES, activation="softmax")])


def films(library: Any) -> Any:
    layers = library.layers
    frame = library.Sequential(
        [
            library.Input((24, 24, 3)),
            layers.Conv2D(16, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(32, 3, activation="relu"),
            layers.GlobalAveragePooling2D(),
        ]
    )
    stack = [library.Input((8, 24, 24, 3)), layers.TimeDistributed(frame), layers.LSTM(32)]
    return library.Sequential([*stack, layers.Dense(CLASSES, activation="softmax")])


def conv_lstm(library: Any) -> Any:
    layers = library.layers
    stack = [library.Input((8, 16, 16, 1)), layers.ConvLSTM2D(16, 3, padding="same", return_sequences=True)]
    stack += [layers.BatchNormalization(), layers.ConvLSTM2D(16, 3, padding="same")]
    return library.Sequential([*stack, layers.Conv2D(1, 3, padding="same", activation="sigmoid")])


def waves(rows: int, length: int, outputs: str) -> tuple[np.ndarray, np.ndarray]:
    """Noisy waves of several channels, and what comes next: of all steps, or of the last."""
    channels = 1 if outputs == "steps" else 4
    random = np.random.default_rng(7)
    phase = random.uniform(0, 6, (rows, 1, channels)) + random.uniform(0.1, 0.5, (rows, 1, channels)) * np.arange(
        length + 1
    ).reshape(1, -1, 1)
    x = (np.sin(phase) + 0.1 * random.standard_normal(phase.shape)).astype("float32")
    return x[:, :-1], x[:, 1:] if outputs == "steps" else x[:, -1, :1]


def texts(rows: int, length: int, kind: str) -> tuple[Any, np.ndarray]:
    """Words in order with gaps, and: the next word, the class, or the same words as they are decoded."""
    random = np.random.default_rng(7)
    start, gap = random.integers(1, VOCABULARY, (rows, 1)), random.integers(1, CLASSES + 1, (rows, 1))
    words = (start + gap * np.arange(length + 1)) % (VOCABULARY - 1) + 1
    words = words.astype("int32")
    if kind == "next":
        return words[:, :-1], words[:, 1:]
    if kind == "decoded":
        return [words[:, 1:], words[:, :-1]], words[:, 1:]
    lengths = random.integers(length // 4, length, (rows, 1))
    return np.where(np.arange(length) < lengths, words[:, :-1], 0).astype("int32"), gap[:, 0].astype("int32") - 1


def moving(rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Frames of a drifting pattern, and the next one."""
    first = np.random.default_rng(7).uniform(size=(rows, 1, 16, 16, 1)).astype("float32")
    frames = np.concatenate([np.roll(first, step, 3) for step in range(9)], 1)
    return frames[:, :-1], frames[:, -1]


def sized(name: str, title: str, build: Any, data: Any, loss: str, batch: int) -> Workload:
    return Workload(name, f"{title}, batch {batch}", data, loss, batch, 1, build)


CROSS = "sparse_categorical_crossentropy"
WORKS = (
    sized("resnet_1d", "1-D ResNet, 256 x 256", resnet_1d, partial(clusters, 256, (256, 1), CLASSES), CROSS, 32),
    sized("wavenet", "WaveNet-like dilations, 64 x 256", wavenet, partial(waves, 64, 256, "steps"), "mse", 16),
    sized(
        "bidirectional",
        "2 Bidirectional LSTM, 1,024 x 60 x 16",
        bidirectional,
        partial(clusters, 1_024, (60, 16), CLASSES),
        CROSS,
        32,
    ),
    sized("gru_forecast", "GRU forecast, 4,000 x 24 x 4", forecast, partial(waves, 4_000, 24, "last"), "mse", 32),
    sized("seq2seq", "seq2seq of LSTM, 256 x 20 words", seq2seq, partial(texts, 256, 20, "decoded"), CROSS, 32),
    sized("causal", "causal transformer, 256 x 64 words", transformer, partial(texts, 256, 64, "next"), CROSS, 32),
    sized(
        "text_convnet", "text convnet, 1,024 x 64 words", text_convnet, partial(texts, 1_024, 64, "class"), CROSS, 32
    ),
    sized("masked_lstm", "LSTM over masked texts, 512 x 64", masked, partial(texts, 512, 64, "class"), CROSS, 32),
    sized(
        "time_distributed",
        "TimeDistributed convnet and LSTM, 96 films",
        films,
        partial(clusters, 96, (8, 24, 24, 3), CLASSES),
        CROSS,
        16,
    ),
    sized("conv_lstm", "2 ConvLSTM2D, 32 films of 8x16x16", conv_lstm, partial(moving, 32), "mse", 16),
)
