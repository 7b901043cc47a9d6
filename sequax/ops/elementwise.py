"""Ops that work element by element: functions of one array, of two that are broadcast, comparisons, logic, bits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from ..core.operation import symbolic
from .table import DIVISIBLE, array, binary, floating, given, op, operand, plain, public, tried, unary

# Functions of one array. Those with `floating` take whole numbers and booleans as `floatx()`, others keep the dtype.
abs = unary("abs", jnp.abs)
absolute = abs
angle = unary("angle", jnp.angle, floating)
arccos = unary("arccos", jnp.arccos, floating)
arccosh = unary("arccosh", jnp.arccosh, floating)
arcsin = unary("arcsin", jnp.arcsin, floating)
arcsinh = unary("arcsinh", jnp.arcsinh, floating)
arctan = unary("arctan", jnp.arctan, floating)
arctanh = unary("arctanh", jnp.arctanh, floating)
cbrt = unary("cbrt", jnp.cbrt, floating)
ceil = unary("ceil", jnp.ceil, floating)
conjugate = unary("conjugate", jnp.conjugate)
conj = conjugate
cos = unary("cos", jnp.cos, floating)
cosh = unary("cosh", jnp.cosh, floating)
deg2rad = unary("deg2rad", jnp.deg2rad, floating)
exp = unary("exp", jnp.exp, floating)
exp2 = unary("exp2", jnp.exp2, floating)
expm1 = unary("expm1", jnp.expm1, floating)
fabs = unary("fabs", jnp.fabs, floating)
floor = unary("floor", jnp.floor, floating)
i0 = unary("i0", jnp.i0, floating)
imag = unary("imag", jnp.imag)
log = unary("log", jnp.log, floating)
log10 = unary("log10", jnp.log10, floating)
log1p = unary("log1p", jnp.log1p, floating)
log2 = unary("log2", jnp.log2, floating)
negative = unary("negative", jnp.negative)
rad2deg = unary("rad2deg", jnp.rad2deg, floating)
real = unary("real", jnp.real)
reciprocal = unary("reciprocal", jnp.reciprocal, floating)
sign = unary("sign", jnp.sign)
sin = unary("sin", jnp.sin, floating)
sinc = unary("sinc", jnp.sinc, floating)
sinh = unary("sinh", jnp.sinh, floating)
sqrt = unary("sqrt", jnp.sqrt, floating)
square = unary("square", jnp.square)
tan = unary("tan", jnp.tan, floating)
tanh = unary("tanh", jnp.tanh, floating)
trunc = unary("trunc", jnp.trunc)

# Functions of two.
add = binary("add", jnp.add)
arctan2 = binary("arctan2", jnp.arctan2)
divide = binary("divide", jnp.divide)
true_divide = divide
floor_divide = binary("floor_divide", jnp.floor_divide)
fmax = binary("fmax", jnp.fmax)
fmin = binary("fmin", jnp.fmin)
fmod = binary("fmod", jnp.fmod)
gcd = binary("gcd", jnp.gcd)
heaviside = binary("heaviside", jnp.heaviside)
hypot = binary("hypot", jnp.hypot)
lcm = binary("lcm", jnp.lcm)
logaddexp = binary("logaddexp", jnp.logaddexp)
logaddexp2 = binary("logaddexp2", jnp.logaddexp2)
maximum = binary("maximum", jnp.maximum)
minimum = binary("minimum", jnp.minimum)
mod = binary("mod", jnp.mod)
multiply = binary("multiply", jnp.multiply)
nextafter = binary("nextafter", jnp.nextafter)
power = binary("power", jnp.power)
subtract = binary("subtract", jnp.subtract)

# Comparisons and questions; the results are booleans.
equal = binary("equal", jnp.equal)
greater = binary("greater", jnp.greater)
greater_equal = binary("greater_equal", jnp.greater_equal)
less = binary("less", jnp.less)
less_equal = binary("less_equal", jnp.less_equal)
not_equal = binary("not_equal", jnp.not_equal)
logical_and = binary("logical_and", jnp.logical_and)
logical_or = binary("logical_or", jnp.logical_or)
logical_xor = binary("logical_xor", jnp.logical_xor)
logical_not = unary("logical_not", jnp.logical_not)
isfinite = unary("isfinite", jnp.isfinite)
isinf = unary("isinf", jnp.isinf)
isnan = unary("isnan", jnp.isnan)
isneginf = unary("isneginf", jnp.isneginf)
isposinf = unary("isposinf", jnp.isposinf)
isreal = unary("isreal", jnp.isreal)
signbit = unary("signbit", jnp.signbit)


def _bitwise(name: str, function: Callable) -> Callable:
    """The op `name(x, y)` of whole numbers or booleans."""

    def call(x: Any, y: Any) -> Any:
        return function(operand(x), operand(y))

    call.__name__ = call.__qualname__ = name
    call.__doc__ = f"`{name}` of the bits of `x` and `y`, whole numbers or booleans; their shapes are broadcast."
    return op(call)


bitwise_and = _bitwise("bitwise_and", jnp.bitwise_and)
bitwise_or = _bitwise("bitwise_or", jnp.bitwise_or)
bitwise_xor = _bitwise("bitwise_xor", jnp.bitwise_xor)
bitwise_left_shift = _bitwise("bitwise_left_shift", jnp.left_shift)
bitwise_right_shift = _bitwise("bitwise_right_shift", jnp.right_shift)
left_shift, right_shift = bitwise_left_shift, bitwise_right_shift
bitwise_invert = unary("bitwise_invert", jnp.invert)
bitwise_not = bitwise_invert


@op
def allclose(x1: Any, x2: Any, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> jax.Array:
    """Whether |x1 - x2| <= atol + rtol |x2| holds for all elements, as a boolean scalar."""
    return jnp.allclose(operand(x1), operand(x2), rtol, atol, equal_nan)


@op
def isclose(x1: Any, x2: Any, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> jax.Array:
    """Whether |x1 - x2| <= atol + rtol |x2|, for each element; NaN equals NaN only with `equal_nan`."""
    return jnp.isclose(operand(x1), operand(x2), rtol, atol, equal_nan)


@op
def clip(x: Any, x_min: Any, x_max: Any) -> jax.Array:
    """`x` held between `x_min` and `x_max` (None: no bound); the dtype is that of the three together.

    Booleans count as int32.
    """
    x = array(x)
    bounds = [None if bound is None else operand(bound) for bound in (x_min, x_max)]
    return jnp.clip(x.astype("int32") if x.dtype == bool else x, *bounds)


@op
def divide_no_nan(x1: Any, x2: Any) -> jax.Array:
    """x1 / x2, and 0 where x2 is 0; the gradient there is 0 too."""
    x1, x2 = operand(x1), operand(x2)
    zero = jnp.equal(x2, 0)
    # The division is by 1 where the result is not used: its gradient there would be NaN.
    return jnp.where(zero, 0, jnp.divide(x1, jnp.where(zero, 1, x2)))


@op
def ldexp(x1: Any, x2: Any) -> jax.Array:
    """x1 · 2^x2 for whole numbers x2.

    Raises:
        TypeError: if x2 is not of an integer dtype.
    """
    exponent = array(x2)
    if not jnp.issubdtype(exponent.dtype, jnp.integer):
        raise TypeError(f"ops.ldexp: the exponent `x2` must be of an integer dtype. Received: dtype={exponent.dtype}")
    return jnp.ldexp(operand(x1), exponent)


@op
def nan_to_num(x: Any, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None) -> jax.Array:
    """`x` with NaN replaced by `nan`, and infinities by `posinf` and `neginf` (None: the largest finite numbers)."""
    return jnp.nan_to_num(array(x), nan=nan, posinf=posinf, neginf=neginf)


@op
def round(x: Any, decimals: int = 0) -> jax.Array:
    """`x` rounded to `decimals` places, halves to the even neighbour; negative: to tens, hundreds and so on."""
    x = array(x)
    if decimals < 0 and jnp.issubdtype(x.dtype, jnp.integer):  # JAX has this for floats only
        return jnp.round(floating(x), decimals).astype(x.dtype)
    return jnp.round(x, decimals)


@tried(*DIVISIBLE)
def view(x: Any, dtype: Any = None) -> jax.Array:
    """The same bytes read as another dtype; the last axis grows or shrinks by the ratio of the item sizes.

    Raises:
        ValueError: if the bytes of the last axis do not divide into items of `dtype`.
    """
    return array(x) if dtype is None else array(x).view(given(dtype))


@plain
def vectorize(pyfunc: Callable, *, excluded: Any = None, signature: str | None = None) -> Callable:
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

    def call(*args: Any) -> Any:
        return mapped(*(value if i in excluded else array(value) for i, value in enumerate(args)))

    call.__name__, call.__doc__ = getattr(pyfunc, "__name__", "vectorized"), pyfunc.__doc__
    return symbolic(call)


__all__ = public(globals())
