"""Steps that the user wrote: what a model overrides, and the border between Keras' tuples of lists and `TrainState`.

Keras' form of a step is `(state, data) -> (logs, state)`, where the state is a tuple of lists of arrays: trainable,
non-trainable, optimizer's and metrics' variables, as many of them as the step may change. A model that overrides
anything here takes this way, in the same compiled loop; the methods that it does not override are in `methods.py`.
`step_of` and `predict_step` choose between such steps and those of `step.py`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import jax
import jax.numpy as jnp

from ..core import branching, names, pure, rng, scope, tracking
from ..core.tensor import KerasTensor, leaves, map_structure
from ..core.types import Tensors
from ..core.variable import Variable
from ..data.samples import AsGiven, pack_x_y_sample_weight
from ..data.source import Batch
from ..data.spec import Overrides
from . import augmenting, compiled, step
from .methods import StepMethods
from .resolve import compilation_of
from .state import TrainState, TrainVariables, moved
from .step import Step, Told, program

if TYPE_CHECKING:
    from ..compiled_model import CompiledModel
    from ..model import Model
    from ..optimizers.base import Optimizer

_STATES = {
    "train_step": ("trainable_variables", "non_trainable_variables", "optimizer_variables", "metrics_variables"),
    "test_step": ("trainable_variables", "non_trainable_variables", "metrics_variables"),
    "predict_step": ("trainable_variables", "non_trainable_variables"),
}
# What a step in TensorFlow's form was found to assign; in no attribute, where it would be the model's own.
_assigned_outside: WeakKeyDictionary[Any, list[Variable]] = WeakKeyDictionary()
_BESIDE = "beside"  # keys of what steps of evaluation in TensorFlow's form draw from and assign, behind the model's
# What Keras calls before its own loop, and a compiled loop over many batches cannot.
_MAKERS = ("make_train_function", "make_test_function", "make_predict_function")
# Parts of both steps: whoever changes one gets the steps that call it.
_PARTS = ("compute_loss", "compute_metrics", "compute_loss_and_updates", "stateless_compute_loss", "get_metrics_result")


class NewState(Exception):
    """A step made state while it was traced, such as that of an optimizer; traced once more, it finds it."""


def of(model: CompiledModel) -> Overrides:
    """What a model overrides; looked up again when a layer or an attribute has changed."""
    compilation = model.compilation
    if compilation is None:
        return _look(model)
    if compilation.overrides is None or compilation.overrides[0] != tracking.structure():
        compilation.overrides = tracking.structure(), _look(model)
    return compilation.overrides[1]


def _look(model: CompiledModel) -> Overrides:
    own = {name for name in (*_STATES, *_PARTS) if _is_own(model, name, StepMethods)}
    # Metrics that a layer or the model keeps as attributes are reported by no loss of `compile`.
    parts = bool(own.intersection(_PARTS)) or _has_own_metrics(model)
    steps = bool(own & {"train_step", "test_step"})
    found = Overrides(
        train="train_step" in own or parts,
        test="test_step" in own or parts,
        predict="predict_step" in own,
        inputs=steps,
        targets=steps or "compute_loss" in own,
    )
    if any(found):
        # A step may read what no fingerprint sees, such as another model in a variable outside: share no programs.
        vars(model).setdefault("_own_programs", object())
    return found


def _is_own(model: CompiledModel, name: str, base: type) -> bool:
    return name in vars(model) or getattr(type(model), name) is not getattr(base, name)


def _has_own_metrics(model: CompiledModel) -> bool:
    """Whether metrics are kept as attributes, or the property is overridden."""
    cls = next(cls for cls in type(model).__mro__ if "metrics" in vars(cls))
    return not names.is_ours(cls) or bool(metrics_of_layers(model))


def check_forms(model: Model) -> None:
    """Refuse steps in a form that `fit` cannot run or would not call, before anything is trained."""
    vars(model).pop("_own_programs", None)
    for name in _MAKERS:
        if _is_own(model, name, StepMethods):
            raise TypeError(
                f"{type(model).__name__} overrides {name}, which `fit` and its kin do not call: they compile loops over"
                f" many batches. Override {name.removeprefix('make_').replace('function', 'step')}(self, state, data)."
            )
    for name, state in _STATES.items():
        if not _is_own(model, name, StepMethods) or _takes_data_alone(model, name):
            continue
        try:
            inspect.signature(getattr(model, name)).bind(None, None)
        except TypeError:
            output = "outputs" if name == "predict_step" else "logs"
            after = "non_trainable_variables" if name == "predict_step" else f"({', '.join(state)})"
            raise TypeError(
                f"{type(model).__name__}.{name} takes {_arguments(getattr(model, name))}, the form for TensorFlow or"
                f" torch. With JAX a step gets the state and returns the new one:\n\n"
                f"    def {name}(self, state, data):\n"
                f"        {', '.join(state)} = state\n"
                f"        ...  # self.stateless_call, jax.value_and_grad, self.optimizer.stateless_apply\n"
                f"        return {output}, {after}\n"
            ) from None


def _takes_data_alone(model: Any, name: str) -> bool:
    """Whether a step has TensorFlow's form, where that is taken: the state is in the variables that it assigns."""
    if not (model.data_steps and _is_own(model, name, StepMethods)):
        return False
    parameters = inspect.signature(getattr(model, name)).parameters.values()
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return len(positional) == 1 or (len(positional) > 1 and positional[1].default is not inspect.Parameter.empty)


