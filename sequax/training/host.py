"""Predictions of stacks of `Dense` layers in NumPy, which needs no compilation and wakes no threads for little work.

On a processor a compiled program of one row costs 50 to 250 us, nearly all of it hand-over between threads; the
arithmetic of a stack of `Dense` layers takes 10. For many rows, too, NumPy's products are faster than XLA's: 1.2 to 2
times on 20,000 to 200,000 rows. So such stacks are computed here, with the same formulas in float32. Everything else
goes the compiled way.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from .. import activations
from ..core.variable import Variable
from ..layers.activation import Activation
from ..layers.dense import Dense
from ..layers.regularization import Dropout
from ..layers.reshaping import Flatten

# Rows that go through together: their activations stay in the caches, and the products are large enough.
_CHUNK = 2048

Step = Callable[[np.ndarray], np.ndarray]  # may write to its argument


def _relu(x: np.ndarray) -> np.ndarray:
    return np.maximum(x, np.float32(0), out=x)


def _tanh(x: np.ndarray) -> np.ndarray:
    return np.tanh(x, out=x)


def _sigmoid(x: np.ndarray) -> np.ndarray:
    x *= np.float32(0.5)
    np.tanh(x, out=x)  # no overflow for large negative x
    x *= np.float32(0.5)
    x += np.float32(0.5)
    return x


def _softmax(x: np.ndarray) -> np.ndarray:
    x -= x.max(-1, keepdims=True)
    np.exp(x, out=x)
    x /= x.sum(-1, keepdims=True)
    return x


def _flat(x: np.ndarray) -> np.ndarray:
    return x.reshape(len(x), -1)


_ACTIVATIONS: dict[Any, list[Step]] = {
    activations.linear: [],
    activations.relu: [_relu],
    activations.tanh: [_tanh],
    activations.sigmoid: [_sigmoid],
    activations.softmax: [_softmax],
}


def forward(layers: list[Any], rank: int) -> Step | None:
    """A stack as a NumPy function of float32 rows, which it leaves alone; None if there is more to it.

    Args:
        layers: one after another.
        rank: of the inputs.
    """
    if jax.default_backend() != "cpu" or not any(type(layer) is Dense for layer in layers):
        return None
    steps: list[Step] = []
    for layer in layers:
        kind = type(layer)
        if kind is Dropout:
            continue  # inert in inference
        if layer.compute_dtype != "float32" or layer.activity_regularizer is not None:
            return None
        if kind is Flatten and layer.data_format == "channels_last":
            steps.append(_flat)
            rank = 2
        elif kind is Dense and layer.activation in _ACTIVATIONS and layer.kernel.ndim == rank == 2:
            steps += [_HostDense(layer), *_ACTIVATIONS[layer.activation]]
        elif kind is Activation and layer.activation in _ACTIVATIONS and any(type(s) is _HostDense for s in steps):
            steps += _ACTIVATIONS[layer.activation]  # writes to what a product has made, not to the user's rows
        else:
            return None

    def chunk(x: np.ndarray) -> np.ndarray:
        for step in steps:
            x = step(x)
        return x

    def run(x: np.ndarray) -> np.ndarray:
        if len(x) <= _CHUNK:
            return chunk(x)
        return np.concatenate([chunk(x[start : start + _CHUNK]) for start in range(0, len(x), _CHUNK)])

    return run


class _HostDense:
    """`x @ kernel + bias` on views of the layer's arrays."""

    def __init__(self, layer: Dense):
        self.kernel = _View(layer.kernel)
        self.bias = _View(layer.bias) if layer.bias is not None else None

    def __call__(self, x: np.ndarray) -> np.ndarray:
        x = x @ self.kernel()
        if self.bias is not None:
            x += self.bias()
        return x


class _View:
    """A variable's array for NumPy, looked up again when the variable points at another array."""

    def __init__(self, variable: Variable):
        self.variable = variable
        self.source: Any = None
        self.array: Any = None

    def __call__(self) -> Any:
        if self.source is not self.variable.stored:
            self.source = self.variable.stored
            self.array = np.asarray(self.source)
        return self.array
