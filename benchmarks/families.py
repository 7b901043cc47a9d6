"""One row per family of layers: forward and backward inside `fit`, at sizes where the layer is most of the work.

Each model is `Scale -> the layer -> mean over positions -> Dense(1)`; `Scale` has weights, so that the layer has to
give the gradient of its input, too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from .workload import Workload

Layers = Callable[[Any], list[Any]]


class Family(NamedTuple):
    """`layers` gets the layer namespace of a library; `shape` is that of one sample."""

    name: str
    layers: Layers
    shape: tuple[int, ...]
    rows: int = 256
    batch: int = 32
    epochs: int = 4  # several, so that moving the data to the device is a small part
    indices: int | None = None  # draw whole numbers below this in place of floats

    def workload(self) -> Workload:
        title = f"{self.name} {self.shape}"
        return Workload(
            f"family:{self.name}",
            title,
            self.data,
            "mse",
            self.batch,
            self.epochs,
            self.build,
            optimizer="sgd",  # its update is the least beside the layer
            rounds=5,
        )

    def build(self, keras: Any) -> Any:
        stack = [keras.Input(self.shape, dtype="int32" if self.indices else "float32")]
        stack += [] if self.indices else [scale(keras)]
        stack += self.layers(keras.layers)
        model = keras.Sequential(stack)
        rank = len(model.output_shape)
        if rank > 2:
            model.add(getattr(keras.layers, f"GlobalAveragePooling{rank - 2}D")())
        model.add(keras.layers.Dense(1))
        return model

    def data(self) -> tuple[np.ndarray, np.ndarray]:
        random = np.random.default_rng(7)
        shape = (self.rows, *self.shape)
        indices = random.integers(0, self.indices, shape, "int32") if self.indices else None
        x = random.normal(size=shape).astype("float32") if indices is None else indices
        return x, random.normal(size=(self.rows, 1)).astype("float32")


def scale(keras: Any) -> Any:
    class Scale(keras.layers.Layer):
        def build(self, input_shape: Sequence[int]) -> None:
            self.factor = self.add_weight(shape=(input_shape[-1],), initializer="ones")

        def call(self, inputs: Any) -> Any:
            return inputs * self.factor

    return Scale()


IMAGE, WIDE, SERIES, TEXT = (32, 32, 16), (16, 16, 64), (80, 32), (80,)

FAMILIES = (
    Family("Dense", lambda L: [L.Dense(256, activation="relu")], (256,), rows=2048, batch=128),
    Family("EinsumDense", lambda L: [L.EinsumDense("abc,cd->abd", (None, 64), bias_axes="d")], (64, 64)),
    Family("Embedding", lambda L: [L.Embedding(20_000, 64)], TEXT, indices=20_000),
    Family("Conv1D", lambda L: [L.Conv1D(64, 5, padding="same")], (128, 32)),
    Family("Conv2D 3x3", lambda L: [L.Conv2D(32, 3, padding="same")], IMAGE),
    Family("Conv2D 1x1", lambda L: [L.Conv2D(64, 1)], WIDE),
    Family("Conv2D stride 2", lambda L: [L.Conv2D(64, 3, strides=2, padding="same")], IMAGE),
    Family("Conv2D dilated", lambda L: [L.Conv2D(32, 3, dilation_rate=2)], IMAGE),
    Family("Conv2D groups", lambda L: [L.Conv2D(32, 3, groups=4, padding="same")], IMAGE, rows=64),
    Family("Conv3D", lambda L: [L.Conv3D(16, 3, padding="same")], (8, 16, 16, 8), rows=64),
    Family("Conv2DTranspose", lambda L: [L.Conv2DTranspose(16, 3, strides=2, padding="same")], (16, 16, 32)),
    Family("DepthwiseConv2D", lambda L: [L.DepthwiseConv2D(3, padding="same")], WIDE),
    Family("SeparableConv2D", lambda L: [L.SeparableConv2D(64, 3, padding="same")], WIDE),
    Family("MaxPooling2D 2x2", lambda L: [L.MaxPooling2D(2)], IMAGE),
    Family("MaxPooling2D 3x3 stride 2", lambda L: [L.MaxPooling2D(3, 2, padding="same")], IMAGE),
    Family("AveragePooling2D", lambda L: [L.AveragePooling2D(2)], IMAGE),
    Family("AdaptiveMaxPooling2D", lambda L: [L.AdaptiveMaxPooling2D(5)], IMAGE),
    Family("BatchNormalization", lambda L: [L.BatchNormalization()], IMAGE),
    Family("LayerNormalization", lambda L: [L.LayerNormalization()], (64, 256)),
    Family("GroupNormalization", lambda L: [L.GroupNormalization(4)], IMAGE),
    Family("RMSNormalization", lambda L: [L.RMSNormalization()], (64, 256)),
    Family("UnitNormalization", lambda L: [L.UnitNormalization()], (64, 256)),
    Family("SpectralNormalization", lambda L: [L.SpectralNormalization(L.Conv2D(32, 3))], (16, 16, 16)),
    Family("Dropout", lambda L: [L.Dropout(0.3)], (64, 256)),
    Family("SpatialDropout2D", lambda L: [L.SpatialDropout2D(0.3)], IMAGE),
    Family("GaussianNoise", lambda L: [L.GaussianNoise(0.3)], (64, 256)),
    Family("AlphaDropout", lambda L: [L.AlphaDropout(0.3)], (64, 256)),
    Family("PReLU", lambda L: [L.PReLU()], (64, 256)),
    Family("Activation gelu", lambda L: [L.Activation("gelu")], (64, 256)),
    Family("Softmax", lambda L: [L.Softmax()], (64, 256)),
    Family("UpSampling2D bilinear", lambda L: [L.UpSampling2D(2, interpolation="bilinear")], (16, 16, 16)),
    Family("ZeroPadding2D, Cropping2D", lambda L: [L.ZeroPadding2D(2), L.Cropping2D(1)], IMAGE),
    Family("SimpleRNN", lambda L: [L.SimpleRNN(64)], SERIES),
    Family("GRU", lambda L: [L.GRU(64)], SERIES),
    Family("LSTM", lambda L: [L.LSTM(64)], SERIES),
    Family("Bidirectional LSTM", lambda L: [L.Bidirectional(L.LSTM(32, return_sequences=True))], SERIES),
    Family("RNN of two cells", lambda L: [L.RNN([L.GRUCell(32), L.LSTMCell(32)])], SERIES),
    Family("ConvLSTM2D", lambda L: [L.ConvLSTM2D(8, 3, padding="same")], (8, 16, 16, 4), rows=32),
    Family("TimeDistributed Dense", lambda L: [L.TimeDistributed(L.Dense(64))], (64, 64)),
    Family("MultiHeadAttention", lambda L: [attention(L)], (64, 64)),
    Family("Add of branches", lambda L: [branches(L)], (64, 256)),
    Family("Random flips and rotations", lambda L: [L.RandomFlip(), L.RandomRotation(0.1)], (32, 32, 3)),
    Family("Random colors", lambda L: [L.RandomBrightness(0.2, (0, 1)), L.RandomContrast(0.2, (0, 1))], (32, 32, 3)),
)


def attention(layers: Any) -> Any:
    """Self-attention as one layer of a stack, in both libraries."""

    class SelfAttention(layers.Layer):
        def build(self, input_shape: Sequence[int]) -> None:
            self.inner = layers.MultiHeadAttention(4, 16)
            self.inner.build(input_shape, input_shape)

        def call(self, inputs: Any) -> Any:
            return self.inner(inputs, inputs)

    return SelfAttention()


def branches(layers: Any) -> Any:
    class Branches(layers.Layer):
        def build(self, input_shape: Sequence[int]) -> None:
            self.branches = [layers.Dense(64), layers.Dense(64)]
            for branch in self.branches:
                branch.build(input_shape)
            self.sum = layers.Add()

        def call(self, inputs: Any) -> Any:
            return self.sum([branch(inputs) for branch in self.branches])

    return Branches()


def workload(name: str) -> Workload:
    """By the name that `Family.workload` gives it."""
    return next(family.workload() for family in FAMILIES if f"family:{family.name}" == name)
