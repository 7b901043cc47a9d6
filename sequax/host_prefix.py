"""The part of a model that runs on the host, before anything is compiled.

Compiled programs hold numbers only. Layers that take strings, or whole numbers wider than the device computes with
(`layers.preprocessing.host.HostLayer`, marked by `runs_on_host`), stand at the front of a model, and what they do needs
no gradient. So such a model is run in two parts:

    data --HostPrefix.run, NumPy, whole arrays--> numbers --compiled_part, a model over the same layers--> outputs

`model.host_prefix` and `model.compiled_part` are the only two names for this. `fit`, `evaluate` and `predict` run the
host prefix once, over all their data (`data/batches.py`); all that compiles, and all checks of numbers, deal with the
compiled part. A call of the model on data does the same eagerly. Variables, names and losses belong to the whole
model.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from .core import dtypes
from .core.tensor import KerasTensor, Node, leaves, map_structure
from .core.types import Data, Nested, Symbols
from .ends import Ends
from .functional import Graph, filled
from .layers.preprocessing import reading
from .layers.preprocessing.host import stays_on_host

if TYPE_CHECKING:
    from .model import Model


def on_host(operation: object) -> bool:
    """Whether a layer (or a model, all of it) runs on the host."""
    return bool(getattr(operation, "runs_on_host", False))


def begins_on_host(operation: object) -> bool:
    """Whether a layer runs on the host, or a model begins there.

    A model is asked once: asking twice at each level takes forever in a file with many models inside each other.
    """
    found = getattr(operation, "begins_on_host", None)
    return on_host(operation) if found is None else bool(found)


class HostPrefix:
    """The calls at the front of a model that run on the host.

    Args:
        inputs: symbolic inputs of the model.
        nodes: all recorded calls, each after those it depends on.
        outputs: symbolic outputs of the model.
        make: makes a model from symbolic inputs and outputs.
    """

    def __init__(self, inputs: Symbols, nodes: list[Node], outputs: Symbols, make: Callable[[Any, Any], Any]):
        self.inputs = inputs
        self.nodes: list[Node] = [node for node in nodes if on_host(node.operation)]
        rest = [node for node in nodes if not on_host(node.operation)]
        _refuse_mixed(rest)
        self.border: Symbols = _border(inputs, self.nodes, rest, outputs)
        self.is_all: bool = not rest
        self.compiled: Model = make(self.border, outputs)

    def run(self, x: Data, what: str = "x") -> Nested[np.ndarray]:
        """Data of the user as the compiled part takes them; inputs that no host layer reads pass as they are.

        Raises:
            ValueError: for data that do not fit the inputs or the layers.
        """
        read = {id(t) for node in self.nodes for t in node.inputs}
        tensors, given = leaves(self.inputs), _parts(x, self.inputs, what)
        values: dict[int, Any] = {}
        for tensor, (name, value) in zip(tensors, given, strict=True):
            values[id(tensor)] = _fitted(reading.raw(value, name), tensor, name) if id(tensor) in read else value
        names = {id(t): name for t, (name, _) in zip(tensors, given, strict=True)}
        for node in self.nodes:
            name = names.get(id(node.inputs[0]), what) if len(node.inputs) == 1 else what
            results = node.operation.on_host(*filled(node.args, values), name)
            for tensor, value in zip(leaves(node.outputs), leaves(results), strict=True):
                values[id(tensor)], names[id(tensor)] = value, name
        return map_structure(lambda t: values[id(t)], self.border)

    def on_device(self, results: object) -> Any:
        """Results of `run` as device arrays of the layers' output dtypes; what no device holds stays in NumPy."""
        return jax.tree.map(
            lambda t, v: v if stays_on_host(v) else jnp.asarray(v, dtypes.jnp_dtype(t.dtype)),
            self.border,
            results,
            is_leaf=lambda t: isinstance(t, KerasTensor),
        )

    def spec(self, inputs: Symbols) -> Symbols:
        """Symbolic outputs of the whole model for other symbolic inputs."""
        values = {id(t): v for t, v in zip(leaves(self.inputs), leaves(inputs), strict=True)}
        for node in self.nodes:
            results = node.operation.compute_output_spec(*filled(node.args, values))
            for tensor, value in zip(leaves(node.outputs), leaves(results), strict=True):
                values[id(tensor)] = value
        border = map_structure(lambda t: values[id(t)], self.border)
        return border if self.is_all else self.compiled.compute_output_spec(border)


def entry_spec(x: Data, what: str) -> KerasTensor:
    """The symbolic input of a stack that begins with data: entries of a flat array become samples of size 1."""
    array = reading.raw(x, what)
    return KerasTensor((None, *(array.shape[1:] or (1,))), "string" if array.dtype.kind in "OUST" else array.dtype)


