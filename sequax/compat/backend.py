"""The functions that `keras.backend` had: arithmetic of tensors, for losses, metrics and layers of a script's own.

Most are functions of `keras.ops` under another name or with other defaults; `TODAY` says which.
"""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np

from .. import activations, ops
from ..config import floatx, image_data_format
from ..core.operation import symbolic
from ..core.tensor import KerasTensor, shape_of
from ..core.types import ArrayLike, Axis, DTypeLike, PerAxis, Shape, ShapeLike, Tensor, Tensors
from ..core.variable import Variable
from . import backend_graph, backend_nn, backend_state, dialect
from .backend_state import Expression

T = TypeVar("T")

# Same name, same arguments.
_SAME = (
    *("abs", "all", "any", "arange", "argsort", "clip", "cos", "dot", "elu", "equal", "exp", "floor"),
    *("greater", "greater_equal", "hard_sigmoid", "less", "less_equal", "log", "logsumexp", "max", "maximum"),
    *("mean", "min", "minimum", "ndim", "not_equal", "one_hot", "ones_like", "prod", "reshape", "round"),
    *("sigmoid", "sign", "sin", "softmax", "softplus", "softsign", "sqrt", "square", "squeeze"),
    *("stack", "std", "stop_gradient", "sum", "tanh", "tile", "transpose", "var", "zeros_like"),
)
_OTHER_NAME = {
    "identity": "copy",
    "permute_dimensions": "transpose",
    "pow": "power",
    "reverse": "flip",
}
_OTHER_KEYWORDS = {
    "axes": "axis",
    "indices": "x",
    "max_value": "x_max",
    "min_value": "x_min",
    "n": "repeats",
    "pattern": "axes",
    "shape": "newshape",
}
_OTHER_DEFAULTS = {
    "argmax": "argmax(x, axis=-1)",
    "argmin": "argmin(x, axis=-1)",
    "batch_dot": "einsum",
    "cast": "cast",
    "shape": "shape",
    "batch_flatten": "reshape(x, (x.shape[0], -1))",
    "bias_add": "add",
    "binary_crossentropy": "binary_crossentropy",
    "categorical_crossentropy": "categorical_crossentropy",
    "concatenate": "concatenate(tensors, axis=-1)",
    "constant": "convert_to_tensor",
    "conv1d": "conv",
    "conv2d": "conv",
    "conv3d": "conv",
    "cumprod": "cumprod(x, axis=0)",
    "cumsum": "cumsum(x, axis=0)",
    "expand_dims": "expand_dims(x, axis=-1)",
    "flatten": "ravel",
    "gather": "take(reference, indices, axis=0)",
    "in_top_k": "in_top_k",
    "int_shape": "shape",
    "l2_normalize": "normalize",
    "map_fn": "map",
    "ones": "ones",
    "pool2d": "max_pool, average_pool",
    "pool3d": "max_pool, average_pool",
    "relu": "relu, or keras.activations.relu(x, negative_slope, max_value, threshold)",
    "repeat": "repeat",
    "repeat_elements": "repeat",
    "resize_images": "image.resize",
    "sparse_categorical_crossentropy": "sparse_categorical_crossentropy",
    "eye": "eye",
    "spatial_2d_padding": "pad",
    "switch": "where, or cond",
    "temporal_padding": "pad",
    "zeros": "zeros",
}
_ELSEWHERE = {
    "batch_get_value": "[np.asarray(variable) for variable in variables]",
    "batch_set_value": "variable.assign(value)",
    "cast_to_floatx": "np.asarray(x, keras.config.floatx())",
    "count_params": "math.prod(x.shape)",
    "dropout": "keras.random.dropout",
    "control_dependencies": "leave it out, it has no effect",
    "dtype": "keras.backend.standardize_dtype(x.dtype)",
    "eager": "leave it out, it has no effect",
    "eager_scope": "leave it out, it has no effect",
    "eval": "np.asarray(x)",
    "get_session": "nothing",
    "get_graph": "nothing",
    "get_value": "np.asarray(x)",
    "get_variable_shape": "x.shape",
    "image_dim_ordering": "keras.config.image_data_format()",
    "in_test_phase": "the argument `training` of `call`",
    "in_train_phase": "the argument `training` of `call`",
    "is_placeholder": "nothing",
    "is_symbolic": "keras.utils.is_keras_tensor",
    "is_tensor": "keras.ops.is_tensor",
    "is_variable": "isinstance(x, keras.Variable)",
    "learning_phase": "the argument `training` of `call`",
    "learning_phase_scope": "the argument `training` of `call`",
    "manual_variable_initialization": "leave it out, it has no effect",
    "moving_average_update": "variable.assign(...)",
    "name_scope": "leave it out, it has no effect",
    "print_tensor": "jax.debug.print",
    "random_bernoulli": "keras.random.binomial",
    "random_binomial": "keras.random.binomial",
    "random_normal": "keras.random.normal",
    "random_normal_variable": "keras.Variable",
    "random_uniform": "keras.random.uniform",
    "random_uniform_variable": "keras.Variable",
    "reset_uids": "keras.utils.clear_session()",
    "set_image_dim_ordering": "keras.config.set_image_data_format",
    "set_learning_phase": "the argument `training` of `call`",
    "set_session": "leave it out, it has no effect",
    "set_value": "variable.assign(value)",
    "symbolic": "leave it out, it has no effect",
    "truncated_normal": "keras.random.truncated_normal",
    "update": "variable.assign(value)",
    "update_add": "variable.assign_add(value)",
    "update_sub": "variable.assign_sub(value)",
    "variable": "keras.Variable",
}

