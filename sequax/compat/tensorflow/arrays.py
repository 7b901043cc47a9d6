"""Making tensors, and changing their dtype, shape and order: the names at the root of `tensorflow`."""

from __future__ import annotations

import builtins
from collections.abc import Iterable, Sequence
from typing import Any, Self, SupportsInt, cast

import jax
import jax.numpy as jnp
import numpy as np

from ... import ops
from ...core import dtypes
from ...core.tensor import KerasTensor, is_tensor as is_symbolic
from ...core.types import ArrayLike, DTypeLike
from ...core.variable import Variable
from .member import Member
from .serving import Table
from .values import (
    AnyTensor,
    HostTensor,
    Operand,
    Several,
    Sizes,
    StringTensor,
    TensorShape,
    as_dtype,
    is_string,
    tensor,
)

MEMBERS = Table({"newaxis": Member(None)})


def sizes(shape: Sizes, unknown: int | None = None) -> tuple[int, ...]:
    """A shape argument as plain whole numbers; `unknown` stands for None, if given.

    Raises:
        ValueError: for sizes that are not known.
    """
    if isinstance(shape, (int, np.integer)):
        return (int(shape),)
    if isinstance(shape, (jax.Array, np.ndarray, Variable)):
        shape = np.asarray(shape).reshape(-1) if not isinstance(shape, Variable) else shape.numpy().reshape(-1)
    return tuple(_size(one, unknown) for one in shape)


def _size(size: SupportsInt | None, unknown: int | None) -> int:
    if size is None:
        if unknown is None:
            raise ValueError(
                "A size of a shape is unknown (None): on symbolic tensors, `tf.shape(x)` has no numbers. Put the code"
                " into the `call` of a Layer, or into a Lambda layer, where all sizes are known."
            )
        return unknown
    return int(size)


@MEMBERS.serve("constant", "convert_to_tensor", "convert_to_tensor_v2")
def convert_to_tensor(
    value: ArrayLike,
    dtype: DTypeLike | list[int] | tuple[int, ...] | None = None,
    shape: Sizes | None = None,
    dtype_hint: object = None,
) -> AnyTensor:
    if isinstance(dtype, (list, tuple)):  # tf.constant(value, shape) of old code
        dtype, shape = None, dtype
    found = tensor(value, dtype)
    if shape is None:
        return found
    wanted = sizes(shape)
    return found.reshape(wanted) if found.size == int(np.prod(wanted)) else jnp.broadcast_to(found, wanted)


@MEMBERS.serve("cast", also="dtypes", sizes=True)
def cast_(x: ArrayLike, dtype: DTypeLike) -> AnyTensor:
    dtype = as_dtype(dtype)
    if is_symbolic(x):
        return ops.cast(x, str(dtype))
    if isinstance(x, HostTensor):  # pictures of many sizes stay with NumPy, which needs no program for each
        return x.astype(dtypes.jnp_dtype(str(dtype)))
    x = tensor(x)
    if isinstance(x, StringTensor):
        if dtype == "string":
            return x
        raise TypeError(f"tensorflow.cast: strings are not numbers. Write tf.strings.to_number(x, tf.{dtype!s}).")
    return x.astype(dtypes.jnp_dtype(str(dtype)))


@MEMBERS.serve("saturate_cast", also="dtypes")
def saturate_cast(value: ArrayLike, dtype: DTypeLike) -> jax.Array:
    return ops.saturate_cast(tensor(value), str(as_dtype(dtype)))


def _caster(name: str) -> None:
    @MEMBERS.serve(f"to_{name}")
    def to(x: ArrayLike) -> AnyTensor:
        return cast_(x, {"float": "float32", "double": "float64"}.get(name, name))


for _name in ("float", "double", "int32", "int64", "bfloat16"):
    _caster(_name)


@MEMBERS.serve("shape")
def shape(input: ArrayLike, out_type: object = None) -> TensorShape | HostTensor:
    if is_symbolic(input):
        return TensorShape(tuple(input.shape))
    return HostTensor(np.asarray(tensor(input).shape, np.int32))


@MEMBERS.serve("shape_n")
def shape_n(input: Iterable[ArrayLike], out_type: object = None) -> list[TensorShape | HostTensor]:
    return [shape(one) for one in input]


