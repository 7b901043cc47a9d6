"""Optimizers and learning-rate schedules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .._lazy import listed
from ..core.custom_objects import custom_object_scope
from . import schedules
from .adam import Adam, Adamax, AdamW, Lamb, Nadam
from .adaptive import Adadelta, Adafactor, Adagrad, Ftrl, RMSprop
from .base import Optimizer
from .catalogue import optimizers as _optimizers
from .descent import SGD, Lion
from .loss_scale import LossScaleOptimizer
from .multi import MultiOptimizer, OptimizerMap
from .muon import Muon
from .optax_adapter import OptaxOptimizer, is_transformation
from .schedule_free import ScheduleFreeAdamW

__all__ = [
    "SGD", "Adadelta", "Adafactor", "Adagrad", "Adam", "AdamW", "Adamax", "Ftrl", "Lamb", "Lion", "LossScaleOptimizer",
    "MultiOptimizer", "Muon", "Nadam", "OptaxOptimizer", "Optimizer", "OptimizerMap", "RMSprop", "ScheduleFreeAdamW",
    "deserialize", "get", "schedules", "serialize",
]  # fmt: skip


def get(identifier: object) -> Optimizer | Any:
    """An optimizer from a name in any case, a config, an optimizer class or object, or an optax transformation.

    None gives None.

    Args:
        identifier: a name, a config, a class, an object or an optax transformation.

    Raises:
        ValueError: for an unknown name (with the nearest ones) or an object that is no optimizer.
    """
    if identifier is None or isinstance(identifier, Optimizer):
        return identifier
    if isinstance(identifier, Mapping):
        return deserialize(identifier)
    if isinstance(identifier, str):
        identifier = _optimizers.find(identifier)
    if isinstance(identifier, type) and issubclass(identifier, Optimizer):
        return identifier()  # type: ignore[call-arg]
    if not isinstance(identifier, type) and is_transformation(identifier):
        return OptaxOptimizer(identifier)
    raise ValueError(
        f"Could not interpret optimizer identifier: {identifier!r} (of type {type(identifier).__module__}."
        f"{type(identifier).__name__}). Expected a name such as 'adam', an optimizer of `sequax.optimizers`, its"
        f" config, or an optax transformation."
    )


def serialize(optimizer: Optimizer) -> dict[str, Any]:
    """The config of an optimizer."""
    return _optimizers.serialize(optimizer)


def deserialize(config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Optimizer:
    """An optimizer from its config, in which its class may be in lower case, or from anything that `get` takes.

    Args:
        config: what `serialize` gave, or anything that `get` takes.
        custom_objects: the user's own classes by name.
    """
    with custom_object_scope(custom_objects):
        if not isinstance(config, Mapping):
            return get(config)
        name = config.get("class_name")
        special = str(name).startswith("__")  # of these, the lookup says why they are refused
        if config.get("module") in (None, "keras.optimizers") and not config.get("registered_name") and not special:
            config = {**config, "class_name": _optimizers.find(str(name)).__name__}
        return _optimizers.deserialize(config)


if not TYPE_CHECKING:
    __getattr__, __dir__ = listed(__name__)
