"""scikit-learn's MLP, where the model is one. Each `fit` begins anew: that is what its `fit` does."""

from __future__ import annotations

import numpy as np

from ..workload import Workload
from . import Run


def make(workload: Workload, x: np.ndarray, y: np.ndarray, module: str) -> Run:
    estimator = workload.sklearn()
    estimator.random_state = 0
    estimator.learning_rate_init = workload.learning_rate

    def fit() -> float:
        estimator.fit(x, y.ravel())
        # scikit-learn minimizes half of the squared error
        return estimator.loss_ * (2 if workload.loss == "mse" else 1)

    return Run(fit)
