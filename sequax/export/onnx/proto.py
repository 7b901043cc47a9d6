"""A graph as ONNX' own message."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from .graph import Graph, Node, Tensor

OPSET = 20
IR_VERSION = 10


def model_proto(graph: Graph, name: str, producer_version: str, metadata: dict[str, str]) -> onnx.ModelProto:
    """The message of a whole model."""
    proto = helper.make_model(
        graph_proto(graph, name, whole=True),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="sequax",
        producer_version=producer_version,
    )
    helper.set_model_props(proto, metadata)
    return proto


def graph_proto(graph: Graph, name: str, whole: bool = False) -> onnx.GraphProto:
    read = {one for node in every_node(graph) for one in node.inputs} | set(graph.outputs)
    constants = graph.constants if whole else {}
    return helper.make_graph(
        [_node(node, f"{node.path or 'model'}/{node.op}_{position}") for position, node in enumerate(graph.nodes)],
        name,
        [_info(one, graph.tensors[one]) for one in graph.inputs],
        [_info(one, graph.tensors[one]) for one in graph.outputs],
        [_tensor(array, one) for one, array in constants.items() if one in read],
    )


def every_node(graph: Graph) -> list[Node]:
    """All nodes, those of graphs inside nodes too."""
    found = []
    for node in graph.nodes:
        found.append(node)
        for inner in node.graphs:
            found += every_node(inner)
            found.append(Node("", list(inner.outputs), [], {}))
    return found


def _node(node: Node, name: str) -> onnx.NodeProto:
    inputs = list(node.inputs)
    attributes = {key: _attribute(value) for key, value in node.attributes.items() if key != "copy"}
    outputs = list(node.outputs)
    while outputs and not outputs[-1]:
        outputs.pop()
    return helper.make_node(node.op, inputs, outputs, name=name, **attributes)


def _attribute(value: Any) -> Any:
    if isinstance(value, Graph):
        return graph_proto(value, "body")
    if isinstance(value, np.dtype):
        return helper.np_dtype_to_tensor_dtype(value)
    return value


def _info(name: str, tensor: Tensor) -> onnx.ValueInfoProto:
    dims = [int(size) if isinstance(size, (int, np.integer)) else str(size) for size in tensor.dims]
    return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(tensor.dtype), dims)


def _tensor(array: np.ndarray, name: str) -> TensorProto:
    return numpy_helper.from_array(np.ascontiguousarray(array).reshape(array.shape), name)
