"""Optimizers that divide a gradient by the size it used to have: RMSprop, Adagrad, Adadelta, Ftrl, Adafactor."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Unpack

import jax
import jax.numpy as jnp

from ..core.kinds import Factor
from ..core.types import Initial
from ..core.variable import Variable
from .base import Optimizer
from .catalogue import optimizer
from .settings import AtLeastZero, AtMostZero, Common, Momentum, RateLike
from .slots import make


@optimizer
class RMSprop(Optimizer):
    """`v = rho * v + (1 - rho) * g^2`; `w -= rate * g / sqrt(v + epsilon)`.

    Args:
        learning_rate: number, schedule or callable, as in `Optimizer`.
        rho: how long the average of squares remembers.
        momentum: from 0 to 1; the steps themselves are then summed, `m = momentum * m + step` and `w -= m`.
        epsilon: stands inside the root, as in Keras; Hinton's lecture and PyTorch add it to the root.
        centered: subtract the squared average of the gradient from `v`: divide by the standard deviation
            (Graves 2013, Generating Sequences With Recurrent Neural Networks).
        weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum, ema_overwrite_frequency,
            loss_scale_factor, gradient_accumulation_steps, name: as in `Optimizer`.

    Raises:
        ValueError: if `momentum` is not from 0 to 1.

    Source: Tieleman & Hinton 2012, lecture 6.5 of Neural Networks for Machine Learning.

    Example:

    >>> w = Variable([1.0])
    >>> RMSprop(0.1).apply([jnp.array([2.0])], [w])
    >>> round(float(w.value[0]), 4)
    0.6838
    """

    rho: float
    momentum: float
    epsilon: float
    centered: bool

    def __init__(
        self,
        learning_rate: RateLike = 0.001,
        rho: Factor = 0.9,
        momentum: Momentum = 0.0,
        epsilon: Factor = 1e-07,
        centered: bool = False,
        **common: Unpack[Common],
    ):
        super().__init__(learning_rate, **common)

    def slot_groups(self) -> Iterable[tuple[str, ...]]:
        wanted = {"velocity": True, "momentum": self.momentum, "average_gradient": self.centered}
        return [(name,) for name, used in wanted.items() if used]

    def update_step(self, gradient: jax.Array, variable: Variable, learning_rate: jax.Array) -> None:
        v = self.slot("velocity", variable)
        v.assign(self.rho * v.value + (1 - self.rho) * jnp.square(gradient))
        size = v.value + self.epsilon
        if self.centered:
            mean = self.slot("average_gradient", variable)
            mean.assign(self.rho * mean.value + (1 - self.rho) * gradient)
            size = size - jnp.square(mean.value)
        step = jnp.asarray(learning_rate, variable.dtype) * gradient * jax.lax.rsqrt(size)
        if self.momentum:
            m = self.slot("momentum", variable)
            m.assign(self.momentum * m.value + step)
            step = m.value
        variable.assign_sub(step)


@optimizer
class Adagrad(Optimizer):
    """`a += g^2`; `w -= rate * g / sqrt(a + epsilon)`.

    Args:
        learning_rate: number, schedule or callable, as in `Optimizer`.
        initial_accumulator_value: what `a` starts from, >= 0.
        epsilon: keeps the quotient finite.
        weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum, ema_overwrite_frequency,
            loss_scale_factor, gradient_accumulation_steps, name: as in `Optimizer`.

    Source: Duchi et al. 2011, Adaptive Subgradient Methods for Online Learning and Stochastic Optimization.

    Example:

    >>> w = Variable([1.0])
    >>> Adagrad(0.1).apply([jnp.array([2.0])], [w])
    >>> round(float(w.value[0]), 4)
    0.9012
    """

    slot_names: tuple[str] = ("accumulator",)
    initial_accumulator_value: float
    epsilon: float

    def __init__(
        self,
        learning_rate: RateLike = 0.001,
        initial_accumulator_value: Factor = 0.1,
        epsilon: Factor = 1e-07,
        **common: Unpack[Common],
    ):
        super().__init__(learning_rate, **common)

    def slot_initializer(self, name: str, variable: Variable) -> Initial:
        return self.initial_accumulator_value

    def update_step(self, gradient: jax.Array, variable: Variable, learning_rate: jax.Array) -> None:
        total = self.slot("accumulator", variable)
        total.assign_add(jnp.square(gradient))
        variable.assign_sub(
            jnp.asarray(learning_rate, variable.dtype) * gradient * jax.lax.rsqrt(total.value + self.epsilon)
        )


@optimizer
class Adadelta(Optimizer):
    """`v = rho * v + (1 - rho) * g^2`; `d = g * sqrt(u + epsilon) / sqrt(v + epsilon)`; `w -= rate * d`;
    `u = rho * u + (1 - rho) * d^2`.

    The paper has no learning rate; 1.0 gives its form.

    Args:
        learning_rate: number, schedule or callable, as in `Optimizer`.
        rho: how long both averages remember.
        epsilon: keeps the quotient finite, and the first steps above 0.
        weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum, ema_overwrite_frequency,
            loss_scale_factor, gradient_accumulation_steps, name: as in `Optimizer`.

    Source: Zeiler 2012, ADADELTA: An Adaptive Learning Rate Method.

    Example:

    >>> w = Variable([1.0])
    >>> Adadelta(1.0).apply([jnp.array([2.0])], [w])
    >>> round(float(w.value[0]), 4)
    0.9986
    """

    slot_names: tuple[str, str] = ("accumulated_grad", "accumulated_delta_var")
    rho: float
    epsilon: float

    def __init__(
        self, learning_rate: RateLike = 0.001, rho: Factor = 0.95, epsilon: Factor = 1e-07, **common: Unpack[Common]
    ):
        super().__init__(learning_rate, **common)

    def update_step(self, grad: jax.Array, variable: Variable, learning_rate: jax.Array) -> None:
        v, u = (self.slot(name, variable) for name in self.slot_names)
        v.assign(self.rho * v.value + (1 - self.rho) * jnp.square(grad))
        step = grad * jnp.sqrt(u.value + self.epsilon) * jax.lax.rsqrt(v.value + self.epsilon)
        u.assign(self.rho * u.value + (1 - self.rho) * jnp.square(step))
        variable.assign_sub(jnp.asarray(learning_rate, variable.dtype) * step)


@optimizer
class Ftrl(Optimizer):
    """Follow the regularized leader, for sparse linear models; with `l1` many weights become exactly 0.

    With `p = -learning_rate_power` and `h = g + 2 * l2_shrinkage * w`: `n' = n + g^2`;
    `z += h - (n'^p - n^p) / rate * w`; `q = n'^p / rate + 2 * l2 + beta / rate`;
    `w = (clip(z, -l1, l1) - z) / q`.

    Args:
        learning_rate: number, schedule or callable, as in `Optimizer`.
        learning_rate_power: -p, at most 0.
        initial_accumulator_value: what `n` starts from, >= 0.
        l1_regularization_strength: l1, >= 0.
        l2_regularization_strength: l2, >= 0.
        l2_shrinkage_regularization_strength: l2_shrinkage, >= 0.
        beta: raises `q`, and so makes steps smaller.
        weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum, ema_overwrite_frequency,
            loss_scale_factor, gradient_accumulation_steps, name: as in `Optimizer`.

    Raises:
        ValueError: for arguments out of range.

    Source: McMahan et al. 2013, Ad Click Prediction: a View from the Trenches (there p is 1/2).

    Example:

    >>> w = Variable([1.0])
    >>> Ftrl(0.1).apply([jnp.array([2.0])], [w])
    >>> round(float(w.value[0]), 4)
    0.7451
    """

    slot_names: tuple[str, str] = ("accumulator", "linear")
    learning_rate_power: float
    initial_accumulator_value: float
    l1_regularization_strength: float
    l2_regularization_strength: float
    l2_shrinkage_regularization_strength: float
    beta: float

    def __init__(
        self,
        learning_rate: RateLike = 0.001,
        learning_rate_power: AtMostZero = -0.5,
        initial_accumulator_value: AtLeastZero = 0.1,
        l1_regularization_strength: AtLeastZero = 0.0,
        l2_regularization_strength: AtLeastZero = 0.0,
        l2_shrinkage_regularization_strength: AtLeastZero = 0.0,
        beta: Factor = 0.0,
        **common: Unpack[Common],
    ):
        super().__init__(learning_rate, **common)

    def slot_initializer(self, name: str, variable: Variable) -> Initial:
        return self.initial_accumulator_value if name == "accumulator" else "zeros"

    def update_step(self, gradient: jax.Array, variable: Variable, learning_rate: jax.Array) -> None:
        n, z = (self.slot(name, variable) for name in self.slot_names)
        rate, w, power = jnp.asarray(learning_rate, variable.dtype), variable.value, -self.learning_rate_power
        l1, l2 = self.l1_regularization_strength, self.l2_regularization_strength
        shrunk = gradient + 2 * self.l2_shrinkage_regularization_strength * w
        after = n.value + jnp.square(gradient)
        z.assign_add(shrunk - (after**power - n.value**power) / rate * w)
        quadratic = after**power / rate + 2 * (l2 + self.beta / (2 * rate))
        variable.assign((jnp.clip(z.value, -l1, l1) - z.value) / quadratic)
        n.assign(after)


@optimizer
class Adafactor(Optimizer):
    """Adam's second moment in little memory: for a matrix, one average per row and one per column.

    At step t, `rho = min(rate, 1 / sqrt(t))`; `b = 1 - t^beta_2_decay`; rows `r` and columns `c` average
    `g^2 + epsilon_1`; `v = r * c / mean(r)`; `u = g / sqrt(v)`, shortened to root mean square `clip_threshold`;
    `w -= max(epsilon_2, rms(w)) * rho * u`.

    Args:
        learning_rate: rate, as in `Optimizer`; never more than `1 / sqrt(t)` is used.
        beta_2_decay: how fast the averages come to remember longer.
        epsilon_1: keeps squares above 0.
        epsilon_2: least scale of the steps.
        clip_threshold: largest root mean square of `u`.
        relative_step: part of configs; it changes nothing, as in Keras, which bounds the rate by `1 / sqrt(t)` anyway.
        weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum, ema_overwrite_frequency,
            loss_scale_factor, gradient_accumulation_steps, name: as in `Optimizer`.

    Source: Shazeer & Stern 2018, Adafactor: Adaptive Learning Rates with Sublinear Memory Cost.

    Example:

    >>> w = Variable([1.0])
    >>> Adafactor(0.1).apply([jnp.array([2.0])], [w])
    >>> round(float(w.value[0]), 4)
    0.9
    """

    beta_2_decay: float
    epsilon_1: float
    epsilon_2: float
    clip_threshold: float
    relative_step: bool

    def __init__(
        self,
        learning_rate: RateLike = 0.001,
        beta_2_decay: Factor = -0.8,
        epsilon_1: Factor = 1e-30,
        epsilon_2: Factor = 0.001,
        clip_threshold: Factor = 1.0,
        relative_step: bool = True,
        **common: Unpack[Common],
    ):
        super().__init__(learning_rate, **common)

    def build(self, var_list: Sequence[Variable]) -> None:
        super().build(var_list)
        for variable in self.stepped:
            shape = variable.shape
            factors = (shape[:-1], (*shape[:-2], shape[-1])) if len(shape) > 1 else ((), ())
            for name, factor in zip(("rows", "columns"), factors, strict=True):
                self.add_factor(variable, name, factor)
            self.add_variable_from_reference(variable, "velocity")

    def add_factor(self, variable: Variable, name: str, shape: tuple[int, ...]) -> None:
        """Row and column averages; a vector has none, and files keep two whole numbers in their place."""
        factored = variable.ndim > 1
        path = f"{self.name}/{variable.name}" if factored else variable.name
        dtype = variable.dtype if factored else "int32"
        self._slots.obtain(variable, name, lambda: make(path, shape, "zeros", dtype))

    def empty_slots(self) -> list[Variable]:
        """The numbers that stand for the factors of vectors."""
        vectors = [variable for variable in self.stepped if variable.ndim <= 1]
        return [self.slot(name, variable) for variable in vectors for name in ("rows", "columns")]

    def update_step(self, gradient: jax.Array, variable: Variable, learning_rate: jax.Array) -> None:
        t = jnp.asarray(self.iterations, "float32") + 1
        rate = jnp.minimum(learning_rate, jax.lax.rsqrt(t))
        keep = (1 - t**self.beta_2_decay).astype(variable.dtype)
        squares = jnp.square(gradient) + self.epsilon_1
        v = self.slot("velocity", variable)
        if variable.ndim > 1:
            rows, columns = self.slot("rows", variable), self.slot("columns", variable)
            rows.assign(keep * rows.value + (1 - keep) * jnp.mean(squares, axis=-1))
            columns.assign(keep * columns.value + (1 - keep) * jnp.mean(squares, axis=-2))
            share = rows.value / jnp.mean(rows.value, axis=-1, keepdims=True)
            v.assign(share[..., :, None] * columns.value[..., None, :])
        else:
            v.assign(keep * v.value + (1 - keep) * squares)
        u = gradient * jax.lax.rsqrt(v.value)
        u = u / jnp.maximum(1.0, _rms(u) / self.clip_threshold)
        step = jnp.maximum(self.epsilon_2, _rms(variable.value)) * rate.astype(variable.dtype)
        variable.assign_sub(step * u)


def _rms(x: jax.Array) -> jax.Array:
    return jnp.sqrt(jnp.mean(jnp.square(x)))
