"""A traced function in NumPy, operation by operation: for elements each of which has another shape.

Compiling takes hundredths of a second per shape, tracing a tenth of that. Where every text or picture has its own
size, that is all the time there is; what functions do to single elements is mostly slices, casts and a little
arithmetic, which NumPy does in microseconds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from jax.extend.core import ClosedJaxpr, Jaxpr, JaxprEqn, Literal

_CALLS = {"jit", "pjit", "closed_call", "core_call", "custom_jvp_call", "custom_vjp_call"}
_AWAY_FROM_ZERO = 0  # how `round` may treat halves
_BOTH_WAYS = 2  # cases of a selection by a bool

Form = Callable[..., Any]


def numpy_form(closed: ClosedJaxpr) -> Callable[[Sequence[Any]], list[np.ndarray]] | None:
    """A function from the inputs of a traced function to its results; None if it does what has no form here."""
    if not _has_form(closed.jaxpr):
        return None

    def run(inputs: Sequence[Any]) -> list[np.ndarray]:
        given = [np.asarray(x, v.aval.dtype) for x, v in zip(inputs, closed.jaxpr.invars, strict=True)]
        with np.errstate(all="ignore"):
            return _evaluated(closed.jaxpr, closed.consts, given)

    return run


def _has_form(jaxpr: Jaxpr) -> bool:
    return all(_is_known(equation) for equation in jaxpr.eqns)


def _is_known(equation: Any) -> bool:
    name = equation.primitive.name
    if name in _CALLS:
        inner = _inside(equation)
        return inner is not None and _has_form(inner.jaxpr)
    if name == "pad" and any(low < 0 or high < 0 or inner for low, high, inner in equation.params["padding_config"]):
        return False
    if name == "sort" and len(equation.invars) > 1:
        return False
    return name in _FORMS and all(np.dtype(v.aval.dtype).kind in "biuf" for v in equation.outvars)


def _inside(equation: JaxprEqn) -> ClosedJaxpr | None:
    return next((value for value in equation.params.values() if isinstance(value, ClosedJaxpr)), None)


def _evaluated(jaxpr: Any, consts: Sequence[Any], inputs: Sequence[Any]) -> list[np.ndarray]:
    values: dict[Any, Any] = dict(zip(jaxpr.constvars, map(np.asarray, consts), strict=True))
    values.update(zip(jaxpr.invars, inputs, strict=True))

    def read(v: Any) -> Any:
        about = v.aval
        return np.asarray(v.val, about.dtype) if isinstance(v, Literal) else values[v]

    for equation in jaxpr.eqns:
        given = [read(v) for v in equation.invars]
        inner = _inside(equation) if equation.primitive.name in _CALLS else None
        if inner is not None:
            results = _evaluated(inner.jaxpr, inner.consts, given)
        else:
            result = _FORMS[equation.primitive.name](equation.params, *given)
            results = [np.asarray(result, equation.outvars[0].aval.dtype)]
        values.update(zip(equation.outvars, results, strict=True))
    return [read(v) for v in jaxpr.outvars]


def _plain(function: Callable[..., Any]) -> Form:
    return lambda params, *inputs: function(*inputs)


def _along(function: Callable[..., Any]) -> Form:
    return lambda params, x: function(x, axis=tuple(params["axes"]))


def _divided(params: Mapping[str, Any], a: np.ndarray, b: np.ndarray) -> np.ndarray:
    if a.dtype.kind == "f":
        return a / b
    quotient = np.abs(a.astype(np.int64)) // np.maximum(np.abs(b.astype(np.int64)), 1)
    return np.where(b == 0, -1, quotient * np.sign(a) * np.sign(b))


def _remainder(params: Mapping[str, Any], a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.fmod(a, b) if a.dtype.kind == "f" else np.where(b == 0, a, np.fmod(a, np.where(b == 0, 1, b)))


def _converted(params: Mapping[str, Any], x: np.ndarray) -> np.ndarray:
    dtype = np.dtype(params["new_dtype"])
    if x.dtype.kind == "f" and dtype.kind in "iu":
        limits = np.iinfo(dtype)
        return np.clip(np.nan_to_num(np.trunc(x.astype(np.float64))), limits.min, limits.max).astype(dtype)
    return x.astype(dtype)


def _rounded(params: Mapping[str, Any], x: np.ndarray) -> np.ndarray:
    if int(params["rounding_method"]) == _AWAY_FROM_ZERO:
        return np.sign(x) * np.floor(np.abs(x) + 0.5)
    return np.round(x)


def _broadcast(params: Mapping[str, Any], x: np.ndarray, *sizes: np.ndarray) -> np.ndarray:
    shape = [1] * len(params["shape"])
    for axis, size in zip(params["broadcast_dimensions"], x.shape, strict=True):
        shape[axis] = size
    return np.broadcast_to(x.reshape(shape), params["shape"])


def _sliced(params: Mapping[str, Any], x: np.ndarray) -> np.ndarray:
    strides = params["strides"] or (1,) * x.ndim
    bounds = zip(params["start_indices"], params["limit_indices"], strides, strict=True)
    return x[tuple(slice(*bound) for bound in bounds)]


def _sliced_from(params: Mapping[str, Any], x: np.ndarray, *starts: np.ndarray) -> np.ndarray:
    sizes = params["slice_sizes"]
    first = [min(max(int(s), 0), n - size) for s, n, size in zip(starts, x.shape, sizes, strict=True)]
    return x[tuple(slice(s, s + size) for s, size in zip(first, sizes, strict=True))]


def _selected(params: Mapping[str, Any], which: np.ndarray, *cases: np.ndarray) -> np.ndarray:
    return np.where(which, cases[1], cases[0]) if len(cases) == _BOTH_WAYS else np.choose(which, cases)


def _counted(params: Mapping[str, Any], *sizes: np.ndarray) -> np.ndarray:
    shape, axis = params["shape"], params["dimension"]
    return np.broadcast_to(np.arange(shape[axis]).reshape([-1 if i == axis else 1 for i in range(len(shape))]), shape)


def _running(function: Callable[..., Any]) -> Form:
    def run(params: Mapping[str, Any], x: np.ndarray) -> np.ndarray:
        if not params["reverse"]:
            return function(x, axis=params["axis"])
        return np.flip(function(np.flip(x, params["axis"]), axis=params["axis"]), params["axis"])

    return run


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "neg": np.negative, "pow": np.power,
    "max": np.maximum, "min": np.minimum, "atan2": np.arctan2, "add_any": np.add,
    "eq": np.equal, "ne": np.not_equal, "lt": np.less, "le": np.less_equal, "gt": np.greater, "ge": np.greater_equal,
    "and": np.bitwise_and, "or": np.bitwise_or, "xor": np.bitwise_xor, "not": np.invert,
    "is_finite": np.isfinite, "copy": np.asarray, "copy_p": np.asarray, "rsqrt": lambda x: 1 / np.sqrt(x),
    "logistic": lambda x: 1 / (1 + np.exp(-x)), "clamp": lambda low, x, high: np.minimum(np.maximum(x, low), high),
}  # fmt: skip

_FORMS: dict[str, Form] = {
    **{
        name: _plain(getattr(np, name))
        for name in ("exp", "exp2", "log", "log1p", "expm1", "tanh", "sin", "cos", "tan", "sqrt", "cbrt", "abs", "sign")
    },
    **{name: _plain(getattr(np, name)) for name in ("floor", "ceil", "square", "real", "imag")},
    **{name: _plain(function) for name, function in _FUNCTIONS.items()},
    "div": _divided,
    "rem": _remainder,
    "integer_pow": lambda params, x: x ** params["y"],
    "convert_element_type": _converted,
    "round": _rounded,
    "select_n": _selected,
    "broadcast_in_dim": _broadcast,
    "reshape": lambda params, x, *sizes: x.reshape(params["new_sizes"]),
    "squeeze": lambda params, x: np.squeeze(x, tuple(params["dimensions"])),
    "expand_dims": lambda params, x: np.expand_dims(x, tuple(params["dimensions"])),
    "transpose": lambda params, x: np.transpose(x, params["permutation"]),
    "rev": lambda params, x: np.flip(x, tuple(params["dimensions"])),
    "concatenate": lambda params, *parts: np.concatenate(parts, params["dimension"]),
    "stack": lambda params, *parts: np.stack(parts, params["axis"]),
    "tile": lambda params, x: np.tile(x, params["reps"]),
    "slice": _sliced,
    "dynamic_slice": _sliced_from,
    "pad": lambda params, x, value: np.pad(x, [c[:2] for c in params["padding_config"]], constant_values=value),
    "iota": _counted,
    "reduce_sum": _along(np.sum),
    "reduce_max": _along(np.max),
    "reduce_min": _along(np.min),
    "reduce_prod": _along(np.prod),
    "reduce_and": _along(np.all),
    "reduce_or": _along(np.any),
    "argmax": lambda params, x: np.argmax(x, params["axes"][0]),
    "argmin": lambda params, x: np.argmin(x, params["axes"][0]),
    "cumsum": _running(np.cumsum),
    "cumprod": _running(np.cumprod),
    "sort": lambda params, x: np.sort(x, params["dimension"]),
}  # fmt: skip
