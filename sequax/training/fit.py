"""Read this first: one batch on its way through `fit`, from top to bottom.

`fit` repeats epochs. `run_epoch` hands the blocks of a source to compiled programs, some steps at a time. A program
(`loop.steps_program`) gathers each batch on the device and calls the step (`steps.train_step`): forward, loss,
gradients, update, metrics. Between two dispatches the variables hold the state, so a callback sees and changes the
truth; nothing else happens in Python per batch.
"""

from __future__ import annotations

import warnings
from contextlib import suppress
from typing import Any, NamedTuple

import jax
import numpy as np

from ..callbacks import CallbackList
from ..core import tracking
from ..data import checks
from ..data.source import Batch, BatchSource
from . import compiled, custom, indices, prepare, steps
from .chunks import MOST_PENDING, ChunkSchedule, StepRange, speeds_of, step_ranges, whole_batch
from .claims import Claim
from .evaluate import run_evaluation
from .fingerprint import fingerprint
from .loop import steps_program
from .resolve import scalars
from .resume import ResumePoint
from .state import TrainState, TrainVariables

# Below this size the state before a dispatch is kept until its losses are known to be finite: it is the way back to the
# last good weights. Larger states are donated, so that they lie in memory once.
_KEPT_STATE_BYTES = 512 * 2**20


def fit(
    model: Any,
    source: BatchSource,
    callbacks: Any,
    epochs: int,
    initial_epoch: int,
    validation: BatchSource | None,
    validation_freq: Any,
    claim: Claim,
) -> None:
    """Train a built, compiled model; results go to the callbacks, among them the History."""
    trainer = Trainer(model, checks.enabled() and not callbacks.accepts_nan, getattr(source, "batch_size", None))
    claim.hold(trainer.slots.params.values())
    warn_if_nothing_trains(model, trainer.slots)
    may_batch_reports = callbacks.may_batch_reports and validation is None and source.resident
    model.stop_training = False
    run = ResumePoint(trainer, source, validation, callbacks, initial_epoch)
    running: list[int] = []  # epochs that were started and not reported yet
    try:
        callbacks.on_train_begin()
        callbacks.on_run_begin(run)  # one of them may restore an earlier run
        logs = run.logs
        for epoch in range(run.epoch, epochs):
            if run.resumed and model.stop_training:
                break
            callbacks.on_epoch_begin(epoch)
            trainer.follow(source)
            trainer.refresh()  # a callback may have frozen or unfrozen a layer
            ahead = may_batch_reports and epoch + 1 < epochs and trainer.runs_ahead(source.steps, len(running))
            run_epoch(trainer, run, callbacks, epoch, ahead)
            running.append(epoch)
            if ahead:
                continue
            for done, logs in zip(running, trainer.finish_epochs(), strict=True):
                if validation is not None and is_due(done, validation_freq):
                    results = run_evaluation(model, validation, callbacks)
                    logs = dict(sorted((logs | {f"val_{name}": value for name, value in results.items()}).items()))
                callbacks.on_epoch_end(done, logs)
            running.clear()
            run.logs = logs
            callbacks.on_safe_point(run.at(epoch + 1))
            if model.stop_training:
                break
        model.optimizer.finalize_variable_values(model.trainable_variables)  # with `use_ema`: averages become weights
        callbacks.on_train_end(logs)
    finally:
        callbacks.close()


def run_epoch(trainer: Trainer, run: ResumePoint, callbacks: Any, epoch: int, ahead: bool = False) -> None:
    """All steps of one epoch; with `ahead`, they may still be running afterwards."""
    chunks = trainer.chunks_for(callbacks)
    first = run.begin_epoch(epoch)
    chunks.before = run.before
    for span in step_ranges(run.source, epoch, chunks, first):
        if span.done > first and not trainer.pending:
            callbacks.on_safe_point(run.at(epoch, span.done))
        if chunks.begins_at(span.done):
            callbacks.on_train_batch_begin(span.done)
        trainer.follow(run.source)
        program = trainer.program(span, callbacks)
        chunks.start(span.stop - span.start)
        trainer.dispatch(program, span)
        if not ahead and (chunks.waits or chunks.stops_at(span.end) or trainer.pending >= MOST_PENDING):
            report(trainer, span, callbacks)
        if trainer.model.stop_training:
            break
    if trainer.pending and not ahead:
        report(trainer, span, callbacks)
    batch = chunks.ended_batch(span.end, is_last=True)
    if batch is not None:
        callbacks.on_train_batch_end(batch, dict(trainer.settle()))
    run.before += span.end
    trainer.end_epoch()


