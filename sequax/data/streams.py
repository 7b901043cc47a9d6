"""Data that come as batches: generators, `PyDataset`, loaders of torch and grain, `tf.data`, anything to iterate over.

Other libraries are recognised by what their objects can do, never by importing them. A `Stream` hides the
differences: `begin()` starts a pass over the data and gives an iterator of batches as the user made them.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import Any, TypeGuard

import numpy as np

from ..core.types import Data
from . import convert
from .pipeline.dataset import Dataset
from .pipeline.spec import INFINITE
from .pipeline.structures import leaves
from .samples import AsGiven
from .workers import batches_by_number

EXPECTED = "expected (x, y) or (x, y, sample_weight). Several inputs go into one list or dict: ((x1, x2), y)."


def is_stream(data: object) -> TypeGuard[Data]:
    """Whether data come batch by batch, so that they are iterated over and not converted as a whole."""
    if data is None or isinstance(data, (str, bytes, list, tuple, Mapping, np.ndarray)):
        return False
    if any(hasattr(data, name) for name in ("shape", "__array__", "to_numpy", "__dataframe__", "toarray")):
        return False
    return hasattr(data, "__next__") or _gives_batches_by_number(data) or hasattr(data, "__iter__")


def stream_of(data: Any, what: str, shuffle: bool | str = False, seed: int = 0) -> Stream:
    """The stream over an object that `is_stream` has recognised.

    Args:
        what: the argument's name in messages.
        shuffle: whether batches that can be asked for by number come in another order in each pass.
        seed: of that order.
    """
    if hasattr(data, "__next__"):
        return OnePass(data, what)
    if _gives_batches_by_number(data):
        return Numbered(data, what, bool(shuffle), seed)
    if isinstance(data, Dataset):
        return Pipeline(data, what)
    return Stream(data, what)


def unpacked(item: object, what: str) -> tuple[Any, Any, Any]:
    """`(x, y, sample_weight)` of a batch; a list of two or three counts as a tuple, since torch's loader gives lists.

    More parts than three are only for steps that the user wrote, and stay together in `x`.

    Raises:
        ValueError: for a tuple of nothing.
    """
    if not isinstance(item, (list, tuple)) or hasattr(item, "_fields"):
        return in_numpy(item), None, None
    if len(item) > 3:
        return AsGiven(type(item)(map(in_numpy, item))), None, None
    if not item:
        raise ValueError(f"{what} is an empty {type(item).__name__}; {EXPECTED}")
    x, y, weight = (*item, None, None)[:3]
    return in_numpy(x), in_numpy(y), in_numpy(weight)


def in_numpy(data: Any) -> Any:
    """Tensors of other libraries as NumPy arrays, in dicts and lists too; all else stays as it is."""
    if data is None or type(data) is np.ndarray:
        return data
    if isinstance(data, Mapping):
        return {key: in_numpy(value) for key, value in data.items()}
    if type(data) in (list, tuple) and any(hasattr(v, "__array__") or isinstance(v, Mapping) for v in data):
        return type(data)(map(in_numpy, data))
    if hasattr(data, "__array__") and hasattr(data, "dtype") and not hasattr(data, "iloc"):
        return convert.as_array(data, "a batch")
    return data


class Stream:
    """Data that can be iterated over any number of times, such as a loader.

    Attributes:
        what: the argument's name in messages.
        batches: how many a pass has; None if that is not known.
        restarts: whether a second pass is possible.
        seeks: whether a pass can begin further on without making the batches before.
        shuffle: whether Sequax chooses the order of the batches.
        passes: how many have begun.
    """

    data: Any
    what: str

    restarts = True
    seeks = False
    shuffle = False

    def __init__(self, data: Any, what: str):
        self.data, self.what = data, what
        self.seed: int = 0
        self.passes: int = 0

    @property
    def kind(self) -> str:
        return type(self.data).__name__

    @property
    def batches(self) -> int | None:
        try:
            return len(self.data)
        except (TypeError, NotImplementedError):  # torch raises the one, tf.data the other, for unknown lengths
            return None

    def epoch(self) -> int | None:
        """How many batches make an epoch where the caller does not say."""
        return self.batches

    def begin(self) -> Iterator[Any]:
        """Start a pass."""
        self.passes += 1
        return self.from_batch(0)

    def from_batch(self, number: int) -> Iterator[Any]:
        """The batches of this pass from this one on."""
        return itertools.islice(iter(self.data), number, None)

    def end(self) -> None:
        """A pass is over."""

    def hint(self, batch: Any) -> str:
        """What to add to the message about a batch that does not fit."""
        return ""


class OnePass(Stream):
    """A generator or another iterator: what it gave is gone."""

    restarts = False
    batches = None

    def from_batch(self, number: int) -> Iterator[Any]:
        assert number == 0
        return self.data


class Pipeline(Stream):
    """A `Dataset`: its elements are taken as they come out of its last stage, in NumPy."""

    def epoch(self) -> int | None:
        if self.data.stage.count() == INFINITE:
            raise ValueError(
                f"{self.what} is a data set without end: say how many batches make an epoch, by `steps_per_epoch` of"
                f" `fit` (`validation_steps` for validation_data, `steps` of `evaluate` and `predict`)."
            )
        return self.batches

    def from_batch(self, number: int) -> Iterator[Any]:
        return itertools.islice(self.data.as_numpy_iterator(), number, None)

    def hint(self, batch: Any) -> str:
        single = any(np.ndim(leaf) == 0 for leaf in leaves(batch) if leaf is not None)
        return " A data set gives single elements until `.batch(size)` makes batches of them." if single else ""


class Numbered(Stream):
    """A `PyDataset` or `Sequence`: batches are asked for by number, in any order and by several workers."""

    shuffle: bool
    seed: int

    seeks = True

    def __init__(self, data: Any, what: str, shuffle: bool, seed: int):
        super().__init__(data, what)
        self.shuffle, self.seed = shuffle, seed

    @property
    def batches(self) -> int | None:
        try:
            return self.epoch()
        except (TypeError, NotImplementedError):  # it has no length
            return None

    def epoch(self) -> int | None:
        count = self.data.num_batches if hasattr(type(self.data), "num_batches") else len(self.data)
        return None if count is None else int(count)

    def begin(self) -> Iterator[Any]:
        if hasattr(self.data, "on_epoch_begin"):
            self.data.on_epoch_begin()
        return super().begin()

    def from_batch(self, number: int) -> Iterator[Any]:
        count = self.batches
        if count is None:
            return batches_by_number(self.data, itertools.count(number))
        order = np.arange(count)
        if self.shuffle:
            order = np.random.default_rng((self.seed, self.passes)).permutation(count)
        return batches_by_number(self.data, order[number:].tolist())

    def end(self) -> None:
        if hasattr(self.data, "on_epoch_end"):
            self.data.on_epoch_end()


def _gives_batches_by_number(data: object) -> bool:
    """`PyDataset`, `Sequence` of older Keras, and whatever looks like them."""
    return hasattr(data, "__getitem__") and hasattr(data, "on_epoch_end")
