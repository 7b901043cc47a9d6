"""The state of all members as one tree of arrays with a leading axis of members, in step with their variables."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import jax
import numpy as np

from ..core import tracking
from ..core.placement import DEVICE, Placement
from ..core.variable import Variable
from ..model import Model
from ..training.state import TrainState, TrainVariables
from .spread import Members, put_members


class Stack:
    """Members and their stacked state.

    While programs run, the stacked arrays are ahead of the variables of the members; `spread` brings these up. Both are
    in step otherwise: whoever gave a variable of a member another array is noticed by the array itself.
    """

    def __init__(self, members: list[Model]):
        self.members = members
        self._lock = threading.RLock()  # a prediction in another thread may spread while a training writes
        self._state: TrainState | None = None
        self._ahead = False
        self._arrays: list[Any] = []  # of the variables, when they were in step
        self._seen: object = None
        self.place: Placement = DEVICE
        self.refresh()

    @property
    def leader(self) -> Any:
        """The member whose layers are traced."""
        return self.members[0]

    def refresh(self) -> None:
        """Look again at what is trainable, and make optimizer state for what is new."""
        with self._lock:
            if self._version() == self._seen:
                return
            self.spread()
            for member in self.members:
                member.optimizer.build(member.trainable_variables)
            self.variables: list[TrainVariables] = [
                TrainVariables.of(member, member.optimizer) for member in self.members
            ]
            self._check_alike()
            self._state = None
            self._seen = self._version()

    def lay(self, place: Placement) -> None:
        """Have the stacked arrays there from now on."""
        with self._lock:
            if place != self.place:
                self.spread()
                self.place, self._state = place, None

    def _version(self) -> object:
        return tracking.version(), [id(member.optimizer) for member in self.members]

    def _check_alike(self) -> None:
        shapes = [
            [[(key, v.shape, v.stored.dtype) for key, v in table.items()] for table in tables]
            for tables in self.variables
        ]
        for i, other in enumerate(shapes):
            if other != shapes[0]:
                raise ValueError(
                    f"Ensemble: member {i} has no longer the structure of member 0: other layers, another optimizer, or"
                    f" other layers that are frozen. Change all members alike, or use them one by one."
                )

    def read(self) -> TrainState:
        """The stacked arrays; metrics belong to a run, not to the members."""
        with self._lock:
            if self._state is None or not (self._ahead or self._in_step()):
                tables = [[{k: v.stored for k, v in table.items()} for table in tables] for tables in self.variables]
                state: Any = jax.tree.map(lambda *values: np.stack(values), *jax.tree.map(DEVICE.fetch, tables))
                self._state = TrainState(*put_members(self.place, state))
                self._arrays = [variable.stored for variable in self._all()]
            return self._state

    def write(self, state: TrainState) -> None:
        """Take new stacked arrays."""
        with self._lock:
            kept = state._replace(metrics={})
            self._state = put_members(self.place, kept) if isinstance(self.place, Members) else kept
            self._ahead = True

    borrow = read

    def laid(self, place: Placement, state: TrainState) -> TrainState:
        """New stacked arrays, which lie where they have to: `write` sees to it."""
        return state

    def write_moved(self, before: TrainState, after: TrainState) -> None:
        """Take what a prediction or an evaluation has moved, unless the state is not that from before any more."""
        with self._lock:
            if after.other and self.read() is before:
                self.write(before._replace(other=before.other | after.other))

    def spread(self) -> None:
        """Bring the variables of the members up to the stacked arrays."""
        with self._lock:
            if not self._ahead:
                return
            values = jax.tree.map(DEVICE.fetch, self._state)
            for i, tables in enumerate(self.variables):
                # Copies, because arrays on a processor may share the memory they were made from.
                own = DEVICE.put(jax.tree.map(lambda a, i=i: np.array(a[i]), values))
                tables.write(tables.at_home(own))
            self._arrays, self._ahead = [variable.stored for variable in self._all()], False

    def _in_step(self) -> bool:
        return all(v.stored is array for v, array in zip(self._all(), self._arrays, strict=True))

    def _all(self) -> Iterator[Variable]:
        for tables in self.variables:
            for table in tables:
                yield from table.values()