def report(trainer: Trainer, span: StepRange, callbacks: Any) -> None:
    """Wait for all that was dispatched, of which this span is the last, and tell the callbacks."""
    logs = trainer.settle()
    chunks = trainer.chunks_for(callbacks)
    chunks.stop()
    batch = chunks.ended_batch(span.end)
    if batch is not None:
        callbacks.on_train_batch_end(batch, dict(logs))
    callbacks.on_train_chunk_end(span.end, logs)


def train_on_batch(model: Any, batch: Batch, claim: Claim) -> dict[str, float]:
    """One step on one batch of NumPy arrays."""
    rows = len(jax.tree.leaves(batch)[0])
    trainer = Trainer(model, guard=checks.enabled())
    claim.hold(trainer.slots.params.values())
    warn_if_nothing_trains(model, trainer.slots)
    span = whole_batch(batch, rows)
    of_outer_run = trainer.slots.read().metrics if claim.nested else {}
    trainer.dispatch(trainer.program(span, CallbackList()), span)
    logs = trainer.settle()
    trainer.slots.write(TrainState({}, {}, {}, of_outer_run))
    return logs


def warn_if_nothing_trains(model: Any, slots: TrainVariables) -> None:
    """Say so, and why, if no step will change a weight; metrics, moving statistics and callbacks run as ever."""
    if slots.params or custom.of(model).train:
        return
    why = "all of its layers are frozen (`trainable` is False)" if model.weights else "it has no weights"
    warnings.warn(f"Nothing is trained in model '{model.name}': {why}.", UserWarning, stacklevel=4)


# Epochs that may run ahead of their reports, if all of them together take less than this and only the History listens.
# Tiny models then keep the device busy while Python prepares the next epochs.
_AHEAD_EPOCHS, _AHEAD_SECONDS = 8, 0.25


class InFlight(NamedTuple):
    """Steps that were started, and the state before them: the way back if a loss is not finite."""

    program: Any
    before: TrainState
    span: StepRange
    progress: Any
    logs: Any


