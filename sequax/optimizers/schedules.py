"""Learning rates that change with the step: functions of the iteration, evaluated inside the compiled program."""

from __future__ import annotations

import inspect
import itertools
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp

from .._lazy import listed
from ..core import dtypes
from ..core.catalogue import Catalogue
from ..core.types import ArrayLike

schedules = Catalogue("learning rate schedule", "keras.optimizers.schedules")
schedule = schedules.register()


@schedule
class LearningRateSchedule:
    """Base of schedules. A subclass stores its arguments under their own names and computes in `__call__(step)`.

    `step` is a whole number, possibly traced: use `jax.numpy`, not Python branches.
    """

    def __call__(self, step: ArrayLike) -> Any:
        raise NotImplementedError(
            f"Learning rate schedule '{type(self).__name__}' must override `__call__(self, step)`."
        )

    def get_config(self) -> dict[str, Any]:
        if not type(self).__module__.startswith(f"{__package__}.") or type(self) is LearningRateSchedule:
            raise NotImplementedError(
                f"Learning rate schedule '{type(self).__name__}' must override `get_config()` in order to be"
                f" serializable."
            )
        return {name: getattr(self, name) for name in inspect.signature(type(self)).parameters}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> LearningRateSchedule:
        return cls(**config)

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={value!r}" for name, value in vars(self).items() if name != "name")
        return f"{type(self).__name__}({shown})"


def _real(step: ArrayLike) -> jax.Array:
    return jnp.asarray(step, dtypes.jnp_dtype(dtypes.floatx()))


def _periods(step: ArrayLike, length: float) -> jax.Array:
    """How many whole periods have passed. Not the floor of a quotient: compiled, 21 / 7 may come out above 3."""
    return jnp.floor_divide(_real(step), length)


def _check_steps(owner: Any, **argument: float) -> None:
    ((name, value),) = argument.items()
    if not value > 0:
        raise ValueError(f"{type(owner).__name__}: argument `{name}` must be > 0. Received: {name}={value}")


@schedule
class ExponentialDecay(LearningRateSchedule):
    """`initial_learning_rate * decay_rate ** (step / decay_steps)`.

    Args:
        staircase: divide as whole numbers: the rate falls in steps.

    >>> float(ExponentialDecay(0.1, decay_steps=10, decay_rate=0.5)(20)).__round__(6)
    0.025
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: int,
        decay_rate: float,
        staircase: bool = False,
        name: str = "ExponentialDecay",
    ):
        _check_steps(self, decay_steps=decay_steps)
        self.initial_learning_rate, self.decay_steps = initial_learning_rate, decay_steps
        self.decay_rate, self.staircase, self.name = decay_rate, staircase, name

    def __call__(self, step: ArrayLike) -> jax.Array:
        periods = _periods(step, self.decay_steps) if self.staircase else _real(step) / self.decay_steps
        return self.initial_learning_rate * jnp.power(self.decay_rate, periods)


@schedule
class InverseTimeDecay(LearningRateSchedule):
    """`initial_learning_rate / (1 + decay_rate * step / decay_steps)`.

    Args:
        staircase: divide `step / decay_steps` as whole numbers.
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: int,
        decay_rate: float,
        staircase: bool = False,
        name: str = "InverseTimeDecay",
    ):
        _check_steps(self, decay_steps=decay_steps)
        self.initial_learning_rate, self.decay_steps = initial_learning_rate, decay_steps
        self.decay_rate, self.staircase, self.name = decay_rate, staircase, name

    def __call__(self, step: ArrayLike) -> jax.Array:
        periods = _periods(step, self.decay_steps) if self.staircase else _real(step) / self.decay_steps
        return self.initial_learning_rate / (1 + self.decay_rate * periods)


@schedule
class PiecewiseConstantDecay(LearningRateSchedule):
    """`values[0]` up to and including step `boundaries[0]`, then `values[1]`, and so on.

    Raises:
        ValueError: unless there is one value more than boundaries, and boundaries ascend.
    """

    def __init__(self, boundaries: Sequence[float], values: Sequence[float], name: str = "PiecewiseConstant"):
        if len(boundaries) != len(values) - 1:
            raise ValueError(
                f"PiecewiseConstantDecay: the length of `boundaries` must be 1 less than the length of `values`."
                f" Received: boundaries={boundaries} of length {len(boundaries)}, and values={values} of length"
                f" {len(values)}."
            )
        if any(later < earlier for earlier, later in itertools.pairwise(boundaries)):
            raise ValueError(f"PiecewiseConstantDecay: `boundaries` must ascend. Received: boundaries={boundaries}")
        self.boundaries, self.values, self.name = boundaries, values, name

    def __call__(self, step: ArrayLike) -> jax.Array:
        passed = jnp.sum(_real(step) > jnp.asarray(self.boundaries, dtypes.floatx()))
        return jnp.asarray(self.values, dtypes.floatx())[passed]


