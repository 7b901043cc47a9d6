"""What one batch does, and the compiled loop over any number of them: pure functions from state and batch to state.

`update` is the one place where a loss is differentiated. `train_step` and `test_step` are the steps of `compile`; the
steps that users write (`custom.py`) and those of an ensemble (one of these under `jax.vmap`) run in the same loop.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from ..core import masks, placement, pure, rows
from ..core.types import Tensor, Tensors
from ..data import resident
from ..data.source import Batch
from . import compiled, single_kernel
from .resolve import compilation_of
from .state import TrainState, TrainVariables, like, moved

if TYPE_CHECKING:
    from ..model import Model
    from ..optimizers.base import Optimizer


_MEANS = ("sum_over_batch_size", "mean", "mean_with_sample_weight")


class Told(NamedTuple):
    """What a step says of its batch.

    Fields:
        loss: scalar (of an ensemble, one per member); None if a step of the user's names none.
        logs: of a step that the user wrote: scalars by name.
    """

    loss: Any
    logs: dict[str, Tensor] | None = None


class Step(NamedTuple):
    """A step and the metrics around it, as pure functions.

    Fields:
        run: `(state, batch) -> (state, Told)`.
        reset: `(metrics) -> metrics`, their start values.
        results: `(metrics) -> dict of scalars`; None if the step tells logs itself, of which the last count.
    """

    run: Callable[[TrainState, Any], tuple[TrainState, Told]]
    reset: Callable[[Any], Any]
    results: Callable[[Any], dict[str, Any]] | None


# --- steps ----------------------------------------------------------------------------------------------------------


def update(
    loss_of: Callable[..., Any], optimizer: Optimizer, params: Sequence[Any], slots: Sequence[Any]
) -> tuple[Any, ...]:
    """The one update: the gradients of a loss, and what the optimizer makes of them.

    Args:
        loss_of: `(params) -> (loss, findings)`, the loss as the optimizer scales it.
        params: values of the variables that the optimizer was built for, in their order.
        slots: values of the optimizer's own variables.

    Returns:
        `(findings, gradients, params, slots)`.
    """
    place = placement.active()
    (_, findings), gradients = jax.value_and_grad(lambda params: loss_of(place.gathered(params)), has_aux=True)(params)
    gradients = place.gradients(gradients, optimizer.trained)
    return findings, gradients, *optimizer.stateless_apply(slots, gradients, params)


def train_step(model: Model, variables: TrainVariables) -> Callable[[TrainState, Batch], tuple[TrainState, Told]]:
    """One update of the parameters."""
    optimizer = model.optimizer
    places = {id(v): key for key, v in variables.params.items()}
    keys = [places[id(v)] for v in model.trainable_variables]  # in the optimizer's order

    def step(state: TrainState, batch: Batch) -> tuple[TrainState, Told]:
        def loss_of(params: Sequence[Any]) -> tuple[Any, Any]:
            outcome = pure.call(model, dict(zip(keys, params, strict=True)), state.other, batch.x, training=True)
            findings = looked_at(model, outcome, batch)
            if not findings.parts and not outcome.penalties:
                raise no_loss(model.name)
            return scaled(findings.loss), findings

        def scaled(loss: Tensor) -> Tensor:
            return pure.apply(optimizer.scale_loss, optimizer.step_variables, slots, loss)[0]

        slots = list(state.optimizer.values())
        with counting(batch), averaged(model, batch):
            findings, gradients, params, after = update(loss_of, optimizer, [state.params[key] for key in keys], slots)
            wanted = None
            if compilation_of(model).gradient_norms is not None:
                factor = scaled(jnp.ones((), jnp.float32))
                wanted = {variables.params[key]: one / factor for key, one in zip(keys, gradients, strict=True)}
            metrics = updated_metrics(model, variables, state, batch, findings, wanted)
        moved_slots = dict(zip(state.optimizer, after, strict=True))
        other = findings.outcome.other
        return TrainState(dict(zip(keys, params, strict=True)), other, moved_slots, metrics), Told(findings.loss)

    return step


def test_step(model: Model, variables: TrainVariables) -> Callable[[TrainState, Batch], tuple[TrainState, Told]]:
    """Metrics of one batch; the parameters stay."""

    def step(state: TrainState, batch: Batch) -> tuple[TrainState, Told]:
        with counting(batch):
            params = placement.active().gathered(state.params)
            outcome = pure.call(model, params, state.other, batch.x, training=False)
            findings = looked_at(model, outcome, batch)
            metrics = updated_metrics(model, variables, state, batch, findings)
        return state._replace(other=outcome.other, metrics=metrics), Told(findings.loss)

    return step


def counting(batch: Batch) -> AbstractContextManager[object]:
    """Inside, only the rows of a batch that count do, see `core/rows.py`."""
    return rows.counted(len(jax.tree.leaves(batch.x)[0]), batch.rows)


def averaged(model: Model, batch: Batch) -> AbstractContextManager[object]:
    """Inside, gradients are known to be means over the rows of a batch, if the losses are such."""
    losses = [one.function for one in compilation_of(model).losses or () if one is not None]
    means = all(getattr(one, "reduction", None) in _MEANS for one in losses)
    return rows.averaged(rows.number(float(len(jax.tree.leaves(batch.x)[0]))) if losses and means else None)


def predict_step(model: Model) -> Callable[[Any, Any, Any], tuple[Any, Any]]:
    """Outputs of one batch: `(params, other, x) -> (outputs, other)`, of the latter what the batch has moved."""

    def step(params: pure.Values, other: pure.Values, x: Tensors) -> tuple[Any, Any]:
        outcome = pure.call(model, params, other, x, training=False)
        return outcome.outputs, moved(other, outcome.other)

    return step


class Findings(NamedTuple):
    """What a forward pass gave.

    Fields:
        loss: with all penalties.
        parts: the losses of single outputs.
    """

    loss: Tensor
    parts: list[Any]
    outcome: pure.Outcome


def looked_at(model: Model, outcome: pure.Outcome, batch: Batch) -> Findings:
    """Outputs beside the targets."""
    compilation = compilation_of(model)
    with masks.attached(outcome.outputs, outcome.masks):
        loss, parts = compilation.total_loss(batch.y, outcome.outputs, batch.weight, model.output_names)
    for penalty in outcome.penalties:
        loss = loss + jnp.sum(penalty).astype(jnp.float32)
    return Findings(jnp.asarray(loss, jnp.float32), parts, outcome)


def no_loss(name: str) -> ValueError:
    """The error of a model without anything to minimise."""
    return ValueError(
        f"Model '{name}' has no loss to train with: pass `loss=` to `compile()`, or call `add_loss` in a layer."
    )


# --- metrics --------------------------------------------------------------------------------------------------------


def updated_metrics(
    model: Model,
    variables: TrainVariables,
    state: TrainState,
    batch: Batch,
    findings: Findings,
    gradients: dict[Any, Tensor] | None = None,
) -> pure.Values:
    """The states of the metrics after a batch."""
    loss, parts, outcome = findings

    def run() -> None:
        compilation = compilation_of(model)
        outputs = jax.lax.stop_gradient(outcome.outputs)
        compilation.update_losses(loss, parts, outputs)
        with masks.attached(outputs, outcome.masks):
            compilation.update_metrics(batch.y, outputs, batch.weight, model.output_names)
        if gradients is not None and compilation.gradient_norms is not None:
            compilation.gradient_norms.update_state(gradients)

    # What a metric of the user's reads besides, such as the learning rate, has the values of this step, too.
    pairs = [
        (variable, value[key]) for table, value in zip(variables, state, strict=True) for key, variable in table.items()
    ]
    _, after = pure.apply(run, [variable for variable, _ in pairs], [value for _, value in pairs])
    own = {id(variable): value for (variable, _), value in zip(pairs, after, strict=True)}
    return {key: own[id(variable)] for key, variable in variables.metrics.items()}


def reset_of(metrics: Sequence[Any], variables: TrainVariables) -> Callable[[Any], Any]:
    """Start values of metrics, as a pure function."""

    def run() -> None:
        for metric in metrics:
            metric.reset_state()

    return lambda values: _applied(run, variables, values)[1]


def results_of(model: Model, variables: TrainVariables) -> Callable[[Any], dict[str, Any]]:
    """Name -> value of all metrics of `compile`, as a pure function."""
    return lambda values: _applied(compilation_of(model).results, variables, values)[0]


def _applied(
    function: Callable[..., Any], variables: TrainVariables, values: dict[str, Any]
) -> tuple[Any, dict[str, Any]]:
    """The result of a function while metrics have these states, and their states after it."""
    result, after = pure.apply(function, list(variables.metrics.values()), list(values.values()))
    return result, dict(zip(values, after, strict=True))


# --- the loop -------------------------------------------------------------------------------------------------------


class Progress(NamedTuple):
    """Where a program stopped: the first step not run, and whether the last loss was finite; of an ensemble, each."""

    step: Tensor
    finite: Tensor


class Carried(NamedTuple):
    """What goes from one step of a loop to the next."""

    state: TrainState
    finite: Tensor
    logs: dict[str, Tensor] | None


def take_batch(arrays: Batch, order: Tensor | None, step: Tensor, batch_size: int) -> Batch:
    """The rows of one step, gathered on the device; without an order they are all of them, as they lie."""
    if order is None:
        return placement.active().batch(arrays)
    # Row numbers come from our own permutation, so they are always in bounds.
    taken = resident.take(arrays[:3], lax.dynamic_slice(order, (step * batch_size,), (batch_size,)))
    x, y, weight = placement.active().batch(taken)
    return Batch(x, y, weight, rows_of(arrays, step, batch_size))


def rows_of(arrays: Batch, step: Any, batch_size: int) -> Any:
    """How many rows of a step count; None if nobody counts them."""
    return None if arrays.rows is None else jnp.clip(arrays.rows - step * batch_size, 0, batch_size)


class Loop(NamedTuple):
    """Any number of steps over the rows of a block, inside of a compiled program.

    Fields:
        steps: `(state, arrays, order, start, stop) -> (state, progress, logs)`, start and stop traced.
        body: `(i, carried, arrays, order, stop) -> carried`, one of them.
    """

    steps: Callable[..., tuple[TrainState, Progress, Any]]
    body: Callable[..., Carried]


def loop_of(run: Callable[..., Any], batch_size: int, guard: bool, take: Callable[..., Any] = take_batch) -> Loop:
    """The loop over a step.

    Args:
        run: of a `Step`.
        guard: stop after the first step whose loss is not finite; a loss of None counts as finite.
        take: `(arrays, order, step, batch_size) -> batch`.
    """
    run = compiled.traced_once(run)

    def steps(
        state: TrainState, arrays: Batch, order: Tensor, start: Tensor, stop: Tensor
    ) -> tuple[TrainState, Progress, Any]:
        if compiled.eager():  # the first step says which logs there are
            begun = Carried(state, jnp.array(True), {})
        else:
            # The one trace of the step, which the loop finds again.
            _, told = jax.eval_shape(run, state, take(arrays, order, start, batch_size))
            logs = jax.tree.map(lambda a: jnp.zeros(a.shape, a.dtype), told.logs)
            begun = Carried(state, jnp.ones(() if told.loss is None else told.loss.shape, bool), logs)
        i, (state, finite, logs) = single_kernel.while_loop(unfinished, body, start, begun, arrays, order, stop)
        return state, Progress(i, finite), logs

    def body(i: Tensor, carried: Carried, arrays: Batch, order: Tensor, stop: Tensor) -> Carried:
        return carried_by(run, carried.state, take(arrays, order, i, batch_size))

    def unfinished(i: Tensor, carried: Carried, arrays: Batch, order: Tensor, stop: Tensor) -> Tensor:
        return (i < stop) & carried.finite.all() if guard else i < stop

    return Loop(steps, body)


def carried_by(run: Callable[..., Any], state: TrainState, batch: Batch) -> Carried:
    """What comes out of one step."""
    after, told = run(state, batch)
    finite = jnp.array(True) if told.loss is None else jnp.isfinite(told.loss)
    return Carried(like(after, state), finite, told.logs)


def program(step: Step, batch_size: int, guard: bool, steps: Callable[..., Any] | None = None) -> Callable[..., Any]:
    """A program that runs steps `start` to `stop`: one compilation serves every length.

    Without an `order`, the arrays are one batch, and the program is one step that begins with fresh metrics. What a
    loop carries is copied on its way in and out, which for a small model takes as long as the step.

    Args:
        guard: stop after the first step whose loss is not finite.
        steps: of a `Loop`; by default that over the step.

    Returns:
        `(state, arrays, order, start, stop, fresh) -> (state, progress, logs)`; `fresh` resets the metrics first.
    """

    def run(
        state: TrainState,
        arrays: Batch,
        order: Tensor | None = None,
        start: Tensor | None = None,
        stop: Tensor | None = None,
        fresh: Tensor | None = None,
    ) -> tuple[Any, ...]:
        metrics = step.reset(state.metrics)
        if order is None or fresh is None:
            batch = placement.active().batch(arrays)
            state, finite, logs = carried_by(step.run, state._replace(metrics=metrics), batch)
            progress = Progress(jnp.ones((), jnp.int32), finite)
        else:
            metrics = jax.tree.map(lambda new, old: jnp.where(fresh, new, old), metrics, state.metrics)
            many = steps or loop_of(step.run, batch_size, guard).steps
            state, progress, logs = many(state._replace(metrics=metrics), arrays, order, start, stop)
        return state, progress, logs if step.results is None else step.results(state.metrics)

    return run
