"""Layers that Keras 3 has no more, and what they did."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .. import activations, constraints, initializers, layers, ops, regularizers
from ..config import image_data_format
from ..core import shapes
from ..core.names import is_ours
from ..core.types import Nested, Shape, Tensor
from .backend_nn import local_conv
from .layers import merge
from .notes import say
from .utilities import conv_output_length, normalize_tuple


def output_spec(owner: type, original: Callable[..., Any]) -> Callable[..., Any]:
    """`compute_output_spec`: of a class with its own `call`, over a layer of ours that says shapes, the call tells."""

    def compute_output_spec(self: layers.Layer, *args: Any, **kwargs: Any) -> Any:
        if _tells_no_shapes(type(self)):
            return shapes.infer(self.__call__, args, kwargs)
        return original(self, *args, **kwargs)

    return compute_output_spec


def _tells_no_shapes(kind: type) -> bool:
    for one in kind.__mro__:
        if "compute_output_shape" in vars(one) or is_ours(one):
            return False
        if "call" in vars(one):
            return True
    return False


class _LocallyConnected(layers.Layer):
    """Windows as those of a convolution, each with weights of its own; `padding="valid"`.

    Weights: `kernel` of shape `(windows, values in a window, filters)`, `bias` `(*sizes of the output, filters)`.
    """

    filters: int
    use_bias: bool
    rank: int
    channels: int
    sizes: tuple[int, ...]

    def __init__(
        self,
        filters: int,
        kernel_size: int | Sequence[int],
        strides: int | Sequence[int] = 1,
        padding: str = "valid",
        data_format: str | None = None,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ):
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        if padding != "valid":
            raise ValueError(f"{type(self).__name__}: `padding` must be 'valid'. Received: padding={padding!r}")
        self.filters, self.use_bias = filters, use_bias
        self.kernel_size: tuple[int, ...] = normalize_tuple(kernel_size, self.rank, "kernel_size")
        self.strides: tuple[int, ...] = normalize_tuple(strides, self.rank, "strides")
        self.data_format: str = data_format or image_data_format()
        self.activation = activations.get(activation)
        self.kernel_initializer: Any = initializers.get(kernel_initializer)
        self.bias_initializer: Any = initializers.get(bias_initializer)
        self.kernel_regularizer: Any = regularizers.get(kernel_regularizer)
        self.bias_regularizer: Any = regularizers.get(bias_regularizer)
        self.kernel_constraint: Any = constraints.get(kernel_constraint)
        self.bias_constraint: Any = constraints.get(bias_constraint)

    @property
    def _first(self) -> bool:
        return self.data_format == "channels_first"

    def _split(self, shape: Shape) -> tuple[tuple[Any, ...], Any]:
        return (shape[2:], shape[1]) if self._first else (shape[1:-1], shape[-1])

    def _output_sizes(self, spatial: Sequence[int | None]) -> tuple[Any, ...]:
        rows = zip(spatial, self.kernel_size, self.strides, strict=True)
        return tuple(conv_output_length(size, window, "valid", stride) for size, window, stride in rows)

    def build(self, input_shape: Shape) -> None:
        spatial, channels = self._split(input_shape)
        if channels is None or None in spatial:
            raise ValueError(
                f"{type(self).__name__} '{self.name}' has weights for each place, so all sizes of the input must be"
                f" known but that of the batch. Received: input_shape={input_shape}"
            )
        self.sizes, self.channels = self._output_sizes(spatial), channels
        places = window = 1
        for size, length in zip(self.sizes, self.kernel_size, strict=True):
            places, window = places * size, window * length
        self.kernel = self.add_weight(
            shape=(places, window * channels, self.filters),
            initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
            name="kernel",
        )
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                shape=(*self.sizes, self.filters),
                initializer=self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
                name="bias",
            )
        self.built = True

    def call(self, inputs: Tensor) -> Tensor:
        outputs = local_conv(inputs, self.kernel.value, self.kernel_size, self.strides, data_format=self.data_format)
        if self.bias is not None:
            outputs = outputs + (ops.moveaxis(self.bias, -1, 0) if self._first else self.bias)
        return self.activation(outputs)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        sizes = self._output_sizes(self._split(input_shape)[0])
        return (input_shape[0], self.filters, *sizes) if self._first else (input_shape[0], *sizes, self.filters)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "strides": self.strides,
            "data_format": self.data_format,
            "activation": activations.serialize(self.activation),
            "use_bias": self.use_bias,
            "kernel_initializer": initializers.serialize(self.kernel_initializer),
            "bias_initializer": initializers.serialize(self.bias_initializer),
            "kernel_regularizer": regularizers.serialize(self.kernel_regularizer),
            "bias_regularizer": regularizers.serialize(self.bias_regularizer),
            "kernel_constraint": constraints.serialize(self.kernel_constraint),
            "bias_constraint": constraints.serialize(self.bias_constraint),
        }


class LocallyConnected1D(_LocallyConnected):
    """`(batch, steps, channels)` -> `(batch, new steps, filters)`."""

    rank: int = 1


class LocallyConnected2D(_LocallyConnected):
    """`(batch, rows, columns, channels)` -> `(batch, new rows, new columns, filters)`."""

    rank: int = 2


class Merge(layers.Layer):
    """Several tensors, or the outputs of several models, as one.

    Args:
        layers: models, when this is the first layer of a `Sequential`, which then takes a list of their inputs; None:
            call the layer on a list of tensors.
        mode: as for `merge`, or a function of the list.
        concat_axis: for "concat".
        dot_axes: for "dot" and "cos".
    """

    mode: str | Callable[..., Any]
    concat_axis: int
    dot_axes: int | Sequence[int]

    def __init__(
        self,
        layers: Sequence[Any] | None = None,
        mode: str | Callable[..., Any] = "sum",
        concat_axis: int = -1,
        dot_axes: int | Sequence[int] = -1,
        output_shape: object = None,
        **kwargs: Any,
    ):
        super().__init__(name=kwargs.get("name"))
        self.branches: list[Any] = list(layers or [])
        self.mode, self.concat_axis, self.dot_axes = mode, concat_axis, dot_axes

    @property
    def branch_shapes(self) -> list[Shape] | None:
        """Shapes of the inputs of all branches; None if one of them does not know its own."""
        if not self.branches or any(getattr(branch, "inputs", None) is None for branch in self.branches):
            return None
        return [tensor.shape for branch in self.branches for tensor in branch.inputs]

    def call(self, inputs: Sequence[Tensor]) -> Tensor:
        tensors, rest = list(inputs), []
        for branch in self.branches:
            count = len(branch.inputs or [None])
            mine, tensors = tensors[:count], tensors[count:]
            rest.append(branch(mine[0] if count == 1 else mine))
        merged = rest if self.branches else tensors
        if callable(self.mode):
            return self.mode(merged)
        return merge(merged, self.mode, self.concat_axis, self.dot_axes)


def sequential_add(owner: type, original: Callable[..., Any]) -> Callable[..., Any]:
    """`Sequential.add` of a `Merge` over models: the shapes of the inputs are those of the models."""

    def add(self: Any, layer: Any, *args: object, **kwargs: object) -> None:
        original(self, layer, *args, **kwargs)
        if isinstance(layer, Merge) and len(self) == 1 and layer.branch_shapes is not None:
            self.build(layer.branch_shapes)

    return add


def initial_state(owner: type, original: Callable[..., Any]) -> Callable[..., Any]:
    """`RNN.get_initial_state` of the inputs, whose first size is the batch."""

    def get_initial_state(self: Any, batch_size: Any = None, inputs: Any = None, **kwargs: object) -> list[Any]:
        given = batch_size if inputs is None else inputs
        return original(self, given.shape[0] if getattr(given, "shape", ()) else given)

    return get_initial_state


class _Merge(layers.Layer):
    """Base of layers of one's own that take a list: a subclass has `_merge_function(inputs)`."""

    def call(self, inputs: Sequence[Tensor]) -> Tensor:
        return self._merge_function(inputs)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape[0]

    def _merge_function(self, inputs: Sequence[Tensor]) -> Tensor:
        raise NotImplementedError(f"{type(self).__name__} must have a method `_merge_function(inputs)`.")


