"""`VocabularyLayer`: what layers with a vocabulary have in common, whether it is given or learned by `adapt`."""

from __future__ import annotations

import os
from collections.abc import Hashable, Iterable, Mapping, MutableMapping, Sequence
from typing import Annotated, Any

import numpy as np

from ...core import dtypes, tracking
from ...core.kinds import Kind, Listed, Owner, Whole
from ...core.types import ArrayLike, CustomObjects, Data, Path
from . import encoding, reading
from .host import HostLayer
from .vocabulary import Vocabulary, read_file

INNER_GROUP = "_lookup_layer"  # in Keras, a TextVectorization holds a lookup layer; files keep its words there, too
WORDS_FILE = "vocabulary.txt"
_WEIGHTS = "idf_weights"


class WordsOf(Listed):
    """A vocabulary or its weights. What the attribute and configs hold of it says the layer."""

    attribute = False


class SizeInConfigsOf(Whole):
    """The size of a vocabulary that was learned; it comes with the saved model, and `get_config` writes it."""

    attribute = in_config = False


class EncodingOf(Kind):
    """An encoding of texts by name; its usual name in the end."""

    expected = "the name of an encoding of texts, such as 'utf-8'"

    def resolve(self, value: object, name: str, owner: Owner) -> str:
        return reading.checked_encoding(owner, value)

    def fits(self, value: object, cls: type) -> bool:
        return isinstance(value, str)


Words = Annotated[Iterable[Any] | str | None, WordsOf()]
SizeInConfigs = Annotated[int, SizeInConfigsOf(0)]
Encoding = Annotated[str, EncodingOf()]
Limit = Annotated[int, Whole(2)]