# In `backend_nn.py`.
_NETWORKS = {
    "asymmetric_temporal_padding": "pad",
    "batch_normalization": "batch_normalization",
    "binary_focal_crossentropy": "binary_crossentropy, and the loss keras.losses.BinaryFocalCrossentropy",
    "categorical_focal_crossentropy": "categorical_crossentropy, and keras.losses.CategoricalFocalCrossentropy",
    "conv2d_transpose": "conv_transpose",
    "conv3d_transpose": "conv_transpose",
    "ctc_batch_cost": "ctc_loss, or the loss keras.losses.CTC",
    "ctc_decode": "ctc_decode",
    "depthwise_conv2d": "depthwise_conv",
    "foldl": "scan",
    "foldr": "scan",
    "local_conv": "einsum",
    "local_conv1d": "einsum",
    "local_conv2d": "einsum",
    "normalize_batch_in_training": "moments, and batch_normalization",
    "pattern_broadcast": "broadcast_to",
    "resize_volumes": "repeat",
    "rnn": "scan, or the layer keras.layers.RNN",
    "separable_conv1d": "separable_conv",
    "separable_conv2d": "separable_conv",
    "size": "size",
    "slice": "slice",
    "spatial_3d_padding": "pad",
    "to_dense": "convert_to_tensor",
}
# In `backend_graph.py`.
_GRAPHS = {
    "function": "keras.Model(inputs, outputs)",
    "gradients": "jax.grad, or tf.GradientTape",
    "placeholder": "keras.Input",
}
_OTHERS = {
    **dict.fromkeys(_NETWORKS, backend_nn),
    **dict.fromkeys(_GRAPHS, backend_graph),
    **dict.fromkeys(_ELSEWHERE, backend_state),
}

NAME = "jax"  # what `keras.backend._BACKEND` was

TODAY: dict[str, str] = {
    **{name: f"keras.ops.{name}" for name in _SAME},
    **{name: f"keras.ops.{today}" for name, today in {**_OTHER_NAME, **_OTHER_DEFAULTS, **_NETWORKS}.items()},
    **_ELSEWHERE,
    **_GRAPHS,
}


