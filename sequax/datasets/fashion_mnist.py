"""Fashion-MNIST: articles of clothing, ten classes."""

from __future__ import annotations

import gzip
import zlib
from typing import TYPE_CHECKING

import numpy as np

from .._lazy import listed
from ..utils.downloads import get_file
from .arrays import ORIGIN, Split

# Magic numbers of the idx format: bytes, with so many dimensions.
_IMAGES, _LABELS = 0x0803, 0x0801


def load_data() -> tuple[Split, Split]:
    """60,000 articles to train on and 10,000 to test with, as `(x_train, y_train), (x_test, y_test)`.

    The classes are 0 T-shirt or top, 1 trouser, 2 pullover, 3 dress, 4 coat, 5 sandal, 6 shirt, 7 sneaker, 8 bag and
    9 ankle boot. Four files are downloaded unless they are in the cache (30 MB).

    Returns:
        uint8 arrays: images `(n, 28, 28)` from 0 to 255, and labels `(n,)` from 0 to 9.

    Source: H. Xiao, K. Rasul and R. Vollgraf (2017), Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine
    Learning Algorithms, arXiv:1708.07747. Licence: MIT.
    """
    (y_train, x_train), (y_test, x_test) = (
        (_read(f"{part}-labels-idx1-ubyte.gz", _LABELS), _read(f"{part}-images-idx3-ubyte.gz", _IMAGES))
        for part in ("train", "t10k")
    )
    return (x_train, y_train), (x_test, y_test)


def _read(name: str, magic: int) -> np.ndarray:
    """An array of a file in the idx format: a magic number, the sizes as 32-bit numbers, and the bytes."""
    # Keras knows no hashes of these files either; that each is whole is checked here.
    path = get_file(name, origin=f"{ORIGIN}{name}", cache_subdir="datasets/fashion-mnist")
    dimensions = magic & 0xFF
    try:
        with gzip.open(path, "rb") as file:
            header = np.frombuffer(file.read(4 * (dimensions + 1)), ">u4").tolist()
            data = file.read()
    except (OSError, EOFError, zlib.error, ValueError) as error:
        raise ValueError(f"{path} is damaged: {error}. Delete it to download it again.") from None
    if len(header) != dimensions + 1 or header[0] != magic or len(data) != int(np.prod(header[1:])):
        raise ValueError(f"{path} is not the file it should be, or not whole. Delete it to download it again.")
    return np.frombuffer(data, np.uint8).reshape(header[1:]).copy()


__all__ = ["load_data"]

if not TYPE_CHECKING:
    __getattr__, __dir__ = listed(__name__)
