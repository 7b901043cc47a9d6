"""Functions of TensorFlow that take ragged rows: value by value, row by row, and those that make rows."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...core.types import ArrayLike
from ...data.pipeline.tensors import leaf_of
from .member import Member
from .ragged import RaggedTensor
from .serving import Table
from .values import AnyTensor, HostTensor, Several

MEMBERS = Table()

_BY_VALUE = frozenset(
    (
        *(f"strings.{name}" for name in ("lower", "upper", "strip", "regex_replace", "regex_full_match", "length")),
        *(f"strings.{name}" for name in ("substr", "to_number", "as_string")),
        *(f"strings.to_hash_bucket{kind}" for kind in ("", "_fast", "_strong")),
        *("cast", "identity", "zeros_like", "ones_like", "one_hot", "clip_by_value", "round", "gather", "add"),
        *("subtract", "multiply", "divide", "equal", "not_equal", "less", "greater", "logical_not", "where"),
        *("abs", "square", "sqrt", "exp", "negative", "sign", "maximum", "minimum", "nn.embedding_lookup", "pow"),
        *(f"math.{name}" for name in ("abs", "square", "sqrt", "exp", "log", "negative", "round", "add", "multiply")),
        *("nn.relu", "nn.sigmoid", "tanh", "nn.tanh", "sigmoid"),
    )
)
_BY_ROW: dict[str, Callable[..., Any]] = {
    **{f"reduce_{name}": getattr(np, name) for name in ("sum", "mean", "max", "min", "prod", "any", "all")},
    **{f"math.reduce_{name}": getattr(np, name) for name in ("sum", "mean", "max", "min", "prod", "any", "all")},
}


def taking_rows(name: str, member: Member) -> Member:
    """What a name stands for, with ragged rows among its arguments where TensorFlow takes them."""
    if name in _BY_VALUE:
        return member._replace(value=by_value(member.value))
    if name in _BY_ROW:
        return member._replace(value=_by_row(name, member.value))
    return member._replace(value=_joined(member.value)) if name == "concat" else member


def by_value(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function`, of the values of rows where an argument has rows; the result has the same ones."""

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        found = [one for one in (*args, *kwargs.values()) if isinstance(one, RaggedTensor)]
        if not found:
            return function(*args, **kwargs)
        if len({tuple(one.row_splits.tolist()) for one in found}) > 1:
            raise ValueError(f"tensorflow.{function.__name__}: ragged arguments must have rows of the same lengths.")
        args = tuple(map(_values, args))
        return found[0].with_values(function(*args, **{key: _values(one) for key, one in kwargs.items()}))

    return call


def _values(value: object) -> Any:
    return value.values if isinstance(value, RaggedTensor) else value


def _by_row(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    reduced = _BY_ROW[name]

    @functools.wraps(function)
    def call(input_tensor: Any = None, axis: Any = None, *args: Any, **kwargs: Any) -> Any:
        if not isinstance(input_tensor, RaggedTensor):
            given = () if input_tensor is None else (input_tensor,)
            return function(*given, *(() if axis is None and not args else (axis,)), *args, **kwargs)
        if axis is None:
            return function(input_tensor.values)
        if axis not in (1, -1) or (axis == -1 and len(input_tensor.shape) > 2):
            raise NotImplementedError(
                f"tensorflow.{name}: ragged rows are reduced along axis 1, or whole. Received: axis={axis}. Pad the"
                f" rows: `.to_tensor()`."
            )
        return HostTensor(np.stack([_of_row(reduced, np.asarray(row)) for row in input_tensor]))

    return call


def _of_row(reduced: Callable[..., Any], row: np.ndarray) -> Any:
    if len(row) or reduced not in (np.max, np.min, np.mean):
        return reduced(row, axis=0).astype(row.dtype) if row.dtype.kind in "iuf" else reduced(row, axis=0)
    if reduced is np.mean:
        return np.full(row.shape[1:], np.nan, row.dtype)
    limits = np.finfo(row.dtype) if row.dtype.kind == "f" else np.iinfo(row.dtype)
    return np.full(row.shape[1:], limits.min if reduced is np.max else limits.max, row.dtype)


def _joined(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def concat(values: Any, axis: Any, name: object = None) -> AnyTensor | RaggedTensor:
        if not isinstance(values, (list, tuple)) or not any(isinstance(one, RaggedTensor) for one in values):
            return function(values, axis)
        parts = [one if isinstance(one, RaggedTensor) else RaggedTensor.from_tensor(one) for one in values]
        if axis == 0:
            return of_rows([row for part in parts for row in part])
        if axis != 1 or len({len(part) for part in parts}) > 1:
            raise ValueError(f"tensorflow.concat: ragged rows are joined along axis 0, or 1 if as many. axis={axis}")
        return of_rows([np.concatenate([leaf_of(row) for row in rows]) for rows in zip(*parts, strict=True)])

    return concat


def of_rows(rows: Sequence[Any]) -> RaggedTensor:
    """Arrays as the rows of a ragged tensor."""
    held = [leaf_of(row) for row in rows]
    return RaggedTensor.from_row_lengths(
        np.concatenate(held) if held else np.zeros(0, np.float32), list(map(len, held))
    )


@MEMBERS.serve("ragged.map_flat_values")
def map_flat_values(op: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    return by_value(op)(*args, **kwargs)


@MEMBERS.serve("ragged.stack")
def stack(values: Sequence[ArrayLike], axis: int = 0) -> RaggedTensor:
    if axis != 0:
        raise NotImplementedError("tensorflow.ragged.stack: stacks rows along axis 0 only.")
    return of_rows(values)


@MEMBERS.serve("ragged.boolean_mask")
def boolean_mask(data: Several, mask: Several) -> RaggedTensor:
    return of_rows([leaf_of(row)[np.asarray(kept, bool)] for row, kept in zip(data, mask, strict=True)])


@MEMBERS.serve("ragged.range")
def arange(starts: ArrayLike, limits: ArrayLike | None = None, deltas: ArrayLike = 1) -> RaggedTensor:
    starts, limits = (0, starts) if limits is None else (starts, limits)
    bounds = np.broadcast_arrays(np.atleast_1d(starts), np.atleast_1d(limits), np.atleast_1d(deltas))
    return of_rows([np.arange(*one) for one in zip(*bounds, strict=True)])
