"""`distribution`: several devices compute what one does, whatever the model, the data and the size of a batch."""

from __future__ import annotations

import numpy as np
import pytest

import sequax
from sequax import distribution, layers

DEVICES = 8


@pytest.fixture(autouse=True)
def nothing_is_set():
    yield
    distribution.set_distribution(None)


@pytest.fixture(autouse=True)
def enough_devices():
    if distribution.get_device_count() < DEVICES:
        pytest.skip(f"needs {DEVICES} devices: XLA_FLAGS=--xla_force_host_platform_device_count={DEVICES}")


def dense():
    return [
        sequax.Input((12,)),
        layers.Dense(16, activation="relu"),
        layers.Dropout(0.3),
        layers.Dense(3, activation="softmax"),
    ]


def convnet():
    return [
        sequax.Input((8, 8, 1)),
        layers.Conv2D(4, 3),
        layers.BatchNormalization(),
        layers.ReLU(),
        layers.MaxPooling2D(),
        layers.Flatten(),
        layers.Dense(3, activation="softmax"),
    ]


def recurrent():
    return [sequax.Input((6, 4)), layers.Masking(), layers.LSTM(8), layers.Dense(3, activation="softmax")]


def attention():
    inputs = sequax.Input((6, 8))
    inside = layers.MultiHeadAttention(2, 4)(inputs, inputs)
    inside = layers.LayerNormalization()(layers.Add()([inputs, inside]))
    outputs = layers.Dense(3, activation="softmax")(layers.GlobalAveragePooling1D()(inside))
    return sequax.Model(inputs, outputs)


MODELS = {"dense": dense, "convnet": convnet, "recurrent": recurrent, "attention": attention}


def made(name="dense", optimizer="sgd"):
    sequax.utils.clear_session(free_memory=False)
    sequax.utils.set_random_seed(1)
    parts = MODELS[name]()
    model = parts if isinstance(parts, sequax.Model) else sequax.Sequential(parts)
    model.compile(optimizer, "categorical_crossentropy", metrics=["accuracy", sequax.metrics.AUC(num_thresholds=20)])
    return model


def rows(model, count=94):
    random = np.random.default_rng(3)
    x = random.normal(size=(count, *model.input_shape[1:])).astype("float32")
    if len(model.input_shape) == 3:
        x[::3, 4:] = 0  # masked
    return x, np.eye(3, dtype="float32")[random.integers(0, 3, count)]


class Stream:
    """A stream of batches that can start again."""

    def __init__(self, *arrays, size):
        self.arrays, self.size = arrays, size

    def __iter__(self):
        for start in range(0, len(self.arrays[0]), self.size):
            yield tuple(array[start : start + self.size] for array in self.arrays)


def outcome(name, batch_size, data="arrays", optimizer="sgd", **devices):
    model = made(name, optimizer)
    x, y = rows(model)
    given = (Stream(x, y, size=batch_size),) if data == "stream" else (x, y)
    size = {} if data == "stream" else {"batch_size": batch_size}
    held_out = x[:21], y[:21]
    history = model.fit(*given, epochs=2, verbose=0, validation_data=held_out, **size, **devices).history
    measured = model.evaluate(x, y, batch_size=batch_size, verbose=0)
    predictions = [model.predict(x, batch_size, verbose=0), model.predict(x[:5], verbose=0), model.predict_on_batch(x)]
    return [*history.values(), measured, *predictions, *model.get_weights()]


def assert_close(ours, theirs, tolerance=1e-5):
    assert len(ours) == len(theirs)
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("batch_size", [32, 30, 10])
@pytest.mark.parametrize("name", MODELS)
def test_devices_compute_what_one_does(name, batch_size):
    assert_close(outcome(name, batch_size, devices="all"), outcome(name, batch_size))


@pytest.mark.parametrize("batch_size", [32, 30])
@pytest.mark.parametrize("data", ["blocks", "stream"])
def test_of_blocks_and_streams_too(data, batch_size, monkeypatch):
    if data == "blocks":
        monkeypatch.setenv("SEQUAX_RESIDENT_MB", "0")
    several = outcome("dense", batch_size, data, "adam", devices="all")
    assert_close(several, outcome("dense", batch_size, data, "adam"))
