"""ONNX as one writes it by hand, a rule per layer: what exported graphs are timed against. Masks may only end a row."""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from sequax import activations

ACTIVATIONS = {"relu": "Relu", "softmax": "Softmax", "gelu": "Gelu"}


class Writer:
    """Nodes of a stack of layers; images are channels first in between."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self.lengths = ""  # of the steps that count, behind an embedding with a mask

    def constant(self, array: Any) -> str:
        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def whole(self, *numbers: int) -> str:
        return self.constant(np.array(numbers, np.int64))

    def node(self, op: str, *inputs: str, outputs: int = 1, **attributes: Any) -> Any:
        names = [f"{op}_{len(self.nodes)}_{i}" for i in range(outputs)]
        self.nodes.append(helper.make_node(op, list(inputs), names, **attributes))
        return names[0] if outputs == 1 else names

    def activated(self, name: str, layer: Any) -> str:
        op = ACTIVATIONS.get(activations.serialize(layer.activation))
        return name if op is None else self.node(op, name)

    def layer(self, name: str, layer: Any) -> str:
        return getattr(self, type(layer).__name__.lower())(name, layer)

    def dropout(self, name: str, layer: Any) -> str:
        return name

    def dense(self, name: str, layer: Any) -> str:
        name = self.node("MatMul", name, self.constant(layer.kernel.numpy()))
        return self.activated(self.node("Add", name, self.constant(layer.bias.numpy())), layer)

    def conv2d(self, name: str, layer: Any, op: str = "NOTSET", group: int = 1) -> str:
        kernel = layer.kernel.numpy()
        kernel = kernel.transpose(3, 2, 0, 1) if group == 1 else kernel.transpose(2, 3, 0, 1)
        bias = [self.constant(layer.bias.numpy())] if layer.use_bias else []
        pad = "SAME_UPPER" if layer.padding == "same" else "VALID"
        strides = list(layer.strides)
        name = self.node("Conv", name, self.constant(kernel), *bias, auto_pad=pad, strides=strides, group=group)
        return self.activated(name, layer)

    def depthwiseconv2d(self, name: str, layer: Any) -> str:
        return self.conv2d(name, layer, group=layer.kernel.shape[2])

    def batchnormalization(self, name: str, layer: Any) -> str:
        values = (layer.gamma, layer.beta, layer.moving_mean, layer.moving_variance)
        constants = [self.constant(value.numpy()) for value in values]
        return self.node("BatchNormalization", name, *constants, epsilon=layer.epsilon)

    def relu(self, name: str, layer: Any) -> str:
        return self.node("Clip", name, self.constant(np.float32(0)), self.constant(np.float32(layer.max_value)))

    def activation(self, name: str, layer: Any) -> str:
        return self.activated(name, layer)

    def maxpooling2d(self, name: str, layer: Any) -> str:
        return self.node("MaxPool", name, kernel_shape=list(layer.pool_size), strides=list(layer.strides))

    def flatten(self, name: str, layer: Any) -> str:
        return self.node("Flatten", self.node("Transpose", name, perm=[0, 2, 3, 1]))

    def globalaveragepooling2d(self, name: str, layer: Any) -> str:
        return self.node("ReduceMean", name, self.whole(2, 3), keepdims=0)

    def embedding(self, name: str, layer: Any) -> str:
        name = self.node("Cast", name, to=TensorProto.INT32)
        if layer.mask_zero:
            counts = self.node("Cast", self.node("Cast", name, to=TensorProto.BOOL), to=TensorProto.INT32)
            self.lengths = self.node("ReduceSum", counts, self.whole(1), keepdims=0)
        return self.node("Gather", self.constant(layer.embeddings.numpy()), name)

    def _recurrent(
        self, op: str, name: str, cells: list[Any], gates: list[int], sequence: bool, **attributes: Any
    ) -> str:
        def ordered(matrix: np.ndarray) -> np.ndarray:
            return matrix.reshape(len(gates), -1, matrix.shape[-1])[gates].reshape(matrix.shape)

        weights = [np.stack([ordered(cell.kernel.numpy().T) for cell in cells])]
        weights.append(np.stack([ordered(cell.recurrent_kernel.numpy().T) for cell in cells]))
        biases = [np.atleast_2d(cell.bias.numpy()) for cell in cells]
        biases = [ordered(b.reshape(-1, 1) if len(b) == 1 else b.T).T for b in biases]
        biases = [np.concatenate([b, np.zeros_like(b)] if len(b) == 1 else list(b), None) for b in biases]
        name = self.node("Transpose", name, perm=[1, 0, 2])
        inputs = [name, *map(self.constant, weights), self.constant(np.stack(biases)), self.lengths]
        direction = "bidirectional" if len(cells) == 2 else "forward"
        units = cells[0].units
        names = self.node(op, *inputs, outputs=2, hidden_size=units, direction=direction, **attributes)
        if sequence:  # (time, directions, batch, units)
            both = self.node("Transpose", names[0], perm=[2, 0, 1, 3])
            return self.node("Reshape", both, self.whole(0, 0, len(cells) * units))
        return self.node("Reshape", self.node("Transpose", names[1], perm=[1, 0, 2]), self.whole(0, len(cells) * units))

    def lstm(self, name: str, layer: Any) -> str:
        return self._recurrent("LSTM", name, [layer.cell], [0, 3, 1, 2], layer.return_sequences)

    def bidirectional(self, name: str, layer: Any) -> str:
        cells = [layer.forward_layer.cell, layer.backward_layer.cell]
        return self._recurrent(
            "GRU", name, cells, [0, 1, 2], layer.forward_layer.return_sequences, linear_before_reset=1
        )

    def layernormalization(self, name: str, layer: Any) -> str:
        values = [self.constant(value.numpy()) for value in (layer.gamma, layer.beta)]
        return self.node("LayerNormalization", name, *values, axis=-1, epsilon=layer.epsilon)

    def multiheadattention(self, name: str, layer: Any) -> str:
        def part(dense: Any, order: list[int], scale: float = 1) -> str:
            kernel, bias = dense.kernel.numpy() * scale, dense.bias.numpy() * scale
            found = self.node("MatMul", name, self.constant(kernel.reshape(kernel.shape[0], -1)))
            found = self.node("Add", found, self.constant(bias.reshape(-1)))
            found = self.node("Reshape", found, self.whole(0, 0, *bias.shape))
            return self.node("Transpose", found, perm=order)

        query = part(layer.query_dense, [0, 2, 1, 3], layer.key_dim**-0.5)
        shares = self.node("Softmax", self.node("MatMul", query, part(layer.key_dense, [0, 2, 3, 1])))
        found = self.node("MatMul", shares, part(layer.value_dense, [0, 2, 1, 3]))
        kernel = layer.output_dense.kernel.numpy()
        found = self.node("Transpose", found, perm=[0, 2, 1, 3])
        found = self.node("Reshape", found, self.whole(0, 0, kernel.shape[0] * kernel.shape[1]))
        found = self.node("MatMul", found, self.constant(kernel.reshape(-1, kernel.shape[-1])))
        return self.node("Add", found, self.constant(layer.output_dense.bias.numpy()))

    def model(self, output: str, dtype: str, shape: list[Any]) -> Any:
        given = helper.make_tensor_value_info("x", helper.np_dtype_to_tensor_dtype(np.dtype(dtype)), shape)
        result = helper.make_tensor_value_info(output, TensorProto.FLOAT, None)
        graph = helper.make_graph(self.nodes, "by_layer", [given], [result], self.constants)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


def of_stack(model: Any) -> Any:
    """A `Sequential`."""
    writer = Writer()
    shape = ["batch", *(size or "time" for size in model.inputs[0].shape[1:])]
    name = writer.node("Transpose", "x", perm=[0, 3, 1, 2]) if len(shape) == 4 else "x"
    for layer in model.layers:
        name = writer.layer(name, layer)
    return writer.model(name, model.inputs[0].dtype, shape)


def of_transformer(model: Any, places: Any) -> Any:
    """A block of attention and one of dense layers, each with a sum and a normalization behind it; a mean; a head."""
    kinds = {"Embedding": [], "MultiHeadAttention": [], "LayerNormalization": [], "Dense": []}
    for layer in model.layers:
        kinds.get(type(layer).__name__, []).append(layer)
    (tokens,), (attention,), norms = kinds["Embedding"], kinds["MultiHeadAttention"], kinds["LayerNormalization"]
    dense = {one.units: one for one in kinds["Dense"]}
    wide, back, head = (dense[units] for units in sorted(dense, reverse=True))
    writer = Writer()
    steps = model.inputs[0].shape[1]
    x = writer.node("Gather", writer.constant(tokens.embeddings.numpy()), "x")
    x = writer.node("Add", x, writer.constant(places))
    x = writer.layer(writer.node("Add", x, writer.layer(x, attention)), norms[0])
    x = writer.layer(writer.node("Add", x, writer.layer(writer.layer(x, wide), back)), norms[1])
    x = writer.layer(writer.node("ReduceMean", x, writer.whole(1), keepdims=0), head)
    return writer.model(x, "int32", ["batch", steps])
