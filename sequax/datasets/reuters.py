"""Reuters: news as lists of word numbers, 46 topics."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .._lazy import listed
from ..utils.downloads import get_file
from .arrays import ORIGIN, Split, check_test_split, load_word_index, shuffled, split
from .pickles import load_npz
from .sequences import limited, numbered

_TOPICS = (
    "cocoa grain veg-oil earn acq wheat copper housing money-supply coffee sugar trade reserves ship cotton carcass"
    " crude nat-gas cpi money-fx interest gnp meal-feed alum oilseed gold tin strategic-metal livestock retail ipi"
    " iron-steel rubber heat jobs lei bop zinc orange pet-chem dlr gas silver wpi hog lead"
)


def load_data(
    path: str = "reuters.npz",
    num_words: int | None = None,
    skip_top: int = 0,
    maxlen: int | None = None,
    test_split: float = 0.2,
    seed: int = 113,
    start_char: int | None = 1,
    oov_char: int | None = 2,
    index_from: int | None = 3,
) -> tuple[Split, Split]:
    """11,228 news of 1987 as `(x_train, y_train), (x_test, y_test)`.

    Words are numbered by how frequent they are. The file is downloaded unless it is in the cache (2 MB).

    Args:
        test_split: share of the news to test with.
        path and the others: as in `imdb.load_data`.

    Returns:
        News as an array of lists of int, and labels from 0 to 45, int64.

    Raises:
        ValueError: if no text is shorter than `maxlen`.

    Source: D. Lewis, Reuters-21578 Text Categorization Collection, UCI Machine Learning Repository.
    """
    check_test_split(test_split)
    file = get_file(
        fname=path,
        origin=f"{ORIGIN}reuters.npz",
        file_hash="d6586e694ee56d7a4e65172e12b3e987c03096cb01eab99753921ef915959916",
    )
    news, labels = shuffled(seed, *load_npz(file, "x", "y"))
    texts, labels = numbered(news, labels, start_char, index_from, maxlen)
    return split(np.fromiter(limited(texts, num_words, skip_top, oov_char), object), labels, test_split)


def get_word_index(path: str = "reuters_word_index.json") -> dict[str, int]:
    """Words and their numbers, without the `index_from` that `load_data` adds."""
    return load_word_index(
        get_file(path, origin=f"{ORIGIN}reuters_word_index.json", file_hash="4d44cc38712099c9e383dc6e5f11a921")
    )


def get_label_names() -> tuple[str, ...]:
    """The names of the 46 topics in the order of their numbers."""
    return tuple(_TOPICS.split())


__all__ = ["get_label_names", "get_word_index", "load_data"]

if not TYPE_CHECKING:
    __getattr__, __dir__ = listed(__name__)
