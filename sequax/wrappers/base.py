"""What the estimators have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from typing import Any, TypeVar

import numpy as np

from ..callbacks import History
from ..core import rng
from ..core.tensor import leaves
from ..core.types import Data
from ..data.convert import is_sparse
from ..model import Model
from . import parameters
from .making import compiled, new_model
from .sklearn import BaseEstimator, Tags, check_is_fitted, check_random_state, validate_data

Self = TypeVar("Self", bound="SKLBase")

# Products of matrices round the last bit of a row by its place among the others, and scikit-learn expects the same
# numbers for a row whatever else is predicted with it. So a few rows of a table go one by one, and up to so many others
# in an order of their own.
_ALONE = 32
_ORDERED = 10_000

ACCEPTED: dict[str, Any] = {"allow_nd": True, "accept_sparse": True}  # of inputs, beside tables


class SKLBase(BaseEstimator):
    """A model as an estimator.

    Args:
        model: a compiled model, or a function that returns one. A model is cloned by each `fit`, so that its weights
            are fresh. A function gets the data as `X` and `y` if it has such arguments (`y` of a classifier is
            one-hot), and `model_kwargs`.
        warm_start: go on with the weights of the `fit` before.
        model_kwargs: arguments of the function.
        fit_kwargs: arguments of `Model.fit`; those given to `fit` come first. `verbose` is 0 unless one of them says
            otherwise.
        compile_kwargs: arguments of `Model.compile`, in place of those that the model was compiled with.
        random_state: a whole number, for the same weights, order of rows and dropout in each `fit`; or a
            `RandomState` of NumPy to draw it from.
    """

    warm_start: bool
    random_state: int | np.random.RandomState | None
    model_kwargs: Mapping[str, Any] | None
    fit_kwargs: Mapping[str, Any] | None
    compile_kwargs: Mapping[str, Any] | None
    model: Model | Callable[..., Model]
    model_: Model
    history_: History

    def __init__(
        self,
        model: Model | Callable[..., Model],
        warm_start: bool = False,
        model_kwargs: Mapping[str, Any] | None = None,
        fit_kwargs: Mapping[str, Any] | None = None,
        compile_kwargs: Mapping[str, Any] | None = None,
        random_state: int | np.random.RandomState | None = None,
    ):
        self.model, self.warm_start, self.random_state = model, warm_start, random_state
        self.model_kwargs, self.fit_kwargs, self.compile_kwargs = model_kwargs, fit_kwargs, compile_kwargs

    # --- parameters ---

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The parameters by name.

        Args:
            deep: with those in two parts, such as `model__units` and `fit__epochs`.
        """
        own = super().get_params(deep=False)
        if not deep:
            return own
        dicts = {prefix: own[name] for prefix, name in parameters.DICTS.items()}
        return {**own, **parameters.listed(self.model, dicts)}

    def set_params(self: Self, **params: Any) -> Self:
        """Set parameters by name, those in two parts too: `set_params(model__units=8, optimizer__learning_rate=0.1)`.

        Raises:
            ValueError: for a name that there is not.
        """
        model = params.get("model", self.model)
        parts = {name: parameters.split(name, model) for name in params}
        parameters.check({name for name, part in parts.items() if part is None} - {*self.get_params(deep=False)}, model)
        super().set_params(**{name: value for name, value in params.items() if parts[name] is None})
        for name, part in parts.items():
            if part is not None:
                owner, key = part
                setattr(
                    self, owner, {**(getattr(self, owner) or {}), key: params[name]}
                )  # not changed: it may be shared
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "model_")

    @property
    def epoch_(self) -> int:
        """Epochs of the last `fit`."""
        return len(self.history_.epoch) if hasattr(self, "history_") else 0

    # --- training ---

    # scikit-learn looks for `sample_weight` in the signatures, and weighs rows only where it finds it.
    def fit(self: Self, X: Data, y: Data, sample_weight: Data | None = None, **kwargs: Any) -> Self:
        """Build a new model and train it.

        Args:
            X: inputs, first axis the sample: arrays, lists of numbers, pandas or polars tables.
            y: targets.
            sample_weight: how much each row counts.
            **kwargs: arguments of `Model.fit`, such as `epochs`.

        Raises:
            ValueError: for data that do not fit.
        """
        kwargs = weighed(kwargs, sample_weight)
        X, y = self._checked(X, y, reset=True)
        known = self._learn_targets(y)
        with self._seeded(0):
            if not (self.warm_start and hasattr(self, "model_")):
                self.model_ = compiled(new_model(self.model, X, known, self.model_kwargs), self.compile_kwargs)
            self.history_ = self._train(X, y, {**(self.fit_kwargs or {}), **kwargs})
        self._parts = 0
        return self

    def _partial_fit(self: Self, X: Data, y: Data, settings: dict[str, Any], known: Any) -> Self:
        """Train on with some data.

        Args:
            known: targets that a new model is made for, from the data; None to take the data's own.
        """
        first = not hasattr(self, "model_")
        X, y = self._checked(X, y, reset=first)
        self._parts = 0 if first else self._parts + 1
        with self._seeded(self._parts):
            if first:
                example = self._learn_targets(y if known is None else known)
                self.model_ = compiled(new_model(self.model, X, example, self.model_kwargs), self.compile_kwargs)
            self.history_ = self._train(X, y, {**(self.fit_kwargs or {}), "epochs": 1, **settings})
        return self

    def _train(self, x: np.ndarray, y: Any, settings: dict[str, Any]) -> History:
        if settings.get("validation_data") is not None:
            settings["validation_data"] = self._validation(settings["validation_data"])
        self._weigh_classes(y, settings)
        return self.model_.fit(x, self._targets(y), **{"verbose": 0, **settings})

    def _validation(self, data: Any) -> Any:
        """Validation data with targets in the form that the model takes."""
        if not isinstance(data, (tuple, list)) or len(data) < 2:
            return data
        x, y, *weight = data
        return (x, self._targets(np.asarray(y)), *weight)

    def _seeded(self, part: int) -> Any:
        if self.random_state is None:
            return nullcontext()
        if isinstance(self.random_state, (int, np.integer)):
            return rng.seeded([int(self.random_state), part])
        return rng.seeded([int(check_random_state(self.random_state).randint(2**31 - 1)), part])

    # --- data ---

    def _checked(self, X: Data, y: Data, reset: bool) -> tuple[np.ndarray, Any]:
        return validate_data(self, X, y, reset=reset, **ACCEPTED)

    def _outputs(self, X: Data) -> np.ndarray:
        """What the model predicts for checked inputs."""
        check_is_fitted(self)
        return self._outputs_of(self.model_, X)

    def _outputs_of(self, model: Model, X: Data) -> np.ndarray:
        x: Any = validate_data(self, X, reset=False, **ACCEPTED)
        if is_sparse(x) and x.shape[0] <= _ORDERED:
            x = x.toarray()
        if not 1 < x.shape[0] <= _ORDERED:
            return _predicted(model, x)
        if len(x) <= _ALONE and x.ndim == 2:
            return np.concatenate([_predicted(model, x[i : i + 1]) for i in range(len(x))])
        order = _own_order(x)
        ordered = _predicted(model, x[order])
        outputs = np.empty_like(ordered)
        outputs[order] = ordered
        return outputs

    def _learn_targets(self, y: Any) -> Any:
        """Remember what the targets are like; returns them as the function that makes models gets them."""
        self._target_shape = y.shape[1:]
        return y[:, None] if y.ndim == 1 else y

    def _targets(self, y: Any) -> Any:
        """Targets as the loss takes them."""
        return y

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def _weigh_classes(self, y: Any, settings: dict[str, Any]) -> None:
        """Change `class_weight` and `sample_weight` in settings into what the model takes."""


