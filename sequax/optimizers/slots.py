"""Slots: the variables in which an optimizer keeps its state, and which of them belong to which trained variable."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import numpy as np

from ..core import dtypes
from ..core.types import DTypeLike, Initial
from ..core.variable import Variable

Key = tuple[str, int]


class Slots:
    """State variables of one optimizer.

    They are found again by the variable they belong to (None: the optimizer itself), their name, and how often that
    name was asked for during the present build. So building a second time, for other variables, finds the state of
    those already known: freezing a layer and thawing it again, or adding a layer, keeps what was learnt.
    """

    def __init__(self) -> None:
        # Keyed by the variables themselves: an id could come to mean another object after a copy or in another process.
        self.known: dict[Variable | None, dict[Key, Variable]] = {}
        self.current: list[Variable] = []
        self._requests: Counter[tuple[Variable | None, str]] = Counter()

    def restart(self) -> None:
        """Begin a build: nothing is in use until it is asked for."""
        self.current = []
        self._requests = Counter()

    def obtain(self, owner: Variable | None, name: str, create: Callable[[], Variable]) -> Variable:
        """The slot of an owner and a name, created unless it is known."""
        key = (name, self._requests[owner, name])
        self._requests[owner, name] += 1
        slots = self.known.setdefault(owner, {})
        if key not in slots:
            slots[key] = create()
        self.current.append(slots[key])
        return slots[key]

    def find(self, name: str, owner: Variable) -> Variable:
        return self.known[owner][name, 0]

    def retired(self) -> set[int]:
        """Ids of slots that are kept for variables not trained at present."""
        used = {id(slot) for slot in self.current}
        return {id(slot) for slots in self.known.values() for slot in slots.values()} - used


def make(
    path: str,
    shape: tuple[int, ...],
    initializer: Initial,
    dtype: DTypeLike | None,
    aggregation: str = "none",
    kind: type[Variable] = Variable,
    beside: Variable | None = None,
) -> Variable:
    """A state variable `optimizer/name`; an initializer is a name, a callable or the value itself."""
    variable = kind(
        _start(initializer, shape, dtype),
        shape=shape,
        dtype=dtype,
        trainable=False,
        autocast=False,
        aggregation=aggregation,
        name=path.rpartition("/")[2],
        beside=beside,
    )
    variable.path = path
    return variable


def _start(initializer: Initial, shape: tuple[int, ...], dtype: DTypeLike | None) -> Initial:
    stored = dtypes.jnp_dtype(dtypes.standardize(dtype))
    if isinstance(initializer, str) and initializer in ("zeros", "ones"):
        return np.full(shape, float(initializer == "ones"), stored)
    if isinstance(initializer, str) or (callable(initializer) and not isinstance(initializer, Variable)):
        return initializer
    return np.broadcast_to(np.asarray(initializer), shape)
