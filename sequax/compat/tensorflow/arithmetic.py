"""Arithmetic: what acts element by element, comparisons, sums and means over axes, running sums, segments."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, SupportsInt

import jax
import jax.numpy as jnp
import numpy as np

from ... import ops
from ...core import dtypes
from ...core.tensor import is_tensor as is_symbolic
from ...core.types import ArrayLike, DTypeLike
from .arrays import axes, cast_
from .serving import Table
from .values import AnyTensor, HostTensor, Operand, Several, Sizes, StringTensor, as_dtype, is_string, tensor

MEMBERS = Table()

# TensorFlow's name -> the op's. All are in `tensorflow.math`, those of the first two at the root, too.
_UNARY = {
    **{
        name: name
        for name in (
            *("abs", "ceil", "conj", "cos", "cosh", "exp", "expm1", "floor", "imag", "log", "log1p", "real", "rsqrt"),
            *("sign", "sin", "sinh", "sqrt", "square", "tan", "erf", "erfc", "reciprocal", "angle"),
        )
    },
    **{f"a{name}": f"arc{name}" for name in ("cos", "cosh", "sin", "sinh", "tan", "tanh")},
    **{f"is_{name}": f"is{name}" for name in ("finite", "inf", "nan")},
    "logical_not": "logical_not",
    "negative": "negative",
    "neg": "negative",
}
_MATH_UNARY = {"erfinv": "erfinv"}
_BINARY = {
    **{
        name: name
        for name in (
            *("add", "equal", "greater", "greater_equal", "less", "less_equal", "logical_and", "logical_or"),
            *("logical_xor", "maximum", "minimum", "multiply", "not_equal", "subtract"),
        )
    },
    "atan2": "arctan2",
    "floordiv": "floor_divide",
    "floor_div": "floor_divide",
    "floormod": "mod",
    "mod": "mod",
    "mul": "multiply",
    "sub": "subtract",
    "pow": "power",
    "truediv": "true_divide",
}


def unary(name: str, op: str) -> Callable[..., Any]:
    def call(x: ArrayLike) -> jax.Array:
        return getattr(ops, op)(x if is_symbolic(x) else tensor(x))

    call.__name__ = call.__qualname__ = name
    return call


def operands(x: ArrayLike, y: ArrayLike) -> tuple[Any, Any]:
    """Both as tensors; a Python number stays one, since the dtype of its partner decides what it becomes."""
    first, second = isinstance(x, (bool, int, float)), isinstance(y, (bool, int, float))
    if first and second:
        return tensor(x), tensor(y)
    return x if first else tensor(x), y if second else tensor(y)


def computed(op: str, x: ArrayLike, y: ArrayLike) -> AnyTensor:
    """An op of two tensors; NumPy's function of that name where NumPy holds them."""
    if isinstance(x, HostTensor) and isinstance(y, (int, float, HostTensor)):
        return getattr(np, op)(x, y)
    return getattr(ops, op)(*operands(x, y))


def binary(name: str, op: str) -> Callable[..., Any]:
    def call(x: ArrayLike, y: ArrayLike) -> AnyTensor:
        return computed(op, x, y)

    call.__name__ = call.__qualname__ = name
    return call


for _name, _op in {**_UNARY, **_MATH_UNARY}.items():
    if hasattr(ops, _op):
        MEMBERS.serve(*([_name] if _name in _UNARY else []), f"math.{_name}", sizes=True)(unary(_name, _op))
for _name, _op in _BINARY.items():
    if _name not in ("equal", "not_equal", "add"):
        MEMBERS.serve(_name, also="math", sizes=True)(binary(_name, _op))


@MEMBERS.serve("equal", also="math", sizes=True)
def equal(x: ArrayLike, y: ArrayLike) -> jax.Array:
    return StringTensor(x) == y if is_string(x) or is_string(y) else ops.equal(*operands(x, y))


@MEMBERS.serve("not_equal", also="math", sizes=True)
def not_equal(x: ArrayLike, y: ArrayLike) -> jax.Array:
    return StringTensor(x) != y if is_string(x) or is_string(y) else ops.not_equal(*operands(x, y))


