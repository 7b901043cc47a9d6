"""Real handwritten digits, small enough to ship: 1,797 images of 8 x 8 pixels, ten classes."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

import numpy as np

from .._lazy import listed

Split = tuple[np.ndarray, np.ndarray]


def load_data() -> tuple[Split, Split]:
    """Load the digits as `(x_train, y_train), (x_test, y_test)`.

    Pixels count ink: whole numbers from 0 (paper) to 16 (all ink), **not** 0 to 255, so `Rescaling(1 / 16)` brings
    them to 0..1. Images have no channel axis; a convolution wants `x[..., None]` or `Reshape((8, 8, 1))`.

    The split is fixed (stratified by class, the same for everyone): 1,437 images to train on, 360 held out. Writers are
    mixed across the two halves, so the test accuracy says how well new digits of known writers are read.

    Returns:
        Two pairs of `uint8` arrays: images of shape `(n, 8, 8)` and labels of shape `(n,)`, from 0 to 9. Each call
        returns fresh arrays.

    Source: E. Alpaydin and C. Kaynak (1998), Optical Recognition of Handwritten Digits, UCI Machine Learning
    Repository, https://doi.org/10.24432/C50P49 (its test part, as carried by scikit-learn), licence CC BY 4.0; the
    changes made are listed in `DIGITS-LICENSE.md` beside this file.

    >>> (x_train, y_train), (x_test, y_test) = load_data()
    >>> x_train.shape, x_test.shape
    ((1437, 8, 8), (360, 8, 8))
    >>> int(x_train.min()), int(x_train.max())
    (0, 16)
    """
    with (
        files("sequax.datasets").joinpath("digits.npz").open("rb") as file,
        np.load(file, allow_pickle=False) as arrays,
    ):
        return (arrays["x_train"], arrays["y_train"]), (arrays["x_test"], arrays["y_test"])


__all__ = ["load_data"]

if not TYPE_CHECKING:
    __getattr__, __dir__ = listed(__name__)
