"""Texts as lists of word numbers: what IMDB and Reuters have in common."""

from __future__ import annotations

import numpy as np


def numbered(
    texts: np.ndarray, labels: np.ndarray, start_char: int | None, index_from: int | None, maxlen: int | None
) -> tuple[list[list[int]], np.ndarray]:
    """Texts with a start and with shifted numbers; texts that are too long are left out.

    Args:
        start_char: number at the start of each text; None: none.
        index_from: added to all numbers of words.
        maxlen: texts must be shorter than this.

    Raises:
        ValueError: if no text is short enough.
    """
    start, shift = [] if start_char is None else [start_char], index_from or 0
    shifted = [start + [word + shift for word in text] for text in texts]
    if not maxlen:
        return shifted, labels
    kept = [i for i, text in enumerate(shifted) if len(text) < maxlen]
    if not kept:
        raise ValueError(
            f"After filtering for sequences shorter than maxlen={maxlen}, no sequence was kept. Increase maxlen."
        )
    return [shifted[i] for i in kept], labels[kept]


def limited(texts: list[list[int]], num_words: int | None, skip_top: int, oov_char: int | None) -> list[list[int]]:
    """Texts with the words asked for.

    Args:
        num_words: the most frequent words are kept; None: all but the last, as in Keras.
        skip_top: so many of the most frequent words are left out.
        oov_char: number in place of words left out; None: nothing is put there.
    """
    limit = num_words or max(max(text, default=0) for text in texts)
    if oov_char is None:
        return [[word for word in text if skip_top <= word < limit] for text in texts]
    return [[word if skip_top <= word < limit else oov_char for word in text] for text in texts]
