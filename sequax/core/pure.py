"""The border between objects and pure functions.

Outside, layers, metrics and optimizers own variables and assign them. Inside a compiled program there are only arrays
in and arrays out. `apply` is the one way across: it runs any function while a set of variables holds given values,
and returns what the variables hold afterwards. The variables themselves are not touched. No other module swaps values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import jax

from . import masks, scope
from .variable import Variable

Values = dict[str, jax.Array]


class Outcome(NamedTuple):
    """What a pure call of a model gives back."""

    outputs: Any
    masks: Any
    other: Values
    penalties: list[Any]


def apply(
    function: Callable,
    variables: Sequence[Variable],
    values: Sequence[Any],
    *args: Any,
    strict: bool = True,
    **kwargs: Any,
) -> tuple[Any, list[Any]]:
    """Call `function(*args, **kwargs)` while `variables` hold `values`.

    Args:
        strict: refuse the assignment of a variable that is not listed (its new value would be lost).

    Returns:
        The function's result, and the values that the variables hold after it, in their order.
    """
    frame = scope.Frame(list(variables), list(values), strict, scope.frame())
    with scope.framed(frame):
        result = function(*args, **kwargs)
    return result, [frame.values[id(v)] for v in variables]


def call(model: Any, params: Values, other: Values, x: Any, training: bool | None = None, mask: Any = None) -> Outcome:
    """Call a model as a pure function of its variables.

    Args:
        params: values of the trainable variables, by the keys that `keys(model.state_variables)` gives them.
        other: values of all other variables (moving statistics, seeds), by their keys.

    Returns:
        outputs; the masks of the outputs (None where there is none); the new `other`; and the penalties, scalars from
        regularizers and `add_loss` that the loss has to include.
    """
    table = keys(model.state_variables)
    given = {**params, **other}
    names = [name for name in table if name in given]
    compiled = getattr(model, "compiled_part", model)  # layers that run on the host have done their part already

    def run() -> tuple[Any, Any, list[Any]]:
        with scope.fresh_call(), scope.calling(model, training):
            outputs = compiled(x, training=training, **({} if mask is None else {"mask": mask}))
            return outputs, masks.of(outputs), model.losses

    (outputs, output_masks, penalties), values = apply(run, [table[n] for n in names], [given[n] for n in names])
    after = dict(zip(names, values, strict=True))
    return Outcome(outputs, output_masks, {name: after[name] for name in other}, penalties)


def keys(variables: Iterable[Variable]) -> dict[str, Variable]:
    """A key per variable: position and name, such as `"000/kernel"`.

    The position, not the path: equal structures get equal keys whatever their layers are called, so that clones share
    compiled programs. Zero-padded, because JAX orders the entries of a dict by key.
    """
    return {f"{position:04d}/{variable.name}": variable for position, variable in enumerate(variables)}


def numbered(variables: Iterable[Variable]) -> dict[str, Variable]:
    """A key per variable by position alone, for variables whose names repeat those of layers (optimizer slots)."""
    return {f"{position:04d}": variable for position, variable in enumerate(variables)}


def read(table: dict[str, Variable]) -> Values:
    """The arrays that the variables hold."""
    return {key: variable.stored for key, variable in table.items()}


def take(table: dict[str, Variable]) -> Values:
    """The arrays of variables, ready to be donated."""
    return {key: variable.take() for key, variable in table.items()}


def put(table: dict[str, Variable], values: Values) -> None:
    """Point the variables at new arrays."""
    for key, value in values.items():
        table[key].put(value)
