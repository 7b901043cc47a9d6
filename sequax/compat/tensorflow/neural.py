"""`tf.nn`: convolutions, pooling, normalisation, losses of logits, and activations."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, NoReturn, SupportsFloat, SupportsInt

import jax
import jax.numpy as jnp
import numpy as np

from ... import activations, ops, random
from ...core.tensor import is_tensor as is_symbolic
from ...core.types import ArrayLike
from .arithmetic import add_n
from .arrays import axes as axes_of, sizes
from .member import Member
from .randoms import stream
from .serving import Table, one_node
from .values import AnyTensor, Operand, Several, Sizes, tensor

MEMBERS = Table()

# --- activations ----------------------------------------------------------------------------------------------------

_ACTIVATIONS = {
    **{name: ("nn",) for name in ("relu", "relu6", "elu", "selu", "gelu", "silu", "swish")},
    **{name: ("", "math", "nn") for name in ("sigmoid", "tanh")},
    **{name: ("math", "nn") for name in ("softplus", "softsign", "softmax", "log_softmax")},
    "log_sigmoid": ("math",),
}


def _activation(name: str) -> Callable[..., Any]:
    """An activation on anything that makes a tensor; as an argument of a layer it is the activation itself."""
    function = getattr(activations, name)

    def call(features: ArrayLike, *args: Any, **kwargs: Any) -> jax.Array:
        if is_symbolic(features):
            exact = {"approximate": False} if name == "gelu" and not args else {}  # the op's default is another one
            return getattr(ops, name)(features, *args, **{**exact, **kwargs})
        return function(tensor(features), *args, **kwargs)

    @functools.wraps(function)
    def activation(*args: Any, **kwargs: Any) -> jax.Array:
        if not kwargs:
            return call(*args)
        kwargs = {_KEYWORDS.get(key, key): value for key, value in kwargs.items() if key != "name"}
        return call(*args, **kwargs)

    activation.stands_for = function  # type: ignore[attr-defined]
    return activation


_KEYWORDS = {"logits": "features", "x": "features", "dim": "axis", "alpha": "negative_slope"}
for _name, _places in _ACTIVATIONS.items():
    _function = _activation(_name)
    MEMBERS |= {f"{place}.{_name}".strip("."): Member(_function) for place in _places}
MEMBERS["nn.leaky_relu"] = Member(_activation("leaky_relu"))


@MEMBERS.serve("nn.crelu")
def crelu(features: ArrayLike, axis: int = -1) -> jax.Array:
    features = tensor(features)
    return ops.relu(ops.concatenate([features, ops.negative(features)], axis=axis))


# --- convolutions ---------------------------------------------------------------------------------------------------


def _per_axis(value: Sizes | None, rank: int, data_format: str | None, default: int = 1) -> tuple[int, ...]:
    """Strides, rates or window sizes of the axes in space; TensorFlow gives them for batch and channels, too."""
    if value is None:
        return (default,) * rank
    several = sizes(value)
    if len(several) == 1:
        return several * rank
    if len(several) == rank + 2:
        return several[2:] if _first(data_format) else several[1:-1]
    if len(several) != rank:
        raise ValueError(f"tensorflow.nn: expected 1, {rank} or {rank + 2} numbers for {rank} axes. Received: {value}")
    return several


def _first(data_format: str | None) -> bool:
    return bool(data_format) and str(data_format).upper().startswith("NC") and str(data_format).upper() != "NC"


def _order(data_format: str | None) -> str:
    return "channels_first" if _first(data_format) else "channels_last"


def _padded(x: jax.Array, padding: str | Several) -> tuple[Any, str]:
    """The input and the name of its padding; zeros that were written out are added here."""
    if isinstance(padding, str):
        return x, padding.lower()
    return ops.pad(x, np.asarray(padding).tolist()), "valid"


def _convolution(
    rank: int,
    x: ArrayLike,
    filters: ArrayLike,
    strides: Sizes | None,
    padding: str | Several,
    data_format: str | None,
    dilations: Sizes | None,
) -> jax.Array:
    x, padding = _padded(tensor(x), padding)
    return ops.conv(
        x,
        tensor(filters),
        _per_axis(strides, rank, data_format),
        padding,
        _order(data_format),
        _per_axis(dilations, rank, data_format),
    )


@MEMBERS.serve("nn.conv1d")
def conv1d(
    input: ArrayLike,
    filters: ArrayLike,
    stride: Sizes = 1,
    padding: str | Several = "VALID",
    data_format: str = "NWC",
    dilations: Sizes | None = None,
) -> jax.Array:
    return _convolution(1, input, filters, stride, padding, data_format, dilations)


def _serve_convolution(rank: int) -> None:
    def conv(
        input: ArrayLike,
        filters: ArrayLike,
        strides: Sizes = 1,
        padding: str | Several = "VALID",
        data_format: str | None = None,
        dilations: Sizes | None = None,
    ) -> jax.Array:
        return _convolution(rank, input, filters, strides, padding, data_format, dilations)

    conv.__name__ = f"conv{rank}d"
    MEMBERS.serve(f"nn.conv{rank}d")(conv)


for _rank in (2, 3):
    _serve_convolution(_rank)


@MEMBERS.serve("nn.convolution")
def convolution(
    input: AnyTensor,
    filters: ArrayLike,
    strides: Sizes | None = None,
    padding: str | Several = "VALID",
    data_format: str | None = None,
    dilations: Sizes | None = None,
) -> jax.Array:
    return _convolution(len(input.shape) - 2, input, filters, strides, padding, data_format, dilations)


@MEMBERS.serve("nn.atrous_conv2d")
def atrous_conv2d(value: ArrayLike, filters: ArrayLike, rate: int, padding: str | Several = "VALID") -> jax.Array:
    return _convolution(2, value, filters, 1, padding, "NHWC", rate)


@MEMBERS.serve("nn.depthwise_conv2d", "nn.depthwise_conv2d_native")
def depthwise_conv2d(
    input: ArrayLike,
    filter: ArrayLike,
    strides: Sizes = 1,
    padding: str | Several = "VALID",
    data_format: str = "NHWC",
    dilations: Sizes | None = None,
) -> jax.Array:
    x, padding = _padded(tensor(input), padding)
    strides, rates = _per_axis(strides, 2, data_format), _per_axis(dilations, 2, data_format)
    return ops.depthwise_conv(x, tensor(filter), strides, padding, _order(data_format), rates)


@MEMBERS.serve("nn.separable_conv2d")
def separable_conv2d(
    input: ArrayLike,
    depthwise_filter: ArrayLike,
    pointwise_filter: ArrayLike,
    strides: Sizes = 1,
    padding: str | Several = "VALID",
    data_format: str = "NHWC",
    dilations: Sizes | None = None,
) -> jax.Array:
    x = depthwise_conv2d(input, depthwise_filter, strides, padding, data_format, dilations)
    return _convolution(2, x, pointwise_filter, 1, "VALID", data_format, None)


def _serve_transposed(rank: int) -> None:
    """What the gradient of a convolution is to its input: the convolution, turned around."""

    def conv(
        input: ArrayLike,
        filters: ArrayLike,
        output_shape: Several,
        strides: Sizes,
        padding: str = "SAME",
        data_format: str | None = None,
        dilations: Sizes | None = None,
    ) -> jax.Array:
        x, filters = tensor(input), tensor(filters)
        space = "DHW"[-rank:]
        outer = f"NC{space}" if _first(data_format) else f"N{space}C"
        inside = _per_axis(tuple(1 if one is None else one for one in output_shape), rank, data_format)
        sizes_of = dict(zip(f"NC{space}", (x.shape[0], filters.shape[-2], *inside), strict=True))

        def forward(y: jax.Array) -> jax.Array:
            return jax.lax.conv_general_dilated(
                y,
                filters,
                _per_axis(strides, rank, data_format),
                padding.upper(),
                rhs_dilation=_per_axis(dilations, rank, data_format),
                dimension_numbers=(outer, f"{space}IO", outer),
            )

        shape = tuple(sizes_of[letter] for letter in outer)
        return jax.linear_transpose(forward, jax.ShapeDtypeStruct(shape, x.dtype))(x)[0]

    conv.__name__ = f"conv{rank}d_transpose"
    MEMBERS.serve(f"nn.conv{rank}d_transpose", node=True)(conv)


for _rank in (1, 2, 3):
    _serve_transposed(_rank)


# --- pooling --------------------------------------------------------------------------------------------------------


def _pooling(kind: str, rank: int | None, names: Sequence[str]) -> None:
    pool_op = "max_pool" if kind == "max" else "average_pool"

    @MEMBERS.serve(*names)
    def pool(
        input: ArrayLike,
        ksize: Sizes,
        strides: Sizes | None = None,
        padding: str | Several = "VALID",
        data_format: str | None = None,
    ) -> jax.Array:
        x, padding = tensor(input), padding if isinstance(padding, str) else _explicit(padding)
        inner = len(x.shape) - 2 if rank is None else rank
        window = _per_axis(ksize, inner, data_format)
        steps = _per_axis(ksize if strides is None else strides, inner, data_format)
        if isinstance(ksize, (tuple, list)) and len(ksize) == inner + 2:
            x = _over_channels(kind, x, ksize, ksize if strides is None else strides, data_format)
        return getattr(ops, pool_op)(x, window, steps, padding.lower(), _order(data_format))


def _over_channels(kind: str, x: jax.Array, ksize: Any, strides: Any, data_format: str | None) -> jax.Array:
    """The largest of so many neighbouring channels each, where a window goes over channels as well."""
    if all(window[place] == 1 for window in (ksize, strides) for place in (0, 1 if _first(data_format) else -1)):
        return x
    size, channels = ksize[-1], x.shape[-1]
    if (
        kind != "max"
        or _first(data_format)
        or ksize[0] != 1
        or list(strides)[:: len(strides) - 1] != [1, size]
        or channels % size
    ):
        raise NotImplementedError(
            f"tensorflow.nn.{kind}_pool: over channels, expected a window of `max_pool` that divides their number, is 1"
            f" over rows, and has the same stride. Received: ksize={ksize}, strides={strides} and {channels} channels"
        )
    return ops.max(ops.reshape(x, (-1, *x.shape[1:-1], channels // size, size)), axis=-1)


def _explicit(padding: object) -> str:
    raise NotImplementedError(f"tensorflow.nn.*_pool: `padding` must be 'SAME' or 'VALID'. Received: {padding}")


_pooling("max", None, ("nn.max_pool", "nn.max_pool_v2"))
_pooling("avg", None, ("nn.avg_pool", "nn.avg_pool_v2"))
for _rank in (1, 2, 3):
    _pooling("max", _rank, (f"nn.max_pool{_rank}d",))
    _pooling("avg", _rank, (f"nn.avg_pool{_rank}d",))


# --- normalisation --------------------------------------------------------------------------------------------------


@MEMBERS.serve("nn.bias_add")
def bias_add(value: ArrayLike, bias: ArrayLike, data_format: str | None = None) -> jax.Array:
    value, bias = tensor(value), tensor(bias)
    if _first(data_format) and len(value.shape) > 2:
        bias = ops.reshape(bias, (-1, *(1,) * (len(value.shape) - 2)))
    return ops.add(value, bias)


@MEMBERS.serve("nn.xw_plus_b")
def xw_plus_b(x: ArrayLike, weights: ArrayLike, biases: ArrayLike) -> jax.Array:
    return ops.add(ops.matmul(tensor(x), tensor(weights)), tensor(biases))


@MEMBERS.serve("nn.relu_layer")
def relu_layer(x: ArrayLike, weights: ArrayLike, biases: ArrayLike) -> jax.Array:
    return ops.relu(xw_plus_b(x, weights, biases))


@MEMBERS.serve("nn.dropout")
def dropout(
    x: ArrayLike,
    rate: Any = None,
    noise_shape: Sequence[SupportsInt | None] | None = None,
    seed: ArrayLike | None = None,
    keep_prob: Any = None,
) -> jax.Array:
    x = tensor(x)
    rate = 1 - keep_prob if rate is None else rate
    if is_symbolic(x):
        raise TypeError("tensorflow.nn.dropout: use a Dropout layer on symbolic tensors, it knows when it is training.")
    if isinstance(rate, (int, float)) and rate == 0:
        return x
    noise = None if noise_shape is None else tuple(None if one is None else int(one) for one in noise_shape)
    return random.dropout(x, rate, noise, stream(seed))


@MEMBERS.serve("nn.moments")
def moments(x: ArrayLike, axes: Sizes, shift: object = None, keepdims: bool = False) -> tuple[jax.Array, jax.Array]:
    return ops.moments(tensor(x), axes_of(axes), bool(keepdims))


@MEMBERS.serve("nn.batch_normalization")
def batch_normalization(
    x: ArrayLike,
    mean: ArrayLike,
    variance: ArrayLike,
    offset: ArrayLike | None,
    scale: ArrayLike | None,
    variance_epsilon: Operand,
) -> jax.Array:
    inverse = ops.rsqrt(ops.add(tensor(variance), variance_epsilon))
    inverse = inverse if scale is None else ops.multiply(inverse, tensor(scale))
    shifted = ops.multiply(ops.subtract(tensor(x), tensor(mean)), inverse)
    return shifted if offset is None else ops.add(shifted, tensor(offset))


@MEMBERS.serve("nn.local_response_normalization", "nn.lrn", node=True)
def local_response_normalization(
    input: ArrayLike, depth_radius: int = 5, bias: float = 1.0, alpha: float = 1.0, beta: float = 0.5
) -> jax.Array:
    x = tensor(input)
    window = (1,) * (x.ndim - 1) + (2 * depth_radius + 1,)
    total = jax.lax.reduce_window(x * x, 0.0, jax.lax.add, window, (1,) * x.ndim, "SAME")
    return x / (bias + alpha * total) ** beta


@MEMBERS.serve("nn.l2_loss")
def l2_loss(t: ArrayLike) -> jax.Array:
    return ops.sum(ops.square(tensor(t))) / 2


@MEMBERS.serve("nn.embedding_lookup")
def embedding_lookup(
    params: ArrayLike, ids: ArrayLike, partition_strategy: object = None, max_norm: Operand | None = None
) -> jax.Array:
    if isinstance(params, (list, tuple)):
        if len(params) > 1:
            raise NotImplementedError("tensorflow.nn.embedding_lookup: parted tables are not served; pass one array.")
        params = params[0]
    found = ops.take(tensor(params), tensor(ids), axis=0)
    if max_norm is None:
        return found
    length = ops.sqrt(ops.sum(ops.square(found), axis=-1, keepdims=True))
    return found * ops.minimum(1.0, max_norm / ops.maximum(length, 1e-12))


# --- losses ---------------------------------------------------------------------------------------------------------


@MEMBERS.serve("nn.softmax_cross_entropy_with_logits", "nn.softmax_cross_entropy_with_logits_v2")
def softmax_cross_entropy_with_logits(labels: ArrayLike, logits: ArrayLike, axis: int = -1) -> jax.Array:
    logits = tensor(logits)
    labels = ops.cast(tensor(labels), np.dtype(logits.dtype).name)
    return ops.negative(ops.sum(ops.multiply(labels, ops.log_softmax(logits, axis=axis)), axis=axis))


@MEMBERS.serve("nn.sparse_softmax_cross_entropy_with_logits")
def sparse_softmax_cross_entropy_with_logits(labels: ArrayLike, logits: ArrayLike) -> jax.Array:
    return _sparse(tensor(labels), tensor(logits))


def _sparse_loss(labels: jax.Array, logits: jax.Array) -> jax.Array:
    logs = jax.nn.log_softmax(logits, axis=-1)
    places = labels.astype(jnp.int32)[..., None]
    found = -jnp.take_along_axis(logs, jnp.clip(places, 0, logits.shape[-1] - 1), axis=-1)[..., 0]
    inside = (places[..., 0] >= 0) & (places[..., 0] < logits.shape[-1])
    return jnp.where(inside, found, jnp.nan)


_sparse = one_node(_sparse_loss)


@MEMBERS.serve("nn.sigmoid_cross_entropy_with_logits")
def sigmoid_cross_entropy_with_logits(labels: ArrayLike, logits: ArrayLike) -> jax.Array:
    labels, logits = tensor(labels), tensor(logits)
    kept = ops.subtract(ops.relu(logits), ops.multiply(logits, labels))
    return ops.add(kept, ops.log1p(ops.exp(ops.negative(ops.abs(logits)))))


@MEMBERS.serve("nn.weighted_cross_entropy_with_logits")
def weighted_cross_entropy_with_logits(labels: ArrayLike, logits: ArrayLike, pos_weight: Operand) -> jax.Array:
    labels, logits = tensor(labels), tensor(logits)
    weight = 1 + (pos_weight - 1) * labels
    smooth = ops.add(ops.log1p(ops.exp(ops.negative(ops.abs(logits)))), ops.relu(ops.negative(logits)))
    return ops.add(ops.multiply(1 - labels, logits), ops.multiply(weight, smooth))


@MEMBERS.serve("nn.log_poisson_loss")
def log_poisson_loss(targets: ArrayLike, log_input: ArrayLike, compute_full_loss: bool = False) -> jax.Array:
    targets, log_input = tensor(targets), tensor(log_input)
    found = ops.exp(log_input) - log_input * targets
    if not compute_full_loss:
        return found
    stirling = targets * ops.log(targets) - targets + 0.5 * ops.log(2 * np.float32(np.pi) * targets)
    small = ops.logical_and(targets >= 0, targets <= 1)
    return found + ops.where(small, ops.zeros_like(targets), stirling)


@MEMBERS.serve("nn.compute_average_loss")
def compute_average_loss(
    per_example_loss: ArrayLike, sample_weight: ArrayLike | None = None, global_batch_size: SupportsFloat | None = None
) -> jax.Array:
    loss = tensor(per_example_loss)
    loss = loss if sample_weight is None else ops.multiply(loss, tensor(sample_weight))
    count = loss.shape[0] if global_batch_size is None else global_batch_size
    return ops.sum(loss) / float(count)


@MEMBERS.serve("nn.scale_regularization_loss")
def scale_regularization_loss(regularization_loss: ArrayLike) -> jax.Array:
    """One device counts the penalty once."""
    if isinstance(regularization_loss, (list, tuple)):
        return add_n([ops.sum(tensor(one)) for one in regularization_loss]) if regularization_loss else tensor(0.0)
    return ops.sum(tensor(regularization_loss))


@MEMBERS.serve("nn.ctc_loss", node=True)
def ctc_loss(
    labels: ArrayLike,
    logits: ArrayLike,
    label_length: ArrayLike,
    logit_length: ArrayLike,
    logits_time_major: bool = True,
    unique: object = None,
    blank_index: SupportsInt | None = None,
) -> jax.Array:
    logits = tensor(logits)
    logits = jnp.swapaxes(logits, 0, 1) if logits_time_major else logits
    blank = 0 if blank_index is None else int(blank_index) % logits.shape[-1]
    return ops.ctc_loss(tensor(labels), logits, tensor(label_length), tensor(logit_length), mask_index=blank)


def _reduced(loss: jax.Array, weights: ArrayLike) -> jax.Array:
    """The mean over the losses whose weight is not zero, as `tf.losses` of TensorFlow 1 has it."""
    weights = jnp.broadcast_to(tensor(weights).astype(loss.dtype), loss.shape)
    return jnp.sum(loss * weights) / jnp.maximum(jnp.sum(weights != 0), 1)


@MEMBERS.serve("losses.sparse_softmax_cross_entropy")
def old_sparse_softmax_cross_entropy(
    labels: ArrayLike, logits: ArrayLike, weights: ArrayLike = 1.0, scope: object = None
) -> jax.Array:
    return _reduced(sparse_softmax_cross_entropy_with_logits(labels, logits), weights)


@MEMBERS.serve("losses.softmax_cross_entropy")
def old_softmax_cross_entropy(
    onehot_labels: ArrayLike,
    logits: ArrayLike,
    weights: ArrayLike = 1.0,
    label_smoothing: float = 0,
    scope: object = None,
) -> jax.Array:
    labels = tensor(onehot_labels)
    labels = labels * (1 - label_smoothing) + label_smoothing / labels.shape[-1] if label_smoothing else labels
    return _reduced(softmax_cross_entropy_with_logits(labels, logits), weights)


@MEMBERS.serve("losses.sigmoid_cross_entropy")
def old_sigmoid_cross_entropy(
    multi_class_labels: ArrayLike, logits: ArrayLike, weights: ArrayLike = 1.0, scope: object = None
) -> jax.Array:
    return _reduced(sigmoid_cross_entropy_with_logits(multi_class_labels, logits), weights)


@MEMBERS.serve("losses.absolute_difference")
def absolute_difference(
    labels: ArrayLike, predictions: ArrayLike, weights: ArrayLike = 1.0, scope: object = None
) -> jax.Array:
    return _reduced(ops.abs(tensor(predictions) - tensor(labels)), weights)


@MEMBERS.serve("losses.get_regularization_loss", "losses.get_total_loss")
def get_regularization_loss(scope: object = None, name: str = "total_regularization_loss") -> NoReturn:
    raise RuntimeError(
        "tensorflow.losses.get_regularization_loss collects losses of a graph (TensorFlow 1), which Sequax does not"
        " have. The penalties of a model are `model.losses`."
    )
