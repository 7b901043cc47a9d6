"""Data sets that do no more than slice, mix and batch arrays: `fit` reads these arrays as if it had been given them."""

from __future__ import annotations

from typing import Any, NamedTuple

from .batching import Batch
from .ordering import Cache, Prefetch, Shuffle
from .sources import Slices
from .structures import Nest

_PASSES_APART = 1_000_003  # between the seeds of two calls of `fit`


class Whole(NamedTuple):
    """Arrays, and how they are read.

    Fields:
        seed: of the order, which is another one in each pass; None: as they lie.
    """

    values: Nest
    batch_size: int
    seed: int | None


def whole_arrays(data: Any) -> Whole | None:
    """The arrays of a data set; None if it does more, or is none."""
    stage = _through(getattr(data, "stage", None))
    if type(stage) is not Batch:
        return None
    batch, stage = stage, _through(stage.source)
    mixing = stage if isinstance(stage, Shuffle) else None
    stage = _through(mixing.source) if mixing is not None else stage
    if type(stage) is not Slices or (mixing is not None and not (mixing.anew and mixing.covers(stage.rows))):
        return None
    if not stage.rows or (batch.drop_remainder and stage.rows % batch.size):
        return None
    if mixing is None:
        return Whole(stage.values, batch.size, None)
    seed = mixing.seed + _PASSES_APART * mixing.passes
    mixing.passes += 1
    return Whole(stage.values, batch.size, seed)


def _through(stage: Any) -> Any:
    """The stage behind those that change nothing."""
    while type(stage) in (Prefetch, Cache):
        stage = stage.source
    return stage
