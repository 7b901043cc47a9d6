"""Decisions by traced values: `if tensor:` of a function that is being compiled.

JAX cannot know the value, so both ways are traced: the function runs from its beginning once for each way, as far as
its own decisions differ, and `jax.lax.cond` chooses between what comes out. Nothing of the source is read, so returns
in the middle, decisions in functions it calls, and `and`, `not` and `a if b else c` are all alike. What variables hold
afterwards is chosen as well; a seed has moved as far as on the way that draws most.

A function that decides more often than `MOST_DECISIONS` times one after another (a loop `while tensor:`) is left to
JAX' own error, and so are ways that end in results of unlike kinds.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from .._holding import Holding
from . import scope
from .variable import Variable

MOST_DECISIONS, MOST_WAYS = 6, 24

_way: ContextVar[_Way | None] = ContextVar("sequax_way", default=None)


class _Unlike(Exception):
    """Ways end in results of unlike kinds."""


class _Undecided(BaseException):
    """The function asks for a value; no `except Exception` on the way is meant."""

    def __init__(self, way: _Way, condition: Any):
        super().__init__("a traced value decides")
        self.way, self.condition = way, condition


class _Way:
    """The decisions that lead along one way, in order."""

    def __init__(self, decisions: tuple[bool, ...], ways: list[int]):
        self.decisions, self.ways, self.asked = decisions, ways, 0


class _End(NamedTuple):
    """What a way has come to, traced.

    Fields:
        program: without arguments; gives the arrays of the result, then the values of the variables.
        fixed: the leaves of the result that are no arrays, None in the place of arrays.
    """

    program: Any
    structure: Any
    fixed: list[Any]
    variables: list[Variable]
    mark: Any


def decided(value: Any) -> bool | None:
    """Which way to take where a traced value is asked for; None outside of such functions.

    Raises:
        _Undecided: which `both_ways` answers.
    """
    way = _way.get()
    if way is None or np.shape(value) != ():
        return None
    if way.asked < len(way.decisions):
        way.asked += 1
        return way.decisions[way.asked - 1]
    if way.asked >= MOST_DECISIONS or way.ways[0] >= MOST_WAYS:
        return None
    raise _Undecided(way, value)


def both_ways(function: Callable[[], Any]) -> Any:
    """What a function returns that is being traced, also where it decides by traced values."""
    if _way.get() is not None:
        return function()
    frame = scope.frame()
    before = None if frame is None else frame.mark()
    try:
        return _walked(function, (), [1])
    except _Unlike:
        if frame is not None:
            frame.rewind(before)
        return function()  # JAX' own error says where


def of_layer(function: Callable[[], Any]) -> Any:
    """`both_ways` for the `call` of a layer, whose penalties and masks of outputs are chosen as well.

    A layer decides on its own: what is around it, such as a gradient, may hold the values that it decides by.
    """
    call, frame = scope.call(), scope.frame()
    assert call is not None
    losses, masks, runs = list(call.losses), dict(call.masks), 0

    def run() -> Any:
        nonlocal runs
        runs += 1
        _put_back(call, losses, masks)  # what a way has left there that ended at a decision
        outputs = function()
        found = [call.masks.get(id(one)) for one in jax.tree.leaves(outputs)]
        return outputs, call.losses[len(losses) :], [None if one is None else one[1] for one in found]

    with Holding(_way, None):
        outputs, added, marks = both_ways(run)
    if runs > 1:
        _put_back(call, [*losses, *added], masks)
        if frame is not None and frame.losses is not None:
            frame.losses.extend(added)
        masked = zip(jax.tree.leaves(outputs), marks, strict=True)
        call.masks.update({id(one): (one, mask) for one, mask in masked if mask is not None})
    return outputs


def _put_back(call: scope.Call, losses: list[Any], masks: dict[int, tuple[Any, Any]]) -> None:
    call.losses[:] = losses
    call.masks.clear()
    call.masks.update(masks)


def _walked(function: Callable[[], Any], decisions: tuple[bool, ...], ways: list[int]) -> Any:
    frame, way = scope.frame(), _Way(decisions, ways)
    before = None if frame is None else frame.mark()
    try:
        with Holding(_way, way):
            return function()
    except _Undecided as one:
        if one.way is not way:
            raise
        condition = jnp.asarray(one.condition, bool)
    ways[0] += 1

    def end(choice: bool) -> _End:
        if frame is not None:
            frame.rewind(before)
        return _traced(lambda: _walked(function, (*decisions, choice), ways), frame)

    yes, no = end(True), end(False)
    if frame is not None:
        frame.rewind(before)
    return _chosen(condition, yes, no, frame)


def _traced(function: Callable[[], Any], frame: scope.Frame | None) -> _End:
    told: list[Any] = []

    def run() -> list[Any]:
        flat, structure = jax.tree.flatten(function())
        arrays = [jnp.asarray(one) for one in flat if _is_array(one)]
        fixed = [None if _is_array(one) else one for one in flat]
        variables = [] if frame is None else list(frame.assigned.values())
        told[:] = structure, fixed, [_is_array(one) for one in flat], variables
        return [*arrays, *(jnp.asarray(frame.values[id(v)]) for v in variables if frame is not None)]

    program = jax.make_jaxpr(run)()
    structure, fixed, places, variables = told
    return _End(program, (structure, tuple(places)), fixed, variables, None if frame is None else frame.mark())


def _chosen(condition: Any, yes: _End, no: _End, frame: scope.Frame | None) -> Any:
    """What comes out of the way that a condition chooses; the variables hold what they hold at its end."""
    kinds = _kinds(yes, no)
    variables = list({id(v): v for v in (*yes.variables, *no.variables)}.values())
    held = [] if frame is None else [jnp.asarray(_value(variable, frame)) for variable in variables]

    def along(one: _End) -> list[Any]:
        found = jax.core.eval_jaxpr(one.program.jaxpr, one.program.consts)
        after = {id(v): value for v, value in zip(one.variables, found[len(kinds) :], strict=True)}
        results = [jnp.asarray(value, kind) for value, kind in zip(found, kinds, strict=False)]
        return [*results, *(after.get(id(v), value) for v, value in zip(variables, held, strict=True))]

    found = jax.lax.cond(condition, lambda: along(yes), lambda: along(no))
    if frame is not None:
        for variable, value in zip(variables, found[len(kinds) :], strict=True):
            frame.assign(variable, value)
        frame.join(yes.mark, no.mark)
    structure, places = yes.structure
    arrays = iter(found)
    flat = [next(arrays) if is_array else one for is_array, one in zip(places, yes.fixed, strict=True)]
    return jax.tree.unflatten(structure, flat)


def _kinds(yes: _End, no: _End) -> list[Any]:
    """The dtype of each array of the result, in which both ways can give it.

    Raises:
        _Unlike: if they end in results that cannot stand for each other.
    """
    if yes.structure != no.structure or any(a is not b and a != b for a, b in zip(yes.fixed, no.fixed, strict=True)):
        raise _Unlike
    _, places = yes.structure
    pairs = list(zip(*(one.program.out_avals[: sum(places)] for one in (yes, no)), strict=True))
    if any(a.shape != b.shape for a, b in pairs):
        raise _Unlike
    return [jnp.result_type(*pair) for pair in pairs]


def _value(variable: Variable, frame: scope.Frame) -> Any:
    if id(variable) in frame.values:  # elsewhere it is asked for, which notes that it is read
        return frame.values[id(variable)]
    return variable.value


def _is_array(value: Any) -> bool:
    if isinstance(value, (np.ndarray, np.generic)):
        return value.dtype.kind in "biufc"
    return isinstance(value, jax.Array) or type(value) in (int, float, bool)
