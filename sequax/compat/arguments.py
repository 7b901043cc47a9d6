"""Old arguments of layers and optimizers, translated into today's before the constructors see them."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import layers
from ..core.variable import Variable
from ..optimizers.base import Optimizer
from . import decay as decays, dialect, old_optimizers, spellings
from .backend_state import give_seed
from .notes import note, say

_WITH_OWN_CODE = (layers.Layer, layers.Lambda)
_SHAPES = ("batch_input_shape", "input_shape", "input_dim", "input_length")
_WITH_STEPS = ("RNN", "Conv1D", "SeparableConv1D", "Bidirectional", "TimeDistributed")


_COUNTS = frozenset({"units", "filters"})


def layer_constructor(owner: type, original: Callable[..., Any]) -> Callable[..., Any]:
    """The constructor of a layer, taking old arguments as well."""
    parameters = list(inspect.signature(original).parameters)

    def __init__(self: layers.Layer, *args: object, **kwargs: object) -> None:
        shape = _shape(owner, parameters, kwargs)
        rename(kwargs, parameters)
        weights = kwargs.pop("weights", None) if "weights" not in parameters else None
        args = _whole(parameters, args, kwargs)
        original(self, *args, **kwargs)
        if weights is not None:
            note("weights=", "layer.set_weights(weights), once it is built")
            vars(self)["_weights_given"] = weights  # until it is built: `attributes.ensure_built`
        if shape is not None:
            self.first_input_shape = shape
        if owner in _WITH_OWN_CODE:
            give_seed(self)

    return __init__


def _whole(parameters: list[str], args: tuple[object, ...], kwargs: dict[str, Any]) -> tuple[object, ...]:
    """Numbers of units and filters that are floats, as `n / 2` is, without their fractions: changed in `kwargs`."""
    for name in _COUNTS.intersection(parameters):
        place = parameters.index(name) - 1  # `self` is the first
        given = args[place] if place < len(args) else kwargs.get(name)
        if not isinstance(given, (float, np.floating)) or not np.isfinite(given):
            continue
        note(f"{name}={given}", f"{name}={int(given)}", key=f"{name} as a float")
        if place < len(args):
            args = (*args[:place], int(given), *args[place + 1 :])
        else:
            kwargs[name] = int(given)
    return args


def input_constructor(owner: type, original: Callable[..., Any]) -> Callable[..., Any]:
    """`Input(2)`: a number was a shape of one axis."""

    def __init__(self: layers.InputLayer, shape: Any = None, *args: object, **kwargs: object) -> None:
        if isinstance(shape, (int, np.integer)) and not isinstance(shape, bool):
            note("Input(number)", "Input((number,))")
            shape = (int(shape),)
        original(self, shape, *args, **kwargs)

    return __init__


def rename(kwargs: dict[str, Any], parameters: list[str]) -> None:
    """Give old arguments their new names and values, in place."""
    for old in [name for name in kwargs if name not in parameters]:
        new = next((name for name in spellings.ARGUMENTS.get(old, ()) if name in parameters), None)
        if new is not None:
            note(f"{old}=", f"{new}=", key=f"{old}={new}")
            kwargs[new] = kwargs.pop(old)
        elif old in spellings.WITHOUT_EFFECT:
            note(f"{old}=", "leave it out, it has no effect")
            del kwargs[old]
    for several, new in spellings.JOINED.items():
        if new in parameters and all(name in kwargs for name in several):
            note(", ".join(f"{name}=" for name in several), f"{new}=({', '.join(several)})")
            kwargs[new] = tuple(kwargs.pop(name) for name in several)
    if "dropout" in kwargs and "embeddings_initializer" in parameters:
        note("Embedding(dropout=)", "a SpatialDropout1D layer behind it; this one has no effect, as in Keras 2")
        del kwargs["dropout"]
    if kwargs.get("time_major") is False:
        note("time_major=False", "leave it out")
        del kwargs["time_major"]
    if "input_dtype" in kwargs:
        note("input_dtype=", "dtype=")
        kwargs["dtype"] = kwargs.pop("input_dtype")
    if "forget_bias_init" in kwargs and "unit_forget_bias" in parameters:
        note("forget_bias_init=", "unit_forget_bias=True")
        kwargs["unit_forget_bias"] = kwargs.pop("forget_bias_init") in ("one", "ones")
    if "mode" in kwargs and "moving_mean_initializer" in parameters and kwargs["mode"] in (0, 2):
        note(f"BatchNormalization(mode={kwargs['mode']})", "leave `mode` out; predictions go by moving statistics")
        del kwargs["mode"]
    _new_values(kwargs)


def _initializer(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function `(shape, name=None)` as one that is called with a dtype as well."""

    @functools.wraps(function)
    def initial(shape: Any, dtype: object = None, **kwargs: object) -> Any:
        made = function(shape)
        return made.value if isinstance(made, Variable) else made

    return initial


