"""`fit` of an ensemble: the loop of `training/fit.py` over the stacked state, in which single members may drop out."""

from __future__ import annotations

import copy
import warnings
from typing import Any, NamedTuple

import jax
import numpy as np

from ..data import checks
from ..data.arrays import ArraySource
from ..data.source import BatchSource
from ..training.chunks import MOST_PENDING, ChunkSchedule, StepRange, step_ranges
from ..training.fit import is_due, warn_if_nothing_trains
from ..training.state import TrainState
from . import running
from .running import EachLogs, Programs
from .stack import Stack


class OwnOrders(ArraySource):
    """Arrays on the device, which each member reads in an order of its own: one column per member."""

    def __init__(self, source: ArraySource, members: int):
        vars(self).update(vars(source))
        self._source, self._members = source, members

    def order(self, epoch: int) -> np.ndarray:
        return np.stack([self._of(member).order(epoch) for member in range(self._members)], axis=1)

    def _of(self, member: int) -> ArraySource:
        """The arrays in the order of one member; that of the first is the order a model would have."""
        one = copy.copy(self._source)
        one.seed = self.seed if member == 0 else int(np.random.default_rng((self.seed, member)).integers(2**31 - 1))
        return one


def fit(
    ensemble: Any,
    stack: Stack,
    source: BatchSource,
    callbacks: Any,
    epochs: int,
    initial_epoch: int,
    validation: BatchSource | None,
    validation_freq: Any,
) -> None:
    """Train all members; means of their results go to the callbacks, their own to `ensemble.histories`."""
    warn_if_nothing_trains(stack.leader, stack.slots[0])
    trainer = Trainer(stack, callbacks, guard=checks.enabled() and not callbacks.accepts_nan)
    ensemble.stop_training = False
    ensemble.stopped = trainer.stopped
    logs: dict[str, Any] = {}
    callbacks.on_train_begin()
    try:
        for epoch in range(initial_epoch, epochs):
            callbacks.on_epoch_begin(epoch)
            each = run_epoch(trainer, ensemble, source, epoch)
            if validation is not None and is_due(epoch, validation_freq):
                results = running.evaluate(stack, validation, callbacks, ~trainer.frozen)
                each = dict(sorted((each | {f"val_{name}": values for name, values in results.items()}).items()))
            logs = running.mean(each, ~trainer.frozen)
            for member, history in enumerate(ensemble.histories):
                own = running.of_member(each, member)
                history.on_epoch_end(epoch, dict.fromkeys(own, float("nan")) if trainer.frozen[member] else own)
            callbacks.on_epoch_end(epoch, logs)
            if ensemble.stop_training:
                break
        stack.spread()
        for member in stack.members:  # with `use_ema`: averages become weights
            member.optimizer.finalize_variable_values(member.trainable_variables)
        callbacks.on_train_end(logs)
    finally:
        stack.spread()
        callbacks.close()
    if trainer.stopped:
        warnings.warn(_stopped_message(trainer.stopped), UserWarning, stacklevel=3)


def run_epoch(trainer: Trainer, ensemble: Any, source: BatchSource, epoch: int) -> EachLogs:
    """All steps of one epoch; returns the logs of the members."""
    callbacks, chunks = trainer.callbacks, trainer.chunks
    trainer.begin_epoch(epoch)

    def report(span: StepRange) -> None:
        logs = running.mean(trainer.settle(), ~trainer.frozen)
        chunks.stop()
        if chunks.watched:
            callbacks.on_train_batch_end(span.done, dict(logs))
        callbacks.on_train_chunk_end(span.end, logs)

    for span in step_ranges(source, epoch, chunks):
        if chunks.watched:
            callbacks.on_train_batch_begin(span.done)
        trainer.dispatch(span)
        if chunks.waits or trainer.pending >= MOST_PENDING:
            report(span)
        if ensemble.stop_training:
            break
    if trainer.pending:
        report(span)
    return trainer.each


class InFlight(NamedTuple):
    """Steps that were started, the state before and after them, and what they report."""

    before: TrainState
    span: StepRange
    after: TrainState
    progress: Any
    logs: Any


