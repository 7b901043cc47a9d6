"""`TextVectorization`: texts to indices of their words, or to rows of ones or counts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from ...core.catalogue import serialize
from ..catalogue import layer
from . import reading
from .host import HostLayer, one_of, whole_number
from .learned import INNER_GROUP, VocabularyLayer, checked_mode, take_size
from .lookup import text_array
from .tokens import SPLIT, STANDARDIZE, split, standardized, with_ngrams
from .vocabulary import Vocabulary

# Texts whose tokens are held at a time: lists of small objects take many times the memory of the text.
_PART = 4096


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
        encoding: of the vocabulary.

    Shapes: `(batch,)` or `(batch, 1)` -> `(batch, length)` or `(batch, size)`. It runs on the host, at the front of a
    model. Sparse and ragged outputs are not supported.

    Functions are given NumPy arrays of `str`, where Keras gives TensorFlow's tensors.

    >>> vectorize = TextVectorization(output_sequence_length=3)
    >>> vectorize.adapt(["The cat sat.", "The dog!"])
    >>> vectorize(["the dog"]).tolist()
    [[2, 4, 0]]
    """

    inner_group_in_files = INNER_GROUP
    config_keys = frozenset({"vocabulary_size"})

    def __init__(
        self,
        max_tokens: Any = None,
        standardize: Any = "lower_and_strip_punctuation",
        split: Any = "whitespace",
        ngrams: Any = None,
        output_mode: Any = "int",
        output_sequence_length: Any = None,
        pad_to_max_tokens: bool = False,
        vocabulary: Any = None,
        idf_weights: Any = None,
        sparse: bool = False,
        ragged: bool = False,
        encoding: str = "utf-8",
        name: str | None = None,
        **kwargs: Any,
    ):
        size = take_size(kwargs)
        super().__init__(name=name, **kwargs)
        self.standardize = _rule(self, "standardize", standardize, tuple(STANDARDIZE))
        self.split = _rule(self, "split", split, tuple(SPLIT))
        self.ngrams = ngrams
        self._sizes = _sizes(self, ngrams)
        mode = checked_mode(self, output_mode, ("int", "multi_hot", "count", "tf_idf"))
        self.refuse_sparse(sparse=sparse, ragged=ragged)
        self.sparse = self.ragged = False
        self.encoding = reading.checked_encoding(self, encoding)
        if output_sequence_length is not None:
            whole_number(self, "output_sequence_length", output_sequence_length, least=1)
            if mode != "int":
                raise ValueError(
                    f"{self}: `output_sequence_length` must not be set if `output_mode` is not 'int'. Received:"
                    f" output_sequence_length={output_sequence_length}, output_mode={mode!r}"
                )
        self.output_sequence_length = output_sequence_length
        words = Vocabulary(str(self), b"", b"[UNK]", 1, mode == "int", max_tokens)
        self._begin(words, max_tokens, mode, bool(pad_to_max_tokens), vocabulary, idf_weights, size)

    def _key(self, token: Any) -> bytes:
        if not isinstance(token, (str, bytes)):
            raise ValueError(f"{self}: tokens must be strings. Received: {token!r} (of type {type(token).__name__}).")
        return reading.utf8([token])[0]

    def _token(self, key: bytes) -> str:
        return key.decode(self.encoding)

    def adapt(  # type: ignore[override]  # the public signatures differ
        self, data: Any, batch_size: int | None = None, steps: int | None = None
    ) -> None:
        """Learn the vocabulary from texts; what was learned before is forgotten.

        Args:
            data: a list, array or column, read whole, or an iterable of batches.
            batch_size: accepted; arrays are read in parts of a fixed size.
            steps: of an iterable, the number of batches to read.
        """
        super().adapt(data, steps)

    def read(self, value: Any, what: str) -> np.ndarray:
        texts = text_array(reading.raw(value, what), what)
        if self.split is not None and texts.ndim > 1 and texts.shape[-1] != 1:
            raise ValueError(
                f"{what} has shape {texts.shape}; to split texts into tokens, '{self.name}' (TextVectorization) expects"
                f" (batch,) or (batch, 1). Join the columns into one text, or pass split=None."
            )
        return texts

    def _documents(self, data: Any) -> Iterable[list[bytes]]:
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

    def call(self, inputs: Any) -> np.ndarray:
        if self.split is None and inputs.ndim == 0:
            inputs = inputs.reshape(1)
        kept = self._kept(inputs.shape)
        indices, lengths = self._indices(inputs)
        rows = np.repeat(np.arange(len(lengths)), lengths)
        if self.output_mode != "int":
            return self._encoded(indices, rows, len(lengths)).reshape(*kept, self.depth or 0)
        padded = _padded(indices, rows, lengths, self.output_sequence_length)
        return padded.reshape(*kept, padded.shape[-1])

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

    def compute_output_shape(self, input_shape: Any) -> tuple:
        shape = tuple(input_shape)
        if self.output_mode != "int":
            return (*self._kept(shape), self.depth)
        length = shape[-1] if shape and self.split is None and self._sizes is None else None
        return (*self._kept(shape), self.output_sequence_length or length)

    def _kept(self, shape: tuple) -> tuple:
        """The axes of samples in an input shape: all but one of size 1, or of the tokens if they are split already."""
        return shape if self.split is not None and (len(shape) < 2 or shape[-1] != 1) else shape[:-1]

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        return {**config, "standardize": serialize(self.standardize), "split": serialize(self.split)}


def _padded(indices: np.ndarray, rows: np.ndarray, lengths: np.ndarray, width: int | None) -> np.ndarray:
    """(rows, width) in int32, zeros behind the end of each row."""
    width = int(lengths.max(initial=0)) if width is None else width
    padded = np.zeros((len(lengths), width), np.int32)
    padded[rows, np.arange(len(indices)) - np.repeat(np.cumsum(lengths) - lengths, lengths)] = indices
    return padded


def _rule(owner: HostLayer, name: str, value: Any, names: tuple) -> Any:
    if value is None or callable(value):
        return value
    return one_of(owner, name, value, names)


def _sizes(owner: HostLayer, ngrams: Any) -> tuple[int, ...] | None:
    if ngrams is None:
        return None
    sizes = tuple(range(1, ngrams + 1)) if isinstance(ngrams, int) and not isinstance(ngrams, bool) else ngrams
    if not isinstance(sizes, (tuple, list)) or not sizes or any(not isinstance(n, int) or n < 1 for n in sizes):
        raise ValueError(
            f"{owner}: `ngrams` must be None, a whole number of at least 1, or a tuple of them. Received:"
            f" ngrams={ngrams!r}"
        )
    return tuple(sizes)
