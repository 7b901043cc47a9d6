"""Configs of graphs, `Model(inputs, outputs)`, in the form in which Keras 3 writes them.

Each layer or op is an entry with its calls in `inbound_nodes`. A tensor is named by its history: the layer, the number
of the call among the layer's calls in this model, and the place among the outputs of the call. Calls of a graph used as
a layer count from 1 where the outputs of the model are named, since in Keras its own wiring is call 0.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeGuard

from ..core import budget, kinds, op_table, signature
from ..core.catalogue import serialize
from ..core.config import deserialize
from ..core.errors import LoadError
from ..core.operation import FunctionOperation, Operation
from ..core.tensor import KerasTensor, Node, is_tensor, leaves
from ..core.types import Symbols
from ..layers.input_layer import InputLayer
from . import operations

if TYPE_CHECKING:
    from ..functional import Graph

History = tuple[str, int, int]

GRAPH_KEYS = frozenset(("layers", "input_layers", "output_layers"))


def _first_call(layer: object) -> int:
    """The number of a layer's first call among the ends of a model."""
    return 1 if getattr(layer, "recorded_graph", None) is not None else 0


# --- writing ---


def config_of(name: str, trainable: bool, graph: Graph) -> dict[str, Any]:
    """The config of a graph: `graph` is a `functional.Graph`."""
    calls = _calls(graph)
    numbers = {id(node): i for _, nodes in calls.values() for i, node in enumerate(nodes)}
    open_ends = {id(t): t for t in leaves(graph.inputs) if t.node is None or t.node.inputs}

    def history(tensor: KerasTensor) -> History:
        if id(tensor) in open_ends:
            return tensor.name, 0, 0
        node = tensor.node
        assert node is not None
        return node.operation.name, numbers.get(id(node), 0), tensor.position

    def end(tensor: KerasTensor) -> History:
        name, number, position = history(tensor)
        return name, number + (0 if tensor.node is None else _first_call(tensor.node.operation)), position

    return {
        "name": name,
        "trainable": trainable,
        "layers": [_open_end(tensor) for tensor in open_ends.values()]
        + [_entry(operation, calls[id(operation)][1], history) for operation in graph.operations],
        "input_layers": _structure(graph.inputs, history),
        "output_layers": _structure(graph.outputs, end),
    }


def _calls(graph: Graph) -> dict[int, tuple[Any, list[Node]]]:
    """For each layer or op of the graph, by id, its calls in this graph in the order in which they were made."""
    found: dict[int, tuple[Any, list[Node]]] = {id(o): (o, []) for o in graph.operations}
    for node in graph.nodes:
        found[id(node.operation)][1].append(node)
    for _, nodes in found.values():
        nodes.sort(key=lambda node: node.index)
    return found


def _open_end(tensor: KerasTensor) -> dict[str, Any]:
    """The entry for an input of the model that is an inner tensor of another one."""
    config = {"batch_shape": list(tensor.shape), "dtype": tensor.dtype, "sparse": False, "ragged": False}
    entry = {
        "module": "keras.layers",
        "class_name": "InputLayer",
        "config": {**config, "name": tensor.name, "optional": False},
    }
    return {**entry, "registered_name": None, "name": tensor.name, "inbound_nodes": []}


def _entry(operation: Operation, calls: list[Node], history: Callable[..., Any]) -> dict[str, Any]:
    if isinstance(operation, FunctionOperation):
        entry, nodes = _op_entry(operation, calls[0], history)
    else:
        entry = serialize(operation)
        nodes = [{"args": _inputs(node.args, history), "kwargs": _keywords(node, history)} for node in calls]
    return {**entry, "name": operation.name, "inbound_nodes": nodes}


def _op_entry(
    operation: FunctionOperation, node: Node, history: Callable[..., Any]
) -> tuple[dict[str, Any], list[Any]]:
    op, settings, inputs = operations.written(operation, node.args, node.kwargs)
    config = {"name": operation.name, **{key: _constant(value) for key, value in settings.items()}}
    entry = {"module": op.module, "class_name": op.class_name, "config": config, "registered_name": op.class_name}
    return entry, [{"args": _inputs(inputs, history), "kwargs": {}}]


def _inputs(args: Iterable[Any], history: Callable[..., Any]) -> list[Any]:
    return [_value(value, history) for value in args]


def _keywords(node: Node, history: Callable[..., Any]) -> dict[str, Any]:
    given = {key: _value(value, history) for key, value in node.kwargs.items() if value is not None}
    single = len(node.args) == 1 and is_tensor(node.args[0])
    if not given and single and "mask" in signature.of(type(node.operation).call).accepts:
        given["mask"] = None  # Keras notes masks where a call could have one
    return given


