"""What devices tell each other in a step: with the rows cut, gradients and sums, whatever the layer."""

from __future__ import annotations

import collections
import re

import jax
import numpy as np
import pytest

import sequax
from sequax import distribution, layers
from sequax.training import compiled

DEVICES = 8
MESSAGES = re.compile(r" (all-reduce|all-gather|reduce-scatter|all-to-all|collective-permute)(?:-start)?\(")

pytestmark = [
    pytest.mark.skipif(jax.device_count() < DEVICES, reason=f"needs {DEVICES} devices"),
    pytest.mark.filterwarnings("ignore:A step of model"),  # they are tiny
]


@pytest.fixture(autouse=True)
def nothing_is_set():
    yield
    distribution.set_distribution(None)


def messages(model, x, y, **given):
    """How many messages of each kind stand in the programs of a fit."""
    compiled.clear()
    model.fit(x, y, batch_size=32, verbose=0, **given)
    return collections.Counter(kind for run in compiled._programs.values() for kind in MESSAGES.findall(run.as_text()))


VECTOR, SEQUENCE, IMAGE = (6,), (8, 6), (12, 12, 3)
TABLE = {
    "Dense": (VECTOR, lambda: [layers.Dense(8), layers.Dense(8)], 1),
    "Dense of sequences": (SEQUENCE, lambda: [layers.Dense(8)], 1),
    "EinsumDense": (SEQUENCE, lambda: [layers.EinsumDense("abc,cd->abd", (None, 4))], 1),
    "Embedding": ((7,), lambda: [layers.Embedding(20, 4)], 1),
    "Conv1D": (SEQUENCE, lambda: [layers.Conv1D(4, 3)], 1),
    "Conv2D": (IMAGE, lambda: [layers.Conv2D(4, 3), layers.Conv2D(4, 3, strides=2, padding="same")], 1),
    "Conv2D of groups": (IMAGE, lambda: [layers.Conv2D(6, 3, groups=3)], 2),
    "Conv3D of one channel": ((6, 6, 6, 1), lambda: [layers.Conv3D(3, 3)], 1),
    "Conv2DTranspose": (IMAGE, lambda: [layers.Conv2DTranspose(4, 3, strides=2)], 1),
    "DepthwiseConv2D": ((56, 56, 8), lambda: [layers.DepthwiseConv2D(3)], 2),
    "SeparableConv2D": (IMAGE, lambda: [layers.SeparableConv2D(4, 3)], 2),
    "BatchNormalization": (IMAGE, lambda: [layers.Conv2D(4, 3), layers.BatchNormalization()], 4),
    "LayerNormalization": (SEQUENCE, lambda: [layers.LayerNormalization()], 1),
    "GroupNormalization": (IMAGE, lambda: [layers.Conv2D(4, 3), layers.GroupNormalization(2)], 1),
    "MaxPooling2D": (IMAGE, lambda: [layers.Conv2D(4, 3), layers.MaxPooling2D(3, 2, padding="same")], 1),
    "AveragePooling2D": (IMAGE, lambda: [layers.Conv2D(4, 3), layers.AveragePooling2D(2)], 1),
    "GlobalMaxPooling2D": (IMAGE, lambda: [layers.Conv2D(4, 3), layers.GlobalMaxPooling2D()], 1),
    "UpSampling2D": (IMAGE, lambda: [layers.Conv2D(4, 3), layers.UpSampling2D(2, interpolation="bilinear")], 1),
    "Dropout": (SEQUENCE, lambda: [layers.Dropout(0.3), layers.SpatialDropout1D(0.3), layers.GaussianNoise(0.1)], 1),
    "LSTM": (SEQUENCE, lambda: [layers.Masking(), layers.LSTM(5, return_sequences=True), layers.LSTM(4)], 1),
    "LSTM with relu": (SEQUENCE, lambda: [layers.LSTM(5, activation="relu")], 2),
    "GRU": (SEQUENCE, lambda: [layers.Masking(), layers.GRU(5, return_sequences=True)], 1),
    "GRU without bias": (SEQUENCE, lambda: [layers.GRU(5, use_bias=False)], 1),
    "SimpleRNN": (SEQUENCE, lambda: [layers.SimpleRNN(5)], 2),
    "Bidirectional": (SEQUENCE, lambda: [layers.Bidirectional(layers.GRU(4))], 1),
    "RNN of cells": (SEQUENCE, lambda: [layers.RNN([layers.LSTMCell(4), layers.GRUCell(3)])], 1),
    "ConvLSTM2D": ((4, 8, 8, 1), lambda: [layers.ConvLSTM2D(2, 3)], 2),
    "TimeDistributed": ((4, 8, 8, 1), lambda: [layers.TimeDistributed(layers.Conv2D(2, 3))], 1),
    "penalties": (VECTOR, lambda: [layers.Dense(4, activity_regularizer="l2", kernel_regularizer="l2")], 1),
    "RandomFlip": (IMAGE, lambda: [layers.RandomFlip(), layers.Conv2D(4, 3)], 1),
    "RandomRotation": (IMAGE, lambda: [layers.RandomRotation(0.1), layers.Conv2D(4, 3)], 1),
    "RandomZoom": (IMAGE, lambda: [layers.RandomZoom(0.1), layers.Conv2D(4, 3)], 1),
    "RandomElasticTransform": (IMAGE, lambda: [layers.RandomElasticTransform(), layers.Conv2D(4, 3)], 1),
    "RandomCrop": (IMAGE, lambda: [layers.RandomCrop(8, 8), layers.Conv2D(4, 3)], 1),
    "RandomHue": (IMAGE, lambda: [layers.RandomHue(0.1), layers.Conv2D(4, 3)], 1),
    "STFTSpectrogram": ((400, 1), lambda: [layers.STFTSpectrogram(frame_length=64)], 1),
}