def _border(inputs: Symbols, nodes: list[Node], rest: list[Node], outputs: Symbols) -> Symbols:
    """What the compiled part begins with: results of the host prefix and inputs of the model that it reads."""
    sources = {id(t) for t in leaves(inputs)} | {id(t) for node in nodes for t in leaves(node.outputs)}
    wanted = [t for node in rest for t in node.inputs] + leaves(outputs)
    border = list({id(t): t for t in wanted if id(t) in sources}.values())
    return border[0] if len(border) == 1 else border


def _refuse_mixed(nodes: list[Node]) -> None:
    for node in nodes:
        inner = node.operation
        if getattr(inner, "begins_on_host", False):
            raise NotImplementedError(
                f"Model '{inner.name}' begins with layers that run on the host and goes on with compiled ones, so it"
                f" cannot stand inside another model as a whole. Put its layers into the outer model one by one:"
                f" Sequential([*inner.layers, ...])."
            )


def _parts(x: Any, inputs: Symbols, what: str) -> list[tuple[str, Any]]:
    """A name for messages and the data for each input of a model."""
    tensors = leaves(inputs)
    names = list(inputs) if isinstance(inputs, dict) else [t.name for t in tensors]
    if isinstance(x, dict):
        missing = [name for name in names if name not in x]
        if missing:
            raise ValueError(f"{what} has no entry for input {missing[0]!r}. Inputs: {names}; {what} has {list(x)}.")
        order = sorted(inputs) if isinstance(inputs, dict) else names  # the leaves of a dict come by key
        return [(f"{what}[{name!r}]", x[name]) for name in order]
    if len(tensors) == 1:
        alone = isinstance(x, (list, tuple)) and len(x) == 1 and getattr(x[0], "ndim", 0) > 0
        return [(what, x[0] if alone else x)]
    if not isinstance(x, (list, tuple)) or len(x) != len(tensors):
        size = f" of {len(x)} items" if hasattr(x, "__len__") else ""
        raise ValueError(
            f"{what} is a {type(x).__name__}{size}; the model takes {len(tensors)} inputs ({', '.join(names)}): pass a"
            f" list with one array each."
        )
    return [(f"{what}[{i}]", part) for i, part in enumerate(x)]


def _fitted(array: np.ndarray, tensor: KerasTensor, what: str) -> np.ndarray:
    """An array in the rank of the model's input: a last axis of size 1 is added or dropped."""
    expected = (None, *tensor.shape[1:])
    for candidate in (array, array[..., None] if array.ndim else array, array[..., 0] if _is_column(array) else array):
        if len(candidate.shape) == len(expected) and all(
            want is None or have == want for have, want in zip(candidate.shape, expected, strict=True)
        ):
            return candidate
    hint = " That is one value; pass a list or an array." if array.ndim == 0 else ""
    raise ValueError(f"{what} has shape {array.shape}; the model expects {expected}.{hint}")


def _is_column(array: np.ndarray) -> bool:
    return array.ndim > 1 and array.shape[-1] == 1


class HostFront(Ends):
    """A model whose first layers may run on the host: what is compiled begins behind them."""

    _graph_over: Callable[[Any, Any], Any]  # a model over a part of the same graph
    build_from: Callable[[Any], None]

    @property
    def begins_on_host(self) -> bool:
        """Whether layers that run on the host stand at the front, or in a model there."""
        nodes = [] if self._graph is None else self._graph.nodes
        return any(map(begins_on_host, {id(node.operation): node.operation for node in nodes}.values()))

    @property
    def runs_on_host(self) -> bool:
        """Whether all of the layers run on the host."""
        return self.begins_on_host and self.host_prefix is not None and self.host_prefix.is_all

    @property
    def host_prefix(self) -> HostPrefix | None:
        """What runs on the host before all else; None if there is no such layer, or nothing is built yet."""
        if not self.begins_on_host or self.symbolic_outputs is None:
            return None
        kept = vars(self).get("_host_prefix")
        if kept is None or kept[0] is not self.symbolic_outputs:
            graph = Graph(self.symbolic_inputs, self.symbolic_outputs)
            part = HostPrefix(graph.inputs, graph.nodes, graph.outputs, self._graph_over)
            kept = vars(self)["_host_prefix"] = (self.symbolic_outputs, part)
        return kept[1]

    @property
    def compiled_part(self) -> Model:
        """The model behind the host prefix, over the same layers: what programs are compiled from."""
        return self if self.host_prefix is None else self.host_prefix.compiled  # type: ignore[return-value]

    def through_host(self, x: Data, what: str = "x") -> Any:
        """Data as the compiled part takes them; a model that is not built yet is built from them."""
        if not self.begins_on_host:
            return x
        if self.symbolic_outputs is None:
            self.build_from(entry_spec(x, what))
        assert self.host_prefix is not None
        return self.host_prefix.run(x, what)

    def on_host(self, inputs: Data, what: str = "x") -> Any:
        """The outputs of a model of host layers only, as one of the steps of another model's host prefix."""
        return self.through_host(inputs, what)
