"""`SKLearnClassifier`."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np

from ..core.types import Data
from . import labels
from .base import ACCEPTED, SKLBase, weighed
from .sklearn import ClassifierMixin, Tags, check_classification_targets, type_of_target, validate_data

Self = TypeVar("Self", bound="SKLearnClassifier")


class SKLearnClassifier(ClassifierMixin, SKLBase):
    """A model as a classifier; `score` is the accuracy.

    Labels may be numbers or strings. What the loss takes is made of them: numbers for a sparse one, a column of 0 and
    1 for a model with one output, one-hot rows otherwise. Where rows have several labels at once, y is a matrix with a
    column of 0 and 1 for each of them, the model ends with as many sigmoids, and `predict` gives such a matrix.

    Args:
        model: a compiled model, which each `fit` clones, or a function that returns one; it gets `X` and one-hot `y`
            if it has such arguments, and `model_kwargs`.
        warm_start: go on with the weights of the `fit` before.
        model_kwargs: arguments of the function.
        fit_kwargs: arguments of `Model.fit`; those given to `fit` come first. `class_weight` is "balanced", or a dict
            from label to weight.
        compile_kwargs: arguments of `Model.compile`, in place of those that the model was compiled with.
        random_state: a whole number for the same result in each `fit`.

    Attributes:
        model_: the trained model.
        history_: what its `fit` returned.
        classes_: the labels, sorted.
        n_features_in_, feature_names_in_: as scikit-learn has them.

    Parameters in two parts reach inside: `model__NAME`, `fit__NAME`, `compile__NAME`, `optimizer__NAME`.

    >>> from sequax import Sequential, layers
    >>> def make(y, units=8):
    ...     outputs = layers.Dense(y.shape[1], activation="softmax")
    ...     model = Sequential([layers.Dense(units, activation="relu"), outputs])
    ...     model.compile("adam", "categorical_crossentropy")
    ...     return model
    >>> estimator = SKLearnClassifier(make, fit_kwargs={"epochs": 3}, random_state=0)
    >>> estimator.fit([[0.0], [1.0], [2.0]], ["low", "high", "high"]).predict_proba([[3.0]]).shape
    (1, 2)
    """

    classes_: np.ndarray
    _several = False  # labels per row

    def fit(self: Self, X: Data, y: Data, sample_weight: Data | None = None, **kwargs: Any) -> Self:
        """Build a new model and train it.

        Args:
            X: inputs, first axis the sample: arrays, lists of numbers, pandas or polars tables.
            y: a label per row, or a column of 0 and 1 per label.
            sample_weight: how much each row counts.
            **kwargs: arguments of `Model.fit`, such as `epochs` and `class_weight`.

        Raises:
            ValueError: for data that do not fit.
        """
        given, weights = np.asarray(y), np.asarray(sample_weight)
        if sample_weight is not None and weights.shape == given.shape and weights.any():
            counted = np.unique(given[weights != 0])
            if len(counted) == 1:
                raise ValueError(f"sample_weight leaves rows of one class, {counted.tolist()[0]!r}: all others are 0.")
        return super().fit(X, y, sample_weight, **kwargs)

    def partial_fit(
        self: Self, X: Data, y: Data, classes: Data | None = None, sample_weight: Data | None = None, **kwargs: Any
    ) -> Self:
        """Train on for one epoch with some rows.

        Args:
            X, y, sample_weight, **kwargs: as for `fit`.
            classes: all labels there are, at the first call; default: those of `y`.
        """
        settings = weighed(kwargs, sample_weight)
        return self._partial_fit(X, y, settings, known=None if classes is None else np.unique(np.asarray(classes)))

    def predict(self, X: Data) -> np.ndarray:
        """The label of each row; of several per row a column of 0 and 1 for each.

        Args:
            X: inputs.
        """
        probabilities = self.predict_proba(X)
        if self._several:
            return (probabilities > 0.5).astype(np.int64)
        return self.classes_[probabilities.argmax(axis=1)]

    def predict_proba(self, X: Data) -> np.ndarray:
        """The probability of each class, in the order of `classes_`; a column for each, also with two classes.

        Args:
            X: inputs.
        """
        outputs = self._outputs(X)
        if self._several:
            return labels.chances(self.model_, outputs)
        return labels.probabilities(self.model_, outputs, len(self.classes_))

    def predict_log_proba(self, X: Data) -> np.ndarray:
        """The logarithms of `predict_proba`.

        Args:
            X: inputs.
        """
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))

    def decision_function(self, X: Data) -> np.ndarray:
        """The outputs of the model; of two classes one number, above 0 where the second is more likely.

        Args:
            X: inputs.
        """
        outputs = self._outputs(X)
        if self._several:
            least = np.finfo(np.float64).tiny
            chances = labels.chances(self.model_, outputs)
            return np.log(np.maximum(chances, least)) - np.log(np.maximum(1 - chances, least))
        if len(self.classes_) > 2:
            return outputs[:, : len(self.classes_)]
        both = np.maximum(labels.probabilities(self.model_, outputs, 2), np.finfo(np.float64).tiny)
        return np.log(both[:, 1]) - np.log(both[:, 0])

    def _checked(self, X: Data, y: Data, reset: bool) -> tuple[np.ndarray, Any]:
        if not _is_matrix(y):
            return super()._checked(X, y, reset)
        return validate_data(self, X, y, reset=reset, **ACCEPTED, multi_output=True)

    def _learn_targets(self, y: Any) -> Any:
        _check_labels(y)
        self._several = _is_matrix(y)
        if self._several:
            self.classes_ = np.arange(y.shape[1])
            return y
        self.classes_ = np.unique(y)
        if len(self.classes_) == 1:
            raise ValueError(
                "Classifier can't train when only one class is present. Received: y with"
                f" {self.classes_.tolist()[0]!r} alone."
            )
        return np.eye(len(self.classes_))[self._numbers(y)]

    def _targets(self, y: Any) -> Any:
        if self._several or _is_matrix(y):
            labels.check_several(self.model_, y, len(self.classes_), self._several)
            return np.asarray(y, np.float32)
        return labels.encoded(self.model_, self._numbers(y), len(self.classes_))

    def _numbers(self, y: Any) -> np.ndarray:
        """The place of each label in `classes_`.

        Raises:
            ValueError: for a label that the model was not made for.
        """
        places = np.searchsorted(self.classes_, y)
        unknown = self.classes_[np.minimum(places, len(self.classes_) - 1)] != y
        if np.any(unknown):
            raise ValueError(
                f"y has the label {np.asarray(y)[unknown].tolist()[0]!r}, which is not among {self.classes_.tolist()}."
                f" Name all labels at the first call: partial_fit(X, y, classes=[...])."
            )
        return places

    def _weigh_classes(self, y: Any, settings: dict[str, Any]) -> None:
        weights = settings.pop("class_weight", None)
        if weights is None:
            return
        if self._several:
            raise ValueError("class_weight is for one label per row. Weigh rows with `sample_weight`.")
        by_number = labels.class_weights(weights, self.classes_, self._numbers(y))
        if settings.get("sample_weight") is None:
            settings["class_weight"] = by_number
        else:  # `Model.fit` takes one of the two
            of_rows = np.array(list(by_number.values()))[self._numbers(y)]
            settings["sample_weight"] = of_rows * np.asarray(settings["sample_weight"], np.float64)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.poor_score = True
        return tags


def _is_matrix(y: Any) -> bool:
    shape = np.asarray(y).shape
    return len(shape) == 2 and shape[1] > 1


def _check_labels(y: Any) -> None:
    check_classification_targets(y)
    kind = type_of_target(y)
    if kind == "multilabel-indicator":
        if (np.asarray(y).sum(axis=1) == 1).all():
            raise ValueError(
                f"y should be a 1d array of labels, got an array of shape {np.shape(y)} with one label in each row. Of"
                f" one-hot rows that is `y.argmax(axis=1)`."
            )
    elif kind not in ("binary", "multiclass"):
        raise ValueError(
            f"Only binary and multiclass target types are supported, and a column of 0 and 1 per label. Target type:"
            f" {kind}. Pass one label per row."
        )
