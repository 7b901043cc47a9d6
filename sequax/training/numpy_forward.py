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
from . import claims
from .state import swap

# Rows that go through together: their activations stay in the caches, and the products are large enough.
_CHUNK = 2048

Step = Callable[..., np.ndarray]  # of rows, which it may write to, and of the arrays of a layer if it has any


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
        layers: of ours, one after another.
        rank: of the inputs.
    """
    if jax.default_backend() != "cpu" or not any(layer.numpy_form == "product" for layer in layers):
        return None
    steps: list[Step] = []
    views: list[_View | None] = []  # of the kernels and biases, one after the other
    for layer in layers:
        kind = layer.numpy_form
        if kind == "nothing":
            continue  # inert in inference
        if layer.compute_dtype != "float32" or layer.activity_regularizer is not None:
            return None
        if kind == "flat" and layer.data_format == "channels_last":
            steps.append(_flat)
            rank = 2
        elif kind == "product" and layer.adapted.adapter is not None:
            return None
        elif kind == "product" and layer.activation in _ACTIVATIONS and layer.kernel.ndim == rank == 2:
            steps += [_dense, *_ACTIVATIONS[layer.activation]]
            views += [_View(layer.kernel), None if layer.bias is None else _View(layer.bias)]
        elif kind == "activation" and layer.activation in _ACTIVATIONS and _dense in steps:
            steps += _ACTIVATIONS[layer.activation]  # writes to what a product has made, not to the user's rows
        else:
            return None

    def chunk(x: np.ndarray, weights: list[Any]) -> np.ndarray:
        given = iter(weights)
        for step in steps:
            x = step(x, next(given), next(given)) if step is _dense else step(x)
        return x

    def read() -> list[Any]:
        return [view and view() for view in views]

    def run(x: np.ndarray) -> np.ndarray:
        if claims.trained_elsewhere():
            with swap:  # all of them before a step of that training, or all after it
                weights = read()
        else:
            weights = read()
        if len(x) <= _CHUNK:
            return chunk(x, weights)
        return np.concatenate([chunk(x[start : start + _CHUNK], weights) for start in range(0, len(x), _CHUNK)])

    return run


def _dense(x: np.ndarray, kernel: np.ndarray, bias: np.ndarray | None) -> np.ndarray:
    x = x @ kernel
    if bias is not None:
        x += bias
    return x


class _View:
    """A variable's array for NumPy, looked up again when the variable points at another array."""

    def __init__(self, variable: Variable):
        self.variable = variable
        self.source: jax.Array | None = None
        self.array: Any = None

    def __call__(self) -> np.ndarray:
        source = self.variable.stored
        if self.source is source:
            return self.array
        array = np.asarray(source)
        self.array, self.source = array, source
        return array
