"""California housing: 8 facts about a block group, and the median value of its homes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._lazy import listed
from ..utils.downloads import get_file
from .arrays import ORIGIN, Split, check_test_split, load_arrays, shuffled, split

_SMALL = 600


def load_data(
    version: str = "large", path: str = "california_housing.npz", test_split: float = 0.2, seed: int = 113
) -> tuple[Split, Split]:
    """20,640 block groups of 1990 as `(x_train, y_train), (x_test, y_test)`.

    The facts are longitude, latitude, median age of homes, rooms, bedrooms, residents, households and median income.

    Args:
        version: `"large"`: all; `"small"`: the first 600.
        path: name of the file in the cache, `~/.keras/datasets`; downloaded if it is not there (0.7 MB).
        test_split: share of the block groups to test with.
        seed: of the mixing.

    Returns:
        float32 arrays: facts `(n, 8)`, and values in dollars `(n,)`.

    Raises:
        ValueError: for another version.

    Source: R. K. Pace and R. Barry (1997), Sparse spatial autoregressions.
    """
    check_test_split(test_split)
    if version not in ("small", "large"):
        raise ValueError(f"Argument `version` must be 'small' or 'large'. Received: version={version!r}")
    file = get_file(
        path,
        origin=f"{ORIGIN}california_housing.npz",
        file_hash="1a2e3a52e0398de6463aebe6f4a8da34fb21fbb6b934cf88c3425e766f2a1a6f",
    )
    x, y = load_arrays(file, "x", "y")
    count = _SMALL if version == "small" else len(x)
    x, y = shuffled(seed, x[:count], y[:count])
    return split(x, y, test_split)


__all__ = ["load_data"]

if not TYPE_CHECKING:
    __getattr__, __dir__ = listed(__name__)
