"""Models as people build them, each a plain `Sequential`, trained for two epochs on real digits or generated series."""

from __future__ import annotations

import numpy as np
import pytest

import sequax
from sequax import layers


def vgg():
    """Simonyan and Zisserman 2014, in small: blocks of two 3x3 convolutions and a pooling, then dense layers."""
    blocks = []
    for filters in (8, 16):
        for _ in range(2):
            blocks.append(layers.Conv2D(filters, 3, padding="same", activation="relu"))
        blocks.append(layers.MaxPooling2D())
    head = [layers.Flatten(), layers.Dense(32, activation="relu"), layers.Dropout(0.1, seed=0), layers.Dense(10)]
    return sequax.Sequential([sequax.Input((8, 8, 1)), *blocks, *head])


def mobile_net():
    """Howard et al. 2017, in small: depthwise 3x3, then pointwise 1x1, each with normalization and ReLU6."""

    def block(filters, strides):
        return [
            layers.DepthwiseConv2D(3, strides, padding="same", use_bias=False),
            layers.BatchNormalization(momentum=0.8),
            layers.ReLU(6),
            layers.Conv2D(filters, 1, use_bias=False),
            layers.BatchNormalization(momentum=0.8),
            layers.ReLU(6),
        ]

    stem = [layers.Conv2D(8, 3, padding="same"), *block(16, 1), *block(32, 2)]
    return sequax.Sequential([sequax.Input((8, 8, 1)), *stem, layers.GlobalAveragePooling2D(), layers.Dense(10)])


@pytest.mark.parametrize("build", [vgg, mobile_net])
def test_image_classifiers_learn_digits(build):
    x, y = sequax.datasets.digits.load_data()[0]
    model = build()
    loss = sequax.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(sequax.optimizers.Adam(3e-3), loss, metrics=["accuracy"])
    x, y = x[:1408].reshape(-1, 8, 8, 1) / x.max(), y[:1408]  # whole batches: one program less to compile
    history = model.fit(x, y, batch_size=32, epochs=2, verbose=0).history
    assert history["loss"][1] < 0.85 * history["loss"][0]
    assert history["accuracy"][1] > 0.4


def test_a_causal_convolution_learns_a_series(rng):
    steps = np.arange(512 + 24)
    series = (np.sin(steps / 3) + 0.5 * np.sin(steps / 7) + 0.05 * rng.normal(size=steps.shape)).astype("float32")
    windows = np.lib.stride_tricks.sliding_window_view(series, 25)
    model = sequax.Sequential(
        [
            sequax.Input((24, 1)),
            layers.Conv1D(16, 3, padding="causal", activation="relu"),
            layers.Conv1D(16, 3, padding="causal", dilation_rate=2, activation="relu"),
            layers.Cropping1D((20, 0)),
            layers.Flatten(),
            layers.Dense(1),
        ]
    )
    model.compile("adam", "mse")
    x, y = windows[:, :-1, None], windows[:, -1:]
    history = model.fit(x, y, batch_size=8, epochs=2, verbose=0).history
    assert history["loss"][1] < 0.3 * history["loss"][0]
