"""`Graph`: the calls between symbolic inputs and outputs, in an order in which they can be run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import jax

from . import kernels
from .core import dtypes, masks
from .core.layer import Layer
from .core.tensor import KerasTensor, Node, is_tensor, leaves, map_structure, record
from .core.types import Nested, Symbols, Tensor
from .data.checks import check_key_order


class Graph:
    """The recorded calls that lead from `inputs` to `outputs` (nested lists or dicts of symbolic tensors).

    Raises:
        ValueError: if an output depends on an `Input` that is not among the inputs.
    """

    inputs: Symbols
    outputs: Symbols

    def __init__(self, inputs: Symbols, outputs: Symbols):
        for what, structure in (("inputs", inputs), ("outputs", outputs)):
            for tensor in leaves(structure):
                if not is_tensor(tensor):
                    raise ValueError(
                        f"Model: all `{what}` must be symbolic tensors, made by `Input` and by calling layers on it."
                        f" Received: {type(tensor).__name__}."
                    )
        self.inputs, self.outputs = inputs, outputs
        self._found = _in_order(leaves(inputs), leaves(outputs))
        self.nodes: list[Node] = [node for node in self._found if node.inputs]
        readers = Counter(id(tensor) for node in self.nodes for tensor in node.inputs)
        self._read_often = frozenset(tensor for tensor, count in readers.items() if count > 1)

    @property
    def operations(self) -> list[Any]:
        """The layers and functions of the graph: those farthest from the outputs first, as Keras orders weights."""
        entries = [t.node for t in leaves(self.inputs) if t.node is not None and not t.node.inputs]
        found_entries = {id(node) for node in self._found}
        nodes = [*(node for node in entries if id(node) not in found_entries), *self._found]
        depths = {id(node): 0 for node in nodes}
        for node in reversed(nodes):  # a call comes after those it depends on, so its own depth is final here
            for tensor in node.inputs:
                if id(tensor.node) in depths:
                    depths[id(tensor.node)] = max(depths[id(tensor.node)], depths[id(node)] + 1)
        found: dict[int, tuple[int, Any]] = {}
        for node in nodes:
            deepest = max(depths[id(node)], found.get(id(node.operation), (0, None))[0])
            found[id(node.operation)] = deepest, node.operation
        return [operation for _, operation in sorted(found.values(), key=lambda one: -one[0])]

    def run(self, inputs: Nested[Tensor | KerasTensor]) -> Any:
        """Outputs for concrete (or other symbolic) inputs in the structure of `self.inputs`."""
        values: dict[int, Any] = {}
        self._put(values, leaves(self.inputs), _flat_inputs(inputs))
        for node in self.nodes:
            results = node.operation(*filled(node.args, values), **filled(node.kwargs, values))
            self._put(values, leaves(node.outputs), leaves(results))
        return map_structure(lambda t: values[id(t)], self.outputs)

    def _put(self, values: dict[int, Any], tensors: list[KerasTensor], found: list[Any]) -> None:
        for tensor, value in zip(tensors, found, strict=True):
            values[id(tensor)] = _kept(value) if id(tensor) in self._read_often else value

    def rewired(self, replace: Callable[[Any], Any], inputs: Symbols | None = None) -> Graph:
        """The same graph over other layers: `replace(operation)` gives the one to call in its place."""
        inputs = map_structure(lambda t: t, self.inputs) if inputs is None else inputs
        values = {id(t): v for t, v in zip(leaves(self.inputs), leaves(inputs), strict=True)}
        for node in self.nodes:
            results = replace(node.operation)(*filled(node.args, values), **filled(node.kwargs, values))
            for tensor, value in zip(leaves(node.outputs), leaves(results), strict=True):
                values[id(tensor)] = value
        return Graph(inputs, map_structure(lambda t: values[id(t)], self.outputs))

    # A graph is a chain of tensors and calls as long as the model is deep; copies go through a flat list instead, so
    # that pickle and deepcopy do not recurse along it.

    def __getstate__(self) -> dict[str, Any]:
        numbers: dict[int, _Reference] = {}

        def refer(structure: object) -> Any:
            return map_structure(
                lambda t: numbers.setdefault(id(t), _Reference(len(numbers), t)) if is_tensor(t) else t, structure
            )

        inputs = refer(self.inputs)
        entries = [t.node.operation if t.node is not None else None for t in leaves(self.inputs)]
        calls = [(n.operation, refer(n.args), refer(n.kwargs), refer(n.outputs)) for n in self.nodes]
        return {"inputs": inputs, "entries": entries, "calls": calls, "outputs": refer(self.outputs)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        tensors: dict[int, KerasTensor] = {}

        def revive(structure: object) -> Any:
            return jax.tree.map(
                lambda r: tensors.setdefault(r.number, r.tensor()) if isinstance(r, _Reference) else r, structure
            )

        inputs = revive(state["inputs"])
        for tensor, entry in zip(leaves(inputs), state["entries"], strict=True):
            if entry is not None:
                record(entry, (), {}, tensor)
        for operation, args, kwargs, outputs in state["calls"]:
            record(operation, revive(args), revive(kwargs), revive(outputs))
        self.__init__(inputs, revive(state["outputs"]))  # type: ignore[misc]


class _Reference:
    """A tensor of a copied graph: its number, and what is needed to rebuild it."""

    def __init__(self, number: int, tensor: KerasTensor):
        self.number, self.shape, self.dtype, self.name = number, tensor.shape, tensor.dtype, tensor.name

    def tensor(self) -> KerasTensor:
        return KerasTensor(self.shape, self.dtype, name=self.name)


def _kept(value: Any) -> Any:
    """A value that several operations read."""
    if not isinstance(value, jax.core.Tracer):
        return value
    kept = kernels.in_memory(value)
    masks.hand_on(value, kept)
    return kept


def filled(structure: object, values: dict[int, Any]) -> Any:
    """A structure with each symbolic tensor replaced by its value, by the id of the tensor."""
    return map_structure(lambda t: values.get(id(t), t) if is_tensor(t) else t, structure)


def _in_order(inputs: list[KerasTensor], outputs: list[KerasTensor]) -> list[Node]:
    """The entries and calls needed for the outputs, each after those it depends on; iterative: models may be deep."""
    given = {id(t) for t in inputs}
    ordered: list[Node] = []
    done: set[int] = set()
    open_: set[int] = set()
    stack: list[tuple[KerasTensor, bool]] = [(t, False) for t in reversed(outputs)]
    while stack:
        tensor, children_done = stack.pop()
        node = tensor.node
        if node is not None and id(node) in done:
            continue
        if id(tensor) in given:
            if node is not None and not node.inputs:
                ordered.append(node)
                done.add(id(node))
            continue
        if node is None or not node.inputs:
            raise ValueError(
                f"Model: the graph is disconnected. Output {_from(tensor, outputs)} is not connected to `inputs`: it"
                f" depends on tensor '{tensor.name}' of shape {tensor.shape}, which is not among them:"
                f" {[t.name for t in inputs]}."
            )
        if children_done:
            ordered.append(node)
            done.add(id(node))
        elif id(node) not in open_:
            open_.add(id(node))
            stack.append((tensor, True))
            stack.extend((t, False) for t in reversed(node.inputs))
    return ordered


def _from(tensor: KerasTensor, outputs: list[KerasTensor]) -> str:
    """The name of the output that needs a tensor."""
    for output in outputs:
        waiting, seen = [output], set()
        while waiting:
            current = waiting.pop()
            if current is tensor:
                return repr(output.name)
            if id(current) not in seen and current.node is not None:
                seen.add(id(current))
                waiting.extend(current.node.inputs)
    return "of the model"


def _flat_inputs(structure: object) -> list[Any]:
    return jax.tree.leaves(structure, is_leaf=lambda x: is_tensor(x) or x is None)


def standardize_inputs(inputs: object, expected: Symbols, owner: str, more_axes: bool = False) -> Any:
    """Inputs of a call in the structure, rank and dtype of the model's symbolic inputs.

    One tensor in a list, a dict keyed by input names and a missing last axis of size 1 are accepted.

    Args:
        inputs: what the model is called with.
        expected: the model's symbolic inputs.
        owner: the model, in messages.
        more_axes: whether inputs may have more axes than the model's; the layers say then what they make of them.

    Raises:
        ValueError: if the number of inputs, a name or a rank does not fit.
    """
    tensors = leaves(expected)
    names = [t.name for t in tensors]
    if isinstance(inputs, dict) and not isinstance(expected, dict):
        if set(names) - set(inputs):
            raise ValueError(
                f"{owner}: the structure of `inputs` doesn't match. Expected one entry per input, named {names};"
                f" received a dict with keys {list(inputs)}."
            )
        given = [inputs[name] for name in names]
    elif isinstance(expected, dict) and isinstance(inputs, dict):
        if set(expected) - set(inputs):
            raise ValueError(f"{owner}: expected inputs named {list(expected)}; received {list(inputs)}.")
        given = _flat_inputs({key: inputs[key] for key in expected})
    else:
        given = _flat_inputs(inputs)
        if isinstance(expected, dict) and isinstance(inputs, (list, tuple)):
            check_key_order(expected, owner)
    if len(given) != len(tensors):
        raise ValueError(
            f"{owner} takes {len(tensors)} input tensor(s) {names}, but it was called with {len(given)}."
            f" Shapes received: {[getattr(v, 'shape', None) for v in given]}."
        )
    fitted = [_fit(value, tensor, owner, more_axes) for value, tensor in zip(given, tensors, strict=True)]
    return jax.tree.unflatten(jax.tree.structure(expected, is_leaf=is_tensor), fitted)


def _fit(value: Any, tensor: KerasTensor, owner: str, more_axes: bool) -> Any:
    if value is None:
        entry = tensor.node.operation if tensor.node is not None else None
        if getattr(entry, "optional", False):
            return None
        raise ValueError(f"{owner}: the input '{tensor.name}' is not optional, but None was passed.")
    if is_tensor(value):
        return value
    mask = masks.state(value)
    shape, expected = tuple(value.shape), tensor.shape
    if len(shape) == len(expected) - 1 and expected[-1] == 1 and len(expected) > 1:
        value = value[..., None]
    elif len(shape) == len(expected) + 1 and shape[-1] == 1:
        value = value[..., 0]
    elif len(shape) != len(expected) and not (more_axes and len(shape) > len(expected)):
        hint = " That is one sample; pass a batch, e.g. `x[None]`." if len(shape) == len(expected) - 1 else ""
        raise ValueError(
            f"{owner}: invalid input shape for '{tensor.name}'. Expected {expected}, received {shape}.{hint}"
        )
    if value.dtype != tensor.dtype:
        value = value.astype(dtypes.jnp_dtype(tensor.dtype))
    if mask is not None and masks.state(value) is None:
        masks.put(value, mask)
    return value


def check_unique_names(operations: list[Any]) -> None:
    seen: dict[str, Any] = {}
    for operation in operations:
        if seen.setdefault(operation.name, operation) is not operation and isinstance(operation, Layer):
            raise ValueError(
                f"All operations should have unique names in a model, but the name '{operation.name}' is used"
                f" {sum(o.name == operation.name for o in operations)} times. Give the layers other names."
            )
