"""Models as estimators of scikit-learn: public namespace `keras.wrappers`.

`SKLearnClassifier`, `SKLearnRegressor` and `SKLearnTransformer` stand wherever scikit-learn takes an estimator: in
pipelines, searches, cross-validation. Models of equal structure share compiled programs, so that a search compiles
once per structure. They need scikit-learn: `pip install 'sequax[sklearn]'`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._lazy import lazily

_NAMES = {
    "SKLearnClassifier": ".classifier",
    "SKLearnRegressor": ".regressor",
    "SKLearnTransformer": ".transformer",
}

if TYPE_CHECKING:  # the same for type checkers and editors
    from .classifier import SKLearnClassifier as SKLearnClassifier
    from .regressor import SKLearnRegressor as SKLearnRegressor
    from .transformer import SKLearnTransformer as SKLearnTransformer
else:
    __getattr__, __dir__, __all__ = lazily(__name__, (), _NAMES)
