"""`SKLearnRegressor`."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np

from ..core.types import Data
from ..model import Model
from .base import ACCEPTED, SKLBase, weighed
from .parameters import arguments_for
from .sklearn import RegressorMixin, Tags, validate_data

Self = TypeVar("Self", bound="SKLearnRegressor")


class SKLearnRegressor(RegressorMixin, SKLBase):
    """A model as a regressor; `score` is the coefficient of determination.

    Args:
        model: a compiled model, which each `fit` clones, or a function that returns one; it gets `X` and `y` if it has
            such arguments, and `model_kwargs`.
        warm_start: go on with the weights of the `fit` before.
        model_kwargs: arguments of the function.
        fit_kwargs: arguments of `Model.fit`; those given to `fit` come first.
        compile_kwargs: arguments of `Model.compile`, in place of those that the model was compiled with.
        random_state: a whole number for the same result in each `fit`.

    Attributes:
        model_: the trained model.
        history_: what its `fit` returned.
        n_features_in_, feature_names_in_: as scikit-learn has them.

    Parameters in two parts reach inside: `model__NAME`, `fit__NAME`, `compile__NAME`, `optimizer__NAME`.

    >>> from sequax import Sequential, layers
    >>> def make(units=8):
    ...     model = Sequential([layers.Dense(units, activation="relu"), layers.Dense(1)])
    ...     model.compile("adam", "mse")
    ...     return model
    >>> estimator = SKLearnRegressor(make, fit_kwargs={"epochs": 3}, random_state=0)
    >>> estimator.set_params(model__units=4).fit([[0.0], [1.0], [2.0]], [0.0, 1.0, 2.0]).predict([[3.0]]).shape
    (1,)
    """

    def partial_fit(self: Self, X: Data, y: Data, sample_weight: Data | None = None, **kwargs: Any) -> Self:
        """Train on for one epoch with some rows.

        Args:
            X, y, sample_weight, **kwargs: as for `fit`.
        """
        return self._partial_fit(X, y, weighed(kwargs, sample_weight), known=None)

    def predict(self, X: Data) -> np.ndarray:
        """The predicted targets, in the shape of those that `fit` got.

        Args:
            X: inputs.
        """
        outputs = self._outputs(X).astype(np.float64)
        rows = outputs.shape[:1]
        return outputs.reshape(rows + self._target_shape) if outputs.size == rows[0] else outputs

    def _checked(self, X: Data, y: Data, reset: bool) -> tuple[np.ndarray, Any]:
        shape: tuple[int, ...] = getattr(y, "shape", ())
        several = self._looks_at_targets() or (len(shape) == 2 and shape[1] > 1)
        return validate_data(self, X, y, reset=reset, **ACCEPTED, multi_output=several, y_numeric=True)

    def _looks_at_targets(self) -> bool:
        """Whether the model has as many outputs as the targets have columns."""
        return not isinstance(self.model, Model) and callable(self.model) and bool(arguments_for(self.model, {"y": 0}))

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.regressor_tags.poor_score = True
        tags.target_tags.multi_output = self._looks_at_targets()
        return tags
