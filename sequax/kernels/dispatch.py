"""The one place where an operation meets the platform it runs on.

An operation is a hashable *spec* (its static geometry) whose method ``kernels(*arrays)`` answers, from shapes and
dtypes alone, which ``Kernel`` each platform gets: ``{"cpu": ..., "default": ...}``. A native kernel is one more answer
there. The choice falls when the program is lowered, so one traced program can be compiled for any platform; but for
programs of which it is known (`for_platform`), whose other forms need not be traced.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from functools import partial
from typing import Any, NamedTuple, Protocol

import jax
from jax import lax

from .._holding import Holding


class Kernel(NamedTuple):
    """One implementation of an operation.

    Attributes:
        predict: ``arrays -> output``, used where nothing is differentiated.
        forward: the same function, used where a gradient follows.
        backward: one function per array, ``(arrays, output, cotangent) -> gradient``. They stand apart so that a
            gradient nobody reads (the input of the first layer, a frozen kernel) is dropped from the program.
    """

    predict: Callable[..., Any]
    forward: Callable[..., Any]
    backward: tuple[Callable[..., Any], ...]


class Spec(Protocol):
    """Static description of an operation; must be hashable."""

    def kernels(self, *arrays: jax.Array) -> dict[str, Kernel]: ...


def autodiff(function: Callable[..., Any], count: int) -> tuple[Callable[..., Any], ...]:
    """The ``count`` backward functions that JAX derives from ``function`` itself."""

    def gradient(position: int, arrays, output, cotangent):
        def of_one(array):
            return function(*arrays[:position], array, *arrays[position + 1 :])

        return jax.vjp(of_one, arrays[position])[1](cotangent)[0]

    return tuple(partial(gradient, position) for position in range(count))


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def apply(spec: Spec, *arrays: jax.Array) -> jax.Array:
    """Run the operation ``spec`` with the kernel of the platform that the program is compiled for.

    Differentiable in reverse mode to any order; forward mode (``jax.jvp``) is refused by ``custom_vjp``.
    """
    return _choose(spec, arrays, lambda kernel: kernel.predict)


def _forward(spec, *arrays):
    output = _choose(spec, arrays, lambda kernel: kernel.forward)
    # Arrays and output are the same on each platform, which residuals of one implementation would not be. What both
    # passes compute (im2col patches) is merged by XLA when they meet in one program.
    return output, (arrays, output)


def _backward(spec, saved, cotangent):
    arrays, _ = saved

    def gradient(position):
        def pick(kernel):
            return lambda arrays, output, cotangent: kernel.backward[position](arrays, output, cotangent)

        return _choose(spec, (*saved, cotangent), pick, arrays)

    return tuple(gradient(position) for position in range(len(arrays)))


apply.defvjp(_forward, _backward)


_known: ContextVar[str | None] = ContextVar("platform", default=None)


def for_platform(platform: str | None) -> Holding[str | None]:
    """Inside, what is traced is for this platform alone, which saves 3 % of a deep first fit. None: for any."""
    return Holding(_known, platform)


def platform() -> str | None:
    """The platform that is known to be the only one for what is traced here."""
    return _known.get()


def _sized(array):
    """What the rules of selection see: a usual size in the place of each that is not known (`jax.export`)."""
    if all(type(size) is int for size in array.shape):
        return array
    shape = [size if type(size) is int else _USUAL_SIZE for size in array.shape]
    return jax.ShapeDtypeStruct(tuple(shape), array.dtype)


_USUAL_SIZE = 32


_apart: ContextVar[bool] = ContextVar("rows_apart", default=False)


def rows_apart() -> bool:
    """Whether the rows of a batch lie on several devices: a form that merges them with another axis moves them all."""
    return _apart.get()


def with_rows_apart(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function such that tracing it chooses forms for rows that lie on several devices."""

    def traced(*given: Any) -> Any:
        with Holding(_apart, True):
            return function(*given)

    return traced


def _choose(spec, operands, part, arrays=None):
    kernels = spec.kernels(*map(_sized, operands if arrays is None else arrays))
    if platform := _known.get():
        return part(kernels.get(platform, kernels["default"]))(*operands)
    return lax.platform_dependent(*operands, **{platform: part(kernel) for platform, kernel in kernels.items()})
