"""`keras.wrappers.scikit_learn`: models as estimators of scikit-learn, made by a function of the script's own."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..callbacks import History
from ..core.types import Data
from ..model import Model
from ..utils.numerical import to_categorical
from ..wrappers.labels import loss_name

try:
    from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
except ImportError:
    raise ImportError(
        "keras.wrappers.scikit_learn needs scikit-learn, which is not installed. Install it with `pip install"
        " 'sequax[sklearn]'` or `pip install scikit-learn`."
    ) from None

__all__ = ["BaseWrapper", "KerasClassifier", "KerasRegressor"]


class BaseWrapper(BaseEstimator):
    """What both kinds have in common.

    Args:
        build_fn: function (or object with `__call__`) that returns a compiled model; a subclass may have `__call__`
            instead.
        sk_params: arguments of `build_fn`, and of the model's `fit`, `predict` and `evaluate`. A search over
            parameters may set any of them.
    """

    def __init__(self, build_fn: Callable[..., Any] | None = None, **sk_params: Any):
        self.build_fn: Callable[..., Any] | None = build_fn
        self.sk_params = sk_params
        self.check_params(sk_params)

    def check_params(self, params: dict[str, Any]) -> None:
        """
        Raises:
            ValueError: for a parameter that no function takes.
        """
        functions: list[Any] = [Model.fit, Model.predict, Model.evaluate, self._builder()]
        known = {name for function in functions for name in inspect.signature(function).parameters} | {"nb_epoch"}
        for name in params:
            if name not in known:
                raise ValueError(f"{name} is not a legal parameter")

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        return {**self.sk_params, "build_fn": self.build_fn}

    def set_params(self, **params: Any) -> BaseWrapper:
        if "build_fn" in params:
            self.build_fn = params.pop("build_fn")
        self.check_params(params)
        self.sk_params.update(params)
        return self

    def filter_sk_params(self, function: Callable[..., Any], override: dict[str, Any] | None = None) -> dict[str, Any]:
        """Those of the parameters that a function takes."""
        names = inspect.signature(function).parameters
        return {**{name: value for name, value in self.sk_params.items() if name in names}, **(override or {})}

    def _builder(self) -> Callable[..., Any]:
        return type(self).__call__ if self.build_fn is None else self.build_fn

    def _build(self) -> Model:
        parameters = self.filter_sk_params(self._builder())
        return self(**parameters) if self.build_fn is None else self.build_fn(**parameters)

    def fit(self, x: Data, y: np.ndarray | Sequence[Any], **kwargs: Any) -> History:
        """Build a new model and train it; returns the history."""
        self.model: Model = self._build()
        if loss_name(self.model) == "categorical_crossentropy" and np.ndim(y) < 2:
            y = np.asarray(to_categorical(y))
        parameters = self.filter_sk_params(Model.fit)
        if "nb_epoch" in self.sk_params:
            parameters["epochs"] = self.sk_params["nb_epoch"]
        return self.model.fit(x, y, **{**parameters, **kwargs})

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "model")

    def __setstate__(self, state: dict[str, Any]) -> None:
        """In another process of a parallel search, old spellings have to be understood as well."""
        from . import install

        install()
        super().__setstate__(state)


class KerasClassifier(ClassifierMixin, BaseWrapper):
    """A classifier: `classes_` are the labels it was trained with."""

    def fit(self, x: Data, y: np.ndarray | Sequence[Any], **kwargs: Any) -> History:
        y = np.array(y)
        if y.ndim == 2 and y.shape[1] > 1:
            self.classes_: np.ndarray = np.arange(y.shape[1])
        elif y.ndim == 1 or y.shape[1:] == (1,):
            self.classes_ = np.unique(y)
            y = np.searchsorted(self.classes_, y)
        else:
            raise ValueError(f"Invalid shape for y: {y.shape}")
        self.n_classes_: int = len(self.classes_)
        return super().fit(x, y, **kwargs)

    def predict(self, x: Data, **kwargs: Any) -> np.ndarray:
        """The label of each row."""
        outputs = self._outputs(x, kwargs)
        several = outputs.shape[-1] > 1
        return self.classes_[outputs.argmax(axis=-1) if several else (outputs > 0.5).astype("int32")]

    def predict_proba(self, x: Data, **kwargs: Any) -> np.ndarray:
        """A column per class, also for a model with one output."""
        outputs = self._outputs(x, kwargs)
        return np.hstack([1 - outputs, outputs]) if outputs.shape[1] == 1 else outputs

    def score(self, x: Data, y: np.ndarray | Sequence[Any], **kwargs: Any) -> float:
        """The accuracy on data.

        Raises:
            ValueError: if the model was compiled without accuracy among its metrics.
        """
        y = np.searchsorted(self.classes_, y) if np.ndim(y) < 2 else np.asarray(y)
        if loss_name(self.model) == "categorical_crossentropy" and y.ndim != 2:
            y = np.asarray(to_categorical(y, self.n_classes_))
        parameters = self.filter_sk_params(Model.evaluate, kwargs)
        logs = self.model.evaluate(x, y, return_dict=True, **parameters)
        for name in ("accuracy", "acc", "binary_accuracy", "categorical_accuracy", "sparse_categorical_accuracy"):
            if name in logs:
                return float(logs[name])
        raise ValueError(
            'The model is not configured to compute accuracy. You should pass `metrics=["accuracy"]` to the'
            " `model.compile()` method."
        )

    def _outputs(self, x: Data, kwargs: dict[str, Any]) -> np.ndarray:
        return np.asarray(self.model.predict(x, **self.filter_sk_params(Model.predict, kwargs)))


class KerasRegressor(RegressorMixin, BaseWrapper):
    """A regressor; `score` is the loss with a minus, so that more is better."""

    def predict(self, x: Data, **kwargs: Any) -> np.ndarray:
        return np.squeeze(self.model.predict(x, **self.filter_sk_params(Model.predict, kwargs)), axis=-1)

    def score(self, x: Data, y: np.ndarray | Sequence[Any], **kwargs: Any) -> float:
        """Minus the loss on data."""
        loss = self.model.evaluate(x, y, **self.filter_sk_params(Model.evaluate, kwargs))
        return -float(loss[0] if isinstance(loss, list) else loss)
