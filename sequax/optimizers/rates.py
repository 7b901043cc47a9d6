"""`Rate`: the learning rate of one optimizer, whether a number, a schedule or a callable."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp

from ..core import dtypes, tracking
from ..core.catalogue import serialize
from ..core.config import deserialize
from ..core.types import Config
from ..core.variable import Variable
from . import settings
from .schedules import LearningRateSchedule
from .slots import make

if TYPE_CHECKING:
    from .state import State


class RateVariable(Variable):
    """A learning rate that is a number: what is assigned is checked, as what an optimizer is made with."""

    def assign(self, value: object) -> Variable:
        number = value.value if isinstance(value, Variable) else value
        if settings.is_number(number):
            settings.check_learning_rate(number, f"{self.path.partition('/')[0]}")
        return super().assign(value)


class Rate:
    """A number becomes a variable, so that setting it needs no new compilation."""

    def __init__(self, value: object, optimizer: State):
        self._optimizer = optimizer
        self._source: Any = None
        self._driver: Callable[[Any], Any] | None = None
        self._driven_from = 0
        self._path = f"{optimizer.name}/learning_rate"
        self.set(value)

    @property
    def variables(self) -> list[Variable]:
        return [self._source] if isinstance(self._source, Variable) else []

    def set(self, value: Any) -> None:
        """Take a new number, schedule or callable.

        Raises:
            TypeError: for a number where a schedule stands, which would be ignored otherwise.
        """
        owner = type(self._optimizer).__name__
        if isinstance(value, Mapping):
            value = deserialize(value)
        if isinstance(value, Variable):
            value = value.value
        if not settings.is_number(value):
            if not callable(value):
                raise ValueError(
                    f"{owner}: `learning_rate` must be a number, a LearningRateSchedule, or a callable that returns the"
                    f" rate. Received: learning_rate={value!r}"
                )
            if self._source is not None:
                tracking.note_change()  # programs that are compiled already have the former rate in them
            self._source, self._driver = value, None
        elif isinstance(self._source, Variable):
            self._source.assign(settings.check_learning_rate(value, owner))
        elif self._source is None:
            settings.check_learning_rate(value, owner)
            self._source = make(self._path, (), value, dtypes.floatx(), "only_first_replica", kind=RateVariable)
        else:
            raise TypeError(
                f"{owner}: this optimizer was created with a {type(self._source).__name__} as its `learning_rate`,"
                f" hence its learning rate is not settable to a number. Create the optimizer with a number, or assign"
                f" another schedule."
            )

    def drive(self, function: Callable[[Any], Any] | None) -> None:
        """From now on each step assigns `function(steps since now)` before it reads the rate; None: no longer."""
        if function is not None and not isinstance(self._source, Variable):
            raise TypeError(
                f"{type(self._optimizer).__name__}: its learning rate is given by a {type(self._source).__name__}, so"
                f" nothing else can set it step by step. Create the optimizer with a number."
            )
        if function is None and self._driver is None:
            return
        self._driver, self._driven_from = function, int(self._optimizer._iterations)
        tracking.note_change()

    def now(self) -> jax.Array:
        """The rate of the present step."""
        if self._driver is not None:
            self._source.assign(self._driver(self._optimizer._iterations.value - self._driven_from))
        return jnp.asarray(self._evaluated(), dtypes.jnp_dtype(dtypes.floatx()))

    def shown(self) -> Variable | Any:
        """What `optimizer.learning_rate` gives: a variable for a number."""
        return self._source if isinstance(self._source, Variable) else self._evaluated()

    def _evaluated(self) -> Any:
        if isinstance(self._source, Variable):
            return self._source.value
        step = self._optimizer._iterations.value
        if isinstance(self._source, LearningRateSchedule) or _wants_step(self._source):
            return self._source(step)
        return self._source()

    def config(self) -> float | Config | None:
        return float(self._source.numpy()) if isinstance(self._source, Variable) else serialize(self._source)


def _wants_step(function: Callable[..., Any]) -> bool:
    try:
        parameters = inspect.signature(function).parameters.values()
    except ValueError:  # some builtins do not tell
        return False
    return any(p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) for p in parameters)
