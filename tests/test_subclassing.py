"""Subclasses as users of Keras write them: `build` and `call` overridden in all the usual ways."""

from __future__ import annotations

import numpy as np
import pytest

import sequax
from sequax import layers

# --- `super().build(input_shape)` ---


class BuiltLast(sequax.Model):
    def __init__(self):
        super().__init__()
        self.inner = layers.Dense(2)

    def build(self, input_shape):
        self.inner.build(input_shape)
        self.scale = self.add_weight(shape=(), name="scale", initializer="ones")
        super().build(input_shape)

    def call(self, x):
        return self.inner(x) * self.scale


class BuiltFirst(BuiltLast):
    def build(self, input_shape):
        super().build(input_shape)
        self.shift = self.add_weight(shape=(2,), name="shift", initializer="zeros")

    def call(self, x):
        return super().call(x) + self.shift


class LayerBuiltFirst(layers.Layer):
    def __init__(self):
        super().__init__()
        self.inner = layers.Dense(2)

    def build(self, input_shape):
        super().build(input_shape)
        self.scale = self.add_weight(shape=(), name="scale", initializer="ones")

    def call(self, x):
        return self.inner(x) * self.scale


class Stack(sequax.Sequential):
    def build(self, input_shape=None):
        super().build(input_shape)


@pytest.mark.parametrize(
    ("make", "weights"), [(BuiltLast, 3), (BuiltFirst, 4), (LayerBuiltFirst, 3), (lambda: Stack([layers.Dense(2)]), 2)]
)
def test_a_build_may_begin_or_end_with_that_of_the_base_class(make, weights):
    built = make()
    built.build((None, 3))
    assert built.built
    x = np.ones((4, 3), "float32")
    assert built(x).shape == (4, 2)
    called = make()
    assert called(x).shape == (4, 2)
    assert len(called.weights) == len(built.weights) == weights


def test_a_model_whose_build_ends_in_that_of_the_base_class_trains():
    model = BuiltLast()
    model.compile("sgd", "mse")
    x, y = np.ones((4, 3), "float32"), np.zeros((4, 2), "float32")
    losses = model.fit(x, y, epochs=2, verbose=0).history["loss"]
    assert losses[1] < losses[0]
    assert model.predict(x, verbose=0).shape == (4, 2)
