"""IMDB: film reviews as lists of word numbers, two classes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .._lazy import listed
from ..utils.downloads import get_file
from .arrays import ORIGIN, Split, load_word_index
from .pickles import load_npz
from .sequences import limited, numbered


def load_data(
    path: str = "imdb.npz",
    num_words: int | None = None,
    skip_top: int = 0,
    maxlen: int | None = None,
    seed: int = 113,
    start_char: int | None = 1,
    oov_char: int | None = 2,
    index_from: int | None = 3,
    **kwargs: object,
) -> tuple[Split, Split]:
    """25,000 reviews to train on and 25,000 to test with, as `(x_train, y_train), (x_test, y_test)`.

    Words are numbered by how frequent they are. The file is downloaded unless it is in the cache (17 MB).

    Args:
        path: name of the file in the cache, `~/.keras/datasets`.
        num_words: the most frequent words are kept, others become `oov_char`; None: all but the rarest, as in Keras.
        skip_top: so many of the most frequent words become `oov_char` as well.
        maxlen: leave out reviews that are not shorter than this.
        seed: of the mixing.
        start_char: number at the start of each review; None: none.
        oov_char: number in place of words left out; None: nothing is put there.
        index_from: added to all numbers of words; `get_word_index` has them without.

    Returns:
        Reviews as an array of lists of int, and labels 0 (negative) or 1 (positive), int64.

    Raises:
        ValueError: if no review is shorter than `maxlen`.

    Source: A. Maas et al. (2011), Learning Word Vectors for Sentiment Analysis.
    """
    if kwargs:
        raise TypeError(f"imdb.load_data: unrecognized keyword arguments: {sorted(kwargs)}.")
    file = get_file(
        fname=path,
        origin=f"{ORIGIN}imdb.npz",
        file_hash="69664113be75683a8fe16e3ed0ab59fda8886cb3cd7ada244f7d9544e4676b9f",
    )
    arrays = load_npz(file, "x_train", "y_train", "x_test", "y_test")
    random = np.random.RandomState(seed)  # mixes both parts, one after the other
    train, y_train = numbered(*_mixed(random, *arrays[:2]), start_char, index_from, maxlen)
    test, y_test = numbered(*_mixed(random, *arrays[2:]), start_char, index_from, maxlen)
    texts = limited(train + test, num_words, skip_top, oov_char)
    return (np.fromiter(texts[: len(train)], object), y_train), (np.fromiter(texts[len(train) :], object), y_test)


def _mixed(random: np.random.RandomState, x: np.ndarray, y: np.ndarray) -> Split:
    order = np.arange(len(x))
    random.shuffle(order)
    return x[order], y[order]


def get_word_index(path: str = "imdb_word_index.json") -> dict[str, int]:
    """Words and their numbers, without the `index_from` that `load_data` adds."""
    return load_word_index(
        get_file(fname=path, origin=f"{ORIGIN}imdb_word_index.json", file_hash="bfafd718b763782e994055a2d397834f")
    )


__all__ = ["get_word_index", "load_data"]

if not TYPE_CHECKING:
    __getattr__, __dir__ = listed(__name__)
