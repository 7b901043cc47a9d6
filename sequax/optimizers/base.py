"""`Optimizer`: turns gradients into new values of variables. `apply` is one step, read top to bottom."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from .. import _removed
from ..core import constructor, names, pure, scope
from ..core.config import deserialize
from ..core.kinds import Factor, NameLike, Owner
from ..core.rows import averaged_over
from ..core.types import CustomObjects
from ..core.variable import Variable
from ..core.warning import warn
from . import gradients as gradient_tools, settings
from .catalogue import optimizer
from .settings import AtLeastZero, Every, RateLike, Rounds, Scalar
from .slots import make
from .state import State

_SHARE = Scalar(0, 1)


@optimizer
class Optimizer(State):
    """Base of all optimizers.

    A subclass names its state in `slot_names` and overrides `update_step`, reading its state with
    `self.slot(name, variable)`. Code in Keras' manner, with an own `build` that collects
    `add_variable_from_reference(...)` in lists, works as well.

    Args:
        learning_rate: number >= 0, `LearningRateSchedule`, or a callable without arguments.
        weight_decay: factor of decoupled decay: `variable -= variable * weight_decay * learning_rate` before the step
            (Loshchilov & Hutter 2019, Decoupled Weight Decay Regularization).
        clipnorm: each gradient is shortened to this length.
        clipvalue: each entry of a gradient is held in [-clipvalue, clipvalue].
        global_clipnorm: all gradients together are shortened to this length.
        use_ema: keep a moving average of the variables, `average = m * average + (1 - m) * variable`; at the end of
            training, `finalize_variable_values` writes it into the variables.
        ema_momentum: m, from 0 to 1.
        ema_overwrite_frequency: write the average into the variables every that many steps, too.
        loss_scale_factor: the loss is multiplied by it and gradients are divided by it (for 16-bit gradients).
        gradient_accumulation_steps: average the gradients of that many calls into one update. In `fit`, short batches
            count by their rows; a round that an epoch leaves unfinished goes on in the next one.
        name: prefix of the paths of the state; default: the class name in snake case with a counter.

    Raises:
        ValueError: for arguments unknown, out of range or in conflict.

    Example:

    >>> class Descent(Optimizer):
    ...     def update_step(self, gradient, variable, learning_rate):
    ...         variable.assign_sub(learning_rate * gradient)
    >>> w = Variable([1.0])
    >>> Descent(0.1).apply([jnp.array([2.0])], [w])
    >>> round(float(w.value[0]), 4)
    0.8
    """

    lr: _removed.RemovedSetting = _removed.RemovedSetting("lr", "`optimizer.learning_rate`")
    ends_arguments = True  # configs have none beyond those of its constructor, whatever keywords that takes
    config_order: tuple[str, str, str, str] = ("name", "weight_decay", "clipnorm", "global_clipnorm")
    weight_decay: float | None
    clipnorm: float | None
    clipvalue: float | None
    global_clipnorm: float | None
    use_ema: bool
    ema_momentum: float
    ema_overwrite_frequency: int | None
    loss_scale_factor: float | None

    def __init__(
        self,
        learning_rate: RateLike,
        weight_decay: Factor | None = None,
        clipnorm: AtLeastZero | None = None,
        clipvalue: AtLeastZero | None = None,
        global_clipnorm: AtLeastZero | None = None,
        use_ema: bool = False,
        ema_momentum: Factor = 0.99,
        ema_overwrite_frequency: Every = None,
        loss_scale_factor: Factor | None = None,
        gradient_accumulation_steps: Rounds = None,
        name: NameLike | None = None,
        **kwargs: object,
    ):
        owner = type(self).__name__
        if kwargs.pop("decay", None) is not None:
            warn(f"{owner}: `decay` is no longer supported and is ignored; use a schedule such as `InverseTimeDecay`.")
        if kwargs:
            made: type = type(self)
            known = {**constructor.parameters(made)[0], **inspect.signature(made).parameters}
            settings.refuse_unknown(owner, kwargs, known)
        settings.check_clipping(owner, clipnorm=clipnorm, clipvalue=clipvalue, global_clipnorm=global_clipnorm)
        if use_ema and not _SHARE.contains(ema_momentum):
            _SHARE.refuse(ema_momentum, "ema_momentum", Owner(self))
        super().__init__(learning_rate, names.check_name(names.auto_name(owner) if name is None else name, owner))
        self._not_decayed: list[Variable] = []
        self._not_decayed_names: list[str] = []
        self._gathered = make(f"{self.name}/gathered_rows", (), "zeros", "float32")

    def update_step(self, gradient: jax.Array, variable: Variable, learning_rate: jax.Array) -> None:
        """Assign the new value of one variable and of its slots."""
        raise NotImplementedError(
            f"{type(self).__name__} must override `update_step(gradient, variable, learning_rate)`."
        )

    def build(self, variables: Sequence[Variable]) -> None:
        """Create the state for these variables. Called again with others, the state of those already known stays.

        Args:
            variables: those to train; as in Keras the name `var_list` is understood, too.
        """
        super().build(variables)
        if self.use_ema:
            for variable in self.stepped:
                # A variable that joins later must not start from an average of zero, which would be written back.
                start = "zeros" if int(self._iterations.numpy()) == 0 else variable.numpy()
                self.add_variable_from_reference(variable, "average", start)
        if self.gradient_accumulation_steps:
            for variable in self._trainable_variables:
                self.add_variable_from_reference(variable, "gradient_accumulator")
        for group in self.slot_groups():
            for variable in self.stepped:
                for name in group:
                    self.add_variable_from_reference(variable, name, self.slot_initializer(name, variable))

    # --- one step ---

    def apply(self, grads: Sequence[Any], trainable_variables: Sequence[Variable] | None = None) -> None:
        """Update variables with their gradients.

        Args:
            grads: one array per variable; None where a variable has no gradient, which leaves it as it is. Without
                any (an empty list) nothing happens.
            trainable_variables: default: those the optimizer was built for.
        """
        gradients, variables = self._matched(grads, trainable_variables)
        if not gradients:
            return
        gradients, variables = self._overwrite(gradients, variables)
        if self.loss_scale_factor is not None:
            gradients = [gradient / self.loss_scale_factor for gradient in gradients]
        if self.gradient_accumulation_steps:
            self._accumulate(gradients, variables)
        else:
            self._update(gradients, variables)
        if self.use_ema:
            self._average()
        for variable in variables:
            if variable.constraint is not None:
                variable.assign(variable.constraint(variable.value))
        self._iterations.assign_add(1)

    def apply_gradients(self, grads_and_vars: Iterable[tuple[Any, Variable]]) -> Variable:
        """`apply` for pairs of gradient and variable. Returns the iteration."""
        pairs = list(grads_and_vars)
        self.apply([gradient for gradient, _ in pairs], [variable for _, variable in pairs])
        return self._iterations

    def stateless_apply(
        self, optimizer_variables: Sequence[Any], grads: Sequence[Any], trainable_variables: Sequence[Any]
    ) -> tuple[list[Any], list[Any]]:
        """`apply` as a pure function of arrays: returns new values of the trained and of the optimizer's variables."""
        owner, own, trained = type(self).__name__, self.variables, self._trainable_variables
        if len(optimizer_variables) > len(own):
            own = self.step_variables
        if not self.built:
            raise ValueError(
                f"{owner}: to call `stateless_apply` the optimizer must be built; call"
                f" `optimizer.build(model.trainable_variables)` first."
            )
        for name, given, expected in (
            ("optimizer_variables", optimizer_variables, own),
            ("trainable_variables", trainable_variables, trained),
        ):
            if len(given) != len(expected):
                raise ValueError(
                    f"{owner}.stateless_apply: `{name}` must hold one array for each of the {len(expected)} variables"
                    f" that the optimizer knows. Received {len(given)}."
                )
        arrays = (*trainable_variables, *optimizer_variables)
        values = [a.value if isinstance(a, Variable) else jnp.asarray(a) for a in arrays]
        _, values = pure.apply(self.apply, [*trained, *own], values, grads, trained)
        return values[: len(trained)], values[len(trained) :]

    def assign(self, variable: Variable, value: object) -> None:
        variable.assign(value)

    def assign_add(self, variable: Variable, value: object) -> None:
        variable.assign_add(value)

    def assign_sub(self, variable: Variable, value: object) -> None:
        variable.assign_sub(value)

    def scale_loss(self, loss: jax.Array) -> jax.Array:
        """The loss to take gradients of."""
        return loss if self.loss_scale_factor is None else loss * self.loss_scale_factor

    def finalize_variable_values(self, var_list: Sequence[Variable]) -> None:
        """At the end of training: with `use_ema`, write the averages into the variables."""
        if self.use_ema:
            for variable in var_list:
                if variable in self._positions:
                    variable.assign(self.slot("average", variable).value)

    def averages(self) -> list[tuple[Variable, Variable]]:
        """With `use_ema`: each trained variable and the variable that holds its moving average. Else nothing."""
        if not self.use_ema:
            return []
        return [(variable, self.slot("average", variable)) for variable in self.stepped]

    def weight_decay_of(self, variable: Variable) -> float | None:
        """The factor with which a variable decays, unless it is excluded."""
        return self.weight_decay

    def exclude_from_weight_decay(
        self, var_list: Sequence[Variable] | None = None, var_names: Sequence[str] | None = None
    ) -> None:
        """Variables that do not decay: given themselves, or by regular expressions found in their names."""
        self._not_decayed.extend(var_list or [])
        self._not_decayed_names.extend(var_names or [])

    # --- parts of a step ---

    def _matched(self, grads: Sequence[Any], variables: Sequence[Variable] | None) -> tuple[list[Any], list[Variable]]:
        """Gradients, and the variables they belong to; builds on first use."""
        owner, grads = type(self).__name__, list(grads)
        if not grads and not variables:
            return [], []
        if variables is None:
            if not self.built:
                raise ValueError(
                    f"{owner}: when `grads` come without variables, the optimizer must be built; call"
                    f" `optimizer.build(model.trainable_variables)` first."
                )
            variables = self._trainable_variables
        variables = list(variables)
        if len(grads) != len(variables):
            raise ValueError(
                f"{owner}.apply: expected one gradient per variable. Received {len(grads)} gradients"
                f" for {len(variables)} variables."
            )
        self.know(variables)
        missing = [v.path for g, v in zip(grads, variables, strict=True) if g is None]
        if len(missing) == len(grads):
            raise ValueError(f"{owner}: no gradients provided for any variable. Variables: {missing}")
        if missing:
            warn(f"{owner}: gradients do not exist for variables {missing}: the loss does not depend on them.")
        pairs = [(g, v) for g, v in zip(grads, variables, strict=True) if g is not None]
        return [_gradient(g, v, owner) for g, v in pairs], [v for _, v in pairs]

    def know(self, variables: list[Variable]) -> None:
        """Make the state of variables that come for the first time."""
        unknown = [variable for variable in variables if variable not in self._positions]
        if self.built and not unknown:
            return
        if scope.frame() is not None:
            raise ValueError(
                f"{type(self).__name__}: unknown variables {[v.path for v in unknown]} inside a compiled step, where no"
                f" state can be created. Call `optimizer.build(variables)` with all of them before."
            )
        self.build([*self._trainable_variables, *unknown])

    def _overwrite(self, gradients: list[Any], variables: list[Variable]) -> tuple[list[Any], list[Variable]]:
        """Some variables (scales of 8-bit floats) receive their new value in place of a gradient.

        While gradients are accumulated, it is the largest value of the round.
        """
        for gradient, variable in zip(gradients, variables, strict=True):
            if variable.overwrite_with_gradient and self.gradient_accumulation_steps:
                due = (self._iterations.value + 1) % self.gradient_accumulation_steps == 0
                kept = self.slot("gradient_accumulator", variable)
                largest = jnp.maximum(gradient, kept.value)
                variable.assign(jnp.where(due, largest, variable.value))
                kept.assign(jnp.where(due, 0, largest))
            elif variable.overwrite_with_gradient:
                variable.assign(gradient)
        pairs = [(g, v) for g, v in zip(gradients, variables, strict=True) if not v.overwrite_with_gradient]
        return [g for g, _ in pairs], [v for _, v in pairs]

    def _accumulate(self, gradients: list[Any], variables: list[Variable]) -> None:
        steps = self.gradient_accumulation_steps or 1
        sums = [self.slot("gradient_accumulator", variable) for variable in variables]
        before, new = self._shares(steps)
        for total, gradient in zip(sums, gradients, strict=True):
            if new is None:
                total.assign_add(gradient)
            else:
                dtype = total.value.dtype
                total.assign(total.value * before.astype(dtype) + gradient * new.astype(dtype))

        def update() -> None:
            self._update([total.value / steps for total in sums], variables)
            for total in sums:
                total.assign(jnp.zeros_like(total.value))

        due = (self._iterations.value + 1) % steps == 0
        gradient_tools.when(due, update, self._touched())

    def _shares(self, steps: int) -> tuple[Any, Any]:
        """Factors of what is summed up so far and of a new gradient, such that the sum ends as the mean of all rows.

        After k batches the sum is k times the mean of the rows so far, which for batches of one size is the sum of
        their gradients, to the bit. None where nobody says how many rows a gradient is a mean over.
        """
        rows = averaged_over()
        if rows is None:
            return None, None
        earlier = (self._iterations.value % steps).astype("float32")
        gathered = self._gathered.value
        # A file does not say how many rows the sums in it are of: batches like this one.
        gathered = jnp.where(gathered == 0, earlier * rows, gathered) * (earlier > 0)
        total = gathered + rows
        self._gathered.assign(jnp.where(earlier + 1 == steps, 0.0, total))
        return (earlier + 1) * gathered / (jnp.maximum(earlier, 1) * total), (earlier + 1) * rows / total

    def _touched(self) -> list[Variable]:
        own = self.variables if averaged_over() is None else self.step_variables
        return [*own, *self._trainable_variables]

    def _update(self, gradients: list[Any], variables: list[Variable]) -> None:
        rate = self._get_current_learning_rate()
        gradients = self._clip_gradients(gradients)
        self._apply_weight_decay(variables)
        self._update_all(gradients, variables, rate)

    def _apply_weight_decay(self, variables: list[Variable]) -> None:
        decays = [(variable, self.weight_decay_of(variable)) for variable in filter(self._use_weight_decay, variables)]
        if any(decay for _, decay in decays):
            rate = self._get_current_learning_rate()
            for variable, decay in decays:
                if decay:
                    variable.assign_sub(variable.value * (decay * rate))

    def _update_all(self, gradients: list[Any], variables: list[Variable], learning_rate: jax.Array) -> None:
        for gradient, variable in zip(gradients, variables, strict=True):
            self.update_step(gradient, variable, learning_rate)

    def _clip_gradients(self, gradients: list[Any]) -> list[Any]:
        if self.clipnorm:
            return [gradient_tools.clip_by_norm(gradient, self.clipnorm) for gradient in gradients]
        if self.global_clipnorm:
            return gradient_tools.clip_by_global_norm(gradients, self.global_clipnorm)
        if self.clipvalue:
            return [jnp.clip(gradient, -self.clipvalue, self.clipvalue) for gradient in gradients]
        return gradients

    def _average(self) -> None:
        momentum = jnp.where(jnp.asarray(self.iterations) == 0, 0.0, self.ema_momentum)
        frequency = self.ema_overwrite_frequency
        due = None if frequency is None else (jnp.asarray(self.iterations) + 1) % frequency == 0
        for variable in self.stepped:
            slot, m = self.slot("average", variable), momentum.astype(variable.dtype)
            slot.assign(m * slot.value + (1 - m) * variable.value)
            if due is not None:
                variable.assign(jnp.where(due, slot.value, variable.value))

    def _use_weight_decay(self, variable: Variable) -> bool:
        named = any(re.search(pattern, variable.name) for pattern in self._not_decayed_names)
        return not named and all(variable is not other for other in self._not_decayed)

    def _get_current_learning_rate(self) -> jax.Array:
        return self._rate.now()

    # --- configs ---

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments: those of every optimizer, then those of the class."""
        return {"name": self.name, "learning_rate": self._rate.config(), **super().get_config()}

    @classmethod
    def from_config(cls, config: Mapping[str, Any], custom_objects: CustomObjects | None = None) -> Optimizer:
        config = dict(config)
        if isinstance(config.get("learning_rate"), dict):
            config["learning_rate"] = deserialize(config["learning_rate"], custom_objects)
        return cls(**config)

    def __repr__(self) -> str:
        rate = self._rate.config()
        shown = rate["class_name"] if isinstance(rate, dict) else f"{rate:.4g}" if isinstance(rate, float) else rate
        return f"<{type(self).__name__} name={self.name}, learning_rate={shown}>"


def _gradient(gradient: jax.Array, variable: Variable, owner: str) -> jax.Array:
    gradient = jnp.asarray(gradient.value if isinstance(gradient, Variable) else gradient)
    if gradient.shape != variable.shape:
        raise ValueError(
            f"{owner}: the gradient of variable {variable.path!r} must have its shape, {variable.shape}."
            f" Received shape {tuple(gradient.shape)}."
        )
    return gradient.astype(variable.dtype)
