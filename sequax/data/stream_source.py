"""A stream as a source: batches are checked and stacked in a thread, and go to the device several at a time."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Iterator
from typing import Any, NamedTuple

import jax
import numpy as np

from ..core import peers, settings
from ..core.placement import DEVICE, Placement, Spread
from ..core.warning import warn
from . import checks, resident
from .prefetch import prefetch
from .source import Batch, Block, digest, shapes_of
from .streams import Stream, unpacked

# Batches that go to the device together: enough to hide a dispatch, few enough to hold several such blocks.
_MOST_BATCHES, _BLOCK_BYTES = 64, 16 * 2**20
# A block is closed when a batch took longer than this, or all of it: a slow stream does not keep the device waiting.
_PATIENCE_SECONDS = 0.05
# An epoch whose batches are made in less time is made without a thread, whose start and switches would take longer.
_QUICK_SECONDS = 0.002

Read = Callable[[Any, Any, Any], Batch]


class Item(NamedTuple):
    """A batch as the stream gave it: until the next one is asked for, since a stream may fill the same arrays again."""

    name: str
    data: tuple[Any, Any, Any]  # x, y, sample_weight

    def kept(self) -> Item:
        """The same with memory of its own."""
        return Item(self.name, jax.tree.map(_own, self.data))


class StreamSource:
    """Batches of a stream, in blocks of batches that have one shape.

    Args:
        stream: where the batches come from.
        read: makes a checked batch of `x`, `y` and `sample_weight`.
        steps: batches in an epoch; None: a pass over the stream is an epoch.

    With `steps`, an epoch goes on where the one before it ended, and a stream that can start again does so.
    A stream that ends before that is an error, never a short epoch and never the same batches again.
    """

    stream: Stream
    read: Read

    resident = False
    draws = True
    place: Placement = DEVICE

    def __init__(self, stream: Stream, read: Read, steps: int | None = None):
        self.stream, self.read = stream, read
        batches = stream.epoch() if steps is None else None
        steps = settings.limited_steps(steps, batches)
        self.steps = steps if steps is not None else batches
        self._limit = steps
        self._pass: Iterator[Any] | None = None
        self._in_pass = 0  # batches that this pass has given
        self._given = 0  # in all
        self._opening: str | None = None  # the first batch of this pass in short, by which a resumed run knows it
        self._waiting: list[Item] = []
        self._seconds = _QUICK_SECONDS  # that making the batches of the last whole epoch took

    def peek(self) -> Batch:
        """The first batch, which the first epoch will still begin with: a model is built from it."""
        if not self._waiting:
            item = self._next()
            if item is None:
                raise ValueError(f"{self.stream.what} gave no batches.")
            self._waiting.append(item.kept())
        return self._read(self._waiting[0])

    def batches(self) -> Iterator[Batch]:
        """The checked batches of one epoch, one by one."""
        for item in self._items(0):
            yield jax.tree.map(np.array, self._read(item))

    def state(self) -> dict[str, Any]:
        """Where the stream stands between two epochs; during one, a thread is ahead of what was trained on."""
        stream, ahead = self.stream, len(self._waiting)
        open_pass = self._pass is not None
        at = {"given": self._given - ahead, "in_pass": self._in_pass - ahead if open_pass else 0, "open": open_pass}
        return {"seed": stream.seed, "passes": stream.passes, "opening": self._opening, **at}

    def restore(self, state: dict[str, Any]) -> None:
        if self.stream.restarts:
            self._begin_passes(state)
        else:
            while self._given < max(1, state["given"]):
                if self._next() is None:
                    self._refuse_end(0, 0)
        self._compare_opening(state)
        if state["given"] == 0:
            return
        self._waiting.clear()
        if self.stream.restarts and not state["open"]:
            self._end_pass()
        elif self.stream.seeks:
            self._pass = self.stream.from_batch(state["in_pass"])
        elif self.stream.restarts:
            while self._in_pass < state["in_pass"] and self._next() is not None:
                pass
        self._in_pass, self._given = state["in_pass"], state["given"]

    def _begin_passes(self, state: dict[str, Any]) -> None:
        """Begin as many passes as the run had begun, and read the first batch of the last of them."""
        stream = self.stream
        if stream.passes == state["passes"] and stream.seed == state["seed"]:
            return
        stream.seed = state["seed"]
        self._waiting.clear()
        if stream.passes == state["passes"]:
            self._pass = stream.from_batch(0)  # in the order of that seed
        self._in_pass = self._given = 0
        while stream.passes < state["passes"]:
            stream.end()
            self._pass = stream.begin()
            if not stream.seeks and stream.passes < state["passes"]:
                next(self._pass, None)  # a loader chooses its order when it is asked for the first batch
        item = self._next()
        if item is not None:
            self._waiting.append(item.kept())

    def _compare_opening(self, state: dict[str, Any]) -> None:
        if state["opening"] not in (None, self._opening):
            warn(
                f"{self.stream.what} ({self.stream.kind}) does not give the batches that it gave to the saved run: the"
                f" first batch of pass {state['passes']} is another one. Training goes on from the saved state, with"
                f" batches that an uninterrupted run would not have had. What is random in the"
                f" {self.stream.kind} must come from a seed."
            )

    def _skipped(self, count: int) -> int:
        """Step over batches that an earlier run has trained on, without making them where that is possible."""
        known = self.stream.batches
        if not count or not self.stream.seeks or known is None:
            return 0
        at = count if self._pass is None else self._in_pass - len(self._waiting) + count
        if at > known:
            return 0
        if self._pass is None:
            self.stream.begin()
            self._in_pass = 0
        self._given += at - self._in_pass
        self._pass, self._in_pass = self.stream.from_batch(at), at
        self._opening = None  # not made in this process
        self._waiting.clear()
        return count

    def resume_signature(self) -> dict[str, Any]:
        first = self.peek()
        # Of shuffled batches any may come first, the short one as well.
        return {"data": shapes_of(_first_row(first) if self.stream.shuffle else first), "steps": self.steps}

    def blocks(self, epoch: int, first: int = 0) -> Iterator[Block]:
        """The batches of one epoch, made by a thread unless that is done in a moment.

        Raises:
            ValueError: for a batch that does not fit the model, and when the stream ends too early.
        """
        quick = self._seconds < _QUICK_SECONDS
        blocks = self._timed(self._blocks(epoch, first))
        blocks = blocks if quick else prefetch(blocks)
        return blocks if self.place.processes == 1 else self._compared(blocks, epoch)

    def _compared(self, blocks: Iterator[Block], epoch: int) -> Iterator[Block]:
        """The same blocks, held against those of the other processes: steps of other shapes would never meet.

        Raises:
            ValueError: in all processes, if one has other batches than process 0.
        """
        done = 0
        for block, told in peers.made_by_all(blocks, f"the batches of epoch {epoch + 1}", self._described):
            other = next((number for number, one in enumerate(told) if one != told[0]), None)
            if other is not None:
                peers.parted()
                raise ValueError(
                    f"{self.stream.what}: after batch {done} of epoch {epoch + 1} (from 1) process {other} has"
                    f" {told[other]}, and process 0 {told[0]}. Give all processes equally many batches of equally many"
                    f" rows, for example with `drop_remainder`, or `steps_per_epoch` that all can give."
                )
            if block is None:
                return
            yield block
            done += -(-block.rows // block.batch_size)

    def _described(self, block: Block | None) -> str:
        """What a block has for all processes, in words."""
        if block is None:
            return "no batches"
        parts = self.place.row_processes if isinstance(self.place, Spread) and self.place.own_rows else 1
        batches, rest = divmod(block.rows, block.batch_size)
        kinds = ", ".join(f"{a.dtype}{list(a.shape[2:])}" for a in jax.tree.leaves(block.arrays))
        short = f" and one of {rest // parts}" if rest else ""
        return f"{batches} of {block.batch_size // parts} rows{short} ({kinds})"

    def _timed(self, blocks: Iterator[Block]) -> Iterator[Block]:
        """The same blocks; notes how long making them took."""
        seconds = 0.0
        while True:
            begun = time.perf_counter()
            block = next(blocks, None)
            seconds += time.perf_counter() - begun
            if block is None:
                break
            yield block
        self._seconds = seconds

    def _blocks(self, epoch: int, first: int) -> Iterator[Block]:
        items = self._items(epoch, first)
        stack: Stack | None = None
        last: Stack | None = None
        blocks = 0  # that were full
        while True:
            asked = time.monotonic()
            try:
                item = next(items, None)
            except Exception:
                # What came before is trained on before the error is raised, but not by some of several processes.
                if stack is not None and self.place.processes == 1:
                    yield from self._block(stack)
                raise
            if stack is not None and (item is None or not stack.takes(item)):
                yield from self._block(stack)
                stack = None
            if item is None:
                return
            # Rows of a short batch would stand between those of two processes.
            stack = last = stack or Stack(item, None if self.place.own_rows else last, not self.place.own_rows)
            stack.add(item)
            late = time.monotonic() - min(asked, stack.started) > _PATIENCE_SECONDS
            if self.place.processes > 1:  # all must cut the same, so that no clock can say where
                late = len(stack.names) >= 1 << blocks
            if stack.is_full or late:
                yield from self._block(stack)
                stack, blocks = None, blocks + 1

    def _block(self, stack: Stack) -> Iterator[Block]:
        """The stack as a block; if it has a bad batch, then a block of those before it, and the error."""
        try:
            batch = self.read(*stack.rows())
        except (ValueError, TypeError):
            pass
        else:
            yield stack.block(batch, self.place)
            return
        for number, name in enumerate(stack.names):
            try:
                self._read(Item(name, stack.rows(number, number + 1)))
            except (ValueError, TypeError):
                del stack.names[number:]
                if number and self.place.processes == 1:
                    yield stack.block(self.read(*stack.rows()), self.place)
                raise
        raise AssertionError(f"{self.stream.what}: batches that fit one by one do not fit together.")

    def _items(self, epoch: int, first: int = 0) -> Iterator[Item]:
        """The batches of one epoch but the `first` ones."""
        done = self._skipped(first)
        while self._limit is None or done < self._limit:
            item = self._waiting.pop() if self._waiting else self._next()
            if item is None:
                if self._limit is None and done:
                    break
                if not (self.stream.restarts and self._in_pass):
                    self._refuse_end(epoch, done)
                continue  # the next pass goes on within this epoch
            done += 1
            if done > first:
                yield item
        if self._limit is None:
            self.steps = done
        elif self._in_pass == self.stream.batches:
            self._end_pass()  # it ends together with the epoch

    def _next(self) -> Item | None:
        """The next batch of this pass; None at its end."""
        if self._pass is None:
            if self._given and not self.stream.restarts:
                return None
            self._pass, self._in_pass = self.stream.begin(), 0
        name = f"batch {self._given} of {self.stream.what}"
        try:
            given = next(self._pass)
        except StopIteration:
            self._end_pass()
            return None
        except Exception as error:
            error.add_note(f"This came from the {self.stream.kind} while it made {name} (counted from 0).")
            raise
        item = Item(name, unpacked(given, name))
        if self._in_pass == 0:
            self._opening = digest(item.data)
        self._in_pass += 1
        self._given += 1
        return item

    def _end_pass(self) -> None:
        self.stream.end()
        self._pass = None

    def _read(self, item: Item) -> Batch:
        try:
            return self.read(*item.data)
        except (ValueError, TypeError) as error:
            hint = self.stream.hint(item.data)
            raise type(error)(f"{item.name} (counted from 0): {error}{hint}") from None

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


class Stack:
    """Batches of one kind, copied one behind the other into a block, which is checked as a whole.

    Checking many rows at once takes little longer than checking a batch of 32: the time is Python's. The last batch may
    have fewer rows than the others, so that it shares their program.

    Args:
        first: batch.
        last: the stack before, if there was one: batches with fewer rows than its are short ones.
        takes_short: whether a batch with fewer rows may be the last.
    """

    def __init__(self, first: Item, last: Stack | None = None, takes_short: bool = True):
        self._takes_short = takes_short
        self.kind: Hashable = _kind(first)
        arrays = jax.tree.leaves(first.data)
        self._batch_size = 0 if self.kind is None else len(arrays[0])
        if last is not None and last.kind == self.kind is not None:
            self._batch_size = max(self._batch_size, last._batch_size)
        size = 0 if self.kind is None else sum(a.nbytes // max(1, len(a)) for a in arrays) * self._batch_size
        self.most: int = 1 if self.kind is None else max(1, min(_MOST_BATCHES, _BLOCK_BYTES // max(1, size)))
        self.names: list[str] = []
        self.started: float = time.monotonic()
        self._rows = 0
        self._room = first.data if self.kind is None else jax.tree.map(self._room_for, first.data)

        self._rooms = jax.tree.leaves(self._room)

    def _room_for(self, array: np.ndarray) -> np.ndarray:
        return np.empty((self.most * self._batch_size, *array.shape[1:]), array.dtype)

    def takes(self, item: Item) -> bool:
        """Whether it can be joined to the others."""
        if self.kind is None or _kind(item) != self.kind:
            return False
        return _rows(item) == self._batch_size or (self._takes_short and 0 < _rows(item) < self._batch_size)

    def add(self, item: Item) -> None:
        if self.kind is not None:
            start, self._rows = self._rows, self._rows + _rows(item)
            for room, array in zip(self._rooms, jax.tree.leaves(item.data), strict=True):
                room[start : self._rows] = array
        self.names.append(item.name)

    @property
    def is_full(self) -> bool:
        """Whether no other batch can be joined."""
        return len(self.names) == self.most or self._rows < len(self.names) * self._batch_size

    def rows(self, first: int = 0, stop: int | None = None) -> tuple[Any, Any, Any]:
        """The rows of these batches, by default of all, one after another."""
        if self.kind is None:
            return self._room
        stop = len(self.names) if stop is None else stop
        begin, end = first * self._batch_size, min(stop * self._batch_size, self._rows)
        return jax.tree.map(lambda room: room[begin:end], self._room)

    def block(self, batch: Batch, place: Placement) -> Block:
        """These checked rows as a block, with room for `most` batches, so that one program serves any number."""
        given = len(jax.tree.leaves(batch)[0])
        batch_size = self._batch_size or given
        rows = batch_size * self.most
        # What was not copied into the room may have become arrays that look into the memory of the stream.
        arrays = jax.tree.map(np.array, batch) if self.kind is None else batch
        order = resident.padded(np.arange(given, dtype=np.int32), rows)
        # Of several processes, each may give a part of every batch.
        parts = place.row_processes if isinstance(place, Spread) and place.own_rows else 1
        placed = resident.put_block(arrays, order, batch_size, place, parts > 1 or place.own_rows)
        return Block(*placed, given * parts, batch_size * parts)


def _first_row(batch: Batch) -> Batch:
    return jax.tree.map(lambda array: array[0], batch)


def _kind(item: Item) -> Hashable:
    """Equal for batches that can be joined; None for those that are not made of arrays with equal first axes."""
    flat, structure = jax.tree.flatten(item.data)
    if not all(type(a) is np.ndarray and a.ndim for a in flat) or len({len(a) for a in flat}) != 1:
        return None
    return structure, tuple((a.shape[1:], a.dtype) for a in flat)


def _rows(item: Item) -> int:
    return len(jax.tree.leaves(item.data)[0])


def _own(value: Any) -> Any:
    """A copy of an array or a table of pandas; other things, such as data sets on a disk, as they are."""
    return value.copy() if isinstance(value, np.ndarray) or hasattr(value, "iloc") else value