@MEMBERS.serve("size")
def size(input: ArrayLike, out_type: object = None) -> HostTensor | int | None:
    if is_symbolic(input):
        return TensorShape(tuple(input.shape)).num_elements()
    return HostTensor(np.asarray(np.prod(tensor(input).shape, dtype=np.int64), np.int32))


@MEMBERS.serve("rank")
def rank(input: ArrayLike) -> HostTensor:
    return HostTensor(np.asarray(len((input if is_symbolic(input) else tensor(input)).shape), np.int32))


@MEMBERS.serve("identity", "guarantee_const")
def identity(input: ArrayLike) -> AnyTensor:
    return tensor(input)


@MEMBERS.serve("stop_gradient")
def stop_gradient(input: ArrayLike) -> jax.Array:
    return ops.stop_gradient(tensor(input))


@MEMBERS.serve("zeros")
def zeros(shape: Sizes, dtype: DTypeLike = "float32") -> AnyTensor:
    return fill(shape, np.zeros((), object if dtype == "string" else None), dtype)


@MEMBERS.serve("ones")
def ones(shape: Sizes, dtype: DTypeLike = "float32") -> AnyTensor:
    return fill(shape, 1, dtype)


@MEMBERS.serve("fill")
def fill(dims: Sizes, value: ArrayLike, dtype: DTypeLike | None = None) -> AnyTensor:
    dims = sizes(dims)
    if is_string(value) or dtype == "string":
        text = b"" if dtype == "string" else value
        return StringTensor(np.full(dims, StringTensor(text).item(), object))
    value = tensor(value)
    return jnp.full(dims, value, value.dtype if dtype is None else dtypes.jnp_dtype(str(as_dtype(dtype))))


@MEMBERS.serve("zeros_like")
def zeros_like(input: ArrayLike, dtype: DTypeLike | None = None) -> jax.Array:
    return ops.zeros_like(tensor(input), dtype=None if dtype is None else str(as_dtype(dtype)))


@MEMBERS.serve("ones_like")
def ones_like(input: ArrayLike, dtype: DTypeLike | None = None) -> jax.Array:
    return ops.ones_like(tensor(input), dtype=None if dtype is None else str(as_dtype(dtype)))


@MEMBERS.serve("eye", also="linalg")
def eye(
    num_rows: int, num_columns: int | None = None, batch_shape: Sizes | None = None, dtype: DTypeLike = "float32"
) -> jax.Array:
    found = jnp.eye(
        int(num_rows), None if num_columns is None else int(num_columns), dtype=dtypes.jnp_dtype(str(dtype))
    )
    return found if batch_shape is None else jnp.broadcast_to(found, (*sizes(batch_shape), *found.shape))


@MEMBERS.serve("range", sizes=True)
def range(
    start: Operand, limit: Operand | None = None, delta: Operand = 1, dtype: DTypeLike | None = None
) -> jax.Array:
    if limit is None:
        start, limit = 0, start
    bounds: list[Any] = [np.asarray(one)[()] for one in (start, limit, delta)]
    if dtype is None:
        dtype = "float32" if builtins.any(np.asarray(one).dtype.kind == "f" for one in bounds) else "int32"
    return jnp.asarray(np.arange(*bounds), dtypes.jnp_dtype(str(as_dtype(dtype))))


@MEMBERS.serve("linspace", "lin_space")
def linspace(start: ArrayLike, stop: ArrayLike, num: SupportsInt, axis: int = 0) -> jax.Array:
    return ops.linspace(tensor(start), tensor(stop), int(num), axis=axis)


@MEMBERS.serve("reshape", "manip.reshape")
def reshape(tensor: ArrayLike, shape: Sizes) -> AnyTensor:
    tensor = _tensor(tensor)
    wanted = sizes(shape, unknown=-1)
    if isinstance(tensor, StringTensor):
        return tensor.reshape(wanted)
    if not is_symbolic(tensor) and tensor.size == 0 and -1 in wanted:  # 0 elements say nothing about the unknown size
        wanted = tuple(0 if one == -1 else one for one in wanted)
    return ops.reshape(tensor, wanted)


_tensor = tensor


