"""The compiled loop that `fit`, `evaluate` and `predict` share: any number of steps over the rows of a block."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from ..data.source import Batch
from .state import TrainState, like


class Progress(NamedTuple):
    """Where a program stopped: steps done, and whether the last loss was finite."""

    step: Any
    finite: Any


def take_batch(arrays: Batch, order: Any, step: Any, batch_size: int) -> Batch:
    """The rows of one step, gathered on the device."""
    rows = lax.dynamic_slice(order, (step * batch_size,), (batch_size,))
    # Row numbers come from our own permutation, so they are always in bounds.
    return jax.tree.map(lambda a: a.at[rows].get(mode="promise_in_bounds"), arrays)


def steps_program(step: Callable, reset: Callable, results: Callable, batch_size: int, guard: bool) -> Callable:
    """A program that runs steps `start` to `stop` (both traced: one compilation serves every length).

    Args:
        step: `(state, batch) -> (state, loss)`.
        reset: `(metrics) -> metrics`, start values of the metrics.
        results: `(metrics) -> dict of scalars`.
        guard: stop after the first step whose loss is not finite.

    Returns:
        `(state, arrays, order, start, stop, fresh) -> (state, progress, logs)`; `fresh` resets the metrics first.
    """

    def program(state: TrainState, arrays: Batch, order: Any, start: Any, stop: Any, fresh: Any) -> tuple:
        started = jax.tree.map(lambda new, old: jnp.where(fresh, new, old), reset(state.metrics), state.metrics)
        state = state._replace(metrics=started)

        def body(carry: tuple) -> tuple:
            i, state, _ = carry
            after, loss = step(state, take_batch(arrays, order, i, batch_size))
            return i + 1, like(after, state), jnp.isfinite(loss)

        def unfinished(carry: tuple) -> Any:
            i, _, finite = carry
            return (i < stop) & finite if guard else i < stop

        i, state, finite = lax.while_loop(unfinished, body, (start, state, jnp.array(True)))
        return state, Progress(i, finite), results(state.metrics)

    return program
