"""Where arrays lie while a model is trained, evaluated or asked for predictions.

Sources, jobs and snapshots put arrays on the device, and fetch them, through a `Placement`, so that nothing else has to
know where that is.
"""

from __future__ import annotations

from typing import Any

import jax
import numpy as np

from .types import Tensor


class Placement:
    """One device, JAX' default."""

    def put(self, arrays: object, in_place: bool = False) -> Any:
        """A structure of NumPy arrays as device arrays.

        Args:
            in_place: the device may use the memory of the arrays.
        """
        return jax.device_put(arrays, may_alias=in_place or None)

    def fetch(self, array: Tensor) -> np.ndarray:
        """A device array as a NumPy array, which may look into its memory."""
        # Not jax.device_get, which takes twenty microseconds for what takes two.
        return np.asarray(array)


DEVICE = Placement()
