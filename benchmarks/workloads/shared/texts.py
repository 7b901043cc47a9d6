"""Texts as rows of word numbers, and what decides between two classes of them."""

from __future__ import annotations

import numpy as np

VOCABULARY = 20_000


def texts(rows: int, length: int, vocabulary: int = VOCABULARY) -> tuple[np.ndarray, np.ndarray]:
    """Random words; the class says whether words of the upper half of the vocabulary are in the majority."""
    x = np.random.default_rng(7).integers(0, vocabulary, (rows, length), dtype="int32")
    return x, ((x >= vocabulary // 2).mean(1, keepdims=True) > 0.5).astype("float32")