def _new_values(kwargs: dict[str, Any]) -> None:
    for name, value in kwargs.items():
        if name.endswith("_initializer") and inspect.isfunction(value):
            known = inspect.signature(value).parameters
            if "dtype" not in known and not any(one.kind is one.VAR_KEYWORD for one in known.values()):
                note(f"{name}=function(shape)", f"{name}=function(shape, dtype=None)")
                kwargs[name] = _initializer(value)
    for name, values in spellings.VALUES.items():
        value = kwargs.get(name)
        if isinstance(value, str) and value in values:
            note(f"{name}={value!r}", f"{name}={values[value]!r}")
            kwargs[name] = values[value]


def _shape(owner: type, parameters: list[str], kwargs: dict[str, Any]) -> tuple[Any, ...] | None:
    """The input shape with the batch axis, from the arguments that the first layer of a stack had; taken out."""
    given = {name: kwargs.pop(name) for name in _SHAPES if name in kwargs and name not in parameters}
    given = {name: value for name, value in given.items() if value is not None}
    if not given:
        return None
    if "shape" in parameters:  # an `InputLayer` understands them by itself
        kwargs.update(given)
        return None
    batch_size = kwargs.pop("batch_size", None)
    shape = _of_shape_arguments(owner, given)
    names = ", ".join(f"{name}=" for name in given)
    if shape is not None and batch_size is not None:
        shape = (batch_size, *shape[1:])
    if shape is None:
        today = f"leave {names} out"
    else:  # without its size, a batch of fixed size would be one of any
        entry = str(shape[1:]) if shape[0] is None else f"batch_shape={shape}"
        today = f"begin the model with keras.Input({entry})"
    note(names, today)
    return shape


def _of_shape_arguments(owner: type, given: dict[str, Any]) -> tuple[Any, ...] | None:
    if "batch_input_shape" in given:
        return tuple(given["batch_input_shape"])
    if "input_shape" in given:
        shape = given["input_shape"]
        return (None, *(shape if isinstance(shape, (tuple, list)) else (shape,)))
    length = given.get("input_length")
    if "input_dim" in given:
        steps = (length,) if length or any(cls.__name__ in _WITH_STEPS for cls in owner.__mro__) else ()
        return (None, *steps, given["input_dim"])
    if owner.__name__ == "Embedding":
        return (None, *(length if isinstance(length, (tuple, list)) else (length,)))
    return None


_OF_A_WEIGHT = ("name", "shape", "dtype", "initializer", "regularizer", "trainable", "constraint")
_OF_A_STATE = ("name", "shape", "aggregation", "synchronization", "initializer", "dtype")
_OF_GRAPHS = (
    "partitioner",
    "use_resource",
    "synchronization",
    "aggregation",
    "collections",
    "caching_device",
    "getter",
)


def add_weight(owner: type, original: Callable[..., Any]) -> Callable[..., Any]:
    """`add_weight("kernel", shape)`: in layers and metrics of Keras 2 the name came first, and others in its order."""
    positions = _OF_A_WEIGHT if issubclass(owner, layers.Layer) else _OF_A_STATE
    known = inspect.signature(original).parameters

    def add_weight(self: Any, *args: object, **kwargs: Any) -> Variable:
        name_first = len(args) > 0 and isinstance(args[0], str)
        if name_first or (len(args) > 1 and args[0] is None and isinstance(args[1], (tuple, list))):
            note("add_weight(name, shape)", "add_weight(shape, name=...)")
            kwargs |= zip(positions, args, strict=False)
            args = ()
        if kwargs.get("trainable", True) is None:
            del kwargs["trainable"]
        for name in _OF_GRAPHS:
            if name in kwargs and name not in known:
                note(f"{name}=", "leave it out, it has no effect")
                del kwargs[name]
        return original(self, *args, **kwargs)

    return add_weight