class VocabularyLayer(HostLayer):
    """A layer on the host that knows tokens by their index.

    A subclass calls `_begin` in its constructor, and has `_documents` (the tokens in a batch of data, by sample). Where
    tokens are no texts it has `_key` and `_token`, too: between tokens of the user and those of the vocabulary.
    """

    untracked: frozenset[str] = HostLayer.untracked | {"_words", "vocabulary", "idf_weights"}
    _words: Vocabulary
    max_tokens: int | None
    output_mode: str
    pad_to_max_tokens: bool
    encoding: str

    def _begin(self, words: Vocabulary, vocabulary: Words, idf_weights: Words, announced_size: int | None) -> None:
        """Take the vocabulary that was given, if one was; `words` is still empty."""
        self._words, self._announced_size, self._static = words, announced_size, False
        self.pad_to_max_tokens = bool(self.pad_to_max_tokens)
        if self.pad_to_max_tokens and self.max_tokens is None:
            raise ValueError(
                f"{self}: if `pad_to_max_tokens` is True, `max_tokens` must be set. Received: max_tokens=None"
            )
        if idf_weights is not None and self.output_mode != "tf_idf":
            raise ValueError(
                f"{self}: `idf_weights` should only be set if `output_mode` is 'tf_idf'. Received:"
                f" output_mode={self.output_mode!r}"
            )
        if idf_weights is not None and vocabulary is None:
            raise ValueError(f"{self}: `idf_weights` belong to a `vocabulary`, which was not given.")
        self.vocabulary: list[Any] | None = None
        self.idf_weights: list[float] | None = None
        if vocabulary is not None:
            self.set_vocabulary(vocabulary, idf_weights)
            if not isinstance(vocabulary, str):  # the content of a file is no argument of the constructor
                self.vocabulary = [_plain(token) for token in vocabulary]
            self.idf_weights = None if idf_weights is None else np.asarray(idf_weights).tolist()

    def _key(self, token: object) -> Hashable:
        if not isinstance(token, (str, bytes)):
            raise ValueError(f"{self}: tokens must be strings. Received: {token!r} (of type {type(token).__name__}).")
        return reading.utf8([token])[0]

    def _token(self, key: Any) -> str | int:
        return key.decode(self.encoding)

    def _documents(self, data: object) -> Iterable[Sequence[Any]]:
        raise NotImplementedError

    # --- the vocabulary ---

    def get_vocabulary(self, include_special_tokens: bool = True) -> list[Any]:
        """The tokens in the order of their indices, the mask and unknown tokens in front unless left out."""
        specials = self._words.specials if include_special_tokens else []
        return [self._token(key) for key in (*specials, *(self._words.tokens or ()))]

    def vocabulary_size(self) -> int:
        """The number of tokens, mask and unknown tokens included."""
        return len(self._words)

    def set_vocabulary(self, vocabulary: Iterable[Any] | str, idf_weights: Words = None) -> None:
        """Give the tokens, in place of `adapt`.

        Args:
            vocabulary: tokens, most frequent first, or the path of a local text file with one a line.
            idf_weights: for `output_mode="tf_idf"`: the inverse document frequency of each token.

        Raises:
            ValueError: for repeated, missing or too many tokens, and for weights that do not fit them.
        """
        if self.output_mode == "tf_idf" and idf_weights is None:
            raise ValueError(f"{self}: with a vocabulary, output mode 'tf_idf' also needs `idf_weights`.")
        if idf_weights is not None and self.output_mode != "tf_idf":
            raise ValueError(f"{self}: `idf_weights` are for output mode 'tf_idf'. This one is {self.output_mode!r}.")
        tokens = read_file(vocabulary, str(self)) if isinstance(vocabulary, str) else list(vocabulary)
        self._words.set([self._key(token) for token in tokens], self._checked_weights(idf_weights))
        self._static = True

    def _checked_weights(self, weights: Words) -> np.ndarray | None:
        if weights is None:
            return None
        array = np.asarray(weights)
        if array.ndim != 1 or array.dtype.kind not in "iuf" or not np.isfinite(array).all():
            raise ValueError(f"{self}: `idf_weights` must be a list of finite numbers. Received: {weights!r:.80}")
        return array

    def adapt(self, data: Data, steps: int | None = None) -> None:
        """Learn the vocabulary from data; what was learned before is forgotten.

        Args:
            data: a list, array or column, read whole, or an iterable of batches.
            steps: of an iterable, the number of batches to read.
        """
        self.reset_state()
        for batch in reading.batches(data, steps, str(self)):
            self.update_state(batch)
        self.finalize_state()

    def update_state(self, data: ArrayLike) -> None:
        """Count the tokens of one batch."""
        if self._static:
            raise ValueError(
                f"Cannot adapt layer '{self.name}' after setting a static vocabulary via `vocabulary` argument or"
                f" `set_vocabulary()` method. Make a layer without one."
            )
        documents = list(self._documents(data))
        for document in documents:
            self._words.count(document)
        if self.output_mode == "tf_idf":
            self._words.count_documents(documents)

    def finalize_state(self) -> None:
        """Make the vocabulary from what was counted."""
        if not self._static:
            self._words.learn(weigh=self.output_mode == "tf_idf")
            tracking.note_change()

    def reset_state(self) -> None:
        """Forget what was counted; the vocabulary stays until the next one is made."""
        self._words.forget_counts()

    @property
    def has_given_vocabulary(self) -> bool:
        """Whether the vocabulary was given, so that `adapt` is neither needed nor allowed."""
        return self._static

    @property
    def has_vocabulary(self) -> bool:
        return self._words.tokens is not None

    # --- outputs ---

    @property
    def depth(self) -> int | None:
        """Width of outputs that have a column per token; None before there is a vocabulary."""
        if self.pad_to_max_tokens:
            return self.max_tokens
        return self._announced_size if self._words.tokens is None else len(self._words)

    @property
    def output_dtype(self) -> str:  # type: ignore[override]
        if self.output_mode == "int":
            return "int32"
        return self.compute_dtype if self.compute_dtype in dtypes.FLOATS else "float32"

    def _encoded(self, indices: np.ndarray, rows: np.ndarray, count: int) -> np.ndarray:
        """(count, depth) from flat indices and the row of each."""
        depth = self.depth
        assert depth is not None, "looked up without a vocabulary"
        if self.output_mode == "multi_hot":
            return encoding.multi_hot(indices, rows, count, depth)
        counted = encoding.counts(indices, rows, count, depth)
        if self.output_mode == "count":
            return counted
        return counted * self._weights_by_column()

    def _weights_by_column(self) -> np.ndarray:
        weights = np.zeros(self.depth or 0, np.float32)
        if self._words.weights is not None:
            weights[: len(self._words.weights)] = self._words.weights
        return weights

    def described(self) -> dict[str, Any] | None:
        """The vocabulary; tokens as text, whole numbers too, since those of 64 bits are more than JavaScript reads."""
        words = self._words
        mask = None if words.mask is None else _written(words.mask)
        tokens = [_written(token) for token in words.tokens or ()]
        found = {"tokens": tokens, "mask": mask, "mask_slot": words.mask_slot, "unknown_slots": words.unknown_slots}
        weights = self._weights_by_column().tolist() if self.output_mode == "tf_idf" else None
        return {**found, "mode": self.output_mode, "depth": self.depth, "weights": weights}

    # --- files ---

    def save_own_variables(self, store: MutableMapping[str, Any]) -> None:
        """With "tf_idf": the weight of each index, in the place where Keras stores them."""
        if self.output_mode == "tf_idf" and self._words.tokens is not None:
            store[_WEIGHTS] = self._weights_by_column()

    def load_own_variables(self, store: Mapping[str, Any]) -> None:
        if _WEIGHTS in store:
            self._words.weights = np.asarray(store[_WEIGHTS], np.float32)[: len(self._words)]

    @property
    def learned_words(self) -> bytes | None:
        """One word a line, for a file; None for words that the config has, or where there are none."""
        if self.vocabulary is not None or self._words.tokens is None:
            return None
        return "\n".join(str(word) for word in self.get_vocabulary()).encode("utf-8")

    def take_words(self, text: bytes) -> None:
        """Take back `learned_words`."""
        self._words.set([self._key_of(line) for line in text.decode("utf-8").split("\n")])
        self._static = True

    def _key_of(self, line: str) -> Hashable:
        return self._key(line)

    def save_assets(self, dir_path: Path) -> None:
        """Write words that were learned to `vocabulary.txt` in a folder; those that the config has are left out."""
        if self.learned_words is not None:
            with open(os.path.join(dir_path, WORDS_FILE), "wb") as file:
                file.write(self.learned_words)

    def load_assets(self, dir_path: Path) -> None:
        """Take back what `save_assets` wrote."""
        if self.vocabulary is None:
            with open(os.path.join(dir_path, WORDS_FILE), "rb") as file:
                self.take_words(file.read())

    # --- config ---

    def get_config(self) -> dict[str, Any]:
        """The constructor arguments; of the vocabulary what the constructor was given, and its size."""
        announced = self._announced_size if self._words.tokens is None else None
        return {**super().get_config(), "vocabulary_size": announced or len(self._words)}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: CustomObjects | None = None) -> VocabularyLayer:
        """A new layer from `get_config()`.

        Raises:
            ValueError: if the vocabulary is the name of a file: a config names no files to read.
        """
        for name in ("vocabulary", "idf_weights"):
            if isinstance(config.get(name), str):
                raise ValueError(
                    f"{cls.__name__}: `{name}` in a config must be a list, not the name of a file. Received:"
                    f" {config[name]!r:.80}"
                )
        return super().from_config(config, custom_objects)


def _written(key: object) -> str:
    return key.decode("utf-8", "replace") if isinstance(key, bytes) else str(key)


def _plain(token: object) -> object:
    if isinstance(token, bytes):
        return token.decode("utf-8", "surrogateescape")
    return token.item() if hasattr(token, "item") else token
