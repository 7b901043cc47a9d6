"""Numbers so large that training with them goes astray, though all are finite."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...core.warning import warn
from .reporting import label

# Years, prices and bytes of images are below; times in seconds since 1970, numbers of rows and identifiers above.
LARGEST = 1e6
_SAMPLED_ROWS = 1000


def has_large(array: object) -> bool:
    """Whether an array has entries beyond a million, in a sample of the rows."""
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "fiu" or not array.size:
        return False
    sample = _sampled(array)
    # As Python's floats: a million does not fit into float16, and NumPy warns of that.
    return float(sample.max()) > LARGEST or float(sample.min()) < -LARGEST


def warn_of_magnitude(x: Sequence[np.ndarray], layers: Sequence[str | None], names: Sequence[str]) -> None:
    """Warn when inputs that a layer multiplies by its kernel have entries beyond a million, in a sample of the rows.

    Args:
        x: the inputs.
        layers: the name of that layer for each; None where there is none.
        names: of the inputs.
    """
    for i, (array, layer) in enumerate(zip(x, layers, strict=True)):
        if layer is None or not has_large(array):
            continue
        sizes = np.abs(_sampled(array).astype(np.float64))
        where = f", in column {int(sizes.max(0).argmax())}" if array.ndim == 2 and array.shape[1] > 1 else ""
        warn(
            f"{label('x', names, i)} has numbers up to {sizes.max():.1e}{where}, and layer '{layer}' multiplies them as"
            f" they are: losses and gradients become as large, and training goes astray. Scale the data, or begin the"
            f" model with a `Normalization()` layer and call its `adapt(x)`."
        )


def _sampled(array: np.ndarray) -> np.ndarray:
    return array[:: max(1, len(array) // _SAMPLED_ROWS)]
