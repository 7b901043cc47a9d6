"""Rules of primitives that compute entry by entry."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import jax
import numpy as np

from .graph import Graph
from .translate import Call, rule
from .values import Axes, Value, arranged, arranged_array, constant, float_of, is_known, stored

SIMPLE = {
    "add": "Add", "sub": "Sub", "mul": "Mul", "div": "Div", "max": "Max", "min": "Min", "pow": "Pow", "neg": "Neg",
    "sign": "Sign", "floor": "Floor", "ceil": "Ceil", "exp": "Exp", "log": "Log", "sin": "Sin", "cos": "Cos",
    "tan": "Tan", "asin": "Asin", "acos": "Acos", "atan": "Atan", "sinh": "Sinh", "cosh": "Cosh", "tanh": "Tanh",
    "asinh": "Asinh", "acosh": "Acosh", "atanh": "Atanh", "logistic": "Sigmoid", "sqrt": "Sqrt", "erf": "Erf",
    "abs": "Abs",
}  # fmt: skip
COMPARED = {"eq": "Equal", "lt": "Less", "le": "LessOrEqual", "gt": "Greater", "ge": "GreaterOrEqual"}
COMPARED |= {"lt_to": "Less", "le_to": "LessOrEqual", "eq_to": "Equal"}
LOGICAL = {"and": "And", "or": "Or", "xor": "Xor"}
BITWISE = {"and": "BitwiseAnd", "or": "BitwiseOr", "xor": "BitwiseXor"}
# Whole numbers that few kernels of onnxruntime take: computed in a wider one.
WIDER = {"int8": "int32", "uint8": "int32", "int16": "int32", "uint16": "int32", "uint32": "int64", "uint64": "int64"}


def together(graph: Graph, values: list[Value]) -> tuple[list[str], Axes]:
    """Names of tensors that ONNX broadcasts as the program does, and how the result is stored."""
    merged = _merged([value.axes for value in values])
    if merged is not None:
        return [stored(graph, value) for value in values], merged
    leading = max(values, key=lambda value: (sum(a is not None for a in value.axes), not value.is_constant))
    held = {axis for value in values for axis in value.axes if axis is not None}
    wanted = list(leading.axes)
    for axis in sorted(held - set(wanted)):  # those that the leading value has copies along
        if None in wanted:
            wanted[wanted.index(None)] = axis
        else:
            in_order = wanted == sorted(wanted)  # type: ignore[type-var]
            place = next((i for i, other in enumerate(wanted) if in_order and other > axis), len(wanted))  # type: ignore[operator]
            wanted.insert(place, axis)
    names = []
    for value in values:
        axes = [axis if axis in value.axes else None for axis in wanted]
        while axes and axes[0] is None:
            axes.pop(0)
        fits = _merged([tuple(wanted), value.axes]) == tuple(wanted)
        names.append(stored(graph, value) if fits else arranged(graph, value, axes))
    return names, tuple(wanted)


def _merged(several: list[Axes]) -> Axes | None:
    """How ONNX stores a result of operands stored so, aligned at the end; None if axes would meet others."""
    rank = max(map(len, several))
    merged: list[int | None] = []
    for place in range(rank):
        held = {axes[place - rank + len(axes)] for axes in several if place - rank + len(axes) >= 0} - {None}
        if len(held) > 1:
            return None
        merged.append(next(iter(held), None))
    known = [axis for axis in merged if axis is not None]
    return tuple(merged) if len(known) == len(set(known)) else None


def made(call: Call, op: str, *values: Value, dtype: Any = None, shape: Any = None, **attributes: Any) -> Value:
    """The result of a node of ONNX that computes entry by entry."""
    graph, shape = call.graph, call.shape if shape is None else shape
    dtype = np.dtype(call.dtype if dtype is None else dtype)
    names, axes = together(graph, [_reaching(value, shape) for value in values])
    dims = tuple(1 if axis is None else shape[axis] for axis in axes)
    return Value(tuple(shape), dtype, axes, graph.emit(op, names, dims, dtype, **attributes))


def _reaching(value: Value, shape: Any) -> Value:
    """A value without axes as one of any shape."""
    return replace(value, shape=tuple(shape)) if len(value.shape) != len(shape) and not any_axis(value) else value


def any_axis(value: Value) -> bool:
    return any(axis is not None for axis in value.axes)


def computed(call: Call, *values: Value) -> Value | None:
    """The result for constants that have copies along axes of unknown sizes: of what is stored."""
    if not all(value.is_constant for value in values):
        return None
    shape = call.shape
    values = tuple(_reaching(value, shape) for value in values)
    held = sorted({axis for value in values for axis in value.axes if axis is not None})
    arrays = np.broadcast_arrays(*(arranged_array(value, held) for value in values))
    name, floats = call.equation.primitive.name, all(array.dtype == np.float32 for array in arrays)
    if floats and name in _BY_NUMPY:  # JAX compiles a program per shape
        with np.errstate(all="ignore"):
            return constant(_BY_NUMPY[name](*arrays), shape, held)
    found = call.equation.primitive.bind(*arrays, **call.equation.params)
    return constant(np.asarray(found), shape, held)


_BY_NUMPY: dict[str, Callable[..., Any]] = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "div": np.divide,
    "max": np.maximum,
    "min": np.minimum,
    "neg": np.negative,
    "abs": np.abs,
    "square": np.square,
    "sqrt": np.sqrt,
    "rsqrt": lambda x: np.float32(1) / np.sqrt(x),
}


def of_size(call: Call, *values: Value) -> Value | None:
    """The result for whole numbers that are symbolic sizes."""
    if call.shape or not any(value.size is not None for value in values):
        return None
    sizes = [as_size(value) for value in values]
    if any(size is None for size in sizes):
        return None
    try:
        found = _SIZES[call.equation.primitive.name](*sizes)
    except (KeyError, jax.errors.JAXTypeError, ValueError, TypeError):
        return None
    except Exception as error:  # a comparison that depends on the sizes
        if "Inconclusive" in type(error).__name__:
            return None
        raise
    if isinstance(found, (int, np.integer, bool, np.bool_)):
        return constant(np.asarray(found, call.dtype))
    return Value((), call.dtype, (None,), size=found)


def as_size(value: Value) -> Any:
    """A whole number or a symbol, if that is what a value without axes is."""
    if value.size is not None:
        return value.size
    if value.array is not None and value.array.size == 1 and value.dtype.kind in "iu":
        return int(value.array.reshape(()))
    return None


_SIZES: dict[str, Callable[..., Any]] = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "max": lambda a, b: jax.core.max_dim(a, b) if hasattr(jax.core, "max_dim") else max(a, b),
    "lt": lambda a, b: a < b,
    "le": lambda a, b: a <= b,
    "gt": lambda a, b: a > b,
    "ge": lambda a, b: a >= b,
    "eq": lambda a, b: a == b,
    "ne": lambda a, b: a != b,
    "neg": lambda a: -a,
}


def lazily(function: Callable[..., Any]) -> Callable[..., Any]:
    """A rule behind those for constants and sizes."""

    def found(call: Call, *values: Value) -> Any:
        for shortcut in (computed, of_size):
            result = shortcut(call, *values)
            if result is not None:
                return result
        return function(call, *values)

    found.folds = True  # type: ignore[attr-defined]
    return found


def cast(call: Call, value: Value, dtype: Any) -> Value:
    dtype = float_of(dtype)
    if value.dtype == dtype:
        return value
    if value.is_constant:
        return replace(value, array=value.array.astype(dtype), dtype=dtype, name=None)
    if value.size is not None:
        return replace(value, dtype=dtype, name=None)
    name = call.graph.emit("Cast", [stored(call.graph, value)], value.dims, dtype, to=dtype)
    return replace(value, dtype=dtype, name=name, summed=None, last=None)


@rule(*SIMPLE)
@lazily
def simple(call: Call, *values: Value) -> Value:
    name = call.equation.primitive.name
    if name == "div":
        mean = _mean(call, *values)
        if mean is not None:
            return mean
    if name in ("max", "min") and call.dtype.kind == "b":
        return made(call, "Or" if name == "max" else "And", *values)
    if name == "mul" and call.dtype.kind == "b":
        return made(call, "And", *values)
    if name in ("add", "sub", "mul", "max") and len(values) == 2:
        neutral = _neutral(name, *values)
        if neutral is not None:
            return neutral
    wide = WIDER.get(call.dtype.name)
    if wide:
        found = made(call, SIMPLE[name], *(cast(call, value, wide) for value in values), dtype=wide)
        return cast(call, found, call.dtype)
    if name == "max" and any(_is_scalar(value, 0) for value in values) and call.dtype.kind == "f":
        return made(call, "Relu", *(value for value in values if not _is_scalar(value, 0)))
    return made(call, SIMPLE[name], *values)


def _is_scalar(value: Value, number: float) -> bool:
    return value.array is not None and value.array.size == 1 and bool((value.array == number).all())


def _neutral(name: str, a: Value, b: Value) -> Value | None:
    """One of the operands, if the other changes nothing."""
    number = {"add": 0, "sub": 0, "mul": 1, "max": -np.inf}[name]
    for value, other in ((a, b), (b, a)):
        if _is_scalar(other, number) and not (name == "sub" and other is a) and len(value.shape) >= len(other.shape):
            return value if value.shape == _wider(a, b) else None
    return None


def _wider(a: Value, b: Value) -> Any:
    return a.shape if len(a.shape) >= len(b.shape) else b.shape


def _mean(call: Call, a: Value, b: Value) -> Value | None:
    """A sum divided by the number of its summands is a mean."""
    if a.summed is None or call.dtype.kind != "f":
        return None
    name, axes, cells, kept = a.summed
    one = as_size(b)
    if one is None and b.array is not None and b.array.size == 1:
        one = b.array.reshape(()).item()
    if one is None or one != cells:
        return None
    node = call.graph.emit("ReduceMean", [name, call.graph.integers(*axes)], a.dims, a.dtype, keepdims=int(kept))
    return replace(a, name=node, summed=None)


@rule(*COMPARED)
@lazily
def compared(call: Call, *values: Value) -> Value:
    op = COMPARED[call.equation.primitive.name]
    dtype = values[0].dtype
    wide = WIDER.get(dtype.name) or ("int32" if dtype.kind == "b" and op != "Equal" else None)
    return made(call, op, *(cast(call, value, wide) if wide else value for value in values), dtype=bool)


@rule("ne")
@lazily
def unequal(call: Call, a: Value, b: Value) -> Value:
    wide = WIDER.get(a.dtype.name)
    pair = [cast(call, value, wide) if wide else value for value in (a, b)]
    if a.dtype.kind == "b":
        return made(call, "Xor", *pair, dtype=bool)
    return made(call, "Not", made(call, "Equal", *pair, dtype=bool), dtype=bool)


@rule(*LOGICAL)
@lazily
def logical(call: Call, *values: Value) -> Value:
    name = call.equation.primitive.name
    return made(call, (LOGICAL if call.dtype.kind == "b" else BITWISE)[name], *values)


@rule("not")
@lazily
def negated(call: Call, value: Value) -> Value:
    return made(call, "Not" if call.dtype.kind == "b" else "BitwiseNot", value)


def number(call: Call, value: float) -> Value:
    """A constant for all entries, in the dtype of the result."""
    return constant(np.asarray(value, call.dtype))


@rule("square")
@lazily
def square(call: Call, x: Value) -> Value:
    return made(call, "Mul", x, x)


@rule("integer_pow")
@lazily
def integer_pow(call: Call, x: Value) -> Value:
    if call.y == 2:
        return made(call, "Mul", x, x)
    if call.y == -1:
        return made(call, "Reciprocal", x)
    return made(call, "Pow", x, number(call, call.y))


@rule("rsqrt")
@lazily
def rsqrt(call: Call, x: Value) -> Value:
    return made(call, "Reciprocal", made(call, "Sqrt", x))


@rule("cbrt")
@lazily
def cbrt(call: Call, x: Value) -> Value:
    return made(call, "Mul", made(call, "Sign", x), made(call, "Pow", made(call, "Abs", x), number(call, 1 / 3)))


@rule("exp2")
@lazily
def exp2(call: Call, x: Value) -> Value:
    return made(call, "Pow", number(call, 2), x)


@rule("expm1")
@lazily
def expm1(call: Call, x: Value) -> Value:
    # tanh(x / 2) (exp(x) + 1): exact near zero, too, where the difference loses all digits.
    half = made(call, "Tanh", made(call, "Mul", x, number(call, 0.5)))
    near = made(call, "Mul", half, made(call, "Add", made(call, "Exp", x), number(call, 1)))
    far = made(call, "Sub", made(call, "Exp", x), number(call, 1))
    small = made(call, "Less", made(call, "Abs", x), number(call, 1), dtype=bool)
    return made(call, "Where", small, near, far)


@rule("log1p")
@lazily
def log1p(call: Call, x: Value) -> Value:
    # 2 atanh(x / (2 + x)): exact near zero.
    near = made(call, "Atanh", made(call, "Div", x, made(call, "Add", x, number(call, 2))))
    near = made(call, "Mul", near, number(call, 2))
    far = made(call, "Log", made(call, "Add", x, number(call, 1)))
    small = made(call, "Less", made(call, "Abs", x), number(call, 0.5), dtype=bool)
    return made(call, "Where", small, near, far)


@rule("erfc")
@lazily
def erfc(call: Call, x: Value) -> Value:
    return made(call, "Sub", number(call, 1), made(call, "Erf", x))


@rule("atan2")
@lazily
def atan2(call: Call, y: Value, x: Value) -> Value:
    zero, pi = number(call, 0), number(call, np.pi)
    plain = made(call, "Atan", made(call, "Div", y, x))
    up = made(call, "Less", y, zero, dtype=bool)
    turned = made(call, "Where", up, made(call, "Sub", plain, pi), made(call, "Add", plain, pi))
    left = made(call, "Less", x, zero, dtype=bool)
    found = made(call, "Where", left, turned, plain)
    upright = made(call, "Mul", made(call, "Sign", y), number(call, np.pi / 2))
    return made(call, "Where", made(call, "Equal", x, zero, dtype=bool), upright, found)


@rule("rem")
@lazily
def rem(call: Call, x: Value, y: Value) -> Value:
    wide = WIDER.get(call.dtype.name)
    if wide:
        pair = (cast(call, value, wide) for value in (x, y))
        return cast(call, made(call, "Mod", *pair, dtype=wide, fmod=1), call.dtype)
    return made(call, "Mod", x, y, fmod=1)


@rule("round")
@lazily
def rounded(call: Call, x: Value) -> Value:
    if int(call.rounding_method) == 1:  # halves to even
        return made(call, "Round", x)
    away = made(call, "Floor", made(call, "Add", made(call, "Abs", x), number(call, 0.5)))
    return made(call, "Mul", made(call, "Sign", x), away)


@rule("is_finite")
@lazily
def is_finite(call: Call, x: Value) -> Value:
    wrong = made(call, "Or", made(call, "IsInf", x, dtype=bool), made(call, "IsNaN", x, dtype=bool))
    return made(call, "Not", wrong, dtype=bool)


@rule("clamp")
@lazily
def clamp(call: Call, low: Value, x: Value, high: Value) -> Value:
    wide = WIDER.get(call.dtype.name)
    if wide:
        low, x, high = (cast(call, value, wide) for value in (low, x, high))
        found = made(call, "Min", made(call, "Max", x, low, dtype=wide), high, dtype=wide)
        return cast(call, found, call.dtype)
    if not low.axes and not high.axes:
        return made(call, "Clip", x, low, high)
    return made(call, "Min", made(call, "Max", x, low), high)


@rule("select_n")
def select(call: Call, which: Value, *cases: Value) -> Value:
    if which.is_constant and which.array.size == 1:
        return _reaching(cases[int(which.array.reshape(()))], call.shape)
    if (found := of_size(call, which, *cases)) is not None:
        return found
    if all(value.is_constant for value in (which, *cases)) and (found := computed(call, which, *cases)) is not None:
        return found
    if which.is_constant and is_known(which.shape) and len(cases) == 2:
        for place in (0, 1):
            if (which.array == place).all():
                return cases[place]
    if which.dtype.kind == "b":
        return _where(call, which, cases[1], cases[0])
    found = cases[-1]
    for place in range(len(cases) - 2, -1, -1):
        here = made(call, "Equal", which, constant(np.asarray(place, which.dtype)), dtype=bool)
        found = _where(call, here, cases[place], found)
    return found


def _where(call: Call, which: Value, yes: Value, no: Value) -> Value:
    if call.dtype.kind == "b":
        pair = [made(call, "And", which, yes), made(call, "And", made(call, "Not", which), no)]
        return made(call, "Or", *pair)
    return made(call, "Where", which, yes, no)


@rule("convert_element_type")
def convert(call: Call, value: Value) -> Value:
    dtype = float_of(call.new_dtype)
    if value.dtype.kind == "f" and dtype.kind in "iu" and value.is_constant:
        return replace(value, array=value.array.astype(dtype), dtype=dtype, name=None)
    if value.dtype.kind == "f" and dtype.kind == "b":
        return made(
            call, "Not", made(call, "Equal", value, constant(np.zeros((), value.dtype)), dtype=bool), dtype=bool
        )
    if value.dtype.kind == "f" and dtype.kind in "iu" and dtype.itemsize < 4:
        value = _within(call, value, dtype)
    return cast(call, value, dtype)


def _within(call: Call, value: Value, dtype: np.dtype) -> Value:
    """Floats between the ends of a narrow whole type, where XLA stops and a `Cast` of onnxruntime starts over."""
    least, most = (constant(np.array(end, value.dtype)) for end in (np.iinfo(dtype).min, np.iinfo(dtype).max))
    inside = made(call, "Max", value, least, dtype=value.dtype)
    return made(call, "Min", inside, most, dtype=value.dtype)


@rule("stop_gradient", "copy", "copy_p", "reduce_precision", "optimization_barrier", "pvary", "sharding_constraint")
def same(call: Call, *values: Value) -> Any:
    return values if call.equation.primitive.multiple_results else values[0]


@rule("dim_as_value")
def dim_as_value(call: Call) -> Value:
    return Value((), call.dtype, (None,), size=call.dim)


@rule("shift_left", "shift_right_arithmetic", "shift_right_logical")
@lazily
def shift(call: Call, x: Value, by: Value) -> Any:
    """By powers of two, as ONNX shifts numbers without a sign only. Beyond the width nothing but the sign is left."""
    name, wide = call.equation.primitive.name, np.dtype("int64")
    if name == "shift_right_logical" and call.dtype.kind == "i":
        return NotImplemented
    x, by = (cast(call, value, wide) for value in (x, by))
    width = constant(np.asarray(8 * call.dtype.itemsize - 1, wide))
    power = made(call, "Pow", constant(np.asarray(2, wide)), made(call, "Min", by, width, dtype=wide), dtype=wide)
    if name == "shift_left":
        return cast(call, made(call, "Mul", x, power, dtype=wide), call.dtype)
    rest = made(call, "Mod", x, power, dtype=wide)  # with the sign of the power: the quotient is rounded down
    return cast(call, made(call, "Div", made(call, "Sub", x, rest, dtype=wide), power, dtype=wide), call.dtype)
