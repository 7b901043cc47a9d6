"""CIFAR-10: small colour photographs, ten classes."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np

from .._lazy import listed
from ..utils.downloads import get_file
from .arrays import Split
from .cifar import arranged, load_batch


def load_data() -> tuple[Split, Split]:
    """50,000 photographs to train on and 10,000 to test with, as `(x_train, y_train), (x_test, y_test)`.

    The classes are 0 airplane, 1 automobile, 2 bird, 3 cat, 4 deer, 5 dog, 6 frog, 7 horse, 8 ship and 9 truck. An
    archive is downloaded and unpacked unless it is in the cache (170 MB).

    Returns:
        uint8 arrays: images `(n, 32, 32, 3)` (or `(n, 3, 32, 32)`, as `image_data_format()` says) from 0 to 255, and
        labels `(n, 1)` from 0 to 9.

    Source: A. Krizhevsky (2009), Learning Multiple Layers of Features from Tiny Images.
    """
    folder = get_file(
        fname="cifar-10-batches-py-target",
        origin="https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
        extract=True,
        file_hash="6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
    )
    folder = os.path.join(folder, "cifar-10-batches-py")
    batches = [load_batch(os.path.join(folder, f"data_batch_{i}"), b"labels") for i in range(1, 6)]
    x_train, y_train = (np.concatenate(parts) for parts in zip(*batches, strict=True))
    x_test, y_test = load_batch(os.path.join(folder, "test_batch"), b"labels")
    return (arranged(x_train), y_train.astype("uint8")), (arranged(x_test), y_test.astype("uint8"))


__all__ = ["load_data"]

if not TYPE_CHECKING:
    __getattr__, __dir__ = listed(__name__)
