"""A copy of a model and a batch of its data, to try something on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import numpy as np

from ..callbacks import CallbackList, History
from ..copying import copy_of
from ..core import rng
from ..core.tensor import leaves
from ..core.types import Data
from ..data import prepare, streams
from ..data.arrays import ArraySource
from ..data.prepare import FitArguments, TrainingData
from ..data.source import Batch
from ..training import compiled, data_spec, fit as training
from ..training.claims import Claim
from ..training.resolve import compilation_of

if TYPE_CHECKING:
    from ..model import Model


class Sample(NamedTuple):
    """A copy of a model, built, and some rows as its programs take them."""

    model: Model
    batch: Batch

    @property
    def rows(self) -> int:
        return len(leaves(self.batch)[0])


def of(model: Model, x: Data, y: Data | None, sample_weight: Data | None, rows: int) -> Sample:
    """A copy of a compiled model and the first rows of data, checked as `fit` checks them.

    Args:
        model: stays as it is, unbuilt too.
        x, y, sample_weight: as for `fit`; of a stream one batch is taken.
        rows: at most so many.

    Raises:
        RuntimeError: if the model is not compiled.
        ValueError: for data that do not fit the model.
    """
    compilation_of(model)
    twin, drawn = copy_of(model), rng.state()
    try:
        given = arguments(x, y, sample_weight, None if streams.is_stream(x) else rows)
        source: Any = prepare.training_data(data_spec.of(twin, training=True), given).train
    finally:
        rng.restore(drawn)
    if hasattr(source, "peek"):
        batch = source.peek()
    else:
        batch = source.arrays if hasattr(source, "arrays") else source.batch(0, min(rows, source.rows))
    return Sample(twin, jax.tree.map(lambda array: np.asarray(array[:rows]), batch))


def arguments(x: Data, y: Data | None, sample_weight: Data | None, batch_size: int | None) -> FitArguments:
    """Those of a `fit` over one epoch, in the order of the rows."""
    return FitArguments(
        x, y, sample_weight, None, batch_size, False, 1, 0, None, None, 0.0, None, None, 1, accepts_nan=True
    )  # fmt: skip


def train(sample: Sample, batch_size: int, epochs: int, callbacks: list[Any]) -> History:
    """Train the copy on the rows, in their order; returns what each epoch gave."""
    model, batch = sample
    given = arguments(batch.x, batch.y, batch.weight, batch_size)._replace(epochs=epochs)
    source = ArraySource(batch, batch_size)
    with Claim(model, "fit") as claim:
        listeners = CallbackList(
            callbacks, add_history=True, model=model, verbose=0, epochs=epochs, steps=source.steps
        )  # fmt: skip
        with compiled.eagerly(model):
            training.fit(model, TrainingData(source, None), given, listeners, claim)
    return listeners.history
