"""Requests on their way through a model: those that wait at the same time are predicted together.

One batch is at work at a time, in a thread of its own, or in the event loop itself where the model is done before a
thread would have woken up. Batches are filled up to sizes that were compiled before the first request came.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

import numpy as np

from .limits import Limits
from .measures import Measures
from .refused import Refused, busy, late
from .servable import Arrays, Servable, example

log = logging.getLogger("sequax.serving")

# Handing a batch to a thread and its outputs back takes about a tenth of this.
_AT_ONCE = 0.001  # seconds that the event loop may stand still for a batch
_FAR_TOO_LONG = 0.05  # then it is no such model after all; the machine may be busy, so it is much more
_CLOSING = "The server is stopping. Ask again in a moment, or ask another one."


class Job:
    """A request that waits.

    Args:
        arrays: prepared data.
        rows: how many they are.
        future: gets the outputs.
    """

    __slots__ = ("arrays", "future", "given", "kind", "parts", "rows", "since", "timer")

    def __init__(self, arrays: Arrays, rows: int, future: asyncio.Future[Arrays]):
        self.arrays, self.rows, self.future = arrays, rows, future
        self.kind = tuple((array.shape[1:], array.dtype) for array in arrays)  # batches are of one kind
        self.given = 0  # rows that are in batches already
        self.parts: list[Arrays] = []  # outputs so far
        self.since = time.perf_counter()
        self.timer: asyncio.TimerHandle | None = None

    @property
    def waits(self) -> bool:
        """Whether somebody still waits for the outputs."""
        return not self.future.done()

    def expire(self) -> None:
        if self.waits:
            self.future.set_exception(late("The model had no time for this request. Ask again, or with fewer rows."))

    def take(self, outputs: Arrays) -> None:
        """Take outputs of the next rows."""
        self.parts.append(outputs)
        if self.waits and sum(len(part[0]) for part in self.parts) == self.rows:
            whole = (
                self.parts[0] if len(self.parts) == 1 else [np.concatenate(p) for p in zip(*self.parts, strict=True)]
            )
            self.future.set_result(whole)

    def fail(self, error: BaseException) -> None:
        if self.waits:
            self.future.set_exception(error)


class Piece(NamedTuple):
    """Rows of a job in a batch."""

    job: Job
    start: int
    stop: int

    @property
    def arrays(self) -> Arrays:
        if self.stop - self.start == self.job.rows:
            return self.job.arrays
        return [array[self.start : self.stop] for array in self.job.arrays]


class Batcher:
    """The requests of one model.

    Args:
        servable: the model.
        limits: of the server.
        measures: are told what happens.
    """

    def __init__(self, servable: Servable, limits: Limits, measures: Measures):
        self.servable, self.limits, self.measures = servable, limits, measures
        fixed = servable.inputs[0].shape[0]
        self.most = limits.batch if fixed is None else fixed
        self.sizes = _sizes(self.most) if fixed is None else [fixed]
        self.most_bytes = _most_bytes(servable, limits)
        self.ready = self.closed = False
        self._queue: deque[Job] = deque()
        self._rows = 0  # in the queue, that are in no batch yet
        self._working = self._woken = self._in_loop = False
        self._thread: ThreadPoolExecutor | None = None

    def warm_up(self) -> None:
        """Compile what batches need, and see how long one takes."""
        open_axes = any(size is None for port in self.servable.inputs for size in port.shape[1:])
        seconds = float("inf")
        sizes = [self.most] if self.servable.any_size else self.sizes if self.servable.together else self.sizes[:1]
        for size in reversed(sizes):
            data = self._prepared(size)
            if data is None:
                break
            self.servable.run(data)
            if size == sizes[-1]:
                seconds = min(_seconds(self.servable.run, data) for _ in range(3))
        # A length that was not seen before is compiled for, which takes a while.
        self._in_loop = seconds < _AT_ONCE and self.servable.together and not (open_axes and not self.servable.any_size)
        self.ready = True

    def _prepared(self, size: int) -> Arrays | None:
        """Data of which a model may say that no one sends such."""
        try:
            return self.servable.prepared(example(self.servable.inputs, size))
        except Refused:
            return None

    async def outputs(self, arrays: Arrays, rows: int) -> Arrays:
        """Outputs for the prepared data of a request.

        Raises:
            Refused: where too many wait, for too long, or the data do not fit the model after all.
        """
        if self.closed:
            raise busy(_CLOSING)
        # A request that is larger than the queue would never fit; it waits alone.
        if self._rows and self._rows + rows > self.limits.queue:
            raise busy(f"{self._rows} rows wait already, of {self.limits.queue} that may. Ask again in a moment.")
        loop = asyncio.get_running_loop()
        job = Job(arrays, rows, loop.create_future())
        job.timer = loop.call_later(self.limits.timeout, job.expire)
        self._queue.append(job)
        self._rows += rows
        self._wake(loop)
        try:
            return await job.future
        finally:
            job.timer.cancel()

    async def close(self) -> None:
        """Finish what waits, in the time that requests have; nothing else is taken until `closed` is False again."""
        self.closed = True
        end = time.perf_counter() + self.limits.timeout
        while (self._queue or self._working) and time.perf_counter() < end:
            await asyncio.sleep(0.01)
        if self._thread is not None:
            self._thread.shutdown(wait=False)
            self._thread = None

    @property
    def waiting(self) -> int:
        """Rows that wait."""
        return self._rows

    # --- batch by batch ---

    def _wake(self, loop: asyncio.AbstractEventLoop) -> None:
        """Have the next batch made once the requests that are here already have been read."""
        if self._working or self._woken or not self._queue:
            return
        self._woken = True
        left = self._queue[0].since + self.limits.wait - time.perf_counter() if self.limits.wait else 0.0
        if left <= 0 or self._rows >= self.most:
            loop.call_soon(self._work, loop)
        else:
            loop.call_later(left, self._work, loop)

    def _work(self, loop: asyncio.AbstractEventLoop) -> None:
        self._woken = False
        if self._working:
            return
        pieces = self._next()
        if not pieces:
            return
        if self._in_loop:
            start = time.perf_counter()
            self._deliver(pieces, self._run(pieces))
            self._in_loop = time.perf_counter() - start < _FAR_TOO_LONG
            self._wake(loop)
            return
        self._working = True
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, f"serve-{self.servable.name}")
        self._thread.submit(self._run, pieces).add_done_callback(
            lambda done: loop.call_soon_threadsafe(self._done, loop, pieces, done)
        )

    def _done(self, loop: asyncio.AbstractEventLoop, pieces: list[Piece], done: Future[list[Answer]]) -> None:
        self._working = False
        self._deliver(pieces, done.result())
        self._wake(loop)

    def _next(self) -> list[Piece]:
        """The rows of the next batch: those that wait longest, and others of their kind."""
        pieces: list[Piece] = []
        room, passed = self.most, []
        while self._queue and room:
            job = self._queue.popleft()
            if not job.waits:
                self._rows -= job.rows - job.given
            elif pieces and job.kind != pieces[0].job.kind:
                passed.append(job)
            else:
                count = min(room, job.rows - job.given) if self.servable.together else job.rows
                pieces.append(Piece(job, job.given, job.given + count))
                job.given += count
                room, self._rows = room - count, self._rows - count
                if job.given < job.rows:
                    self._queue.appendleft(job)
                if not self.servable.together:
                    break
        self._queue.extendleft(reversed(passed))
        return pieces

    def _run(self, pieces: list[Piece]) -> list[Answer]:
        """What comes out for each piece. If a batch fails, each is tried alone: one bad request spoils no other."""
        start = time.perf_counter()
        try:
            return self._predicted(pieces)
        except Exception as error:
            if len(pieces) > 1:
                return [self._run([piece])[0] for piece in pieces]
            if not isinstance(error, Refused):
                log.exception("Model '%s' failed.", self.servable.name)
                error = Refused(500, "The model failed. The log of the server says more.", "failed")
            return [error]
        finally:
            self.measures.batch(self.servable.name, sum(p.stop - p.start for p in pieces), time.perf_counter() - start)

    def _predicted(self, pieces: list[Piece]) -> list[Answer]:
        arrays = [np.concatenate(p) if len(p) > 1 else p[0] for p in zip(*(p.arrays for p in pieces), strict=True)]
        rows = len(arrays[0])
        outputs = self.servable.run(self._filled(arrays, rows))
        found: list[Answer] = []
        start = 0
        for piece in pieces:
            stop = start + piece.stop - piece.start
            found.append([output[start:stop] for output in outputs])
            start = stop
        return found

    def _filled(self, arrays: Arrays, rows: int) -> Arrays:
        """A batch of a size that is compiled. It is filled up with its last row, which is known to be sound."""
        if self.servable.any_size or not self.servable.together:
            return arrays
        missing = next(size for size in self.sizes if size >= rows) - rows
        return (
            [np.concatenate([array, np.repeat(array[-1:], missing, axis=0)]) for array in arrays] if missing else arrays
        )

    def _deliver(self, pieces: Sequence[Piece], answers: Sequence[Answer]) -> None:
        for piece, answer in zip(pieces, answers, strict=True):
            if isinstance(answer, BaseException):
                piece.job.fail(answer)
            else:
                piece.job.take(answer)


Answer = Arrays | Exception


def _most_bytes(servable: Servable, limits: Limits) -> int:
    """Of a body with as many rows as may come at once, be its JSON ever so wide: more would only be read in vain."""
    if any(port.is_text for port in servable.inputs):
        return limits.body
    sizes = [[limits.length if size is None else size for size in port.shape[1:]] for port in servable.inputs]
    row = sum(len(port.name) + 64 + 64 * math.prod(one) for port, one in zip(servable.inputs, sizes, strict=True))
    return min(limits.body, (1 << 16) + limits.rows * row)


def _sizes(most: int) -> list[int]:
    """
    >>> _sizes(24)
    [1, 2, 4, 8, 16, 24]
    """
    return [*(1 << power for power in range(most.bit_length()) if 1 << power < most), most]


def _seconds(run: object, data: Arrays) -> float:
    start = time.perf_counter()
    run(data)  # type: ignore[operator]
    return time.perf_counter() - start
