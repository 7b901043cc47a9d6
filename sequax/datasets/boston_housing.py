"""Boston housing: 13 facts about a district, and the median price of its homes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._lazy import listed
from ..utils.downloads import get_file
from .arrays import ORIGIN, Split, check_test_split, load_arrays, shuffled, split


def load_data(path: str = "boston_housing.npz", test_split: float = 0.2, seed: int = 113) -> tuple[Split, Split]:
    """506 districts of 1970 as `(x_train, y_train), (x_test, y_test)`.

    One of the columns is made from the share of Black residents, on the assumption that segregation raises prices; the
    data are kept for old examples. Use `california_housing` for anything else.

    Args:
        path: name of the file in the cache, `~/.keras/datasets`; downloaded if it is not there (57 kB).
        test_split: share of the districts to test with.
        seed: of the mixing.

    Returns:
        float64 arrays: facts `(n, 13)`, and prices in thousands of dollars `(n,)`.

    Source: D. Harrison and D. L. Rubinfeld (1978), Hedonic prices and the demand for clean air.
    """
    check_test_split(test_split)
    file = get_file(
        path,
        origin=f"{ORIGIN}boston_housing.npz",
        file_hash="f553886a1f8d56431e820c5b82552d9d95cfcb96d1e678153f8839538947dff5",
    )
    x, y = shuffled(seed, *load_arrays(file, "x", "y"))
    return split(x, y, test_split)


__all__ = ["load_data"]

if not TYPE_CHECKING:
    __getattr__, __dir__ = listed(__name__)
