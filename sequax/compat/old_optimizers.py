"""Optimizers that a script defines in the manner of an earlier Keras, with the methods that today's have.

- Keras up to 2.3: `get_updates(loss, params)` gives pairs of a variable and its new value.
- TensorFlow 2.0 to 2.10: `_create_slots` makes the state, `_resource_apply_dense(gradient, variable)` is a step.
- TensorFlow 2.11 to 2.15: `update_step(gradient, variable)`, which reads the learning rate itself.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import jax.numpy as jnp

from .. import ops
from ..core.names import is_ours
from ..core.types import DTypeLike, Initial
from ..core.variable import Variable
from ..optimizers.base import Optimizer
from ..optimizers.state import State
from . import backend_graph, decay
from .backend_state import Increment, Planned, planned

F = TypeVar("F")
RATE = 0.001  # until the script's class sets its own
_OLD_SLOTS = {"m": "momentum", "v": "velocity"}


# --- classes --------------------------------------------------------------------------------------------------------


def subclassed(original: Callable[..., None]) -> Any:
    """`__init_subclass__` of optimizers: a class in an earlier manner gets the methods of today's."""

    def __init_subclass__(cls: type[State], **kwargs: Any) -> None:
        own = vars(cls)
        methods: dict[str, Any] = {}
        if "update_step" in own:
            if len(inspect.signature(own["update_step"]).parameters) == len(("self", "gradient", "variable")):
                methods["update_step"] = _reading_the_rate(own["update_step"])
        elif "_resource_apply_dense" in own:
            methods["update_step"] = _dense_step
        if "get_updates" in own:
            methods |= {"_update_all": _by_updates, "__setattr__": _set}
        ours = [kind for kind in cls.__mro__ if is_ours(kind) and kind is not Optimizer]
        alone = not any("update_step" in vars(kind) for kind in ours)
        if alone and own.keys() & {"get_updates", "_resource_apply_dense"}:
            methods["weight_decay_of"] = _no_decay  # a setting of that name is the class' own
        for name, method in methods.items():
            setattr(cls, name, method)
        original(cls, **kwargs)

    return classmethod(__init_subclass__)


