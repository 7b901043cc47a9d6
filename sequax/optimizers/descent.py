"""Optimizers that scale a gradient alike in all its entries: SGD and Lion."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Unpack

import jax.numpy as jnp

from ..core.variable import Variable
from . import settings
from .base import Optimizer
from .catalogue import optimizer
from .settings import Common


@optimizer
class SGD(Optimizer):
    """Gradient descent, with momentum or without.

    `momentum = 0`: `w -= rate * g`. Else `m = momentum * m - rate * g` and `w += m`, or, with `nesterov`,
    `w += momentum * m - rate * g`.

    Args:
        momentum: from 0 to 1.
        nesterov: look ahead (Nesterov 1983; in the form of Sutskever et al. 2013, On the importance of initialization
            and momentum in deep learning).
    """

    def __init__(
        self, learning_rate: Any = 0.01, momentum: float = 0.0, nesterov: bool = False, **common: Unpack[Common]
    ):
        super().__init__(learning_rate, **common)
        self.momentum = settings.check_fraction(type(self).__name__, momentum=momentum)
        self.nesterov = nesterov

    def slot_groups(self) -> Iterable[tuple[str, ...]]:
        return (("momentum",),) if self.momentum else ()

    def update_step(self, gradient: Any, variable: Variable, learning_rate: Any) -> None:
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

    Source: Chen et al. 2023, Symbolic Discovery of Optimization Algorithms.
    """

    slot_names = ("momentum",)

    def __init__(self, learning_rate: Any = 0.001, beta_1: float = 0.9, beta_2: float = 0.99, **common: Unpack[Common]):
        super().__init__(learning_rate, **common)
        if not 0.0 < beta_1 <= 1.0:
            raise ValueError(f"{type(self).__name__}: `beta_1` must be in (0, 1]. Received: beta_1={beta_1}")
        self.beta_1, self.beta_2 = beta_1, beta_2

    def update_step(self, gradient: Any, variable: Variable, learning_rate: Any) -> None:
        m = self.slot("momentum", variable)
        direction = jnp.sign(m.value * self.beta_1 + gradient * (1 - self.beta_1))
        variable.assign_sub(jnp.asarray(learning_rate, variable.dtype) * direction)
        m.assign(m.value * self.beta_2 + gradient * (1 - self.beta_2))