@MEMBERS.serve("add", also="math", sizes=True)
def add(x: ArrayLike, y: ArrayLike) -> AnyTensor:
    return StringTensor(x) + y if is_string(x) or is_string(y) else computed("add", x, y)


@MEMBERS.serve("divide", "realdiv", also="math", sizes=True)
def divide(x: ArrayLike, y: ArrayLike) -> AnyTensor | float:
    if isinstance(x, (int, float)) and isinstance(y, (int, float)):
        return x / y
    return computed("divide", x, y)


@MEMBERS.serve("div", sizes=True)
def div(x: ArrayLike, y: ArrayLike) -> jax.Array:
    x, y = tensor(x), tensor(y)
    whole = not any(dtypes.is_float(np.dtype(one.dtype)) for one in (x, y))
    return ops.floor_divide(x, y) if whole else ops.divide(x, y)


@MEMBERS.serve("divide_no_nan", "math.divide_no_nan", "div_no_nan")
def divide_no_nan(x: ArrayLike, y: ArrayLike) -> jax.Array:
    return ops.divide_no_nan(*operands(x, y))


@MEMBERS.serve("math.multiply_no_nan")
def multiply_no_nan(x: ArrayLike, y: ArrayLike) -> jax.Array:
    x, y = tensor(x), tensor(y)
    return ops.where(ops.equal(y, 0), ops.zeros_like(x), ops.multiply(x, y))


@MEMBERS.serve("truncatediv", node=True)
def truncatediv(x: ArrayLike, y: ArrayLike) -> jax.Array:
    return jax.lax.div(*jnp.broadcast_arrays(tensor(x), tensor(y)))


@MEMBERS.serve("truncatemod", node=True)
def truncatemod(x: ArrayLike, y: ArrayLike) -> jax.Array:
    return jax.lax.rem(*jnp.broadcast_arrays(tensor(x), tensor(y)))


@MEMBERS.serve("math.xlogy", node=True)
def xlogy(x: ArrayLike, y: ArrayLike) -> jax.Array:
    return jax.scipy.special.xlogy(tensor(x), tensor(y))


@MEMBERS.serve("math.xlog1py", node=True)
def xlog1py(x: ArrayLike, y: ArrayLike) -> jax.Array:
    return jax.scipy.special.xlog1py(tensor(x), tensor(y))


@MEMBERS.serve("math.xdivy")
def xdivy(x: ArrayLike, y: ArrayLike) -> jax.Array:
    x = tensor(x)
    return ops.where(ops.equal(x, 0), ops.zeros_like(x), ops.divide(x, tensor(y)))


@MEMBERS.serve("squared_difference", also="math")
def squared_difference(x: ArrayLike, y: ArrayLike) -> jax.Array:
    return ops.square(ops.subtract(*operands(x, y)))


@MEMBERS.serve("math.lgamma", "lgamma", node=True)
def lgamma(x: ArrayLike) -> jax.Array:
    return jax.lax.lgamma(tensor(x))


@MEMBERS.serve("math.digamma", "digamma", node=True)
def digamma(x: ArrayLike) -> jax.Array:
    return jax.lax.digamma(tensor(x))


@MEMBERS.serve("math.ndtri", node=True)
def ndtri(x: ArrayLike) -> jax.Array:
    return jax.scipy.special.ndtri(tensor(x))


@MEMBERS.serve("math.bessel_i0", "math.special.bessel_i0")
def bessel_i0(x: ArrayLike) -> jax.Array:
    return ops.i0(tensor(x))


@MEMBERS.serve("round", also="math")
def round(x: ArrayLike) -> jax.Array:
    x = tensor(x)
    return ops.round(x) if dtypes.is_float(np.dtype(x.dtype)) else x


@MEMBERS.serve("math.rint")
def rint(x: ArrayLike) -> jax.Array:
    return ops.round(tensor(x))


@MEMBERS.serve("complex", "dtypes.complex", node=True)
def complex(real: ArrayLike, imag: ArrayLike) -> jax.Array:
    return jax.lax.complex(*jnp.broadcast_arrays(tensor(real), tensor(imag)))


