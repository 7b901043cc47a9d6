"""`SKLearnTransformer`."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np

from ..core.types import Data
from ..model import Model
from .base import ACCEPTED, SKLBase, weighed
from .sklearn import (
    ClassNamePrefixFeaturesOutMixin,
    Tags,
    TransformerMixin,
    check_is_fitted,
    type_of_target,
    validate_data,
)

Self = TypeVar("Self", bound="SKLearnTransformer")


class SKLearnTransformer(ClassNamePrefixFeaturesOutMixin, TransformerMixin, SKLBase):
    """A model as a step that changes inputs, such as an encoder; `transform` is what the model predicts.

    Args:
        model: a compiled model, which each `fit` clones, or a function that returns one; it gets `X` and `y` if it has
            such arguments, and `model_kwargs`. A built model can `transform` without `fit`.
        warm_start: go on with the weights of the `fit` before.
        model_kwargs: arguments of the function.
        fit_kwargs: arguments of `Model.fit`; those given to `fit` come first.
        compile_kwargs: arguments of `Model.compile`, in place of those that the model was compiled with.
        random_state: a whole number for the same result in each `fit`.

    Attributes:
        model_: the trained model.
        history_: what its `fit` returned.
        n_features_in_, feature_names_in_: as scikit-learn has them.
    """

    def fit(self: Self, X: Data, y: Data | None = None, sample_weight: Data | None = None, **kwargs: Any) -> Self:
        """Build a new model and train it.

        Args:
            X: inputs, first axis the sample.
            y: targets; without them the model learns to give back its inputs.
            sample_weight: how much each row counts.
            **kwargs: arguments of `Model.fit`.
        """
        return super().fit(X, y, sample_weight, **kwargs)  # type: ignore[arg-type]

    def partial_fit(
        self: Self, X: Data, y: Data | None = None, sample_weight: Data | None = None, **kwargs: Any
    ) -> Self:
        """Train on for one epoch with some rows.

        Args:
            X, y, sample_weight, **kwargs: as for `fit`.
        """
        return self._partial_fit(X, y, weighed(kwargs, sample_weight), known=None)  # type: ignore[arg-type]

    def transform(self, X: Data) -> np.ndarray:
        """What the model makes of inputs.

        Args:
            X: inputs.
        """
        if not hasattr(self, "model_") and isinstance(self.model, Model) and self.model.built:
            return self._outputs_of(self.model, X)
        return self._outputs(X)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "model_") or (isinstance(self.model, Model) and self.model.built)

    @property
    def _n_features_out(self) -> int:
        check_is_fitted(self)
        model: Any = self.model_ if hasattr(self, "model_") else self.model
        return int(model.outputs[0].shape[-1])

    def _checked(self, X: Data, y: Data | None, reset: bool) -> tuple[np.ndarray, Any]:
        if y is None:
            x = validate_data(self, X, reset=reset, **ACCEPTED)
            return x, x
        x, targets = validate_data(self, X, y, reset=reset, **ACCEPTED, multi_output=True)
        type_of_target(targets, raise_unknown=True)
        return x, targets

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = []
        return tags
