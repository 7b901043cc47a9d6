"""`evaluate`: the loop of `fit` with a step that leaves the parameters alone."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

from ..callbacks import CallbackList
from ..core import processes
from ..core.tensor import leaves
from ..data.source import Batch, BatchSource
from . import claims, compiled, custom, indices, steps
from .chunks import MOST_PENDING, ChunkSchedule, StepRange, speeds_of, step_ranges, whole_batch
from .fingerprint import fingerprint
from .loop import steps_program
from .resolve import scalars
from .state import TrainState, TrainVariables, moved


def evaluate(model: Any, source: BatchSource, callbacks: Any) -> dict[str, float]:
    """Loss and metrics over a source, by name."""
    try:
        # The metrics of a training that goes on, here or in another thread, are its own: leave them as they are.
        return run_evaluation(model, source, callbacks, keeps_metrics=not claims.trained(model))
    finally:
        callbacks.close()


def run_evaluation(model: Any, source: BatchSource, callbacks: Any, keeps_metrics: bool = True) -> dict[str, float]:
    """`evaluate` inside a run that goes on, such as the validation of `fit`.

    Args:
        keeps_metrics: leave the states of the metrics in their variables.
    """
    model.stop_evaluating = False
    slots = custom.slots(model)
    metrics = slots.borrow().metrics
    key = "test", fingerprint(model, *model.compilation.traced)
    kind = "test", getattr(source, "batch_size", None)
    watched = model.steps_per_execution if callbacks.watches_test_batches else 0
    chunks = ChunkSchedule(watched, callbacks.refresh_seconds, (), speeds_of(model), kind)
    callbacks.on_test_begin()
    logs: dict[str, float] = {}
    done = 0
    pending: list[StepRange] = []
    searches = True

    def report(span: StepRange) -> dict[str, float]:
        nonlocal searches
        logs = scalars(results)
        chunks.stop()
        if searches and not indices.all_finite(logs):
            _refuse_bad_lookup(model, slots, before, pending)
            searches = False  # it is NaN for another reason, and stays so
        pending.clear()
        batch = chunks.ended_batch(span.end)
        if batch is not None:
            callbacks.on_test_batch_end(batch, dict(logs))
        callbacks.on_test_chunk_end(span.end, logs)
        return logs

    for span in step_ranges(source, 0, chunks):
        if chunks.begins_at(span.done):
            callbacks.on_test_batch_begin(span.done)
        before = slots.borrow()._replace(metrics=metrics)
        program = _test_program(model, slots, key, span, before, callbacks)
        chunks.start(span.stop - span.start)
        after, _, results = program(before, *span.given)
        metrics = after.metrics
        _leave(slots, before, after, keeps_metrics)
        pending.append(span)
        done = span.end
        if chunks.waits or len(pending) == MOST_PENDING:
            logs = report(span)
        if model.stop_evaluating:
            break
    if pending:
        logs = report(span)
    batch = chunks.ended_batch(done, is_last=True)
    if batch is not None:
        callbacks.on_test_batch_end(batch, dict(logs))
    callbacks.on_test_end(logs)
    return logs


def test_on_batch(model: Any, batch: Batch) -> dict[str, float]:
    """Metrics of one batch of NumPy arrays."""
    processes.check("test_on_batch")
    slots = custom.slots(model)
    span = whole_batch(batch, len(leaves(batch)[0]))
    key = "test", fingerprint(model, *model.compilation.traced)
    before = slots.borrow()
    after, _, results = _test_program(model, slots, key, span, before, CallbackList())(before, *span.given)
    _leave(slots, before, after, not claims.trained(model))
    logs = scalars(results)
    if not indices.all_finite(logs):
        _refuse_bad_lookup(model, slots, before, [span])
    return logs


def _refuse_bad_lookup(model: Any, slots: TrainVariables, state: TrainState, step_ranges: list[StepRange]) -> None:
    found = None
    if indices.looks_up(model):
        found = indices.bad_lookup_in(steps.test_step(model, slots), state, step_ranges)
    if found is not None:
        raise ValueError(found)


def _leave(slots: TrainVariables, before: TrainState, after: TrainState, keeps_metrics: bool) -> None:
    """Write back what an evaluation has changed."""
    slots.write_moved(before, after._replace(metrics={}))
    if keeps_metrics:
        slots.write(TrainState({}, {}, {}, after.metrics))


def _test_program(
    model: Any, slots: TrainVariables, key: Any, span: StepRange, state: TrainState, callbacks: Any
) -> Any:
    """The compiled steps for step ranges of this shape; of the new state they return what the steps have changed."""

    def program(state: TrainState, *given: Any) -> tuple[TrainState, Any, Any]:  # put together when it is traced
        step = steps.test_step(model, slots)
        changed: dict[str, set[str]] = {"params": set(), "other": set()}

        def noting(state: TrainState, batch: Batch) -> tuple[TrainState, Any]:
            after, told = step(state, batch)
            for field, keys in changed.items():
                keys.update(moved(getattr(state, field), getattr(after, field)))
            return after, told

        reset, results = steps.reset_metrics(model, slots), steps.metric_results(model, slots)
        run = steps_program(noting, reset, results, span.batch_size, guard=False)
        after, progress, logs = run(state, *given)
        parts = {field: {k: getattr(after, field)[k] for k in sorted(keys)} for field, keys in changed.items()}
        return TrainState(**parts, optimizer={}, metrics=after.metrics), progress, logs

    request = compiled.Request((key, span.batch_size), program, (state, *span.given))
    with nullcontext() if request.known else callbacks.compiling("evaluation step"):
        return request.program()
