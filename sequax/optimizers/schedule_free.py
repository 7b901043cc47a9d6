"""Schedule-free AdamW: averaging in place of a learning-rate schedule."""

from __future__ import annotations

from typing import Any, Unpack

import jax.numpy as jnp

from ..core.variable import Variable
from .base import Optimizer
from .catalogue import optimizer
from .settings import Common


@optimizer
class ScheduleFreeAdamW(Optimizer):
    """Steps are taken at `z`, averaged into `x`, and gradients are those of the model at `w` between the two.

    At step t: `v += (1 - b2) * (g^2 - v)`; `z -= rate * g / (sqrt(v / (1 - b2^t)) + epsilon)`; `x += (z - x) / t`;
    `w = (1 - b1) * z + b1 * x`. Kept are `z` (the slot `momentum`) and `v`; `x` follows from `w` and `z`.

    The paper evaluates the model at `x`. As in Keras, the model stays at `w`, which comes near `x` as training ends.

    Args:
        beta_1: b1, the place of `w` between `z` (0) and `x` (1); in (0, 1].
        beta_2: b2, how long `v` remembers.
        warmup_steps: the rate grows to its value in that many steps.

    Source: Defazio et al. 2024, The Road Less Scheduled (there steps weigh in the average by their squared rate).
    """

    slot_names = ("momentum", "velocity")

    def __init__(
        self,
        learning_rate: Any = 0.0025,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-08,
        warmup_steps: int = 0,
        **common: Unpack[Common],
    ):
        super().__init__(learning_rate, **common)
        if not 0.0 < beta_1 <= 1.0:
            raise ValueError(f"{type(self).__name__}: `beta_1` must be in (0, 1]. Received: beta_1={beta_1}")
        self.beta_1, self.beta_2, self.epsilon, self.warmup_steps = beta_1, beta_2, epsilon, warmup_steps

    def slot_initializer(self, name: str, variable: Variable) -> Any:
        return (lambda shape, dtype: variable.numpy()) if name == "momentum" else "zeros"

    def update_step(self, gradient: Any, variable: Variable, learning_rate: Any) -> None:
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
