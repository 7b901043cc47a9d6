"""A stream as a source: batches are checked and stacked in a thread, and go to the device several at a time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import jax
import numpy as np

from . import checks
from .prefetch import prefetch
from .source import Batch, Block
from .streams import Stream, unpacked

# Batches that go to the device together: enough to hide a dispatch, few enough to hold several such blocks.
_MOST_BATCHES, _BLOCK_BYTES = 64, 16 * 2**20
# A block is closed when a batch took longer than this, or all of it: a slow stream does not keep the device waiting.
_PATIENCE_SECONDS = 0.05

Read = Callable[[Any, Any, Any], Batch]


class StreamSource:
    """Batches of a stream, in blocks of batches that have one shape.

    Args:
        stream: where the batches come from.
        read: makes a checked batch of `(x, y, sample_weight)`.
        steps: batches in an epoch; None: a pass over the stream is an epoch.
        several: whether more than one epoch will be asked for.

    With `steps`, an epoch goes on where the one before it ended, and a stream that can start again does so.
    A stream that ends before that is an error, never a short epoch and never the same batches again.
    """

    resident = False

    def __init__(self, stream: Stream, read: Read, steps: int | None = None):
        self.stream, self.read = stream, read
        self.steps = steps if steps is not None else stream.batches
        self._limit = steps
        self._pass: Iterator[Any] | None = None
        self._in_pass = 0  # batches that this pass has given
        self._given = 0  # in all
        self._waiting: list[Batch] = []

    def peek(self) -> Batch:
        """The first batch, which the first epoch will still begin with: a model is built from it."""
        if not self._waiting:
            batch = self._next()
            if batch is None:
                raise ValueError(f"{self.stream.what} gave no batches.")
            self._waiting.append(batch)
        return self._waiting[0]

    def batches(self, epoch: int = 0) -> Iterator[Batch]:
        """The batches of one epoch.

        Raises:
            ValueError: for a batch that does not fit the model, and when the stream ends too early.
        """
        done = 0
        while self._limit is None or done < self._limit:
            batch = self._waiting.pop() if self._waiting else self._next()
            if batch is None:
                if self._limit is None and done:
                    break
                if not (self.stream.restarts and self._in_pass):
                    self._refuse_end(epoch, done)
                continue  # the next pass goes on within this epoch
            done += 1
            yield batch
        if self._limit is None:
            self.steps = done
        elif self._in_pass == self.stream.batches:
            self._end_pass()  # it ends together with the epoch

    def _end_pass(self) -> None:
        self.stream.end()
        self._pass = None

    def _next(self) -> Batch | None:
        """The next batch of this pass; None at its end."""
        if self._pass is None:
            if self._given and not self.stream.restarts:
                return None
            self._pass, self._in_pass = self.stream.begin(), 0
        name = f"batch {self._given} of {self.stream.what}"
        try:
            item = next(self._pass)
        except StopIteration:
            self._end_pass()
            return None
        except Exception as error:
            error.add_note(f"This came from the {self.stream.kind} while it made {name} (counted from 0).")
            raise
        try:
            batch = self.read(*unpacked(item, name))
        except (ValueError, TypeError) as error:
            message = str(error)
            raise type(error)(message if message.startswith(name) else f"{name} (counted from 0): {message}") from None
        self._in_pass += 1
        self._given += 1
        return batch

    def _refuse_end(self, epoch: int, done: int) -> None:
        what, kind = self.stream.what, self.stream.kind
        if self.stream.restarts:
            raise ValueError(f"{what} ({kind}) gave no batches in epoch {epoch + 1}, though it did before.")
        wanted = "and another epoch begins" if self._limit is None else f"{done} of {self._limit} in this epoch"
        raise ValueError(
            f"{what} ({kind}) has ended: it gave {checks.plural(self._given, 'batch')} in all, {wanted}. A generator"
            f" gives its batches once: write one that goes on (`while True:`) and say how many batches make an epoch,"
            f" or pass a `PyDataset` or another object that can be iterated over again."
        )

    def blocks(self, epoch: int) -> Iterator[Block]:
        return prefetch(self._blocks(epoch))

    def _blocks(self, epoch: int) -> Iterator[Block]:
        batches = self.batches(epoch)
        stack: Stack | None = None
        while True:
            asked = time.monotonic()
            try:
                batch = next(batches, None)
            except Exception:
                if stack is not None:  # what came before is trained on before the error is raised
                    yield stack.block()
                raise
            if stack is not None and (batch is None or not stack.takes(batch)):
                yield stack.block()
                stack = None
            if batch is None:
                return
            stack = stack or Stack(batch)
            stack.add(batch)
            if stack.is_full or time.monotonic() - min(asked, stack.started) > _PATIENCE_SECONDS:
                yield stack.block()
                stack = None


class Stack:
    """Batches of one shape on their way into one block."""

    def __init__(self, first: Batch):
        self.kind = _kind(first)
        self.batch_size = len(jax.tree.leaves(first)[0])
        size = sum(a.nbytes for a in jax.tree.leaves(first))
        self.most = max(1, min(_MOST_BATCHES, _BLOCK_BYTES // max(1, size)))
        self.batches: list[Batch] = []
        self.started = time.monotonic()

    def takes(self, batch: Batch) -> bool:
        return _kind(batch) == self.kind

    def add(self, batch: Batch) -> None:
        self.batches.append(batch)

    @property
    def is_full(self) -> bool:
        return len(self.batches) == self.most

    def block(self) -> Block:
        """All batches one after another; always room for `most`, so that one program serves every number of them."""
        rows = self.most * self.batch_size
        arrays = jax.tree.map(lambda *parts: _joined(parts, rows), *self.batches)
        order = np.arange(rows, dtype=np.int32)
        return Block(jax.device_put(arrays), order, len(self.batches) * self.batch_size, self.batch_size)


def _kind(batch: Batch) -> Any:
    flat, structure = jax.tree.flatten(batch)
    return structure, tuple((a.shape, a.dtype) for a in flat)


def _joined(parts: tuple[np.ndarray, ...], rows: int) -> np.ndarray:
    joined = np.empty((rows, *parts[0].shape[1:]), parts[0].dtype)
    np.concatenate(parts, out=joined[: sum(map(len, parts))])
    return joined
