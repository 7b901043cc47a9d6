"""MNIST: handwritten digits, ten classes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._lazy import listed
from ..utils.downloads import get_file
from .arrays import ORIGIN, Split, load_arrays


def load_data(path: str = "mnist.npz") -> tuple[Split, Split]:
    """60,000 digits to train on and 10,000 to test with, as `(x_train, y_train), (x_test, y_test)`.

    Args:
        path: name of the file in the cache, `~/.keras/datasets`; downloaded if it is not there (11 MB).

    Returns:
        uint8 arrays: images `(n, 28, 28)` from 0 to 255, and labels `(n,)` from 0 to 9.

    Source: Y. LeCun, L. Bottou, Y. Bengio and P. Haffner (1998), Gradient-based learning applied to document
    recognition. Licence: CC BY-SA 3.0.
    """
    file = get_file(
        fname=path,
        origin=f"{ORIGIN}mnist.npz",
        file_hash="731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1",
    )
    x_train, y_train, x_test, y_test = load_arrays(file, "x_train", "y_train", "x_test", "y_test")
    return (x_train, y_train), (x_test, y_test)


__all__ = ["load_data"]

if not TYPE_CHECKING:
    __getattr__, __dir__ = listed(__name__)