@MEMBERS.serve("clip_by_value", sizes=True)
def clip_by_value(t: ArrayLike, clip_value_min: ArrayLike, clip_value_max: ArrayLike) -> jax.Array:
    return ops.minimum(ops.maximum(*operands(t, clip_value_min)), clip_value_max)


@MEMBERS.serve("clip_by_norm")
def clip_by_norm(t: ArrayLike, clip_norm: Operand, axes: Sizes | None = None) -> jax.Array:
    t = tensor(t)
    squares = ops.sum(ops.square(t), axis=_axes(axes), keepdims=True)
    # The root has no gradient at zero.
    length = ops.where(ops.greater(squares, 0), ops.sqrt(ops.where(ops.greater(squares, 0), squares, 1.0)), squares)
    return t * clip_norm / ops.maximum(length, clip_norm)


_axes = axes


@MEMBERS.serve("linalg.global_norm", "global_norm")
def global_norm(t_list: Sequence[ArrayLike | None]) -> jax.Array:
    return ops.sqrt(add_n([ops.sum(ops.square(tensor(one))) for one in t_list if one is not None]))


@MEMBERS.serve("clip_by_global_norm")
def clip_by_global_norm(
    t_list: Sequence[ArrayLike | None], clip_norm: Operand, use_norm: jax.Array | None = None
) -> tuple[list[jax.Array | None], jax.Array]:
    length = global_norm(t_list) if use_norm is None else use_norm
    scale = clip_norm * ops.minimum(1.0 / length, 1.0 / clip_norm)
    return [None if one is None else tensor(one) * scale for one in t_list], length


@MEMBERS.serve("add_n", "accumulate_n", also="math", sizes=True)
def add_n(inputs: ArrayLike) -> jax.Array:
    if not isinstance(inputs, (list, tuple)):
        inputs = [inputs]
    if not inputs:
        raise ValueError("tensorflow.add_n: expected at least one tensor. Received: []")
    total = tensor(inputs[0])
    for one in inputs[1:]:
        total = ops.add(total, tensor(one))
    return total


@MEMBERS.serve("math.polyval")
def polyval(coeffs: Iterable[Operand], x: ArrayLike) -> jax.Array:
    found, x = ops.zeros_like(tensor(x)), tensor(x)
    for one in coeffs:
        found = found * x + one
    return found


@MEMBERS.serve("histogram_fixed_width", node=True)
def histogram_fixed_width(
    values: ArrayLike, value_range: Several, nbins: int = 100, dtype: DTypeLike = "int32"
) -> jax.Array:
    low, high = (tensor(one) for one in value_range)
    places = histogram_bins(values, low, high, nbins)
    return jnp.zeros(nbins, dtypes.jnp_dtype(str(as_dtype(dtype)))).at[places.reshape(-1)].add(1)


@MEMBERS.serve("histogram_fixed_width_bins", node=True)
def histogram_fixed_width_bins(
    values: ArrayLike, value_range: Several, nbins: int = 100, dtype: DTypeLike = "int32"
) -> jax.Array:
    return histogram_bins(values, tensor(value_range[0]), tensor(value_range[1]), nbins)


def histogram_bins(values: ArrayLike, low: Operand, high: Operand, nbins: int) -> jax.Array:
    scaled = (tensor(values) - low) / (high - low) * nbins
    return jnp.clip(jnp.floor(scaled), 0, nbins - 1).astype(jnp.int32)


@MEMBERS.serve("math.bincount", "bincount", node=True)
def bincount(
    arr: ArrayLike,
    weights: ArrayLike | None = None,
    minlength: int | None = None,
    maxlength: int | None = None,
    dtype: DTypeLike = "int32",
    axis: int | None = None,
    binary_output: bool = False,
) -> jax.Array:
    arr = tensor(arr)
    if arr.size == 0 and minlength is None:
        return jnp.zeros(0, jnp.int32)
    length = _bins(arr, int(minlength or 0), maxlength)
    rows = arr.reshape(-1) if axis is None or arr.ndim == 1 else arr
    hot = ops.one_hot(rows, length, dtype="float32" if weights is not None else "int32")
    if weights is not None:
        hot = hot * ops.expand_dims(tensor(weights).reshape(rows.shape), -1)
    found = ops.max(hot, axis=-2) if binary_output else ops.sum(hot, axis=-2)
    return found if weights is not None else ops.cast(found, str(as_dtype(dtype)))


