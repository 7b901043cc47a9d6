"""Arrays as a source: moved to the device once if they fit, otherwise fed block by block."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import jax
import numpy as np

from .source import Batch, Block

# Rows that go to the device at once when the arrays do not fit: long enough to hide a dispatch, short enough to hold.
_BLOCK_BYTES = 64 * 2**20


class ArraySource:
    """Inputs, targets and weights that lie in memory (or in a memory-mapped file).

    Args:
        arrays: structures of arrays with equal first axes.
        batch_size: rows per step; the last step of an epoch takes what is left.
        shuffle: False, True, or `"batch"` (shuffle whole batches, for data on disk).
        seed: of the order of rows; the order of an epoch depends on this and the epoch's number alone.
        steps: rows beyond `steps * batch_size` are left out of each epoch.
    """

    def __init__(
        self, arrays: Batch, batch_size: int, shuffle: bool | str = False, seed: int = 0, steps: int | None = None
    ):
        self.arrays = arrays
        self.rows = len(jax.tree.leaves(arrays)[0])
        self.batch_size = min(batch_size, self.rows)
        if steps is not None:
            self.rows_per_epoch = min(self.rows, steps * self.batch_size)
        else:
            self.rows_per_epoch = self.rows
        self.steps = -(-self.rows_per_epoch // self.batch_size)
        self.shuffle, self.seed = shuffle, seed
        self._resident: Batch | None = None

    def example(self) -> Batch:
        return jax.tree.map(lambda a: jax.ShapeDtypeStruct((self.batch_size, *a.shape[1:]), a.dtype), self.arrays)

    def order(self, epoch: int) -> np.ndarray:
        """Row numbers of one epoch, int32."""
        if not self.shuffle:
            return np.arange(self.rows_per_epoch, dtype=np.int32)
        random = np.random.default_rng((self.seed, epoch))
        if self.shuffle == "batch":
            batches = np.split(np.arange(self.rows, dtype=np.int32), range(self.batch_size, self.rows, self.batch_size))
            whole = [b for b in batches if len(b) == self.batch_size]
            mixed = [whole[i] for i in random.permutation(len(whole))] + [
                b for b in batches if len(b) < self.batch_size
            ]
            return np.concatenate(mixed)[: self.rows_per_epoch]
        return random.permutation(np.arange(self.rows, dtype=np.int32))[: self.rows_per_epoch]

    def blocks(self, epoch: int) -> Iterator[Block]:
        order = self.order(epoch)
        if self._resident is None and self.resident:
            self._resident = jax.device_put(self.arrays)
        if self._resident is not None:
            yield Block(self._resident, order, len(order))
            return
        size = max(1, _BLOCK_BYTES // max(1, self.nbytes // self.rows) // self.batch_size) * self.batch_size
        for start in range(0, len(order), size):
            taken = order[start : start + size]
            # All blocks have one shape, so that one program serves them: the last is filled up with rows nobody reads.
            filled = np.resize(taken, size)
            arrays = jax.tree.map(lambda a, filled=filled: np.asarray(a[filled]), self.arrays)
            yield Block(jax.device_put(arrays), np.arange(size, dtype=np.int32), len(taken))

    @property
    def resident(self) -> bool:
        return self._resident is not None or self.nbytes <= memory_budget()

    @property
    def nbytes(self) -> int:
        return sum(a.nbytes for a in jax.tree.leaves(self.arrays))


def memory_budget() -> int:
    """Bytes of data that may lie on the device: 40 % of its memory, or `SEQUAX_RESIDENT_MB`."""
    if "SEQUAX_RESIDENT_MB" in os.environ:
        return int(float(os.environ["SEQUAX_RESIDENT_MB"]) * 2**20)
    stats = jax.devices()[0].memory_stats()
    if stats and "bytes_limit" in stats:
        return int(stats["bytes_limit"] * 0.4)
    return int(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") * 0.4) if hasattr(os, "sysconf") else 2**31


def split(arrays: Batch, fraction: float) -> tuple[Batch, Batch]:
    """The leading rows for training and the last `fraction` of them for validation, before any shuffling."""
    rows = len(jax.tree.leaves(arrays)[0])
    at = int(np.floor(rows * (1.0 - fraction)))
    head: Any = jax.tree.map(lambda a: a[:at], arrays)
    return head, jax.tree.map(lambda a: a[at:], arrays)
