"""`to_onnx`: a model as an ONNX file has it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..._version import __version__
from ...core.needed import needed
from ..errors import ExportError
from ..trace import Trace, Traceable
from .graph import Graph, Tensor, every_graph
from .values import Value, full

if TYPE_CHECKING:
    import onnx

    from ...model import Model


def to_onnx(
    model: Model | Traceable,
    input_signature: Any = None,
    batch_size: int | None = None,
    metadata: dict[str, str] | None = None,
) -> onnx.ModelProto:
    """What `predict` computes, as an ONNX model (opset 20, IR 10).

    Args:
        model: any built model, or what was traced already.
        input_signature: what it takes, where the model does not say so; see `Trace`.
        batch_size: of all inputs; None: any.
        metadata: texts by name that stand in the file.

    Raises:
        ExportError: if the model holds an operation that ONNX has no form for, or whose inputs are not known.
        ImportError: without the package `onnx`.
    """
    needed("onnx", "Writing ONNX")
    from .proto import model_proto

    trace = model if isinstance(model, Traceable) else Trace(model, input_signature)
    name = trace.model.name if isinstance(trace, Trace) else "function"
    graph = graph_of(trace, batch_size)
    _check_size(graph, name)
    return model_proto(graph, name, __version__, metadata or {})


LARGEST = (1 << 31) - (1 << 24)  # bytes of weights: a message of protobuf takes 2 GB


def _check_size(graph: Graph, name: str) -> None:
    read = {one for inner in every_graph(graph) for node in inner.nodes for one in node.inputs}
    size = sum(array.nbytes for key, array in graph.constants.items() if key in read)
    if size > LARGEST:
        raise ExportError(
            f"Model '{name}' has {size / 1e9:.1f} GB of weights, and an ONNX file holds 2 GB. Export it as"
            f" `.stablehlo`, or in parts: models from and to a layer in the middle."
        )


def graph_of(trace: Traceable, batch_size: int | None = None) -> Graph:
    """The graph of a traced model, as small as it gets."""
    from . import control, elementwise, indexing, named, products, reductions, shaping, signal  # noqa: F401
    from .folding import fold
    from .translate import translate

    jaxpr = trace.jaxpr(batch_size)
    graph = Graph()
    arguments = []
    for entry, variable in zip(trace.inputs, jaxpr.jaxpr.invars, strict=True):
        shape, dtype = tuple(variable.aval.shape), np.dtype(variable.aval.dtype)
        graph.tensors[entry.name] = Tensor(shape, dtype)
        graph.inputs.append(entry.name)
        axes = tuple(None if isinstance(n, int) and n == 1 else axis for axis, n in enumerate(shape))
        arguments.append(Value(shape, dtype, axes, entry.name))
    results = translate(graph, jaxpr.jaxpr, jaxpr.consts, arguments)
    names = [full(graph, value) for value in results if value is not None]
    fold(graph, names)
    _name_outputs(graph, names, trace.output_names)
    return graph


def _name_outputs(graph: Graph, names: list[str], wanted: list[str]) -> None:
    """The outputs under their own names; one that is an input, a constant or another output is copied."""
    if len(names) != len(wanted):
        raise ExportError(f"The model has {len(names)} outputs and {len(wanted)} names for them: {wanted}.")
    made = {name for node in graph.nodes for name in node.outputs}
    taken: set[str] = set()
    for name, new in zip(names, wanted, strict=True):
        new = new if new not in graph.inputs and new not in graph.outputs else f"{new}_output"
        known = graph.tensors[name]
        if new in made and new != name:  # a tensor inside has its name by chance
            _rename(graph, new, graph.name(new))
        graph.tensors[new] = known
        if name in made and name not in taken:
            _rename(graph, name, new)
        else:
            graph.emit("Identity", [_current(graph, name, names, wanted)], known.dims, known.dtype, "", copy=new)
            graph.nodes[-1].outputs[0] = new
        taken.add(name)
        graph.outputs.append(new)


def _current(graph: Graph, name: str, names: list[str], wanted: list[str]) -> str:
    """The name that a tensor has by now, if it is another output."""
    place = names.index(name)
    return graph.outputs[place] if place < len(graph.outputs) else name


def _rename(graph: Graph, old: str, new: str) -> None:
    for node in graph.nodes:
        node.inputs = [new if name == old else name for name in node.inputs]
        node.outputs = [new if name == old else name for name in node.outputs]
        for inner in node.graphs:
            _rename(inner, old, new)
    graph.outputs = [new if name == old else name for name in graph.outputs]
