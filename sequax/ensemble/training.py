"""`fit` of an ensemble: the loop of `training/fit.py` over the stacked state, in which single members may drop out."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from ..core.placement import DEVICE
from ..core.warning import warn
from ..data import checks
from ..data.arrays import ArraySource
from ..data.prepare import FitArguments, TrainingData
from ..training.chunks import StepRange, step_ranges
from ..training.drive import InFlight, begun, drive
from ..training.fit import is_due, warn_if_nothing_trains
from ..training.state import TrainState
from . import running
from .running import MembersJob
from .stack import Stack

if TYPE_CHECKING:
    from ..callbacks.callback_list import CallbackList
    from .ensemble import Ensemble


class OwnOrders(ArraySource):
    """Arrays on the device, which each member reads in an order of its own: one column per member."""

    def __init__(self, source: ArraySource, members: int):
        vars(self).update(vars(source))
        self._source, self._members = source, members

    def order(self, epoch: int) -> np.ndarray:
        return np.stack([self._of(member).order(epoch) for member in range(self._members)], axis=1)

    def _of(self, member: int) -> ArraySource:
        """The arrays in the order of one member; that of the first is the order a model would have."""
        one = copy.copy(self._source)
        one.seed = self.seed if member == 0 else int(np.random.default_rng((self.seed, member)).integers(2**31 - 1))
        return one


def fit(ensemble: Ensemble, stack: Stack, data: TrainingData, given: FitArguments, callbacks: CallbackList) -> None:
    """Train all members; means of their results go to the callbacks, their own to `ensemble.histories`."""
    warn_if_nothing_trains(stack.leader, stack.variables[0])
    data.train.place = stack.place
    job = TrainMembers(ensemble, stack, callbacks, guard=checks.enabled() and not callbacks.accepts_nan)
    ensemble.stop_training = False
    ensemble.stopped = job.out
    logs: dict[str, Any] = {}
    callbacks.on_train_begin()
    try:
        for epoch in range(given.initial_epoch, given.epochs):
            callbacks.on_epoch_begin(epoch)
            job.begin_epoch(epoch)
            drive(job, step_ranges(data.train, epoch, job))
            each = job.logs
            if data.validation is not None and is_due(epoch, given.validation_freq):
                results = running.evaluate(stack, data.validation, callbacks, ~job.frozen)
                each = dict(sorted((each | {f"val_{name}": values for name, values in results.items()}).items()))
            logs = running.mean(each, ~job.frozen)
            for member, history in enumerate(ensemble.histories):
                own = running.of_member(each, member)
                history.on_epoch_end(epoch, dict.fromkeys(own, float("nan")) if job.frozen[member] else own)
            callbacks.on_epoch_end(epoch, logs)
            if ensemble.stop_training:
                break
        stack.spread()
        for one in stack.members:  # with `use_ema`: averages become weights
            one.optimizer.finalize_variable_values(one.trainable_variables)
        callbacks.on_train_end(logs)
    finally:
        stack.spread()
        callbacks.close()
    if job.out:
        warn(_stopped_message(job.out))


class TrainMembers(MembersJob):
    """Steps of training; members whose loss is not finite are frozen.

    Attributes:
        out: member -> where its loss was not finite.
    """

    in_flight: list[InFlight]

    def __init__(self, ensemble: Ensemble, stack: Stack, callbacks: CallbackList, guard: bool):
        super().__init__(stack, callbacks, guard)
        self.ensemble = ensemble
        self.out: dict[int, str] = {}
        self._epoch = 0

    def begin_epoch(self, epoch: int) -> None:
        self._epoch = epoch
        self.refresh()

    def read(self) -> TrainState:
        return self.stack.read()._replace(metrics=self.metrics)

    def write(self, one: InFlight) -> None:
        self._take(one.after)

    def _take(self, state: TrainState) -> None:
        self.stack.write(state)
        self.metrics: dict[str, Any] = state.metrics

    @property
    def stopped(self) -> bool:
        return self.ensemble.stop_training

    def check(self, one: InFlight) -> None:
        """
        Raises:
            FloatingPointError: if no member has a finite loss any more.
        """
        progress = jax.tree.map(DEVICE.fetch, one.progress)
        if self.guard and not progress.finite.all():
            later, self.in_flight = self.in_flight, []
            state = self._freeze(one, progress.step - 1, ~progress.finite)
            self._again(state, one.steps, int(progress.step.max()), [waiting.steps for waiting in later])

    def _again(self, state: TrainState, steps: StepRange, reached: int, later: list[StepRange]) -> None:
        """The steps behind a bad one, for the members that go on."""
        rest = [steps._replace(start=reached, done=steps.number(reached))] if reached < steps.stop else []
        for again in [*rest, *later]:
            self.in_flight.append(begun(state, again, self.program(again)))
            state = self.in_flight[-1].after
        self._take(state)

    def _freeze(self, one: InFlight, steps: np.ndarray, bad: np.ndarray) -> TrainState:
        """The state after some steps, but for the bad members, which are as after their last good update."""
        state = running.chosen(bad, one.before, one.after)
        for step in np.unique(steps[bad]):
            open_ = bad & (steps == step)
            where = f"epoch {self._epoch + 1}, step {one.steps.number(step)}"
            self.out.update({int(member): where for member in np.flatnonzero(open_)})
            for last in (step, step - 1):
                # The same program on the same rows: the steps before the bad one come out bit-equal.
                until = one.steps._replace(stop=max(int(last), one.steps.start))
                earlier, _, _ = one.program(one.before, *until.given)
                good = open_ & _finite_members(earlier.params)
                state, open_ = running.chosen(good, earlier, state), open_ & ~good
        self.frozen[bad] = True
        if self.frozen.all():
            self._take(state)
            raise FloatingPointError(f"No member of the ensemble is left to train. {_stopped_message(self.out)}")
        return state


def _finite_members(params: dict[str, jax.Array]) -> np.ndarray:
    return np.all([np.isfinite(DEVICE.fetch(a)).reshape(len(a), -1).all(1) for a in jax.tree.leaves(params)], axis=0)


def _stopped_message(stopped: dict[int, str]) -> str:
    places = ", ".join(f"member {member} in {where} (from 0)" for member, where in sorted(stopped.items()))
    return (
        f"The loss became NaN or infinite: {places}. The weights of these members are those after their last good"
        f" update; other members were trained on. Usual causes: a learning rate that is too high, inputs that are not"
        f" scaled (magnitudes far above 1), or a log or division in a custom loss."
    )