def makes_state(model: Model, steps: Any, given: Callable[[], Any], training: bool = True) -> bool:
    """Let a step in TensorFlow's form make what it finds missing, such as the states of its optimizers.

    Variables that it assigns and that are no part of the model, such as those of a metric outside, are found, too.

    Args:
        given: finds the variables, the state and the other arguments of the steps.
        training: whether it is the step of training, and not that of evaluation.

    Returns:
        Whether something was made, so that there are other variables now.
    """
    if not _takes_data_alone(model, "train_step" if training else "test_step"):
        return False
    variables, arguments = given()
    outside: list[Variable] = []
    try:
        # Under `run_eagerly`, too: nothing is computed here.
        with scope.asking_for_outside(outside), jax.disable_jit(False):
            jax.eval_shape(program(step_of(model, variables, training), steps, False), *arguments)
    except NewState:
        return True
    except (jax.errors.ConcretizationTypeError, jax.errors.TracerArrayConversionError):
        if not compiled.eager():  # a step that looks at values runs as it is, line by line
            raise
    if outside:
        _assigned_outside.setdefault(model, []).extend(tracking.unique(outside))
        tracking.note_change()
    return bool(outside)


def _arguments(method: Callable[..., Any]) -> str:
    return f"({', '.join(['self', *inspect.signature(method).parameters])})"


def build(model: Model, x: Tensors, rows: int, always: bool) -> None:
    """Make the weights of a model by calling it on abstract inputs, if some layer has none yet, or `always`."""
    definer = next(cls for cls in type(model).__mro__ if "call" in vars(cls))
    has_call = "is_model" not in vars(definer)  # which `Model` itself has
    unbuilt = [layer for layer in model.flatten_layers(include_self=False) if not layer.built]
    # What a step of the user's makes of its data is not known: it may call the model with all of them, or never.
    asked = always or not (model.built or of(model).inputs)
    if has_call and (unbuilt or asked):
        try:
            model.build_from(map_structure(lambda a: KerasTensor((rows, *a.shape[1:]), a.dtype.name), x))
        except Exception:
            if not _takes_data_alone(model, "train_step"):
                raise
            # Such a step may call the model with anything, and makes the weights that it finds missing.
    elif unbuilt and not _takes_data_alone(model, "train_step"):
        raise ValueError(
            f"{type(model).__name__} has no `call()`, so `fit` cannot build {[one.name for one in unbuilt]}."
            f" Build them before, e.g. by an `Input` in front of each Sequential inside, or write `call()`."
        )
    model.built = True


# --- variables ------------------------------------------------------------------------------------------------------


