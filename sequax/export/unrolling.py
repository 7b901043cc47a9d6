"""Loops over steps written out, for runtimes without loops or with slow ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax.extend.core import Literal

from .errors import ExportError

LONGEST = 1024
# Operations whose bodies are part of the program around them, and the parameter that holds the body.
CALLS = {
    "jit": "jaxpr",
    "pjit": "jaxpr",
    "closed_call": "call_jaxpr",
    "core_call": "call_jaxpr",
    "custom_jvp_call": "call_jaxpr",
    "custom_vjp_call": "call_jaxpr",
    "checkpoint": "jaxpr",
    "remat2": "jaxpr",
}


def _before(a: Any, b: Any, **_: Any) -> Any:
    """`a < b`, numbers before what is no number."""
    return (a < b) | ((b != b) & (a == a))


def _not_after(a: Any, b: Any, **_: Any) -> Any:
    return (a <= b) | (b != b)


def _same(a: Any, b: Any, **_: Any) -> Any:
    return (a == b) | ((a != a) & (b != b))


def _convolved(x: Any, kernel: Any, **parameters: Any) -> Any:
    """A convolution over a spread input (a transposed one) in two steps, since not all runtimes have it as one."""
    dilation, orders = parameters["lhs_dilation"], parameters["dimension_numbers"]
    if any(one > 1 for one in dilation):
        spread = [(0, 0, 0)] * x.ndim
        for axis, one, edges in zip(orders.lhs_spec[2:], dilation, parameters["padding"], strict=True):
            spread[axis] = (*edges, one - 1)
        x = jax.lax.pad(x, jnp.zeros((), x.dtype), spread)
        parameters |= {"lhs_dilation": (1,) * len(dilation), "padding": ((0, 0),) * len(dilation)}
    return jax.lax.conv_general_dilated_p.bind(x, kernel, **parameters)


def _signed(operation: Any) -> Callable[..., Any]:
    """An operation whose numbers without sign, such as places in a table, get one meanwhile."""

    def function(a: Any, b: Any, **parameters: Any) -> Any:
        dtype = a.dtype
        if not jnp.issubdtype(dtype, jnp.unsignedinteger):
            return operation(a, b)
        return operation(jnp.asarray(a).astype("int32"), jnp.asarray(b).astype("int32")).astype(dtype)

    return function


# Operations that few runtimes have, in terms of those that they do.
PLAINER: dict[str, Callable[..., Any]] = {
    "lt_to": _before,
    "le_to": _not_after,
    "eq_to": _same,
    "add": _signed(jax.lax.add),
    "sub": _signed(jax.lax.sub),
    "mul": _signed(jax.lax.mul),
    "div": _signed(jax.lax.div),
    "conv_general_dilated": _convolved,
}


def unrolled(closed: Any) -> Callable[..., list[Any]]:
    """The function of a closed jaxpr, with the steps of each `scan` one after another.

    Raises:
        ExportError: when called, for a loop of unknown or more than 1,024 steps.
    """
    return lambda *arguments: _run(closed.jaxpr, closed.consts, arguments)


def _run(jaxpr: Any, constants: Sequence[Any], arguments: Sequence[Any]) -> list[Any]:
    values: dict[Any, Any] = dict(zip(jaxpr.constvars, constants, strict=True))
    values.update(zip(jaxpr.invars, arguments, strict=True))

    def read(variable: Any) -> Any:
        return variable.val if isinstance(variable, Literal) else values[variable]

    for equation in jaxpr.eqns:
        given = [read(variable) for variable in equation.invars]
        with jax.named_scope(str(equation.source_info.name_stack) or "model"):
            values.update(zip(equation.outvars, _results(equation, given), strict=True))
    return [read(variable) for variable in jaxpr.outvars]


def _results(equation: Any, given: list[Any]) -> list[Any]:
    name, parameters = equation.primitive.name, equation.params
    if name in CALLS:
        body = parameters[CALLS[name]]
        return _run(getattr(body, "jaxpr", body), getattr(body, "consts", ()), given)
    if name == "scan":
        return _steps(parameters, given)
    if name in PLAINER:
        return [PLAINER[name](*given, **parameters)]
    found = equation.primitive.bind(*given, **parameters)
    return list(found) if equation.primitive.multiple_results else [found]


def _steps(parameters: dict[str, Any], given: list[Any]) -> list[Any]:
    length, first, count = parameters["length"], parameters["num_consts"], parameters["num_carry"]
    if not isinstance(length, int) or length > LONGEST:
        raise ExportError(
            f"a loop of {length} steps cannot be written out, which this format needs (up to {LONGEST}). Fix the length"
            f" of the sequences by `input_signature=`, or export with format='onnx', which has loops."
        )
    constants, carry, rows = given[:first], given[first : first + count], given[first + count :]
    body, made = parameters["jaxpr"], []
    for step in range(length - 1, -1, -1) if parameters["reverse"] else range(length):
        found = _run(body.jaxpr, body.consts, [*constants, *carry, *(row[step] for row in rows)])
        carry = found[:count]
        made.append(found[count:])
    if parameters["reverse"]:
        made.reverse()
    return [*carry, *(jnp.stack(parts) for parts in zip(*made, strict=True))]
