"""`tf.strings`, and tables that look things up (`tf.lookup`): over arrays of bytes, by Python."""

from __future__ import annotations

import base64
import re
import zlib
from collections.abc import Callable, Iterable, Sequence
from typing import Any, SupportsInt

import jax
import jax.numpy as jnp
import numpy as np

from ...core import dtypes
from ...core.types import ArrayLike, DTypeLike
from .member import Member
from .ragged import RaggedTensor
from .serving import Table
from .values import AnyTensor, StringTensor, Text, as_dtype, bytes_of, tensor, text_of

MEMBERS = Table()


def _each(change: Callable[[bytes], Any], value: ArrayLike) -> np.ndarray:
    """What a function gives for each string, as an array of objects."""
    texts = StringTensor(value)
    found = np.empty(texts.shape, object)
    for place, one in np.ndenumerate(texts.view(np.ndarray)):
        found[place] = change(bytes_of(one))
    return found


def _changed(change: Callable[[bytes], Any], value: ArrayLike) -> StringTensor:
    return StringTensor(_each(change, value))


def _by_text(change: Callable[[str], str]) -> Callable[[bytes], bytes]:
    return lambda one: change(one.decode(errors="surrogateescape")).encode(errors="surrogateescape")


def _changes_case(name: str) -> None:
    @MEMBERS.serve(f"strings.{name}")
    def cased(input: ArrayLike, encoding: str = "") -> StringTensor:
        if encoding.replace("-", "").lower() == "utf8":
            return _changed(_by_text(lambda one: getattr(one, name)()), input)
        return _changed(lambda one: getattr(one, name)(), input)


_changes_case("lower")
_changes_case("upper")


@MEMBERS.serve("strings.strip", "string_strip")
def strip(input: ArrayLike) -> StringTensor:
    return _changed(bytes.strip, input)


@MEMBERS.serve("strings.regex_replace", "regex_replace")
def regex_replace(input: ArrayLike, pattern: Text, rewrite: Text, replace_global: bool = True) -> StringTensor:
    expression = _compiled(pattern)
    template = re.sub(r"\\(\d)", r"\\g<\1>", text_of(rewrite)).encode()
    return _changed(lambda one: expression.sub(template, one, 0 if replace_global else 1), input)


_CLASSES = {
    "[:punct:]": re.escape("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~").replace("/", r"\/"),
    "[:alpha:]": "a-zA-Z",
    "[:digit:]": "0-9",
    "[:alnum:]": "a-zA-Z0-9",
    "[:space:]": r"\s",
    "[:upper:]": "A-Z",
    "[:lower:]": "a-z",
}


def _compiled(pattern: Text) -> re.Pattern[bytes]:
    """A pattern of RE2 as one of Python, which has no named classes."""
    text = text_of(pattern)
    for name, letters in _CLASSES.items():
        text = text.replace(name, letters)
    return re.compile(text.replace(r"\z", r"\Z").encode())


@MEMBERS.serve("strings.regex_full_match")
def regex_full_match(input: ArrayLike, pattern: Text) -> jax.Array:
    expression = _compiled(pattern)
    return jnp.asarray(_each(lambda one: expression.fullmatch(one) is not None, input).astype(bool))


@MEMBERS.serve("strings.split", "string_split")
def split(input: ArrayLike, sep: Text | None = None, maxsplit: int = -1) -> StringTensor | RaggedTensor:
    texts = StringTensor(input)
    cut = bytes_of(sep) if sep is not None and len(bytes_of(sep)) else None
    rows = _each(lambda one: one.split(cut, maxsplit), texts)
    return _row(rows.item()) if texts.ndim == 0 else _rows("split", rows)


def _row(parts: Sequence[bytes]) -> StringTensor:
    return StringTensor(np.fromiter(parts, object))


def _rows(name: str, rows: np.ndarray) -> StringTensor | RaggedTensor:
    """The parts of several texts: ragged rows."""
    if rows.ndim == 1:
        values = _row([part for parts in rows for part in parts])
        return RaggedTensor.from_row_lengths(values, [len(parts) for parts in rows])
    lengths = {len(one) for one in rows.flat}
    if len(lengths) > 1:
        raise NotImplementedError(
            f"tensorflow.strings.{name}: the texts have different numbers of parts, {sorted(lengths)}, along another"
            f" axis than the second; there is one ragged axis here. Give a list of texts."
        )
    found = np.empty((*rows.shape, *lengths), object)
    for place, parts in np.ndenumerate(rows):
        found[place] = parts
    return StringTensor(found)


