"""Steps over the stacked state of an ensemble, and with them `evaluate` and `predict`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeGuard, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from ..core.placement import DEVICE
from ..core.types import Nested, Tensor
from ..data import resident
from ..data.source import Batch, BatchSource, Part
from ..training import alone, compiled, custom, single_kernel
from ..training.chunks import StepRange, step_ranges
from ..training.drive import InFlight, Job, drive, program_for
from ..training.fingerprint import fingerprint
from ..training.predict import Forward, PredictJob, run_prediction
from ..training.state import TrainState, TrainVariables, like
from ..training.step import Carried, Progress, Step, Told, loop_of, program, rows_of, take_batch
from .spread import put_members
from .stack import Stack

if TYPE_CHECKING:
    from ..callbacks import CallbackList

T = TypeVar("T")
Counted = np.ndarray | slice  # which members
Order = jax.Array | None  # of the rows; None: as they come
Outcome = tuple[TrainState, Progress, Any]  # the last: logs
EachLogs = dict[str, np.ndarray]  # name -> values with a leading axis of members


class MembersJob(Job):
    """Steps of one kind over the stacked state.

    Args:
        stack: of the members.
        guard: stop after the first step in which the loss of a member that is not frozen is not finite.

    Attributes:
        frozen: of each member, whether its state stays as it is.
    """

    key: tuple[Any, ...]

    def __init__(self, stack: Stack, callbacks: CallbackList, guard: bool = False):
        super().__init__(stack, callbacks, place=stack.place)
        self.stack = stack
        self.guard = guard
        self.frozen: np.ndarray = np.zeros(len(stack.members), bool)
        self._variables: list[TrainVariables] | None = None
        self.refresh()

    def refresh(self) -> None:
        """Look again at what is trainable: a callback may have frozen a layer in all members."""
        self.stack.refresh()
        if self._variables is self.stack.variables:
            return
        self._variables, leader = self.stack.variables, self.stack.leader
        training = self.kind == "train"
        self.rows_alone: bool = alone.of(leader, training) and not compiled.eager()
        optimizer = leader.optimizer if training else None
        variables = custom.variables_of(leader, optimizer)
        self.step: Step = custom.step_of(leader, variables, training)
        self.key = "ensemble", self.kind, self.guard, fingerprint(leader, *leader.compilation.traced, optimizer).key
        count = len(self.stack.members)
        self.metrics: dict[str, Any] = {
            key: np.broadcast_to(v.numpy(), (count, *v.shape)).copy() for key, v in variables.metrics.items()
        }
        if self.place.is_spread:
            self.metrics = put_members(self.place, self.metrics)
        self._programs: dict[Any, Any] = {}

    @property
    def batches_per_hook(self) -> int:
        return self.stack.leader.steps_per_execution

    def program(self, steps: StepRange) -> Callable[..., Any]:
        """The compiled steps for ranges of this shape, for the members that are not frozen now."""
        frozen = self.frozen.copy()
        holds = bool(frozen.any())
        key = steps.shape, holds
        if key not in self._programs:
            arrays, *rest = steps.given
            given = self.read(), (arrays, frozen), *rest
            request = compiled.Request(
                (self.key, steps.batch_size, holds),
                lambda: members_program(self.step, steps.batch_size, self.guard, holds),
                given,
                place=self.place,
                out=(given[0], None, None),
            )
            what = "training step" if self.kind == "train" else "evaluation step"
            self._programs[key] = program_for(request, self.callbacks, what)
        run = self._programs[key]
        return lambda state, arrays, *rest: run(state, (arrays, frozen), *rest)

    def arrived(self, logs: dict[str, jax.Array]) -> EachLogs:
        """Logs of a program, sorted by name."""
        return {name: DEVICE.fetch(value) for name, value in sorted(logs.items())}

    def told(self) -> dict[str, Any]:
        return mean(self.logs, ~self.frozen)


def members_program(step: Step, batch_size: int, guard: bool, holds: bool) -> Callable[..., Any]:
    """`step.program` for many members.

    They take each step together. Where the loop of a single member is one kernel, they train one after another instead,
    which is two to three times as fast.

    Returns:
        `(state, (arrays, frozen), order, start, stop, fresh) -> (state, progress, logs)`. `order` has one column per
        member, or is one order for all. With `holds`, the state of members that are `frozen` stays as it is: a program
        of its own, so that runs without such members do not pay for the choice.
    """
    assert step.results is not None
    alone = loop_of(step.run, batch_size, guard)

    def steps(state: TrainState, given: tuple[Any, ...], order: Order, start: Tensor, stop: Tensor) -> Outcome:
        first = Carried(jax.tree.map(lambda a: a[0], state), jnp.array(True), None)
        own = order[:, 0] if _differs(order) else order
        if single_kernel.fits(alone.body, start, first, given[0], own, stop):
            return one_by_one(state, given, order, start, stop)
        loop = loop_of(together(order), batch_size, guard, take)
        state, progress, logs = loop.steps(state, given, order, start, stop)
        return state, progress._replace(step=jnp.full(given[1].shape, progress.step)), logs

    def together(order: Order) -> Callable[..., Any]:
        axis: Any = 0 if _differs(order) else None

        def run(state: TrainState, given: tuple[Any, ...]) -> tuple[Any, Told]:
            batch, frozen = given
            after, told = jax.vmap(step.run, in_axes=(0, Batch(axis, axis, axis)))(state, batch)
            after = chosen(frozen, state, like(after, state)) if holds else after
            return after, Told(jnp.where(frozen, 0, told.loss))

        return run

    def take(given: tuple[Any, ...], order: Tensor, i: Tensor, batch_size: int) -> tuple[Batch, Any]:
        arrays, frozen = given
        if not _differs(order):
            return take_batch(arrays, order, i, batch_size), frozen
        # Members first, as the products under vmap want them: up to 1.4 times the speed of rows first. Gathering all
        # rows of an epoch beforehand costs a copy of the data per member, and is not faster (see docs/ensemble.md).
        own = lax.dynamic_slice_in_dim(order, i * batch_size, batch_size).T
        x, y, weight = resident.take(arrays[:3], own)
        return Batch(x, y, weight, rows_of(arrays, i, batch_size)), frozen

    def one_by_one(state: TrainState, given: tuple[Any, ...], order: Order, start: Tensor, stop: Tensor) -> Outcome:
        arrays, frozen = given

        def member(each: tuple[Any, ...]) -> tuple[Any, ...]:
            state, frozen, own = each
            state, progress, logs = alone.steps(
                state, arrays, order if own is None else own, start, jnp.where(frozen, start, stop)
            )
            return state, progress._replace(step=jnp.where(frozen, stop, progress.step)), logs

        return lax.map(member, (state, frozen, order.T if _differs(order) else None))

    each = Step(step.run, jax.vmap(step.reset), jax.vmap(step.results))
    return program(each, batch_size, guard, steps)


def _differs(order: Order) -> TypeGuard[jax.Array]:
    """Whether each member takes the rows in an order of its own."""
    return order is not None and order.ndim > 1


def chosen(which: jax.Array | np.ndarray, yes: T, no: T) -> T:
    """Two stacked states mixed: the arrays of `yes` for the members in `which`, else those of `no`."""
    return jax.tree.map(lambda y, n: jnp.where(jnp.reshape(which, (-1,) + (1,) * (y.ndim - 1)), y, n), yes, no)


# --- logs of members ------------------------------------------------------------------------------------------------


def mean(each: EachLogs, counted: Counted = slice(None)) -> dict[str, Any]:
    """Means over the members that count."""
    return {name: _plain(values[counted].mean(0)) for name, values in each.items()}


def of_member(each: EachLogs, member: int) -> dict[str, Any]:
    """The logs of one member."""
    return {name: _plain(values[member]) for name, values in each.items()}


def _plain(value: np.ndarray) -> float | np.ndarray:
    return float(value) if np.ndim(value) == 0 else value


# --- evaluate and predict -------------------------------------------------------------------------------------------


class EvaluateMembers(MembersJob):
    """Steps of evaluation; what they move is kept apart until they are done."""

    kind = "test"

    def __init__(self, stack: Stack, callbacks: CallbackList, counted: Counted):
        super().__init__(stack, callbacks)
        self._counted = counted
        self.members: TrainState = stack.borrow()
        self.state: TrainState = self.members._replace(optimizer={}, metrics=self.metrics)

    def read(self) -> TrainState:
        return self.state

    def write(self, one: InFlight) -> None:
        self.state = one.after

    def told(self) -> dict[str, Any]:
        return mean(self.logs, self._counted)


def evaluate(stack: Stack, source: BatchSource, callbacks: CallbackList, counted: Counted = slice(None)) -> EachLogs:
    """Loss and metrics of every member; callbacks see the means over those that count."""
    source.place = stack.place
    job = EvaluateMembers(stack, callbacks, counted)
    ranges = step_ranges(source, 0, job)
    callbacks.on_test_begin()
    drive(job, ranges)
    stack.write_moved(job.members, job.state)
    callbacks.on_test_end(job.told())
    return job.logs


class MembersForward(Forward):
    """The forward passes of all members; outputs have rows first, then members, while rows are put together."""

    def __init__(self, stack: Stack):
        super().__init__(stack.leader, stack, ("ensemble", fingerprint(stack.leader).key))
        self.place = stack.place

    def step(self) -> Callable[..., Any]:
        return jax.vmap(super().step(), in_axes=(0, 0, None), out_axes=(1, 0))


class PredictMembers(PredictJob):
    """Predictions of all members."""

    def joined(self, outputs: list[Any]) -> Nested[np.ndarray]:
        return jax.tree.map(lambda a: np.moveaxis(a, 1, 0), super().joined(outputs))


def predict(stack: Stack, parts: Callable[[bool, bool], Iterator[Part]], callbacks: CallbackList) -> Nested[np.ndarray]:
    """Outputs of every member, members first."""
    return run_prediction(PredictMembers(stack.leader, callbacks, MembersForward(stack)), parts)
