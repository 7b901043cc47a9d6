"""Files of a model that several processes hold together: all put the arrays together, and one writes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

from ..core import peers, placement
from ..core.types import Path
from . import layout


@contextmanager
def by_one(model: Any, path: Path) -> Iterator[bool]:
    """Around the writing of a file of a model; gives whether this process writes it.

    Where a model lies on devices of several processes, process 0 writes, and those that come here, too, go on when the
    file is there: all of them if weights are cut over them. In other cases each process writes what it is told to.

    Who loads the file builds the optimizer for what the model trains, so its state in the file is of that, too,
    whatever was trained in the last `fit`.
    """
    optimizer = getattr(model, "optimizer", None)
    built = optimizer.built_for(model.trainable_variables) if optimizer is not None else nullcontext()
    with built, in_one(model, path) as writes:
        yield writes


@contextmanager
def in_one(model: Any, path: Path) -> Iterator[bool]:
    """The same, where nothing of the optimizer is written."""
    place = placement.where(model) if hasattr(model, "state_variables") else placement.DEVICE
    if place.processes == 1:
        yield True
        return
    in_files = (variable for one in layout.places(model) for variable in one.variables)
    variables = {id(variable): variable for variable in (*in_files, *model.variables)}  # with those of adapters
    try:
        with placement.fetched(variables.values()):
            yield place.leads
    finally:
        # Of this name, for process 0 may have written others alone; in a folder that each process may have its own of.
        peers.done_by_first(f"the writing of {os.path.basename(os.fsdecode(path))}")