class Trainer:
    """A model being trained: its variables, its compiled programs, and one dispatch of some steps.

    Args:
        guard: stop at a loss that is not finite.
        batch_size: of most steps, if it is known: what their speed is remembered by.
    """

    def __init__(self, model: Any, guard: bool = True, batch_size: int | None = None):
        self.model, self.guard, self.batch_size = model, guard, batch_size
        self._chunks: ChunkSchedule | None = None
        self._programs: dict[Any, Any] = {}
        self._beside: compiled.Later | None = None
        self._dispatched: list[InFlight] = []
        self._ends: set[int] = set()  # how many of them make up each epoch that was ended
        self._logs: dict[str, float] = {}
        self._epoch_logs: list[dict[str, float]] = []
        self._seen: Any = None
        self._compilation = model.compilation
        self.refresh()

    def refresh(self) -> None:
        """Look again at what is trainable, and make optimizer slots for what is new."""
        model = self.model
        if (tracking.version(), model.optimizer) == self._seen:
            return
        trainable = model.trainable_variables
        model.optimizer.build(trainable)
        self.slots = custom.slots(model, model.optimizer)
        self._state_bytes = self.slots.nbytes
        self.donate = self._state_bytes > _KEPT_STATE_BYTES
        self.key = "train", self.guard, fingerprint(model, *model.compilation.traced, model.optimizer)
        self._programs.clear()
        self._seen = tracking.version(), model.optimizer

    def follow(self, source: BatchSource) -> None:
        """Go on with another optimizer, loss and metrics if a callback has called `compile`."""
        compilation = self.model.compilation
        if compilation is self._compilation:
            return
        if self._compilation.resolved and not compilation.resolved:
            prepare.resolve_anew(self.model, self._compilation.targets, source)
        self._compilation = compilation
        self.refresh()

    def chunks_for(self, callbacks: Any) -> ChunkSchedule:
        if self._chunks is None:
            watched = self.model.steps_per_execution if callbacks.watches_train_batches else 0
            live, stops = callbacks.refresh_seconds, callbacks.stops
            self._chunks = ChunkSchedule(watched, live, stops, speeds_of(self.model), ("train", self.batch_size))
        return self._chunks

    def program(self, span: StepRange, callbacks: Any) -> Any:
        """The compiled steps for step ranges of this shape; compiles them unless a model of equal structure has."""
        if span.shape not in self._programs:
            if self._beside is not None:
                self._beside.wait()
            request = self._request(span)
            if not request.known:
                with callbacks.compiling("training step"):
                    request.program(meanwhile=lambda: self._compile_beside(span))
            self._programs[span.shape] = request.program()
        return self._programs[span.shape]

    def _request(self, span: StepRange) -> compiled.Request:
        model, slots = self.model, self.slots

        def program(*given: Any) -> tuple:  # put together when it is traced, which most calls of `fit` need not
            step = steps.train_step(model, slots)
            reset, results = steps.reset_metrics(model, slots), steps.metric_results(model, slots)
            return steps_program(step, reset, results, span.batch_size, self.guard)(*given)

        donate = (0,) if self.donate else ()
        return compiled.Request((self.key, span.batch_size), program, (slots.read(), *span.given), donate)

    def _compile_beside(self, span: StepRange) -> None:
        """Compile the program of the short last batch beside that of the whole ones."""
        rest = span.block.rows % span.batch_size
        if not rest or compiled.eager():
            return
        request = self._request(StepRange(span.block.tail(rest), rest, 0, 1, 0))
        if not request.known:
            with suppress(Exception):  # which comes again when the short batch does
                self._beside = request.begun()

    @property
    def pending(self) -> int:
        """Dispatches whose results nobody has waited for."""
        return len(self._dispatched)

    def dispatch(self, program: Any, span: StepRange) -> None:
        """Start the steps of a span; the variables point at what it will give, as JAX arrays may."""
        before = self.slots.read(self.donate)
        state, progress, logs = program(before, *span.given)
        self.slots.write(state)
        self._dispatched.append(InFlight(program, before, span, progress, logs))

    def settle(self) -> dict[str, float]:
        """Wait for what was dispatched; returns the logs of the last steps.

        Raises:
            FloatingPointError: if a loss was not finite; the weights are those of the last good update.
        """
        dispatched, self._dispatched = self._dispatched, []
        for i, one in enumerate(dispatched, 1):
            if self.guard and not np.asarray(one.progress.finite):
                self._refuse_nonfinite(one, int(one.progress.step) - 1)
            if i in self._ends or one is dispatched[-1]:
                self._logs = scalars(one.logs)
            if i in self._ends:
                self._epoch_logs.append(self._logs)
        self._ends.clear()
        return self._logs

    def end_epoch(self) -> None:
        """What was dispatched so far belongs to an epoch that is complete."""
        if self._dispatched:
            self._ends.add(len(self._dispatched))
        else:
            self._epoch_logs.append(self._logs)

    def finish_epochs(self) -> list[dict[str, float]]:
        """Wait for the epochs that were ended; returns the logs of each."""
        if self._dispatched:
            self.settle()
        logs, self._epoch_logs = self._epoch_logs, []
        return logs

    def runs_ahead(self, steps: int | None, already: int) -> bool:
        """Whether another epoch may be started before this one is reported."""
        seconds = self._chunks.seconds_for(steps) if self._chunks is not None and steps else None
        small = self._state_bytes * MOST_PENDING * _AHEAD_EPOCHS < _KEPT_STATE_BYTES
        return small and seconds is not None and already < _AHEAD_EPOCHS and seconds * _AHEAD_EPOCHS < _AHEAD_SECONDS

    def _refuse_nonfinite(self, one: InFlight, step: int) -> None:
        """Leave the weights as they were after the last good step, and say what happened."""
        if self.donate:
            kept = "The model is too large to keep an earlier state; its weights are not usable."
        else:
            kept = self._restore(one, step)
        if indices.looks_up(self.model):
            span = one.span._replace(start=step, stop=step + 1, done=one.span.done + step - one.span.start)
            found = indices.bad_lookup_in(steps.train_step(self.model, self.slots), self.slots.read(), [span])
            if found is not None:
                raise ValueError(f"{found} {kept}")
        raise FloatingPointError(
            f"The loss is not finite (NaN or infinite) at step {one.span.done + step - one.span.start} of the epoch"
            f" (from 0). {kept} Usual causes: a learning rate that is too high, inputs that are not scaled (magnitudes"
            f" far above 1), or a logarithm or division in an own loss."
            f" `sequax.config.set_data_checks(False)` lets training go on with such losses."
        )

    def _restore(self, one: InFlight, step: int) -> str:
        for last in (step, step - 1):
            # The same program on the same rows: the steps before the bad one come out bit-equal.
            state, _, _ = one.program(one.before, *one.span._replace(stop=max(last, one.span.start)).given)
            if _all_finite(state.params):
                self.slots.write(state)
                return "The weights are those after the last good update."
        self.slots.write(one.before)
        return "The weights are those before this part of the epoch."


def _all_finite(params: Any) -> bool:
    return all(bool(np.isfinite(np.asarray(a)).all()) for a in jax.tree.leaves(params))


def is_due(epoch: int, frequency: Any) -> bool:
    """Whether validation runs after an epoch: every n-th one, or those listed (epochs count from 1 here)."""
    if isinstance(frequency, (list, tuple, set)):
        return epoch + 1 in frequency
    return (epoch + 1) % frequency == 0
