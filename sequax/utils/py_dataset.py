"""`PyDataset`: batches by number, made when they are asked for."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from functools import cached_property
from typing import Any

import numpy as np

from ..data.pipeline.dataset import Dataset
from ..data.pipeline.sources import Batches
from ..data.pipeline.stage import Stage

Samples = np.ndarray | tuple[Any, ...]  # x alone, or with y and weights


class PyDataset:
    """Base of data sets that make their batches in Python, such as from files.

    A subclass has `__getitem__(index)`, which returns one whole batch, `(x, y)` or `(x, y, sample_weight)`, and
    `__len__`, the number of batches; without it there is no end, and `fit` wants `steps_per_epoch`. A batch must depend
    on its number and the epoch alone: batches may be asked for in any order and by several threads at once.

    Args:
        workers: threads (or processes) that make batches; 0 and 1: the thread that asks for them.
        use_multiprocessing: processes in place of threads, for batches that take long in Python itself; the data set
            must then be picklable.
        max_queue_size: batches made ahead when there are several workers.

    >>> class Squares(PyDataset):
    ...     def __len__(self):
    ...         return 3
    ...     def __getitem__(self, index):
    ...         return index**2
    >>> list(Squares()), Squares().num_batches
    ([0, 1, 4], 3)
    """

    # On the class, so that a subclass that does not call super().__init__() works with the defaults.
    _workers, _use_multiprocessing, _max_queue_size = 1, False, 10

    def __init__(self, workers: int = 1, use_multiprocessing: bool = False, max_queue_size: int = 10):
        self.workers, self.use_multiprocessing, self.max_queue_size = workers, use_multiprocessing, max_queue_size

    @property
    def workers(self) -> int:
        return self._workers

    @workers.setter
    def workers(self, value: int) -> None:
        self._workers = _at_least("workers", value, 0)

    @property
    def use_multiprocessing(self) -> bool:
        return self._use_multiprocessing

    @use_multiprocessing.setter
    def use_multiprocessing(self, value: bool) -> None:
        self._use_multiprocessing = bool(value)

    @property
    def max_queue_size(self) -> int:
        return self._max_queue_size

    @max_queue_size.setter
    def max_queue_size(self, value: int) -> None:
        self._max_queue_size = _at_least("max_queue_size", value, 1)

    def __getitem__(self, index: int) -> Any:
        """The batch of a number from 0 to `num_batches` - 1."""
        raise NotImplementedError(f"{type(self).__name__} has no `__getitem__(index)`: write one that returns a batch.")

    @property
    def num_batches(self) -> int | None:
        """Batches in an epoch; None: without end. Default: what `__len__` says."""
        if not hasattr(self, "__len__"):
            raise NotImplementedError(
                f"{type(self).__name__} has neither `__len__` nor a property `num_batches`: write one that says how"
                f" many batches an epoch has (None: without end), or pass `steps_per_epoch` (`steps`)."
            )
        return len(self)

    def __iter__(self) -> Iterator[Any]:
        """The batches of one epoch, in order; without end if their number is not known."""
        try:
            count = self.num_batches
        except NotImplementedError:
            count = None
        for index in itertools.count() if count is None else range(count):
            yield self[index]

    def on_epoch_begin(self) -> None:
        """Called before the first batch of an epoch is asked for."""

    def on_epoch_end(self) -> None:
        """Called after the last batch of an epoch: the place to mix the samples again."""


def _at_least(name: str, value: int, least: int) -> int:
    if isinstance(value, bool) or not hasattr(value, "__index__") or value < least:
        raise ValueError(f"PyDataset: `{name}` must be a whole number of at least {least}. Received: {name}={value!r}")
    return int(value)


class SampleDataset(PyDataset, Dataset):
    """Samples by number, in batches, mixed differently for each epoch.

    A batch that is asked for by number is of NumPy. Who iterates gets tensors, and each of the methods of `Dataset`,
    such as `map`, `cache`, `take` and `prefetch`, gives a data set that goes on with the batches.

    A subclass has `samples(numbers)`, which makes the batch of the samples with these numbers.

    Args:
        count: number of samples.
        batch_size: samples in a batch, the last one may have fewer; None: samples come one by one, without a batch
            axis.
        shuffle: whether to mix them.
        seed: of the order, which depends on this and on the number of epochs begun before alone.
    """

    def __init__(self, count: int, batch_size: int | None, shuffle: bool, seed: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.count = count
        self.batch_size = batch_size
        self.mixes: bool = shuffle
        self.in_numpy = False  # whether who iterates gets the batches as they are by number
        self.seed = seed
        self.epoch: int = 0
        self._order: tuple[int, np.ndarray] | None = None  # the epoch, and its order

    def samples(self, numbers: np.ndarray) -> Samples:
        raise NotImplementedError

    def __len__(self) -> int:
        return math.ceil(self.count / (self.batch_size or 1))

    def order(self) -> np.ndarray:
        """Numbers of the samples in the order of this epoch."""
        known, epoch = self._order, self.epoch
        if known is None or known[0] != epoch:
            random = np.random.default_rng((self.seed, epoch))
            known = epoch, random.permutation(self.count) if self.mixes else np.arange(self.count)
            self._order = known
        return known[1]

    def __getitem__(self, index: int) -> np.ndarray | Any:
        if not 0 <= index < len(self):
            raise IndexError(f"There are {len(self)} batches, numbered from 0. Received: {index}")
        if self.batch_size is None:
            batch = self.samples(self.order()[index : index + 1])
            return tuple(part[0] for part in batch) if isinstance(batch, tuple) else batch[0]
        return self.samples(self.order()[index * self.batch_size : (index + 1) * self.batch_size])

    @cached_property
    def stage(self) -> Stage:
        return Batches(self)

    def __iter__(self) -> Iterator[Any]:
        if not self.in_numpy:
            return Dataset.__iter__(self)
        return itertools.chain(PyDataset.__iter__(self), self._ended())

    def _ended(self) -> Iterator[Any]:
        """Nothing, behind the last batch of an epoch."""
        self.on_epoch_end()
        yield from ()

    def begin_order(self) -> np.ndarray:
        """The order of a pass; the next one is another epoch."""
        order = self.order()
        self.on_epoch_end()
        return order

    def on_epoch_end(self) -> None:
        """The next epoch has another order."""
        self.epoch += 1


Sequence = PyDataset  # its name in Keras 2