@MEMBERS.serve("strings.bytes_split")
def bytes_split(input: ArrayLike) -> StringTensor | RaggedTensor:
    rows = _each(lambda one: [one[i : i + 1] for i in range(len(one))], input)
    return _row(rows.item()) if rows.ndim == 0 else _rows("bytes_split", rows)


@MEMBERS.serve("strings.unicode_split")
def unicode_split(
    input: ArrayLike, input_encoding: str = "UTF-8", errors: str = "replace"
) -> StringTensor | RaggedTensor:
    rows = _each(lambda one: [letter.encode() for letter in one.decode(errors="replace")], input)
    return _row(rows.item()) if rows.ndim == 0 else _rows("unicode_split", rows)


@MEMBERS.serve("strings.unicode_decode")
def unicode_decode(
    input: ArrayLike, input_encoding: str = "UTF-8", errors: str = "replace"
) -> jax.Array | RaggedTensor:
    rows = _each(lambda one: [ord(letter) for letter in one.decode(errors="replace")], input)
    if rows.ndim == 0:
        return jnp.asarray(rows.item(), jnp.int32)
    return RaggedTensor.from_row_lengths(np.array([n for row in rows for n in row], np.int32), list(map(len, rows)))


@MEMBERS.serve("strings.unicode_encode")
def unicode_encode(input: ArrayLike, output_encoding: str = "UTF-8", errors: str = "replace") -> StringTensor:
    return StringTensor("".join(map(chr, np.asarray(input).tolist())))


@MEMBERS.serve("strings.join", "string_join")
def join(inputs: Iterable[ArrayLike], separator: Text = "") -> StringTensor:
    texts = np.broadcast_arrays(*[StringTensor(one) for one in inputs])
    between = bytes_of(separator)
    found = np.empty(texts[0].shape, object)
    for place in np.ndindex(found.shape):
        found[place] = between.join(bytes_of(one[place]) for one in texts)
    return StringTensor(found)


@MEMBERS.serve("strings.reduce_join", "reduce_join")
def reduce_join(
    inputs: ArrayLike, axis: SupportsInt | None = None, keepdims: bool = False, separator: Text = ""
) -> StringTensor:
    between = bytes_of(separator)
    if isinstance(inputs, RaggedTensor) and axis in (1, -1):
        return StringTensor([between.join(row) for row in inputs.to_list()])
    texts = StringTensor(inputs.values if isinstance(inputs, RaggedTensor) else inputs).view(np.ndarray)
    if axis is None:
        return StringTensor(between.join(texts.reshape(-1).tolist()))
    found = np.apply_along_axis(lambda row: np.array(between.join(row.tolist()), object), int(axis), texts)
    return StringTensor(np.expand_dims(found, int(axis)) if keepdims else found)


@MEMBERS.serve("strings.length", "string_length")
def length(input: ArrayLike, unit: str = "BYTE") -> jax.Array:
    count = len if unit == "BYTE" else lambda one: len(one.decode(errors="replace"))
    return jnp.asarray(_each(count, input).astype(np.int32))


@MEMBERS.serve("strings.substr", "substr")
def substr(input: ArrayLike, pos: SupportsInt, len: SupportsInt, unit: str = "BYTE") -> StringTensor:
    start, count = int(pos), int(len)
    if unit == "BYTE":
        return _changed(lambda one: one[start:][:count], input)
    return _changed(_by_text(lambda one: one[start:][:count]), input)


@MEMBERS.serve("strings.to_number", "string_to_number")
def to_number(input: ArrayLike, out_type: DTypeLike = "float32") -> jax.Array:
    kind = np.dtype(dtypes.jnp_dtype(str(as_dtype(out_type))))
    return jnp.asarray(_each(int if kind.kind in "iu" else float, input).astype(kind))


@MEMBERS.serve("strings.as_string", "as_string")
def as_string(
    input: ArrayLike,
    precision: int = -1,
    scientific: bool = False,
    shortest: bool = False,
    width: int = -1,
    fill: str = "",
) -> StringTensor:
    value = tensor(input)
    if isinstance(value, StringTensor):
        return value
    array = np.asarray(value)
    form = "%" + fill + (str(width) if width >= 0 else "")
    if array.dtype.kind == "f":
        form += (f".{precision}" if precision >= 0 else "") + ("g" if shortest else "e" if scientific else "f")
    elif array.dtype.kind in "iu":
        form += "d"
    else:
        form += "s"
    found = np.empty(array.shape, object)
    for place, one in np.ndenumerate(array):
        shown = str(one).lower() if array.dtype.kind == "b" else one
        found[place] = (form % shown).encode()
    return StringTensor(found)


