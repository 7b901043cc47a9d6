"""Compiled models for estimators: from a model or a function, with settings of `compile` and of the optimizer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from .. import optimizers
from ..cloning import clone_model
from ..model import Model
from .parameters import arguments_for

_OPTIMIZER = "optimizer__"


def new_model(given: Any, x: np.ndarray, y: Any, arguments: Mapping[str, Any] | None) -> Model:
    """A model with fresh weights.

    Args:
        given: a model, which is cloned, or a function that returns one.
        x, y: inputs and targets, which the function gets where it has arguments `X` and `y`.
        arguments: of the function.

    Raises:
        TypeError: if there is no model.
    """
    if isinstance(given, Model):
        return clone_model(given)
    if not callable(given):
        raise TypeError(f"model must be a model, or a function that returns one. Received: model={given!r:.80}")
    model = given(**arguments_for(given, {"X": x, "y": y}), **(arguments or {}))
    if not isinstance(model, Model):
        raise TypeError(
            f"{getattr(given, '__name__', given)!s:.80} must return a model. Received: {type(model).__name__}."
        )
    return model


def compiled(model: Model, settings: Mapping[str, Any] | None) -> Model:
    """The model, compiled with some settings in place of those that it has.

    Args:
        settings: arguments of `compile`; those that begin with `optimizer__` are of the optimizer.

    Raises:
        RuntimeError: if it has neither loss nor optimizer then.
    """
    settings = settings or {}
    of_compile = {name: value for name, value in settings.items() if not name.startswith(_OPTIMIZER)}
    of_optimizer = {name.removeprefix(_OPTIMIZER): v for name, v in settings.items() if name.startswith(_OPTIMIZER)}
    if of_compile:
        model.compile(**{**_current(model), **of_compile})
    if model.compiled and of_optimizer:
        model.optimizer = _with(model.optimizer, of_optimizer)
    if not model.compiled or not model.loss or not model.optimizer:
        raise RuntimeError(
            "Given model needs to be compiled, and have a loss and an optimizer. Call `compile` on it, or pass"
            ' `compile_kwargs={"loss": ..., "optimizer": ...}`.'
        )
    return model


def _current(model: Model) -> dict[str, Any]:
    """What `compile` was given, for another call of it."""
    compilation = model.compilation
    if compilation is None:
        return {}
    return {
        "optimizer": compilation.optimizer,
        "loss": compilation.loss,
        "loss_weights": compilation.loss_weights,
        "metrics": compilation.given_metrics,
        "weighted_metrics": compilation.given_weighted_metrics,
    }


def _with(optimizer: Any, settings: Mapping[str, Any]) -> optimizers.Optimizer:
    """The same kind of optimizer with other settings.

    Raises:
        ValueError: for a setting that it does not have.
    """
    if not hasattr(optimizer, "get_config"):
        raise ValueError(f"optimizer__{next(iter(settings))}: the settings of {optimizer!r:.80} cannot be changed.")
    return type(optimizer).from_config({**optimizer.get_config(), **settings})