def regularizer_constructor(owner: type, original: Callable[..., Any]) -> Callable[..., Any]:
    """The constructor of `L1` or `L2`, taking `l=`."""
    name = list(inspect.signature(original).parameters)[1]

    def __init__(self: Any, *args: object, **kwargs: Any) -> None:
        if "l" in kwargs:
            note("l=", f"{name}=", key=f"l={name}")
            kwargs[name] = kwargs.pop("l")
        original(self, *args, **kwargs)

    return __init__


def loss_constructor(owner: type, original: Callable[..., Any]) -> Callable[..., Any]:
    """The constructor of a loss, taking `reduction="auto"`."""

    def __init__(self: Any, *args: object, **kwargs: Any) -> None:
        if kwargs.get("reduction") == "auto":
            note("reduction='auto'", "leave it out, or reduction='sum_over_batch_size'")
            kwargs["reduction"] = "sum_over_batch_size"
        original(self, *args, **kwargs)

    return __init__


# --- optimizers -----------------------------------------------------------------------------------------------------


def optimizer_constructor(owner: type, original: Callable[..., Any]) -> Callable[..., Any]:
    """The constructor of an optimizer, taking `lr` and `decay`."""
    parameters = inspect.signature(original).parameters
    default = parameters["learning_rate"].default if "learning_rate" in parameters else None

    def __init__(self: Optimizer, *args: object, **kwargs: object) -> None:
        if "lr" in kwargs:
            note("lr=", "learning_rate=")
            kwargs["learning_rate"] = kwargs.pop("lr")
        if kwargs.pop("jit_compile", None) is not None:
            note("jit_compile= of an optimizer", "leave it out: each step is compiled")
        if owner is Optimizer:
            args = old_optimizers.constructor(args, kwargs)
        old = dialect.defaults(owner.__name__, {*list(parameters)[1 : 1 + len(args)], *kwargs})
        for name in ("decay", "schedule_decay"):
            if name in kwargs:
                args = _without_decay(name, args, kwargs, old.get("learning_rate", default))
        if "epsilon" in kwargs and kwargs["epsilon"] is None:
            note("epsilon=None", "leave it out")
            del kwargs["epsilon"]
        if old:
            shown = ", ".join(f"{name}={value:g}" for name, value in old.items())
            say(
                f"defaults of {owner.__name__}", f"`{owner.__name__}` has defaults of Keras {dialect.spoken()}: {shown}"
            )
        original(self, *args, **{**old, **kwargs})
        decays.keep(self, kwargs.get("learning_rate"))

    return __init__


def _without_decay(name: str, args: tuple[Any, ...], kwargs: dict[str, Any], default: object) -> tuple[Any, ...]:
    """`rate / (1 + decay * step)`, which is a schedule today."""
    decay = kwargs.pop(name)
    if name == "schedule_decay" or not decay:
        note(f"{name}=", "leave it out")
        return args
    note("decay=", "learning_rate=keras.optimizers.schedules.InverseTimeDecay(rate, 1, decay)")
    rate = args[0] if args else kwargs.get("learning_rate", default)
    kwargs["learning_rate"] = decays.schedule(float(rate), float(decay))
    return args[1:] if not args[1:] else _refuse_positions(args)


def _refuse_positions(args: tuple[Any, ...]) -> tuple[Any, ...]:
    raise TypeError(f"An optimizer with `decay` takes its other arguments by name. Received in addition: {args[1:]}")


def _lr(self: Optimizer) -> Variable:
    note("optimizer.lr", "optimizer.learning_rate")
    return self.learning_rate


def _set_lr(self: Optimizer, value: object) -> None:
    note("optimizer.lr", "optimizer.learning_rate")
    self.learning_rate = value


lr: property = property(_lr, _set_lr, doc="Old name of `learning_rate`.")
