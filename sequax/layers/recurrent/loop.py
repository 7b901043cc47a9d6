"""Loops over time: masked steps, loops whose steps call layers, and the run of any kind of cell over a sequence."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
from jax import lax

from ...core import dtypes, names, pure, scope
from ...core.layer import Layer
from ...core.tensor import leaves
from ...core.types import Nested, Tensor, Tensors

Step = Callable[[Any, Any], tuple[Any, Any]]


@runtime_checkable
class AnyCell(Protocol):
    """A layer or another object that computes one step: `cell(inputs, states)` gives the output and new states."""

    @property
    def state_size(self) -> Any: ...

    def __call__(self, inputs: Any, states: Any, /, **options: Any) -> Any: ...


def run(
    cell: Any, x: Tensor, states: list[Any], mask: Tensor | None, unroll: bool, training: bool
) -> tuple[Tensor, list[Any]]:
    """Outputs (batch, time, ...) of a cell at all steps of `x`, and its last states.

    Our cells compute what they can for the whole sequence at once (`over_time`); others are called at every step, also
    those that extend one of ours by a `call` of their own.
    """
    dtype = getattr(cell, "compute_dtype", None)
    autocast = dtype if dtype is not None and dtypes.is_float(dtype) else None
    with scope.calling(cell if isinstance(cell, Layer) else None, training, autocast):
        if knows_time(cell):
            return cell.over_time(x, states, mask, unroll, training)
        return _call_each_step(cell, x, states, mask, unroll, training)


def knows_time(cell: Any) -> bool:
    return hasattr(type(cell), "over_time") and names.is_ours(type(cell).call)


def scan_steps(
    step: Step,
    inputs: Tensors,
    states: Tensors,
    output: Tensors | None,
    mask: Tensor | None,
    unroll: bool,
    scan: Callable[..., Any] = lax.scan,
) -> tuple[Any, Any]:
    """Apply `step(inputs, states) -> (output, states)` along axis 1 of `inputs`.

    A masked step keeps the states and repeats the output before it.

    Args:
        inputs: array, or a structure of arrays (batch, time, ...).
        output: what masked steps give before the first step that counts.
        mask: (batch, time), True where a step counts; None if all do.
        scan: `lax.scan`, or a function like it.

    Returns:
        outputs (batch, time, ...), and the last states.
    """
    inputs = _swapped(inputs)
    if mask is None:
        states, outputs = scan(lambda before, x: step(x, before)[::-1], states, inputs, unroll=unroll)
        return _swapped(outputs), states

    def masked(before: tuple[Any, ...], given: tuple[Any, ...]) -> tuple[tuple[Any, ...], Any]:
        x, counts = given
        after = step(x, before[0])[::-1]
        after = jax.tree.map(partial(_choose, counts), after, before)
        return after, after[1]

    (states, _), outputs = scan(masked, (states, output), (inputs, jnp.swapaxes(mask, 0, 1)), unroll=unroll)
    return _swapped(outputs), states


def _swapped(structure: Tensors) -> Tensors:
    return jax.tree.map(lambda a: jnp.swapaxes(a, 0, 1), structure)


def _choose(counts: Tensor, after: Tensor, before: Tensor) -> Tensor:
    return jnp.where(counts.reshape(-1, *(1,) * (after.ndim - 1)), after, before)


def scan_calls(
    layer: Any,
    training: bool | None,
    reduce: Callable[..., Any],
    function: Callable[..., Any],
    init: Tensors | None,
    xs: Nested[Tensor | None],
    unroll: bool | int = 1,
) -> tuple[Any, Any]:
    """`lax.scan` of a function that calls `layer`.

    What a call assigns (seeds, moving statistics) is carried from step to step and assigned after the last one. Its
    penalties of all steps are added to the loss, joined by `reduce`.
    """
    variables = layer.state_variables if isinstance(layer, Layer) else []
    trained = {id(v) for v in layer.trainable_variables} if variables else set()
    with scope.calling(None):  # values as they are stored, without a cast to the compute dtype
        values = {id(v): v.stored_value for v in variables}  # not as read through adapters
    moving = [v for v in variables if id(v) not in trained]

    def step(carry: tuple[Any, ...], x: Any) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        def call() -> tuple[Any, list[Any]]:
            with scope.fresh_call(), scope.calling(None, training) as current:
                return function(carry[0], x), current.losses

        now = {**values, **dict(zip(map(id, moving), carry[1], strict=True))}
        ((after, output), penalties), new = pure.apply(call, variables, [now[id(v)] for v in variables])
        kept = [value for v, value in zip(variables, new, strict=True) if id(v) not in trained]
        return (after, kept), (output, penalties)

    (carry, after), (outputs, penalties) = lax.scan(step, (init, [values[id(v)] for v in moving]), xs, unroll=unroll)
    for variable, value in zip(moving, after, strict=True):
        variable.assign(value)
    for penalty in penalties:
        layer.add_loss(reduce(penalty))
    return carry, outputs


def _call_each_step(
    cell: AnyCell, x: Tensor, states: list[Any], mask: Tensor | None, unroll: bool, training: bool
) -> tuple[Tensor, list[Any]]:
    before, structure = jax.tree.flatten(states)

    def step(inputs: Tensor, states: list[Any]) -> tuple[Any, Any]:
        # A layer's `__call__` hands `training` on if the cell's `call` takes it.
        output, after = cell(inputs, states, **({"training": training} if isinstance(cell, Layer) else {}))
        after = leaves(after)
        expected, received = ([tuple(state.shape) for state in states] for states in (before, after))
        if expected != received:
            raise ValueError(
                f"A call of the cell {cell!r} must return `(output, states)` with states of the shapes that it was"
                f" given: {expected}. Received: {received}. `state_size` of the cell says {cell.state_size}."
            )
        # The loop needs one structure and one dtype throughout; the cell may return a tuple for a list, or one array.
        return output, jax.tree.unflatten(structure, [a.astype(b.dtype) for a, b in zip(after, before, strict=True)])

    output = None if mask is None else _output_before_the_first(step, x, states)
    scan = partial(scan_calls, cell, training, jnp.sum)
    return scan_steps(step, x, states, output, mask, unroll, scan)


def _output_before_the_first(step: Step, x: Tensor, states: list[Any]) -> Tensor:
    """The first state, as in Keras, or zeros if outputs have another shape."""
    with scope.framed(scope.Frame([], [], strict=False)), scope.fresh_call():  # a trial: what it assigns is dropped
        output = jax.eval_shape(step, x[:, 0], states)[0]
    state = leaves(states)[0]
    return state.astype(output.dtype) if state.shape == output.shape else jnp.zeros(output.shape, output.dtype)
