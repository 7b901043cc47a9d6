"""What steps of training call in TensorFlow's form: `train_step(self, data)` with a tape and `compiled_loss`."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ...core import branching, scope, tracking
from ...core.types import ArrayLike
from ...core.variable import Variable
from ...training.custom import NewState
from ...training.resolve import Compilation, compilation_of
from ..patching import wrap

_STATES = {
    "train_step": ("trainable_variables", "non_trainable_variables", "optimizer", "metrics_variables"),
    "test_step": ("trainable_variables", "non_trainable_variables", "metrics_variables"),
}


def dual(name: str, original: Callable[..., Any]) -> Callable[..., Any]:
    """A step of ours that can also be called with the data alone: `super().train_step(data)`."""

    @functools.wraps(original)
    def step(self: Any, *args: Any) -> Any:
        if len(args) != 1:
            return original(self, *args)
        groups = [getattr(self, kind) if kind != "optimizer" else self.optimizer.variables for kind in _STATES[name]]
        if name == "train_step" and not self.optimizer.built:
            self.optimizer.apply([], [])
        before = tuple([_raw(variable) for variable in group] for group in groups)
        logs, after = original(self, before, *args)
        for group, old, new in zip(groups, before, after, strict=True):
            for variable, was, value in zip(group, old, new, strict=True):
                if value is not was:
                    variable.assign(value)
        return logs

    return step


def _raw(variable: Variable) -> jax.Array:
    return variable.value


def _matched(model: Any, y_true: Any, y_pred: Any) -> Compilation:
    """What `compile` was given, matched with the outputs: by the first batch, where only the step knows these.

    Metrics are made then, and a step that is being compiled does not know them: it is traced again.
    """
    compilation, frame = compilation_of(model), scope.frame()
    if not compilation.resolved:
        with scope.framed(None), scope.fresh_call(), jax.ensure_compile_time_eval():
            target, output = jax.tree.map(jax.typeof, (y_true, y_pred))
            compilation.resolve(target, output, model.names_for(y_pred))
        tracking.note_change()
        if frame is not None and frame.known is not None:
            raise NewState(
                f"{type(model).__name__} met its outputs inside a compiled step. It knows them from now on; to compile"
                f" the step a first time, give the model a `call()`, or call `fit` before."
            )
    return compilation


class CompiledLoss:
    """`model.compiled_loss`: the losses of `compile`, called with targets and predictions."""

    def __init__(self, model: Any):
        self._model = model

    def __call__(
        self,
        y_true: Any,
        y_pred: Any,
        sample_weight: Any = None,
        regularization_losses: Iterable[jax.Array] | None = None,
    ) -> jax.Array:
        compilation, names = _matched(self._model, y_true, y_pred), self._model.names_for(y_pred)
        loss, parts = compilation.total_loss(y_true, y_pred, sample_weight, names)
        for penalty in regularization_losses or ():
            loss = loss + jnp.sum(penalty)
        compilation.update_losses(loss, parts, y_pred)
        return loss

    @property
    def metrics(self) -> list[Any]:
        return [compilation_of(self._model).loss_tracker]


class CompiledMetrics:
    """`model.compiled_metrics`: the metrics of `compile`."""

    def __init__(self, model: Any):
        self._model = model

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        compilation = _matched(self._model, y_true, y_pred)
        compilation.update_metrics(y_true, y_pred, sample_weight, self._model.names_for(y_pred))

    @property
    def metrics(self) -> list[Any]:
        compilation = compilation_of(self._model)
        return [one for one in compilation.all_metrics if one is not compilation.loss_tracker]

    def reset_state(self) -> None:
        for metric in self.metrics:
            metric.reset_state()

    reset_states = reset_state


def knows(original: Callable[..., Any]) -> Callable[..., Any]:
    """`know` of optimizers, which makes their state also while a step is traced; the step is traced again then."""

    @functools.wraps(original)
    def know(self: Any, variables: list[Variable]) -> None:
        frame = scope.frame()
        unknown = [one for one in variables if one not in self._positions]
        if frame is None or (self.built and not unknown):
            original(self, variables)
            return
        with scope.framed(None), scope.fresh_call(), jax.ensure_compile_time_eval():
            self.build([*self._trainable_variables, *unknown])
        tracking.note_change()
        if frame.known is not None:
            raise NewState(
                f"{type(self).__name__} met {[one.path for one in unknown]} inside a compiled step. It knows them from"
                f" now on; to compile the step a first time, call `optimizer.build(variables)` before."
            )

    return know


def reset_states(self: Any) -> None:
    """`reset_state`, or what a subclass has under the old name."""
    self.reset_state()


def add_metric(self: Any, value: ArrayLike, name: str | None = None, aggregation: str | None = "mean") -> None:
    """Report the mean of a value, by a metric that the layer owns.

    Without a name the value is what a metric of the layer's gave, and that metric reports it.
    """
    from ...metrics import Mean

    if name is None:
        return
    kept = vars(self).setdefault("_added_metrics", {})
    if name not in kept:
        kept[name] = Mean(name=name)
    kept[name].update_state(value)


def array_function(
    self: object, function: Callable[..., Any], types: object, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """What NumPy's functions do with arrays: they see NumPy arrays, and return those, as with TensorFlow's tensors.

    Without it NumPy would call methods of the same name, so that `np.squeeze(x)` would be no NumPy array.
    """
    if function in _OF_SHAPES and isinstance(args[0] if args else None, jax.Array):
        return _OF_SHAPES[function](*args, **kwargs)
    args, kwargs = jax.tree.map(lambda one: np.asarray(one) if isinstance(one, jax.Array) else one, (args, kwargs))
    return function(*args, **kwargs)


# JAX asks them, too, for `nbytes`: of an array that is cut over processes, none of which can fetch it.
_OF_SHAPES: dict[Any, Callable[..., Any]] = {
    np.shape: lambda one: tuple(one.shape),
    np.ndim: lambda one: one.ndim,
    np.size: lambda one, axis=None: np.size(np.broadcast_to(0, one.shape), axis),
}


def asked(owner: type, original: Callable[..., bool]) -> Callable[..., bool]:
    """`bool(tensor)` of a function that is compiled for both answers; elsewhere JAX' own."""

    def truth(self: Any) -> bool:
        way = branching.decided(self) if self.to_concrete_value() is None else None
        return original(self) if way is None else way

    return truth


def patch(put: Callable[[type, str, Any], None]) -> None:
    """Put all of this into the classes."""
    from ...core.layer import Layer
    from ...metrics import Metric
    from ...model import Model
    from ...optimizers import Optimizer
    from ...training.methods import StepMethods
    from . import minimizing, unwatching

    put(type(jnp.zeros(())), "__array_function__", array_function)
    wrap(jax.core.Tracer, "__bool__", asked)
    put(Model, "data_steps", True)
    for name in _STATES:
        put(StepMethods, name, dual(name, getattr(StepMethods, name)))
    put(Model, "compiled_loss", property(CompiledLoss))
    put(Model, "compiled_metrics", property(CompiledMetrics))
    put(Metric, "reset_states", reset_states)
    put(Layer, "add_metric", add_metric)
    put(Layer, "decides", True)
    for name, method in minimizing.METHODS.items():
        put(Optimizer, name, method)
    put(Optimizer, "know", knows(Optimizer.know))
    for name in unwatching.METHODS:
        put(Model, name, unwatching.unwatched(getattr(Model, name)))
