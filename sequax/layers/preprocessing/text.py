"""`TextVectorization`: texts to indices of their words, or to rows of ones or counts."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal, Unpack

import numpy as np

from ...core.constructor import UnnamedOptions
from ...core.kinds import Checked, Kind, Number, OneOf, Owner, Size
from ...core.types import Data, Shape, ShapeLike
from ..arguments import Dense
from ..catalogue import layer
from . import reading
from .learned import INNER_GROUP, Encoding, Limit, SizeInConfigs, VocabularyLayer, Words
from .lookup import text_array
from .tokens import SPLIT, STANDARDIZE, split, standardized, with_ngrams
from .vocabulary import Vocabulary

# Texts whose tokens are held at a time: lists of small objects take many times the memory of the text.
_PART = 4096


class RuleOf(Kind):
    """A rule by name, a function, or None."""

    def __init__(self, names: Iterable[str]):
        self.names: tuple[str, ...] = tuple(names)
        self.expected: str = f"one of {self.names}, a function or None"

    def resolve(self, value: object, name: str, owner: Owner) -> object:
        known = value is None or callable(value) or (isinstance(value, str) and value in self.names)
        return value if known else self.refuse(value, name, owner)

    def fits(self, value: object, cls: type) -> bool:
        return value is None or isinstance(value, Mapping) or value in self.names


class NgramsOf(Checked):
    """How many neighbours to join at most, or a list of the numbers wanted; as it came."""

    expected = "a whole number of at least 1, a list of them, or None"
    most = 1 << 10
    in_file: str = f"a whole number from 1 to {most}, a list of them, or null"

    def contains(self, value: object, most: Number = math.inf) -> bool:
        sizes = value if isinstance(value, (list, tuple)) else [value]
        whole = (isinstance(size, int) and not isinstance(size, bool) and 1 <= size <= most for size in sizes)
        return value is None or (bool(sizes) and all(whole))

    def fits(self, value: object, cls: type) -> bool:
        return self.contains(value, self.most)


Function = Callable[..., Any] | Mapping[str, Any]
Standardize = Annotated[
    Literal["lower_and_strip_punctuation", "lower", "strip_punctuation"] | Function | None, RuleOf(STANDARDIZE)
]
Split = Annotated[Literal["whitespace", "character"] | Function | None, RuleOf(SPLIT)]
Ngrams = Annotated[int | Sequence[int] | None, NgramsOf()]
TextMode = Annotated[Literal["int", "multi_hot", "count", "tf_idf"], OneOf("int", "multi_hot", "count", "tf_idf")]


@layer()
class TextVectorization(VocabularyLayer):
    """Texts to tokens, and tokens to indices: 0 is padding, 1 any unknown token, then the vocabulary.

    Each text is standardized, split, its tokens are joined into n-grams if wanted, and looked up.

    Args:
        max_tokens: limit of the vocabulary, padding and unknown included.
        standardize: "lower_and_strip_punctuation", "lower", "strip_punctuation" (of ASCII; other letters stay as they
            are), None, or a function from an array of strings to one of the same shape.
        split: "whitespace" (of ASCII), "character", None (each entry is a token), or a function from a flat array of
            strings to a list of tokens for each.
        ngrams: also join up to so many neighbours into one token; or a tuple of the sizes wanted.
        output_mode: "int", indices in order; "multi_hot", "count" or "tf_idf" (count times inverse document frequency),
            one column per token, without one for padding.
        output_sequence_length: pad or cut "int" outputs to this length; default: the length of the longest text in the
            data of one call.
        pad_to_max_tokens: make the other outputs `max_tokens` wide.
        vocabulary: tokens, or the path of a local text file with one a line; otherwise call `adapt`.
        idf_weights: for "tf_idf", one per token of the vocabulary.
        sparse, ragged: False; outputs are dense arrays.
        encoding: of the vocabulary.
        name: must be unique within a model; None: made from the class name.
        vocabulary_size: in configs, the size of a vocabulary that was learned.
        **options: dtype, trainable, ...: as in `Layer`.

    Raises:
        ValueError: for unknown names, repeated or too many tokens, or arguments that do not fit each other.

    Shapes: `(batch,)` or `(batch, 1)` -> `(batch, length)` or `(batch, size)`. It runs on the host, at the front of a
    model. Sparse and ragged outputs are not supported.

    Functions are given NumPy arrays of `str`, where Keras gives TensorFlow's tensors.

    Example:

    >>> vectorize = TextVectorization(output_sequence_length=3)
    >>> vectorize.adapt(["The cat sat.", "The dog!"])
    >>> vectorize(["the dog"]).tolist()
    [[2, 4, 0]]
    """

    inner_group_in_files: str | None = INNER_GROUP
    standardize: str | Callable[..., Any] | None
    split: str | Callable[..., Any] | None
    output_sequence_length: int | None

    def __init__(
        self,
        max_tokens: Limit | None = None,
        standardize: Standardize = "lower_and_strip_punctuation",
        split: Split = "whitespace",
        ngrams: Ngrams = None,
        output_mode: TextMode = "int",
        output_sequence_length: Size | None = None,
        pad_to_max_tokens: bool = False,
        vocabulary: Words = None,
        idf_weights: Words = None,
        sparse: Dense = False,
        ragged: Dense = False,
        encoding: Encoding = "utf-8",
        name: str | None = None,
        *,
        vocabulary_size: SizeInConfigs | None = None,
        **options: Unpack[UnnamedOptions],
    ):
        super().__init__(name=name, **options)
        self._sizes = _sizes(ngrams)
        if output_sequence_length is not None and output_mode != "int":
            raise ValueError(
                f"{self}: `output_sequence_length` must not be set if `output_mode` is not 'int'. Received:"
                f" output_sequence_length={output_sequence_length}, output_mode={output_mode!r}"
            )
        words = Vocabulary(str(self), b"", b"[UNK]", 1, output_mode == "int", max_tokens)
        self._begin(words, vocabulary, idf_weights, vocabulary_size)

    def adapt(  # type: ignore[override]  # the public signatures differ
        self, data: Data, batch_size: int | None = None, steps: int | None = None
    ) -> None:
        """Learn the vocabulary from texts; what was learned before is forgotten.

        Args:
            data: a list, array or column, read whole, or an iterable of batches.
            batch_size: accepted; arrays are read in parts of a fixed size.
            steps: of an iterable, the number of batches to read.
        """
        super().adapt(data, steps)

    def read(self, value: object, what: str) -> np.ndarray:
        texts = text_array(reading.raw(value, what), what)
        if self.split is not None and texts.ndim > 1 and texts.shape[-1] != 1:
            raise ValueError(
                f"{what} has shape {texts.shape}; to split texts into tokens, '{self.name}' (TextVectorization) expects"
                f" (batch,) or (batch, 1). Join the columns into one text, or pass split=None."
            )
        return texts

    def _documents(self, data: object) -> Iterable[list[bytes]]:
        texts = self.read(data, f"{self}: the data")
        return self._tokens(texts.reshape(-1, 1) if texts.ndim < 2 else texts)

    def _tokens(self, texts: np.ndarray) -> Iterator[list[bytes]]:
        """The tokens of each sample, some samples at a time."""
        rows = texts.reshape(-1) if self.split is not None else texts.reshape(-1, *texts.shape[-1:])
        for start in range(0, len(rows), _PART):
            part = standardized(rows[start : start + _PART], self.standardize, str(self))
            lists = part.tolist() if self.split is None else split(part, self.split, str(self))
            for tokens in lists:
                yield tokens if self._sizes is None else with_ngrams(tokens, self._sizes)

    def call(self, inputs: np.ndarray) -> np.ndarray:
        if self.split is None and inputs.ndim == 0:
            inputs = inputs.reshape(1)
        kept = self._kept(inputs.shape)
        indices, lengths = self._indices(inputs)
        rows = np.repeat(np.arange(len(lengths)), lengths)
        if self.output_mode != "int":
            return self._encoded(indices, rows, len(lengths)).reshape(*kept, self.depth or 0)
        padded = _padded(indices, rows, lengths, self.output_sequence_length)
        return padded.reshape(*kept, padded.shape[-1])

    def described(self) -> dict[str, Any] | None:
        if callable(self.standardize) or callable(self.split):
            return None
        rules = {"standardize": self.standardize, "split": self.split, "ngrams": self._sizes}
        return {"kind": "text", **rules, "length": self.output_sequence_length, **(super().described() or {})}

    def _indices(self, texts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Indices of the tokens of all samples after one another, and the number of tokens in each."""
        indices, lengths, part = [], [], []
        held = 0
        for tokens in self._tokens(texts):
            tokens = tokens[: self.output_sequence_length]
            lengths.append(len(tokens))
            part.extend(tokens)
            held += 1
            if held == _PART:
                indices.append(self._words.index(part))
                part, held = [], 0
        indices.append(self._words.index(part))
        return np.concatenate(indices), np.array(lengths, np.int64)

    def compute_output_shape(self, input_shape: ShapeLike) -> Shape:
        shape = tuple(input_shape)
        if self.output_mode != "int":
            return (*self._kept(shape), self.depth)
        length = shape[-1] if shape and self.split is None and self._sizes is None else None
        return (*self._kept(shape), self.output_sequence_length or length)

    def _kept(self, shape: tuple[Any, ...]) -> tuple[Any, ...]:
        """The axes of samples in an input shape: all but one of size 1, or of the tokens if they are split already."""
        return shape if self.split is not None and (len(shape) < 2 or shape[-1] != 1) else shape[:-1]


def _padded(indices: np.ndarray, rows: np.ndarray, lengths: np.ndarray, width: int | None) -> np.ndarray:
    """(rows, width) in int32, zeros behind the end of each row."""
    width = int(lengths.max(initial=0)) if width is None else width
    padded = np.zeros((len(lengths), width), np.int32)
    padded[rows, np.arange(len(indices)) - np.repeat(np.cumsum(lengths) - lengths, lengths)] = indices
    return padded


def _sizes(ngrams: int | Sequence[int] | None) -> tuple[int, ...] | None:
    """The sizes of n-grams that an argument stands for."""
    return ngrams if ngrams is None else tuple(range(1, ngrams + 1) if isinstance(ngrams, int) else ngrams)
