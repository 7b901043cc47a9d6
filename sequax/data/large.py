"""Arrays larger than memory: memory-mapped files, HDF5 and zarr data sets, anything with a shape that gives rows.
Sparse matrices are among them when their zeros would not fit.

They are read part by part while training goes on. Reading single rows from a disk in random order would make the disk
the bottleneck, so shuffling moves runs of neighbouring rows: the runs come in random order, and the rows of the many
runs that lie in memory together are mixed.
"""

from __future__ import annotations

import mmap
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any

import numpy as np

from ..core import peers, settings
from ..core.placement import DEVICE, Placement
from ..core.types import Data
from . import checks, resident
from .arrays import memory_budget, rows_per_block
from .convert import dense, is_sparse
from .prefetch import prefetch
from .source import Batch, Block, Passes, digest, shapes_of

_RUN_BYTES = 2**18  # rows that are read together: long for a disk, short beside a block

Read = Callable[[Any, Any, Any], Batch]


def parts_of(data: Data | None) -> list[Any]:
    """The arrays in an argument of `fit`: of a dict, a list or tuple of arrays, or the argument itself."""
    if data is None:
        return []
    if isinstance(data, Mapping) and not is_sparse(data):
        return list(data.values())
    if isinstance(data, (list, tuple)):
        return list(data) if any(hasattr(item, "shape") for item in data) else []
    return [data]


def is_large(*arguments: Data | None) -> bool:
    """Whether arguments hold arrays on disk that together do not fit into memory."""
    arrays = [array for argument in arguments for array in parts_of(argument)]
    on_disk = [array for array in arrays if _on_disk(array)]
    return bool(on_disk) and sum(map(_nbytes, on_disk)) > memory_budget()


def _on_disk(array: Any) -> bool:
    """Memory-mapped, or neither NumPy's nor in the memory of another library, yet with rows to ask for."""
    if isinstance(array, np.ndarray):
        return _map_of(array) is not None
    if is_sparse(array):
        return True
    if any(hasattr(array, name) for name in ("iloc", "detach", "to_numpy", "addressable_data", "toarray", "nse")):
        return False
    has_rows = all(hasattr(array, name) for name in ("shape", "dtype", "__getitem__")) and bool(array.shape)
    return has_rows and None not in array.shape  # a size that nobody knows is that of ragged rows


def _map_of(array: object) -> mmap.mmap | None:
    """The memory map that an array looks into."""
    while isinstance(array, np.ndarray):
        array = array.base
    return array if isinstance(array, mmap.mmap) else None


def _nbytes(array: Any) -> int:
    return int(np.prod(array.shape, dtype=np.int64)) * np.dtype(array.dtype).itemsize


