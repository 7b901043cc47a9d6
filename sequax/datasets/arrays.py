"""What the modules of data sets share: where files come from, and how samples are mixed and divided."""

from __future__ import annotations

import json
import zipfile
import zlib
from typing import Any

import numpy as np

Split = tuple[np.ndarray, np.ndarray]

ORIGIN = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"


def shuffled(seed: int, *arrays: np.ndarray) -> list[Any]:
    """Arrays of equal length, mixed in the same way by a seed, as Keras mixes them."""
    order = np.arange(len(arrays[0]))
    np.random.RandomState(seed).shuffle(order)
    return [array[order] for array in arrays]


def split(x: np.ndarray, y: np.ndarray, test_split: float) -> tuple[Split, Split]:
    """The first samples to train on, the last `test_split` of them to test with."""
    at = int(len(x) * (1 - test_split))
    return (x[:at], y[:at]), (x[at:], y[at:])


def check_test_split(test_split: float) -> None:
    if not 0 <= test_split < 1:
        raise ValueError(f"Invalid `test_split` argument: {test_split}. It must be between 0 and 1 (exclusive of 1).")


def load_arrays(path: str, *names: str) -> list[np.ndarray]:
    """Arrays of an `.npz` file that holds numbers only.

    Raises:
        ValueError: if the file is damaged, or does not hold these arrays.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return [arrays[name] for name in names]
    except (KeyError, EOFError, AttributeError, TypeError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(
            f"{path} does not hold the arrays {', '.join(names)}: {error}. Delete it to download it again."
        ) from None


def load_word_index(path: str) -> dict[str, int]:
    """Words and their numbers from a JSON file."""
    with open(path, encoding="utf-8") as file:
        return json.load(file)
