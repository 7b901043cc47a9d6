"""Learning rates that change with the step: functions of the iteration, evaluated inside the compiled program."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import jax
import jax.numpy as jnp

from .._lazy import listed
from ..core import dtypes
from ..core.catalogue import Catalogue
from ..core.constructor import Configured, ours
from ..core.kinds import Factor, Factors, NameLike
from ..core.types import ArrayLike
from .settings import Scalar

schedules: Catalogue = Catalogue("learning rate schedule", "keras.optimizers.schedules")
schedule = schedules.register()

Steps = Annotated[float, Scalar(above=0)]


@schedule
class LearningRateSchedule(Configured):
    """Base of schedules. A subclass stores its arguments under their own names and computes in `__call__(step)`.

    `step` is a whole number, possibly traced: use `jax.numpy`, not Python branches.

    Example:

    >>> class Halving(LearningRateSchedule):
    ...     def __call__(self, step):
    ...         return 0.1 * 0.5**step
    >>> Halving()(2)
    0.025
    """

    def __call__(self, step: jax.Array | float) -> jax.Array:
        raise NotImplementedError(
            f"Learning rate schedule '{type(self).__name__}' must override `__call__(self, step)`."
        )

    def get_config(self) -> dict[str, Any]:
        if ours(type(self)) is LearningRateSchedule:
            raise NotImplementedError(
                f"Learning rate schedule '{type(self).__name__}' must override `get_config()` in order to be"
                f" serializable."
            )
        return super().get_config()

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={value!r}" for name, value in vars(self).items() if name != "name")
        return f"{type(self).__name__}({shown})"


def _real(step: ArrayLike) -> jax.Array:
    return jnp.asarray(step, dtypes.jnp_dtype(dtypes.floatx()))


def _periods(step: ArrayLike, length: float) -> jax.Array:
    """How many whole periods have passed. Not the floor of a quotient: compiled, 21 / 7 may come out above 3."""
    return jnp.floor_divide(_real(step), length)


@schedule
class ExponentialDecay(LearningRateSchedule):
    """`initial_learning_rate * decay_rate ** (step / decay_steps)`.

    Args:
        initial_learning_rate: the rate at step 0.
        decay_steps: above 0; a number of steps.
        decay_rate: factor per `decay_steps`.
        staircase: divide as whole numbers: the rate falls in steps.
        name: for configs.

    Raises:
        ValueError: if `decay_steps` is not above 0.

    Example:

    >>> float(ExponentialDecay(0.1, decay_steps=10, decay_rate=0.5)(20)).__round__(6)
    0.025
    """

    initial_learning_rate: float
    decay_steps: float
    decay_rate: float
    staircase: bool

    def __init__(
        self,
        initial_learning_rate: Factor,
        decay_steps: Steps,
        decay_rate: Factor,
        staircase: bool = False,
        name: NameLike = "ExponentialDecay",
    ):
        pass

    def __call__(self, step: ArrayLike) -> jax.Array:
        periods = _periods(step, self.decay_steps) if self.staircase else _real(step) / self.decay_steps
        return self.initial_learning_rate * jnp.power(self.decay_rate, periods)


@schedule
class InverseTimeDecay(LearningRateSchedule):
    """`initial_learning_rate / (1 + decay_rate * step / decay_steps)`.

    Args:
        initial_learning_rate: the rate at step 0.
        decay_steps: above 0; a number of steps.
        decay_rate: how fast the rate falls.
        staircase: divide `step / decay_steps` as whole numbers.
        name: for configs.

    Raises:
        ValueError: if `decay_steps` is not above 0.

    Example:

    >>> round(float(InverseTimeDecay(0.1, decay_steps=10, decay_rate=0.5)(20)), 4)
    0.05
    """

    initial_learning_rate: float
    decay_steps: float
    decay_rate: float
    staircase: bool

    def __init__(
        self,
        initial_learning_rate: Factor,
        decay_steps: Steps,
        decay_rate: Factor,
        staircase: bool = False,
        name: NameLike = "InverseTimeDecay",
    ):
        pass

    def __call__(self, step: ArrayLike) -> jax.Array:
        periods = _periods(step, self.decay_steps) if self.staircase else _real(step) / self.decay_steps
        return self.initial_learning_rate / (1 + self.decay_rate * periods)


@schedule
class PiecewiseConstantDecay(LearningRateSchedule):
    """`values[0]` up to and including step `boundaries[0]`, then `values[1]`, and so on.

    Args:
        boundaries: ascending steps.
        values: rates, one more than boundaries.
        name: for configs.

    Raises:
        ValueError: unless there is one value more than boundaries, and boundaries ascend.

    Example:

    >>> round(float(PiecewiseConstantDecay([100], [0.1, 0.01])(101)), 4)
    0.01
    """

    boundaries: Sequence[float]
    values: Sequence[float]

    def __init__(self, boundaries: Factors, values: Factors, name: NameLike = "PiecewiseConstant"):
        if len(boundaries) != len(values) - 1:
            raise ValueError(
                f"PiecewiseConstantDecay: the length of `boundaries` must be 1 less than the length of `values`."
                f" Received: boundaries={boundaries} of length {len(boundaries)}, and values={values} of length"
                f" {len(values)}."
            )
        if any(later < earlier for earlier, later in itertools.pairwise(boundaries)):
            raise ValueError(f"PiecewiseConstantDecay: `boundaries` must ascend. Received: boundaries={boundaries}")

    def __call__(self, step: ArrayLike) -> jax.Array:
        passed = jnp.sum(_real(step) > jnp.asarray(self.boundaries, dtypes.floatx()))
        return jnp.asarray(self.values, dtypes.floatx())[passed]


@schedule
class PolynomialDecay(LearningRateSchedule):
    """`(initial - end) * (1 - step / decay_steps) ** power + end`; `end` from `decay_steps` on.

    Args:
        initial_learning_rate: the rate at step 0.
        decay_steps: above 0; a number of steps.
        end_learning_rate: the last rate.
        power: 1 falls along a straight line.
        cycle: instead of staying at the end, stretch `decay_steps` to the next multiple that `step` has not passed.
        name: for configs.

    Raises:
        ValueError: if `decay_steps` is not above 0.

    Example:

    >>> round(float(PolynomialDecay(0.1, decay_steps=100, end_learning_rate=0.0)(50)), 4)
    0.05
    """

    initial_learning_rate: float
    decay_steps: float
    end_learning_rate: float
    power: float
    cycle: bool

    def __init__(
        self,
        initial_learning_rate: Factor,
        decay_steps: Steps,
        end_learning_rate: Factor = 0.0001,
        power: Factor = 1.0,
        cycle: bool = False,
        name: NameLike = "PolynomialDecay",
    ):
        pass

    def __call__(self, step: ArrayLike) -> jax.Array:
        step, length = _real(step), _real(self.decay_steps)
        if self.cycle:
            length = length * jnp.maximum(-_periods(-step, self.decay_steps), 1.0)
        left = jnp.power(1 - jnp.minimum(step / length, 1.0), self.power)
        return (self.initial_learning_rate - self.end_learning_rate) * left + self.end_learning_rate


def _cosine(fraction: jax.Array) -> jax.Array:
    """Half a cosine wave: 1 at 0, 0 at 1."""
    return 0.5 * (1 + jnp.cos(math.pi * fraction))


@schedule
class CosineDecay(LearningRateSchedule):
    """Half a cosine wave from the initial rate to `alpha` times it, over `decay_steps` steps; constant afterwards.

    Args:
        initial_learning_rate: the rate at step 0.
        decay_steps: above 0; a number of steps.
        alpha: the last rate as a fraction of the highest.
        name: for configs.
        warmup_target: first rise linearly from the initial rate to this one, over `warmup_steps` steps, and decay from
            there. None: no warm-up, whatever `warmup_steps` says.
        warmup_steps: length of the rise.

    Raises:
        ValueError: if `decay_steps` is not above 0.

    Source: Loshchilov & Hutter 2017, SGDR: Stochastic Gradient Descent with Warm Restarts (a single period).

    Example:

    >>> round(float(CosineDecay(0.1, decay_steps=100)(50)), 4)
    0.05
    """

    initial_learning_rate: float
    decay_steps: float
    alpha: float
    warmup_target: float | None
    warmup_steps: float

    def __init__(
        self,
        initial_learning_rate: Factor,
        decay_steps: Steps,
        alpha: Factor = 0.0,
        name: NameLike = "CosineDecay",
        warmup_target: Factor | None = None,
        warmup_steps: Factor = 0,
    ):
        pass

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
        initial_learning_rate: the rate at step 0.
        first_decay_steps: length of the first period, above 0.
        t_mul: how many times as long each period is as the one before.
        m_mul: how many times as high it begins.
        alpha: the lowest rate as a fraction of the initial one.
        name: for configs.

    Raises:
        ValueError: if `first_decay_steps` is not above 0.

    Source: Loshchilov & Hutter 2017, SGDR: Stochastic Gradient Descent with Warm Restarts.

    Example:

    >>> round(float(CosineDecayRestarts(0.1, first_decay_steps=10)(10)), 4)
    0.1
    """

    initial_learning_rate: float
    first_decay_steps: float
    t_mul: float
    m_mul: float
    alpha: float

    def __init__(
        self,
        initial_learning_rate: Factor,
        first_decay_steps: Steps,
        t_mul: Factor = 2.0,
        m_mul: Factor = 1.0,
        alpha: Factor = 0.0,
        name: NameLike = "SGDRDecay",
    ):
        pass

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
    """The config of a schedule.

    Args:
        learning_rate_schedule: the schedule.
    """
    return schedules.serialize(learning_rate_schedule)


def deserialize(config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None) -> LearningRateSchedule:
    """A schedule from its config.

    Args:
        config: what `serialize` gave.
        custom_objects: the user's own classes by name.
    """
    return schedules.deserialize(config, custom_objects)


__all__ = [
    "CosineDecay", "CosineDecayRestarts", "ExponentialDecay", "InverseTimeDecay", "LearningRateSchedule",
    "PiecewiseConstantDecay", "PolynomialDecay", "deserialize", "serialize",
]  # fmt: skip

if not TYPE_CHECKING:
    __getattr__, __dir__ = listed(__name__)