@pytest.mark.parametrize("name", TABLE)
def test_devices_tell_each_other_sums_alone(name):
    shape, made, most = TABLE[name]
    model = sequax.Sequential([sequax.Input(shape), *made(), layers.Flatten(), layers.Dense(2)])
    model.compile("sgd", "mse")
    random = np.random.default_rng(0)
    x = random.integers(0, 20, (64, *shape)) if name == "Embedding" else random.normal(size=(64, *shape))
    found = messages(model, x.astype("float32"), np.zeros((64, 2), "float32"), devices="all")
    assert set(found) == {"all-reduce"} and found["all-reduce"] <= most


@pytest.mark.parametrize("kind", ["MultiHeadAttention", "GroupQueryAttention", "Attention", "AdditiveAttention"])
def test_attention_does_so_too(kind):
    inputs = sequax.Input(SEQUENCE)
    made = {
        "MultiHeadAttention": lambda: layers.MultiHeadAttention(2, 4)(inputs, inputs, use_causal_mask=True),
        "GroupQueryAttention": lambda: layers.GroupQueryAttention(4, 4, 2)(inputs, inputs),
        "Attention": lambda: layers.Attention(use_scale=True)([inputs, inputs]),
        "AdditiveAttention": lambda: layers.AdditiveAttention()([inputs, inputs]),
    }
    model = sequax.Model(inputs, layers.Dense(2)(layers.Flatten()(made[kind]())))
    model.compile("sgd", "mse")
    x = np.random.default_rng(0).normal(size=(64, *SEQUENCE)).astype("float32")
    assert messages(model, x, np.zeros((64, 2), "float32"), devices="all") == {"all-reduce": 1}


# --- parameters that are cut ---

BY_LAST_AXIS = {
    ".*(query|key|value|attention_output)/kernel": (None, None, "model"),
    ".*(up|down)/kernel": (None, "model"),
    ".*(up|down)/bias": ("model",),
}
BY_HEADS = {
    ".*(query|key|value)/kernel": (None, "model", None),
    ".*(query|key|value)/bias": ("model", None),
    ".*attention_output/kernel": ("model", None, None),
    ".*up/kernel": (None, "model"),
    ".*up/bias": ("model",),
    ".*down/kernel": ("model", None),
}


def of_an_encoder(layouts):
    inputs = sequax.Input((8, 32))
    inside = layers.LayerNormalization()(inputs + layers.MultiHeadAttention(4, 8)(inputs, inputs))
    outputs = inside + layers.Dense(32, name="down")(layers.Dense(64, "relu", name="up")(inside))
    model = sequax.Model(inputs, layers.LayerNormalization()(outputs))
    model.compile("sgd", "mse")
    found = distribution.LayoutMap(distribution.DeviceMesh((2, 4), ["batch", "model"]))
    for path, axes in layouts.items():
        found[path] = axes
    x = np.random.default_rng(0).normal(size=(64, 8, 32)).astype("float32")
    return messages(model, x, x, devices=distribution.ModelParallel(layout_map=found))


def test_a_layout_by_heads_and_rows_tells_little():
    told = of_an_encoder(BY_HEADS)
    assert set(told) == {"all-reduce"} and told["all-reduce"] <= 6
    assert of_an_encoder(BY_LAST_AXIS)["all-gather"] >= 10


def test_fully_sharded_parameters_are_gathered_once_a_step():
    model = sequax.Sequential([sequax.Input((256,)), *(layers.Dense(256, "relu") for _ in range(4))])
    model.compile("adam", "mse")
    x = np.zeros((64, 256), "float32")
    told = messages(model, x, x, devices=distribution.FullySharded())
    assert told["all-gather"] == 4  # the kernels; biases are small
    assert set(told) <= {"all-gather", "all-reduce", "reduce-scatter"} and told["all-reduce"] <= 2
    compiled.clear()
    model.predict(x, verbose=0)
    (run,) = compiled._programs.values()
    assert collections.Counter(MESSAGES.findall(run.as_text()))["all-gather"] <= 6  # and the outputs