@MEMBERS.serve("strings.format")
def format(template: str, inputs: object, placeholder: str = "{}", summarize: int = 3) -> StringTensor:
    from .checks import shown

    several = inputs if isinstance(inputs, (list, tuple)) else [inputs]
    parts = template.split(placeholder)
    texts = [text for one, part in zip(several, parts[1:], strict=True) for text in (shown(one), part)]
    return StringTensor("".join([parts[0], *texts]))


def _bucket(one: bytes, count: int) -> int:
    return zlib.crc32(one) % count


def _hashed(name: str) -> None:
    @MEMBERS.serve(f"strings.{name}", f"string_{name}")
    def to_bucket(input: ArrayLike, num_buckets: SupportsInt, key: object = None) -> jax.Array:
        """The same bucket for the same text in each run; other numbers than TensorFlow's."""
        return jnp.asarray(_each(lambda one: _bucket(one, int(num_buckets)), input).astype(np.int32))


for _name in ("to_hash_bucket", "to_hash_bucket_fast", "to_hash_bucket_strong"):
    _hashed(_name)


@MEMBERS.serve("io.encode_base64", "encode_base64")
def encode_base64(input: ArrayLike, pad: bool = False) -> StringTensor:
    return _changed(
        lambda one: base64.urlsafe_b64encode(one) if pad else base64.urlsafe_b64encode(one).rstrip(b"="), input
    )


@MEMBERS.serve("io.decode_base64", "decode_base64")
def decode_base64(input: ArrayLike) -> StringTensor:
    return _changed(lambda one: base64.urlsafe_b64decode(one + b"=" * (-len(one) % 4)), input)


# --- tables ---------------------------------------------------------------------------------------------------------


class KeyValueTensorInitializer:
    """Keys and what they stand for."""

    def __init__(
        self,
        keys: ArrayLike,
        values: ArrayLike,
        key_dtype: DTypeLike | None = None,
        value_dtype: DTypeLike | None = None,
        name: object = None,
    ):
        self.keys, self.values = tensor(keys, key_dtype), tensor(values, value_dtype)
        if len(self.keys) != len(self.values):
            raise ValueError(
                f"tensorflow.lookup: as many keys as values are needed. Received: {len(self.keys)}, {len(self.values)}"
            )

    @property
    def value_dtype(self) -> np.dtype:
        return self.values.dtype


class StaticHashTable:
    """A dictionary over tensors."""

    def __init__(
        self,
        initializer: KeyValueTensorInitializer | TextFileInitializer,
        default_value: Any,
        name: object = None,
        experimental_is_anonymous: object = None,
    ):
        self._keys, self._values = initializer.keys, initializer.values
        self._default = StringTensor(default_value) if _texts(self._values) else default_value
        self._places = {_key(one): place for place, one in enumerate(np.asarray(self._keys))}

    def size(self, name: object = None) -> jax.Array:
        return jnp.asarray(len(self._keys), jnp.int32)

    def lookup(self, keys: ArrayLike, name: object = None) -> AnyTensor | RaggedTensor:
        if isinstance(keys, RaggedTensor):
            return keys.with_values(self.lookup(keys.values))
        keys = tensor(keys)
        if isinstance(keys, jax.core.Tracer):
            return self._traced(keys)
        asked = np.asarray(keys).view(np.ndarray)
        found = np.empty(asked.shape, object)
        values = np.asarray(self._values).view(np.ndarray)
        for place, one in np.ndenumerate(asked):
            at = self._places.get(_key(one))
            found[place] = self._missing(one) if at is None else values[at]
        return StringTensor(found) if _texts(self._values) else jnp.asarray(found.astype(values.dtype))

    __getitem__ = lookup

    def _missing(self, key: object) -> Any:
        return bytes_of(self._default) if _texts(self._values) else self._default

    def _traced(self, keys: jax.Array) -> jax.Array:
        if _texts(self._values):
            raise TypeError("tensorflow.lookup: texts cannot be looked up inside a compiled function.")
        order = np.argsort(np.asarray(self._keys))
        known, values = np.asarray(self._keys)[order], jnp.asarray(np.asarray(self._values)[order])
        at = jnp.clip(jnp.searchsorted(known, keys), 0, len(known) - 1)
        return jnp.where(jnp.asarray(known)[at] == keys, values[at], self._default)