class Highway(layers.Layer):
    """`t * activation(x W + b) + (1 - t) * x`, with `t = sigmoid(x W_t + b_t)`.

    Srivastava et al. (2015), Highway Networks.
    """

    transform_bias: float
    use_bias: bool

    def __init__(self, activation: Any = None, transform_bias: float = -1, bias: bool = True, **kwargs: Any):
        super().__init__(**{key: value for key, value in kwargs.items() if key in ("name", "trainable", "dtype")})
        self.activation, self.transform_bias, self.use_bias = activations.get(activation), transform_bias, bias

    def build(self, input_shape: Shape) -> None:
        start, width = initializers.Constant(self.transform_bias), int(input_shape[-1] or 0)
        self.dense: layers.Dense = layers.Dense(width, activation=self.activation, use_bias=self.use_bias)
        self.gate: layers.Dense = layers.Dense(
            width, activation="sigmoid", use_bias=self.use_bias, bias_initializer=start
        )
        self.dense.build(input_shape)
        self.gate.build(input_shape)
        self.built = True

    def call(self, x: Tensor) -> Tensor:
        gate = self.gate(x)
        return gate * self.dense(x) + (1 - gate) * x

    def get_config(self) -> dict[str, Any]:
        own = {"activation": activations.serialize(self.activation), "bias": self.use_bias}
        return {**super().get_config(), **own, "transform_bias": self.transform_bias}


