"""Optimizers that divide a gradient by the size it used to have: RMSprop, Adagrad, Adadelta, Ftrl, Adafactor."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Unpack

import jax
import jax.numpy as jnp

from ..core.variable import Variable
from . import settings
from .base import Optimizer
from .catalogue import optimizer
from .settings import Common
from .slots import make


@optimizer
class RMSprop(Optimizer):
    """`v = rho * v + (1 - rho) * g^2`; `w -= rate * g / sqrt(v + epsilon)`.

    Args:
        rho: how long the average of squares remembers.
        momentum: from 0 to 1; the steps themselves are then summed, `m = momentum * m + step` and `w -= m`.
        epsilon: stands inside the root, as in Keras; Hinton's lecture and PyTorch add it to the root.
        centered: subtract the squared average of the gradient from `v`: divide by the standard deviation
            (Graves 2013, Generating Sequences With Recurrent Neural Networks).

    Source: Tieleman & Hinton 2012, lecture 6.5 of Neural Networks for Machine Learning.
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        rho: float = 0.9,
        momentum: float = 0.0,
        epsilon: float = 1e-07,
        centered: bool = False,
        **common: Unpack[Common],
    ):
        super().__init__(learning_rate, **common)
        self.rho, self.epsilon, self.centered = rho, epsilon, centered
        self.momentum = settings.check_fraction(type(self).__name__, momentum=momentum)

    def slot_groups(self) -> Iterable[tuple[str, ...]]:
        wanted = {"velocity": True, "momentum": self.momentum, "average_gradient": self.centered}
        return [(name,) for name, used in wanted.items() if used]

    def update_step(self, gradient: jax.Array, variable: Variable, learning_rate: Any) -> None:
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
        initial_accumulator_value: what `a` starts from, >= 0.

    Source: Duchi et al. 2011, Adaptive Subgradient Methods for Online Learning and Stochastic Optimization.
    """

    slot_names = ("accumulator",)

    def __init__(
        self,
        learning_rate: Any = 0.001,
        initial_accumulator_value: float = 0.1,
        epsilon: float = 1e-07,
        **common: Unpack[Common],
    ):
        super().__init__(learning_rate, **common)
        self.initial_accumulator_value, self.epsilon = initial_accumulator_value, epsilon

    def slot_initializer(self, name: str, variable: Variable) -> Any:
        return self.initial_accumulator_value

    def update_step(self, gradient: jax.Array, variable: Variable, learning_rate: Any) -> None:
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

    Source: Zeiler 2012, ADADELTA: An Adaptive Learning Rate Method.
    """

    slot_names = ("accumulated_grad", "accumulated_delta_var")

    def __init__(self, learning_rate: Any = 0.001, rho: float = 0.95, epsilon: float = 1e-07, **common: Unpack[Common]):
        super().__init__(learning_rate, **common)
        self.rho, self.epsilon = rho, epsilon

    def update_step(self, grad: jax.Array, variable: Variable, learning_rate: Any) -> None:
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

    Source: McMahan et al. 2013, Ad Click Prediction: a View from the Trenches (there p is 1/2).
    """

    slot_names = ("accumulator", "linear")

    def __init__(
        self,
        learning_rate: Any = 0.001,
        learning_rate_power: float = -0.5,
        initial_accumulator_value: float = 0.1,
        l1_regularization_strength: float = 0.0,
        l2_regularization_strength: float = 0.0,
        l2_shrinkage_regularization_strength: float = 0.0,
        beta: float = 0.0,
        **common: Unpack[Common],
    ):
        super().__init__(learning_rate, **common)
        self.learning_rate_power, self.beta = learning_rate_power, beta
        self.initial_accumulator_value = initial_accumulator_value
        self.l1_regularization_strength = l1_regularization_strength
        self.l2_regularization_strength = l2_regularization_strength
        self.l2_shrinkage_regularization_strength = l2_shrinkage_regularization_strength
        for name in ("initial_accumulator_value", *(n for n in vars(self) if n.endswith("_strength"))):
            if not getattr(self, name) >= 0.0:
                raise ValueError(
                    f"{type(self).__name__}: `{name}` must be >= 0. Received: {name}={getattr(self, name)}"
                )
        if learning_rate_power > 0.0:
            raise ValueError(
                f"{type(self).__name__}: `learning_rate_power` must be <= 0."
                f" Received: learning_rate_power={learning_rate_power}"
            )

    def slot_initializer(self, name: str, variable: Variable) -> Any:
        return self.initial_accumulator_value if name == "accumulator" else "zeros"

    def update_step(self, gradient: jax.Array, variable: Variable, learning_rate: Any) -> None:
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

    `relative_step` is part of configs and changes nothing, as in Keras, which bounds the rate by `1 / sqrt(t)` anyway.

    Source: Shazeer & Stern 2018, Adafactor: Adaptive Learning Rates with Sublinear Memory Cost.
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_2_decay: float = -0.8,
        epsilon_1: float = 1e-30,
        epsilon_2: float = 0.001,
        clip_threshold: float = 1.0,
        relative_step: bool = True,
        **common: Unpack[Common],
    ):
        super().__init__(learning_rate, **common)
        self.beta_2_decay, self.epsilon_1, self.epsilon_2 = beta_2_decay, epsilon_1, epsilon_2
        self.clip_threshold, self.relative_step = clip_threshold, relative_step

    def build(self, var_list: Sequence[Variable]) -> None:
        super().build(var_list)
        for variable in self._trainable_variables:
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

    def update_step(self, gradient: jax.Array, variable: Variable, learning_rate: Any) -> None:
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


def _rms(x: Any) -> jax.Array:
    return jnp.sqrt(jnp.mean(jnp.square(x)))
