"""Functions that read and assign variables, compiled: what is below `tf.function` and the units of eager steps.

A first trace, on shapes alone, finds the variables: each one that is read or assigned. A second one makes the program,
with their values among its inputs and the assigned ones among its outputs. Programs know no number that may change
later, since even scalars come in as inputs.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ..._holding import Holding
from ...core import branching, rng, scope
from ...core.variable import Variable
from . import recording
from .reading import tracing
from .recording import Kind, run

_MOST_VARIANTS = 128
_SAME_BY_VALUE = (bool, int, float, complex, str, bytes, type(None))
_NUMBERS_TRIED = 3  # after that many numbers in one place, a number there is an input


class NewVariable(Exception):
    """A function reads a variable that it was not found to read."""


class _Same:
    """Equal to the very same object alone, which it keeps."""

    __slots__ = ("value",)

    def __init__(self, value: object):
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.value is self.value

    def __hash__(self) -> int:
        return id(self.value)


class _Plan:
    """How to put a structure together again: what is not among the arrays stands here."""

    def __init__(self, structure: Any, fixed: list[Any], dynamic: list[int]):
        self.structure, self.fixed, self.dynamic = structure, fixed, dynamic

    def filled(self, arrays: Sequence[Any]) -> Any:
        flat = list(self.fixed)
        for position, one in zip(self.dynamic, arrays, strict=True):
            flat[position] = one
        return jax.tree.unflatten(self.structure, flat)


@jax.tree_util.register_pytree_node_class
class _Outcome:
    """What a program returns: arrays of the result, and new values of variables by their positions."""

    def __init__(self, arrays: list[Any], assigned: dict[int, Any], plan: _Plan):
        self.arrays, self.assigned, self.plan = arrays, assigned, plan

    def tree_flatten(self) -> tuple[Any, Any]:
        return (self.arrays, self.assigned), self.plan

    @classmethod
    def tree_unflatten(cls, plan: Any, children: Any) -> _Outcome:
        arrays, assigned = children
        return cls(arrays, assigned, plan)


class _Variant(NamedTuple):
    variables: list[Variable]
    kind: Kind


class _Finding:
    """The first trace: takes in what is read."""

    def __init__(self) -> None:
        self.found: dict[int, Variable] = {}

    def adopt(self, variable: Variable) -> jax.Array:
        self.found[id(variable)] = variable
        return variable.stored


class _Running:
    """The trace of the program, whose variables are known."""

    def adopt(self, variable: Variable) -> jax.Array:
        raise NewVariable


class Program:
    """A function of arrays and variables.

    Args:
        function: takes and returns structures of arrays and anything else. What is no array is part of the program.

    Called where a function is traced already, it is a part of that.
    """

    def __init__(self, function: Callable[..., Any]):
        self.function = function
        self._variants: dict[Hashable, _Variant] = {}
        self._numbers: dict[Hashable, int] = {}
        self.traced = 0  # how many kinds of arguments there were

    def __call__(self, *args: Any, stamp: Hashable = None, numbers: bool = False, **kwargs: Any) -> Any:
        """Run it, compiled.

        Args:
            stamp: what else the program hangs on.
            numbers: whether numbers of Python that come in ever new ones are inputs.
        """
        flat, structure = jax.tree.flatten((args, kwargs))
        if scope.frame() is not None or any(isinstance(one, jax.core.Tracer) for one in flat):
            return self.function(*args, **kwargs)
        dynamic = [i for i, one in enumerate(flat) if _is_array(one)]
        if numbers:
            dynamic = self._with_numbers(flat, structure, dynamic)
        moving = set(dynamic)
        fixed = [None if i in moving else one for i, one in enumerate(flat)]
        key = structure, tuple(dynamic), tuple(map(_key, fixed)), stamp, _Same(rng.current())
        arrays = [jnp.asarray(flat[i]) for i in dynamic]
        plan = _Plan(structure, fixed, dynamic)
        variant = self._variants.get(key)
        for _ in range(10):
            variant = variant or self._found(plan, arrays)
            try:
                result = self._run(variant, arrays)
            except NewVariable:  # with other shapes, others are read
                variant = None
                continue
            if len(self._variants) >= _MOST_VARIANTS:
                self._variants.clear()
            self._variants[key] = variant
            return result
        raise RuntimeError("a compiled function reads other variables each time it is traced")

    def _with_numbers(self, flat: list[Any], structure: Any, dynamic: list[int]) -> list[int]:
        places = [i for i, one in enumerate(flat) if type(one) in (int, float)]
        if not places:
            return dynamic
        others = structure, tuple(_key(one) for i, one in enumerate(flat) if i not in places and i not in dynamic)
        seen = self._numbers.setdefault((others, tuple(map(_key, (flat[i] for i in places)))), len(self._numbers))
        return sorted([*dynamic, *places]) if seen >= _NUMBERS_TRIED else dynamic

    def _found(self, plan: _Plan, arrays: list[Any]) -> _Variant:
        self.traced += 1
        finding, frame = _Finding(), scope.Frame([], [], strict=False)

        def look(given: list[Any]) -> None:
            with _inside(finding, frame):
                self._called(plan, given)

        jax.eval_shape(look, arrays)
        variables = list({**finding.found, **frame.assigned}.values())
        count = len(variables)

        def program(*given: Any) -> _Outcome:
            frame = scope.Frame(variables, list(given[:count]), strict=False)
            with _inside(_Running(), frame):
                result = self._called(plan, given[count:])
            known = {id(variable): i for i, variable in enumerate(variables)}
            if not frame.assigned.keys() <= known.keys():
                raise NewVariable
            assigned = {known[key]: frame.values[key] for key in frame.assigned}
            return _Outcome(*_split(result, assigned))

        return _Variant(variables, recording.program(program))

    def _called(self, plan: _Plan, arrays: Sequence[Any]) -> Any:
        args, kwargs = plan.filled(arrays)
        return branching.both_ways(lambda: self.function(*args, **kwargs))

    def _run(self, variant: _Variant, arrays: list[Any]) -> Any:
        with scope.fresh_call():  # in which variables are what they are, in no other dtype
            values = [variable.value for variable in variant.variables]
        outcome = run(variant.kind, [*values, *arrays])
        for position, value in outcome.assigned.items():
            variant.variables[position].restore(value)
        return outcome.plan.filled(outcome.arrays)


@contextmanager
def _inside(function: _Finding | _Running, frame: scope.Frame) -> Iterator[None]:
    with Holding(tracing, function), scope.framed(frame), scope.fresh_call():
        yield


def _split(result: Any, assigned: dict[int, Any]) -> tuple[list[Any], dict[int, Any], _Plan]:
    flat, structure = jax.tree.flatten(result)
    dynamic = [i for i, one in enumerate(flat) if _is_array(one) or type(one) in (int, float, bool)]
    moving = set(dynamic)
    fixed = [None if i in moving else one for i, one in enumerate(flat)]
    return [jnp.asarray(flat[i]) for i in dynamic], assigned, _Plan(structure, fixed, dynamic)


def _is_array(value: object) -> bool:
    if isinstance(value, (np.ndarray, np.generic)):
        return value.dtype.kind in "biufc"
    return isinstance(value, (jax.Array, jax.core.Tracer))


def _key(value: object) -> Hashable:
    return (type(value), value) if isinstance(value, _SAME_BY_VALUE) else _Same(value)
