"""`tf.experimental.numpy`: NumPy's functions by NumPy's names, which JAX has as well; they take lists, too."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from ...core.types import ArrayLike, DTypeLike
from ...core.variable import Variable
from . import randoms, settings, values
from .member import Member
from .serving import one_node

_WORDS = """
    abs absolute add all allclose amax amin angle any append arange arccos arccosh arcsin arcsinh arctan arctan2 arctanh
    argmax argmin argsort around array array_equal asarray atleast_1d atleast_2d atleast_3d average bitwise_and
    bitwise_not bitwise_or bitwise_xor broadcast_arrays broadcast_to cbrt ceil clip compress concatenate conj conjugate
    copy cos cosh count_nonzero cross cumprod cumsum deg2rad diag diag_indices diagflat diagonal diff divide divmod dot
    dsplit dstack einsum empty empty_like equal exp exp2 expand_dims expm1 eye fabs finfo flip fliplr flipud float_power
    floor floor_divide full full_like gcd geomspace greater greater_equal heaviside hsplit hstack hypot identity iinfo
    imag inner isclose iscomplex iscomplexobj isfinite isinf isnan isneginf isposinf isreal isrealobj isscalar
    issubdtype ix_ kron lcm less less_equal linspace log log10 log1p log2 logaddexp logaddexp2 logical_and logical_not
    logical_or logical_xor logspace matmul max maximum mean meshgrid min minimum mod moveaxis multiply nanmean nanprod
    nansum ndim negative nextafter nonzero not_equal ones ones_like outer pad polyval positive power prod promote_types
    ptp rad2deg ravel real reciprocal remainder repeat reshape result_type roll rot90 round select shape sign signbit
    sin sinc sinh size sort split sqrt square squeeze stack std subtract sum swapaxes take take_along_axis tan tanh
    tensordot tile trace transpose tri tril triu true_divide vander var vdot vsplit vstack where zeros zeros_like
"""


def _taking_lists(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of JAX that takes lists of numbers, and variables, for the arrays they stand for."""

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        args, kwargs = jax.tree.map(lambda one: one.value if isinstance(one, Variable) else one, (args, kwargs))
        try:
            return function(*args, **kwargs)
        except TypeError:
            if not any(type(one) in (list, tuple) for one in args):
                raise
        return function(*(_array(one) if type(one) in (list, tuple) else one for one in args), **kwargs)

    return call


def _array(numbers: Any) -> Any:
    """A list as an array; one of arrays of unequal lengths stays a list, of arrays."""
    try:
        return values.tensor(numbers)
    except ValueError:
        return [values.tensor(one) for one in numbers]


def experimental_enable_numpy_behavior(prefer_float32: bool = False, dtype_conversion_mode: str = "legacy") -> None:
    """Without effect: arrays have NumPy's methods and operators here from the start.

    Args:
        prefer_float32: 32 bits are all there are.
        dtype_conversion_mode: the rule is that of JAX.
    """


def rand(*size: int) -> jax.Array:
    return randoms.uniform(size)


def randn(*size: int) -> jax.Array:
    return randoms.normal(size)


def random(size: values.Sizes = ()) -> jax.Array:
    return randoms.uniform(size)


def standard_normal(size: values.Sizes = ()) -> jax.Array:
    return randoms.normal(size)


def uniform(low: ArrayLike = 0.0, high: ArrayLike = 1.0, size: values.Sizes = ()) -> jax.Array:
    return randoms.uniform(size, low, high)


def poisson(lam: ArrayLike = 1.0, size: values.Sizes = ()) -> jax.Array:
    return jnp.asarray(randoms.poisson(size, lam), "int32")


def randint(low: int, high: int | None = None, size: values.Sizes = (), dtype: DTypeLike = "int32") -> jax.Array:
    drawn = randoms.uniform(size, 0 if high is None else low, low if high is None else high, "int32")
    return values.tensor(drawn, dtype)


_NAMES: dict[str, Any] = {
    **{name: one_node(_taking_lists(getattr(jnp, name))) for name in _WORDS.split()},
    **{name: dtype for name, dtype in values.DTYPES.items() if name not in ("double", "half", "bfloat16", "string")},
    **{"bool_": values.DTYPES["bool"], "float_": values.float32, "int_": values.DTYPES["int32"]},
    **{"ndarray": values.Tensor, "newaxis": None, "pi": math.pi, "e": math.e, "inf": math.inf},
    **dict.fromkeys(("asanyarray", "ascontiguousarray"), _taking_lists(jnp.asarray)),
    **{"fix": one_node(_taking_lists(jnp.trunc)), "flatten": one_node(_taking_lists(jnp.ravel))},
    "experimental_enable_numpy_behavior": experimental_enable_numpy_behavior,
    **{f"random.{one.__name__}": one for one in (rand, randn, random, standard_normal, uniform, poisson, randint)},
    "random.seed": settings.set_seed,
}
MEMBERS: dict[str, Member] = {f"experimental.numpy.{name}": Member(value) for name, value in _NAMES.items()}
