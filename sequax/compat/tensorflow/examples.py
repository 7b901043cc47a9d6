"""`tf.io.parse_example` and its kind: features of records as tensors, which NumPy holds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ...core import dtypes
from ...core.types import ArrayLike, DTypeLike
from .member import Member
from .messages import classes, read
from .picking import SparseTensor
from .serving import Table
from .values import AnyTensor, DType, HostTensor, Sizes, StringTensor, as_dtype, bytes_of, tensor

MEMBERS = Table()
_LISTS = {"string": "bytes_list", "float32": "float_list", "int64": "int64_list"}
_BLANK = {"string": b"", "float32": 0.0, "int64": 0}


class FixedLenFeature(NamedTuple):
    """A feature of one shape."""

    shape: Sizes
    dtype: DTypeLike
    default_value: ArrayLike | None = None


class VarLenFeature(NamedTuple):
    """A feature of any number of values, which becomes a sparse tensor."""

    dtype: DTypeLike


class FixedLenSequenceFeature(NamedTuple):
    """A feature of any number of parts of one shape."""

    shape: Sizes
    dtype: DTypeLike
    allow_missing: bool = False
    default_value: ArrayLike | None = None


for _kind in (FixedLenFeature, VarLenFeature, FixedLenSequenceFeature):
    MEMBERS.update(dict.fromkeys((f"io.{_kind.__name__}", _kind.__name__), Member(_kind)))


class _Spec:
    """What a script says of one feature."""

    def __init__(self, key: str, spec: object):
        self.key = key
        if not isinstance(spec, (FixedLenFeature, VarLenFeature, FixedLenSequenceFeature)):
            raise NotImplementedError(
                f"tensorflow.io.parse_example: feature {key!r} is described by {type(spec).__name__}. There are"
                f" FixedLenFeature, FixedLenSequenceFeature and VarLenFeature."
            )
        self.kind: DType = as_dtype(spec.dtype)
        if self.kind not in _LISTS:
            raise ValueError(
                f"tensorflow.io.parse_example: feature {key!r} must be of tf.float32, tf.int64 or tf.string, as records"
                f" hold nothing else. Received: {self.kind!r}. Cast it behind: tf.cast(parsed[{key!r}], ...)."
            )
        self.sparse = isinstance(spec, VarLenFeature)
        self.many = isinstance(spec, FixedLenSequenceFeature)
        shape = () if isinstance(spec, VarLenFeature) else spec.shape
        self.shape = tuple(int(size) for size in (shape if isinstance(shape, (list, tuple)) else np.ravel(shape)))
        self.default = None if isinstance(spec, VarLenFeature) else spec.default_value

    def values(self, feature: Any) -> np.ndarray | None:
        """The values of a feature in a row; None if it is not there."""
        there = None if feature is None else feature.WhichOneof("kind")
        if there is None:
            return None
        if there != _LISTS[self.kind]:
            raise ValueError(
                f"tensorflow.io.parse_example: feature {self.key!r} is in the record as {there}, and is described as"
                f" {self.kind!r}."
            )
        return self.array(getattr(feature, there).value)

    def array(self, values: Sequence[Any]) -> np.ndarray:
        if self.kind != "string":
            return np.asarray(values, str(self.kind)).ravel()
        return np.fromiter(values, object)

    def shaped(self, values: np.ndarray | None) -> np.ndarray:
        """A value of a fixed shape, or a sequence of such."""
        if values is None:
            values = self._without()
        count = math.prod(self.shape)
        if self.many and count and not values.size % count:
            return values.reshape(-1, *self.shape)
        if self.many or values.size != count:
            raise ValueError(
                f"tensorflow.io.parse_example: feature {self.key!r} has {values.size} values in the record, and shape"
                f" {self.shape} needs {'a multiple of ' * self.many}{count}."
            )
        return values.reshape(self.shape)

    def _without(self) -> np.ndarray:
        if self.many:
            return self.array([])
        if self.default is None:
            raise ValueError(
                f"tensorflow.io.parse_example: feature {self.key!r} is not in the record, and has no default_value."
            )
        given = self.default if isinstance(self.default, (str, bytes)) else np.asarray(self.default).ravel().tolist()
        listed = [given] if isinstance(given, (str, bytes)) else given
        found = [one.encode() if isinstance(one, str) else one for one in listed]
        return self.array(found * math.prod(self.shape) if len(found) == 1 else found)

    def padded(self, rows: list[np.ndarray]) -> np.ndarray:
        """Sequences of several lengths as one array."""
        blank = _BLANK[self.kind] if self.default is None else self.default
        blank = blank.encode() if isinstance(blank, str) else blank
        longest = max(map(len, rows), default=0)
        found = np.full((len(rows), longest, *self.shape), blank, object if self.kind == "string" else str(self.kind))
        for i, row in enumerate(rows):
            found[i, : len(row)] = row
        return found

    def tensor(self, array: np.ndarray) -> StringTensor | HostTensor:
        return StringTensor(array) if self.kind == "string" else HostTensor(array)

    def one(self, feature: Any) -> AnyTensor | SparseTensor:
        """Of one record."""
        values = self.values(feature)
        if not self.sparse:
            return self.tensor(self.shaped(values))
        values = self.array([]) if values is None else values
        return SparseTensor(np.arange(len(values)).reshape(-1, 1), self.tensor(values), (len(values),))

    def several(self, features: list[Any]) -> AnyTensor | SparseTensor:
        """Of several records."""
        found = [self.values(feature) for feature in features]
        if not self.sparse:
            rows = [self.shaped(values) for values in found]
            if self.many:
                return self.tensor(self.padded(rows))
            return self.tensor(np.stack(rows) if rows else self.array([]).reshape(0, *self.shape))
        rows = [self.array([]) if values is None else values for values in found]
        places = [(i, j) for i, row in enumerate(rows) for j in range(len(row))]
        shape = len(rows), max(map(len, rows), default=0)
        flat = np.concatenate(rows) if rows else self.array([])
        return SparseTensor(np.asarray(places, int).reshape(-1, 2), self.tensor(flat), shape)


def _specs(features: object) -> list[_Spec]:
    if not isinstance(features, Mapping) or not features:
        raise ValueError(f"`features` must be a dict of names and FixedLenFeature, ... Received: {features!r:.60}")
    return [_Spec(key, spec) for key, spec in features.items()]


@MEMBERS.serve("io.parse_single_example", "parse_single_example")
def parse_single_example(
    serialized: ArrayLike, features: object, example_names: object = None, name: object = None
) -> dict[str, AnyTensor | SparseTensor]:
    specs = _specs(features)
    return _parsed(_single(serialized, "parse_single_example"), specs)


def _single(serialized: ArrayLike, function: str) -> bytes:
    texts = StringTensor(serialized)
    if texts.ndim:
        raise ValueError(
            f"tensorflow.io.{function}: expected one record. Received: a tensor of shape {tuple(texts.shape)}; for"
            f" several there is tf.io.parse_example."
        )
    return bytes_of(texts)


def _parsed(serialized: bytes, specs: list[_Spec]) -> dict[str, Any]:
    held = dict(read("Example", serialized, "tensorflow.io.parse_example").features.feature)
    return {spec.key: spec.one(held.get(spec.key)) for spec in specs}


@MEMBERS.serve("io.parse_example", "parse_example")
def parse_example(
    serialized: ArrayLike, features: object, example_names: object = None, name: object = None
) -> dict[str, AnyTensor | SparseTensor]:
    texts = StringTensor(serialized)
    specs = _specs(features)
    if not texts.ndim:
        return _parsed(bytes_of(texts), specs)
    if texts.ndim > 1:
        raise ValueError(f"tensorflow.io.parse_example: expected a vector of records. Received: {tuple(texts.shape)}.")
    held = [dict(read("Example", bytes_of(one), "tensorflow.io.parse_example").features.feature) for one in texts]
    return {spec.key: spec.several([one.get(spec.key) for one in held]) for spec in specs}


@MEMBERS.serve("io.parse_single_sequence_example", "parse_single_sequence_example")
def parse_single_sequence_example(
    serialized: ArrayLike,
    context_features: object = None,
    sequence_features: object = None,
    example_name: object = None,
    name: object = None,
) -> tuple[dict[str, AnyTensor | SparseTensor], dict[str, AnyTensor | SparseTensor]]:
    function = "parse_single_sequence_example"
    held = read("SequenceExample", _single(serialized, function), f"tensorflow.io.{function}")
    context, lists = dict(held.context.feature), dict(held.feature_lists.feature_list)
    first = {
        spec.key: spec.one(context.get(spec.key)) for spec in (_specs(context_features) if context_features else ())
    }
    second = {
        spec.key: _sequence(spec, lists.get(spec.key))
        for spec in (_specs(sequence_features) if sequence_features else ())
    }
    return first, second


def _sequence(spec: _Spec, found: Any) -> AnyTensor | SparseTensor:
    if spec.sparse:
        return spec.several([] if found is None else list(found.feature))
    if not spec.many:
        raise ValueError(
            f"tensorflow.io.parse_single_sequence_example: feature {spec.key!r} must be described by"
            f" FixedLenSequenceFeature or VarLenFeature."
        )
    if found is None:
        raise ValueError(f"tensorflow.io.parse_single_sequence_example: no feature list {spec.key!r} in the record.")
    steps = [spec.array([]) if (values := spec.values(one)) is None else values for one in found.feature]
    if any(step.size != math.prod(spec.shape) for step in steps):
        raise ValueError(
            f"tensorflow.io.parse_single_sequence_example: each step of {spec.key!r} must have the"
            f" {math.prod(spec.shape)} values of shape {spec.shape}."
        )
    flat = np.concatenate(steps) if steps else spec.array([])
    return spec.tensor(flat.reshape(len(steps), *spec.shape))


# --- a tensor as bytes ----------------------------------------------------------------------------------------------

# Numbers of dtypes, by types.proto.
_NUMBERS = {
    **{"float32": 1, "float64": 2, "int32": 3, "uint8": 4, "int16": 5, "int8": 6, "string": 7, "complex64": 8},
    **{"int64": 9, "bool": 10, "bfloat16": 14, "uint16": 17, "complex128": 18, "float16": 19, "uint32": 22},
    "uint64": 23,
}


@MEMBERS.serve("io.serialize_tensor", "serialize_tensor")
def serialize_tensor(tensor: ArrayLike, name: object = None) -> StringTensor:
    array = _array(tensor)
    texts = array.dtype.hasobject
    proto = classes()["TensorProto"](dtype=_NUMBERS["string" if texts else array.dtype.name])
    for size in array.shape:
        proto.tensor_shape.dim.add(size=size)
    if texts:
        proto.string_val.extend(array.ravel().tolist())
    else:
        proto.tensor_content = array.tobytes()
    return StringTensor(proto.SerializeToString())


def _array(value: ArrayLike) -> np.ndarray:
    return np.asarray(tensor(value)).view(np.ndarray)


@MEMBERS.serve("io.parse_tensor", "parse_tensor")
def parse_tensor(serialized: ArrayLike, out_type: DTypeLike, name: object = None) -> StringTensor | HostTensor:
    proto = read("TensorProto", _single(serialized, "parse_tensor"), "tensorflow.io.parse_tensor")
    kind = str(as_dtype(out_type))
    held = next((name for name, number in _NUMBERS.items() if number == proto.dtype), f"number {proto.dtype}")
    if held != kind:
        raise ValueError(f"tensorflow.io.parse_tensor: the bytes hold a tensor of {held}, out_type is {kind}.")
    shape = tuple(dim.size for dim in proto.tensor_shape.dim)
    if any(size < 0 for size in shape):
        raise ValueError(f"tensorflow.io.parse_tensor: the bytes tell the shape {shape}.")
    values: Any = np.fromiter(proto.string_val, object) if kind == "string" else _numbers(proto.tensor_content, kind)
    if values.size != math.prod(shape):
        raise ValueError(
            f"tensorflow.io.parse_tensor: the bytes hold {values.size} values of {kind} for the shape {shape}."
        )
    return StringTensor(values.reshape(shape)) if kind == "string" else HostTensor(values.reshape(shape))


def _numbers(content: bytes, kind: str) -> np.ndarray:
    dtype = np.dtype(dtypes.jnp_dtype(kind))
    if len(content) % dtype.itemsize:
        raise ValueError(f"tensorflow.io.parse_tensor: {len(content)} bytes are no whole number of {kind} values.")
    return np.frombuffer(content, dtype).copy()