def _bins(arr: jax.Array, least: int, most: SupportsInt | None) -> int:
    if most is not None and least >= int(most):
        return int(most)
    length = max(int(jnp.max(arr)) + 1 if arr.size else 0, least)
    return length if most is None else min(length, int(most))


# --- over axes ------------------------------------------------------------------------------------------------------


def _reduction(op: str, whole: Callable[..., Any] | None = None) -> Callable[..., Any]:
    """The op over axes, in the dtype it was given; `whole` makes of whole numbers what their dtype can hold."""

    def call(input_tensor: ArrayLike, axis: Sizes | None = None, keepdims: bool = False) -> jax.Array:
        x = tensor(input_tensor)
        kind = np.dtype(x.dtype)
        axis = _axes(axis)
        if kind.kind not in "iu":
            return getattr(ops, op)(x, axis=axis, keepdims=bool(keepdims))
        compute = whole or getattr(ops, op)
        return ops.cast(compute(x, axis=axis, keepdims=bool(keepdims)), kind.name)

    call.__name__ = call.__qualname__ = f"reduce_{op}"
    return call


def _count(x: jax.Array, axis: int | tuple[int, ...] | None) -> int:
    sizes = x.shape if axis is None else [x.shape[one] for one in (axis if isinstance(axis, tuple) else (axis,))]
    return math.prod(sizes)


def _whole_mean(x: jax.Array, axis: int | tuple[int, ...] | None, keepdims: bool) -> jax.Array:
    """The sum in the dtype of the numbers, divided without a rest."""
    total = ops.cast(ops.sum(x, axis=axis, keepdims=keepdims), np.dtype(x.dtype).name)
    return ops.trunc(ops.divide(ops.cast(total, "float32"), _count(x, axis)))


for _name, _op in {"sum": "sum", "max": "max", "min": "min", "prod": "prod"}.items():
    MEMBERS.serve(f"reduce_{_name}", also="math", sizes=True)(_reduction(_op))
MEMBERS.serve("reduce_mean", also="math", sizes=True)(_reduction("mean", _whole_mean))


def _boolean(op: str) -> Callable[..., Any]:
    def call(input_tensor: ArrayLike, axis: Sizes | None = None, keepdims: bool = False) -> jax.Array:
        return getattr(ops, op)(tensor(input_tensor), axis=_axes(axis), keepdims=bool(keepdims))

    call.__name__ = call.__qualname__ = f"reduce_{op}"
    return call


for _name in ("all", "any"):
    MEMBERS.serve(f"reduce_{_name}", also="math", sizes=True)(_boolean(_name))
MEMBERS.serve("math.reduce_std")(_boolean("std"))
MEMBERS.serve("math.reduce_variance")(_boolean("var"))


@MEMBERS.serve("reduce_logsumexp", also="math")
def reduce_logsumexp(input_tensor: ArrayLike, axis: Sizes | None = None, keepdims: bool = False) -> jax.Array:
    return ops.logsumexp(tensor(input_tensor), axis=_axes(axis), keepdims=bool(keepdims))


@MEMBERS.serve("math.reduce_euclidean_norm")
def reduce_euclidean_norm(input_tensor: ArrayLike, axis: Sizes | None = None, keepdims: bool = False) -> jax.Array:
    return ops.sqrt(ops.sum(ops.square(tensor(input_tensor)), axis=_axes(axis), keepdims=bool(keepdims)))


@MEMBERS.serve("math.count_nonzero", "count_nonzero")
def count_nonzero(
    input: ArrayLike, axis: Sizes | None = None, keepdims: bool = False, dtype: DTypeLike = "int64"
) -> jax.Array:
    counted = ops.cast(ops.not_equal(tensor(input), 0), str(as_dtype(dtype)))
    return ops.sum(counted, axis=_axes(axis), keepdims=bool(keepdims))


@MEMBERS.serve("math.zero_fraction", "nn.zero_fraction")
def zero_fraction(value: ArrayLike) -> jax.Array:
    return ops.mean(ops.cast(ops.equal(tensor(value), 0), "float32"))


