"""From texts to tokens: standardize, split, join into n-grams. On UTF-8 bytes, as fast as Python's own methods are."""

from __future__ import annotations

import string
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from . import reading

# Only ASCII letters change their case and only ASCII punctuation goes, as in TensorFlow; all others stay as they are.
_LOWER = bytes.maketrans(string.ascii_uppercase.encode(), string.ascii_lowercase.encode())
_PUNCTUATION = string.punctuation.encode()

Texts = list[bytes]

STANDARDIZE: dict[str, Callable[[bytes], bytes]] = {
    "lower_and_strip_punctuation": lambda text: text.translate(_LOWER, _PUNCTUATION),
    "lower": lambda text: text.lower(),
    "strip_punctuation": lambda text: text.translate(None, _PUNCTUATION),
}


class _Characters(dict):
    """A character to its UTF-8, made once."""

    def __missing__(self, character: str) -> bytes:
        encoded = self[character] = character.encode()
        return encoded


_characters = _Characters()

SPLIT: dict[str, Callable[[bytes], Texts]] = {
    "whitespace": lambda text: text.split(),  # of bytes: ASCII white space only
    "character": lambda text: [_characters[one] for one in text.decode("utf-8", "replace")],
}


def standardized(texts: np.ndarray, how: str | Callable[..., Any] | None, owner: str) -> np.ndarray:
    """An array of UTF-8 texts, each standardized by a name's rule or all by a function of an array of `str`."""
    if how is None:
        return texts
    if callable(how):
        changed: Iterable[bytes] = (text for part in _decoded(texts) for text in _changed(part, how, owner))
    else:
        changed = map(STANDARDIZE[how], texts.ravel().tolist())
    return np.fromiter(changed, object, texts.size).reshape(texts.shape)


def _changed(texts: np.ndarray, how: Callable[..., Any], owner: str) -> Texts:
    given = np.asarray(how(texts))
    if given.shape != texts.shape:
        raise ValueError(
            f"{owner}: `standardize` must return an array of strings of the shape it was given. Expected"
            f" {texts.shape}; received {given.shape}."
        )
    return reading.utf8(reading.texts(given, f"{owner}: the result of `standardize`"))


def split(texts: np.ndarray, how: str | Callable[..., Any], owner: str) -> list[Texts]:
    """The tokens of each text of a flat array, by a name's rule or a function from an array of `str` to lists."""
    if isinstance(how, str):
        return list(map(SPLIT[how], texts.tolist()))
    results = (how(part) for part in _decoded(texts))
    parts = [tokens for found in results for tokens in (found.to_list() if hasattr(found, "to_list") else found)]
    if len(parts) != len(texts):
        raise ValueError(
            f"{owner}: `split` must return a list of tokens for each text. Expected {len(texts)} lists; received"
            f" {len(parts)}."
        )
    what = f"{owner}: the result of `split`"
    return [reading.utf8(reading.texts(np.array(list(part), object), what)) for part in parts]


def with_ngrams(tokens: Texts, sizes: Sequence[int]) -> Texts:
    """Runs of tokens of each size in turn, joined by a space."""
    joined: Texts = []
    for size in sizes:
        if size == 1:
            joined.extend(tokens)
        else:
            joined.extend(b" ".join(tokens[i : i + size]) for i in range(len(tokens) - size + 1))
    return joined


# A text in an array of NumPy takes as much room as the longest one: bytes that such an array may have.
_ROOM = 1 << 26


def _decoded(texts: np.ndarray) -> Iterator[np.ndarray]:
    """UTF-8 texts as arrays of `str` for functions over such arrays, cut along the first axis where one is long."""
    longest = max(map(len, texts.ravel().tolist()), default=0)
    rows = max(1, _ROOM // max(4 * longest * (texts.size // max(len(texts), 1)), 1))
    for start in range(0, max(len(texts), 1), rows):
        part = texts[start : start + rows]
        decoded = [text.decode("utf-8", "replace") for text in part.ravel().tolist()]
        yield np.array(decoded, str).reshape(part.shape)