def _value(value: object, history: Callable[..., Any]) -> object:
    if is_tensor(value):
        config = {"shape": list(value.shape), "dtype": value.dtype, "keras_history": list(history(value))}
        return {"class_name": "__keras_tensor__", "config": config}
    if isinstance(value, Mapping):
        return {key: _value(item, history) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_value(item, history) for item in value]
    return _constant(value)


def _constant(value: object) -> object:
    return value.__name__ if isinstance(value, type) else serialize(value)


def _structure(structure: Symbols, history: Callable[..., Any]) -> list[Any] | dict[str, Any]:
    if is_tensor(structure):
        return list(history(structure))
    if isinstance(structure, Mapping):
        return {key: _structure(item, history) for key, item in structure.items()}
    return [_structure(item, history) for item in structure]


# --- reading ---


def read(config: Mapping[str, Any], place: str = "config") -> tuple[Symbols, ...]:
    """The inputs and outputs of a graph, rebuilt from its config.

    Raises:
        LoadError: for a config that does not describe a graph without circles.
    """
    entries = config["layers"]
    if not isinstance(entries, list) or not all(isinstance(e, Mapping) for e in entries):
        raise LoadError("expected a list of configs", f"{place}.layers")
    reader = _Reader(place)
    for position, entry in enumerate(entries):
        reader.add(entry, f"{place}.layers[{position}]")
    reader.run()
    return tuple(reader.structure(config.get(key), f"{place}.{key}") for key in ("input_layers", "output_layers"))


class _Call:
    """A call that is still to be made: of which entry, with what, after how many others."""

    def __init__(self, layer: str, number: int, args: list[Any], kwargs: Mapping[str, Any], place: str):
        self.layer, self.number, self.args, self.kwargs, self.place = layer, number, args, kwargs, place
        self.waits_for: set[tuple[str, int]] = set()


