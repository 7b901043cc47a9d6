"""Small models of all families that own weights, written once for Keras and for Sequax."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


def _stack(*layers: Callable[[Any], Any], shape: tuple[int, ...], dtype: str = "float32") -> Callable[[Any], Any]:
    def build(k: Any) -> Any:
        return k.Sequential([k.layers.Input(shape, dtype=dtype), *(make(k.layers) for make in layers)])

    return build


def _functional(k: Any) -> Any:
    layers, x = k.layers, k.Input((4,))
    inner = k.Model(x, layers.Add()([layers.Dense(3)(x), layers.Dense(3, use_bias=False)(x)]))
    return k.Model(x, k.Sequential([layers.Dense(2)])(inner(x)))


def _attention(gate: bool) -> Callable[[Any], Any]:
    def build(k: Any) -> Any:
        layers, x = k.layers, k.Input((3, 4))
        y = layers.MultiHeadAttention(2, 3, dropout=0.1, use_gate=gate)(x, x)
        y = layers.GroupQueryAttention(4, 2, 1, use_gate=gate)(y, x)
        y = layers.Attention(use_scale=True)([y, x])
        return k.Model(x, layers.AdditiveAttention()([y, x]))

    return build


def _subclass(k: Any) -> Any:
    layers = k.layers

    class Own(k.Model):
        def __init__(self):
            super().__init__()
            self.blocks = [layers.Dense(2), layers.Dense(2), layers.LayerNormalization()]
            self.named = {"b": layers.Dense(1), "a": layers.Dense(2)}
            self.head = layers.Dense(1)
            self._hidden = layers.Dense(2)
            self.pair = (layers.Dense(3), [layers.Dense(4)])
            self.shared = self.head

        def call(self, x):
            for block in self.blocks:
                x = block(x)
            x = self.named["a"](self.pair[1][0](self.pair[0](x)))
            return self.head(self._hidden(self.named["b"](x)))

    model = Own()
    model(np.ones((1, 2), "float32"))
    return model


def _own_layer(k: Any) -> Any:
    layers = k.layers

    class Block(layers.Layer):
        def __init__(self, units):
            super().__init__()
            self._first = layers.Dense(units)
            self._hidden = [layers.Dense(units)]
            self.seen, self.held = self._hidden, self._first
            self.deep = [[layers.Dense(units)], [layers.Dense(units)]]
            self.mixed = [layers.Dense(units), self._first, layers.Dense(units)]

        def steps(self):
            return [self._first, *self._hidden, self.deep[0][0], self.deep[1][0], self.mixed[0], self.mixed[2]]

        def build(self, input_shape):
            for layer in self.steps():
                layer.build((None, 2))
            self.unused = self.add_weight(shape=(3,))
            self.scale = self.add_weight(shape=(2,), trainable=False)
            self.shift = self.add_weight(shape=(1,))

        def call(self, x):
            for layer in self.steps():
                x = layer(x)
            return x * self.scale + self.shift

    return k.Sequential([layers.Input((2,)), Block(2), layers.Dense(2)])


def _stores_itself(k: Any) -> Any:
    class Packed(k.layers.Layer):
        def build(self, input_shape):
            self.kernel = self.add_weight(shape=(input_shape[-1], 2))
            self.bias = self.add_weight(shape=(2,))

        def call(self, x):
            return x @ self.kernel + self.bias

        def save_own_variables(self, store):
            store["both"] = np.concatenate([np.asarray(self.kernel), np.asarray(self.bias)[None]])

        def load_own_variables(self, store):
            both = np.asarray(store["both"])
            self.kernel.assign(both[:-1])
            self.bias.assign(both[-1])

    return k.Sequential([k.layers.Input((3,)), Packed(), k.layers.Dense(2)])


def _graph_subclass(k: Any) -> Any:
    class Graph(k.Model):
        def __init__(self):
            x, dense = k.Input((2,)), k.layers.Dense(3)
            super().__init__(x, dense(x))
            self.dense, self._extra = dense, k.layers.Dense(2)
            self._extra.build((None, 2))

    return Graph()


MODELS: dict[str, Callable[[Any], Any]] = {
    "dense": _stack(
        lambda L: L.Dense(3, name="own_name"),
        lambda L: L.Dense(2),
        lambda L: L.Dropout(0.1),
        lambda L: L.Dense(2),
        shape=(4,),
    ),
    "nested": lambda k: k.Sequential(
        [k.Input((4,)), k.layers.Dense(3), k.Sequential([k.layers.Dense(3), k.layers.Dense(2)], name="inner")]
    ),
    "functional": _functional,
    "subclass": _subclass,
    "own layer": _own_layer,
    "stores itself": _stores_itself,
    "graph subclass": _graph_subclass,
    "batch normalization": _stack(lambda L: L.Dense(3), lambda L: L.BatchNormalization(), shape=(4,)),
    "normalizations": _stack(
        lambda L: L.GroupNormalization(2),
        lambda L: L.RMSNormalization(),
        lambda L: L.LayerNormalization(),
        lambda L: L.UnitNormalization(),
        shape=(4,),
    ),
    "spectral": _stack(lambda L: L.SpectralNormalization(L.Dense(3)), lambda L: L.Dense(2), shape=(4,)),
    "einsum": _stack(lambda L: L.EinsumDense("ab,bc->ac", 2, bias_axes="c"), lambda L: L.PReLU(), shape=(4,)),
    "conv 1d": _stack(
        lambda L: L.Conv1D(3, 2),
        lambda L: L.SeparableConv1D(2, 2),
        lambda L: L.DepthwiseConv1D(2),
        lambda L: L.Conv1DTranspose(2, 2),
        shape=(8, 4),
    ),
    "conv 2d": _stack(
        lambda L: L.Conv2D(2, 3),
        lambda L: L.SeparableConv2D(2, 3),
        lambda L: L.DepthwiseConv2D(2),
        lambda L: L.Conv2DTranspose(2, 2),
        lambda L: L.RandomFlip(seed=1),
        lambda L: L.Flatten(),
        shape=(8, 8, 3),
    ),
    "conv 3d": _stack(lambda L: L.Conv3D(2, 2), lambda L: L.Conv3DTranspose(2, 2), shape=(3, 3, 3, 1)),
    "lstm": _stack(
        lambda L: L.Bidirectional(L.LSTM(2, return_sequences=True)), lambda L: L.LSTM(2, dropout=0.1), shape=(5, 3)
    ),
    "gru": _stack(
        lambda L: L.Bidirectional(
            L.GRU(2, return_sequences=True), backward_layer=L.GRU(2, return_sequences=True, go_backwards=True)
        ),
        lambda L: L.GRU(2, reset_after=False),
        shape=(5, 3),
    ),
    "cells": _stack(
        lambda L: L.RNN([L.LSTMCell(2), L.GRUCell(2)], return_sequences=True), lambda L: L.SimpleRNN(2), shape=(5, 3)
    ),
    "conv lstm": _stack(lambda L: L.Bidirectional(L.ConvLSTM1D(2, 2)), shape=(3, 6, 2)),
    "time distributed": lambda k: k.Sequential(
        [
            k.Input((5, 3)),
            k.layers.TimeDistributed(k.layers.Dense(2)),
            k.layers.TimeDistributed(k.Sequential([k.layers.Dense(2), k.layers.Dense(3)])),
        ]
    ),
    "attention": _attention(False),
    "gated attention": _attention(True),
    "embedding": _stack(
        lambda L: L.Embedding(5, 2, mask_zero=True), lambda L: L.SimpleRNN(2), shape=(4,), dtype="int32"
    ),
    "normalization": _stack(lambda L: L.Normalization(), lambda L: L.Dense(2), shape=(4,)),
    "dtypes": _stack(
        lambda L: L.Dense(2, dtype="bfloat16"),
        lambda L: L.Dense(2, dtype="float16"),
        lambda L: L.Dense(2, dtype="mixed_bfloat16"),
        shape=(4,),
    ),
    "pipeline": _stack(
        lambda L: L.Pipeline([L.Rescaling(2.0), L.RandomFlip(seed=1)]), lambda L: L.Dense(2), shape=(2, 2, 3)
    ),
}
