"""CIFAR-100: small colour photographs, a hundred classes in twenty groups."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from .._lazy import listed
from ..utils.downloads import get_file
from .arrays import Split
from .cifar import arranged, load_batch


def load_data(label_mode: str = "fine") -> tuple[Split, Split]:
    """50,000 photographs to train on and 10,000 to test with, as `(x_train, y_train), (x_test, y_test)`.

    Args:
        label_mode: `"fine"`: 100 classes; `"coarse"`: 20 groups of five classes each.

    An archive is downloaded and unpacked unless it is in the cache (169 MB).

    Returns:
        Images: uint8 `(n, 32, 32, 3)` (or `(n, 3, 32, 32)`, as `image_data_format()` says) from 0 to 255; labels: int64
        `(n, 1)`.

    Raises:
        ValueError: for another mode.

    Source: A. Krizhevsky (2009), Learning Multiple Layers of Features from Tiny Images.
    """
    if label_mode not in ("fine", "coarse"):
        raise ValueError(f'`label_mode` must be one of `"fine"`, `"coarse"`. Received: label_mode={label_mode!r}')
    folder = get_file(
        fname="cifar-100-python-target",
        origin="https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz",
        extract=True,
        file_hash="85cd44d02ba6437773c5bbd22e183051d648de2e7d6b014e1ef29b855ba677a7",
    )
    key = f"{label_mode}_labels".encode()
    (x_train, y_train), (x_test, y_test) = (
        load_batch(os.path.join(folder, "cifar-100-python", name), key) for name in ("train", "test")
    )
    return (arranged(x_train), y_train), (arranged(x_test), y_test)


__all__ = ["load_data"]

if not TYPE_CHECKING:
    __getattr__, __dir__ = listed(__name__)
