"""`evaluate`: the loop of `fit` with a step that leaves the parameters alone."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

from ..callbacks import CallbackList
from ..core import processes
from ..core.tensor import leaves
from ..data.source import Batch, Source
from . import claims, compiled, custom, indices, steps
from .fingerprint import fingerprint
from .loop import steps_program
from .pace import MOST_PENDING, Pace, Span, spans, speeds_of, whole_batch
from .resolve import scalars
from .state import Slots, TrainState, moved


def evaluate(model: Any, source: Source, callbacks: Any) -> dict[str, float]:
    """Loss and metrics over a source, by name."""
    try:
        # The metrics of a training that goes on, here or in another thread, are its own: leave them as they are.
        return run_evaluation(model, source, callbacks, keeps_metrics=not claims.trained(model))
    finally:
        callbacks.close()


def run_evaluation(model: Any, source: Source, callbacks: Any, keeps_metrics: bool = True) -> dict[str, float]:
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
    pace = Pace(watched, callbacks.refresh_seconds, (), speeds_of(model), kind)
    callbacks.on_test_begin()
    logs: dict[str, float] = {}
    done = 0
    pending: list[Span] = []
    searches = True

    def report(span: Span) -> dict[str, float]:
        nonlocal searches
        logs = scalars(results)
        pace.stop()
        if searches and not indices.all_finite(logs):
            _refuse_bad_lookup(model, slots, before, pending)
            searches = False  # it is NaN for another reason, and stays so
        pending.clear()
        batch = pace.ended_batch(span.end)
        if batch is not None:
            callbacks.on_test_batch_end(batch, dict(logs))
        callbacks.on_test_chunk_end(span.end, logs)
        return logs

    for span in spans(source, 0, pace):
        if pace.begins_at(span.done):
            callbacks.on_test_batch_begin(span.done)
        before = slots.borrow()._replace(metrics=metrics)
        program = _test_program(model, slots, key, span, before, callbacks)
        pace.start(span.stop - span.start)
        after, _, results = program(before, *span.given)
        metrics = after.metrics
        _leave(slots, before, after, keeps_metrics)
        pending.append(span)
        done = span.end
        if pace.waits or len(pending) == MOST_PENDING:
            logs = report(span)
        if model.stop_evaluating:
            break
    if pending:
        logs = report(span)
    batch = pace.ended_batch(done, is_last=True)
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


def _refuse_bad_lookup(model: Any, slots: Slots, state: TrainState, spans: list[Span]) -> None:
    found = None
    if indices.looks_up(model):
        found = indices.bad_lookup_in(steps.test_step(model, slots), state, spans)
    if found is not None:
        raise ValueError(found)


def _leave(slots: Slots, before: TrainState, after: TrainState, keeps_metrics: bool) -> None:
    """Write back what an evaluation has changed."""
    slots.write_moved(before, after._replace(metrics={}))
    if keeps_metrics:
        slots.write(TrainState({}, {}, {}, after.metrics))


def _test_program(model: Any, slots: Slots, key: Any, span: Span, state: TrainState, callbacks: Any) -> Any:
    """The compiled steps for spans of this shape; of the new state they return what the steps have changed."""

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
