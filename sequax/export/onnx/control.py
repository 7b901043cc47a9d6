"""Rules of loops and branches: graphs inside nodes."""

from __future__ import annotations

from typing import Any

import numpy as np

from .elementwise import cast
from .graph import Graph
from .shaping import tensor
from .translate import Call, rule, translate
from .values import Value, arranged, constant, full, vector


@rule("scan")
def scan(call: Call, *operands: Value) -> Any:
    """ONNX has `Scan`: states first, then sequences along axis 0; what is constant is read from outside."""
    graph, body = call.graph, call.jaxpr
    constants, carried = call.num_consts, call.num_carry
    fixed, states, sequences = (
        operands[:constants],
        operands[constants : constants + carried],
        operands[constants + carried :],
    )
    inner = graph.inside()
    arguments = [*(_outside(graph, value) for value in fixed)]
    given: list[str] = []
    for value, variable in zip([*states, *sequences], body.jaxpr.invars[constants:], strict=True):
        name = inner.name("step")
        arguments.append(_entering(inner, name, value, tuple(variable.aval.shape)))
        given.append(name)
    results = translate(inner, body.jaxpr, body.consts, arguments, call.path)
    inner.inputs = given
    if not sequences:
        return _counted(call, inner, list(states), results)
    for value in results:
        inner.outputs.append(_leaving(inner, value))
    names = [full(graph, value) for value in (*states, *sequences)]
    shapes = [tuple(one.aval.shape) for one in call.equation.outvars]
    dtypes = [value.dtype for value in results]
    count = len(sequences)
    attributes: dict[str, Any] = {"body": inner, "num_scan_inputs": count}
    if call.reverse:
        attributes |= {
            "scan_input_directions": [1] * count,
            "scan_output_directions": [1] * (len(shapes) - carried),
        }
    outputs = graph.emit_all("Scan", names, list(shapes), dtypes, **attributes)
    return [tensor(shape, dtype, name) for shape, dtype, name in zip(shapes, dtypes, outputs, strict=True)]


def _counted(call: Call, inner: Graph, states: list[Value], results: list[Any]) -> Any:
    """A loop over nothing but its states; what it collects stands behind them in `Loop`, too."""
    graph = call.graph
    before = [inner.name("iteration"), inner.name("going")]
    inner.tensors[before[0]].dtype, inner.tensors[before[1]].dtype = np.dtype("int64"), np.dtype(bool)
    inner.inputs = [*before, *inner.inputs]
    inner.outputs.append(inner.emit("Identity", [before[1]], (), bool))
    for value in results:
        inner.outputs.append(_leaving(inner, value))
    if call.reverse and len(results) > len(states):
        return NotImplemented
    length = graph.emit("Squeeze", [vector(graph, [call.length]), graph.integers(0)], (), np.int64)
    names = [length, graph.constant(np.asarray(True)), *(full(graph, value) for value in states)]
    shapes = [tuple(one.aval.shape) for one in call.equation.outvars]
    dtypes = [value.dtype for value in results]
    outputs = graph.emit_all("Loop", names, list(shapes), dtypes, body=inner)
    return [tensor(shape, dtype, name) for shape, dtype, name in zip(shapes, dtypes, outputs, strict=True)]


def _outside(graph: Graph, value: Value) -> Value:
    """A value that a graph inside reads: made where it is known."""
    if value.is_constant or value.size is not None or value.name is not None:
        return value
    return tensor(value.shape, value.dtype, full(graph, value))


def _entering(inner: Graph, name: str, value: Value, shape: Any) -> Value:
    found = tensor(shape, value.dtype, name)
    inner.tensors[name].dims, inner.tensors[name].dtype = shape, value.dtype
    return found


def _leaving(inner: Graph, value: Value) -> str:
    """The name of an output: a node of the graph has to make it."""
    name = full(inner, value)
    made = {output for node in inner.nodes for output in node.outputs}
    if name in made and name not in inner.outputs:
        return name
    return inner.emit("Identity", [name], value.shape, value.dtype, copy=len(inner.nodes))


@rule("while")
def while_(call: Call, *operands: Value) -> Any:
    graph = call.graph
    test, body = call.cond_jaxpr, call.body_jaxpr
    for_test, for_body = call.cond_nconsts, call.body_nconsts
    fixed_test, fixed_body, states = (
        [_outside(graph, value) for value in operands[:for_test]],
        [_outside(graph, value) for value in operands[for_test : for_test + for_body]],
        operands[for_test + for_body :],
    )
    (begins,) = translate(graph, test.jaxpr, test.consts, [*fixed_test, *states], call.path)
    inner = graph.inside()
    given = [inner.name("iteration"), inner.name("going")]
    inner.tensors[given[0]].dtype, inner.tensors[given[1]].dtype = np.dtype("int64"), np.dtype(bool)
    arguments = []
    for value in states:
        given.append(inner.name("state"))
        arguments.append(_entering(inner, given[-1], value, value.shape))
    results = translate(inner, body.jaxpr, body.consts, [*fixed_body, *arguments], call.path)
    results = [cast(call._replace(graph=inner), r, v.dtype) for r, v in zip(results, states, strict=True)]
    (goes_on,) = translate(inner, test.jaxpr, test.consts, [*fixed_test, *results], call.path)
    inner.inputs = given
    for value in (goes_on, *results):
        inner.outputs.append(_leaving(inner, value))
    names = ["", full(graph, begins), *(full(graph, value) for value in states)]
    shapes = [value.shape for value in states]
    dtypes = [value.dtype for value in states]
    outputs = graph.emit_all("Loop", names, list(shapes), dtypes, body=inner)
    return [tensor(shape, dtype, name) for shape, dtype, name in zip(shapes, dtypes, outputs, strict=True)]


@rule("cond")
def cond(call: Call, which: Value, *operands: Value) -> Any:
    graph, branches = call.graph, call.branches
    if which.is_constant:
        taken = branches[min(max(int(which.array.reshape(())), 0), len(branches) - 1)]
        return translate(graph, taken.jaxpr, taken.consts, operands, call.path)
    outside = [_outside(graph, value) for value in operands]
    return _branch(call, graph, which, branches, 0, outside)


def _branch(call: Call, graph: Graph, which: Value, branches: Any, at: int, operands: list[Value]) -> Any:
    """The branch of that number, or a choice among those behind it."""
    if at == len(branches) - 1:
        return translate(graph, branches[at].jaxpr, branches[at].consts, operands, call.path)
    inside = [graph.inside(), graph.inside()]
    results = [
        translate(inside[0], branches[at].jaxpr, branches[at].consts, operands, call.path),
        _branch(call, inside[1], which, branches, at + 1, operands),
    ]
    for inner, values in zip(inside, results, strict=True):
        for value in values:
            inner.outputs.append(_leaving(inner, value))
    number = arranged(graph, which, ())
    here = graph.emit("LessOrEqual", [number, graph.constant(np.asarray(at, which.dtype))], (), bool)
    shapes = [tuple(one.aval.shape) for one in call.equation.outvars]
    dtypes = [value.dtype for value in results[0]]
    names = graph.emit_all("If", [here], list(shapes), dtypes, then_branch=inside[0], else_branch=inside[1])
    return [tensor(shape, dtype, name) for shape, dtype, name in zip(shapes, dtypes, names, strict=True)]


@rule("platform_index")
def platform_index(call: Call) -> Value:
    """The branch for platforms that no other branch is for."""
    places = [place for place, names in enumerate(call.platforms) if names is None]
    return constant(np.asarray(places[0] if places else 0, call.dtype))


platform_index.folds = True  # type: ignore[attr-defined]
