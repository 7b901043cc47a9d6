"""How each library trains and predicts: one module per library, the plain loop that its own guide teaches.

Each module has `make(workload, x, y, module) -> Run`; `module` is the name to import for Keras-like libraries.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

CHUNK = 1024  # rows in one call, where the user splits a large prediction


class Run(NamedTuple):
    """One model with its data. `fit` trains `epochs` epochs on from where it stands, and gives the last one's loss."""

    fit: Callable[[], float]
    predict: Callable[[np.ndarray], np.ndarray] | None = None
    search: Callable[[int], None] | None = None  # so many times: clone, compile, fit one epoch
