"""`LossScaleOptimizer`: keeps small 16-bit gradients from becoming zero."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from ..core.catalogue import serialize
from ..core.config import deserialize
from ..core.kinds import Factor, Integer, NameLike
from ..core.types import CustomObjects
from ..core.variable import Variable
from . import gradients as gradient_tools, settings
from .base import Optimizer
from .catalogue import optimizer

# What older files say of every optimizer; here it has no effect, so nothing but the defaults may come.
_OF_OTHERS = dict.fromkeys(
    ("weight_decay", "clipnorm", "global_clipnorm", "clipvalue", "ema_overwrite_frequency", "loss_scale_factor")
) | {"use_ema": False, "ema_momentum": 0.99, "gradient_accumulation_steps": None}


def _check_rest(kwargs: dict[str, Any]) -> None:
    if not kwargs.pop("dynamic", True):
        raise ValueError(
            "LossScaleOptimizer: `dynamic=False` is no longer supported. For a scale that stays, set"
            " `loss_scale_factor` on the `inner_optimizer`, and use that alone."
        )
    for name, default in _OF_OTHERS.items():
        value = kwargs.pop(name, default)
        if value != default:
            raise ValueError(
                f"LossScaleOptimizer does not support `{name}`. Set it on the `inner_optimizer` instead."
                f" Received: {name}={value!r}"
            )
    known = ("inner_optimizer", "initial_scale", "dynamic_growth_steps", "name")
    settings.refuse_unknown("LossScaleOptimizer", kwargs, known)


@optimizer
class LossScaleOptimizer(Optimizer):
    """Multiplies the loss before gradients are taken, and divides the gradients again.

    A gradient that is not finite halves the scale and skips the step; `dynamic_growth_steps` finite steps in a row
    double it.

    Args:
        inner_optimizer: the optimizer that gets the gradients.
        initial_scale: first factor.
        dynamic_growth_steps: finite steps until the factor doubles.
        name: prefix of the paths of its own state.

    Raises:
        TypeError: if `inner_optimizer` is no optimizer.
        ValueError: for settings that belong to the inner optimizer.

    Source: Micikevicius et al. 2018, Mixed Precision Training.

    Example:

    >>> from sequax.optimizers import SGD
    >>> w = Variable([1.0])
    >>> optimizer = LossScaleOptimizer(SGD(0.1), initial_scale=8.0)
    >>> optimizer.apply([jnp.array([16.0])], [w])
    >>> round(float(w.value[0]), 4)
    0.8
    """

    initial_scale: float
    dynamic_growth_steps: int

    def __init__(
        self,
        inner_optimizer: Optimizer,
        initial_scale: Factor = 32768.0,
        dynamic_growth_steps: Integer = 2000,
        name: NameLike | None = None,
        **kwargs: Any,
    ):
        _check_rest(kwargs)
        if not isinstance(inner_optimizer, Optimizer):
            raise TypeError(
                f"LossScaleOptimizer: `inner_optimizer` must be an optimizer object. Received: {inner_optimizer!r}"
            )
        super().__init__(0.0, name=name)
        inner_optimizer.loss_scale_factor = None  # gradients are divided once, here
        self.inner_optimizer = inner_optimizer

    def build(self, var_list: Sequence[Variable]) -> None:
        super().build(var_list)
        self.step_counter: Variable = self.add_variable((), dtype="int32", name="step_counter")
        self.dynamic_scale: Variable = self.add_variable((), self.initial_scale, dtype="float32", name="dynamic_scale")
        self.inner_optimizer.build(var_list)

    def apply(self, grads: Sequence[Any], trainable_variables: Sequence[Variable] | None = None) -> None:
        """Divide the gradients by the scale, and update if all of them are finite."""
        gradients, variables = self._matched(grads, trainable_variables)
        if not gradients:
            return
        scale, counter = self.dynamic_scale.value, self.step_counter.value + 1
        finite = self.check_finite(gradients)
        gradients = [
            gradient if variable.overwrite_with_gradient else gradient / scale.astype(gradient.dtype)
            for gradient, variable in zip(gradients, variables, strict=True)
        ]
        gradient_tools.when(finite, lambda: self.inner_optimizer.apply(gradients, variables), self._touched())
        grow = counter >= self.dynamic_growth_steps
        self.step_counter.assign(jnp.where(finite & ~grow, counter, 0))
        self.dynamic_scale.assign(scale * jnp.where(finite, jnp.where(grow, 2.0, 1.0), 0.5))

    def check_finite(self, grads: Sequence[Any]) -> jax.Array:
        """Whether no gradient holds an infinity or NaN: a boolean scalar."""
        return gradient_tools.all_finite([gradient for gradient in grads if gradient is not None])

    def scale_loss(self, loss: jax.Array) -> jax.Array:
        return loss * (self.dynamic_scale.value if self.built else self.initial_scale)

    def finalize_variable_values(self, var_list: Sequence[Variable]) -> None:
        self.inner_optimizer.finalize_variable_values(var_list)

    def averages(self) -> list[tuple[Variable, Variable]]:
        return self.inner_optimizer.averages()

    def drive_learning_rate(self, function: Callable[[Any], Any] | None) -> None:
        self.inner_optimizer.drive_learning_rate(function)

    def exclude_from_weight_decay(
        self, var_list: Sequence[Variable] | None = None, var_names: Sequence[str] | None = None
    ) -> None:
        self.inner_optimizer.exclude_from_weight_decay(var_list, var_names)

    @property
    def counts(self) -> list[Variable]:
        return self.inner_optimizer.counts

    @property
    def variables(self) -> list[Variable]:
        empty = {id(variable) for variable in self.inner_optimizer.empty_slots()}
        inner = [variable for variable in self.inner_optimizer.variables if id(variable) not in empty]
        return [*super().variables, *inner]

    @property  # type: ignore[misc]
    def iterations(self) -> Variable | Any:
        return self.inner_optimizer.iterations

    @property
    def learning_rate(self) -> Variable | Any:
        return self.inner_optimizer.learning_rate

    @learning_rate.setter
    def learning_rate(self, value: object) -> None:
        self.inner_optimizer.learning_rate = value

    def get_config(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "inner_optimizer": serialize(self.inner_optimizer),
            "initial_scale": self.initial_scale,
            "dynamic_growth_steps": self.dynamic_growth_steps,
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any], custom_objects: CustomObjects | None = None) -> LossScaleOptimizer:
        config = dict(config)
        if isinstance(config["inner_optimizer"], Mapping):
            config["inner_optimizer"] = deserialize(config["inner_optimizer"], custom_objects)
        return cls(**config)