@MEMBERS.serve("expand_dims", sizes=True)
def expand_dims(input: ArrayLike, axis: int = 0) -> AnyTensor:
    if isinstance(input, HostTensor):
        return HostTensor(np.expand_dims(input, int(axis)))
    input = tensor(input)
    if isinstance(input, StringTensor):
        return StringTensor(np.expand_dims(input, int(axis)))
    return ops.expand_dims(input, int(axis))


@MEMBERS.serve("squeeze", sizes=True)
def squeeze(input: ArrayLike, axis: Sizes | None = None) -> AnyTensor:
    axis = None if axis is None or np.size(axis) == 0 else axes(axis)
    if isinstance(input, HostTensor):
        return HostTensor(np.squeeze(input, axis))
    input = tensor(input)
    return np.squeeze(input, axis) if isinstance(input, StringTensor) else ops.squeeze(input, axis)


def axes(axis: Sizes | None) -> int | tuple[int, ...] | None:
    """An argument `axis`: None, a whole number, or several as a tuple."""
    if axis is None or isinstance(axis, int):
        return axis
    found = np.asarray(axis).tolist()
    return tuple(found) if isinstance(found, list) else found


@MEMBERS.serve("transpose")
def transpose(a: ArrayLike, perm: Sizes | None = None, conjugate: bool = False) -> AnyTensor:
    a = tensor(a)
    a = ops.conj(a) if conjugate else a
    perm = None if perm is None else sizes(perm)
    return np.transpose(a, perm) if isinstance(a, StringTensor) else ops.transpose(a, perm)


@MEMBERS.serve("concat", sizes=True)
def concat(values: Any, axis: Any = -1) -> AnyTensor:
    if isinstance(values, int):  # the order of arguments before TensorFlow 1.0
        values, axis = axis, values
    if is_symbolic(values) or not isinstance(values, (list, tuple)):
        values = [values] if is_symbolic(values) else list(values)
    if builtins.any(map(is_string, values)):
        return StringTensor(np.concatenate([StringTensor(one) for one in values], int(axis)))
    parts = [tensor(one) for one in values]
    return ops.concatenate(parts, axis=int(axis))


@MEMBERS.serve("stack", "pack", sizes=True)
def stack(values: Several, axis: int = 0) -> AnyTensor:
    if is_string(values) or (isinstance(values, list) and values and builtins.all(map(is_string, values))):
        return StringTensor(np.stack([StringTensor(one) for one in values], int(axis)))
    parts = list(values) if isinstance(values, (list, tuple)) else [tensor(one) for one in values]
    return ops.stack([tensor(one) for one in parts], axis=int(axis))


@MEMBERS.serve("parallel_stack", sizes=True)
def parallel_stack(values: Several) -> AnyTensor:
    return stack(values)


@MEMBERS.serve("unstack", "unpack", sizes=True)
def unstack(value: ArrayLike, num: int | None = None, axis: int = 0) -> list[AnyTensor]:
    value = tensor(value)
    if isinstance(value, StringTensor):
        return list(np.moveaxis(value, int(axis), 0))
    return list(ops.unstack(value, num, int(axis)))


@MEMBERS.serve("split", sizes=True)
def split(value: ArrayLike, num_or_size_splits: Any, axis: int = 0, num: int | None = None) -> list[AnyTensor]:
    value, axis = tensor(value), int(axis)
    if np.ndim(num_or_size_splits) == 0:
        parts = int(num_or_size_splits)
        if value.shape[axis] is not None and value.shape[axis] % parts:
            raise ValueError(
                f"tensorflow.split: an axis of size {value.shape[axis]} does not divide into {parts} equal"
                f" parts. Received: shape {tuple(value.shape)}, axis={axis}"
            )
        return list(ops.split(value, parts, axis=axis))
    lengths = list(sizes(num_or_size_splits))
    if -1 in lengths:
        lengths[lengths.index(-1)] = value.shape[axis] - sum(one for one in lengths if one != -1)
    return list(ops.split(value, np.cumsum(lengths[:-1]).tolist(), axis=axis))


