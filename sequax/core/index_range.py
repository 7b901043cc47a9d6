"""Numbers of rows that a table does not have, in words."""

from __future__ import annotations

import numpy as np


def problem_with(indices: np.ndarray, limit: int, owner: str) -> str | None:
    """A sentence on the numbers that are outside of a table of `limit` rows; None if there are none."""
    if not indices.size or (indices.min() >= 0 and indices.max() < limit):
        return None
    bad = (indices < 0) | (indices >= limit)
    place = tuple(map(int, np.unravel_index(int(bad.argmax()), bad.shape)))
    return (
        f"{owner} was asked for index {int(indices[place])} (at {place} in its input of shape {indices.shape}), outside"
        f" 0..{limit - 1} (input_dim={limit}): {remedies(limit, int(indices.min()), int(indices.max()))}."
    )


def remedies(limit: int, lowest: int, highest: int) -> str:
    """What to do about numbers from `lowest` to `highest` that do not all lie in a table of `limit` rows."""
    found = []
    if highest >= limit:
        found.append(f"input_dim must be at least {highest + 1} for these data")
    if lowest < 0:
        found.append("indices must not be negative; keep 0 for padding or unknown entries")
    return "; ".join(found)