def variables_of(model: Model, optimizer: Optimizer | None = None) -> TrainVariables:
    """The variables of training (with the optimizer) or of evaluation.

    Optimizers that the model keeps as attributes beside the one of `compile` (two networks that learn against each
    other) travel behind it, so that a step may call their `apply`.
    """
    training = optimizer is not None
    table = TrainVariables.of(model, optimizer, metrics(model, training))
    if training:
        table = table._replace(other={**table.other, **augmenting.variables_of(model.compilation)})
    if not (of(model).train if training else of(model).test):
        return table
    apart = {id(v) for v in table.metrics.values()}
    table = table._replace(other={key: v for key, v in table.other.items() if id(v) not in apart})
    if optimizer is None:
        if _takes_data_alone(model, "test_step"):  # it may draw, too
            known = {id(v) for part in table for v in part.values()}
            further = [v for v in _assigned_outside.get(model, ()) if id(v) not in known]
            more = [rng.default_generator().state, *further]
            table = table._replace(other={**table.other, **{f"{_BESIDE}/{n:04d}": v for n, v in enumerate(more)}})
        return table
    known = {id(v) for part in table for v in part.values()}
    further = [v for one in tracking.owned(model, "optimizer") for v in one.variables if id(v) not in known]
    if _takes_data_alone(model, "train_step"):
        further.append(rng.default_generator().state)  # what a step may draw from, as it does line by line
        further += _assigned_outside.get(model, ())
    return table._replace(optimizer=pure.numbered(tracking.unique([*optimizer.variables, *further])))


def metrics_of_layers(model: CompiledModel) -> list[Any]:
    """Metrics kept as attributes, of the model and of the layers inside; those of a model inside are its own."""
    inside = [layer for layer in model.flatten_layers(include_self=False) if not layer.is_model]
    return tracking.unique(
        [metric for layer in (model, *inside) for metric in tracking.owned(layer, "metric", layer.untracked)]
    )


def metrics(model: CompiledModel, training: bool) -> list[Any]:
    """The metrics that a step updates and an epoch resets."""
    own = of(model)
    if own.train if training else own.test:
        return tracking.unique(model.metrics)
    compilation = compilation_of(model)
    return compilation.step_metrics if training else compilation.all_metrics


# --- steps for the compiled loop ------------------------------------------------------------------------------------


def step_of(model: Model, variables: TrainVariables, training: bool) -> Step:
    """The step of training, or of evaluation: the user's, or that of `compile`."""
    layers = compilation_of(model).augment if training else []
    if layers:
        made = _step_of(model, augmenting.without(variables), training)
        return made._replace(run=augmenting.before(made.run, layers, variables))
    return _step_of(model, variables, training)


def _step_of(model: Model, variables: TrainVariables, training: bool) -> Step:
    reset = step.reset_of(metrics(model, training), variables)
    if of(model).train if training else of(model).test:
        if training and compilation_of(model).gradient_norms is not None:
            raise ValueError(
                f"LayerStatistics(gradients=True): {type(model).__name__} has training steps of its own."
                f" Return the lengths of its gradients in the logs of `train_step`, or leave `gradients` out."
            )
        return Step(_own_step(model, variables, "train_step" if training else "test_step"), reset, None)
    run = step.train_step if training else step.test_step
    return Step(run(model, variables), reset, step.results_of(model, variables))


def predict_step(model: Model) -> Callable[[Any, Any, Any], tuple[Any, Any]]:
    """`(params, other, x) -> (outputs, other)`, of the latter what the batch has moved; the user's, or that of ours."""
    if not of(model).predict:
        return step.predict_step(model)
    table = TrainVariables.of(model)

    def run(params: pure.Values, other: pure.Values, x: Tensors) -> tuple[Any, Any]:
        state = TrainState(params, other, {}, {})
        outputs, state = _crossing(model, table, "predict_step", state, pack_x_y_sample_weight(x))
        return outputs, moved(other, state.other)

    return run


def _own_step(model: Model, variables: TrainVariables, name: str) -> Callable[[TrainState, Batch], Any]:
    def run(state: TrainState, batch: Batch) -> tuple[TrainState, Told]:
        given = batch.x if isinstance(batch.x, AsGiven) else None
        data = given.for_step() if given else pack_x_y_sample_weight(batch.x, batch.y, batch.weight)
        logs, after = _crossing(model, variables, name, state, data)
        if not isinstance(logs, dict):
            raise TypeError(
                f"{type(model).__name__}.{name} must return `(logs, state)` with a dict of scalars as logs. Received:"
                f" {type(logs).__name__}."
            )
        logs = _flat(logs)
        loss = jnp.sum(logs["loss"]) if "loss" in logs else None
        if not _is_unchanged(state.metrics, after.metrics):
            # Keras reports the metrics themselves, means over the epoch, where a step names just these.
            results, _ = pure.apply(
                model.get_metrics_result, list(variables.metrics.values()), list(after.metrics.values())
            )
            logs = _flat(results) if set(results) == set(logs) else logs
        return after, Told(loss, logs)

    return run


