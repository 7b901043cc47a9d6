"""`evaluate`: the loop of `fit` with a step that leaves the parameters alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..callbacks import CallbackList
from ..core import placement, processes
from ..core.placement import DEVICE, Placement
from ..data.source import Batch, BatchSource
from . import agreement, claims, compiled, custom, indices, plans
from .chunks import StepRange, step_ranges, whole_batch
from .drive import InFlight, Job, drive, program_for, run_alone
from .state import TrainState, TrainVariables, moved
from .step import Told, program

if TYPE_CHECKING:
    from ..model import Model


def evaluate(model: Model, source: BatchSource, callbacks: CallbackList, place: Placement = DEVICE) -> dict[str, float]:
    """Loss and metrics over a source, by name."""
    try:
        if place.processes > 1:
            agreement.compare_data(source.resume_signature(), "evaluate()")
        # The metrics of a training that goes on, here or in another thread, are its own: leave them as they are.
        return run_evaluation(model, source, callbacks, not claims.trained(model), place)
    finally:
        callbacks.close()


def run_evaluation(
    model: Model,
    source: BatchSource,
    callbacks: CallbackList,
    keeps_metrics: bool = True,
    place: Placement = DEVICE,
) -> dict[str, float]:
    """`evaluate` inside a run that goes on, such as the validation of `fit`.

    Args:
        keeps_metrics: leave the states of the metrics in their variables.
        place: where it runs.
    """
    model.stop_evaluating = False
    source.place = place
    job = EvaluateJob(model, callbacks, keeps_metrics, getattr(source, "batch_size", None), place)
    placement.want(model, place)
    ranges = step_ranges(source, 0, job)
    callbacks.on_test_begin()
    drive(job, ranges)
    callbacks.on_test_end(job.logs)
    return job.logs


def test_on_batch(model: Model, batch: Batch) -> dict[str, float]:
    """Metrics of one batch of NumPy arrays."""
    processes.check("test_on_batch")
    place = placement.where(model)
    if place.processes > 1:
        agreement.compare_first(model, batch, "test_on_batch()")
    return run_alone(
        EvaluateJob(model, CallbackList(), not claims.trained(model), place=place), whole_batch(batch, place)
    )


class EvaluateJob(Job):
    """Steps of evaluation, which carry the states of the metrics themselves.

    Args:
        keeps_metrics: leave the states of the metrics in their variables.
    """

    kind, wish = "test", "stop_evaluating"

    def __init__(
        self,
        model: Model,
        callbacks: CallbackList,
        keeps_metrics: bool,
        batch_size: int | None = None,
        place: Placement = DEVICE,
    ):
        super().__init__(model, callbacks, batch_size, place)
        self._keeps_metrics = keeps_metrics
        self._searches = True  # for bad lookups, if results are not finite
        self._programs: dict[Any, Callable[..., Any]] = {}
        self._look()

    def _look(self) -> None:
        """Find the variables of the steps."""
        self.plan: plans.Plan = plans.of(self.model, training=False)
        self.variables: TrainVariables = self.plan.variables
        self.variables.lay(self.place)
        self.rows_alone: bool = self.plan.rows_alone and not compiled.eager()
        self._metrics = self.variables.borrow().metrics

    def program(self, steps: StepRange) -> Callable[..., Any]:
        """The compiled steps for ranges of this shape; of the new state they return what the steps have changed."""
        shape = steps.shape
        if shape not in self._programs:
            self._programs[shape] = self.plan.programs.find(shape, self.place) or self._compiled(steps)
        return self._programs[shape]

    def _compiled(self, steps: StepRange) -> Callable[..., Any]:
        while custom.makes_state(
            self.model, steps.batch_size, lambda: (self.variables, self._given(steps)), training=False
        ):
            self._look()
        given = self._given(steps)
        key = "test", self.plan.key, steps.batch_size
        whole: Any = None
        out = TrainState(whole, whole, whole, self._metrics), whole, whole  # metrics stay where they lie
        request = compiled.Request(key, lambda: self._made(steps.batch_size), given, place=self.place, out=out)
        program = program_for(request, self.callbacks, "evaluation step")
        self.plan.programs.note(steps.shape, request)
        return program

    def _given(self, steps: StepRange) -> tuple[Any, ...]:
        return self.variables.borrow()._replace(metrics=self._metrics), *steps.given

    def _made(self, batch_size: int) -> Callable[..., Any]:
        step = custom.step_of(self.model, self.variables, training=False)
        changed: dict[str, set[str]] = {"params": set(), "other": set()}

        def noting(state: TrainState, batch: Batch) -> tuple[TrainState, Told]:
            after, told = step.run(state, batch)
            for field, keys in changed.items():
                keys.update(moved(getattr(state, field), getattr(after, field)))
            return after, told

        run = program(step._replace(run=noting), batch_size, guard=False)

        def without_the_rest(*given: object) -> tuple[TrainState, Any, Any]:
            after, progress, logs = run(*given)
            parts = {field: {k: getattr(after, field)[k] for k in sorted(keys)} for field, keys in changed.items()}
            return TrainState(**parts, optimizer={}, metrics=after.metrics), progress, logs

        return without_the_rest

    def read(self) -> TrainState:
        return self.variables.borrow()._replace(metrics=self._metrics)

    def write(self, one: InFlight) -> None:
        self._metrics = one.after.metrics
        self.variables.write_moved(one.before, self.variables.laid(self.place, one.after._replace(metrics={})))
        if self._keeps_metrics:
            self.variables.write(TrainState({}, {}, {}, one.after.metrics))

    def settle(self) -> dict[str, float]:
        """
        Raises:
            ValueError: for a lookup outside of a table, if results are not finite.
        """
        waiting = self.in_flight[:]
        logs = super().settle()
        if waiting and self._searches and not indices.all_finite(logs):
            self._searches = False  # it is NaN for another reason, and stays so
            if indices.looks_up(self.model):
                run = custom.step_of(self.model, self.variables, training=False).run
                found = indices.bad_lookup_in(run, waiting[-1].before, [one.steps for one in waiting])
                if found is not None:
                    raise ValueError(found)
        return logs
