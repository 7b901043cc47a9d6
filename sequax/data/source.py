"""Where batches come from: a source gives blocks of rows, and the order in which to read them.

A block is a set of arrays on the device and a vector of row numbers. Resident data are one block an epoch
(`arrays.py`); arrays on disk (`large.py`) and streams (`stream_source.py`) are many small ones. The training loop sees
no difference.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol

import jax
import numpy as np

from ..core.placement import Placement
from ..core.types import Tensors

_SAMPLE_ROWS = 64  # that stand for all


class Batch(NamedTuple):
    """Inputs, targets and sample weights; structures of arrays whose first axis is the sample, or None.

    Fields:
        rows: how many of them count, int32; None if all do. Only on the device.
    """

    x: Tensors
    y: Tensors | None = None
    weight: Tensors | None = None
    rows: Any = None


class Block(NamedTuple):
    """Rows on the device, and the order in which batches take them."""

    arrays: Batch
    order: np.ndarray | None  # int32 row numbers; None: the rows are one batch, as they lie
    rows: int  # how many entries of `order` count; the others repeat the last
    batch_size: int
    first: int = 0  # batches at its beginning that an earlier run has done

    def counted(self) -> Block:
        """The same rows for steps that are told how many count."""
        return self._replace(arrays=self.arrays._replace(rows=np.int32(self.rows)))

    def tail(self, rows: int) -> Block:
        """The last rows, as a block of one short batch."""
        assert self.order is not None
        return self._replace(order=self.order[self.rows - rows : self.rows], rows=rows, batch_size=rows)


class Passes(NamedTuple):
    """How epochs lie in passes over arrays: an epoch of a number of steps goes on where the one before it ended.

    The last epoch of a pass has the batches that are left, as in Keras.

    Fields:
        batches: of a pass.
        steps: batches of an epoch.
        first_epoch: begins with the first batch.
    """

    batches: int
    steps: int
    first_epoch: int = 0

    @property
    def epochs(self) -> int:
        """Epochs that one pass gives."""
        return -(-self.batches // self.steps)

    def place(self, epoch: int) -> tuple[int, int, int]:
        """A number for the pass that an epoch is in, and the first batch of the epoch in it, and that after its last.

        The number is that of the epoch where a pass is an epoch.
        """
        number, part = divmod(epoch - self.first_epoch, self.epochs)
        return self.first_epoch + number, part * self.steps, min((part + 1) * self.steps, self.batches)


def digest(arrays: object) -> str:
    """A short name for the values of arrays."""
    state = hashlib.sha256()
    for leaf in jax.tree.leaves(arrays):
        array = np.ascontiguousarray(leaf)
        # Objects, such as texts, are pointers, which mean nothing in another process.
        state.update(repr(array.tolist()).encode() if array.dtype.hasobject else array.tobytes())
    return state.hexdigest()[:16]


def sample_of(arrays: object) -> dict[str, Any]:
    """What tells arrays apart: their shapes, and some of their rows."""
    rows = len(jax.tree.leaves(arrays)[0])
    some = np.linspace(0, rows - 1, num=min(rows, _SAMPLE_ROWS)).astype(int)
    return {"data": shapes_of(arrays), "values": digest(jax.tree.map(lambda a: a[some], arrays))}


def shapes_of(arrays: object) -> list[str]:
    return [f"{array.dtype}{list(array.shape)}" for array in jax.tree.leaves(arrays)]


class Part(NamedTuple):
    """Rows in memory that `predict` runs through at once: whole batches, or one batch of any size."""

    x: Tensors
    batches: int
    batch_size: int
    done: int = 0  # batches before these

    @property
    def end(self) -> int:
        return self.done + self.batches


class BatchSource(Protocol):
    """What `fit`, `evaluate` and `predict` read from.

    Attributes:
        place: where its blocks lie.
    """

    place: Placement

    @property
    def steps(self) -> int | None:
        """Batches in an epoch; None while that is not known."""
        ...

    @property
    def resident(self) -> bool:
        """Whether an epoch is one block that stays on the device."""
        ...

    @property
    def draws(self) -> bool:
        """Whether code of the user makes batches, which may draw from the random generators of the process."""
        ...

    def blocks(self, epoch: int, first: int = 0) -> Iterator[Block]:
        """The blocks of one epoch, from batch `first` on."""
        ...

    def state(self) -> dict[str, Any]:
        """What says, together with the number of the epoch, which batches come next; plain values."""
        ...

    def restore(self, state: dict[str, Any]) -> None:
        """Continue as the source would that gave this state."""
        ...

    def resume_signature(self) -> dict[str, Any]:
        """What must be equal for a run to be continued: shapes, sizes, a sample of the values; plain values."""
        ...