@schedule
class PolynomialDecay(LearningRateSchedule):
    """`(initial - end) * (1 - step / decay_steps) ** power + end`; `end` from `decay_steps` on.

    Args:
        cycle: instead of staying at the end, stretch `decay_steps` to the next multiple that `step` has not passed.
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: int,
        end_learning_rate: float = 0.0001,
        power: float = 1.0,
        cycle: bool = False,
        name: str = "PolynomialDecay",
    ):
        _check_steps(self, decay_steps=decay_steps)
        self.initial_learning_rate, self.decay_steps = initial_learning_rate, decay_steps
        self.end_learning_rate, self.power, self.cycle, self.name = end_learning_rate, power, cycle, name

    def __call__(self, step: ArrayLike) -> jax.Array:
        step, length = _real(step), _real(self.decay_steps)
        if self.cycle:
            length = length * jnp.maximum(-_periods(-step, self.decay_steps), 1.0)
        left = jnp.power(1 - jnp.minimum(step / length, 1.0), self.power)
        return (self.initial_learning_rate - self.end_learning_rate) * left + self.end_learning_rate


def _cosine(fraction: Any) -> jax.Array:
    """Half a cosine wave: 1 at 0, 0 at 1."""
    return 0.5 * (1 + jnp.cos(math.pi * fraction))


@schedule
class CosineDecay(LearningRateSchedule):
    """Half a cosine wave from the initial rate to `alpha` times it, over `decay_steps` steps; constant afterwards.

    Args:
        alpha: the last rate as a fraction of the highest.
        warmup_target: first rise linearly from the initial rate to this one, over `warmup_steps` steps, and decay from
            there. None: no warm-up, whatever `warmup_steps` says.

    Source: Loshchilov & Hutter 2017, SGDR: Stochastic Gradient Descent with Warm Restarts (a single period).
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: int,
        alpha: float = 0.0,
        name: str = "CosineDecay",
        warmup_target: float | None = None,
        warmup_steps: int = 0,
    ):
        _check_steps(self, decay_steps=decay_steps)
        self.initial_learning_rate, self.decay_steps, self.alpha, self.name = (
            initial_learning_rate,
            decay_steps,
            alpha,
            name,
        )
        self.warmup_target, self.warmup_steps = warmup_target, warmup_steps

    def __call__(self, step: ArrayLike) -> jax.Array:
        step = _real(step)
        if self.warmup_target is None:
            return self._decayed(self.initial_learning_rate, step)
        decayed = self._decayed(self.warmup_target, step - self.warmup_steps)
        if not self.warmup_steps:
            return decayed
        rise = (self.warmup_target - self.initial_learning_rate) * step / self.warmup_steps
        return jnp.where(step < self.warmup_steps, self.initial_learning_rate + rise, decayed)

    def _decayed(self, highest: float, step: jax.Array) -> jax.Array:
        fraction = jnp.clip(step / self.decay_steps, 0.0, 1.0)
        return highest * ((1 - self.alpha) * _cosine(fraction) + self.alpha)


@schedule
class CosineDecayRestarts(LearningRateSchedule):
    """Cosine decay that starts again and again: each time `t_mul` times as long and `m_mul` times as high.

    Args:
        first_decay_steps: length of the first period.
        alpha: the lowest rate as a fraction of the initial one.

    Source: Loshchilov & Hutter 2017, SGDR: Stochastic Gradient Descent with Warm Restarts.
    """

    def __init__(
        self,
        initial_learning_rate: float,
        first_decay_steps: int,
        t_mul: float = 2.0,
        m_mul: float = 1.0,
        alpha: float = 0.0,
        name: str = "SGDRDecay",
    ):
        _check_steps(self, first_decay_steps=first_decay_steps)
        self.initial_learning_rate, self.first_decay_steps = initial_learning_rate, first_decay_steps
        self.t_mul, self.m_mul, self.alpha, self.name = t_mul, m_mul, alpha, name

    def __call__(self, step: ArrayLike) -> jax.Array:
        elapsed = _real(step) / self.first_decay_steps  # in lengths of the first period
        if self.t_mul == 1.0:
            period = _periods(step, self.first_decay_steps)
            fraction = elapsed - period
        else:
            # Period i starts after 1 + t + ... + t^(i-1) = (1 - t^i) / (1 - t) lengths; the small number makes up for
            # the rounding of the logarithm, which would delay a restart by one step.
            period = jnp.floor(jnp.log(1 - elapsed * (1 - self.t_mul)) / math.log(self.t_mul) + 1e-5)
            begun = (1 - self.t_mul**period) / (1 - self.t_mul)
            fraction = (elapsed - begun) / self.t_mul**period
        height = self.m_mul**period
        return self.initial_learning_rate * ((1 - self.alpha) * height * _cosine(fraction) + self.alpha)


def serialize(learning_rate_schedule: LearningRateSchedule) -> dict[str, Any]:
    """The config of a schedule."""
    return schedules.serialize(learning_rate_schedule)


def deserialize(config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None) -> LearningRateSchedule:
    """A schedule from its config."""
    return schedules.deserialize(config, custom_objects)


__all__ = [
    "CosineDecay", "CosineDecayRestarts", "ExponentialDecay", "InverseTimeDecay", "LearningRateSchedule",
    "PiecewiseConstantDecay", "PolynomialDecay", "deserialize", "serialize",
]  # fmt: skip

if not TYPE_CHECKING:
    __getattr__, __dir__ = listed(__name__)