class _Reader:
    """The layers of a config by name, and the outputs of their calls."""

    def __init__(self, place: str):
        self.place = place
        self.layers: dict[str, Any] = {}
        self.outputs: dict[tuple[str, int], list[KerasTensor]] = {}
        self.calls: list[_Call] = []

    def add(self, entry: Mapping[str, Any], place: str) -> None:
        inner = entry.get("config")
        name = entry.get("name", inner.get("name") if isinstance(inner, Mapping) else None)
        if not kinds.is_name(name):
            raise LoadError("expected the name of a layer", f"{place}.name")
        if name in self.layers:
            raise LoadError(f"the name {name!r} is that of an earlier layer, too", f"{place}.name")
        if op_table.is_op(entry.get("module"), entry.get("class_name")):
            op = op_table.find(entry["module"], entry["class_name"], place)
            layer: Any = (op, self._settings(inner, f"{place}.config"))
        else:
            layer = deserialize(entry)
            if not isinstance(layer, Operation):
                raise LoadError(f"expected a layer; found {type(layer).__name__}", place)
        self.layers[name] = layer
        self._note_calls(name, entry.get("inbound_nodes", []), place)

    def _settings(self, config: object, place: str) -> dict[str, Any]:
        if not isinstance(config, Mapping):
            raise LoadError("expected the settings of an op", place)
        return {key: self.value(item, f"{place}.{key}") for key, item in config.items() if key != "name"}

    def _note_calls(self, name: str, nodes: object, place: str) -> None:
        if not isinstance(nodes, list):
            raise LoadError("expected a list of calls", f"{place}.inbound_nodes")
        layer = self.layers[name]
        if not nodes and isinstance(layer, InputLayer):
            self.outputs[name, 0] = leaves(layer.output)
        for position, node in enumerate(nodes):
            here = f"{place}.inbound_nodes[{position}]"
            if not isinstance(node, Mapping) or set(node) - {"args", "kwargs"}:
                raise LoadError("expected a call as {'args': [...], 'kwargs': {...}}", here)
            args, kwargs = node.get("args", []), node.get("kwargs", {})
            if not isinstance(args, list) or not isinstance(kwargs, Mapping):
                raise LoadError("expected a list of `args` and a dict of `kwargs`", here)
            self.calls.append(_Call(name, position, args, kwargs, here))

    def run(self) -> None:
        """Make the calls, each after those it depends on and after the earlier ones of its layer."""
        budget.spend_layers(len(self.calls))
        known = {(call.layer, call.number) for call in self.calls}
        waiting: dict[tuple[str, int], list[_Call]] = {}
        ready: list[_Call] = []
        for call in self.calls:
            call.waits_for = {key for key in _histories((call.args, call.kwargs)) if key not in self.outputs}
            call.waits_for |= {(call.layer, call.number - 1)} & known
            for key in call.waits_for:
                if key not in known:
                    raise LoadError(f"no call {key[1]} of a layer {key[0]!r:.80} is in this graph", call.place)
                waiting.setdefault(key, []).append(call)
            if not call.waits_for:
                ready.append(call)
        done, position = len(ready), 0
        while position < len(ready):
            call = ready[position]
            position += 1
            key = call.layer, call.number
            self.outputs[key] = self._made(call)
            for other in waiting.get(key, ()):
                other.waits_for.discard(key)
                if not other.waits_for:
                    ready.append(other)
                    done += 1
        if done < len(self.calls):
            circle = next(call for call in self.calls if call.waits_for)
            raise LoadError("the calls of this graph depend on each other in a circle", circle.place)

    def _made(self, call: _Call) -> list[KerasTensor]:
        args = [self.value(value, f"{call.place}.args[{i}]") for i, value in enumerate(call.args)]
        kwargs = {key: self.value(value, f"{call.place}.kwargs.{key}") for key, value in call.kwargs.items()}
        layer = self.layers[call.layer]
        if isinstance(layer, tuple):
            op, settings = layer
            return leaves(operations.called(op, call.layer, settings, args, kwargs, call.place))
        accepted = signature.of(type(layer).call)
        given = {key: value for key, value in kwargs.items() if value is not None}
        for key in set(given) - {"mask", "training"}:
            if key not in accepted.accepts and not accepted.any_keyword:
                raise LoadError(f"layer {call.layer!r} takes no argument {key!r:.80} when it is called", call.place)
        try:
            return leaves(layer(*args, **given))
        except LoadError as error:
            raise error.at(call.place) from None
        except Exception as error:
            raise LoadError(f"layer {call.layer!r} does not take these inputs. {error}", call.place) from error

    def value(self, value: object, place: str) -> Any:
        """What a part of `args` or `kwargs` stands for."""
        if isinstance(value, list):
            return [self.value(item, f"{place}[{i}]") for i, item in enumerate(value)]
        if not isinstance(value, Mapping):
            return value
        if "class_name" not in value or "config" not in value:
            return {key: self.value(item, f"{place}.{key}") for key, item in value.items()}
        kind, config = value["class_name"], value["config"]
        if kind == "__keras_tensor__":
            return self.tensor(config.get("keras_history") if isinstance(config, Mapping) else None, place)
        if kind == "__slice__" and isinstance(config, Mapping):
            return slice(*(_index(config.get(key), place) for key in ("start", "stop", "step")))
        if kind == "__ellipsis__":
            return ...
        return deserialize(value)

    def tensor(self, history: object, place: str) -> KerasTensor:
        if not is_history(history):
            raise LoadError("expected the history of a tensor: [layer, call, output]", place)
        name, number, position = history
        made = self.outputs.get((name, number))
        if made is None:
            raise LoadError(f"no call {number} of a layer {name!r:.80} is in this graph", place)
        if not 0 <= position < len(made):
            raise LoadError(
                f"call {number} of layer {name!r} has {len(made)} outputs; none is number {position}", place
            )
        return made[position]

    def structure(self, structure: object, place: str) -> Symbols:
        """Inputs or outputs of the model: nested lists and dicts of histories."""
        if is_history(structure):
            name, number, position = structure
            return self.tensor([name, number - _first_call(self.layers.get(name)), position], place)
        if isinstance(structure, Mapping) and structure:
            return {key: self.structure(item, f"{place}.{key}") for key, item in structure.items()}
        if isinstance(structure, list) and structure:
            return [self.structure(item, f"{place}[{i}]") for i, item in enumerate(structure)]
        raise LoadError("expected histories of tensors: [layer, call, output]", place)


def is_history(value: object) -> TypeGuard[Sequence[Any]]:
    return (
        isinstance(value, (list, tuple))
        and len(value) == 3
        and isinstance(value[0], str)
        and all(type(number) is int for number in value[1:])
    )


def _histories(structure: object) -> set[tuple[str, int]]:
    """The calls whose outputs a structure names."""
    found: set[tuple[str, int]] = set()
    pending = [structure]
    while pending:
        value = pending.pop()
        if isinstance(value, Mapping):
            if value.get("class_name") == "__keras_tensor__" and isinstance(value.get("config"), Mapping):
                history = value["config"].get("keras_history")
                if is_history(history):
                    found.add((history[0], history[1]))
            else:
                pending.extend(value.values())
        elif isinstance(value, (list, tuple)):
            pending.extend(value)
    return found


def _index(value: object, place: str) -> int | None:
    if value is not None and type(value) is not int:
        raise LoadError("expected whole numbers or null in a slice", place)
    return value
