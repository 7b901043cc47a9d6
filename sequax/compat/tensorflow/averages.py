"""`tf.train.ExponentialMovingAverage`: averages of variables that change, beside them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import SupportsFloat

from ...core.variable import Variable as Plain
from .member import Member
from .variable import Variable


class ExponentialMovingAverage:
    """Averages that follow variables: `average = decay * average + (1 - decay) * variable` at each `apply`.

    Args:
        decay: how much of the average stays.
        num_updates: of the steps so far; `decay` is then at most `(1 + num_updates) / (10 + num_updates)`.
        zero_debias: is not served.
    """

    def __init__(
        self, decay: float, num_updates: SupportsFloat | None = None, zero_debias: bool = False, name: str | None = None
    ):
        if zero_debias:
            raise NotImplementedError("tensorflow.train.ExponentialMovingAverage: `zero_debias=True` is not served.")
        self.decay, self.num_updates = decay, num_updates
        self._averages: dict[int, tuple[Plain, Plain]] = {}

    def apply(self, var_list: Iterable[Plain]) -> None:
        """Move the averages on; one that is new begins as its variable is."""
        decay = self.decay
        if self.num_updates is not None:
            count = float(self.num_updates)
            decay = min(decay, (1 + count) / (10 + count))
        for variable in var_list:
            average = self.average(variable)
            if average is None:
                average = Variable(variable.value, trainable=False, dtype=variable.dtype)
                self._averages[id(variable)] = variable, average
            average.assign_sub((1 - decay) * (average.value - variable.value))

    def average(self, var: Plain) -> Plain | None:
        """The variable that holds an average; None for one that was not applied to."""
        found = self._averages.get(id(var))
        return None if found is None else found[1]


MEMBERS: dict[str, Member] = {"train.ExponentialMovingAverage": Member(ExponentialMovingAverage)}