@MEMBERS.serve("tile", "manip.tile", sizes=True)
def tile(input: ArrayLike, multiples: Sizes) -> AnyTensor:
    input = tensor(input)
    if isinstance(input, StringTensor):
        return StringTensor(np.tile(input, sizes(multiples)))
    return ops.tile(input, sizes(multiples))


@MEMBERS.serve("repeat")
def repeat(input: ArrayLike, repeats: ArrayLike, axis: int | None = None) -> AnyTensor:
    input = tensor(input)
    if isinstance(input, StringTensor):
        return StringTensor(np.repeat(input, np.asarray(repeats), axis))
    count = np.asarray(repeats)
    return ops.repeat(input, int(count) if count.ndim == 0 else count, axis)


@MEMBERS.serve("broadcast_to")
def broadcast_to(input: ArrayLike, shape: Sizes) -> jax.Array:
    return ops.broadcast_to(tensor(input), sizes(shape))


@MEMBERS.serve("broadcast_static_shape")
def broadcast_static_shape(shape_x: Iterable[int], shape_y: Iterable[int]) -> TensorShape:
    return TensorShape(np.broadcast_shapes(tuple(shape_x), tuple(shape_y)))


@MEMBERS.serve("broadcast_dynamic_shape")
def broadcast_dynamic_shape(shape_x: Sizes, shape_y: Sizes) -> HostTensor:
    return HostTensor(np.asarray(np.broadcast_shapes(sizes(shape_x), sizes(shape_y)), np.int32))


_PADDING = {"constant": "constant", "reflect": "reflect", "symmetric": "symmetric"}


@MEMBERS.serve("pad", also="nn")
def pad(tensor: ArrayLike, paddings: ArrayLike, mode: str = "CONSTANT", constant_values: Operand = 0) -> jax.Array:
    tensor = _tensor(tensor)
    widths = np.asarray(paddings).tolist()
    mode = _PADDING[mode.lower()]
    return ops.pad(tensor, widths, mode, **({"constant_values": constant_values} if mode == "constant" else {}))


@MEMBERS.serve("reverse", "reverse_v2", "manip.reverse", sizes=True)
def reverse(tensor: ArrayLike, axis: Sizes) -> jax.Array:
    return ops.flip(_tensor(tensor), axes(axis))


@MEMBERS.serve("roll", "manip.roll")
def roll(input: ArrayLike, shift: Sizes, axis: Sizes) -> jax.Array:
    return ops.roll(tensor(input), np.asarray(shift).tolist(), axes(axis))


@MEMBERS.serve("meshgrid")
def meshgrid(*args: ArrayLike, indexing: str = "xy", name: str | None = None) -> list[jax.Array]:
    return list(ops.meshgrid(*map(tensor, args), indexing=indexing))


@MEMBERS.serve("slice", sizes=True)
def slice(input_: ArrayLike, begin: Several, size: Sizes) -> AnyTensor:
    input_ = tensor(input_)
    if any_unknown(begin):
        return jax.lax.dynamic_slice(input_, begin, sizes(size))
    starts, lengths = sizes(begin), sizes(size, unknown=-1)
    return input_[
        tuple(
            builtins.slice(start, None if length == -1 else start + length)
            for start, length in zip(starts, lengths, strict=True)
        )
    ]


def any_unknown(value: object) -> bool:
    """Whether a number, or one among several, is only known at run time."""
    several = value if isinstance(value, (list, tuple)) else [value]
    return builtins.any(isinstance(one, (jax.core.Tracer, KerasTensor)) for one in several)


@MEMBERS.serve("strided_slice", sizes=True)
def strided_slice(
    input_: ArrayLike,
    begin: Sizes,
    end: Sizes,
    strides: Sizes | None = None,
    begin_mask: int = 0,
    end_mask: int = 0,
    ellipsis_mask: int = 0,
    new_axis_mask: int = 0,
    shrink_axis_mask: int = 0,
) -> AnyTensor:
    starts, ends = sizes(begin), sizes(end)
    steps = (1,) * len(starts) if strides is None else sizes(strides)
    key: list[Any] = []
    for i, (start, stop, step) in enumerate(zip(starts, ends, steps, strict=True)):
        bit = 1 << i
        if ellipsis_mask & bit:
            key.append(...)
        elif new_axis_mask & bit:
            key.append(None)
        elif shrink_axis_mask & bit:
            key.append(start)
        else:
            key.append(builtins.slice(None if begin_mask & bit else start, None if end_mask & bit else stop, step))
    return tensor(input_)[tuple(key)]