class Trainer:
    """Members being trained, and which of them are frozen because a loss was not finite."""

    def __init__(self, stack: Stack, callbacks: Any, guard: bool):
        self.stack, self.callbacks, self.guard = stack, callbacks, guard
        self.chunks = ChunkSchedule(int(callbacks.watches_train_batches), callbacks.refresh_seconds)
        self.frozen = np.zeros(len(stack.members), bool)
        self.stopped: dict[int, str] = {}
        self.each: EachLogs = {}
        self._dispatched: list[InFlight] = []
        self._epoch = 0
        self._programs: Programs | None = None
        self._metrics: Any = None

    def begin_epoch(self, epoch: int) -> None:
        """Look again at what is trainable: a callback may have frozen a layer in all members."""
        self._epoch = epoch
        slots = self.stack.slots
        self.stack.refresh()
        if self._programs is None or slots is not self.stack.slots:
            self._programs = Programs(self.stack, "train", self.guard)
            self._metrics = self._programs.metrics

    @property
    def pending(self) -> int:
        """Dispatches whose results nobody has waited for."""
        return len(self._dispatched)

    def dispatch(self, span: StepRange) -> None:
        """Start the steps of a span."""
        self.chunks.start(span.stop - span.start)
        self._dispatched.append(self._started(self.stack.read()._replace(metrics=self._metrics), span))
        self._take(self._dispatched[-1].after)

    def _started(self, before: TrainState, span: StepRange) -> InFlight:
        assert self._programs is not None
        return InFlight(before, span, *self._programs.run(before, self.frozen.copy(), span, self.callbacks))

    def _take(self, state: TrainState) -> None:
        self.stack.write(state)
        self._metrics = state.metrics

    def settle(self) -> EachLogs:
        """Wait for what was dispatched; returns the logs of the last steps.

        Raises:
            FloatingPointError: if no member has a finite loss any more.
        """
        waiting, self._dispatched = self._dispatched, []
        while waiting:
            one = waiting.pop(0)
            progress = jax.tree.map(np.asarray, one.progress)
            self.each = running.arrived(one.logs)
            if self.guard and not progress.finite.all():
                state = self._freeze(one, progress.step - 1, ~progress.finite)
                waiting = self._again(state, one.span, int(progress.step.max()), [later.span for later in waiting])
        return self.each

    def _again(self, state: TrainState, span: StepRange, reached: int, later: list[StepRange]) -> list[InFlight]:
        """The steps behind a bad one, for the members that go on."""
        rest = [span._replace(start=reached, done=span.done + reached - span.start)] if reached < span.stop else []
        waiting: list[InFlight] = []
        for one in [*rest, *later]:
            waiting.append(self._started(state, one))
            state = waiting[-1].after
        self._take(state)
        return waiting

    def _freeze(self, one: InFlight, steps: np.ndarray, bad: np.ndarray) -> TrainState:
        """The state after a span, but for the bad members, which are as after their last good update."""
        state = running.chosen(bad, one.before, one.after)
        for step in np.unique(steps[bad]):
            open_ = bad & (steps == step)
            where = f"epoch {self._epoch + 1}, step {one.span.done + step - one.span.start}"
            self.stopped.update({int(member): where for member in np.flatnonzero(open_)})
            for last in (step, step - 1):
                # The same program on the same rows: the steps before the bad one come out bit-equal.
                span = one.span._replace(stop=max(int(last), one.span.start))
                earlier = self._started(one.before, span).after
                good = open_ & _finite_members(earlier.params)
                state, open_ = running.chosen(good, earlier, state), open_ & ~good
        self.frozen |= bad
        if self.frozen.all():
            self._take(state)
            raise FloatingPointError(f"No member of the ensemble is left to train. {_stopped_message(self.stopped)}")
        return state


def _finite_members(params: Any) -> np.ndarray:
    return np.all([np.isfinite(np.asarray(a)).reshape(len(a), -1).all(1) for a in jax.tree.leaves(params)], axis=0)


def _stopped_message(stopped: dict[int, str]) -> str:
    places = ", ".join(f"member {member} in {where} (from 0)" for member, where in sorted(stopped.items()))
    return (
        f"The loss became NaN or infinite: {places}. The weights of these members are those after their last good"
        f" update; other members were trained on. Usual causes: a learning rate that is too high, inputs that are not"
        f" scaled (magnitudes far above 1), or a logarithm or division in an own loss."
    )
