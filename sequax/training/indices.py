"""Who asked for which index: the search for a bad lookup after a step whose results are not finite.

A lookup outside of a table gives NaN inside of a compiled program, which costs a step nothing. Only when a loss or an
output is not finite is the step run again, such that its lookups report (`core/lookups.py`); XLA leaves out all of the
step that does not lead to an index.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from ..core import lookups, settings
from ..core.types import Tensor
from ..layers.embedding import Embedding
from .chunks import StepRange
from .state import TrainState
from .step import take_batch

if TYPE_CHECKING:
    from ..data.source import Batch
    from ..model import Model


def looks_up(model: Model) -> bool:
    """Whether a model has lookups that can fail, and wants to know."""
    return settings.data_checks() and any(isinstance(layer, Embedding) for layer in model.flatten_layers())


def refuse_bad_lookup(function: Callable[..., Any], *given: object) -> None:
    """Raise for a bad lookup of a pure function of arrays, if there is one.

    Raises:
        ValueError: that says which layer was asked for which index.
    """
    with lookups.reported() as found:
        jax.jit(lambda *given: (function(*given), ())[1])(*given)
    if found:
        raise ValueError(found[0])


def bad_lookup_in(step: Callable[..., Any], state: TrainState, ranges: Sequence[StepRange]) -> str | None:
    """A sentence on the first bad lookup of a step, `(state, batch) -> ...`, in the batches of some ranges."""
    for steps in ranges:

        def run(state: TrainState, arrays: Batch, order: Tensor, i: Tensor, size: int = steps.batch_size) -> None:
            step(state, take_batch(arrays, order, i, size))

        with lookups.reported() as found:
            program = jax.jit(run)
            for i in range(steps.start, steps.stop):
                program(state, steps.block.arrays, steps.block.order, np.int32(i))
                jax.effects_barrier()
                if found:
                    return f"{found[0]} It was in batch {steps.number(i)} (counted from 0)."
    return None


def all_finite(outputs: object) -> bool:
    """Whether all sums of a structure of NumPy arrays and numbers are finite."""
    return all(bool(np.isfinite(np.sum(array))) for array in jax.tree.leaves(outputs))