def constructor(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
    """Arguments of `super().__init__(name, **kwargs)`, where the learning rate came later, as today's."""
    if args and isinstance(args[0], str):
        kwargs["name"], args = args[0], args[1:]
    if not args:
        kwargs.setdefault("learning_rate", RATE)
    return args


def build(owner: type, original: Callable[..., Any]) -> Callable[..., Any]:
    """`State.build`: the state is what `_create_slots` or a first `get_updates` makes."""

    def build(self: Any, variables: Sequence[Variable]) -> None:
        vars(self).pop("_built", None)  # by which a `build` of TensorFlow's tells that it ran for these variables
        original(self, variables)
        self._create_slots(self.stepped)
        if not is_ours(type(self).get_updates):
            held = [(variable, variable.value) for variable in (*self.stepped, *self.variables)]
            zeros = [jnp.zeros(variable.shape, variable.dtype) for variable in self.stepped]
            self._made_by_updates = _plan(self, Planned(zeros, None))[1]
            for variable, value in held:  # `assign` among the updates
                variable.assign(value)

    return build


def _no_decay(self: Optimizer, variable: Variable) -> None:
    """None: the base decayed nothing."""


# --- TensorFlow 2.11 to 2.15 ----------------------------------------------------------------------------------------


def _reading_the_rate(update_step: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(update_step)
    def step(self: Optimizer, gradient: Any, variable: Variable, learning_rate: Any = None) -> None:
        update_step(self, gradient, variable)

    return step


def update_step(owner: type, original: Callable[..., Any]) -> Callable[..., Any]:
    """A step of an optimizer of ours, which subclasses may call without the learning rate."""

    def update_step(self: Optimizer, gradient: Any, variable: Variable, learning_rate: Any = None) -> None:
        original(
            self, gradient, variable, self._get_current_learning_rate() if learning_rate is None else learning_rate
        )

    return update_step


def from_reference(owner: type, original: Callable[..., Any]) -> Callable[..., Any]:
    """`add_variable_from_reference` by the names that its arguments had."""

    def add_variable_from_reference(
        self: Optimizer,
        reference_variable: Variable | None = None,
        name: str | None = None,
        initializer: Any = "zeros",
        *,
        model_variable: Variable | None = None,
        variable_name: str | None = None,
        initial_value: Any = None,
    ) -> Variable:
        variable = reference_variable if model_variable is None else model_variable
        start = initializer if initial_value is None else initial_value
        return original(self, variable, name or variable_name, start)

    return add_variable_from_reference


def _build_learning_rate(self: Optimizer, learning_rate: Any) -> Any:
    """The learning rate, which stands in the optimizer from now on."""
    self.learning_rate = learning_rate
    return self.learning_rate


def _var_key(self: Optimizer, variable: Variable) -> Variable:
    """What `_index_dict` knows a variable by."""
    return variable


# --- TensorFlow 2.0 to 2.10 -----------------------------------------------------------------------------------------


def _dense_step(self: Optimizer, gradient: Any, variable: Variable, learning_rate: Any = None) -> None:
    step = self._resource_apply_dense  # type: ignore[attr-defined]
    if "apply_state" in inspect.signature(step).parameters:
        step(gradient, variable, apply_state=self._prepare([variable]))  # type: ignore[attr-defined]
    else:
        step(gradient, variable)


def _resource_apply_dense(self: Optimizer, grad: Any, var: Variable, apply_state: Any = None) -> None:
    """The step of the optimizer of ours that a script's class is made from."""
    kinds = (kind for kind in type(self).__mro__ if is_ours(kind) and "update_step" in vars(kind))
    vars(next(kinds))["update_step"](self, grad, var, self._get_current_learning_rate())


def _create_slots(self: Optimizer, var_list: Sequence[Variable]) -> None:
    """Make state with `add_slot`; those of our own optimizers have theirs already."""


def add_slot(
    self: Optimizer, var: Variable, slot_name: str, initializer: Initial = "zeros", shape: Sequence[int] | None = None
) -> Variable:
    """State that belongs to a variable, and has its shape."""
    if shape is not None and tuple(shape) != tuple(var.shape):
        raise ValueError(
            f"{type(self).__name__}.add_slot: a slot has the shape of its variable, {tuple(var.shape)}. Received"
            f" shape={tuple(shape)}. Make it with `self.add_variable(shape)` instead."
        )
    return self.add_variable_from_reference(var, slot_name, initializer)


def get_slot(self: Optimizer, var: Variable, slot_name: str) -> Variable:
    """The state of that name which belongs to a variable."""
    try:
        return self.slot(slot_name, var)
    except KeyError:
        return self.slot(_OLD_SLOTS.get(slot_name, slot_name), var)


def _set_hyper(self: Optimizer, name: str, value: Any) -> None:
    """Keep a setting, as the attribute of that name."""
    setattr(self, name, value)


def _get_hyper(self: Optimizer, name: str, dtype: DTypeLike | None = None) -> Any:
    """A setting, as a tensor if a dtype is given."""
    value = getattr(self, name)
    value = value() if callable(value) else value
    return value if dtype is None else ops.cast(value, dtype)


def _serialize_hyperparameter(self: Optimizer, name: str) -> Any:
    """A setting as it stands in a config."""
    value = getattr(self, name)
    if name == "learning_rate":  # the decay is a setting of its own
        return float(value) if isinstance(value, decay.Rate) else self._rate.config()
    return value.numpy().item() if isinstance(value, Variable) else value() if callable(value) else value


def _prepare(self: Any, var_list: Sequence[Variable]) -> dict[tuple[Any, Any], dict[str, Any]]:
    """What `_prepare_local` computes for the steps, by device and dtype."""
    kinds = {(variable.device, variable.dtype) for variable in var_list}
    return {kind: self._fallback_apply_state(*kind) for kind in kinds}


def _prepare_local(self: Optimizer, var_device: Any, var_dtype: Any, apply_state: dict[Any, Any]) -> None:
    """Compute what all variables of a device and a dtype need: the learning rate of this step."""
    apply_state[var_device, var_dtype]["lr_t"] = self._decayed_lr(var_dtype)  # type: ignore[attr-defined]


def _fallback_apply_state(self: Optimizer, var_device: Any, var_dtype: Any) -> dict[str, Any]:
    """What `_prepare_local` computes, where a step received nothing."""
    apply_state: dict[Any, Any] = {(var_device, var_dtype): {}}
    self._prepare_local(var_device, var_dtype, apply_state)  # type: ignore[attr-defined]
    return apply_state[var_device, var_dtype]


def _decayed_lr(self: Optimizer, var_dtype: DTypeLike = "float32") -> Any:
    """The rate of the present step, decay included."""
    rate = self.learning_rate
    falls = 1 + vars(self).get("decay", decay.decay_of(self)) * self.iterations.value
    return ops.cast((rate.value if isinstance(rate, Variable) else rate) / falls, var_dtype)


def assigning(owner: type, original: Callable[..., Any]) -> Callable[..., Any]:
    """`assign`, `assign_add` and `assign_sub` with the arguments they had in TensorFlow, which change nothing here."""

    def assign(
        self: Variable, value: object, use_locking: bool = False, name: str | None = None, read_value: bool = True
    ) -> Any:
        return original(self, value)

    return assign


# --- Keras up to 2.3 ------------------------------------------------------------------------------------------------


def get_gradients(self: Optimizer, loss: Any, params: Sequence[Variable]) -> list[Any]:
    """Those of this step, inside of `get_updates`; elsewhere those of a symbolic loss."""
    plan = planned.get()
    return backend_graph.gradients(loss, params) if plan is None else list(plan.gradients)


def get_updates(owner: type, original: Callable[..., Any]) -> Callable[..., Any]:
    """`get_updates` of an optimizer of ours: a step of a graph or, for the optimizer of a script around it, pairs."""

    def get_updates(self: Any, loss: Any = None, params: Any = None, *old: Any, **named: Any) -> Any:
        plan = planned.get()
        if plan is None:
            return original(self, loss, params, *old, **named)
        variables = [one for one in (params or loss) if isinstance(one, Variable)]
        if not self.built or list(map(id, variables)) != list(map(id, self.trained)):
            self.build(variables)
        own = plan.variables(self.variables)
        trained, state = self.stateless_apply(
            [one.value for one in own], self.get_gradients(loss, variables), [one.value for one in variables]
        )
        return list(zip((*variables, *own), (*trained, *state), strict=True))

    return get_updates


def _plan(self: Any, plan: Planned) -> tuple[list[Any], list[Variable]]:
    """What `get_updates` returns for these gradients, and the variables that it makes."""
    before, token = dict(vars(self)), planned.set(plan)
    named = {"loss": None, "params": self.stepped, "constraints": {}}
    asked = inspect.signature(self.get_updates).parameters
    try:
        updates = self.get_updates(**{name: value for name, value in named.items() if name in asked})
    finally:
        planned.reset(token)
        vars(self).clear()  # a list of updates among them holds tensors of a program
        vars(self).update(before)
    for one in updates:
        if one is not None and not isinstance(one, (tuple, Variable)):
            raise TypeError(
                f"{type(self).__name__}.get_updates: expected pairs of a variable and its new value, such as"
                f" `K.update(variable, value)` gives. Received {one!r}"
            )
    return [one for one in updates if isinstance(one, tuple)], plan.made


def _by_updates(self: Any, gradients: list[Any], variables: list[Variable], learning_rate: Any) -> None:
    """One step by `get_updates`. All new values are computed from the old ones, and assigned afterwards."""
    known = dict(zip(variables, gradients, strict=True))
    absent = {one: jnp.zeros(one.shape, one.dtype) for one in self.stepped if one not in known}
    count = self._iterations.value  # `apply` counts
    everything = {**absent, **known}
    updates, _ = _plan(self, Planned([everything[one] for one in self.stepped], list(self._made_by_updates)))
    for one in updates:
        variable, value = one
        if variable not in absent:
            (variable.assign_add if isinstance(one, Increment) else variable.assign)(value)
    self._iterations.assign(count)


def _set(self: Any, name: str, value: object) -> None:
    """What `get_updates` sets among the attributes is gone after it: programs that are compiled stay as they are."""
    (State if planned.get() is None else object).__setattr__(self, name, value)


def _as_it_is(function: F) -> F:
    """A decorator that translated arguments of Keras 1."""
    return function


legacy_get_updates_support = legacy_add_weight_support = _as_it_is


METHODS = (
    *(_build_learning_rate, _var_key, _resource_apply_dense, _create_slots, add_slot, get_slot, _set_hyper, _get_hyper),
    *(_serialize_hyperparameter, _prepare, _prepare_local, _fallback_apply_state, _decayed_lr, get_gradients),
)