class StaticVocabularyTable(StaticHashTable):
    """A dictionary to numbers, with buckets behind them for what it does not hold."""

    def __init__(
        self,
        initializer: KeyValueTensorInitializer | TextFileInitializer,
        num_oov_buckets: SupportsInt,
        lookup_key_dtype: object = None,
        name: object = None,
    ):
        super().__init__(initializer, 0)
        self._buckets = int(num_oov_buckets)

    def _missing(self, key: object) -> Any:
        raw = bytes_of(key) if isinstance(key, (bytes, str)) else str(key).encode()
        return len(self._keys) + _bucket(raw, self._buckets)

    def size(self, name: object = None) -> jax.Array:
        return jnp.asarray(len(self._keys) + self._buckets, jnp.int32)


class MutableHashTable(StaticHashTable):
    """A dictionary over tensors that grows."""

    def __init__(
        self,
        key_dtype: DTypeLike,
        value_dtype: DTypeLike,
        default_value: ArrayLike,
        name: object = "MutableHashTable",
        checkpoint: bool = True,
        experimental_is_anonymous: bool = False,
    ):
        none: list[Any] = []
        super().__init__(KeyValueTensorInitializer(_typed(none, key_dtype), _typed(none, value_dtype)), default_value)
        self._known: dict[Any, Any] = {}

    def insert(self, keys: ArrayLike, values: ArrayLike, name: object = None) -> None:
        for key, value in zip(np.ravel(_plain(tensor(keys))), np.ravel(_plain(tensor(values))), strict=True):
            self._known[_key(key)] = value
        self._refresh()

    def remove(self, keys: ArrayLike, name: object = None) -> None:
        for key in np.ravel(_plain(tensor(keys))):
            self._known.pop(_key(key), None)
        self._refresh()

    erase = remove

    def export(self, name: object = None) -> tuple[Any, Any]:
        """All keys and values."""
        return self._keys, self._values

    def _refresh(self) -> None:
        self._keys = _typed(list(self._known), self._keys.dtype)
        self._values = _typed(list(self._known.values()), self._values.dtype)
        self._places = {key: place for place, key in enumerate(self._known)}


def _typed(values: list[Any], dtype: DTypeLike) -> AnyTensor:
    return StringTensor(values) if str(as_dtype(dtype)) in ("string", "object") else tensor(np.array(values), dtype)


def _plain(value: ArrayLike) -> np.ndarray:
    return np.asarray(value).view(np.ndarray)


class TextFileIndex:
    WHOLE_LINE, LINE_NUMBER = -2, -1


class TextFileInitializer:
    """A key and a value for each line of a file."""

    def __init__(
        self,
        filename: Text,
        key_dtype: DTypeLike,
        key_index: int,
        value_dtype: DTypeLike,
        value_index: int,
        vocab_size: SupportsInt | None = None,
        delimiter: str = "\t",
        name: object = None,
    ):
        with open(text_of(filename), encoding="utf-8") as file:
            lines = [line.rstrip("\n") for line in file][: None if vocab_size is None else int(vocab_size)]

        def column(index: int, dtype: DTypeLike) -> AnyTensor:
            if index == TextFileIndex.LINE_NUMBER:
                return tensor(list(range(len(lines))), dtype)
            texts = lines if index == TextFileIndex.WHOLE_LINE else [line.split(delimiter)[index] for line in lines]
            return StringTensor(texts) if as_dtype(dtype) == "string" else to_number(texts, dtype)

        self.keys, self.values = column(key_index, key_dtype), column(value_index, value_dtype)


def _texts(values: object) -> bool:
    return isinstance(values, StringTensor)


def _key(value: object) -> Any:
    return value.item() if isinstance(value, np.generic) else value


MEMBERS |= {
    f"lookup.{cls.__name__}": Member(cls)
    for cls in (StaticHashTable, StaticVocabularyTable, KeyValueTensorInitializer, TextFileInitializer, TextFileIndex)
}
MEMBERS |= dict.fromkeys(("lookup.experimental.MutableHashTable", "lookup.MutableHashTable"), Member(MutableHashTable))
