"""What is taken from scikit-learn, in one place, so that one sentence says how to get it."""

from __future__ import annotations

try:
    from sklearn.base import (
        BaseEstimator as BaseEstimator,
        ClassifierMixin as ClassifierMixin,
        ClassNamePrefixFeaturesOutMixin as ClassNamePrefixFeaturesOutMixin,
        RegressorMixin as RegressorMixin,
        TransformerMixin as TransformerMixin,
    )
    from sklearn.utils import Tags as Tags, check_random_state as check_random_state
    from sklearn.utils.multiclass import (
        check_classification_targets as check_classification_targets,
        type_of_target as type_of_target,
    )
    from sklearn.utils.validation import check_is_fitted as check_is_fitted, validate_data as validate_data
except ImportError as error:
    raise ImportError(
        "sequax.wrappers needs scikit-learn 1.6 or newer. Install it with `pip install 'sequax[sklearn]'` or"
        " `pip install scikit-learn`."
    ) from error
