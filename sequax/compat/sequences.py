"""What `keras.preprocessing.sequence` had besides `pad_sequences`."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core.types import ArrayLike
from ..utils.py_dataset import PyDataset


class TimeseriesGenerator(PyDataset):
    """Windows of a series with the value that follows, in batches.

    Sample k is `(data[i - length : i : sampling_rate], targets[i])` for `i = start_index + length + k * stride`.

    Args:
        data, targets: arrays (or lists) of one length; the first axis is time.
        length: time steps of a window.
        sampling_rate: steps between two entries of a window.
        stride: steps between two windows.
        start_index, end_index: first and last index that is used.
        shuffle: draw the windows of each batch at random.
        reverse: turn the windows around.
        batch_size: windows in a batch; the last one may have fewer.

    Raises:
        ValueError: for lengths that differ, or a series shorter than a window.
    """

    data: Sequence[ArrayLike] | np.ndarray
    targets: Sequence[ArrayLike] | np.ndarray
    length: int
    sampling_rate: int
    stride: int
    shuffle: bool
    reverse: bool
    batch_size: int

    def __init__(
        self,
        data: Sequence[ArrayLike] | np.ndarray,
        targets: Sequence[ArrayLike] | np.ndarray,
        length: int,
        sampling_rate: int = 1,
        stride: int = 1,
        start_index: int = 0,
        end_index: int | None = None,
        shuffle: bool = False,
        reverse: bool = False,
        batch_size: int = 128,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        if len(data) != len(targets):
            raise ValueError(
                f"Data and targets have to be of same length. Data length is {len(data)} while target length is"
                f" {len(targets)}"
            )
        self.data, self.targets = data, targets
        self.length, self.sampling_rate, self.stride = length, sampling_rate, stride
        self.start_index: int = start_index + length
        self.end_index: int = len(data) - 1 if end_index is None else end_index
        self.shuffle, self.reverse, self.batch_size = shuffle, reverse, batch_size
        if self.start_index > self.end_index:
            raise ValueError(
                f"`start_index+length={self.start_index} > end_index={self.end_index}` is disallowed, as no part of the"
                f" sequence would be left to be used as current step."
            )

    def __len__(self) -> int:
        return math.ceil((self.end_index - self.start_index + 1) / (self.batch_size * self.stride))

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        if not 0 <= index < len(self):
            raise IndexError(f"There are {len(self)} batches, numbered from 0. Received: {index}")
        if self.shuffle:
            ends = np.random.randint(self.start_index, self.end_index + 1, size=self.batch_size)
        else:
            first = self.start_index + self.batch_size * self.stride * index
            ends = np.arange(first, min(first + self.batch_size * self.stride, self.end_index + 1), self.stride)
        windows = np.array([self.data[end - self.length : end : self.sampling_rate] for end in ends])
        targets = np.array([self.targets[end] for end in ends])
        return (windows[:, ::-1, ...] if self.reverse else windows), targets


def make_sampling_table(size: int, sampling_factor: float = 1e-5) -> np.ndarray:
    """The probability with which the word of each rank is kept, by Zipf's law (Mikolov et al. 2013)."""
    rank = np.maximum(np.arange(size), 1)
    # By Zipf's law a frequency is about 1 / (rank * (log(rank) + gamma) + 1/2 - 1 / (12 rank)).
    inverse_frequency = rank * (np.log(rank) + 0.577) + 0.5 - 1 / (12 * rank)
    return np.minimum(1.0, np.sqrt(sampling_factor * inverse_frequency))


def skipgrams(
    sequence: Sequence[int],
    vocabulary_size: int,
    window_size: int = 4,
    negative_samples: float = 1.0,
    shuffle: bool = True,
    categorical: bool = False,
    sampling_table: Sequence[float] | np.ndarray | None = None,
    seed: int | None = None,
) -> tuple[list[list[int]], list[Any]]:
    """Pairs of words, with label 1 where the second stands within a window around the first, and 0 where it was drawn.

    Args:
        sequence: numbers of words; 0 is no word and is skipped.
        vocabulary_size: the largest number plus one.
        negative_samples: drawn pairs for each real one.
        categorical: labels `[0, 1]` and `[1, 0]` in place of 1 and 0.
        sampling_table: with which probability a word of each number begins pairs.
        seed: of the order of the pairs.
    """
    couples, labels = [], []
    for place, word in enumerate(sequence):
        if not word or (sampling_table is not None and sampling_table[word] < random.random()):
            continue
        start, end = max(0, place - window_size), min(len(sequence), place + window_size + 1)
        couples += [[word, sequence[other]] for other in range(start, end) if other != place and sequence[other]]
    labels = [[0, 1] if categorical else 1] * len(couples)
    if negative_samples > 0:
        first = [couple[0] for couple in couples]
        random.shuffle(first)
        count = int(len(couples) * negative_samples)
        couples += [[first[i % len(first)], random.randint(1, vocabulary_size - 1)] for i in range(count)]
        labels += [[1, 0] if categorical else 0] * count
    if shuffle:
        order = np.random.default_rng(seed).permutation(len(couples))
        couples, labels = [couples[i] for i in order], [labels[i] for i in order]
    return couples, labels
