"""Write `sequax/datasets/digits.npz` from the copy of the UCI digits that scikit-learn carries.

Run `python tools/make_digits.py`; scikit-learn (in the `dev` extra) is needed here, never at run time. The split is
part of the data set: the file holds both halves, so everyone's test accuracy is about the same 360 digits.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

DESTINATION = Path(__file__).resolve().parents[1] / "sequax" / "datasets" / "digits.npz"
TEST_SIZE = 360
SEED = 0


def split_digits() -> dict[str, np.ndarray]:
    """The four arrays of the file, by name; every class has the same share in both halves."""
    bunch = load_digits()
    images, labels = bunch.images.astype("uint8"), bunch.target.astype("uint8")
    if not np.array_equal(images, bunch.images):
        raise ValueError("scikit-learn's digits are not whole numbers that uint8 can hold; the file was not written.")
    rows = np.arange(len(labels))
    train, test = train_test_split(rows, test_size=TEST_SIZE, random_state=SEED, stratify=labels)
    return {
        "x_train": images[train],
        "y_train": labels[train],
        "x_test": images[test],
        "y_test": labels[test],
    }


if __name__ == "__main__":
    arrays = split_digits()
    np.savez_compressed(DESTINATION, allow_pickle=False, **arrays)
    print(f"{DESTINATION.name}: {DESTINATION.stat().st_size:,} bytes, { ({k: v.shape for k, v in arrays.items()}) }")