@MEMBERS.serve("ensure_shape")
def ensure_shape(x: ArrayLike, shape: Sizes | None) -> AnyTensor:
    x = tensor(x)
    if not TensorShape(tuple(x.shape)).is_compatible_with(shape):
        raise ValueError(
            f"tensorflow.ensure_shape: expected the shape {TensorShape(shape)!s}. Received: {tuple(x.shape)}"
        )
    return x


@MEMBERS.serve("one_hot")
def one_hot(
    indices: ArrayLike,
    depth: SupportsInt,
    on_value: ArrayLike | None = None,
    off_value: ArrayLike | None = None,
    axis: int | None = None,
    dtype: DTypeLike | None = None,
) -> jax.Array:
    indices = tensor(indices)
    if dtype is None:
        given = [one for one in (on_value, off_value) if one is not None]
        dtype = "float32" if not given else tensor(given[0]).dtype.name
    dtype = str(as_dtype(dtype))
    found = ops.one_hot(indices, int(depth), axis=-1 if axis is None else axis, dtype="bool")
    if on_value is None and off_value is None:
        return ops.cast(found, dtype)
    on, off = (default if one is None else one for one, default in ((on_value, 1), (off_value, 0)))
    return ops.where(found, ops.cast(tensor(on), dtype), ops.cast(tensor(off), dtype))


@MEMBERS.serve("sequence_mask", node=True)
def sequence_mask(lengths: ArrayLike, maxlen: SupportsInt | None = None, dtype: DTypeLike = "bool") -> jax.Array:
    lengths = tensor(lengths)
    maxlen = int(jnp.max(lengths)) if maxlen is None else int(maxlen)
    return ops.cast(jnp.arange(maxlen) < ops.expand_dims(lengths, -1), str(as_dtype(dtype)))


@MEMBERS.serve("unique")
def unique(x: ArrayLike, out_idx: object = None) -> _Unique:
    return _Unique(*_unique(x)[:2])


@MEMBERS.serve("unique_with_counts")
def unique_with_counts(x: ArrayLike, out_idx: object = None) -> _Counted:
    return _Counted(*_unique(x))


class _Unique(tuple):
    """`y, idx`."""

    def __new__(cls, *parts: AnyTensor) -> Self:
        return tuple.__new__(cls, parts)

    y = property(lambda self: self[0])
    idx = property(lambda self: self[1])


class _Counted(_Unique):
    """`y, idx, count`."""

    count = property(lambda self: self[2])


def _unique(x: ArrayLike) -> tuple[Any, Any, Any]:
    """Values in the order in which they are first met, where each element is among them, and their counts."""
    values = np.asarray(tensor(x)).view(np.ndarray)
    if values.dtype == object:
        values = np.array([bytes(one) for one in values], object)
    found, first, where, counts = np.unique(values, return_index=True, return_inverse=True, return_counts=True)
    order = np.argsort(first)
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    kept = found[order]
    return tensor(kept), jnp.asarray(place[where], jnp.int32), jnp.asarray(counts[order], jnp.int32)


@MEMBERS.serve("boolean_mask")
def boolean_mask(tensor: ArrayLike, mask: ArrayLike, axis: int | None = None) -> AnyTensor:
    tensor, mask = _tensor(tensor), np.asarray(mask)
    front = (builtins.slice(None),) * (int(axis) % len(tensor.shape) if axis is not None else 0)
    return tensor[(*front, mask)]


@MEMBERS.serve("where", "where_v2", "compat.v1.where")
def where(condition: ArrayLike, x: Any = None, y: Any = None) -> AnyTensor:
    condition = tensor(condition)
    if x is None and y is None:
        return jnp.stack(jnp.nonzero(condition), axis=-1)
    x, y = tensor(x), tensor(y)
    if isinstance(x, StringTensor):
        return StringTensor(np.where(np.asarray(condition), x, y))
    if condition.ndim == 1 and len(x.shape) > 1 and condition.shape[0] == x.shape[0] != x.shape[-1]:
        condition = ops.reshape(condition, (-1, *(1,) * (len(x.shape) - 1)))  # rows, as in TensorFlow 1
    return ops.where(condition, x, y)


