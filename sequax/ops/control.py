"""Ops that call functions: branches, loops, scans, maps, and functions with a gradient of their own.

Each is one construct of JAX and is compiled and differentiated like it: `while_loop`, and `fori_loop` with bounds that
are not Python numbers, have no reverse gradient; use `scan` where one is needed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from ..core.operation import symbolic
from ..core.types import ArrayLike, Nested
from .table import op, operand, plain


def _arrays(structure: object) -> Any:
    """A structure with variables and NumPy arrays as JAX arrays; Python numbers stay, and with them weak dtypes."""
    return jax.tree.map(operand, structure)


@op
def cond(pred: ArrayLike, true_fn: Callable[..., Any], false_fn: Callable[..., Any]) -> Any:
    """`true_fn()` if the scalar `pred` holds, else `false_fn()`; both must return the same structure and shapes."""
    return jax.lax.cond(operand(pred), true_fn, false_fn)


@op
def switch(index: ArrayLike, branches: Sequence[Callable[..., Any]], *operands: Nested[ArrayLike]) -> Any:
    """`branches[index](*operands)`; an `index` outside is moved to the first or last branch."""
    return jax.lax.switch(operand(index), branches, *_arrays(operands))


@op
def while_loop(
    cond: Callable[..., Any],
    body: Callable[..., Any],
    loop_vars: Nested[ArrayLike],
    maximum_iterations: int | None = None,
) -> Any:
    """Apply `body` to `loop_vars` as long as `cond` holds.

    Args:
        cond: of the loop variables; returns a scalar boolean.
        body: of the loop variables; returns their new values.
        loop_vars: a list or tuple, passed as separate arguments, or one value.
        maximum_iterations: stop after that many at the latest.

    Returns:
        The last values: a tuple, or one value if `loop_vars` is one.

    >>> int(while_loop(lambda i: i < 5, lambda i: i + 1, 0))
    5
    """
    several = isinstance(loop_vars, (list, tuple))

    def separate(values: object) -> tuple[Any, ...]:
        return tuple(values) if isinstance(values, (list, tuple)) else (values,)

    def go_on(state: tuple[Any, ...]) -> jax.Array:
        count, values = state
        more = cond(*values)
        return more if maximum_iterations is None else jnp.logical_and(more, count < maximum_iterations)

    def step(state: tuple[Any, ...]) -> tuple[Any, ...]:
        count, values = state
        return count + 1, separate(body(*values)) if several else (body(*values),)

    start = _arrays(separate(loop_vars) if several else (loop_vars,))
    values = jax.lax.while_loop(go_on, step, (0, start))[1]
    return values if several else values[0]


@op
def fori_loop(lower: ArrayLike, upper: ArrayLike, body_fun: Callable[..., Any], init_val: Nested[ArrayLike]) -> Any:
    """`value = body_fun(i, value)` for `i` from `lower` to `upper - 1`, beginning with `init_val`."""
    return jax.lax.fori_loop(operand(lower), operand(upper), body_fun, _arrays(init_val))


@op
def scan(
    f: Callable[..., Any],
    init: Nested[ArrayLike],
    xs: Nested[ArrayLike] | None = None,
    length: int | None = None,
    reverse: bool = False,
    unroll: int | bool = 1,
) -> tuple[Any, Any]:
    """Carry a value along the first axis of `xs`: `carry, y = f(carry, x)` for each slice `x`.

    Args:
        init: the first carry.
        xs: structure of arrays with equal first axes, or None if `length` is given.
        reverse: from the last slice to the first.
        unroll: steps per iteration of the compiled loop; True unrolls it whole.

    Returns:
        The last carry, and the `y`s stacked along a new first axis.
    """
    if not isinstance(unroll, bool) and (not isinstance(unroll, int) or unroll < 1):
        raise ValueError(f"scan: `unroll` must be a positive whole number or a boolean. Received: unroll={unroll!r}")
    return jax.lax.scan(f, _arrays(init), _arrays(xs), length=length, reverse=reverse, unroll=unroll)


@op
def associative_scan(f: Callable[..., Any], elems: Nested[ArrayLike], reverse: bool = False, axis: int = 0) -> Any:
    """All prefixes of `elems` along `axis` combined by an associative function, in logarithmic depth.

    Args:
        f: of two slices of the structure `elems`, returns one.
        reverse: combine from the end.

    >>> associative_scan(lambda a, b: a + b, jnp.arange(5)).tolist()
    [0, 1, 3, 6, 10]
    """
    return jax.lax.associative_scan(f, _arrays(elems), reverse=reverse, axis=axis)


@op
def map(f: Callable[..., Any], xs: Nested[ArrayLike]) -> Any:
    """`f` of each slice of `xs` along the first axis, one after the other, stacked; `vectorized_map` does all at once.

    Args:
        xs: a structure of arrays with equal first axes; `f` gets the structure of their slices.
    """
    return jax.lax.map(f, _arrays(xs))


@op
def vectorized_map(function: Callable[..., Any], elements: Nested[ArrayLike]) -> Any:
    """`function` of each slice of `elements` along the first axis, all at once, stacked."""
    return jax.vmap(function)(_arrays(elements))


@plain
def custom_gradient(f: Callable[..., Any]) -> Callable[..., Any]:
    """Decorator: a function that brings its own gradient.

    Args:
        f: returns its value and a function from the upstream gradient to the gradients of its arguments.

    >>> @custom_gradient
    ... def double(x):
    ...     return 2 * x, lambda upstream: 7 * upstream
    >>> float(jax.grad(double)(3.0))
    7.0
    """
    differentiable = jax.custom_gradient(f)

    def call(*args: object, **kwargs: object) -> Any:
        return differentiable(*_arrays(args), **_arrays(kwargs))

    call.__name__, call.__doc__ = getattr(f, "__name__", "custom_gradient"), f.__doc__
    return symbolic(call)


__all__ = [
    "associative_scan", "cond", "custom_gradient", "fori_loop", "map", "scan", "switch", "vectorized_map",
    "while_loop",
]  # fmt: skip
