"""Making the members: copies of a model, with fresh weights or other learning rates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..cloning import clone_model
from ..copying import copy_of as copy_of
from ..core import rng, tracking
from ..core.catalogue import serialize
from ..core.config import deserialize
from ..model import Model
from ..sequential import Sequential
from ..training import custom

if TYPE_CHECKING:
    from ..optimizers.base import Optimizer


def check_model(model: Model) -> None:
    """Refuse what cannot be trained many times at once."""
    if not isinstance(model, Model):
        raise TypeError(f"Ensemble: expected a compiled Sequax model. Received: {model!r:.100}")
    if not model.compiled:
        raise ValueError(
            f"Ensemble: model '{model.name}' is not compiled. Call `model.compile(optimizer, loss)` before the ensemble"
            f" is made."
        )
    own = custom.of(model)
    if own.train or own.test or own.predict:
        raise ValueError(
            f"Ensemble: {type(model).__name__} has own steps (`train_step`, `compute_loss`, metrics as attributes or"
            f" such), and an ensemble trains by Sequax' own steps only. Use `loss=` and `metrics=` of `compile()`, or"
            f" `add_loss` in a layer; or fit the models one by one."
        )


def checked_rates(rates: Sequence[float] | None) -> list[float] | None:
    """Learning rates as a list."""
    if rates is None:
        return None
    if np.ndim(rates) != 1 or isinstance(rates, str):
        raise ValueError(
            f"Ensemble: `learning_rate` is a list of numbers, one per member. Received: learning_rate={rates!r}. A rate"
            f" that is the same for all belongs to the optimizer of the model."
        )
    return [float(rate) for rate in rates]


def checked_count(members: int | None, rates: list[float] | None, default: int) -> int:
    """The number of members."""
    if members is None:
        members = default if rates is None else len(rates)
    if isinstance(members, bool) or not isinstance(members, (int, np.integer)) or members < 1:
        raise ValueError(f"Ensemble: `members` must be a whole number, at least 1. Received: members={members!r}")
    if rates is not None and len(rates) != members:
        raise ValueError(
            f"Ensemble: `learning_rate` has {len(rates)} entries for {members} members. Give one per member, or leave"
            f" `members` out."
        )
    return int(members)


def checked_seed(seed: int | None) -> int:
    """The seed; a fresh one for None."""
    if seed is None:
        return rng.fresh_seed()
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or seed < 0:
        raise ValueError(f"Ensemble: `seed` must be a whole number >= 0, or None. Received: seed={seed!r}")
    return int(seed)


def make(leader: Model, count: int, seed: int | None, rates: Sequence[float] | None) -> list[Model]:
    """The members: the leader itself, and copies of it.

    Args:
        seed: the copies get fresh values of all that is trained, and fresh seeds; None: they are equal to the leader.
    """
    models = [leader, *(copy_of(leader) for _ in range(count - 1))]
    if seed is not None and count > 1:
        pattern = _pattern(leader)
        for i, model in enumerate(models[1:], start=1):
            with rng.seeded((seed, i)):
                _freshen(model, pattern)
    for model, rate in zip(models, rates or (), strict=False):
        _set_rate(model, rate)
    return models


def _pattern(model: Model) -> Model:
    """What `clone_model` makes models with fresh weights from."""
    if not isinstance(model, Sequential) and model.symbolic_inputs is None:
        raise ValueError(
            f"Ensemble makes fresh weights for Sequential models and graphs, Model(inputs, outputs). Model"
            f" '{model.name}' ({type(model).__name__}) has its own `call`, so its members can differ by"
            f" `learning_rate` only."
        )
    pattern = copy_of(model)
    pattern.compilation = None  # a loss of the user's own has no config to clone from, and is not wanted here
    return pattern


def _freshen(model: Model, pattern: Model) -> None:
    """New values for what is trained, new seeds, and an optimizer that has not trained yet."""
    trained = {id(variable) for variable in model.trainable_variables}
    for variable, fresh in zip(model.state_variables, clone_model(pattern).state_variables, strict=True):
        if id(variable) in trained:
            variable.assign(fresh.numpy())
    for layer in model.flatten_layers():
        for generator in tracking.owned(layer, "seed", layer.untracked):
            generator.state.assign(np.array([rng.fresh_seed(), 0], "uint32"))
    if model.optimizer.built:
        model.optimizer = _untrained(model.optimizer)


def _untrained(optimizer: Optimizer) -> Optimizer:
    try:
        return deserialize(serialize(optimizer))
    except (TypeError, NotImplementedError):
        raise ValueError(
            f"Ensemble: the {type(optimizer).__name__} of the model has trained already, and cannot be rebuilt for"
            f" the other members, since it has no config. Compile the model with a new optimizer first."
        ) from None


def _set_rate(model: Model, rate: float) -> None:
    optimizer = model.optimizer
    optimizer.build(model.trainable_variables)  # optax has a rate to set only then
    try:
        optimizer.learning_rate = rate
    except (AttributeError, TypeError) as error:
        raise ValueError(
            f"Ensemble: `learning_rate` needs an optimizer whose learning rate is a number. {error}"
        ) from None
