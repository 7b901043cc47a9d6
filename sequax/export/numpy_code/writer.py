"""From a traced program to the text of a Python function that computes it in NumPy."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np
from jax.extend.core import Literal

from ...core import jaxprs
from ..errors import ExportError
from ..trace import layer_path
from ..unrolling import CALLS
from . import _runtime

_INDENT = "    "
# What hangs on weights alone is computed when the module is written, unless that makes them many times larger.
_GROWTH, _FREE = 2, 1024
Rule = Callable[["Writer", Any, "list[Value]"], "str | list[str] | list[Value]"]
RULES: dict[str, Rule] = {}
MODULE = "sequax.export.numpy_code.rules"


class Value:
    """What a variable of the program is in the text.

    Args:
        aval: shape and dtype.
        name: its expression, if it has one.
        small: the expression of an array that is this one when it is repeated along axes of size 1.
        known: the array itself, if it hangs on no input.
        key: of that array in the file of weights.
    """

    __slots__ = ("aval", "key", "known", "name", "small")

    def __init__(
        self, aval: Any, name: str | None = None, small: str | None = None, known: Any = None, key: str | None = None
    ):
        self.aval, self.name, self.small, self.known, self.key = aval, name, small, known, key

    @property
    def shape(self) -> tuple[Any, ...]:
        return tuple(self.aval.shape)


class Writer:
    """The lines of one function, and what they need.

    Args:
        outer: the writer of the function around it.

    Attributes:
        lines: of the body; with False for those that belong to functions inside.
        arrays: constants that go into the file of weights, by key.
        used: names of `_runtime` that the text calls.
    """

    def __init__(self, outer: Writer | None = None):
        self.lines: list[tuple[str, bool]] = []
        self.arrays: dict[str, np.ndarray] = {} if outer is None else outer.arrays
        self.used: set[str] = set() if outer is None else outer.used
        self._taken: dict[str, Any] = {} if outer is None else outer._taken
        self.depth: int = 1 if outer is None else outer.depth + 1
        self._count, self._path = 0, ""
        self._around: str = "" if outer is None else outer._around

    # --- text ---

    def line(self, text: str) -> None:
        self.lines.append((_INDENT * self.depth + text, True))

    def fresh(self) -> str:
        self._count += 1
        return f"v{self._count}"

    def call(self, function: str, *arguments: Any) -> str:
        """A call of a function of `_runtime`; arguments are expressions, values or settings."""
        self.used.add(function)
        return f"{function}({', '.join(map(self.text, arguments))})"

    def text(self, value: Any) -> str:
        """A value, or a setting: numbers, sizes, shapes, nests of them."""
        if isinstance(value, Value):
            return self.name(value)
        if isinstance(value, Text):
            return str(value)
        if isinstance(value, (list, tuple)):
            inner = ", ".join(map(self.text, value))
            return f"({inner},)" if len(value) == 1 else f"({inner})"
        if value is None or isinstance(value, (bool, str)):
            return repr(value)
        if isinstance(value, (float, np.floating)):
            return repr(float(value)) if np.isfinite(value) else f"float({str(float(value))!r})"
        return self.size(value)

    def size(self, size: Any) -> str:
        """A size that may be symbolic: JAX writes it as Python would, but for powers."""
        if isinstance(size, (int, np.integer)):
            return str(int(size))
        written = str(size).replace("^", "**")
        self.used |= {name for name in ("floordiv", "mod") if f"{name}(" in written}
        return f"({written})" if " " in written else written

    def name(self, value: Value, small: bool = False) -> str:
        """The expression of a value; with `small`, sizes of 1 may stand for entries that repeat."""
        if value.known is not None and value.name is None:
            value.name = self._constant(value)
        if value.name is not None:
            return value.name
        assert value.small is not None
        if small:
            return value.small
        value.name = self.fresh()
        self.line(f"{value.name} = np.broadcast_to({value.small}, {self.text(value.shape)})")
        return value.name

    def _constant(self, value: Value) -> str:
        array = np.asarray(value.known)
        if array.ndim == 0:
            return scalar(array)
        made = f"{self._path.rpartition('/')[2] or 'constant'}_{len(self._taken)}"
        key = value.key or next((k for k, held in self._taken.items() if held is value.known), made)
        self.arrays[key], self._taken[key] = array, value.known
        return f"W[{key!r}]"

    # --- programs ---

    def inline(self, jaxpr: Any, constants: Sequence[Value], arguments: Sequence[Value]) -> list[Value]:
        """Write the equations of a program; returns its results."""
        environment: dict[Any, Value] = dict(zip(jaxpr.constvars, constants, strict=True))
        environment.update(zip(jaxpr.invars, arguments, strict=True))

        def read(variable: Any) -> Value:
            if isinstance(variable, Literal):
                return Value(variable.aval, known=np.asarray(variable.val, getattr(variable.aval, "dtype", None)))
            return environment[variable]

        for equation in jaxpr.eqns:
            results = self._equation(equation, [read(variable) for variable in equation.invars])
            environment.update(zip(equation.outvars, results, strict=True))
        return [read(variable) for variable in jaxpr.outvars]

    def _equation(self, equation: Any, operands: list[Value]) -> list[Value]:
        name = equation.primitive.name
        if name in CALLS:
            body = equation.params[CALLS[name]]
            closed = hasattr(body, "consts")
            constants = [known(constant) for constant in body.consts] if closed else []
            before, self._around = self._around, self._where(equation)
            results = self.inline(body.jaxpr if closed else body, constants, operands)
            self._around = before
            return results
        computed = _computed(equation, operands)
        if computed is not None:
            return computed
        if name not in RULES:
            raise ExportError(
                f"NumPy modules have no form of the operation '{name}'. Export with format='stablehlo' or 'onnx'.",
                self._where(equation) or None,
                name,
            )
        self._note(self._where(equation))
        written = RULES[name](self, equation, operands)
        if isinstance(written, str):
            written = [written]
        if written and isinstance(written[0], Value):
            return written
        names = [self.fresh() for _ in equation.outvars]
        if len(written) == len(names):
            for target, text in zip(names, written, strict=True):
                self.line(f"{target} = {text}")
        else:
            self.line(f"{', '.join(names)} = {written[0]}")
        return [Value(v.aval, name=n) for v, n in zip(equation.outvars, names, strict=True)]

    def _where(self, equation: Any) -> str:
        """The layer that an equation is of; what is inside of a called function may know only a part."""
        return "/".join(filter(None, (self._around, layer_path(equation))))

    def _note(self, path: str) -> None:
        """A comment where another layer begins."""
        if path != self._path and path and self.depth == 1:
            self.line(f"# {path}")
        self._path = path or self._path

    def function(self, closed: Any, what: str) -> str:
        """Write a function of a program inside of this one; returns its name."""
        name = f"{what}_{self.depth}_{self.fresh()[1:]}"
        inner = Writer(self)
        arguments = [Value(v.aval, name=f"a{i}") for i, v in enumerate(closed.jaxpr.invars)]
        results = inner.inline(closed.jaxpr, [known(constant) for constant in closed.consts], arguments)
        inner.line(f"return {inner.text(results)}" if what != "condition" else f"return {inner.text(results[0])}")
        self.line(f"def {name}({', '.join(a.name or '' for a in arguments)}):")
        self.lines += [(text, False) for text in inner.body()]
        return name

    def body(self) -> list[str]:
        """The lines, in which results take the names of those that nobody needs any more, so that these are freed."""
        last: dict[str, int] = {}
        for number, (text, own) in enumerate(self.lines):
            last.update(dict.fromkeys(re.findall(r"\bv\d+\b", text) if own else (), number))
        place: dict[str, str] = {}
        free: list[str] = []
        made = 0
        written = []
        for number, (text, own) in enumerate(self.lines):
            if not own or "#" in text.lstrip()[:1]:
                written.append(text)
                continue
            found = list(dict.fromkeys(re.findall(r"\bv\d+\b", text)))
            free += [place[name] for name in found if name in place and last[name] == number]
            for name in found:
                if name not in place:
                    made += not free
                    place[name] = free.pop() if free else f"v{made}"
            free += [place[n] for n in found if last[n] == number and place[n] not in free and n not in place]
            written.append(re.sub(r"\bv\d+\b", lambda match: place[match.group()], text))
        return written


class Text(str):
    """An expression, where a plain `str` would be a setting."""

    __slots__ = ()


def known(value: Any, key: str | None = None) -> Value:
    return Value(jax.ShapeDtypeStruct(np.shape(value), value.dtype), known=value, key=key)


def scalar(value: Any) -> str:
    """A number with its dtype."""
    array = np.asarray(value)
    number = array.item()
    written = repr(number) if not isinstance(number, float) or np.isfinite(number) else repr(str(number))
    return f"np.{array.dtype.name.replace('bool', 'bool_')}({written})"


def _computed(equation: Any, operands: list[Value]) -> list[Value] | None:
    """The results, if they hang on nothing but weights and are not much larger."""
    if not operands or any(one.known is None for one in operands) or any(True for _ in jaxprs.inside(equation)):
        return None
    if not all(isinstance(v.aval.dtype, np.dtype) for v in equation.outvars):  # keys of random numbers
        return None
    shapes = [v.aval.shape for v in equation.outvars]
    if not all(isinstance(size, int) for shape in shapes for size in shape):
        return None
    given = sum(int(np.size(one.known)) for one in operands)
    if sum(int(np.prod(shape)) for shape in shapes) > max(_GROWTH * given, _FREE):
        return None
    found = equation.primitive.bind(*(np.asarray(one.known) for one in operands), **equation.params)
    return [known(np.asarray(one)) for one in (found if equation.primitive.multiple_results else [found])]


def needed(names: set[str]) -> str:
    """The source of functions of `_runtime`, and of those that they call, in their order there."""
    everything = vars(_runtime)
    todo, found = list(names), set()
    while todo:
        name = todo.pop()
        if name in found or not callable(everything.get(name)):
            continue
        found.add(name)
        code = everything[name].__code__
        codes = [code, *(c for c in code.co_consts if hasattr(c, "co_names"))]
        todo += [called for one in codes for called in one.co_names if called in everything]
    ordered = sorted(found, key=lambda name: everything[name].__code__.co_firstlineno)
    return "\n\n\n".join(inspect.getsource(everything[name]).rstrip() for name in ordered)
