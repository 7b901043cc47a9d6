"""Schedule-free AdamW: averaging in place of a learning-rate schedule."""

from __future__ import annotations

from typing import Unpack

import jax
import jax.numpy as jnp

from ..core.kinds import Factor, Integer
from ..core.types import Initial
from ..core.variable import Variable
from .base import Optimizer
from .catalogue import optimizer
from .settings import Common, RateLike, UpToOne


@optimizer
class ScheduleFreeAdamW(Optimizer):
    """Steps are taken at `z`, averaged into `x`, and gradients are those of the model at `w` between the two.

    At step t: `v += (1 - b2) * (g^2 - v)`; `z -= rate * g / (sqrt(v / (1 - b2^t)) + epsilon)`; `x += (z - x) / t`;
    `w = (1 - b1) * z + b1 * x`. Kept are `z` (the slot `momentum`) and `v`; `x` follows from `w` and `z`.

    The paper evaluates the model at `x`. As in Keras, the model stays at `w`, which comes near `x` as training ends.

    Args:
        learning_rate: number, schedule or callable, as in `Optimizer`.
        beta_1: b1, the place of `w` between `z` (0) and `x` (1); above 0, at most 1.
        beta_2: b2, how long `v` remembers.
        epsilon: keeps the quotient finite.
        warmup_steps: the rate grows to its value in that many steps.
        weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum, ema_overwrite_frequency,
            loss_scale_factor, gradient_accumulation_steps, name: as in `Optimizer`.

    Raises:
        ValueError: if `beta_1` is out of range.

    Source: Defazio et al. 2024, The Road Less Scheduled (there steps weigh in the average by their squared rate).

    Example:

    >>> w = Variable([1.0])
    >>> ScheduleFreeAdamW(0.1).apply([jnp.array([2.0])], [w])
    >>> round(float(w.value[0]), 4)
    0.9
    """

    slot_names: tuple[str, str] = ("momentum", "velocity")
    beta_1: float
    beta_2: float
    epsilon: float
    warmup_steps: int

    def __init__(
        self,
        learning_rate: RateLike = 0.0025,
        beta_1: UpToOne = 0.9,
        beta_2: Factor = 0.999,
        epsilon: Factor = 1e-08,
        warmup_steps: Integer = 0,
        **common: Unpack[Common],
    ):
        super().__init__(learning_rate, **common)

    def slot_initializer(self, name: str, variable: Variable) -> Initial:
        return (lambda shape, dtype: variable.numpy()) if name == "momentum" else "zeros"

    def update_step(self, gradient: jax.Array, variable: Variable, learning_rate: jax.Array) -> None:
        cast, t = variable.dtype, jnp.asarray(self.iterations, "float32") + 1
        if self.warmup_steps:
            learning_rate = learning_rate * jnp.minimum(1.0, t / self.warmup_steps)
        z, v = (self.slot(name, variable) for name in self.slot_names)
        average = (variable.value - (1 - self.beta_1) * z.value) / self.beta_1
        v.assign_add((jnp.square(gradient) - v.value) * (1 - self.beta_2))
        size = jnp.sqrt(v.value / (1 - self.beta_2**t).astype(cast)) + self.epsilon
        z.assign_sub(jnp.asarray(learning_rate, cast) * gradient / size)
        average = average + (z.value - average) / t.astype(cast)
        variable.assign((1 - self.beta_1) * z.value + self.beta_1 * average)
