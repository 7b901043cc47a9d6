"""Arrays in memory as a source: on the device as a whole if they fit, otherwise fed block by block."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cached_property
from typing import Any

import jax
import numpy as np

from ..core import settings
from ..core.placement import DEVICE, Placement
from ..core.types import ArrayLike, Nested
from . import resident
from .prefetch import prefetch
from .source import Batch, Block, Part, Passes, sample_of

# Rows that go to the device at once when the arrays do not fit. Long enough to hide a dispatch; short enough that the
# allocator gives the same memory again: with 64 MB, whose pages are fresh each time, a step takes 1.3 times as long.
BLOCK_BYTES = 16 * 2**20
# Rows go to the device and results come back in parts of about this size, whatever the number of rows.
_PART_BYTES = 32 * 2**20
_FEW = 32  # rows; up to here a batch is filled up to a power of two


class ArraySource:
    """Inputs, targets and weights that lie in memory.

    Args:
        arrays: structures of arrays with equal first axes.
        batch_size: rows per step; the last step of an epoch takes what is left.
        shuffle: False, True, or `"batch"` (shuffle whole batches).
        seed: of the order of rows; the order of a pass over them depends on this and the pass' number alone.
        steps: batches of an epoch, which goes on where the one before it ended; None: all.
        first_epoch: the epoch that begins with the first batch.
    """

    shuffle: bool | str
    seed: int

    draws = False
    place: Placement = DEVICE

    def __init__(
        self,
        arrays: Batch,
        batch_size: int,
        shuffle: bool | str = False,
        seed: int = 0,
        steps: int | None = None,
        first_epoch: int = 0,
    ):
        self.arrays: Batch = jax.tree.map(resident.kept, arrays)
        self.rows: int = len(jax.tree.leaves(arrays)[0])
        self.batch_size: int = min(batch_size, self.rows)
        # A single batch may be filled up, but is not much longer than need be.
        self._step_rows = min(batch_size, resident.rounded(self.rows, 1 if self.rows <= _FEW else 4))
        batches = -(-self.rows // self.batch_size)
        self.steps: int = min(settings.limited_steps(steps, batches) or batches, batches)
        self.passes: Passes = Passes(batches, self.steps, first_epoch)
        self.shuffle, self.seed = shuffle, seed
        self._resident: Batch | None = None

    def order(self, epoch: int) -> np.ndarray:
        """Row numbers of one epoch, int32."""
        number, start, stop = self.passes.place(epoch)
        return self._order_of_pass(number)[start * self.batch_size : stop * self.batch_size]

    def _order_of_pass(self, number: int) -> np.ndarray:
        rows = np.arange(self.rows, dtype=np.int32)
        if not self.shuffle or self.rows == 1:
            return rows
        random = np.random.default_rng((self.seed, number))
        if self.shuffle == "batch":
            batches = np.split(rows, range(self.batch_size, self.rows, self.batch_size))
            whole = [b for b in batches if len(b) == self.batch_size]
            mixed = [whole[i] for i in random.permutation(len(whole))] + [
                b for b in batches if len(b) < self.batch_size
            ]
            return np.concatenate(mixed)
        return random.permutation(rows)

    def state(self) -> dict[str, Any]:
        return {"seed": self.seed}

    def restore(self, state: dict[str, Any]) -> None:
        self.seed = state["seed"]

    def resume_signature(self) -> dict[str, Any]:
        return {
            **sample_of(self.arrays),
            "batch_size": self.batch_size,
            "steps": self.steps,
            "shuffle": self.shuffle,
        }

    def blocks(self, epoch: int, first: int = 0) -> Iterator[Block]:
        order = self.order(epoch)
        if self._resident is None and self.resident:
            self._resident = resident.put(self.arrays, with_room=True, place=self.place)
        if self._resident is not None:
            # One length for all epochs, so that one program serves them.
            longer = resident.padded(order, resident.room(self.steps * self.batch_size))
            yield Block(self._resident, longer, len(order), self._step_rows, first)
        else:
            yield from prefetch(self._parts(order, first))

    def _parts(self, order: np.ndarray, first: int) -> Iterator[Block]:
        size = rows_per_block(self.nbytes // self.rows, self.batch_size)
        begin = first * self.batch_size
        for start in range(begin, len(order), size):
            taken = order[start : start + size]
            # All blocks have one shape, so that one program serves them.
            arrays = jax.tree.map(lambda a, taken=taken: np.asarray(a[taken]), self.arrays)
            longer = resident.padded(np.arange(len(taken), dtype=np.int32), size)
            yield Block(*resident.put_block(arrays, longer, self.batch_size, self.place), len(taken), self.batch_size)

    @cached_property
    def resident(self) -> bool:
        return resident.bytes_to_copy(self.arrays, self.place) <= memory_budget()

    @property
    def nbytes(self) -> int:
        return sum(a.nbytes for a in jax.tree.leaves(self.arrays))


def parts(
    x: Nested[ArrayLike], batch_size: int, single: bool = False, together: bool = False, limit: int | None = None
) -> Iterator[Part]:
    """Inputs for `predict`: runs of whole batches, and the short batch at the end.

    Args:
        single: each batch by itself.
        together: the short batch may run with whole ones, as no row depends on others.
        limit: batches at most.
    """
    rows = len(jax.tree.leaves(x)[0])
    bytes_per_batch = max(1, sum(a.nbytes for a in jax.tree.leaves(x)) // rows * batch_size)
    rows = rows if limit is None else min(rows, limit * batch_size)
    whole, rest = divmod(rows, batch_size)
    if together and rest and not single:
        whole, rest = whole + 1, 0
    # A power of two, for which there is a program that need not be filled up.
    most = 1 if single else 1 << (max(1, _PART_BYTES // bytes_per_batch).bit_length() - 1)
    for start in range(0, whole, most):
        count = min(most, whole - start)
        taken = jax.tree.map(lambda a, s=start, c=count: a[s * batch_size : min((s + c) * batch_size, rows)], x)
        yield Part(taken, count, batch_size)
    if rest:
        yield Part(jax.tree.map(lambda a: a[whole * batch_size : rows], x), 1, batch_size)


def rows_per_block(bytes_per_row: int, batch_size: int) -> int:
    """Rows of a block of about `BLOCK_BYTES`: whole batches."""
    return max(1, BLOCK_BYTES // max(1, bytes_per_row) // batch_size) * batch_size


def memory_budget() -> int:
    """Bytes that copies of data may take on the device: 40 % of its memory, or `SEQUAX_RESIDENT_MB`."""
    if "SEQUAX_RESIDENT_MB" in os.environ:
        return int(float(os.environ["SEQUAX_RESIDENT_MB"]) * 2**20)
    stats = jax.local_devices()[0].memory_stats()
    if stats and "bytes_limit" in stats:
        return int(stats["bytes_limit"] * 0.4)
    return int(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") * 0.4) if hasattr(os, "sysconf") else 2**31


def split(arrays: Batch, fraction: float) -> tuple[Batch, Batch]:
    """The leading rows for training and the last `fraction` of them for validation, before any shuffling."""
    at = rows_kept(len(jax.tree.leaves(arrays)[0]), fraction)
    head: Batch = jax.tree.map(lambda a: a[:at], arrays)
    return head, jax.tree.map(lambda a: a[at:], arrays)


def rows_kept(rows: int, fraction: float) -> int:
    """Rows that a validation split leaves for training."""
    return int(np.floor(rows * (1.0 - fraction)))