def weighed(settings: dict[str, Any], sample_weight: Data | None) -> dict[str, Any]:
    """Settings of `Model.fit` with weights of rows, if any; those among the `fit_kwargs` hold otherwise.

    Raises:
        ValueError: if no row counts.
    """
    if sample_weight is None:
        return settings
    weights = np.asarray(sample_weight)
    if weights.size and not weights.any():
        raise ValueError("sample_weight: all weights are zero, so that nothing is learnt. Let some row count.")
    return {**settings, "sample_weight": weights}


def _own_order(x: np.ndarray) -> np.ndarray:
    """Places of the rows in an order that depends on what they hold alone."""
    rows = x.reshape(len(x), -1)
    if rows.dtype.kind not in "biuf":
        return np.arange(len(x))
    factors = np.random.default_rng(0).standard_normal(rows.shape[1])
    return np.argsort((rows * factors).sum(axis=1), kind="stable")


def _predicted(model: Model, x: np.ndarray) -> np.ndarray:
    """The only output of a model, also where it stands in a list or dict.

    Raises:
        ValueError: if there are several.
    """
    outputs = leaves(model.predict(x, verbose=0))
    if len(outputs) != 1:
        raise ValueError(
            f"An estimator of scikit-learn has one output; model '{model.name}' has {len(outputs)}:"
            f" {', '.join(model.output_names)}."
        )
    return np.asarray(outputs[0])
