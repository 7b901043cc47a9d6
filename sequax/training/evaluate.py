"""`evaluate`: the loop of `fit` with a step that leaves the parameters alone."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

from ..callbacks import CallbackList
from ..core.tensor import leaves
from ..data.source import Batch, Source
from . import compiled, custom, steps
from .fingerprint import fingerprint
from .loop import steps_program
from .pace import MOST_PENDING, Pace, Span, spans, speeds_of, whole_batch
from .resolve import scalars
from .state import Slots


def evaluate(model: Any, source: Source, callbacks: Any) -> dict[str, float]:
    """Loss and metrics over a source, by name."""
    try:
        return run_evaluation(model, source, callbacks)
    finally:
        callbacks.close()


def run_evaluation(model: Any, source: Source, callbacks: Any) -> dict[str, float]:
    """`evaluate` inside a run that goes on, such as the validation of `fit`."""
    slots = custom.slots(model)
    key = "test", fingerprint(model, *model.compilation.traced)
    kind = "test", getattr(source, "batch_size", None)
    pace = Pace(callbacks.watches_test_batches, callbacks.refresh_seconds, (), speeds_of(model), kind)
    callbacks.on_test_begin()
    logs: dict[str, float] = {}
    pending = 0

    def report(span: Span) -> dict[str, float]:
        logs = scalars(results)
        pace.stop()
        if pace.single:
            callbacks.on_test_batch_end(span.done, dict(logs))
        callbacks.on_test_chunk_end(span.end, logs)
        return logs

    for span in spans(source, 0, pace):
        if pace.single:
            callbacks.on_test_batch_begin(span.done)
        state = slots.read()
        program = _test_program(model, slots, key, span, callbacks)
        pace.start(span.stop - span.start)
        state, _, results = program(state, *span.given)
        slots.write(state)
        pending += 1
        if pace.waits or pending == MOST_PENDING:
            logs, pending = report(span), 0
    if pending:
        logs = report(span)
    callbacks.on_test_end(logs)
    return logs


def test_on_batch(model: Any, batch: Batch) -> dict[str, float]:
    """Metrics of one batch of NumPy arrays."""
    slots = custom.slots(model)
    span = whole_batch(batch, len(leaves(batch)[0]))
    key = "test", fingerprint(model, *model.compilation.traced)
    state, _, results = _test_program(model, slots, key, span, CallbackList())(slots.read(), *span.given)
    slots.write(state)
    return scalars(results)


def _test_program(model: Any, slots: Slots, key: Any, span: Span, callbacks: Any) -> Any:
    function = steps_program(
        steps.test_step(model, slots),
        steps.reset_metrics(model, slots),
        steps.metric_results(model, slots),
        span.batch_size,
        guard=False,
    )
    request = compiled.Request((key, span.batch_size), function, (slots.read(), *span.given))
    with nullcontext() if request.known else callbacks.compiling("evaluation step"):
        return request.program()
