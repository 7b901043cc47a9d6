"""The one loop over chunks of steps: `fit`, `evaluate`, `predict`, ensembles and steps of users all run in it.

A `Job` says what a chunk of steps does and where the state is kept between two of them; `drive` starts the chunks,
waits for results as rarely as it can, and tells the callbacks. Nothing here happens per batch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from ..core.placement import DEVICE, Placement
from . import compiled
from .chunks import ChunkSchedule, StepRange, speeds_of
from .resolve import scalars

if TYPE_CHECKING:
    from ..callbacks import CallbackList
    from .state import TrainState
    from .step import Progress

# Chunks that run behind Python: enough that neither waits for the other, few enough to hold their rows in memory.
MOST_PENDING = 2


class InFlight(NamedTuple):
    """Steps that were started, and the state before them: the way back if a loss is not finite."""

    program: Callable[..., Any]
    before: TrainState
    steps: StepRange
    after: TrainState
    progress: Progress
    logs: Any
    ends_epoch: bool = False


def begun(before: TrainState, steps: StepRange, program: Callable[..., Any]) -> InFlight:
    """Steps that are started from a state."""
    return InFlight(program, before, steps, *program(before, *steps.given))


class Job:
    """Steps of one kind over the state of a model.

    Args:
        model: or an ensemble.
        callbacks: a `CallbackList`.
        batch_size: of most steps, if it is known: what their speed is remembered by.
        place: where the steps run.

    Attributes:
        rows_alone: whether a short batch may be a step like the others, see `alone.py`.
        in_flight: what was started and nobody has waited for.
        logs: of the last steps that were waited for.
        epoch_logs: of epochs that are complete, but not reported.
    """

    place: Placement
    model: Any
    callbacks: CallbackList
    batch_size: int | None

    rows_alone: bool = False
    kind = "train"  # or "test", "predict": which hooks are told
    stops: tuple[int, ...] | list[int] = ()

    def __init__(self, model: Any, callbacks: CallbackList, batch_size: int | None = None, place: Placement = DEVICE):
        self.model, self.callbacks, self.batch_size, self.place = model, callbacks, batch_size, place
        self.in_flight: list[InFlight] = []
        self._stopped = False
        self.logs: dict[str, Any] = {}
        self.epoch_logs: list[Any] = []

    @cached_property
    def chunks(self) -> ChunkSchedule:
        """How the steps are cut."""
        watched = self.batches_per_hook if self.callbacks.sees_batches(self.kind) else 0
        speeds = speeds_of(self.model), (self.kind, self.batch_size, self.place.devices)
        # A bar, or a callback that watches batches, may be in process 0 alone.
        watched, refresh_seconds, stops = self.place.agreed((watched, self.callbacks.refresh_seconds, self.stops))
        agreed = None if self.place.processes == 1 else self.place.agreed
        return ChunkSchedule(watched, refresh_seconds, stops, *speeds, agreed)

    def tell(self, event: str, number: int, logs: object = None) -> None:
        """Call the hooks `on_{kind}_{event}`."""
        getattr(self.callbacks, f"on_{self.kind}_{event}")(number, logs)

    # --- what kinds of jobs differ in ---

    @property
    def batches_per_hook(self) -> int:
        """How many batches the hooks before and after batches are about."""
        return self.model.steps_per_execution

    def begin(self, steps: Any) -> None:
        """The steps come next; callbacks may change the model here."""
        if self.chunks.begins_at(steps.done):
            self.tell("batch_begin", steps.done)

    def program(self, steps: Any) -> Callable[..., Any]:
        """`(state, *steps.given) -> (state, progress, logs)`."""
        raise NotImplementedError

    def read(self) -> TrainState:
        """The state that steps begin with."""
        raise NotImplementedError

    def write(self, one: InFlight) -> None:
        """Keep what steps will give."""
        raise NotImplementedError

    def start(self, steps: Any, program: Callable[..., Any]) -> None:
        """Start the steps; the state that is kept afterwards is what they will give, as JAX arrays may."""
        one = begun(self.read(), steps, program)
        self.write(one)
        self.in_flight.append(one)

    def due(self, done: int) -> bool:
        """Whether results are wanted when so many steps of the epoch have been started."""
        return self.chunks.waits or self.chunks.stops_at(done) or len(self.in_flight) >= MOST_PENDING

    def check(self, one: InFlight) -> None:
        """Look whether the steps went well; raises or repairs if not."""

    def arrived(self, logs: dict[str, Any]) -> dict[str, Any]:
        """Logs of a program as values of Python and NumPy."""
        return scalars(logs)

    def told(self) -> dict[str, Any]:
        """What the callbacks are told after a chunk."""
        return self.logs

    def told_of_batch(self) -> dict[str, Any]:
        """What the callbacks are told after a batch: theirs to change."""
        return dict(self.told())

    wish = ""  # the attribute of the model by which a callback ends the run

    @property
    def stopped(self) -> bool:
        """Whether a callback has ended the run behind the present steps."""
        return self._stopped if self.place.processes > 1 else getattr(self.model, self.wish, False)

    def agree(self) -> None:
        """Where several processes work together, all end the run where process 0 does."""
        if self.place.processes > 1 and self.wish:
            self._stopped = self.place.agreed(bool(getattr(self.model, self.wish)))
            setattr(self.model, self.wish, self._stopped)

    # --- what all have in common ---

    def settle(self) -> dict[str, Any]:
        """Wait for what was started; returns the logs of the last steps."""
        while self.in_flight:
            one = self.in_flight.pop(0)
            self.check(one)
            if one.ends_epoch or not self.in_flight:
                self.logs = self.arrived(one.logs)
            if one.ends_epoch:
                self.epoch_logs.append(self.logs)
        return self.logs

    def report(self, done: int) -> None:
        """Wait for all that was started, and tell the callbacks that so many steps of the epoch are done."""
        self.settle()
        self.chunks.stop()
        batch = self.chunks.ended_batch(done)
        if batch is not None:
            self.tell("batch_end", batch, self.told_of_batch())
        self.tell("chunk_end", done, self.told())
        self.agree()


def drive(job: Job, ranges: Iterable[Any], done: int = 0, ahead: bool = False) -> int:
    """Run the steps of one epoch, chunk by chunk.

    Args:
        ranges: what runs at once, see `chunks.step_ranges`.
        done: steps of the epoch that an earlier run has done.
        ahead: leave results for later, also those of the last chunk.

    Returns:
        The number of steps of the epoch that are done.
    """
    for steps in ranges:
        job.begin(steps)
        program = job.program(steps)  # before the clock starts: compiling says nothing about speed
        job.chunks.start(steps.end - steps.done)
        job.start(steps, program)
        done = steps.end
        if not ahead and job.due(done):
            job.report(done)
        if job.stopped:
            break
    if job.in_flight and not ahead:
        job.report(done)
    batch = job.chunks.ended_batch(done, is_last=True)
    if batch is not None:
        job.tell("batch_end", batch, job.told_of_batch())
    return done


def run_alone(job: Job, steps: StepRange) -> dict[str, Any]:
    """Steps outside of any epoch, of which nobody is told; returns their logs."""
    job.start(steps, job.program(steps))
    job.in_flight[-1].progress.step.block_until_ready()  # the rows lie in memory of the user, who may change them next
    return job.settle()


def program_for(
    request: compiled.Request, callbacks: CallbackList, what: str, meanwhile: Callable[[], None] | None = None
) -> Callable[..., Any]:
    """The program of a request: traced and compiled here, unless a model of equal structure has been.

    Args:
        what: shown while that takes its time.
        meanwhile: called while it is compiled, which takes no part of Python's time.
    """
    program = request.found()
    if program is None:
        with callbacks.compiling(what):
            with compiled.tracing() as options:
                traced = request.jitted().lower(*request.examples)
            program = request.compiled(traced, options, meanwhile)
    return program
