"""`keras.preprocessing.text`: words as numbers, on the host. Today the layer `TextVectorization` does that.

Numbers are given by falling frequency, from 1 on; 0 is left for padding. They are those of Keras.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Literal

import numpy as np

__all__ = ["Tokenizer", "hashing_trick", "one_hot", "text_to_word_sequence", "tokenizer_from_json"]

FILTERS = '!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n'
_MODES = ("binary", "count", "tfidf", "freq")


def text_to_word_sequence(input_text: str, filters: str = FILTERS, lower: bool = True, split: str = " ") -> list[str]:
    """The words of a text.

    >>> text_to_word_sequence("Good work, well done!")
    ['good', 'work', 'well', 'done']
    """
    text = input_text.lower() if lower else input_text
    text = text.translate({ord(sign): split for sign in filters})
    return [word for word in text.split(split) if word]


def one_hot(
    input_text: str,
    n: int,
    filters: str = FILTERS,
    lower: bool = True,
    split: str = " ",
    analyzer: Callable[..., Any] | None = None,
) -> list[int]:
    """A number from 1 to n - 1 for each word, by Python's `hash`; no one-hot rows, in spite of the name.

    The numbers differ between processes unless PYTHONHASHSEED is set; two words may share one.
    """
    return hashing_trick(input_text, n, hash, filters, lower, split, analyzer)


def hashing_trick(
    text: str,
    n: int,
    hash_function: Callable[[str], int] | Literal["md5"] | None = None,
    filters: str = FILTERS,
    lower: bool = True,
    split: str = " ",
    analyzer: Callable[..., Any] | None = None,
) -> list[int]:
    """A number from 1 to n - 1 for each word.

    Args:
        hash_function: `hash` (the default), "md5" (the same in all processes), or a function of a word.
    """
    if hash_function is None:
        hash_function = hash
    elif hash_function == "md5":
        hash_function = _md5
    words = text_to_word_sequence(text, filters, lower, split) if analyzer is None else analyzer(text)
    return [hash_function(word) % (n - 1) + 1 for word in words]


def _md5(word: str) -> int:
    return int(hashlib.md5(word.encode(), usedforsecurity=False).hexdigest(), 16)


class Tokenizer:
    """Learns the words of texts, then turns texts into numbers or rows.

    Args:
        num_words: only words with numbers below this one are kept; default: all.
        filters: characters that separate words, besides `split`.
        lower: whether to read capitals as small letters.
        split: separates words.
        char_level: take characters for words.
        oov_token: a word with number 1 that stands for all unknown ones; default: they are left out.
        analyzer: function from a text to its words, in place of the splitting.

    Texts may also be lists of words. After `fit_on_texts`: `word_counts`, `word_docs`, `word_index`, `index_word`,
    `index_docs`, `document_count`.

    >>> tokenizer = Tokenizer()
    >>> tokenizer.fit_on_texts(["the cat", "the dog"])
    >>> tokenizer.texts_to_sequences(["the dog barks"])
    [[1, 3]]
    """

    num_words: int | None
    filters: str
    lower: bool
    split: str
    char_level: bool
    oov_token: str | None
    analyzer: Callable[..., Any] | None

    def __init__(
        self,
        num_words: int | None = None,
        filters: str = FILTERS,
        lower: bool = True,
        split: str = " ",
        char_level: bool = False,
        oov_token: str | None = None,
        analyzer: Callable[..., Any] | None = None,
        **kwargs: Any,
    ):
        num_words = kwargs.pop("nb_words", num_words)  # Keras 1
        document_count = kwargs.pop("document_count", 0)
        if kwargs:
            raise TypeError(f"Tokenizer: unrecognized keyword arguments {sorted(kwargs)}")
        self.num_words, self.filters, self.lower, self.split = num_words, filters, lower, split
        self.char_level, self.oov_token, self.analyzer = char_level, oov_token, analyzer
        self.document_count: int = document_count
        self.word_counts: OrderedDict[str, int] = OrderedDict()
        self.word_docs: Counter[str] = Counter()
        self.index_docs: Counter[int] = Counter()
        self.word_index: dict[str, int] = {}
        self.index_word: dict[int, str] = {}

    # --- learning ---

    def fit_on_texts(self, texts: Iterable[str | Iterable[str]]) -> None:
        """Learn the words of texts; may be called again with more of them."""
        for text in texts:
            self.document_count += 1
            words = self._words(text)
            for word in words:
                self.word_counts[word] = self.word_counts.get(word, 0) + 1
            self.word_docs.update(set(words))
        by_count = sorted(self.word_counts, key=lambda word: self.word_counts[word], reverse=True)
        vocabulary = [] if self.oov_token is None else [self.oov_token]
        vocabulary += [word for word in by_count if word != self.oov_token]
        self.word_index = {word: number for number, word in enumerate(vocabulary, 1)}
        self.index_word = {number: word for word, number in self.word_index.items()}
        self.index_docs = Counter({self.word_index[word]: count for word, count in self.word_docs.items()})

    def fit_on_sequences(self, sequences: Iterable[Iterable[int]]) -> None:
        """Learn in how many sequences each number stands, for `sequences_to_matrix` without texts."""
        for sequence in sequences:
            self.document_count += 1
            self.index_docs.update(set(sequence))

    # --- texts and sequences ---

    def texts_to_sequences(self, texts: Iterable[str | Iterable[str]]) -> list[list[int]]:
        """The numbers of the words of each text."""
        return list(self.texts_to_sequences_generator(texts))

    def texts_to_sequences_generator(self, texts: Iterable[str | Iterable[str]]) -> Iterator[list[int]]:
        unknown = self._unknown()
        for text in texts:
            numbers = (self.word_index.get(word) for word in self._words(text))
            kept = (number if number is not None and self._is_kept(number) else unknown for number in numbers)
            yield [number for number in kept if number is not None]

    def sequences_to_texts(self, sequences: Iterable[Iterable[int]]) -> list[str]:
        """The words of the numbers, with spaces between them."""
        return list(self.sequences_to_texts_generator(sequences))

    def sequences_to_texts_generator(self, sequences: Iterable[Iterable[int]]) -> Iterator[str]:
        for sequence in sequences:
            words = [
                self.index_word[number] if number in self.index_word and self._is_kept(number) else self.oov_token
                for number in sequence
            ]
            yield " ".join(word for word in words if word is not None)

    def _is_kept(self, number: int) -> bool:
        return not self.num_words or number < self.num_words

    def _unknown(self) -> int | None:
        return None if self.oov_token is None else self.word_index.get(self.oov_token)

    def _words(self, text: str | Iterable[str]) -> list[str]:
        if self.analyzer is not None:
            return self.analyzer(text)
        if isinstance(text, str) and not self.char_level:
            return text_to_word_sequence(text, self.filters, self.lower, self.split)
        if not self.lower:
            return list(text)
        return list(text.lower()) if isinstance(text, str) else [word.lower() for word in text]

    # --- rows ---

    def texts_to_matrix(self, texts: Iterable[str | Iterable[str]], mode: str = "binary") -> np.ndarray:
        """A row per text and a column per number of a word; see `sequences_to_matrix`."""
        return self.sequences_to_matrix(self.texts_to_sequences(texts), mode=mode)

    def sequences_to_matrix(self, sequences: Iterable[Sequence[int]], mode: str = "binary") -> np.ndarray:
        """A row per sequence and a column per number.

        Args:
            mode: "binary" (whether the word is there), "count", "freq" (count over length), or "tfidf":
                `(1 + log(count)) * log(1 + documents / (1 + documents with the word))`.

        Raises:
            ValueError: for another mode, or where the number of columns or documents is not known.
        """
        if mode not in _MODES:
            raise ValueError(f"Tokenizer: `mode` must be one of {_MODES}. Received: mode={mode!r}")
        if not self.num_words and not self.word_index:
            raise ValueError("Specify a dimension (`num_words` argument), or fit on some text data first.")
        if mode == "tfidf" and not self.document_count:
            raise ValueError("Fit the Tokenizer on some data before using tfidf mode.")
        columns = self.num_words or len(self.word_index) + 1
        rows = list(sequences)
        matrix = np.zeros((len(rows), columns))
        for row, sequence in zip(matrix, rows, strict=True):
            for number, count in Counter(number for number in sequence if number < columns).items():
                row[number] = self._weight(number, count, len(sequence), mode)
        return matrix

    def _weight(self, number: int, count: int, length: int, mode: str) -> float:
        if mode == "binary":
            return 1.0
        if mode == "tfidf":
            rarity = np.log(1 + self.document_count / (1 + self.index_docs.get(number, 0)))
            return float((1 + np.log(count)) * rarity)
        return count / length if mode == "freq" else count

    # --- configs ---

    def get_config(self) -> dict[str, Any]:
        """The arguments, and what was learned as JSON texts."""
        given = ("num_words", "filters", "lower", "split", "char_level", "oov_token", "document_count")
        learned = ("word_counts", "word_docs", "index_docs", "index_word", "word_index")
        config = {name: getattr(self, name) for name in given}
        return config | {name: json.dumps(getattr(self, name)) for name in learned}

    def to_json(self, **kwargs: Any) -> str:
        """A text for `tokenizer_from_json`; `kwargs` are those of `json.dumps`."""
        return json.dumps({"class_name": type(self).__name__, "config": self.get_config()}, **kwargs)


def tokenizer_from_json(json_string: str) -> Tokenizer:
    """A tokenizer from `to_json()`."""
    config = json.loads(json_string)["config"]
    learned = {name: json.loads(config.pop(name)) for name in ("word_counts", "word_docs", "word_index")}
    by_number = {name: json.loads(config.pop(name)) for name in ("index_docs", "index_word")}
    tokenizer = Tokenizer(**config)
    tokenizer.word_counts = OrderedDict(learned["word_counts"])
    tokenizer.word_docs = Counter(learned["word_docs"])
    tokenizer.word_index = learned["word_index"]
    tokenizer.index_docs = Counter({int(number): count for number, count in by_number["index_docs"].items()})
    tokenizer.index_word = {int(number): word for number, word in by_number["index_word"].items()}
    return tokenizer
