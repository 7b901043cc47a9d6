"""Read this first: one batch on its way through `fit`, from top to bottom.

`fit` repeats epochs. `drive` (`drive.py`) hands the blocks of a source to compiled programs, some steps at a time, as
the `TrainJob` here says. A program (`step.program`) gathers each batch on the device and runs `step.train_step`:
forward, loss, gradients, update, metrics. Between two chunks of steps the variables hold the state, so a callback sees
and changes the truth; nothing else happens in Python per batch.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from ..callbacks import CallbackList
from ..core import placement, tracking
from ..core.placement import DEVICE, Placement
from ..core.pure import Values
from ..core.variable import Variable
from ..core.warning import warn
from ..data import checks, prepare
from ..data.prepare import FitArguments, TrainingData
from ..data.source import Batch, BatchSource
from . import agreement, compiled, custom, data_spec, indices, mixable, plans, worth
from .chunks import StepRange, step_ranges, whole_batch
from .claims import Claim
from .drive import MOST_PENDING, InFlight, Job, drive, program_for, run_alone
from .evaluate import run_evaluation
from .resume import ResumePoint
from .state import TrainState, TrainVariables
from .step import program

if TYPE_CHECKING:
    from ..model import Model

# Below this size the state before a chunk is kept until its losses are known to be finite: it is the way back to the
# last good weights. Larger states are donated, so that they lie in memory once.
_KEPT_STATE_BYTES = 512 * 2**20
# Epochs that may run ahead of their reports, if all of them together take less than this and only the History listens.
# Tiny models then keep the device busy while Python prepares the next epochs.
_AHEAD_EPOCHS, _AHEAD_SECONDS = 8, 0.25


def fit(
    model: Model,
    data: TrainingData,
    given: FitArguments,
    callbacks: CallbackList,
    claim: Claim,
    place: Placement = DEVICE,
) -> None:
    """Train a built, compiled model; results go to the callbacks, among them the History."""
    source, validation = data
    mixable.check(model)
    source.place = place
    guard = place.agreed(checks.enabled() and not callbacks.accepts_nan)
    weights = agreement.values_of(model) if place.processes > 1 else []
    job = TrainJob(model, callbacks, guard, source, place)
    placement.want(model, place)
    claim.hold(job.variables.params.values())
    warn_if_nothing_trains(model, job.variables)
    model.stop_training = False
    point = job.point = ResumePoint(job, source, validation, callbacks, given.initial_epoch)
    if place.processes > 1:
        agreement.compare(point, given.epochs, weights)
    may_run_ahead = callbacks.may_batch_reports and validation is None and source.resident and place.processes == 1
    running: list[int] = []  # epochs that were started and not reported yet
    try:
        callbacks.on_train_begin()
        callbacks.on_run_begin(point)  # one of them may restore an earlier run
        logs = point.logs
        for epoch in range(point.epoch, given.epochs):
            if point.resumed and model.stop_training:
                break
            callbacks.on_epoch_begin(epoch)
            job.follow()
            job.refresh()  # a callback may have frozen or unfrozen a layer
            ahead = may_run_ahead and epoch + 1 < given.epochs and job.runs_ahead(len(running))
            first = job.begin_epoch(epoch)
            job.end_epoch(drive(job, step_ranges(source, epoch, job, first), first, ahead))
            running.append(epoch)
            if ahead:
                continue
            for done, logs in zip(running, job.finish_epochs(), strict=True):
                if validation is not None and is_due(done, given.validation_freq):
                    results = run_evaluation(model, validation, callbacks, place=place)
                    logs = dict(sorted((logs | {f"val_{name}": value for name, value in results.items()}).items()))
                callbacks.on_epoch_end(done, logs)
            running.clear()
            point.logs = logs
            callbacks.on_safe_point(point.at(epoch + 1))
            job.agree()
            if model.stop_training:
                break
        model.optimizer.finalize_variable_values(job.trained)  # with `use_ema`: averages become weights
        callbacks.on_train_end(logs)
    finally:
        callbacks.close()


def train_on_batch(model: Model, batch: Batch, claim: Claim) -> dict[str, float]:
    """One step on one batch of NumPy arrays."""
    job = TrainJob(model, CallbackList(), checks.enabled(), place=placement.where(model))
    claim.hold(job.variables.params.values())
    if job.place.processes > 1:
        agreement.compare_first(model, batch, "train_on_batch()")
    warn_if_nothing_trains(model, job.variables)
    of_outer_run = job.variables.read().metrics if claim.nested else {}
    logs = run_alone(job, whole_batch(batch, job.place))
    if of_outer_run:
        job.variables.write(TrainState({}, {}, {}, of_outer_run))
    return logs


def warn_if_nothing_trains(model: Model, variables: TrainVariables) -> None:
    """Say so, and why, if no step will change a weight; metrics, moving statistics and callbacks run as ever."""
    if variables.params or custom.of(model).train:
        return
    why = "all of its layers are frozen (`trainable` is False)" if model.weights else "it has no weights"
    warn(f"Nothing is trained in model '{model.name}': {why}.")


class TrainJob(Job):
    """Steps of training: which program runs them, and what happens when a loss is not finite.

    Args:
        guard: stop at a loss that is not finite.
        source: a `BatchSource`; None for a single batch.
        place: where the steps run.

    Attributes:
        point: where the run stands.
    """

    guard: bool
    source: Any
    epoch_logs: list[Any]

    point: ResumePoint
    wish = "stop_training"

    def __init__(
        self,
        model: Model,
        callbacks: CallbackList,
        guard: bool,
        source: BatchSource | None = None,
        place: Placement = DEVICE,
    ):
        super().__init__(model, callbacks, getattr(source, "batch_size", None), place)
        self.guard, self.source = guard, source
        self.stops: tuple[int, ...] | list[int] = callbacks.stops
        self._epoch = self._first = 0
        self._programs: dict[Any, Any] = {}
        self._beside: compiled.Later | None = None
        self._seen: tuple[int, Any] | None = None
        self._compilation = self.model.compilation
        self.refresh()

    def refresh(self) -> None:
        """Look again at what is trainable, and make optimizer slots for what is new."""
        if self._now() == self._seen:
            return
        self.plan: plans.Plan = plans.of(self.model, training=True)
        self.variables: TrainVariables = self.plan.variables
        self.variables.lay(self.place)
        self.donate: bool = self.plan.state_bytes > _KEPT_STATE_BYTES
        self.rows_alone: bool = self.plan.rows_alone and not compiled.eager()
        self._programs.clear()
        self._seen = self._now()

    @property
    def trained(self) -> list[Variable]:
        """The variables that are trained now."""
        return self.plan.trained if self._seen == self._now() else self.model.trainable_variables

    def _now(self) -> tuple[int, Any]:
        return tracking.version(), self.model.optimizer

    def follow(self) -> None:
        """Go on with another optimizer, loss and metrics if a callback has called `compile`."""
        compilation = self.model.compilation
        if compilation is self._compilation:
            return
        if self._compilation.resolved and not compilation.resolved:
            prepare.resolve_anew(data_spec.of(self.model), self._compilation.targets, self.source)
        compilation.augment = self._compilation.augment
        self._compilation = compilation
        self.refresh()

    # --- a chunk of steps ---

    def begin(self, steps: StepRange) -> None:
        if steps.done > self._first and not self.in_flight:
            self.callbacks.on_safe_point(self.point.at(self._epoch, steps.done))
        super().begin(steps)
        self.follow()

    def program(self, steps: StepRange) -> Callable[..., Any]:
        """The compiled steps for ranges of this shape."""
        shape = steps.shape
        if shape not in self._programs:
            if self._beside is not None:
                self._beside.wait()
            self._programs[shape] = self.plan.programs.find((self.guard, shape), self.place) or self._compiled(steps)
        return self._programs[shape]

    def _compiled(self, steps: StepRange) -> Callable[..., Any]:
        while custom.makes_state(self.model, steps.batch_size, lambda: (self.variables, self._given(steps))):
            self._seen = None
            self.refresh()
        request = self._request(steps)
        program = program_for(request, self.callbacks, "training step", lambda: self._compile_beside(steps))
        self.plan.programs.note((self.guard, steps.shape), request)
        if self.source is not None and not self._programs:
            worth.warn_before(self.model, self.place, program)
        return program

    def _request(self, steps: StepRange) -> compiled.Request:
        def make() -> Callable[..., Any]:
            step = custom.step_of(self.model, self.variables, training=True)
            return program(step, steps.batch_size, self.guard)

        given = self._given(steps)
        key = "train", self.guard, self.plan.key, steps.batch_size
        out = given[0], None, None  # the state stays where it lies
        return compiled.Request(key, make, given, (0,) if self.donate else (), self.place, out)

    def _given(self, steps: StepRange) -> tuple[Any, ...]:
        return self.variables.read(), *steps.given

    def _compile_beside(self, steps: StepRange) -> None:
        """Compile the program of the short last batch beside that of the whole ones."""
        rest = steps.block.rows % steps.batch_size
        if not rest or steps.counts or compiled.eager():
            return
        request = self._request(StepRange(steps.block.tail(rest), rest, 0, 1, 0))
        if request.found() is None:
            with suppress(Exception):  # which comes again when the short batch does
                self._beside = request.begun()

    def read(self) -> TrainState:
        return self.variables.read(self.donate)

    def write(self, one: InFlight) -> None:
        self.variables.write(one.after)

    # --- epochs ---

    def begin_epoch(self, epoch: int) -> int:
        """The step at which an epoch begins."""
        self._epoch, self._first = epoch, self.point.begin_epoch(epoch)
        self.chunks.before = self.point.before
        return self._first

    def end_epoch(self, steps: int) -> None:
        """What was started so far belongs to an epoch that is complete."""
        self.point.before += steps
        if self.in_flight:
            self.in_flight[-1] = self.in_flight[-1]._replace(ends_epoch=True)
        else:
            self.epoch_logs.append(self.logs)

    def finish_epochs(self) -> list[dict[str, float]]:
        """Wait for the epochs that were ended; returns the logs of each."""
        self.settle()
        logs, self.epoch_logs = self.epoch_logs, []
        return logs

    def runs_ahead(self, already: int) -> bool:
        """Whether another epoch may be started before this one is reported."""
        seconds = self.chunks.seconds_for(self.source.steps) if self.source.steps else None
        small = self.plan.state_bytes * MOST_PENDING * _AHEAD_EPOCHS < _KEPT_STATE_BYTES
        return small and seconds is not None and already < _AHEAD_EPOCHS and seconds * _AHEAD_EPOCHS < _AHEAD_SECONDS

    # --- a loss that is not finite ---

    def check(self, one: InFlight) -> None:
        """
        Raises:
            FloatingPointError: if a loss was not finite; the weights are those of the last good update.
        """
        if self.guard and not DEVICE.fetch(one.progress.finite):
            self.in_flight.clear()
            self._refuse_nonfinite(one, int(one.progress.step) - 1)

    def _refuse_nonfinite(self, one: InFlight, step: int) -> None:
        """Leave the weights as they were after the last good step, and say what happened."""
        if self.donate:
            kept = "The model is too large to keep an earlier state; its weights are not usable."
        else:
            kept = self._restore(one, step)
        number = one.steps.number(step)
        if indices.looks_up(self.model):
            steps = one.steps._replace(start=step, stop=step + 1, done=number)
            run = custom.step_of(self.model, self.variables, training=True).run
            found = indices.bad_lookup_in(run, self.variables.read(), [steps])
            if found is not None:
                raise ValueError(f"{found} {kept}")
        raise FloatingPointError(
            f"The loss is not finite (NaN or infinite) at step {number} of the epoch (from 0). {kept} Usual causes: a"
            f" learning rate that is too high, inputs that are not scaled (magnitudes far above 1), or a log or"
            f" division in a custom loss. `sequax.config.set_data_checks(False)` lets training go on with such losses."
        )

    def _restore(self, one: InFlight, step: int) -> str:
        for last in (step, step - 1):
            state = one.before
            if last > one.steps.start:
                # The same program on the same rows: the steps before the bad one come out bit-equal.
                state, _, _ = one.program(one.before, *one.steps._replace(stop=last).given)
            if _all_finite(state.params):
                self.variables.write(state)
                return "The weights are those after the last good update."
        self.variables.write(one.before)
        return "The weights are those before this part of the epoch."


def _all_finite(params: Values) -> bool:
    return all(bool(np.isfinite(DEVICE.fetch(a)).all()) for a in jax.tree.leaves(params))


def is_due(epoch: int, frequency: Any) -> bool:
    """Whether validation runs after an epoch: every n-th one, or those listed (epochs count from 1 here)."""
    if isinstance(frequency, (list, tuple, set)):
        return epoch + 1 in frequency
    return (epoch + 1) % frequency == 0