class MaxoutDense(layers.Layer):
    """The largest of `nb_feature` linear functions, for each of `output_dim` outputs.

    Goodfellow et al. (2013), Maxout Networks.
    """

    output_dim: int
    nb_feature: int
    init: Any

    def __init__(self, output_dim: int, nb_feature: int = 4, init: Any = "glorot_uniform", **kwargs: Any):
        super().__init__(**{key: value for key, value in kwargs.items() if key in ("name", "trainable", "dtype")})
        self.output_dim, self.nb_feature, self.init = output_dim, nb_feature, initializers.get(init)

    def build(self, input_shape: Shape) -> None:
        shape = self.nb_feature, input_shape[-1], self.output_dim
        self.kernel = self.add_weight(shape=shape, initializer=self.init, name="kernel")
        self.bias = self.add_weight(shape=(self.nb_feature, self.output_dim), initializer="zeros", name="bias")
        self.built = True

    def call(self, x: Tensor) -> Tensor:
        return ops.max(ops.einsum("bi,fio->bfo", x, self.kernel) + self.bias, axis=1)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (input_shape[0], self.output_dim)

    def get_config(self) -> dict[str, Any]:
        own = {"output_dim": self.output_dim, "nb_feature": self.nb_feature, "init": initializers.serialize(self.init)}
        return {**super().get_config(), **own}


def RandomHeight(factor: Any, interpolation: Any = "bilinear", seed: int | None = None, **kwargs: Any) -> Any:
    """Pictures stretched or shrunk in height; their size stays what it was, as that of compiled programs must."""
    _say_size("RandomHeight")
    return layers.RandomZoom(_opposite(factor), 0.0, interpolation=interpolation, seed=seed, **kwargs)


def RandomWidth(factor: Any, interpolation: Any = "bilinear", seed: int | None = None, **kwargs: Any) -> Any:
    """Pictures stretched or shrunk in width; their size stays what it was, as that of compiled programs must."""
    _say_size("RandomWidth")
    return layers.RandomZoom(0.0, _opposite(factor), interpolation=interpolation, seed=seed, **kwargs)


def _opposite(factor: Any) -> Any:
    """Larger pictures are zoomed into, which is a negative factor of `RandomZoom`."""
    low, high = factor if isinstance(factor, (tuple, list)) else (-factor, factor)
    return (1 / (1 + high) - 1, 1 / (1 + low) - 1)


def _say_size(name: str) -> None:
    say(name, f"`{name}` keeps the size of the pictures here, and changes what they show as `RandomZoom` does")


class AbstractRNNCell(layers.Layer):
    """Base of cells of one's own: a subclass has `state_size`, `output_size` and `call(inputs, states)`."""

    @property
    def state_size(self) -> Any:
        raise NotImplementedError(f"{type(self).__name__} must have a property `state_size`.")

    @property
    def output_size(self) -> Any:
        raise NotImplementedError(f"{type(self).__name__} must have a property `output_size`.")

    def get_initial_state(self, inputs: Any = None, batch_size: Any = None, dtype: Any = None) -> Nested[Tensor]:
        """Zeros."""
        sizes = self.state_size
        rows = ops.shape(inputs)[0] if batch_size is None else batch_size
        kind = dtype or self.compute_dtype
        if isinstance(sizes, (tuple, list)):
            return [ops.zeros((rows, size), dtype=kind) for size in sizes]
        return ops.zeros((rows, sizes), dtype=kind)


class PeepholeLSTMCell(layers.LSTMCell):
    """A cell of an LSTM whose gates see the cell's state as well (Gers and Schmidhuber 2000).

    Weights after those of `LSTMCell`: one vector `(units,)` for each of the input, the forget and the output gate.
    """

    kernel_initializer: Any

    def __init__(self, units: int, activation: Any = "tanh", recurrent_activation: Any = "hard_sigmoid", **kwargs: Any):
        super().__init__(units, activation, recurrent_activation, **kwargs)

    def build(self, input_shape: Any) -> None:
        super().build(input_shape)
        self.peepholes = [
            self.add_weight(shape=(self.units,), initializer=self.kernel_initializer, name=f"{gate}_gate_peephole")
            for gate in ("input", "forget", "output")
        ]

    def advance(self, projected: Any, states: list[Any], recurrent_scale: Any = None) -> list[Any]:
        h, c = states[0] if recurrent_scale is None else states[0] * recurrent_scale, states[1]
        i, f, candidate, o = ops.split(projected + h @ self.recurrent_kernel.value, 4, axis=-1)
        of_input, of_forget, of_output = (weight.value for weight in self.peepholes)
        i, f = self.recurrent_activation(i + of_input * c), self.recurrent_activation(f + of_forget * c)
        c = f * c + i * self.activation(candidate)
        return [self.recurrent_activation(o + of_output * c) * self.activation(c), c]

    def sequence(self, x: Any, states: list[Any], mask: Any, unroll: bool, recurrent_scale: Any) -> tuple[Any, Any]:
        """Step by step: the kernel of `LSTMCell` knows no peepholes."""
        return super(layers.LSTMCell, self).sequence(x, states, mask, unroll, recurrent_scale)
