"""What stands in `tf.keras` and beside it: losses, optimizers, metrics, initializers; their names in TensorFlow 1."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

from ... import initializers, losses, metrics, optimizers
from ...optimizers.settings import RateLike
from .member import Member

MEMBERS: dict[str, Member] = {}


def _public(place: str, module: ModuleType) -> Iterator[tuple[str, Any]]:
    for name in getattr(module, "__all__", None) or dir(module):
        value = getattr(module, name, None)
        if name.startswith("_") or value is None:
            continue
        if isinstance(value, ModuleType):
            yield from _public(f"{place}.{name}", value) if value.__name__.startswith("sequax.") else ()
        else:
            yield f"{place}.{name}", value


for _place, _module in {
    "losses": losses,
    "optimizers": optimizers,
    "metrics": metrics,
    "initializers": initializers,
    "optimizers.schedules": optimizers.schedules,
}.items():
    MEMBERS |= {name: Member(value) for name, value in _public(_place, _module)}
MEMBERS |= {
    f"optimizers.legacy.{name}": MEMBERS[f"optimizers.{name}"]
    for name in ("Adadelta", "Adagrad", "Adam", "Adamax", "Ftrl", "Nadam", "Optimizer", "RMSprop", "SGD")
}


def _adam(
    learning_rate: RateLike = 0.001, beta1: float = 0.9, beta2: float = 0.999, epsilon: float = 1e-8, **old: object
) -> optimizers.Optimizer:
    return optimizers.Adam(learning_rate, beta1, beta2, epsilon)


def _descent(learning_rate: RateLike, use_locking: bool = False, name: object = None) -> optimizers.Optimizer:
    return optimizers.SGD(learning_rate)


def _momentum(
    learning_rate: RateLike, momentum: float, use_locking: bool = False, name: object = None, use_nesterov: bool = False
) -> optimizers.Optimizer:
    return optimizers.SGD(learning_rate, momentum, use_nesterov)


def _rmsprop(
    learning_rate: RateLike,
    decay: float = 0.9,
    momentum: float = 0.0,
    epsilon: float = 1e-10,
    centered: bool = False,
    **old: object,
) -> optimizers.Optimizer:
    return optimizers.RMSprop(learning_rate, decay, momentum, epsilon, centered)


def _adagrad(learning_rate: RateLike, initial_accumulator_value: float = 0.1, **old: object) -> optimizers.Optimizer:
    return optimizers.Adagrad(learning_rate, initial_accumulator_value)


def _adadelta(
    learning_rate: RateLike = 0.001, rho: float = 0.95, epsilon: float = 1e-8, **old: object
) -> optimizers.Optimizer:
    return optimizers.Adadelta(learning_rate, rho, epsilon)


def _ftrl(
    learning_rate: RateLike, learning_rate_power: float = -0.5, initial_accumulator_value: float = 0.1, **old: object
) -> optimizers.Optimizer:
    return optimizers.Ftrl(learning_rate, learning_rate_power, initial_accumulator_value)


_OLD: dict[str, tuple[Callable[..., Any], str]] = {
    "AdamOptimizer": (_adam, "Adam"),
    "GradientDescentOptimizer": (_descent, "SGD"),
    "MomentumOptimizer": (_momentum, "SGD(momentum=...)"),
    "RMSPropOptimizer": (_rmsprop, "RMSprop"),
    "AdagradOptimizer": (_adagrad, "Adagrad"),
    "AdadeltaOptimizer": (_adadelta, "Adadelta"),
    "FtrlOptimizer": (_ftrl, "Ftrl"),
}
MEMBERS |= {f"train.{name}": Member(value, f"keras.optimizers.{today}") for name, (value, today) in _OLD.items()}
MEMBERS["train.Optimizer"] = Member(optimizers.Optimizer)


def _decay(name: str, kind: str) -> Callable[..., Any]:
    """A schedule of TensorFlow 1 is given the step; one of Keras is called with it."""

    def schedule(learning_rate: float, global_step: Any, *args: Any, **kwargs: Any) -> Any:
        kwargs.pop("name", None)
        made = getattr(optimizers.schedules, kind)(learning_rate, *args, **kwargs)
        return made if global_step is None else made(global_step)

    schedule.__name__ = name
    return schedule


MEMBERS |= {
    f"train.{name}": Member(_decay(name, kind), f"keras.optimizers.schedules.{kind}")
    for name, kind in {
        "exponential_decay": "ExponentialDecay",
        "polynomial_decay": "PolynomialDecay",
        "inverse_time_decay": "InverseTimeDecay",
        "cosine_decay": "CosineDecay",
    }.items()
}

# Of TensorFlow 1. Classes: a script makes an object of them, with or without arguments.
MEMBERS |= {
    name: Member(value, f"keras.initializers.{value.__name__}")
    for name, value in {
        "zeros_initializer": initializers.Zeros,
        "ones_initializer": initializers.Ones,
        "constant_initializer": initializers.Constant,
        "random_normal_initializer": initializers.RandomNormal,
        "random_uniform_initializer": initializers.RandomUniform,
        "truncated_normal_initializer": initializers.TruncatedNormal,
        "orthogonal_initializer": initializers.Orthogonal,
        **dict.fromkeys(
            ("glorot_uniform_initializer", "contrib.layers.xavier_initializer"), initializers.GlorotUniform
        ),
        "glorot_normal_initializer": initializers.GlorotNormal,
        "variance_scaling_initializer": initializers.VarianceScaling,
    }.items()
}
for _name in ("zeros", "ones", "constant", "random_normal", "random_uniform"):
    MEMBERS[f"{_name}_initializer"] = Member(MEMBERS[f"{_name}_initializer"].value)  # TensorFlow 2 has them as well