@MEMBERS.serve("searchsorted", node=True)
def searchsorted(
    sorted_sequence: ArrayLike, values: ArrayLike, side: str = "left", out_type: object = None
) -> jax.Array:
    rows, values = tensor(sorted_sequence), tensor(values)
    if len(rows.shape) == 1:
        return jnp.searchsorted(rows, values, side=side).astype(jnp.int32)
    flat = [one.reshape(-1, one.shape[-1]) for one in (rows, values)]
    found = jax.vmap(lambda row, value: jnp.searchsorted(row, value, side=side))(*flat)
    return found.reshape(values.shape).astype(jnp.int32)


@MEMBERS.serve("sort")
def sort(values: ArrayLike, axis: int = -1, direction: str = "ASCENDING") -> jax.Array:
    found = ops.sort(tensor(values), axis=int(axis))
    return ops.flip(found, int(axis)) if direction == "DESCENDING" else found


@MEMBERS.serve("argsort")
def argsort(values: ArrayLike, axis: int = -1, direction: str = "ASCENDING", stable: bool = False) -> jax.Array:
    values = tensor(values)
    return ops.argsort(-values if direction == "DESCENDING" else values, axis=int(axis))


@MEMBERS.serve("bitcast", node=True)
def bitcast(input: ArrayLike, type: DTypeLike) -> jax.Array:
    return jax.lax.bitcast_convert_type(tensor(input), dtypes.jnp_dtype(str(as_dtype(type))))


@MEMBERS.serve("reverse_sequence", node=True)
def reverse_sequence(input: ArrayLike, seq_lengths: ArrayLike, seq_axis: int = 1, batch_axis: int = 0) -> jax.Array:
    x = jnp.moveaxis(tensor(input), (batch_axis, seq_axis), (0, 1))
    places, lengths = jnp.arange(x.shape[1])[None], tensor(seq_lengths)[:, None]
    order = jnp.where(places < lengths, lengths - 1 - places, places)
    found = jnp.take_along_axis(x, order.reshape(*order.shape, *(1,) * (x.ndim - 2)), axis=1)
    return jnp.moveaxis(found, (0, 1), (batch_axis, seq_axis))


@MEMBERS.serve("space_to_batch", node=True)
def space_to_batch(input: ArrayLike, block_shape: Sizes, paddings: ArrayLike) -> jax.Array:
    x, blocks = tensor(input), sizes(block_shape)
    x = jnp.pad(x, [(0, 0), *map(tuple, np.asarray(paddings).tolist()), *[(0, 0)] * (x.ndim - 1 - len(blocks))])
    cut = [part for size, block in zip(x.shape[1:], blocks, strict=False) for part in (size // block, block)]
    rest = x.shape[1 + len(blocks) :]
    x = x.reshape(x.shape[0], *cut, *rest)
    inner = [2 + 2 * i for i in builtins.range(len(blocks))]
    outer = [1 + 2 * i for i in builtins.range(len(blocks))]
    tail = builtins.range(1 + 2 * len(blocks), x.ndim)
    x = x.transpose(*inner, 0, *outer, *tail)
    return x.reshape(-1, *(cut[0::2]), *rest)


@MEMBERS.serve("space_to_depth", also="nn")
def space_to_depth(input: ArrayLike, block_size: int, data_format: str = "NHWC") -> jax.Array:
    return ops.space_to_depth(tensor(input), int(block_size), _format(data_format))


@MEMBERS.serve("depth_to_space", also="nn")
def depth_to_space(input: ArrayLike, block_size: int, data_format: str = "NHWC") -> jax.Array:
    return ops.depth_to_space(tensor(input), int(block_size), _format(data_format))


def _format(data_format: str | None) -> str:
    return "channels_first" if data_format and data_format.upper().startswith("NC") else "channels_last"


def sequence_of(value: Any) -> Sequence[Any]:
    """Several of something, one of it alone too."""
    return cast(Sequence[Any], value if isinstance(value, (list, tuple)) else [value])
