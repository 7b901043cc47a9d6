"""Adam and its relatives: a moving average of gradients, divided by one of their size."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Unpack

import jax
import jax.numpy as jnp

from ..core.kinds import Factor
from ..core.variable import Variable
from .base import Optimizer
from .catalogue import optimizer
from .settings import Common, RateLike, Shared


class _Moments(Optimizer):
    """What the family shares: two decay rates and averages that start from zero."""

    slot_names: tuple[str, ...] = ("momentum", "velocity")
    beta_1: float
    beta_2: float
    epsilon: float

    def __init__(
        self,
        learning_rate: RateLike = 0.001,
        beta_1: Factor = 0.9,
        beta_2: Factor = 0.999,
        epsilon: Factor = 1e-07,
        **common: Unpack[Common],
    ):
        super().__init__(learning_rate, **common)

    def step_number(self) -> jax.Array:
        """t = 1, 2, ... in float32: in a 16-bit type 0.999 would round to 1 and every correction to nothing."""
        return jnp.asarray(self.iterations, "float32") + 1

    def moments(self, gradient: jax.Array, variable: Variable) -> tuple[Variable, Variable]:
        """The averages of the gradient and of its square, moved on."""
        m, v = (self.slot(name, variable) for name in ("momentum", "velocity"))
        m.assign_add((gradient - m.value) * (1 - self.beta_1))
        v.assign_add((jnp.square(gradient) - v.value) * (1 - self.beta_2))
        return m, v


@optimizer
class Adam(_Moments):
    """`m += (1 - b1) * (g - m)`; `v += (1 - b2) * (g^2 - v)`;
    `w -= rate * sqrt(1 - b2^t) / (1 - b1^t) * m / (sqrt(v) + epsilon)`.

    Args:
        learning_rate: number, schedule or callable, as in `Optimizer`.
        beta_1: b1, how long `m` remembers.
        beta_2: b2, how long `v` remembers.
        epsilon: "epsilon hat" of the paper's section 2, added before bias correction, as in Keras; PyTorch and optax
            add it after.
        amsgrad: divide by the largest `v` so far (Reddi et al. 2018, On the Convergence of Adam and Beyond).
        weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum, ema_overwrite_frequency,
            loss_scale_factor, gradient_accumulation_steps, name: as in `Optimizer`.

    Source: Kingma & Ba 2015, Adam: A Method for Stochastic Optimization.

    Example:

    >>> w = Variable([1.0])
    >>> Adam(0.1).apply([jnp.array([2.0])], [w])
    >>> round(float(w.value[0]), 4)
    0.9
    """

    amsgrad: bool

    def __init__(
        self,
        learning_rate: RateLike = 0.001,
        beta_1: Factor = 0.9,
        beta_2: Factor = 0.999,
        epsilon: Factor = 1e-07,
        amsgrad: bool = False,
        **common: Unpack[Common],
    ):
        super().__init__(learning_rate, beta_1, beta_2, epsilon, **common)

    def slot_groups(self) -> Iterable[tuple[str, ...]]:
        return (self.slot_names, ("velocity_hat",)) if self.amsgrad else (self.slot_names,)

    def update_step(self, gradient: jax.Array, variable: Variable, learning_rate: jax.Array) -> None:
        t = self.step_number()
        rate = learning_rate * jnp.sqrt(1 - self.beta_2**t) / (1 - self.beta_1**t)
        m, v = self.moments(gradient, variable)
        if self.amsgrad:
            largest = self.slot("velocity_hat", variable)
            largest.assign(jnp.maximum(largest.value, v.value))
            v = largest
        variable.assign_sub(m.value * rate.astype(variable.dtype) / (jnp.sqrt(v.value) + self.epsilon))


@optimizer
class AdamW(Adam):
    """Adam with weight decay on by default: before each step `w -= rate * weight_decay * w`.

    Args:
        learning_rate: number, schedule or callable, as in `Optimizer`.
        weight_decay: factor of the decay, no None (use `Adam` then).
        beta_1, beta_2, epsilon, amsgrad: as in `Adam`.
        clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum, ema_overwrite_frequency,
            loss_scale_factor, gradient_accumulation_steps, name: as in `Optimizer`.

    Raises:
        ValueError: if `weight_decay` is None.

    Source: Loshchilov & Hutter 2019, Decoupled Weight Decay Regularization.

    Example:

    >>> w = Variable([1.0])
    >>> AdamW(0.1, weight_decay=0.5).apply([jnp.array([2.0])], [w])
    >>> round(float(w.value[0]), 4)
    0.85
    """

    def __init__(
        self,
        learning_rate: RateLike = 0.001,
        weight_decay: Factor | None = 0.004,
        beta_1: Factor = 0.9,
        beta_2: Factor = 0.999,
        epsilon: Factor = 1e-07,
        amsgrad: bool = False,
        **common: Unpack[Shared],
    ):
        if weight_decay is None:
            raise ValueError(
                f"{type(self).__name__}: `weight_decay` must be a float. Received: weight_decay=None."
                f" Use `Adam` for no decay."
            )
        super().__init__(learning_rate, beta_1, beta_2, epsilon, amsgrad, weight_decay=weight_decay, **common)


@optimizer
class Adamax(_Moments):
    """Adam with the largest instead of the mean square.

    `u = max(b2 * u, |g|)`; `w -= rate / (1 - b1^t) * m / (u + epsilon)`.

    Args:
        learning_rate: number, schedule or callable, as in `Optimizer`.
        beta_1: b1, how long `m` remembers.
        beta_2: b2, how long `u` remembers.
        epsilon: keeps the quotient finite.
        weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum, ema_overwrite_frequency,
            loss_scale_factor, gradient_accumulation_steps, name: as in `Optimizer`.

    Source: Kingma & Ba 2015, Adam, section 7.

    Example:

    >>> w = Variable([1.0])
    >>> Adamax(0.1).apply([jnp.array([2.0])], [w])
    >>> round(float(w.value[0]), 4)
    0.9
    """

    slot_names: tuple[str, str] = ("momentum", "norm")

    def update_step(self, gradient: jax.Array, variable: Variable, learning_rate: jax.Array) -> None:
        m, u = (self.slot(name, variable) for name in self.slot_names)
        rate = learning_rate / (1 - self.beta_1 ** self.step_number())
        m.assign_add((gradient - m.value) * (1 - self.beta_1))
        u.assign(jnp.maximum(self.beta_2 * u.value, jnp.abs(gradient)))
        variable.assign_sub(rate.astype(variable.dtype) * m.value / (u.value + self.epsilon))


@optimizer
class Nadam(_Moments):
    """Adam with Nesterov momentum, whose decay rate at step t is `b1 * (1 - 0.96^t / 2)`.

    Args:
        learning_rate: number, schedule or callable, as in `Optimizer`.
        beta_1: b1, how long `m` remembers.
        beta_2: b2, how long `v` remembers.
        epsilon: keeps the quotient finite.
        weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum, ema_overwrite_frequency,
            loss_scale_factor, gradient_accumulation_steps, name: as in `Optimizer`.

    Source: Dozat 2016, Incorporating Nesterov Momentum into Adam.

    Example:

    >>> w = Variable([1.0])
    >>> Nadam(0.1).apply([jnp.array([2.0])], [w])
    >>> round(float(w.value[0]), 4)
    0.8937
    """

    def build(self, var_list: Sequence[Variable]) -> None:
        super().build(var_list)
        self.momentum_product: Variable = self.add_variable((), "ones", dtype="float32", name="momentum_product")

    def momentum_at(self, t: jax.Array) -> jax.Array:
        return self.beta_1 * (1 - 0.5 * 0.96**t)

    def _update_all(self, gradients: list[Any], variables: list[Variable], learning_rate: jax.Array) -> None:
        # The product of all rates so far belongs to the step, not to one variable: move it on once.
        self.momentum_product.assign(self.momentum_product.value * self.momentum_at(self.step_number()))
        super()._update_all(gradients, variables, learning_rate)

    def update_step(self, gradient: jax.Array, variable: Variable, learning_rate: jax.Array) -> None:
        t = self.step_number()
        now, ahead, product = self.momentum_at(t), self.momentum_at(t + 1), self.momentum_product.value
        of_average, of_gradient = ahead / (1 - product * ahead), (1 - now) / (1 - product)
        m, v = self.moments(gradient, variable)
        cast = variable.dtype
        direction = of_average.astype(cast) * m.value + of_gradient.astype(cast) * gradient
        size = v.value / (1 - self.beta_2**t).astype(cast)
        variable.assign_sub(jnp.asarray(learning_rate, cast) * direction / (jnp.sqrt(size) + self.epsilon))


@optimizer
class Lamb(_Moments):
    """Adam's step `s`, scaled variable by variable with `|w| / |s|` (1 where either is 0): for very large batches.

    Args:
        learning_rate: number, schedule or callable, as in `Optimizer`.
        beta_1: b1, how long `m` remembers.
        beta_2: b2, how long `v` remembers.
        epsilon: keeps the quotient finite.
        weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum, ema_overwrite_frequency,
            loss_scale_factor, gradient_accumulation_steps, name: as in `Optimizer`.

    Source: You et al. 2020, Large Batch Optimization for Deep Learning: Training BERT in 76 minutes.

    Example:

    >>> w = Variable([1.0])
    >>> Lamb(0.1).apply([jnp.array([2.0])], [w])
    >>> round(float(w.value[0]), 4)
    0.9
    """

    def update_step(self, gradient: jax.Array, variable: Variable, learning_rate: jax.Array) -> None:
        t, cast = self.step_number(), variable.dtype
        m, v = self.moments(gradient, variable)
        average = m.value / (1 - self.beta_1**t).astype(cast)
        size = v.value / (1 - self.beta_2**t).astype(cast)
        step = average / (jnp.sqrt(size) + self.epsilon)
        length, stride = _length(variable.value), _length(step)
        ratio = jnp.where((length > 0) & (stride > 0), length / jnp.where(stride > 0, stride, 1), 1.0)
        variable.assign_sub(ratio.astype(cast) * jnp.asarray(learning_rate, cast) * step)


def _length(x: jax.Array) -> jax.Array:
    return jnp.sqrt(jnp.sum(jnp.square(x)))
