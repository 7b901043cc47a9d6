"""From a traced program to a graph of ONNX nodes: one rule per primitive of JAX, and per named formula.

What hangs on constants alone is computed here and now. A rule gets a `Call` and the values of its operands and returns
the value of the result (or several); it may return `NotImplemented`, and a formula is then translated step by step.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from ...kernels import formulas
from ..errors import ExportError
from ..trace import layer_path
from .graph import Graph
from .values import Value, constant, dense, float_of, is_known

Rule = Callable[..., Any]
RULES: dict[str, Rule] = {}  # by the name of a primitive
FORMULAS: dict[str, Rule] = {}  # by the name of a formula


def rule(*names: str) -> Callable[[Rule], Rule]:
    """The rule for primitives."""

    def register(function: Rule) -> Rule:
        RULES.update(dict.fromkeys(names, function))
        return function

    return register


def formula(*names: str) -> Callable[[Rule], Rule]:
    """The rule for named formulas; it gets their settings by keyword."""

    def register(function: Rule) -> Rule:
        FORMULAS.update(dict.fromkeys(names, function))
        return function

    return register


class Call(NamedTuple):
    """An equation that is translated.

    Attributes:
        graph: where its nodes go.
        equation: of the traced program.
        path: of the layer that it comes from.
    """

    graph: Graph
    equation: Any
    path: str

    def __getattr__(self, name: str) -> Any:
        """A parameter of the equation."""
        try:
            return self.equation.params[name]
        except KeyError:
            raise AttributeError(name) from None

    @property
    def shape(self) -> tuple[Any, ...]:
        """Of the first result."""
        return tuple(self.equation.outvars[0].aval.shape)

    @property
    def dtype(self) -> np.dtype:
        """Of the first result."""
        return float_of(self.equation.outvars[0].aval.dtype)

    def refuse(self, reason: str) -> ExportError:
        """The error for an operation that has no form in ONNX."""
        name = self.equation.primitive.name
        message = (
            f"ONNX has no form for what it computes here: {reason} (JAX' `{name}`). Export to `stablehlo`, which holds"
            f" any program, or leave this part out of the model and do it before or after it."
        )
        return ExportError(message, self.path or None, name)


def translate(
    graph: Graph, jaxpr: Any, constants: Sequence[Any], arguments: Sequence[Value], path: str = "", needed: Any = None
) -> list[Any]:
    """The values of the results of a jaxpr; None for those that are not `needed`."""
    known: dict[Any, Value] = {}
    for variable, value in zip(jaxpr.constvars, constants, strict=True):
        known[variable] = value if isinstance(value, Value) else _given(value)
    known.update(zip(jaxpr.invars, arguments, strict=True))
    live = _live(jaxpr, needed)

    def read(one: Any) -> Value:
        return known[one] if not hasattr(one, "val") else _given(np.asarray(one.val, one.aval.dtype))

    before = graph.path
    for equation in jaxpr.eqns:
        wanted = [variable in live for variable in equation.outvars]
        if any(wanted):
            inner = layer_path(equation)
            at = "/".join(filter(None, (path, inner)))
            graph.path = at
            operands = [read(one) for one in equation.invars]
            results = _results(graph, equation, operands, at, wanted)
            for variable, value in zip(equation.outvars, results, strict=True):
                if value is not None:
                    known[variable] = value
    graph.path = before
    return [read(one) if needed is None or needed[i] else None for i, one in enumerate(jaxpr.outvars)]


def _given(value: Any) -> Value:
    return constant(np.asarray(value))


def _live(jaxpr: Any, needed: Any) -> set[Any]:
    """The variables that the results hang on."""
    outputs = (
        jaxpr.outvars if needed is None else [one for one, want in zip(jaxpr.outvars, needed, strict=True) if want]
    )
    live = {one for one in outputs if not hasattr(one, "val")}
    for equation in reversed(jaxpr.eqns):
        if any(variable in live for variable in equation.outvars):
            live.update(one for one in equation.invars if not hasattr(one, "val"))
    return live


_BODIES = {
    "jit": "jaxpr",
    "pjit": "jaxpr",
    "closed_call": "call_jaxpr",
    "core_call": "call_jaxpr",
    "remat": "jaxpr",
    "checkpoint": "jaxpr",
    "remat2": "jaxpr",
    "custom_jvp_call": "call_jaxpr",
    "custom_vjp_call": "call_jaxpr",
    "custom_vjp_call_jaxpr": "fun_jaxpr",
}


def _results(graph: Graph, equation: Any, operands: list[Value], path: str, wanted: list[bool]) -> list[Value | None]:
    name = equation.primitive.name
    call = Call(graph, equation, path)
    if name in _BODIES:
        found: Any = NotImplemented
        if known := formulas.name_of(equation):
            graph.path = path
            found = _by_formula(call, known, operands)
        if found is NotImplemented:
            body = equation.params[_BODIES[name]]
            body, constants = (body.jaxpr, body.consts) if hasattr(body, "jaxpr") else (body, ())
            return translate(graph, body, constants, operands, path, wanted)
    else:
        folds = name in _UNFOLDED or getattr(RULES.get(name), "folds", False)
        found = None if folds else _folded(call, operands)
        if found is None:
            if name not in RULES:
                raise call.refuse("there is no rule for it")
            found = RULES[name](call, *operands)
            if found is NotImplemented:
                raise call.refuse("not with these settings")
    return list(found) if isinstance(found, (list, tuple)) else [found]


def _by_formula(call: Call, known: tuple[str, dict[str, Any]], operands: list[Value]) -> Any:
    name, settings = known
    if name not in FORMULAS or all(value.is_constant for value in operands):
        return NotImplemented
    return FORMULAS[name](call, *operands, **settings)


# Those that stay lazy, whose constants may be large or have symbols for sizes, or that hold programs; a rule may say so
# by an attribute `folds`, too.
_UNFOLDED = {"broadcast_in_dim", "scan", "while", "cond", "transpose", "reshape", "squeeze", "expand_dims", "copy"}
_UNFOLDED |= {"stop_gradient", "optimization_barrier"}
_LARGEST = 1 << 26  # entries of a constant that is computed here


def _folded(call: Call, operands: list[Value]) -> Any:
    """The results of an equation that hangs on constants alone; None if it does not."""
    equation = call.equation
    if not all(value.is_constant and is_known(value.shape) for value in operands):
        return None
    shapes = [one.aval.shape for one in equation.outvars]
    if not all(is_known(shape) and np.prod(shape, dtype=float) < _LARGEST for shape in shapes):
        return None
    if not operands and equation.primitive.name not in ("iota",):
        return None
    arrays = [dense(value) for value in operands]
    typed = [
        np.asarray(array, one.aval.dtype) if array.dtype != one.aval.dtype else array
        for array, one in zip(arrays, equation.invars, strict=True)
    ]
    found = equation.primitive.bind(*typed, **equation.params)
    if not equation.primitive.multiple_results:
        found = [found]
    if any(jax.numpy.issubdtype(one.dtype, jax.dtypes.extended) for one in found):
        raise call.refuse("random numbers are drawn")
    return [constant(np.asarray(one)) for one in found]
