"""Gradients from the notes of a tape: the part between sources and targets runs again, under `jax.vjp`.

Such a part is compiled as a whole, once for all tapes that look alike. A script whose tapes look different each time
(an episode is longer than the last one, or an index is another number) would compile for ever. There each node goes
back on its own, by a small program that is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.extend.core import ClosedJaxpr, jaxpr_as_fun

from ...core.types import ArrayLike
from .recording import Kind, Node, Notes, is_float, program, run

_MOST_NODES = 400  # of a part that is compiled as a whole: the time to compile grows faster than the nodes
_MOST_PROGRAMS = 2_000
_FIRST_CREDIT, _CREDIT_OF_HIT = 2.0, 0.1  # programs that a line of a script may compile, and what a kept one earns it


class Part(NamedTuple):
    """Nodes between sources and targets.

    Fields:
        nodes: in the order in which they were computed.
        inputs: arrays that none of them computes, the sources among them, each once.
        wiring: for each node the positions of its inputs, in the list of `inputs` and then all outputs.
        sources: positions of the sources.
        targets: positions of the targets.
    """

    nodes: list[Node]
    inputs: list[Any]
    wiring: tuple[tuple[int, ...], ...]
    sources: tuple[int, ...]
    targets: tuple[int, ...]


class Backward(NamedTuple):
    """A compiled way back.

    Fields:
        kind: takes the seeds of the targets, then the inputs of a part; returns gradients of the connected sources.
        connected: for each source, whether a gradient can be anything but 0.
    """

    kind: Kind
    connected: tuple[bool, ...]


def part(notes: Notes, targets: Sequence[Any], sources: Sequence[Any]) -> Part:
    """What lies between: reached from a source, and leading to a target."""
    reached, led = {id(one) for one in sources}, {id(one) for one in targets}
    forward = []
    for node in notes.nodes:
        if any(id(one) in reached for one in node.inputs):
            forward.append(node)
            reached.update(id(one) for one in node.outputs if is_float(one))
    nodes = []
    for node in reversed(forward):
        if any(id(one) in led for one in node.outputs):
            nodes.append(node)
            led.update(id(one) for one in node.inputs)
    return _wired(nodes[::-1], targets, sources)


def _wired(nodes: list[Node], targets: Sequence[Any], sources: Sequence[Any]) -> Part:
    made = {id(one) for node in nodes for one in node.outputs}
    inputs: dict[int, Any] = {}
    for one in (*(one for node in nodes for one in node.inputs), *sources, *targets):
        if id(one) not in made:
            inputs.setdefault(id(one), one)
    numbers = {key: number for number, key in enumerate(inputs)}
    wiring = []
    for node in nodes:
        wiring.append(tuple(numbers[id(one)] for one in node.inputs))
        for one in node.outputs:
            numbers[id(one)] = len(numbers)
    return Part(
        nodes,
        list(inputs.values()),
        tuple(wiring),
        tuple(numbers[id(one)] for one in sources),
        tuple(numbers[id(one)] for one in targets),
    )


def gradients(
    notes: Notes, targets: Sequence[Any], seeds: Sequence[Any], sources: Sequence[Any], line: Hashable
) -> Any:
    """The gradients of the targets, weighted by seeds and added up, as a list; None where nothing connects them.

    Args:
        line: of the script, which has a limited number of programs that are compiled as a whole.
    """
    whole = part(notes, targets, sources)
    if whole.nodes and all(node.pull is not None for node in whole.nodes):
        return _by_pulls(whole.nodes, targets, seeds, sources)
    found = _as_a_whole(whole, seeds, line)
    if found is None:
        return _node_by_node(whole.nodes, targets, seeds, sources)
    return _apply(found, whole, seeds)


def _apply(found: Backward, whole: Part, seeds: Sequence[Any]) -> list[Any]:
    results = iter(run(found.kind, [*seeds, *whole.inputs]))
    return [next(results) if connected else None for connected in found.connected]


# --- programs -------------------------------------------------------------------------------------------------------

_programs: dict[Hashable, Backward] = {}
_credit: dict[Hashable, float] = {}


def _as_a_whole(whole: Part, seeds: Sequence[Any], line: Hashable) -> Backward | None:
    """The program of a part; None where it is to go node by node."""
    key = _key(whole, seeds)
    credit, found = _credit.get(line, _FIRST_CREDIT), _programs.get(key)
    if found is not None:
        _credit[line] = min(credit + _CREDIT_OF_HIT, _FIRST_CREDIT)
        return found
    traced = any(isinstance(one, jax.core.Tracer) for one in (*seeds, *whole.inputs))
    if not traced:
        if credit < 1 or len(whole.nodes) > _MOST_NODES:
            return None
        _credit[line] = credit - 1
    return _compiled(key, whole, seeds)


def _key(whole: Part, seeds: Sequence[Any]) -> Hashable:
    kinds = tuple(node.kind for node in whole.nodes)
    return kinds, whole.wiring, whole.sources, whole.targets, tuple(map(_abstract, (*seeds, *whole.inputs)))


def _abstract(value: ArrayLike) -> Hashable:
    aval = jax.typeof(value)
    return aval.shape, aval.dtype, getattr(aval, "weak_type", False)


def _compiled(key: Hashable, whole: Part, seeds: Sequence[Any]) -> Backward:
    function = _way_back(whole, len(seeds))
    closed = jax.make_jaxpr(function)(*seeds, *whole.inputs)
    connected = _moved(closed, [True] * len(seeds) + [False] * len(whole.inputs))
    everything = jaxpr_as_fun(closed)

    def kept(*arrays: Any) -> list[Any]:
        return [one for one, moves in zip(everything(*arrays), connected, strict=True) if moves]

    found = Backward(program(kept), tuple(connected))
    if len(_programs) >= _MOST_PROGRAMS:
        _programs.clear()
    _programs[key] = found
    return found


def _way_back(whole: Part, count: int) -> Callable[..., list[Any]]:
    """`(seeds, inputs) -> gradients`, of `count` targets."""
    kinds = [node.kind for node in whole.nodes]  # and not the nodes, whose arrays would live as long as the program
    outputs = [len(node.outputs) for node in whole.nodes]
    wiring, sources, targets, given = whole.wiring, whole.sources, whole.targets, len(whole.inputs)

    def forward(shifts: dict[int, Any], inputs: Sequence[Any]) -> list[Any]:
        # A source may depend on another one. The gradient of what is added to it is its own.
        values = [_shifted(value, shifts.get(i)) for i, value in enumerate(inputs)]
        for kind, positions, number in zip(kinds, wiring, outputs, strict=True):
            made = jax.tree.leaves(kind.function(*(values[p] for p in positions)))
            assert len(made) == number
            values += [_shifted(value, shifts.get(len(values) + i)) for i, value in enumerate(made)]
        return [values[p] for p in targets]

    shapes = {p: None for p in sources}

    def back(*arrays: Any) -> list[Any]:
        seeds, inputs = arrays[:count], arrays[count:]
        zeros = {p: jnp.zeros_like(inputs[p]) for p in shapes if p < given}
        inner = [p for p in shapes if p >= given]
        if inner:
            zeros |= _zeros_of(inner, kinds, wiring, inputs)
        _, pull = jax.vjp(lambda shifts: forward(shifts, inputs), zeros)
        (found,) = pull(list(seeds))
        return [found[p] for p in sources]

    return back


def _zeros_of(
    inner: list[int], kinds: list[Kind], wiring: tuple[tuple[int, ...], ...], inputs: Sequence[Any]
) -> dict[int, Any]:
    def everything(*given: Any) -> list[Any]:
        values = list(given)
        for kind, positions in zip(kinds, wiring, strict=True):
            values += jax.tree.leaves(kind.function(*(values[p] for p in positions)))
        return values

    shapes = jax.eval_shape(everything, *inputs)
    return {p: jnp.zeros(shapes[p].shape, shapes[p].dtype) for p in inner}


def _shifted(value: jax.Array, shift: Any) -> jax.Array:
    return value if shift is None else value + shift


# --- what is connected ----------------------------------------------------------------------------------------------


def _moved(closed: ClosedJaxpr, moving: Sequence[bool]) -> list[bool]:
    """For each output, whether it may change with an input that does.

    What JAX knows to have no derivative has gradients that are made of nothing.
    """
    jaxpr = getattr(closed, "jaxpr", closed)
    moves = {id(v) for v, m in zip(jaxpr.invars, moving, strict=True) if m}
    for equation in jaxpr.eqns:
        given = [id(v) in moves for v in equation.invars]
        if not any(given):
            continue
        inner = equation.params.get("jaxpr") if equation.primitive.name in ("jit", "pjit") else None
        out = _moved(inner, given) if inner is not None else [True] * len(equation.outvars)
        moves.update(id(v) for v, m in zip(equation.outvars, out, strict=True) if m)
    return [id(v) in moves for v in jaxpr.outvars]


# --- node by node ---------------------------------------------------------------------------------------------------


def _node_by_node(nodes: list[Node], targets: Sequence[Any], seeds: Sequence[Any], sources: Sequence[Any]) -> list[Any]:
    """The same, each node by a program of its own."""
    wanted = {id(one) for one in sources}
    for node in nodes:
        wanted.update(id(one) for one in node.outputs)
    found: dict[int, Any] = {}
    for one, seed in zip(targets, seeds, strict=True):
        _add(found, one, seed)
    for node in reversed(nodes):
        outputs = [one for one in node.outputs if id(one) in found]
        inputs = list({id(one): one for one in node.inputs if id(one) in wanted and is_float(one)}.values())
        if not outputs or not inputs:
            continue
        single = _wired([node], outputs, inputs)
        weights = [found[id(one)] for one in outputs]
        key = _key(single, weights)
        found_back = _programs.get(key) or _compiled(key, single, weights)
        for one, gradient in zip(inputs, _apply(found_back, single, weights), strict=True):
            if gradient is not None:
                _add(found, one, gradient)
    return [found.get(id(one)) for one in sources]


def _by_pulls(nodes: list[Node], targets: Sequence[Any], seeds: Sequence[Any], sources: Sequence[Any]) -> list[Any]:
    """The same, by what each node kept on its way forward."""
    wanted = {id(one) for one in sources}
    for node in nodes:
        wanted.update(id(one) for one in node.outputs)
    found: dict[int, Any] = {}
    for one, seed in zip(targets, seeds, strict=True):
        _add(found, one, seed)
    for node in reversed(nodes):
        outputs = [one for one in node.outputs if is_float(one)]
        if node.pull is None or not any(id(one) in found for one in outputs):
            continue
        weights = [found[id(one)] if id(one) in found else jnp.zeros_like(one) for one in outputs]
        for position, gradient in zip(node.pull.moving, node.pull.back(weights), strict=True):
            if id(node.inputs[position]) in wanted:
                _add(found, node.inputs[position], gradient)
    return [found.get(id(one)) for one in sources]


def _add(found: dict[int, Any], one: object, gradient: jax.Array) -> None:
    found[id(one)] = found[id(one)] + gradient if id(one) in found else gradient
