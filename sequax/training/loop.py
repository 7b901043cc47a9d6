"""The compiled loop that `fit`, `evaluate` and `predict` share: any number of steps over the rows of a block."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from ..data import resident
from ..data.source import Batch
from . import compiled, single_kernel
from .state import TrainState, like


class Progress(NamedTuple):
    """Where a program stopped: steps done, and whether the last loss was finite."""

    step: Any
    finite: Any


def take_batch(arrays: Batch, order: Any, step: Any, batch_size: int) -> Batch:
    """The rows of one step, gathered on the device."""
    # Row numbers come from our own permutation, so they are always in bounds.
    return resident.take(arrays, lax.dynamic_slice(order, (step * batch_size,), (batch_size,)))


def steps_program(step: Callable, reset: Callable, results: Callable | None, batch_size: int, guard: bool) -> Callable:
    """A program that runs steps `start` to `stop` (both traced: one compilation serves every length).

    Args:
        step: `(state, batch) -> (state, loss)`, or `(state, batch) -> (state, (loss, logs))` if `results` is None.
        reset: `(metrics) -> metrics`, start values of the metrics.
        results: `(metrics) -> dict of scalars`; None if the step gives logs itself, of which the last are kept.
        guard: stop after the first step whose loss is not finite; a loss of None counts as finite.

    Returns:
        `(state, arrays, order, start, stop, fresh) -> (state, progress, logs)`; `fresh` resets the metrics first.
    """
    own_logs = results is None
    step = compiled.traced_once(step) if own_logs else step

    def program(state: TrainState, arrays: Batch, order: Any, start: Any, stop: Any, fresh: Any) -> tuple:
        started = jax.tree.map(lambda new, old: jnp.where(fresh, new, old), reset(state.metrics), state.metrics)
        state = state._replace(metrics=started)
        logs = _no_logs(step, state, take_batch(arrays, order, start, batch_size)) if own_logs else None

        def body(i: Any, carried: tuple, arrays: Batch, order: Any, stop: Any) -> tuple:
            state, _, _ = carried
            after, told = step(state, take_batch(arrays, order, i, batch_size))
            loss, logs = told if own_logs else (told, None)
            finite = jnp.array(True) if loss is None else jnp.isfinite(loss)
            return like(after, state), finite, logs

        def unfinished(i: Any, carried: tuple, arrays: Batch, order: Any, stop: Any) -> Any:
            _, finite, _ = carried
            return (i < stop) & finite if guard else i < stop

        carried = state, jnp.array(True), logs
        i, (state, finite, logs) = single_kernel.while_loop(unfinished, body, start, carried, arrays, order, stop)
        return state, Progress(i, finite), logs if results is None else results(state.metrics)

    return program


def _no_logs(step: Callable, state: TrainState, batch: Batch) -> Any:
    """Zeros in the place of logs, for a loop that has not begun; run step by step, the first step makes them."""
    if compiled.eager():
        return {}
    _, (_, logs) = jax.eval_shape(step, state, batch)
    return jax.tree.map(lambda a: jnp.zeros(a.shape, a.dtype), logs)
