"""Predictions of a few rows in NumPy, where a compiled call would spend its time on waking threads.

On a processor a compiled program of one row costs 50 to 250 us, nearly all of it hand-over between threads; the
arithmetic of a stack of `Dense` layers takes 10. So such stacks, on up to `MOST_ROWS` rows, are computed here with the
same formulas in float32. Everything else goes the compiled way.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from .. import activations
from ..core.variable import Variable
from ..layers.dense import Dense
from ..layers.regularization import Dropout

MOST_ROWS = 4

Step = Callable[[np.ndarray], np.ndarray]


def _sigmoid(x: np.ndarray) -> np.ndarray:
    half = np.float32(0.5)
    return half * np.tanh(half * x) + half  # no overflow for large negative x


def _softmax(x: np.ndarray) -> np.ndarray:
    shifted = np.exp(x - x.max(-1, keepdims=True))
    return shifted / shifted.sum(-1, keepdims=True)


_ACTIVATIONS: dict[Any, Step | None] = {
    activations.linear: None,
    activations.relu: lambda x: np.maximum(x, np.float32(0)),
    activations.tanh: np.tanh,
    activations.sigmoid: _sigmoid,
    activations.softmax: _softmax,
}


def forward(layers: list[Any]) -> Step | None:
    """The stack as a NumPy function of rows (n, features) in float32; None if it is not one of plain `Dense` layers."""
    if jax.default_backend() != "cpu" or not any(type(layer) is Dense for layer in layers):
        return None
    steps: list[_HostDense] = []
    for layer in layers:
        if type(layer) is Dropout:
            continue  # inert in inference
        if type(layer) is not Dense or layer.compute_dtype != "float32" or layer.activation not in _ACTIVATIONS:
            return None
        if layer.activity_regularizer is None and layer.kernel.ndim == 2:
            steps.append(_HostDense(layer))
        else:
            return None

    def run(x: np.ndarray) -> np.ndarray:
        for step in steps:
            x = step(x)
        return x

    return run


class _HostDense:
    """`activation(x @ kernel + bias)` on views of the layer's arrays."""

    def __init__(self, layer: Dense):
        self.kernel = _View(layer.kernel)
        self.bias = _View(layer.bias) if layer.bias is not None else None
        self.activation = _ACTIVATIONS[layer.activation]

    def __call__(self, x: np.ndarray) -> np.ndarray:
        x = x @ self.kernel()
        if self.bias is not None:
            x += self.bias()
        return x if self.activation is None else self.activation(x)


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
