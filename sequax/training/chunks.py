"""How an epoch is cut into dispatches: a question of display, never of numbers."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import WeakKeyDictionary

import jax
import numpy as np

from ..core.placement import DEVICE, Placement
from ..data.source import Batch, BatchSource, Block
from . import compiled

if TYPE_CHECKING:
    from ..model import Model
    from .drive import Job

# Nobody watches: still come back about once a second, so that Ctrl-C is heard.
_UNWATCHED_SECONDS = 1.0
# Before the first measurement: few enough to be short on any model, many enough to be measured.
_FIRST_STEPS = 16


# Of each model, seconds per step by kind of step: a second call of `fit` need not measure again.
_speeds: WeakKeyDictionary[Any, dict[Hashable, float]] = WeakKeyDictionary()


def speeds_of(model: Model) -> dict[Hashable, float]:
    """How fast the steps of a model ran last, to be read and written by a `ChunkSchedule`."""
    return _speeds.setdefault(model, {})


class ChunkSchedule:
    """Chooses the number of steps of the next dispatch from the speed of the last ones.

    Args:
        watched: a callback runs after each so many steps (see `steps_per_execution` in `Model.compile`), so no dispatch
            goes beyond; 0: none does.
        refresh_seconds: how often a display wants news; None if there is none.
        stops: numbers of steps at whose multiples, counted through all epochs, a callback wants to run.
        speeds: of the steps of a model (see `speeds_of`), and `kind`, the steps that run here.
        agreed: what all processes of the run have in place of a number that a clock has given.

    Attributes:
        before: steps of the epochs before this one.
    """

    watched: int
    live: bool
    stops: Sequence[int]

    def __init__(
        self,
        watched: int,
        refresh_seconds: float | None,
        stops: Sequence[int] = (),
        speeds: dict[Hashable, float] | None = None,
        kind: Hashable = None,
        agreed: Callable[[int], int] | None = None,
    ):
        self._agreed = agreed
        self.watched, self.live, self.stops = watched, refresh_seconds is not None, stops
        self.seconds: float = refresh_seconds if refresh_seconds is not None else _UNWATCHED_SECONDS
        self._speeds, self._kind = {} if speeds is None else speeds, kind
        self._started: float | None = None
        self._steps = 0  # dispatched since then
        self.before = 0

    def steps(self, remaining: int, done: int = 0) -> int:
        """Steps to run now, at most those that remain; `done` steps of the epoch lie behind."""
        if self.watched:
            return min(remaining, self.watched - done % self.watched)
        remaining = min([remaining, *(every - (self.before + done) % every for every in self.stops)])
        if self._per_step is None:
            return min(_FIRST_STEPS, remaining)
        steps = max(1, min(remaining, int(self.seconds / max(self._per_step, 1e-7))))
        return steps if self._agreed is None else self._agreed(steps)

    @property
    def _per_step(self) -> float | None:
        """Seconds, as last measured."""
        return self._speeds.get(self._kind)

    def begins_at(self, done: int) -> bool:
        """Whether the hooks before batches run after this number of steps of the epoch."""
        return self.watched > 0 and done % self.watched == 0

    def ended_batch(self, done: int, is_last: bool = False) -> int | None:
        """The number that hooks after batches get after these steps of the epoch; None if they do not run.

        Args:
            is_last: the epoch ends here, in the midst of as many steps as hooks wait for: they get the number as if
                there were all of them, as in Keras.
        """
        if not self.watched or bool(done % self.watched) != is_last:
            return None
        return -(-done // self.watched) * self.watched - 1

    def stops_at(self, done: int) -> bool:
        """Whether a callback wants to run after this number of steps of the epoch."""
        return any((self.before + done) % every == 0 for every in self.stops)

    @property
    def waits(self) -> bool:
        """Whether results are wanted at once: a callback or a display looks at them, or the speed is not known."""
        return bool(self.watched) or self.live or self._per_step is None

    def seconds_for(self, steps: int) -> float | None:
        """How long steps take at the last measured speed; None if results are wanted at once or nothing is known."""
        return None if self.waits or self._per_step is None else self._per_step * steps

    def start(self, steps: int) -> None:
        """A dispatch of some steps begins; several dispatches may be timed as one."""
        if self._started is None:
            self._started = time.perf_counter()
        self._steps += steps

    def stop(self) -> None:
        """The results of all steps that were started have arrived."""
        if self._started is not None:
            self._speeds[self._kind] = (time.perf_counter() - self._started) / self._steps
            self._started, self._steps = None, 0


class StepRange(NamedTuple):
    """Some steps of an epoch that one dispatch runs."""

    block: Block
    batch_size: int
    start: int  # first step within the block
    stop: int
    done: int  # steps of the epoch before these

    @property
    def end(self) -> int:
        """Steps of the epoch that are done after these."""
        return self.number(self.stop)

    def number(self, step: int) -> int:
        """The number within the epoch of a step of the block."""
        return self.done + step - self.start

    @property
    def given(self) -> tuple[Any, ...]:
        """The arguments of a `step.program` behind the state; the first steps of an epoch reset the metrics."""
        if self.block.order is None:
            return (self.block.arrays,)
        return self.block.arrays, self.block.order, np.int32(self.start), np.int32(self.stop), np.bool_(self.done == 0)

    @property
    def shape(self) -> tuple[Any, ...]:
        """What a program for these steps is compiled for."""
        arrays, structure = jax.tree.flatten(self.block.arrays)
        order = None if self.block.order is None else len(self.block.order)
        return self.batch_size, order, structure, *[(a.shape, a.dtype) for a in arrays]

    @property
    def counts(self) -> bool:
        """Whether steps are told how many of their rows count."""
        return self.block.arrays.rows is not None


def step_ranges(source: BatchSource, epoch: int, job: Job, first: int = 0) -> Iterator[StepRange]:
    """All steps of one epoch from step `first` on, cut as the schedule of the job has it at that moment."""
    done = first
    for block in source.blocks(epoch, first):
        whole, rest = divmod(block.rows, block.batch_size)
        step, steps = block.first, whole + (rest > 0)
        while step < steps:
            alone = job.rows_alone  # a callback may change that
            if step == whole and not alone:  # where rows meet, a short batch has a program of its own
                yield StepRange(block.tail(rest), rest, 0, 1, done)
                count = 1
            else:
                runs = block.counted() if alone else block
                count = job.chunks.steps((steps if alone else whole) - step, done)
                yield StepRange(runs, runs.batch_size, step, step + count, done)
            step, done = step + count, done + count


def whole_batch(batch: Batch, place: Placement = DEVICE) -> StepRange:
    """A batch of NumPy arrays as an epoch of one step."""
    rows = len(jax.tree.leaves(batch)[0])
    # A compiled call takes them to the device itself, in a tenth of the time that `put` does.
    arrays = place.put(batch) if compiled.eager() else batch
    return StepRange(Block(arrays, None, rows, rows), rows, 0, 1, done=0)
