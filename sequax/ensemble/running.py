"""Programs over the stacked state of an ensemble, and with them `evaluate` and `predict`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from ..core import processes
from ..core.tensor import leaves
from ..data import resident
from ..data.source import Batch, BatchSource, Part, filled
from ..training import compiled, custom, single_kernel, steps
from ..training.chunks import ChunkSchedule, StepRange, step_ranges
from ..training.fingerprint import fingerprint
from ..training.loop import take_batch
from ..training.predict import loop_program
from ..training.state import TrainState, like
from .stack import Stack

EachLogs = dict[str, np.ndarray]  # name -> values with a leading axis of members


class Progress(NamedTuple):
    """Where a program stopped: of each member the first step not run, and whether its last loss was finite."""

    step: Any
    finite: Any


class Programs:
    """Compiled loops of one kind of step over the stacked state.

    Args:
        stack: of the members.
        kind: `"train"` or `"test"`.
        guard: stop after the first step in which the loss of a member that is not frozen is not finite.
    """

    def __init__(self, stack: Stack, kind: str, guard: bool = False):
        leader = stack.leader
        compilation = leader.compilation
        optimizer = leader.optimizer if kind == "train" else None
        slots = custom.slots(leader, optimizer)
        make_step = steps.train_step if kind == "train" else steps.test_step
        self._step = make_step(leader, slots)
        self._reset = steps.reset_metrics(leader, slots)
        self._results: Any = steps.metric_results(leader, slots)
        self._guard, self._count = guard, len(stack.members)
        self._key = "ensemble", kind, guard, fingerprint(leader, *compilation.traced, optimizer)
        self._programs: dict[Any, Any] = {}
        self._what = "training step" if kind == "train" else "evaluation step"
        self.metrics: Any = {
            key: np.broadcast_to(v.numpy(), (self._count, *v.shape)).copy() for key, v in slots.metrics.items()
        }

    def run(
        self, state: TrainState, frozen: np.ndarray, span: StepRange, callbacks: Any
    ) -> tuple[TrainState, Any, Any]:
        """Start the steps of a span: `(state, progress, logs)`, logs with one value per member."""
        given = state, frozen, *span.given
        holds = bool(frozen.any())
        key = span.shape, holds
        if key not in self._programs:
            function = members_program(self._step, self._reset, self._results, span.batch_size, self._guard, holds)
            request = compiled.Request((self._key, span.batch_size, holds), function, given)
            with nullcontext() if request.known else callbacks.compiling(self._what):
                self._programs[key] = request.program()
        return self._programs[key](*given)


def members_program(
    step: Callable, reset: Callable, results: Callable, batch_size: int, guard: bool, holds: bool
) -> Callable:
    """`loop.steps_program` for many members.

    They take each step together. Where the loop of a single member is one kernel, they train one after another instead,
    which is two to three times as fast.

    Returns:
        `(state, frozen, arrays, order, start, stop, fresh) -> (state, progress, logs)`. `order` has one column per
        member, or is one order for all. With `holds`, the state of members that are `frozen` stays as it is: a program
        of its own, so that runs without such members do not pay for the choice.
    """

    def program(state: Any, frozen: Any, arrays: Batch, order: Any, start: Any, stop: Any, fresh: Any) -> tuple:
        empty = jax.vmap(reset)(state.metrics)
        state = state._replace(metrics=jax.tree.map(lambda n, o: jnp.where(fresh, n, o), empty, state.metrics))
        first = jax.tree.map(lambda a: a[0], state), jnp.array(True)
        own = order if _is_shared(order) else order[:, 0]
        run = one_by_one if single_kernel.fits(one_step, start, first, arrays, own, stop) else together
        state, progress = run(state, frozen, arrays, order, start, stop)
        return state, progress, jax.vmap(results)(state.metrics)

    def together(state: Any, frozen: Any, arrays: Batch, order: Any, start: Any, stop: Any) -> tuple:
        def body(carry: tuple) -> tuple:
            i, state, _ = carry
            batch, axis = _batch(arrays, order, i, batch_size)
            after, losses = jax.vmap(step, in_axes=(0, axis))(state, batch)
            after = like(after, state)
            return i + 1, chosen(frozen, state, after) if holds else after, jnp.isfinite(losses) | frozen

        def unfinished(carry: tuple) -> Any:
            i, _, finite = carry
            return (i < stop) & finite.all() if guard else i < stop

        i, state, finite = lax.while_loop(unfinished, body, (start, state, jnp.ones(frozen.shape, bool)))
        return state, Progress(jnp.full(frozen.shape, i), finite)

    @compiled.traced_once
    def one_step(i: Any, carried: tuple, arrays: Batch, order: Any, end: Any) -> tuple:
        state, _ = carried
        after, loss = step(state, take_batch(arrays, order, i, batch_size))
        return like(after, state), jnp.isfinite(loss)

    def one_by_one(state: Any, frozen: Any, arrays: Batch, order: Any, start: Any, stop: Any) -> tuple:
        def member(given: tuple) -> tuple:
            state, frozen, own = given
            operands = arrays, order if own is None else own, jnp.where(frozen, start, stop)

            def unfinished(i: Any, carried: tuple, arrays: Batch, order: Any, end: Any) -> Any:
                return (i < end) & carried[1] if guard else i < end

            begun = state, jnp.array(True)
            i, (state, finite) = single_kernel.while_loop(unfinished, one_step, start, begun, *operands)
            return state, Progress(jnp.where(frozen, stop, i), finite)

        return lax.map(member, (state, frozen, None if _is_shared(order) else order.T))

    return program


def _is_shared(order: Any) -> bool:
    """Whether all members take the rows in one order."""
    return order is None or order.ndim == 1


def _batch(arrays: Batch, order: Any, step: Any, batch_size: int) -> tuple[Batch, int | None]:
    """The rows of one step and their axis of members; None where all members have the same rows."""
    if _is_shared(order):
        return take_batch(arrays, order, step, batch_size), None
    # Members first, as the products under vmap want them: up to 1.4 times the speed of rows first. Gathering all rows
    # of an epoch beforehand costs a copy of the data per member, and is not faster (see docs/ensemble.md).
    return resident.take(arrays, lax.dynamic_slice_in_dim(order, step * batch_size, batch_size).T), 0


def chosen(which: Any, yes: Any, no: Any) -> Any:
    """Two stacked states mixed: the arrays of `yes` for the members in `which`, else those of `no`."""
    return jax.tree.map(lambda y, n: jnp.where(jnp.reshape(which, (-1,) + (1,) * (y.ndim - 1)), y, n), yes, no)


# --- logs of members ------------------------------------------------------------------------------------------------


def arrived(logs: dict[str, Any]) -> EachLogs:
    """Logs of a program, sorted by name."""
    return {name: np.asarray(value) for name, value in sorted(logs.items())}


def mean(each: EachLogs, counted: Any = slice(None)) -> dict[str, Any]:
    """Means over the members that count."""
    return {name: _plain(values[counted].mean(0)) for name, values in each.items()}


def of_member(each: EachLogs, member: int) -> dict[str, Any]:
    """The logs of one member."""
    return {name: _plain(values[member]) for name, values in each.items()}


def _plain(value: Any) -> Any:
    return float(value) if np.ndim(value) == 0 else value


# --- evaluate and predict -------------------------------------------------------------------------------------------


def evaluate(stack: Stack, source: BatchSource, callbacks: Any, counted: Any = slice(None)) -> EachLogs:
    """Loss and metrics of every member; callbacks see the means over those that count."""
    programs = Programs(stack, "test")
    chunks = ChunkSchedule(int(callbacks.watches_test_batches), callbacks.refresh_seconds)
    members = stack.read()
    state = members._replace(optimizer={}, metrics=programs.metrics)
    nobody = np.zeros(len(stack.members), bool)
    callbacks.on_test_begin()
    each: EachLogs = {}
    for span in step_ranges(source, 0, chunks):
        if chunks.watched:
            callbacks.on_test_batch_begin(span.done)
        chunks.start(span.stop - span.start)
        state, _, logs = programs.run(state, nobody, span, callbacks)
        each = arrived(logs)
        chunks.stop()
        if chunks.watched:
            callbacks.on_test_batch_end(span.done, mean(each, counted))
        callbacks.on_test_chunk_end(span.end, mean(each, counted))
    stack.write_moved(members, state.other)
    callbacks.on_test_end(mean(each, counted))
    return each


def predict(stack: Stack, parts: Callable[[bool, bool], Iterator[Part]], callbacks: Any) -> Any:
    """Outputs of every member, members first."""
    processes.check("predict")
    key = "ensemble", "predict", fingerprint(stack.leader)
    # Rows first while rows are put together.
    step = jax.vmap(steps.predict_step(stack.leader), in_axes=(0, 0, None), out_axes=(1, 0))
    members = stack.read()
    other: dict[str, Any] = {}  # what the batches have moved
    single = callbacks.watches_predict_batches
    outputs, done = [], 0
    callbacks.on_predict_begin()
    try:
        for part in parts(single, False):
            if single:
                callbacks.on_predict_batch_begin(done)
            given = members.params, members.other | other, *_given(part)
            function = step if part.batches == 1 else loop_program(step, part.batch_size, _most(part))
            request = compiled.Request((key, part.batches > 1, part.batch_size), function, given)
            with nullcontext() if request.known else callbacks.compiling("prediction step"):
                program = request.program()
            results, other = program(*given)
            rows = len(leaves(part.x)[0])
            outputs.append(jax.tree.map(lambda a, rows=rows: np.asarray(a)[:rows], results))
            done += part.batches
            if single:
                callbacks.on_predict_batch_end(done - 1, {"outputs": np.moveaxis(outputs[-1], 1, 0)})
            callbacks.on_predict_chunk_end(done, {})
        callbacks.on_predict_end()
    finally:
        callbacks.close()
    stack.write_moved(members, other)
    return jax.tree.map(lambda *p: np.moveaxis(np.concatenate(p), 1, 0), *outputs)


def _given(part: Part) -> tuple[Any, ...]:
    """What a program gets of the rows of a part."""
    if part.batches == 1:
        return (part.x,)
    x = jax.tree.map(lambda a: filled(a, _most(part) * part.batch_size), part.x)
    return x, np.int32(part.batches)


def _most(part: Part) -> int:
    """Batches that a program for a part is made for: few programs serve all lengths."""
    return 1 << (part.batches - 1).bit_length()