def _crossing(
    model: Model, tables: TrainVariables, name: str, state: TrainState, data: object
) -> tuple[Any, TrainState]:
    """Call a step of the user's on lists, and bring back what it returned and what it assigned."""
    variables = [v for table in tables for v in table.values()]
    values = [value for part in state for value in part.values()]
    table = {id(v): value for v, value in zip(variables, values, strict=True)}
    groups = [getattr(model, kind) if "optimizer" not in kind else model.optimizer.variables for kind in _STATES[name]]
    given = tuple([table[id(v)] for v in group] for group in groups)

    def run() -> Any:
        with scope.fresh_call():
            if _takes_data_alone(model, name):
                logs = branching.both_ways(lambda: getattr(model, name)(data))
                return logs, given[1] if name == "predict_step" else given
            return getattr(model, name)(given, data)

    returned, assigned = pure.apply(run, variables, values)
    result, lists = _parted(model, name, returned)
    after = {id(v): value for v, value in zip(variables, assigned, strict=True)}
    for kind, group, old, new in zip(_STATES[name], groups, given, lists, strict=True):
        if new is None:
            continue
        _check_list(model, name, kind, group, new)
        # What comes back as it was given may have been assigned instead: a metric's `update_state`, a seed drawn from.
        after.update({id(v): n for v, o, n in zip(group, old, new, strict=True) if n is not o})
    parts = ({key: after[id(v)] for key, v in part.items()} for part in tables)
    return result, TrainState(*parts)


def _parted(model: Model, name: str, returned: object) -> tuple[Any, tuple[Any, ...]]:
    """The logs (or outputs) and the lists of the new state."""
    kinds = _STATES[name]
    if isinstance(returned, tuple) and len(returned) == 2:
        result, state = returned
        if name == "predict_step":  # it returns the non-trainable variables alone
            return result, (None, state)
        if isinstance(state, (tuple, list)) and len(state) == len(kinds):
            return result, tuple(state)
    wanted = "(outputs, non_trainable_variables)" if name == "predict_step" else f"(logs, ({', '.join(kinds)}))"
    raise ValueError(f"{type(model).__name__}.{name} must return `{wanted}`. Received: {_shown(returned)}.")


def _shown(value: object) -> str:
    if isinstance(value, (tuple, list)):
        return f"a {type(value).__name__} of {len(value)}: {', '.join(type(item).__name__ for item in value)}"
    return type(value).__name__


def _check_list(model: Model, name: str, kind: str, group: list[Variable], new: Sequence[Any]) -> None:
    if len(new) != len(group):
        raise ValueError(
            f"{type(model).__name__}.{name} returned {len(new)} arrays as {kind}; the model has {len(group)}:"
            f" {[v.path for v in group]}."
        )
    for variable, value in zip(group, new, strict=True):
        if jnp.shape(value) != variable.shape:
            raise ValueError(
                f"{type(model).__name__}.{name} returned an array of shape {jnp.shape(value)} for {variable.path!r} in"
                f" {kind}; its shape is {variable.shape}. The arrays must come back in the order in which they came."
            )


def _flat(logs: dict[str, Any]) -> dict[str, Any]:
    """Logs as strongly typed arrays; those of a nested dict stand on their own."""
    flat: dict[str, Any] = {}
    for name, value in logs.items():
        if isinstance(value, dict):
            flat.update(_flat(value))
        else:
            value = value.value if isinstance(value, Variable) else value
            flat[str(name)] = jax.lax.convert_element_type(value, jnp.result_type(value))
    return flat


def _is_unchanged(before: pure.Values, after: pure.Values) -> bool:
    return all(a is b for a, b in zip(leaves(list(before.values())), leaves(list(after.values())), strict=True))