def _place(op: str) -> Callable[..., Any]:
    def call(input: ArrayLike, axis: SupportsInt | None = None, output_type: DTypeLike = "int64") -> jax.Array:
        x = tensor(input)
        found = getattr(ops, op)(x, axis=0 if axis is None else int(axis))
        return ops.cast(found, str(as_dtype(output_type)))

    call.__name__ = call.__qualname__ = op
    return call


MEMBERS.serve("argmax", "arg_max", also="math")(_place("argmax"))
MEMBERS.serve("argmin", "arg_min", also="math")(_place("argmin"))


def _running(op: str, start: int) -> Callable[..., Any]:
    def call(x: ArrayLike, axis: SupportsInt = 0, exclusive: bool = False, reverse: bool = False) -> jax.Array:
        x, axis = tensor(x), int(axis)
        kind = np.dtype(x.dtype).name
        x = ops.flip(x, axis) if reverse else x
        found = ops.cast(getattr(ops, op)(x, axis=axis), kind)
        if exclusive:
            cut = [slice(None)] * len(x.shape)
            widths = [(0, 0)] * len(x.shape)
            cut[axis], widths[axis] = slice(None, -1), (1, 0)
            found = ops.pad(found[tuple(cut)], widths, "constant", constant_values=start)
        return ops.flip(found, axis) if reverse else found

    call.__name__ = call.__qualname__ = op
    return call


MEMBERS.serve("cumsum", also="math", sizes=True)(_running("cumsum", 0))
MEMBERS.serve("cumprod", "math.cumprod", sizes=True)(_running("cumprod", 1))


@MEMBERS.serve("math.cumulative_logsumexp", node=True)
def cumulative_logsumexp(x: ArrayLike, axis: int = 0, exclusive: bool = False, reverse: bool = False) -> jax.Array:
    if exclusive:
        raise NotImplementedError("tensorflow.math.cumulative_logsumexp: `exclusive=True` is not served.")
    return jax.lax.cumlogsumexp(tensor(x), axis=axis % tensor(x).ndim, reverse=reverse)


@MEMBERS.serve("math.top_k", "nn.top_k")
def top_k(input: ArrayLike, k: SupportsInt = 1, sorted: bool = True, index_type: DTypeLike = "int32") -> TopK:
    values, indices = ops.top_k(tensor(input), int(k), sorted)
    return TopK(values, indices)


class TopK(tuple):
    """`values, indices`."""

    def __new__(cls, values: ArrayLike, indices: ArrayLike) -> TopK:
        return tuple.__new__(cls, (values, indices))

    values = property(lambda self: self[0])
    indices = property(lambda self: self[1])


@MEMBERS.serve("math.in_top_k", "nn.in_top_k")
def in_top_k(targets: ArrayLike, predictions: ArrayLike, k: int) -> jax.Array:
    return ops.in_top_k(tensor(targets), tensor(predictions), int(k))


@MEMBERS.serve("math.confusion_matrix", "confusion_matrix", node=True)
def confusion_matrix(
    labels: ArrayLike,
    predictions: ArrayLike,
    num_classes: SupportsInt | None = None,
    weights: ArrayLike | None = None,
    dtype: DTypeLike = "int32",
) -> jax.Array:
    labels, predictions = (cast_(tensor(one).reshape(-1), "int32") for one in (labels, predictions))
    if num_classes is None:
        num_classes = int(jnp.maximum(jnp.max(labels), jnp.max(predictions))) + 1
    weights = jnp.ones(labels.shape) if weights is None else tensor(weights).reshape(-1)
    kind = dtypes.jnp_dtype(str(as_dtype(dtype)))
    return jnp.zeros((int(num_classes),) * 2, kind).at[labels, predictions].add(weights.astype(kind))


@MEMBERS.serve("math.l2_normalize", "linalg.l2_normalize", "nn.l2_normalize")
def l2_normalize(x: ArrayLike, axis: Sizes | None = None, epsilon: float = 1e-12) -> jax.Array:
    x = tensor(x)
    squares = ops.sum(ops.square(x), axis=_axes(axis), keepdims=True)
    return ops.multiply(x, ops.rsqrt(ops.maximum(squares, epsilon)))