class LargeSource:
    """Inputs, targets and weights as the user gave them, converted and checked part by part.

    Args:
        data: `(x, y, sample_weight)`, each an array, a list or dict of arrays, or None.
        read: makes a checked batch of such a triple of NumPy arrays.
        taken: the rows to use.
        batch_size: rows per step.
        shuffle: False, True (runs of rows are moved, and mixed), or `"batch"` (whole batches are moved).
        seed: of the order, which depends on this and the number of the pass over the rows alone.
        steps: batches of an epoch, which goes on where the one before it ended; None: all.
        first_epoch: the epoch that begins with the first batch.
    """

    data: tuple[Any, Any, Any]
    read: Read
    taken: range
    shuffle: bool | str
    seed: int

    resident = False
    draws = False
    place: Placement = DEVICE

    def __init__(
        self,
        data: tuple[Any, Any, Any],
        read: Read,
        taken: range,
        batch_size: int,
        shuffle: bool | str = False,
        seed: int = 0,
        steps: int | None = None,
        first_epoch: int = 0,
    ):
        x, y, weight = (_mapped(part, _by_rows) for part in data)
        self.data, self.read, self.taken, self.shuffle, self.seed = (x, y, weight), read, taken, shuffle, seed
        self.rows: int = len(taken)
        self.batch_size: int = min(batch_size, self.rows)
        batches = -(-self.rows // self.batch_size)
        self.steps: int = min(settings.limited_steps(steps, batches) or batches, batches)
        self.passes: Passes = Passes(batches, self.steps, first_epoch)
        per_row = sum(_nbytes(array) for part in data for array in parts_of(part)) // count_rows(data)
        self.block_rows: int = min(rows_per_block(per_row, self.batch_size), -(-self.rows // batch_size) * batch_size)
        self._run = self.batch_size if shuffle == "batch" else max(1, _RUN_BYTES // max(1, per_row))

    def batch(self, start: int, stop: int) -> Batch:
        """The rows `start` to `stop`, checked."""
        return self._read(np.arange(start, stop) + self.taken.start)

    def state(self) -> dict[str, Any]:
        return {"seed": self.seed}

    def restore(self, state: dict[str, Any]) -> None:
        self.seed = state["seed"]

    def resume_signature(self) -> dict[str, Any]:
        begin = self.batch(0, self.batch_size)
        every = [array for part in self.data for array in parts_of(part) if hasattr(array, "shape")]
        return {
            "data": shapes_of(every),
            "values": digest(begin),
            "batch_size": self.batch_size,
            "steps": self.steps,
            "shuffle": self.shuffle,
        }

    def blocks(self, epoch: int, first: int = 0) -> Iterator[Block]:
        blocks = prefetch(self._blocks(epoch, first))
        return blocks if self.place.processes == 1 else self._told(blocks, epoch)

    def _told(self, blocks: Iterator[Block], epoch: int) -> Iterator[Block]:
        """The same blocks, of which each process has read a part: what is wrong with one ends the training in all."""
        for block, _ in peers.made_by_all(blocks, f"the rows of epoch {epoch + 1}"):
            if block is None:
                return
            yield block

    def _blocks(self, epoch: int, first: int) -> Iterator[Block]:
        number, start, stop = self.passes.place(epoch)
        random = np.random.default_rng((self.seed, number))
        size = self.block_rows
        begin, done = start + first, 0  # batches of the pass
        for taken in self._parts(random):
            order = np.arange(len(taken), dtype=np.int32)
            if self.shuffle is True:
                order = mixed(len(taken), self.batch_size, random)
            batches = -(-len(taken) // self.batch_size)
            if begin < done + batches:  # else it is done, and only the random numbers had to be drawn
                rows = min(len(taken), (stop - done) * self.batch_size)
                taken, order = resident.needed(taken, order[:rows], self.batch_size, self.place)
                order = resident.padded(order, size)
                placed = resident.put_block(self._read(taken), order, self.batch_size, self.place)
                yield Block(*placed, rows, self.batch_size, max(0, begin - done))
            done += batches
            if done >= stop:
                return

    def _parts(self, random: np.random.Generator) -> Iterator[np.ndarray]:
        """Row numbers of each block; neighbours stay together in runs."""
        starts = np.arange(self.taken.start, self.taken.stop, self._run)
        if self.shuffle:
            # A short run stays at the end, where the short batch is.
            whole = len(starts) - (self.rows % self._run > 0)
            starts[:whole] = random.permutation(starts[:whole])
        remaining, waiting = self.rows, np.zeros(0, np.int64)
        for start in starts.tolist():
            waiting = np.concatenate([waiting, np.arange(start, min(start + self._run, self.taken.stop))])
            while len(waiting) >= (count := min(self.block_rows, remaining)):
                yield waiting[:count]
                waiting, remaining = waiting[count:], remaining - count
                if not remaining:
                    return

    def _read(self, rows: np.ndarray) -> Batch:
        x, y, weight = (_mapped(part, lambda array: take(array, rows)) for part in self.data)
        with checks.numbered_rows(rows):
            return self.read(x, y, weight)


def mixed(rows: int, batch_size: int, random: np.random.Generator) -> np.ndarray:
    """A random order of rows in which each place of a batch draws from neighbours of its own, int32.

    So what a part of each batch has, as one of several processes does, lies together, and can be read as it lies; and
    each batch has rows of all parts.
    """
    whole, rest = divmod(rows, batch_size)
    # By place, behind each other; the first ones have a row in the short batch, too.
    longer = np.arange(rest * (whole + 1), dtype=np.int32).reshape(rest, whole + 1)
    others = np.arange(longer.size, rows, dtype=np.int32).reshape(batch_size - rest, whole)
    longer, others = random.permuted(longer, axis=1), random.permuted(others, axis=1)
    return np.concatenate([np.concatenate([longer[:, :whole], others]).T.reshape(-1), longer[:, whole]])


def count_rows(data: tuple[Any, Any, Any]) -> int:
    """The number of rows, which all arrays must agree on."""
    x, y, weight = data
    groups = {"x": parts_of(x), "y": parts_of(y), "sample_weight": parts_of(weight)}
    return checks.check_rows({name: [_Sized(a) for a in arrays] for name, arrays in groups.items()})


class _Sized:
    """The number of rows of an array that is not read."""

    def __init__(self, array: Any):
        self.ndim = len(array.shape) if hasattr(array, "shape") else 1
        self.length = array.shape[0] if hasattr(array, "shape") else len(array)

    def __len__(self) -> int:
        return self.length


def take(array: Any, rows: np.ndarray) -> np.ndarray:
    """Rows of an array in memory or on disk, as a NumPy array of its own, in the order of `rows`.

    Data sets on disk are asked for runs of neighbouring rows, which all of them can give fast.
    """
    if hasattr(array, "iloc"):  # pandas: by position
        return np.asarray(array.iloc[rows])
    if is_sparse(array):
        return dense(array[rows])
    if not isinstance(array, np.ndarray) and _on_disk(array):
        return np.concatenate([np.asarray(array[start:stop]) for start, stop in _runs(rows)])
    array = np.asarray(array)
    memory_map = _map_of(array)
    if memory_map is None:
        return array[rows]
    return _from_map(memory_map, array, rows)


def _by_rows(array: Any) -> Any:
    """A sparse matrix in the form that gives rows; others as they are."""
    return array.tocsr() if is_sparse(array) else array


def _runs(rows: np.ndarray) -> Iterator[tuple[int, int]]:
    """Neighbouring rows as (first, last + 1)."""
    breaks = np.flatnonzero(np.diff(rows) != 1) + 1
    for start, stop in zip([0, *breaks], [*breaks, len(rows)], strict=True):
        yield int(rows[start]), int(rows[stop - 1]) + 1


def _from_map(memory_map: mmap.mmap, array: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Rows of a memory-mapped array.

    Each run is announced before it is read: 1.6 GB/s of fresh pages where one page fault after the other gives 0.25.
    Pages that were read would stay mapped, and count as memory of this process, until it says that they may go.
    """
    whole = np.frombuffer(memory_map, np.uint8).__array_interface__["data"][0]
    first = array.__array_interface__["data"][0] - whole
    taken = np.empty((len(rows), *array.shape[1:]), array.dtype)
    done = 0
    for start, stop in _runs(rows):
        with suppress(AttributeError, OSError, ValueError):  # not every system takes advice
            at = first + start * array.strides[0]
            page = at // mmap.PAGESIZE * mmap.PAGESIZE
            memory_map.madvise(mmap.MADV_WILLNEED, page, at - page + (stop - start) * array.strides[0])
        taken[done : done + stop - start] = array[start:stop]
        done += stop - start
    with suppress(AttributeError, OSError, ValueError):
        memory_map.madvise(mmap.MADV_DONTNEED)
    return taken


def _mapped(data: object, function: Callable[[Any], Any]) -> Any:
    """The function of each array in an argument, in the argument's structure."""
    if data is None:
        return None
    if isinstance(data, Mapping) and not is_sparse(data):
        return {key: function(value) for key, value in data.items()}
    if isinstance(data, (list, tuple)) and parts_of(data):
        return type(data)(function(value) for value in data)
    return function(data)
