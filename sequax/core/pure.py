"""The border between objects and pure functions.

Outside, layers, metrics and optimizers own variables and assign them. Inside a compiled program there are only arrays
in and arrays out. `apply` is the one way across: it runs any function while a set of variables holds given values,
and returns what the variables hold afterwards. The variables themselves are not touched. No other module swaps values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp

from . import masks, scope
from .types import T, Tensor, Tensors
from .variable import Variable

if TYPE_CHECKING:
    from ..model import Model

Values = dict[str, jax.Array]


class Outcome(NamedTuple):
    """What a pure call of a model gives back."""

    outputs: Any
    masks: list[Tensor | None] | None
    other: Values
    penalties: list[Any]


def apply(
    function: Callable[..., T],
    variables: Sequence[Variable],
    values: Sequence[Any],
    *args: object,
    strict: bool = True,
    **kwargs: object,
) -> tuple[T, list[Any]]:
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


def call(
    model: Model, params: Values, other: Values, x: Tensors, training: bool | None = None, mask: Tensors | None = None
) -> Outcome:
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


class StatelessScope:
    """Inside, variables hold given values, and what is assigned to them stays in the scope.

    Args:
        state_mapping: pairs of a variable and the value it holds inside; other variables hold their own.
        collect_losses: whether the penalties of layers called inside (`add_loss`) are kept in `losses`.
        initialize_variables: variables have values from the start, so this changes nothing.

    Raises:
        ValueError: for a key that is no variable, or a value of another shape.

    Example:

    >>> v = Variable([1.0, 2.0])
    >>> with StatelessScope([(v, [5.0, 6.0])]) as inside:
    ...     after = v.assign_add([1.0, 1.0])
    >>> inside.get_current_value(v).tolist(), v.numpy().tolist()
    ([6.0, 7.0], [1.0, 2.0])
    """

    collect_losses: bool
    initialize_variables: bool

    def __init__(
        self,
        state_mapping: Iterable[tuple[Variable, Any]] | None = None,
        collect_losses: bool = False,
        initialize_variables: bool = True,
    ):
        self.collect_losses, self.initialize_variables = collect_losses, initialize_variables
        self.losses: list[Any] = []
        self._given = [(variable, _held(variable, value)) for variable, value in state_mapping or ()]
        self._frame = self._new_frame()

    def _new_frame(self) -> scope.Frame:
        variables, values = [v for v, _ in self._given], [value for _, value in self._given]
        frame = scope.Frame(variables, values, strict=False, outer=scope.frame())
        frame.losses = self.losses if self.collect_losses else None
        return frame

    @property
    def state_mapping(self) -> dict[int, Any]:
        """The values that variables hold inside, by the id of the variable."""
        return self._frame.values

    def __enter__(self) -> StatelessScope:
        self._frame = self._new_frame()
        self._entered = scope.framed(self._frame)
        self._entered.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._entered.__exit__(*error)

    def add_loss(self, loss: Tensor) -> None:
        self.losses.append(loss)

    def add_update(self, update: tuple[Variable, Any]) -> None:
        """Let a variable hold a value from here on: `update` is `(variable, value)`."""
        variable, value = update
        self._frame.assign(variable, _held(variable, value))

    def get_current_value(self, variable: Variable) -> jax.Array | None:
        """What a variable holds inside; None if it was neither given nor assigned."""
        return self._frame.values.get(id(variable))


def _held(variable: Variable, value: object) -> jax.Array:
    if not isinstance(variable, Variable):
        raise ValueError(
            "Invalid reference variable in StatelessScope: all keys of `state_mapping` must be Variable instances."
            f" Received: {variable!r}"
        )
    array = jnp.asarray(value.value if isinstance(value, Variable) else value, variable.stored.dtype)
    if array.shape != variable.shape:
        raise ValueError(
            f"Invalid variable value in StatelessScope: variable {variable.path!r} has shape {variable.shape}, the"
            f" value {array.shape}."
        )
    return array


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
