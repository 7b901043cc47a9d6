"""Optimizers that scale a gradient alike in all its entries: SGD and Lion."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Unpack

import jax
import jax.numpy as jnp

from ..core.kinds import Factor
from ..core.variable import Variable
from .base import Optimizer
from .catalogue import optimizer
from .settings import Common, Momentum, RateLike, UpToOne


@optimizer
class SGD(Optimizer):
    """Gradient descent, with momentum or without.

    `momentum = 0`: `w -= rate * g`. Else `m = momentum * m - rate * g` and `w += m`, or, with `nesterov`,
    `w += momentum * m - rate * g`.

    Args:
        learning_rate: number, schedule or callable, as in `Optimizer`.
        momentum: from 0 to 1.
        nesterov: look ahead (Nesterov 1983; in the form of Sutskever et al. 2013, On the importance of initialization
            and momentum in deep learning).
        weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum, ema_overwrite_frequency,
            loss_scale_factor, gradient_accumulation_steps, name: as in `Optimizer`.

    Raises:
        ValueError: if `momentum` is not from 0 to 1.

    Example:

    >>> w = Variable([1.0])
    >>> SGD(0.1).apply([jnp.array([2.0])], [w])
    >>> round(float(w.value[0]), 4)
    0.8
    """

    momentum: float
    nesterov: bool

    def __init__(
        self, learning_rate: RateLike = 0.01, momentum: Momentum = 0.0, nesterov: bool = False, **common: Unpack[Common]
    ):
        super().__init__(learning_rate, **common)

    def slot_groups(self) -> Iterable[tuple[str, ...]]:
        return (("momentum",),) if self.momentum else ()

    def update_step(self, gradient: jax.Array, variable: Variable, learning_rate: jax.Array) -> None:
        step = jnp.asarray(learning_rate, variable.dtype) * gradient
        if not self.momentum:
            variable.assign_sub(step)
            return
        slot = self.slot("momentum", variable)
        slot.assign(self.momentum * slot.value - step)
        variable.assign_add(self.momentum * slot.value - step if self.nesterov else slot.value)


@optimizer
class Lion(Optimizer):
    """Steps of equal size in every entry: `w -= rate * sign(b1 * m + (1 - b1) * g)`, then `m = b2 * m + (1 - b2) * g`.

    Wants a learning rate 3 to 10 times smaller than Adam's, and a weight decay larger by as much.

    Args:
        learning_rate: number, schedule or callable, as in `Optimizer`.
        beta_1: b1, the share of the average in a step; above 0, at most 1.
        beta_2: b2, how long `m` remembers.
        weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum, ema_overwrite_frequency,
            loss_scale_factor, gradient_accumulation_steps, name: as in `Optimizer`.

    Raises:
        ValueError: if `beta_1` is out of range.

    Source: Chen et al. 2023, Symbolic Discovery of Optimization Algorithms.

    Example:

    >>> w = Variable([1.0])
    >>> Lion(0.1).apply([jnp.array([2.0])], [w])
    >>> round(float(w.value[0]), 4)
    0.9
    """

    slot_names: tuple[str] = ("momentum",)
    beta_1: float
    beta_2: float

    def __init__(
        self, learning_rate: RateLike = 0.001, beta_1: UpToOne = 0.9, beta_2: Factor = 0.99, **common: Unpack[Common]
    ):
        super().__init__(learning_rate, **common)

    def update_step(self, gradient: jax.Array, variable: Variable, learning_rate: jax.Array) -> None:
        m = self.slot("momentum", variable)
        direction = jnp.sign(m.value * self.beta_1 + gradient * (1 - self.beta_1))
        variable.assign_sub(jnp.asarray(learning_rate, variable.dtype) * direction)
        m.assign(m.value * self.beta_2 + gradient * (1 - self.beta_2))
