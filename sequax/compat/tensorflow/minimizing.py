"""What optimizers had in TensorFlow: `minimize`, and its two halves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax

from ...core.types import T
from ...core.variable import Variable
from ...optimizers import Optimizer
from .tape import GradientTape


def compute_gradients(
    self: Optimizer,
    loss: Any,
    var_list: Any = None,
    grad_loss: Any = None,
    tape: GradientTape | None = None,
    **kwargs: object,
) -> list[tuple[Any, Any]]:
    """Pairs of gradient and variable.

    Args:
        loss: a function without arguments; with `tape`, a tensor that was computed in its block will do.
        var_list: the variables, or a function that returns them.
        grad_loss: factors of the losses; default: ones.
        tape: on which the loss was computed.
    """
    if not callable(loss) and tape is None:
        raise ValueError(
            "`tape` is required when a `Tensor` loss is passed. Pass the tape on which it was computed, or a function"
            " without arguments that computes it: `optimizer.minimize(lambda: ..., variables)`."
        )
    if callable(loss):
        tape = GradientTape() if tape is None else tape
        with tape:
            loss = loss()
    assert tape is not None
    variables = var_list() if callable(var_list) else var_list
    variables = list(tape.watched_variables() if variables is None else _flat(variables))
    return list(zip(tape.gradient(loss, variables, grad_loss), variables, strict=True))


def minimize(
    self: Optimizer,
    loss: Any,
    var_list: Any = None,
    grad_loss: Any = None,
    name: str | None = None,
    tape: GradientTape | None = None,
    global_step: Variable | None = None,
    **kwargs: object,
) -> Variable:
    """Take the gradients of a loss, and apply them; arguments as in `compute_gradients`.

    Returns the variable that counts the steps.
    """
    pairs = compute_gradients(self, loss, var_list, grad_loss, tape)
    if global_step is not None:
        global_step.assign_add(1)
    return self.apply_gradients(pairs)


def get_scaled_loss(self: Optimizer, loss: Any) -> jax.Array:
    """The loss to take gradients of, as `scale_loss` gives it today."""
    return self.scale_loss(loss() if callable(loss) else loss)


def get_unscaled_gradients(self: Optimizer, grads: T) -> T:
    """The gradients as they are: `apply_gradients` divides them, so that it sees which are not finite."""
    return grads


def _flat(variables: Any) -> list[Any]:
    if isinstance(variables, (list, tuple)):
        return [one for inner in variables for one in _flat(inner)]
    return list(variables) if hasattr(variables, "__next__") else [variables]


METHODS: dict[str, Callable[..., Any]] = {
    one.__name__: one for one in (minimize, compute_gradients, get_scaled_loss, get_unscaled_gradients)
}
