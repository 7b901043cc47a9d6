"""Formulas that ONNX has as one node; see `kernels/formulas.py`.

Each rule answers `NotImplemented` where the node cannot say what the formula does: it is then translated step by step.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from .elementwise import cast, made
from .graph import Graph
from .reductions import in_order
from .shaping import tensor
from .translate import Call, formula
from .values import Value, arranged, dense, is_known, stored, stored_with, vector

# --- activations ---


@formula("softmax")
def softmax(call: Call, x: Value, axis: int | list[int] = -1) -> Any:
    return _along(call, "Softmax", x, axis)


@formula("log_softmax")
def log_softmax(call: Call, x: Value, axis: int | list[int] = -1) -> Any:
    return _along(call, "LogSoftmax", x, axis)


def _along(call: Call, op: str, x: Value, axis: int | list[int]) -> Any:
    axes = [axis] if isinstance(axis, int) else axis
    if len(axes) != 1:
        return NotImplemented
    axis = axes[0] % len(x.shape)
    name, place, x = in_order(call.graph, x, axis)
    dims = tuple(x.shape[a] for a in x.axes if a is not None)
    return tensor(x.shape, x.dtype, call.graph.emit(op, [name], dims, x.dtype, axis=place), x.axes)


def _simple(name: str, op: str) -> None:
    @formula(name)
    def rule(call: Call, x: Value, **settings: Any) -> Value:
        return made(call, op, x, **{key: float(value) for key, value in settings.items()})


for _name, _op in {"softplus": "Softplus", "soft_sign": "Softsign", "mish": "Mish", "hard_silu": "HardSwish"}.items():
    _simple(_name, _op)
for _name, _op in {"elu": "Elu", "celu": "Celu"}.items():
    _simple(_name, _op)


@formula("gelu")
def gelu(call: Call, x: Value, approximate: bool) -> Value:
    return made(call, "Gelu", x, approximate="tanh" if approximate else "none")


@formula("leaky_relu")
def leaky_relu(call: Call, x: Value, negative_slope: float) -> Value:
    return made(call, "LeakyRelu", x, alpha=float(negative_slope))


@formula("selu")
def selu(call: Call, x: Value) -> Value:
    return made(call, "Selu", x, alpha=1.6732632423543772, gamma=1.0507009873554805)


@formula("hard_sigmoid")
def hard_sigmoid(call: Call, x: Value) -> Value:
    return made(call, "HardSigmoid", x, alpha=1 / 6, beta=0.5)


@formula("searchsorted")
def searchsorted(call: Call, table: Value, x: Value, side: str) -> Any:
    """How many entries of a table are not beyond a number: counted, which beats a search for tables of usual sizes."""
    if not table.is_constant or table.dtype != x.dtype:
        return NotImplemented
    shape, rank = (*x.shape, table.shape[0]), len(x.shape)
    column = x.with_shape((*x.shape, table.shape[0]), x.axes)
    entries = table.with_shape(shape, [rank])
    beyond = made(call, "Less" if side == "right" else "LessOrEqual", column, entries, dtype=bool, shape=shape)
    counted = cast(call, made(call, "Not", beyond, dtype=bool, shape=shape), np.int32)
    counted = stored_with(call.graph, counted, [rank])
    place = counted.axes.index(rank) if rank in counted.axes else None
    axes = tuple(axis for axis in counted.axes if axis != rank)
    if place is None:
        return cast(call, replace(counted, shape=x.shape, axes=axes), call.dtype)
    dims = tuple(1 if axis is None else x.shape[axis] for axis in axes)
    name = call.graph.emit(
        "ReduceSum", [stored(call.graph, counted), call.graph.integers(place)], dims, np.int32, keepdims=0
    )
    return cast(call, Value(x.shape, np.dtype(np.int32), axes, name), call.dtype)


# --- normalization ---


@formula("standardized")
def standardized(call: Call, x: Value, axes: list[int], epsilon: float) -> Any:
    """`LayerNormalization` with a scale of one, into which the multiplication behind it is folded later."""
    shape, graph = x.shape, call.graph
    sizes = [shape[axis] for axis in axes]
    if not is_known(sizes):
        return NotImplemented
    x = stored_with(graph, x, range(len(shape)))
    others = [axis for axis in x.axes if axis is not None and axis not in axes]
    others += [axis for axis in range(len(shape)) if axis not in axes and axis not in others]
    order = [*others, *sorted(axes)]
    name = arranged(graph, x, order)
    scale = graph.constant(np.ones([shape[axis] for axis in sorted(axes)], np.float32))
    dims = tuple(shape[axis] for axis in order)
    name = graph.emit("LayerNormalization", [name, scale], dims, x.dtype, axis=len(others), epsilon=float(epsilon))
    return tensor(shape, x.dtype, name, order)


# --- recurrent layers ---


@formula("lstm")
def lstm(call: Call, x: Value, *rest: Value, activations: list[str | None] | None = None) -> Any:
    """Gates stand in the order input, output, forget, candidate in ONNX."""
    attributes = _activations(activations)
    if attributes is None:
        return NotImplemented
    return _recurrent(call, "LSTM", x, rest, gates=[0, 3, 1, 2], states=2, **attributes)


@formula("rnn")
def rnn(call: Call, x: Value, *rest: Value, activations: list[str | None]) -> Any:
    attributes = _activations(activations)
    return NotImplemented if attributes is None else _recurrent(call, "RNN", x, rest, [0], states=1, **attributes)


_ACTIVATIONS = {
    f"sequax.activations.{name}": (op, numbers)
    for name, op, numbers in (
        ("tanh", "Tanh", None),
        ("sigmoid", "Sigmoid", None),
        ("relu", "Relu", None),
        ("softsign", "Softsign", None),
        ("softplus", "Softplus", None),
        ("hard_sigmoid", "HardSigmoid", (1 / 6, 0.5)),
    )
}


def _activations(paths: list[str | None] | None) -> dict[str, Any] | None:
    """The attributes that say which functions a recurrent node applies; None if it has none for one of them."""
    if paths is None:
        return {}
    usual = ("sigmoid", "tanh", "tanh")
    found = [_ACTIVATIONS.get(path or f"sequax.activations.{usual[place]}") for place, path in enumerate(paths)]
    if not all(found):
        return None
    numbers = [one[1] for one in found if one is not None and one[1] is not None]
    attributes: dict[str, Any] = {"activations": [one[0] for one in found if one is not None]}
    if numbers:
        attributes |= {"activation_alpha": [a for a, _ in numbers], "activation_beta": [b for _, b in numbers]}
    return attributes


@formula("gru")
def gru(call: Call, x: Value, *rest: Value) -> Any:
    return _recurrent(call, "GRU", x, rest, gates=[0, 1, 2], states=1, linear_before_reset=1)


def _recurrent(call: Call, op: str, x: Value, rest: Any, gates: list[int], states: int, **attributes: Any) -> Any:
    """Of `(time, batch, features)`; results are the sequence and the last states."""
    graph, shapes = call.graph, [tuple(one.aval.shape) for one in call.equation.outvars]
    kernel, recurrent = rest[:2]
    units, count = recurrent.shape[0], len(gates)
    given = list(rest[2:])
    bias = given.pop(0) if _is_bias(given[0], count, units) else None
    first, counts = given[:states], given[states:]
    if not all(value.is_constant for value in (kernel, recurrent, *([bias] if bias else []))):
        return NotImplemented
    matrices = [_by_gate(dense(one).T, gates, units)[None] for one in (kernel, recurrent)]
    biases = np.zeros((2, count * units), np.float32)
    if bias is not None:
        biases[: 1 if bias.array is not None and len(bias.shape) == 1 else 2] = dense(bias)
    biases = np.stack([_by_gate(one[:, None], gates, units)[:, 0] for one in biases])
    steps, batch = shapes[0][0], shapes[0][1]
    packed = _packed(graph, counts[0], x) if counts else None
    sequence = packed.sequence if packed else arranged(graph, stored_with(graph, x, range(3)), (0, 1, 2))
    inputs = [sequence, *map(graph.constant, matrices), graph.constant(biases.reshape(1, -1))]
    inputs += [packed.lengths if packed else "", *(_first(graph, value, batch, units) for value in first)]
    if all(value.is_constant and not value.array.any() for value in first):
        del inputs[5:]
    while not inputs[-1]:
        inputs.pop()
    dims: list[Any] = [(steps, 1, batch, units), *[(1, batch, units)] * states]
    names = graph.emit_all(op, inputs, dims, [np.float32] * len(dims), hidden_size=units, **attributes)
    last = [tensor(shapes[1], np.float32, name, (None, 0, 1)) for name in names[1:]]
    hidden = tensor(shapes[0], np.float32, names[0], (0, None, 1, 2))
    if packed:
        hidden = _unpacked(graph, packed, names[0], first[0], shapes[0])
        last = [_or_first(graph, packed, one, begin) for one, begin in zip(last, first, strict=True)]
    return [replace(hidden, last=(0, last[0])), *last]


def _is_bias(value: Value, count: int, units: int) -> bool:
    """Whether an operand is the bias, not the first state."""
    rows = value.shape == (2, count * units) and count > 1  # of a GRU; a state of two samples has a row of units
    return value.is_constant and (rows or value.shape == (count * units,))


def _by_gate(matrix: np.ndarray, gates: list[int], units: int) -> np.ndarray:
    parts = matrix.reshape(-1, units, matrix.shape[-1])
    return np.ascontiguousarray(parts[gates].reshape(-1, matrix.shape[-1]))


def _first(graph: Graph, value: Value, batch: Any, units: int) -> str:
    """A state as the node takes it, with an axis for its one direction."""
    value = stored_with(graph, value, (0, 1))
    axes = tuple(None if axis is None else axis + 1 for axis in value.axes)
    return arranged(graph, replace(value, shape=(1, batch, units), axes=axes), (0, 1, 2))


class _Packed(NamedTuple):
    """A sequence whose steps that count stand in front.

    Attributes:
        sequence: `(time, batch, features)`.
        lengths: int32, of the steps that count of each sample.
        ran: for each step of the program, how many steps that count stand at or before it; `(batch, time)`, int64.
    """

    sequence: str
    lengths: str
    ran: str


def _packed(graph: Graph, counts: Value, x: Value) -> _Packed:
    """The node knows lengths, no holes: so steps that count go to the front, in their order (`TopK` keeps it)."""
    steps, batch, features = x.shape
    counts = stored_with(graph, counts, (0, 1))
    axes = tuple(axis if axis in (0, 1) else None for axis in counts.axes)
    plain = arranged(graph, replace(counts, shape=(steps, batch), axes=axes), (1, 0))
    dims = (batch, steps)
    whole = graph.emit("Cast", [plain], dims, np.int64, to=np.dtype(np.int64))
    narrow = graph.emit("Cast", [plain], dims, np.int32, to=np.dtype(np.int32))
    lengths = graph.emit("ReduceSum", [narrow, graph.integers(1)], (batch,), np.int32, keepdims=0)
    ran = graph.emit("CumSum", [whole, graph.constant(np.asarray(1, np.int64))], dims, np.int64)
    _, order = graph.emit_all(
        "TopK", [narrow, vector(graph, [steps])], [dims, dims], [np.int32, np.int64], axis=1, largest=1, sorted=1
    )
    order = graph.emit("Unsqueeze", [order, graph.integers(2)], (*dims, 1), np.int64)
    sequence = _unhidden(graph, arranged(graph, stored_with(graph, x, range(3)), (1, 0, 2)), plain)
    packed = graph.emit("GatherND", [sequence, order], (*dims, features), np.float32, batch_dims=1)
    packed = graph.emit("Transpose", [packed], (steps, batch, features), np.float32, perm=[1, 0, 2])
    return _Packed(packed, lengths, ran)


def _or_first(graph: Graph, packed: _Packed, last: Value, first: Value) -> Value:
    """The last state, or the first one of a sample none of whose steps counts: there the node says zero."""
    if first.is_constant and not first.array.any():
        return last
    (batch, units), zero = last.shape, graph.constant(np.asarray(0, np.int32))
    ran = graph.emit("Greater", [packed.lengths, zero], (batch,), bool)
    ran = graph.emit("Unsqueeze", [ran, graph.integers(1)], (batch, 1), bool)
    names = [ran, arranged(graph, last, (None, 0, 1)), _first(graph, first, batch, units)]
    return tensor(last.shape, np.float32, graph.emit("Where", names, (1, batch, units), np.float32), (None, 0, 1))


def _unhidden(graph: Graph, name: str, mask: str) -> str:
    """A sequence before its masked steps were set to zero, which nothing sees now."""
    makers = {output: node for node in graph.nodes for output in node.outputs}
    node = makers.get(name)
    if node is None or node.op != "Where" or graph.constants.get(node.inputs[2]) is None:
        return name
    condition, zeros = node.inputs[0], graph.constants[node.inputs[2]]
    if condition in makers and makers[condition].op == "Unsqueeze":
        condition = makers[condition].inputs[0]
    same = graph.tensors[node.inputs[1]].dims == graph.tensors[name].dims
    return node.inputs[1] if condition == mask and same and not np.any(zeros) else name


def _unpacked(graph: Graph, packed: _Packed, name: str, first: Value, shape: Any) -> Value:
    """The output at each step: that of the last step that counts, or the first state before there is one.

    In front of the outputs stands the first state, so that the number of steps that ran is the place to look at.
    """
    steps, batch, units = shape
    outputs = graph.emit("Squeeze", [name, graph.integers(1)], (steps, batch, units), np.float32)
    state = _first(graph, first, batch, units)
    if first.is_constant and not is_known([batch]):
        state = graph.emit("Expand", [state, vector(graph, (1, batch, units))], (1, batch, units), np.float32)
    outputs = graph.emit("Concat", [state, outputs], (steps + 1, batch, units), np.float32, axis=0)
    outputs = graph.emit("Transpose", [outputs], (batch, steps + 1, units), np.float32, perm=[1, 0, 2])
    places = graph.emit("Unsqueeze", [packed.ran, graph.integers(2)], (batch, steps, 1), np.int64)
    name = graph.emit("GatherND", [outputs, places], (batch, steps, units), np.float32, batch_dims=1)
    return tensor(shape, np.float32, name, (1, 0, 2))
