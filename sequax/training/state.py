"""`TrainState`: everything that changes during training, as one tree of arrays, and its way out of and into objects."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

import jax

from ..core import pure
from ..core.placement import Placement
from ..core.pure import Values
from ..core.types import T
from ..core.variable import Variable
from . import claims

if TYPE_CHECKING:
    from ..core.layer import Layer
    from ..optimizers.base import Optimizer

# All variables of a model are read, or written, as one: another thread sees them before or after a step, no mixture.
swap: threading.Lock = threading.Lock()


class TrainState(NamedTuple):
    """Values by the keys of `pure.keys`; seeds, moving statistics and states of layers are in `other`."""

    params: Values
    other: Values
    optimizer: Values
    metrics: Values


class TrainVariables(NamedTuple):
    """The variables that the fields of a `TrainState` are read from and written back to."""

    params: dict[str, Variable]
    other: dict[str, Variable]
    optimizer: dict[str, Variable]
    metrics: dict[str, Variable]

    @classmethod
    def of(cls, model: Layer, optimizer: Optimizer | None = None, metrics: Iterable[Any] = ()) -> TrainVariables:
        """The variables of a built model, its optimizer (if it is being trained) and its metrics."""
        table = pure.keys(model.state_variables)
        trainable = {id(v) for v in model.trainable_variables}
        return cls(
            params={key: v for key, v in table.items() if id(v) in trainable},
            other={key: v for key, v in table.items() if id(v) not in trainable},
            optimizer=pure.numbered(optimizer.step_variables) if optimizer is not None else {},
            metrics=pure.numbered(v for metric in metrics for v in metric.state_variables),
        )

    def read(self, donate: bool = False) -> TrainState:
        """The arrays the variables hold now; with `donate`, such that nobody else holds them."""
        with swap:
            return TrainState(*(pure.take(table) if donate else pure.read(table) for table in self))

    def borrow(self) -> TrainState:
        """The arrays for a prediction or an evaluation, which no training in another thread may donate meanwhile."""
        if not claims.trained_elsewhere():
            return TrainState(*map(pure.read, self))
        with swap:
            return TrainState(*({key: v.value for key, v in table.items()} for table in self))

    def write(self, state: TrainState) -> None:
        """Point the variables at new arrays."""
        with swap:
            for table, values in zip(self, state, strict=True):
                pure.put(table, values)

    def write_moved(self, before: TrainState, after: TrainState) -> None:
        """Point variables at new arrays, but for those that hold another one than before: somebody has moved them on.

        Args:
            before: what was borrowed.
            after: new arrays of some of the variables, see `moved`.
        """
        with swap:
            for table, seen, values in zip(self, before, after, strict=True):
                pure.put(table, {key: value for key, value in values.items() if table[key].stored is seen[key]})

    def lay(self, place: Placement) -> None:
        """Let all of them lie there."""
        place.lay(v for table in self for v in table.values())

    def laid(self, place: Placement, state: TrainState) -> TrainState:
        """New values of some of them where they have to lie."""
        return TrainState(*map(place.laid, self, state)) if place.is_spread else state

    def at_home(self, state: TrainState) -> TrainState:
        """New values of all of them, each where its variable lies."""
        pairs = zip(self, state, strict=True)
        return TrainState(*({k: t[k].place.variable(t[k], a) for k, a in values.items()} for t, values in pairs))

    @property
    def nbytes(self) -> int:
        return sum(v.size * v.stored.dtype.itemsize for table in self for v in table.values())


def moved(before: Values, after: Values) -> Values:
    """What a step has assigned; asked while it is traced, when a value that was not assigned is the same object."""
    return {key: value for key, value in after.items() if value is not before[key]}


def like(new: T, old: T) -> T:
    """`new` in the dtypes of `old`, so that a loop carries the same types in and out."""
    return jax.tree.map(lambda n, o: jax.lax.convert_element_type(n, o.dtype), new, old)
