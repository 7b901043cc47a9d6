"""Rules of Fourier transformations and complex numbers, which are pairs of real ones here (`Value.parts`)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from .elementwise import SIMPLE, made
from .graph import Graph
from .shaping import tensor
from .translate import RULES, Call, rule
from .values import Value, arranged, is_known, stored_with

REAL = np.dtype("float32")


def pair(real: Value, imaginary: Value) -> Value:
    """A value of complex numbers."""
    return Value(real.shape, np.dtype("complex64"), real.axes, parts=(real, imaginary))


@rule("fft")
def fft(call: Call, x: Value) -> Any:
    """A product with a matrix of sines and cosines, for lengths that are known and not large."""
    kind = ("FFT", "IFFT", "RFFT", "IRFFT")[int(call.fft_type)]
    if len(call.fft_lengths) != 1 or not is_known(call.fft_lengths) or call.fft_lengths[0] > 4096:
        return NotImplemented
    length = int(call.fft_lengths[0])
    angle = -2 * np.pi * np.outer(np.arange(length), np.arange(length)) / length
    cosine, sine = np.cos(angle), np.sin(angle)
    if kind == "RFFT":
        kept = length // 2 + 1
        return pair(_by(call, x, cosine[:, :kept]), _by(call, x, sine[:, :kept]))
    if x.parts is None:
        return NotImplemented
    real, imaginary = x.parts
    if kind == "IRFFT":
        kept = length // 2 + 1
        weights = np.full((kept, 1), 2.0)  # each but the first, and the last of an even length, stands for two
        weights[0] = 1
        if length % 2 == 0:
            weights[-1] = 1
        by_real, by_imaginary = weights * cosine[:kept] / length, weights * sine[:kept] / length
        return _sum(call, _by(call, real, by_real), _by(call, imaginary, by_imaginary))
    sign = 1 if kind == "FFT" else -1
    scale = 1 if kind == "FFT" else length
    cosine, sine = cosine / scale, sign * sine / scale
    return pair(
        made(call, "Sub", _by(call, real, cosine), _by(call, imaginary, sine), dtype=REAL),
        _sum(call, _by(call, real, sine), _by(call, imaginary, cosine)),
    )


def _sum(call: Call, a: Value, b: Value) -> Value:
    return made(call, "Add", a, b, dtype=REAL)


def _by(call: Call, x: Value, matrix: np.ndarray) -> Value:
    graph: Graph = call.graph
    rank = len(x.shape)
    x = stored_with(graph, x, range(rank))
    name = arranged(graph, x, range(rank))
    shape = (*x.shape[:-1], matrix.shape[1])
    name = graph.emit("MatMul", [name, graph.constant(matrix.astype(np.float32))], shape, REAL)
    return tensor(shape, REAL, name)


def of_parts(names: tuple[str, ...]) -> Any:
    """The rule of these primitives for complex operands, before those for real ones."""

    def register(function: Any) -> Any:
        for name in names:
            RULES[name] = _chosen(function, RULES.get(name))
        return function

    return register


def _chosen(function: Any, otherwise: Any) -> Any:
    def found(call: Call, *values: Value) -> Any:
        complex_ = any(value.parts is not None for value in values)
        return function(call, *values) if complex_ or otherwise is None else otherwise(call, *values)

    found.folds = getattr(otherwise, "folds", False)  # type: ignore[attr-defined]
    return found


@rule("real")
def real(call: Call, x: Value) -> Value:
    return x.parts[0]


@rule("imag")
def imag(call: Call, x: Value) -> Value:
    return x.parts[1]


@rule("complex")
def complex_(call: Call, a: Value, b: Value) -> Value:
    return pair(a, b)


@of_parts(("abs",))
def absolute(call: Call, x: Value) -> Value:
    a, b = x.parts
    total = _sum(call, made(call, "Mul", a, a, dtype=REAL), made(call, "Mul", b, b, dtype=REAL))
    return made(call, "Sqrt", total, dtype=REAL)


@of_parts(("mul", "add", "sub"))
def arithmetic(call: Call, x: Value, y: Value) -> Any:
    name = call.equation.primitive.name
    if name == "mul" and (x.parts is None or y.parts is None):
        whole, factor = (x, y) if y.parts is None else (y, x)
        factors = _real_of(factor)
        if factors is None:
            return NotImplemented
        return pair(*(made(call, "Mul", part, factors, dtype=REAL) for part in whole.parts))
    if x.parts is None or y.parts is None:
        return NotImplemented
    if name != "mul":
        return pair(*(made(call, SIMPLE[name], a, b, dtype=REAL) for a, b in zip(x.parts, y.parts, strict=True)))
    (a, b), (c, d) = x.parts, y.parts
    products = [made(call, "Mul", p, q, dtype=REAL) for p, q in ((a, c), (b, d), (a, d), (b, c))]
    return pair(made(call, "Sub", *products[:2], dtype=REAL), _sum(call, *products[2:]))


def _real_of(value: Value) -> Value | None:
    """A real factor, also as a constant of complex dtype."""
    if value.dtype.kind != "c":
        return value
    if value.array is None or np.any(value.array.imag):
        return None
    return replace(value, array=value.array.real.astype(np.float32), dtype=REAL, name=None)


def _each(name: str) -> None:
    otherwise = RULES[name]

    def found(call: Call, x: Value, *rest: Value) -> Any:
        if x.parts is None:
            return otherwise(call, x, *rest)
        return pair(*(otherwise(call, part, *rest) for part in x.parts))

    found.folds = getattr(otherwise, "folds", False)  # type: ignore[attr-defined]
    RULES[name] = found


for _name in ("reshape", "transpose", "squeeze", "broadcast_in_dim", "slice", "expand_dims", "rev", "copy"):
    _each(_name)
