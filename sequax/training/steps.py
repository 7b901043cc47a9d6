"""What one batch does: pure functions from state and batch to state.

A step returns the new state and the loss; one that the user wrote (`custom.py`) returns its loss, if any, and its logs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from ..core import masks, pure
from ..data.source import Batch
from . import custom
from .methods import no_loss
from .state import TrainState, TrainVariables, moved


def train_step(model: Any, slots: TrainVariables) -> Callable[[TrainState, Batch], tuple[TrainState, Any]]:
    """One update of the parameters."""
    if custom.of(model).train:
        if model.compilation.gradient_norms is not None:
            raise ValueError(
                f"LayerStatistics(gradients=True): {type(model).__name__} has training steps of its own."
                f" Return the lengths of its gradients in the logs of `train_step`, or leave `gradients` out."
            )
        return custom.train_step(model, slots)
    optimizer = model.optimizer
    variables = list(slots.params.values())

    def step(state: TrainState, batch: Batch) -> tuple[TrainState, Any]:
        def loss_of(params: Any) -> tuple[Any, Any]:
            outcome = pure.call(model, params, state.other, batch.x, training=True)
            loss, parts = loss_and_parts(model, outcome, batch)
            if not parts and not outcome.penalties:
                raise no_loss(model)
            return scaled(loss), (loss, parts, outcome)

        def scaled(loss: Any) -> Any:
            return pure.apply(optimizer.scale_loss, optimizer.variables, list(state.optimizer.values()), loss)[0]

        (_, (loss, parts, outcome)), grads = jax.value_and_grad(loss_of, has_aux=True)(state.params)
        _, values = pure.apply(
            optimizer.apply,
            variables + list(slots.optimizer.values()),
            list(state.params.values()) + list(state.optimizer.values()),
            list(grads.values()),
            variables,
        )
        params = dict(zip(state.params, values[: len(variables)], strict=True))
        slot_values = dict(zip(state.optimizer, values[len(variables) :], strict=True))
        gradients = None
        if model.compilation.gradient_norms is not None:
            factor = scaled(jnp.ones((), jnp.float32))
            gradients = {v: grads[key] / factor for key, v in slots.params.items()}
        metrics = updated_metrics(model, slots, state, batch, outcome, loss, parts, gradients)
        return TrainState(params, outcome.other, slot_values, metrics), loss

    return step


def test_step(model: Any, slots: TrainVariables) -> Callable[[TrainState, Batch], tuple[TrainState, Any]]:
    """Metrics of one batch; the parameters stay."""
    if custom.of(model).test:
        return custom.test_step(model, slots)

    def step(state: TrainState, batch: Batch) -> tuple[TrainState, Any]:
        outcome = pure.call(model, state.params, state.other, batch.x, training=False)
        loss, parts = loss_and_parts(model, outcome, batch)
        metrics = updated_metrics(model, slots, state, batch, outcome, loss, parts)
        return state._replace(other=outcome.other, metrics=metrics), loss

    return step


def loss_and_parts(model: Any, outcome: pure.Outcome, batch: Batch) -> tuple[Any, list[Any]]:
    """The loss with all penalties, and the losses of single outputs."""
    compilation = model.compilation
    with masks.attached(outcome.outputs, outcome.masks):
        loss, parts = compilation.total_loss(batch.y, outcome.outputs, batch.weight, model.output_names)
    for penalty in outcome.penalties:
        loss = loss + jnp.sum(penalty).astype(jnp.float32)
    return jnp.asarray(loss, jnp.float32), parts


def updated_metrics(
    model: Any,
    slots: TrainVariables,
    state: TrainState,
    batch: Batch,
    outcome: pure.Outcome,
    loss: Any,
    parts: list[Any],
    gradients: dict[Any, Any] | None = None,
) -> Any:
    def update() -> None:
        compilation = model.compilation
        outputs = jax.lax.stop_gradient(outcome.outputs)
        compilation.update_losses(loss, parts, outputs)
        with masks.attached(outputs, outcome.masks):
            compilation.update_metrics(batch.y, outputs, batch.weight, model.output_names)
        if gradients is not None:
            compilation.gradient_norms.update_state(gradients)

    _, values = pure.apply(update, list(slots.metrics.values()), list(state.metrics.values()))
    return dict(zip(state.metrics, values, strict=True))


def reset_metrics(model: Any, slots: TrainVariables) -> Callable:
    """Start values of all metrics, as a pure function."""

    def reset(metrics: Any) -> Any:
        def run() -> None:
            for metric in custom.metrics(model, training=bool(slots.optimizer)):
                metric.reset_state()

        _, values = pure.apply(run, list(slots.metrics.values()), list(metrics.values()))
        return dict(zip(metrics, values, strict=True))

    return reset


def metric_results(model: Any, slots: TrainVariables) -> Callable | None:
    """Name -> value of all metrics, as a pure function; None if the step itself gives logs."""
    own = custom.of(model)
    if own.train if slots.optimizer else own.test:
        return None

    def results(metrics: Any) -> dict[str, Any]:
        logs, _ = pure.apply(model.compilation.results, list(slots.metrics.values()), list(metrics.values()))
        return logs

    return results


def predict_step(model: Any) -> Callable:
    """Outputs of one batch: `(params, other, x) -> (outputs, other)`, of the latter what the batch has moved."""
    own = custom.predict_step(model) if custom.of(model).predict else None

    def step(params: Any, other: Any, x: Any) -> tuple[Any, Any]:
        if own is not None:
            outputs, after = own(params, other, x)
        else:
            outcome = pure.call(model, params, other, x, training=False)
            outputs, after = outcome.outputs, outcome.other
        return outputs, moved(other, after)

    return step
