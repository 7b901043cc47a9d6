"""`tf.train.Example` and its kind: the messages of TensorFlow's records, made by the package `protobuf`.

The messages are described here, by the numbers of fields that TensorFlow publishes (example.proto, feature.proto,
tensor.proto), in a pool of their own: TensorFlow itself may describe them as well in the same process.
"""

from __future__ import annotations

import functools
from typing import Any

from ...core.needed import needed
from .member import Member
from .values import StringTensor, bytes_of

# Message -> field -> number and type; a type in brackets repeats, one behind ":" is that of a map from texts.
_MESSAGES: dict[str, dict[str, tuple[int, str]]] = {
    "BytesList": {"value": (1, "[bytes]")},
    "FloatList": {"value": (1, "[float]")},
    "Int64List": {"value": (1, "[int64]")},
    "Feature": {"bytes_list": (1, "BytesList"), "float_list": (2, "FloatList"), "int64_list": (3, "Int64List")},
    "Features": {"feature": (1, ":Feature")},
    "FeatureList": {"feature": (1, "[Feature]")},
    "FeatureLists": {"feature_list": (1, ":FeatureList")},
    "Example": {"features": (1, "Features")},
    "SequenceExample": {"context": (1, "Features"), "feature_lists": (2, "FeatureLists")},
    "Dim": {"size": (1, "int64")},
    "TensorShapeProto": {"dim": (2, "[Dim]")},
    "TensorProto": {
        "dtype": (1, "int32"),
        "tensor_shape": (2, "TensorShapeProto"),
        "tensor_content": (4, "bytes"),
        "string_val": (8, "[bytes]"),
    },
}
_CHOICES = {"Feature": "kind"}  # messages that hold one of their fields


@functools.cache
def classes() -> dict[str, Any]:
    """The classes of the messages.

    Raises:
        ImportError: without `protobuf`.
    """
    without = "Other data needs no package: `Dataset.save`, or .npz files."
    needed("google.protobuf", "A record of tf.train.Example", without)
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    described = descriptor_pb2.FileDescriptorProto(name="sequax_records.proto", package="tensorflow", syntax="proto3")
    for name, fields in _MESSAGES.items():
        _describe(described.message_type.add(name=name), fields)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(described)
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"tensorflow.{name}")) for name in _MESSAGES
    }


def _describe(message: Any, fields: dict[str, tuple[int, str]]) -> None:
    choice = _CHOICES.get(message.name)
    if choice:
        message.oneof_decl.add(name=choice)
    for name, (number, kind) in fields.items():
        field = message.field.add(name=name, number=number)
        if choice:
            field.oneof_index = 0
        if kind.startswith(":"):
            entry = message.nested_type.add(name=name.title().replace("_", "") + "Entry")
            entry.options.map_entry = True
            _type(entry.field.add(name="key", number=1), "string", repeats=False)
            _type(entry.field.add(name="value", number=2), kind[1:], repeats=False)
            _type(field, f"{message.name}.{entry.name}", repeats=True)
        else:
            _type(field, kind.strip("[]"), repeats=kind.startswith("["))


def _type(field: Any, kind: str, repeats: bool) -> None:
    field.label = field.LABEL_REPEATED if repeats else field.LABEL_OPTIONAL
    if kind[0].isupper():
        field.type, field.type_name = field.TYPE_MESSAGE, f".tensorflow.{kind}"
    else:
        field.type = getattr(field, f"TYPE_{kind.upper()}")


class Message:
    """The class of a message, which is made when it is used first."""

    def __init__(self, name: str):
        self._name = name

    @property
    def _made(self) -> Any:
        return classes()[self._name]

    def __call__(self, **fields: Any) -> Any:
        if "value" in fields:
            fields["value"] = [_plain(one) for one in fields["value"]]
        return self._made(**fields)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self._made, name)

    def __instancecheck__(self, value: object) -> bool:
        return isinstance(value, self._made)

    def __repr__(self) -> str:
        return f"tf.train.{self._name}"


def _plain(value: Any) -> Any:
    """A tensor of one value as this value; a bool as a number, which `protobuf` has refused since its version 7."""
    if isinstance(value, StringTensor):
        return bytes_of(value)
    value = value.item() if hasattr(value, "item") else value
    return int(value) if isinstance(value, bool) else value


def read(name: str, data: bytes, what: str) -> Any:
    """A message from its bytes.

    Raises:
        ValueError: if they are none.
    """
    from google.protobuf.message import DecodeError

    try:
        return classes()[name].FromString(data)
    except DecodeError:
        raise ValueError(f"{what}: {len(data)} bytes that are no {name}: {data[:20]!r}") from None


MEMBERS: dict[str, Member] = {
    f"train.{name}": Member(Message(name))
    for name in _MESSAGES
    if name not in ("Dim", "TensorShapeProto", "TensorProto")
}
