"""`StringLookup` and `IntegerLookup`: categories to indices, rows of ones or counts, and back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Literal, Unpack

import numpy as np

from ...core.constructor import UnnamedOptions
from ...core.kinds import OneOf, Plain, Whole
from ...core.types import Shape, ShapeLike
from ..arguments import Dense
from ..catalogue import layer
from . import encoding, reading
from .fingerprints import fingerprint64, siphash64
from .hashing import Salt
from .host import Token
from .learned import Encoding, Limit, SizeInConfigs, VocabularyLayer, Words
from .vocabulary import Vocabulary

OovCount = Annotated[int, Whole(0, most=1 << 16)]
LookupMode = Annotated[
    Literal["int", "one_hot", "multi_hot", "count", "tf_idf"], OneOf("int", "one_hot", "multi_hot", "count", "tf_idf")
]
VocabularyDtype = Annotated[Literal["int64"], OneOf("int64")]
PassedOver = Annotated[str | None, Plain("a string", str, in_config=False)]
OovMethod = Annotated[Literal["floormod", "farmhash"], OneOf("floormod", "farmhash")]


class Lookup(VocabularyLayer):
    """Both lookups; they differ in what a token is."""

    invert: bool
    num_oov_indices: int
    mask_token: str | bytes | int | None
    oov_token: str | bytes | int | None
    salt: list[int] | None

    def _set_up(self, vocabulary: Words, idf_weights: Words, announced_size: int | None) -> None:
        """What the constructors of both do once their arguments are kept."""
        self.invert = bool(self.invert)
        if self.invert and self.output_mode != "int":
            raise ValueError(
                f"{self}: `output_mode` must be 'int' when `invert` is true. Received: output_mode={self.output_mode!r}"
            )
        mask = None if self.mask_token is None else self._key(self.mask_token)
        unknown, keeps_mask = self._key(self.oov_token), self.output_mode == "int"
        words = Vocabulary(str(self), mask, unknown, self.num_oov_indices, keeps_mask, self.max_tokens, self._bucket)
        self._begin(words, vocabulary, idf_weights, announced_size)

    def _bucket(self, keys: Sequence[Any]) -> np.ndarray:
        raise NotImplementedError

    def read(self, value: object, what: str) -> np.ndarray:
        array = reading.raw(value, what)
        return reading.whole(array, what) if self.invert else self._keys(array, what)

    def _keys(self, array: np.ndarray, what: str) -> np.ndarray:
        raise NotImplementedError

    def _documents(self, data: object) -> Iterable[Sequence[Any]]:
        keys = self._keys(reading.raw(data, f"{self}: the data"), f"{self}: the data")
        if keys.ndim < 2 and self.output_mode != "tf_idf":
            return [keys.ravel().tolist()]  # only the counts are wanted
        return keys.reshape(keys.shape[0] if keys.ndim else 1, -1).tolist()

    def call(self, inputs: np.ndarray) -> np.ndarray:
        if self.invert:
            return self._tokens_of(inputs)
        flat = self._words.index(inputs.ravel().tolist())
        indices = flat.reshape(inputs.shape)
        if self.output_mode == "int":
            return indices.astype(np.int32)
        if self.output_mode == "one_hot":
            assert self.depth is not None
            return encoding.one_hot(indices, self.depth)
        kept = inputs.shape[:-1]
        count = int(np.prod(kept))
        rows = np.repeat(np.arange(count), inputs.shape[-1] if inputs.ndim else 1)
        return self._encoded(flat, rows, count).reshape(*kept, self.depth or 0)

    def _tokens_of(self, indices: np.ndarray) -> np.ndarray:
        raise NotImplementedError

    def described(self) -> dict[str, Any] | None:
        if self.invert:
            return None
        salt = None if self.salt is None else [str(part) for part in self.salt]
        return {"kind": "lookup", "whole": self.input_dtype == "int64", "salt": salt, **(super().described() or {})}

    def compute_output_shape(self, input_shape: ShapeLike) -> Shape:
        shape = tuple(input_shape)
        if self.output_mode == "int":
            return shape
        return encoding.one_hot_shape(shape, self.depth) if self.output_mode == "one_hot" else (*shape[:-1], self.depth)


@layer()
class StringLookup(Lookup):
    """Strings to indices: 0 for the mask token if there is one, then `num_oov_indices` for unknown strings, then the
    vocabulary.

    Args:
        max_tokens: limit of the number of indices; only for a vocabulary that is learned, or as a check.
        num_oov_indices: indices for unknown strings; with several, FarmHash (or SipHash with a `salt`) chooses; with 0
            an unknown string is an error.
        mask_token: string that means "no value"; index 0 in mode "int", dropped in all others.
        oov_token: what stands for unknown strings in `get_vocabulary()` and with `invert`.
        vocabulary: strings, or the path of a local text file with one a line; otherwise call `adapt`.
        idf_weights: for "tf_idf", one per string of the vocabulary.
        invert: map indices to strings instead; for use outside of a model.
        output_mode: "int"; "one_hot"; or over the last axis "multi_hot", "count" or "tf_idf"
            (count times inverse document frequency).
        pad_to_max_tokens: make those outputs `max_tokens` wide.
        sparse: False; sparse outputs are not supported.
        encoding: of the vocabulary.
        name: must be unique within a model; None: made from the class name.
        salt: key of the hash, a whole number or two.
        vocabulary_size: in configs, the size of a vocabulary that was learned.
        oov_method: in configs of Keras, without effect on strings.
        **options: dtype, trainable, ...: as in `Layer`.

    Raises:
        ValueError: for repeated, missing or too many strings, or arguments that do not fit each other.

    Shapes: "int": as the input. "one_hot": `(..., k)` -> `(..., k, size)`, `(..., 1)` -> `(..., size)`. Others:
    `(..., k)` -> `(..., size)`. It runs on the host, at the front of a model. Sparse outputs are not supported.

    Example:

    >>> lookup = StringLookup(vocabulary=["a", "b"])
    >>> lookup([["a"], ["z"]]).tolist()
    [[1], [0]]
    """

    config_keys: frozenset[str] = frozenset({"has_input_vocabulary"})

    def __init__(
        self,
        max_tokens: Limit | None = None,
        num_oov_indices: OovCount = 1,
        mask_token: Token = None,
        oov_token: Token = "[UNK]",
        vocabulary: Words = None,
        idf_weights: Words = None,
        invert: bool = False,
        output_mode: LookupMode = "int",
        pad_to_max_tokens: bool = False,
        sparse: Dense = False,
        encoding: Encoding = "utf-8",
        name: str | None = None,
        salt: Salt = None,
        *,
        vocabulary_size: SizeInConfigs | None = None,
        oov_method: PassedOver = None,
        **options: Unpack[UnnamedOptions],
    ):
        super().__init__(name=name, **options)
        self._set_up(vocabulary, idf_weights, vocabulary_size)

    @property
    def output_dtype(self) -> str:  # type: ignore[override]
        return "string" if self.invert else super().output_dtype

    @property
    def input_dtype(self) -> str:  # type: ignore[override]
        return "int64" if self.invert else "string"

    def _keys(self, array: np.ndarray, what: str) -> np.ndarray:
        return text_array(array, what)

    def _bucket(self, keys: Sequence[bytes]) -> np.ndarray:
        hashes = fingerprint64(keys) if self.salt is None else siphash64(keys, self.salt)
        return hashes % np.uint64(self.num_oov_indices)

    def _tokens_of(self, indices: np.ndarray) -> np.ndarray:
        return np.fromiter(map(self._token, self._words.lookup(indices)), object).reshape(indices.shape)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "oov_method": "floormod"}


@layer()
class IntegerLookup(Lookup):
    """Whole numbers to indices; as `StringLookup`, for numbers of up to 64 bits.

    Args:
        max_tokens: limit of the number of indices; only for a vocabulary that is learned, or as a check.
        num_oov_indices: indices for unknown numbers; several share them as `oov_method` says; with 0 an unknown number
            is an error.
        mask_token: number that means "no value"; index 0 in mode "int", dropped in all others.
        oov_token: what stands for unknown numbers in `get_vocabulary()` and with `invert`.
        vocabulary: numbers, or the path of a local text file with one a line; otherwise call `adapt`.
        vocabulary_dtype: "int64" only.
        idf_weights: for "tf_idf", one per number of the vocabulary.
        invert: map indices to numbers instead; for use outside of a model.
        output_mode: "int"; "one_hot"; or over the last axis "multi_hot", "count" or "tf_idf" (count times inverse
            document frequency).
        sparse: False; sparse outputs are not supported.
        pad_to_max_tokens: make those outputs `max_tokens` wide.
        oov_method: how several `num_oov_indices` share unknown numbers: "floormod", the remainder, or "farmhash", a
            hash of the decimal digits (SipHash with a `salt`).
        salt: key of the hash, a whole number or two; with `oov_method="farmhash"` only.
        name: must be unique within a model; None: made from the class name.
        vocabulary_size: in configs, the size of a vocabulary that was learned.
        **options: dtype, trainable, ...: as in `Layer`.

    Raises:
        ValueError: for repeated or too many numbers, or arguments that do not fit each other.

    Example:

    >>> IntegerLookup(vocabulary=[12, 36], output_mode="count")([[12, 12, 7]]).tolist()
    [[1.0, 2.0, 0.0]]
    """

    input_dtype = "int64"
    config_keys: frozenset[str] = frozenset({"has_input_vocabulary"})
    oov_method: str

    def __init__(
        self,
        max_tokens: Limit | None = None,
        num_oov_indices: OovCount = 1,
        mask_token: Token = None,
        oov_token: Token = -1,
        vocabulary: Words = None,
        vocabulary_dtype: VocabularyDtype = "int64",
        idf_weights: Words = None,
        invert: bool = False,
        output_mode: LookupMode = "int",
        sparse: Dense = False,
        pad_to_max_tokens: bool = False,
        oov_method: OovMethod = "floormod",
        salt: Salt = None,
        name: str | None = None,
        *,
        vocabulary_size: SizeInConfigs | None = None,
        **options: Unpack[UnnamedOptions],
    ):
        super().__init__(name=name, **options)
        if self.salt is not None and oov_method != "farmhash":
            raise ValueError(f"{self}: `salt` needs oov_method='farmhash'. Received: oov_method={oov_method!r}")
        self._set_up(vocabulary, idf_weights, vocabulary_size)

    def _key(self, token: object) -> int:
        return int(reading.whole(np.asarray(token), f"{self}: a token"))

    def _key_of(self, line: str) -> int:
        return self._key(int(line))

    def _token(self, key: int) -> int:
        return key

    def _keys(self, array: np.ndarray, what: str) -> np.ndarray:
        return reading.whole(array, what)

    def _bucket(self, keys: Sequence[int]) -> np.ndarray:
        if self.oov_method == "floormod":
            return np.array([key % self.num_oov_indices for key in keys])
        digits = [str(key).encode() for key in keys]
        hashes = fingerprint64(digits) if self.salt is None else siphash64(digits, self.salt)
        return hashes % np.uint64(self.num_oov_indices)

    def described(self) -> dict[str, Any] | None:
        found = super().described()
        return None if found is None else {**found, "by_remainder": self.oov_method == "floormod"}

    def _tokens_of(self, indices: np.ndarray) -> np.ndarray:
        return np.array(self._words.lookup(indices), np.int64).reshape(indices.shape)


def text_array(array: np.ndarray, what: str) -> np.ndarray:
    """An array of strings as one of UTF-8 bytes."""
    return np.fromiter(reading.utf8(reading.texts(array, what)), object).reshape(array.shape)
