"""`decay=` of old optimizers: a rate that falls with the steps, and that callbacks and scripts may set meanwhile.

Today it is a schedule, which takes no other rate: here a number that is set makes another one, of the same decay.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..optimizers.base import Optimizer
from ..optimizers.schedules import InverseTimeDecay

_KEPT = "schedule_of_decay"  # among the attributes of an optimizer


class Rate(float):
    """The rate without the decay, which is what `optimizer.lr` was; it can be set by `assign`."""

    optimizer: Optimizer

    def assign(self, value: Any) -> None:
        self.optimizer.learning_rate = value

    def numpy(self) -> np.float32:
        return np.float32(self)


def schedule(rate: float, decay: float) -> InverseTimeDecay:
    """`rate / (1 + decay * step)`."""
    return InverseTimeDecay(rate, decay_steps=1, decay_rate=decay)


def keep(optimizer: Optimizer, given: Any) -> None:
    """Remember the schedule of an optimizer, if it is of this kind, as those that come from files may be."""
    if type(given) is InverseTimeDecay and given.decay_steps == 1 and not given.staircase:
        vars(optimizer)[_KEPT] = given
    else:
        vars(optimizer).pop(_KEPT, None)


def decay_of(optimizer: Optimizer) -> float:
    """`optimizer.decay`."""
    kept = vars(optimizer).get(_KEPT)
    return 0.0 if kept is None else kept.decay_rate


def rate_property(original: Any) -> property:
    """`optimizer.learning_rate`."""

    def read(self: Optimizer) -> Any:
        kept = vars(self).get(_KEPT)
        if kept is None:
            return original.__get__(self)
        rate = Rate(kept.initial_learning_rate)
        rate.optimizer = self
        return rate

    def write(self: Optimizer, value: Any) -> None:
        if _KEPT in vars(self) and not callable(value):
            value = schedule(float(value), decay_of(self))
        original.__set__(self, value)
        keep(self, value)

    return property(read, write, doc=original.__doc__)
