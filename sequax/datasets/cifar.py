"""Reading the files of CIFAR-10 and CIFAR-100."""

from __future__ import annotations

import numpy as np

from ..core.settings import image_data_format
from .arrays import Split
from .pickles import load_pickle


def load_batch(path: str, label_key: bytes) -> Split:
    """Images `(n, 3, 32, 32)`, uint8, and a list of labels as int64 `(n, 1)`.

    Raises:
        ValueError: for a file that is damaged, or that holds more than arrays and numbers.
    """
    with open(path, "rb") as file:
        content = load_pickle(file)
    data, labels = (content.get(key) for key in (b"data", label_key)) if isinstance(content, dict) else (None, None)
    if not isinstance(data, np.ndarray) or data.dtype != np.uint8 or not isinstance(labels, list):
        raise ValueError(f"{path} is not a file of CIFAR. Delete the folder it is in to unpack it again.")
    if data.size != len(labels) * 3072:
        raise ValueError(f"{path} holds {len(labels)} labels, but {data.size:,} bytes of images of 3,072 bytes each.")
    return data.reshape(len(labels), 3, 32, 32), np.reshape(labels, (len(labels), 1))


def arranged(images: np.ndarray) -> np.ndarray:
    """Images with their channels where the setting of the process has them."""
    return images.transpose(0, 2, 3, 1) if image_data_format() == "channels_last" else images
