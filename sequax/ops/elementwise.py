"""Ops that work element by element: functions of one array, of two that are broadcast, comparisons, logic, bits."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import jax
import jax.numpy as jnp

from ..core.operation import symbolic
from ..core.types import ArrayLike, DTypeLike
from .table import DIVISIBLE, Binary, Unary, array, binary, floating, given, named, op, operand, plain, tried, unary

# Functions of one array. Those with `floating` take whole numbers and booleans as `floatx()`, others keep the dtype.
abs: Unary = unary("abs", jnp.abs)
absolute = abs
angle: Unary = unary("angle", jnp.angle, floating)
arccos: Unary = unary("arccos", jnp.arccos, floating)
arccosh: Unary = unary("arccosh", jnp.arccosh, floating)
arcsin: Unary = unary("arcsin", jnp.arcsin, floating)
arcsinh: Unary = unary("arcsinh", jnp.arcsinh, floating)
arctan: Unary = unary("arctan", jnp.arctan, floating)
arctanh: Unary = unary("arctanh", jnp.arctanh, floating)
cbrt: Unary = unary("cbrt", jnp.cbrt, floating)
ceil: Unary = unary("ceil", jnp.ceil, floating)
conjugate: Unary = unary("conjugate", jnp.conjugate)
conj = conjugate
cos: Unary = unary("cos", jnp.cos, floating)
cosh: Unary = unary("cosh", jnp.cosh, floating)
deg2rad: Unary = unary("deg2rad", jnp.deg2rad, floating)
exp: Unary = unary("exp", jnp.exp, floating)
exp2: Unary = unary("exp2", jnp.exp2, floating)
expm1: Unary = unary("expm1", jnp.expm1, floating)
fabs: Unary = unary("fabs", jnp.fabs, floating)
floor: Unary = unary("floor", jnp.floor, floating)
i0: Unary = unary("i0", jnp.i0, floating)
imag: Unary = unary("imag", jnp.imag)
log: Unary = unary("log", jnp.log, floating)
log10: Unary = unary("log10", jnp.log10, floating)
log1p: Unary = unary("log1p", jnp.log1p, floating)
log2: Unary = unary("log2", jnp.log2, floating)
negative: Unary = unary("negative", jnp.negative)
rad2deg: Unary = unary("rad2deg", jnp.rad2deg, floating)
real: Unary = unary("real", jnp.real)
reciprocal: Unary = unary("reciprocal", jnp.reciprocal, floating)
sign: Unary = unary("sign", jnp.sign)
sin: Unary = unary("sin", jnp.sin, floating)
sinc: Unary = unary("sinc", jnp.sinc, floating)
sinh: Unary = unary("sinh", jnp.sinh, floating)
sqrt: Unary = unary("sqrt", jnp.sqrt, floating)
square: Unary = unary("square", jnp.square)
tan: Unary = unary("tan", jnp.tan, floating)
tanh: Unary = unary("tanh", jnp.tanh, floating)
trunc: Unary = unary("trunc", jnp.trunc)

# Functions of two.
add: Binary = binary("add", jnp.add)
arctan2: Binary = binary("arctan2", jnp.arctan2)
divide: Binary = binary("divide", jnp.divide)
true_divide = divide
floor_divide: Binary = binary("floor_divide", jnp.floor_divide)
fmax: Binary = binary("fmax", jnp.fmax)
fmin: Binary = binary("fmin", jnp.fmin)
fmod: Binary = binary("fmod", jnp.fmod)
gcd: Binary = binary("gcd", jnp.gcd)
heaviside: Binary = binary("heaviside", jnp.heaviside)
hypot: Binary = binary("hypot", jnp.hypot)
lcm: Binary = binary("lcm", jnp.lcm)
logaddexp: Binary = binary("logaddexp", jnp.logaddexp)
logaddexp2: Binary = binary("logaddexp2", jnp.logaddexp2)
maximum: Binary = binary("maximum", jnp.maximum)
minimum: Binary = binary("minimum", jnp.minimum)
mod: Binary = binary("mod", jnp.mod)
multiply: Binary = binary("multiply", jnp.multiply)
nextafter: Binary = binary("nextafter", jnp.nextafter)
power: Binary = binary("power", jnp.power)
subtract: Binary = binary("subtract", jnp.subtract)

# Comparisons and questions; the results are booleans.
equal: Binary = binary("equal", jnp.equal)
greater: Binary = binary("greater", jnp.greater)
greater_equal: Binary = binary("greater_equal", jnp.greater_equal)
less: Binary = binary("less", jnp.less)
less_equal: Binary = binary("less_equal", jnp.less_equal)
not_equal: Binary = binary("not_equal", jnp.not_equal)
logical_and: Binary = binary("logical_and", jnp.logical_and)
logical_or: Binary = binary("logical_or", jnp.logical_or)
logical_xor: Binary = binary("logical_xor", jnp.logical_xor)
logical_not: Unary = unary("logical_not", jnp.logical_not)
isfinite: Unary = unary("isfinite", jnp.isfinite)
isinf: Unary = unary("isinf", jnp.isinf)
isnan: Unary = unary("isnan", jnp.isnan)
isneginf: Unary = unary("isneginf", jnp.isneginf)
isposinf: Unary = unary("isposinf", jnp.isposinf)
isreal: Unary = unary("isreal", jnp.isreal)
signbit: Unary = unary("signbit", jnp.signbit)


def _bitwise(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """The op `name(x, y)` of whole numbers or booleans."""

    def call(x: ArrayLike, y: ArrayLike) -> jax.Array:
        return function(operand(x), operand(y))

    doc = f"`{name}` of the bits of `x` and `y`, whole numbers or booleans; their shapes are broadcast."
    return op(named(call, name, doc))


bitwise_and: Callable[..., Any] = _bitwise("bitwise_and", jnp.bitwise_and)
bitwise_or: Callable[..., Any] = _bitwise("bitwise_or", jnp.bitwise_or)
bitwise_xor: Callable[..., Any] = _bitwise("bitwise_xor", jnp.bitwise_xor)
bitwise_left_shift: Callable[..., Any] = _bitwise("bitwise_left_shift", jnp.left_shift)
bitwise_right_shift: Callable[..., Any] = _bitwise("bitwise_right_shift", jnp.right_shift)
left_shift: Callable[..., Any] = bitwise_left_shift
right_shift: Callable[..., Any] = bitwise_right_shift
bitwise_invert: Unary = unary("bitwise_invert", jnp.invert)
bitwise_not = bitwise_invert


@op
def allclose(
    x1: ArrayLike, x2: ArrayLike, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False
) -> jax.Array:
    """Whether `|x1 - x2| <= atol + rtol |x2|` holds for all elements, as a boolean scalar.

    NaN equals NaN only with `equal_nan`.
    """
    return jnp.allclose(operand(x1), operand(x2), rtol, atol, equal_nan)


@op
def isclose(
    x1: ArrayLike, x2: ArrayLike, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False
) -> jax.Array:
    """Whether `|x1 - x2| <= atol + rtol |x2|`, for each element; NaN equals NaN only with `equal_nan`."""
    return jnp.isclose(operand(x1), operand(x2), rtol, atol, equal_nan)


@op
def clip(x: ArrayLike, x_min: ArrayLike, x_max: ArrayLike) -> jax.Array:
    """`x` held between `x_min` and `x_max` (None: no bound); the dtype is that of the three together.

    Booleans count as int32.
    """
    x = array(x)
    bounds = [None if bound is None else operand(bound) for bound in (x_min, x_max)]
    return jnp.clip(x.astype("int32") if x.dtype == bool else x, *bounds)


@op
def divide_no_nan(x1: ArrayLike, x2: ArrayLike) -> jax.Array:
    """`x1 / x2`, and 0 where `x2` is 0; the gradient there is 0 too.

    >>> divide_no_nan([1.0, 3.0], [0.0, 2.0]).tolist()
    [0.0, 1.5]
    """
    x1, x2 = operand(x1), operand(x2)
    zero = jnp.equal(x2, 0)
    # The division is by 1 where the result is not used: its gradient there would be NaN.
    return jnp.where(zero, 0, jnp.divide(x1, jnp.where(zero, 1, x2)))


@op
def ldexp(x1: ArrayLike, x2: ArrayLike) -> jax.Array:
    """`x1 · 2^x2` for whole numbers `x2`.

    Raises:
        TypeError: if `x2` is not of an integer dtype.
    """
    exponent = array(x2)
    if not jnp.issubdtype(exponent.dtype, jnp.integer):
        raise TypeError(f"ops.ldexp: the exponent `x2` must be of an integer dtype. Received: dtype={exponent.dtype}")
    return jnp.ldexp(operand(x1), exponent)


@op
def nan_to_num(x: ArrayLike, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None) -> jax.Array:
    """`x` with NaN replaced by `nan`, and infinities by `posinf` and `neginf` (None: the largest finite numbers)."""
    return jnp.nan_to_num(array(x), nan=nan, posinf=posinf, neginf=neginf)


@op
def round(x: ArrayLike, decimals: int = 0) -> jax.Array:
    """`x` rounded to `decimals` places, halves to the even neighbour; negative: to tens, hundreds and so on."""
    x = array(x)
    if decimals < 0 and jnp.issubdtype(x.dtype, jnp.integer):  # JAX has this for floats only
        return jnp.round(floating(x), decimals).astype(x.dtype)
    return jnp.round(x, decimals)


@tried(*DIVISIBLE)
def view(x: ArrayLike, dtype: DTypeLike | None = None) -> jax.Array:
    """The bytes of `x` read as `dtype` (None: as they are); the last axis grows or shrinks by the ratio of item sizes.

    Raises:
        ValueError: if the bytes of the last axis do not divide into items of `dtype`.
    """
    return array(x) if dtype is None else array(x).view(given(dtype))


@plain
def vectorize(
    pyfunc: Callable[..., Any], *, excluded: Iterable[int | str] | None = None, signature: str | None = None
) -> Callable[..., Any]:
    """A function of single elements, or of the axes named in `signature`, as an op over whole arrays.

    Args:
        pyfunc: of JAX arrays.
        excluded: positions (and names) of arguments that are passed on as they are.
        signature: e.g. `"(n),(n)->()"`, the axes that one call takes; leading axes are broadcast.

    >>> vectorize(lambda a, b: a @ b, signature="(n),(n)->()")([[1, 2], [3, 4]], [1, 1]).tolist()
    [3, 7]
    """
    if not callable(pyfunc):
        raise ValueError(f"ops.vectorize: `pyfunc` must be callable. Received: pyfunc={pyfunc!r}")
    excluded = frozenset(excluded or ())
    mapped = jnp.vectorize(pyfunc, excluded=excluded, signature=signature)

    def call(*args: ArrayLike) -> jax.Array:
        return mapped(*(value if i in excluded else array(value) for i, value in enumerate(args)))

    call.__name__, call.__doc__ = getattr(pyfunc, "__name__", "vectorized"), pyfunc.__doc__
    return symbolic(call)


__all__ = [
    "abs", "absolute", "add", "allclose", "angle", "arccos", "arccosh", "arcsin", "arcsinh", "arctan", "arctan2",
    "arctanh", "bitwise_and", "bitwise_invert", "bitwise_left_shift", "bitwise_not", "bitwise_or",
    "bitwise_right_shift", "bitwise_xor", "cbrt", "ceil", "clip", "conj", "conjugate", "cos", "cosh", "deg2rad",
    "divide", "divide_no_nan", "equal", "exp", "exp2", "expm1", "fabs", "floor", "floor_divide", "fmax", "fmin",
    "fmod", "gcd", "greater", "greater_equal", "heaviside", "hypot", "i0", "imag", "isclose", "isfinite", "isinf",
    "isnan", "isneginf", "isposinf", "isreal", "lcm", "ldexp", "left_shift", "less", "less_equal", "log", "log1p",
    "log2", "log10", "logaddexp", "logaddexp2", "logical_and", "logical_not", "logical_or", "logical_xor", "maximum",
    "minimum", "mod", "multiply", "nan_to_num", "negative", "nextafter", "not_equal", "power", "rad2deg", "real",
    "reciprocal", "right_shift", "round", "sign", "signbit", "sin", "sinc", "sinh", "sqrt", "square", "subtract",
    "tan", "tanh", "true_divide", "trunc", "vectorize", "view",
]  # fmt: skip