@MEMBERS.serve("math.nextafter")
def nextafter(x1: ArrayLike, x2: ArrayLike) -> jax.Array:
    return ops.nextafter(tensor(x1), tensor(x2))


@MEMBERS.serve("math.igamma", "igamma", node=True)
def igamma(a: ArrayLike, x: ArrayLike) -> jax.Array:
    return jax.scipy.special.gammainc(tensor(a), tensor(x))


@MEMBERS.serve("math.igammac", "igammac", node=True)
def igammac(a: ArrayLike, x: ArrayLike) -> jax.Array:
    return jax.scipy.special.gammaincc(tensor(a), tensor(x))


@MEMBERS.serve("math.lbeta", "lbeta", node=True)
def lbeta(x: ArrayLike) -> jax.Array:
    x = tensor(x)
    return jnp.sum(jax.lax.lgamma(x), -1) - jax.lax.lgamma(jnp.sum(x, -1))


@MEMBERS.serve("math.betainc", "betainc", node=True)
def betainc(a: ArrayLike, b: ArrayLike, x: ArrayLike) -> jax.Array:
    return jax.scipy.special.betainc(tensor(a), tensor(b), tensor(x))


# --- segments -------------------------------------------------------------------------------------------------------

_SEGMENTS = {"sum": jax.ops.segment_sum, "max": jax.ops.segment_max, "min": jax.ops.segment_min}
_SEGMENTS["prod"] = jax.ops.segment_prod


def _segment(kind: str, data: ArrayLike, ids: ArrayLike, num: int) -> jax.Array | tuple[jax.Array, jax.Array]:
    data, ids = tensor(data), tensor(ids)
    data = data.reshape(-1, *data.shape[ids.ndim :])
    ids = ids.reshape(-1)
    counts = jax.ops.segment_sum(jnp.ones(ids.shape, jnp.int32), ids, num)
    counts = counts.reshape(-1, *(1,) * (data.ndim - 1))
    if kind in ("mean", "sqrt_n"):
        total = jax.ops.segment_sum(data, ids, num)
        many = jnp.maximum(counts, 1).astype(total.dtype)
        return total / (jnp.sqrt(many) if kind == "sqrt_n" else many)
    return _SEGMENTS[kind](data, ids, num), counts


def _segments(kind: str) -> None:
    """`segment_*`, whose empty segments are 0 (1 for products), and `unsorted_segment_*`, with the dtype's limits."""

    def segment(data: ArrayLike, segment_ids: ArrayLike) -> jax.Array:
        ids = tensor(segment_ids)
        num = int(jnp.max(ids)) + 1 if not isinstance(ids, jax.core.Tracer) else _no_count()
        found = _segment(kind, data, ids, num)
        if not isinstance(found, tuple):
            return found
        return jnp.where(found[1] == 0, 1 if kind == "prod" else 0, found[0]).astype(found[0].dtype)

    def unsorted(data: ArrayLike, segment_ids: ArrayLike, num_segments: SupportsInt) -> jax.Array:
        found = _segment(kind, data, segment_ids, int(num_segments))
        if not isinstance(found, tuple):
            return found
        values = found[0]
        if kind in ("max", "min"):
            limits = jnp.finfo(values.dtype) if values.dtype.kind == "f" else jnp.iinfo(values.dtype)
            return jnp.where(found[1] == 0, limits.min if kind == "max" else limits.max, values)
        return values

    segment.__name__, unsorted.__name__ = f"segment_{kind}", f"unsorted_segment_{kind}"
    if kind != "sqrt_n":
        MEMBERS.serve(f"math.segment_{kind}", f"segment_{kind}", node=True)(segment)
    MEMBERS.serve(f"math.unsorted_segment_{kind}", f"unsorted_segment_{kind}", node=True)(unsorted)


def _no_count() -> int:
    raise TypeError(
        "tensorflow.math.segment_*: the number of segments depends on values, which are unknown while a function is"
        " compiled. Use tf.math.unsorted_segment_*(data, segment_ids, num_segments)."
    )


for _name in ("sum", "max", "min", "prod", "mean", "sqrt_n"):
    _segments(_name)