def __getattr__(name: str) -> Callable[..., Any]:
    today = name if name in _SAME else _OTHER_NAME.get(name)
    if today is not None:
        return _with_old_keywords(getattr(ops, today))
    if name in _OTHERS:
        return getattr(_OTHERS[name], name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _with_old_keywords(function: Callable[..., T]) -> Callable[..., T]:
    """Most calls give tensors by position; the names of the other arguments were other ones."""
    known = inspect.signature(function).parameters

    @functools.wraps(function)
    def call(*args: object, **kwargs: object) -> T:
        kwargs.pop("name", None)
        renamed = {key if key in known else _OTHER_KEYWORDS.get(key, key): value for key, value in kwargs.items()}
        return function(*args, **renamed)

    return call


# --- other defaults -------------------------------------------------------------------------------------------------


def argmax(x: Tensor, axis: int = -1) -> Tensor:
    return ops.argmax(x, axis=axis)


def argmin(x: Tensor, axis: int = -1) -> Tensor:
    return ops.argmin(x, axis=axis)


def expand_dims(x: Tensor, axis: int = -1) -> Tensor:
    return ops.expand_dims(x, axis)


def cumsum(x: Tensor, axis: int = 0) -> Tensor:
    return ops.cumsum(x, axis=axis)


def cumprod(x: Tensor, axis: int = 0) -> Tensor:
    return ops.cumprod(x, axis=axis)


class _SymbolicShape(tuple[Any, ...]):
    """The shape of a symbolic tensor, which knows whose it is: sizes that are unknown now can be computed later."""

    tensor: KerasTensor


def shape(x: Tensor) -> tuple[Any, ...]:
    found = ops.shape(x)
    if isinstance(x, KerasTensor) and None in found:
        found = _SymbolicShape(found)
        found.tensor = x
    return found


def cast(x: Any, dtype: DTypeLike) -> Tensor:
    return ops.cast(_sizes(x.tensor) if isinstance(x, _SymbolicShape) else x, dtype)


@symbolic
def _sizes(x: Any) -> Tensor:
    return ops.array(x.shape, dtype="int32")


def concatenate(tensors: Sequence[Tensor], axis: int = -1) -> Tensor:
    return ops.concatenate(tensors, axis=axis)


def constant(
    value: ArrayLike, dtype: DTypeLike | None = None, shape: ShapeLike | None = None, name: str | None = None
) -> Tensor:
    array = ops.convert_to_tensor(value, dtype or floatx())
    return array if shape is None else ops.broadcast_to(array, shape)


def ones(shape: Sequence[int], dtype: DTypeLike | None = None, name: str | None = None) -> Variable:
    return backend_state.variable(np.ones(shape), dtype, name)


def zeros(shape: Sequence[int], dtype: DTypeLike | None = None, name: str | None = None) -> Variable:
    return backend_state.variable(np.zeros(shape), dtype, name)


def eye(size: int, dtype: DTypeLike | None = None, name: str | None = None) -> Variable:
    return Variable(np.eye(size), dtype=dtype or floatx(), name=name)


def relu(x: Tensor, alpha: float = 0.0, max_value: float | None = None, threshold: float = 0.0) -> Tensor:
    return activations.relu(x, negative_slope=alpha, max_value=max_value, threshold=threshold)


def switch(condition: Tensor, then_expression: Expression, else_expression: Expression) -> Tensor:
    """One of two tensors, element by element."""
    then, other = (part() if callable(part) else part for part in (then_expression, else_expression))
    shape, *shapes = (getattr(part, "shape", ()) for part in (condition, then, other))
    missing = max(map(len, shapes)) - len(shape)
    return ops.where(ops.reshape(condition, (*shape, *(1,) * missing)), then, other)


def gather(reference: Tensor, indices: ArrayLike) -> Tensor:
    return ops.take(reference, indices, axis=0)


def flatten(x: Tensor) -> Tensor:
    return ops.reshape(x, (-1,))


def batch_flatten(x: Tensor) -> Tensor:
    return ops.reshape(x, (-1, math.prod(x.shape[1:])))


def repeat(x: Tensor, n: int) -> Tensor:
    """`(batch, features)` -> `(batch, n, features)`."""
    return ops.repeat(ops.expand_dims(x, 1), n, axis=1)


def repeat_elements(x: Tensor, rep: int, axis: int) -> Tensor:
    return ops.repeat(x, rep, axis=axis)


def l2_normalize(x: Tensor, axis: Axis = None) -> Tensor:
    square_sum = ops.sum(ops.square(x), axis=axis, keepdims=True)
    return x / ops.sqrt(ops.maximum(square_sum, 1e-12))


def int_shape(x: Tensor) -> Shape:
    return shape_of(x)


def batch_dot(x: Tensor, y: Tensor, axes: int | Sequence[int] | None = None) -> Tensor:
    """Products of the samples of two batches, summed over one axis of each."""
    both = (len(x.shape) - 1, len(y.shape) - 2 if len(y.shape) > 2 else len(y.shape) - 1) if axes is None else axes
    first, second = (both, both) if isinstance(both, int) else both
    ranks = {len(x.shape), len(y.shape)}
    if min(ranks) > 2 and ranks != {3} and dialect.spoken() is not None:
        return _stacked_products(x, y, first, second)
    letters = "abcdefgh"
    left = ["z", *letters[: len(x.shape) - 1]]
    right = ["z", *letters[len(x.shape) - 1 :][: len(y.shape) - 1]]
    right[second] = left[first]
    kept = [letter for letter in left[1:] if letter != left[first]] + [
        letter for letter in right[1:] if letter != left[first]
    ]
    product = ops.einsum(f"{''.join(left)},{''.join(right)}->z{''.join(kept)}", x, y)
    return product if kept else ops.expand_dims(product, 1)


def _stacked_products(x: Tensor, y: Tensor, first: int, second: int) -> Tensor:
    """`batch_dot` before Keras 2.3: all axes before the last two are of the batch, an axis too few is one of size 1."""
    rank, missing = max(len(x.shape), len(y.shape)), len(x.shape) - len(y.shape)
    for _ in range(abs(missing)):
        x, y = (x, ops.expand_dims(y, -1)) if missing > 0 else (ops.expand_dims(x, -1), y)
    left = x if first % rank == rank - 1 else ops.swapaxes(x, -1, -2)
    right = ops.swapaxes(y, -1, -2) if second % rank == rank - 1 else y
    product = ops.matmul(left, right)
    return product if not missing else ops.squeeze(product, -1 if missing > 0 else -2)


def bias_add(x: Tensor, bias: Tensor, data_format: str | None = None) -> Tensor:
    first = (data_format or image_data_format()) == "channels_first" and len(x.shape) > 2
    return x + (ops.reshape(bias, (-1, *(1,) * (len(x.shape) - 2))) if first else bias)


def conv1d(
    x: Tensor,
    kernel: Tensor,
    strides: PerAxis = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: PerAxis = 1,
) -> Tensor:
    return ops.conv(x, kernel, strides, padding, data_format, dilation_rate)


conv2d = conv1d
conv3d = conv1d


def pool2d(
    x: Tensor,
    pool_size: PerAxis,
    strides: PerAxis = 1,
    padding: str = "valid",
    data_format: str | None = None,
    pool_mode: str = "max",
) -> Tensor:
    pool = ops.max_pool if pool_mode == "max" else ops.average_pool
    return pool(x, pool_size, strides, padding, data_format)


pool3d = pool2d


def resize_images(
    x: Tensor, height_factor: int, width_factor: int, data_format: str, interpolation: str = "nearest"
) -> Tensor:
    rows, columns = (2, 3) if data_format == "channels_first" else (1, 2)
    size = (x.shape[rows] * height_factor, x.shape[columns] * width_factor)
    return ops.image.resize(x, size, interpolation, data_format=data_format)


def spatial_2d_padding(
    x: Tensor, padding: Sequence[tuple[int, int]] = ((1, 1), (1, 1)), data_format: str | None = None
) -> Tensor:
    first = (data_format or image_data_format()) == "channels_first"
    ends = [(0, 0), (0, 0), *padding] if first else [(0, 0), *padding, (0, 0)]
    return ops.pad(x, ends)


def temporal_padding(x: Tensor, padding: tuple[int, int] = (1, 1)) -> Tensor:
    return ops.pad(x, [(0, 0), padding, (0, 0)])


def map_fn(fn: Callable[..., Any], elems: Tensors, name: str | None = None, dtype: DTypeLike | None = None) -> Tensors:
    return ops.map(fn, elems)


def in_top_k(predictions: Tensor, targets: ArrayLike, k: int) -> Tensor:
    return ops.in_top_k(targets, predictions, k)


def binary_crossentropy(target: Tensor, output: Tensor, from_logits: bool = False) -> Tensor:
    return ops.binary_crossentropy(target, output, from_logits)


def categorical_crossentropy(target: Tensor, output: Tensor, from_logits: bool = False, axis: int = -1) -> Tensor:
    return ops.categorical_crossentropy(target, output, from_logits, axis)


def sparse_categorical_crossentropy(
    target: Tensor, output: Tensor, from_logits: bool = False, axis: int = -1
) -> Tensor:
    target = ops.squeeze(target, -1) if len(target.shape) == len(output.shape) else target
    return ops.sparse_categorical_crossentropy(target, output, from_logits, axis)
