"""`Trying`: methods of a model that try something on a copy of it, in `trials/`; the model itself stays as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .core.layer import Layer
from .core.tracebacks import public
from .core.types import Data

if TYPE_CHECKING:
    from .training.types import Callbacks
    from .trials.batch_size import BatchSizes
    from .trials.overfit import OverfitBatch
    from .trials.profile import Profile


class Trying(Layer):
    """The side of a `Model` that finds out how training would go."""

    @public
    def overfit_batch(
        self: Any,
        x: Data,
        y: Data | None = None,
        batch_size: int = 32,
        steps: int = 200,
        sample_weight: Data | None = None,
        callbacks: Callbacks = None,
    ) -> OverfitBatch:
        """Train a copy of the model on one batch again and again: a model that can learn anything learns that by heart.

        Args:
            x: inputs, as for `fit`; the first rows are taken, of a stream one batch.
            y: their targets.
            batch_size: rows.
            steps: updates.
            sample_weight: a weight per row.
            callbacks: list of callbacks, whose `model` is the copy.

        Returns:
            `losses`, `history` and `learned`; printed, it says how it went and where to look if it did not.

        Raises:
            ValueError: for data that do not fit the model.
        """
        from .trials.overfit import overfit_batch

        return overfit_batch(self, x, y, sample_weight, batch_size, steps, callbacks)

    @public
    def find_batch_size(
        self: Any,
        x: Data,
        y: Data | None = None,
        smallest: int = 8,
        largest: int | None = None,
        seconds: float = 0.2,
        sample_weight: Data | None = None,
    ) -> BatchSizes:
        """Measure how fast a copy of the model trains with batches of each power of two, and which fit into memory.

        Args:
            x: inputs, as for `fit`; of a stream one batch is taken.
            y: their targets.
            smallest, largest: the sizes to try; `largest=None`: the number of rows, at most 4096.
            seconds: to measure each for, compilation apart.
            sample_weight: a weight per row.

        Returns:
            `sizes`, `largest` and `suggestion`; printed, it is a table.

        Raises:
            ValueError: for sizes that make no sense, or data that do not fit the model.
        """
        from .trials.batch_size import find_batch_size

        return find_batch_size(self, x, y, sample_weight, smallest, largest, seconds)

    @public
    def profile(self: Any, x: Data, y: Data | None = None, batch_size: int = 32) -> Profile:
        """Measure time, operations and memory of each layer on a batch, and of the whole.

        Args:
            x: inputs; the first rows are taken.
            y: their targets: a step of training is measured, too, if the model is compiled.
            batch_size: rows.

        Returns:
            `layers`, `forward_seconds` and `step_seconds`; printed, it is a table; `plot()` draws it.

        Raises:
            ValueError: for data that do not fit, or a model with a `call` of its own.
        """
        from .trials.profile import profile

        return profile(self, x, y, batch_size)
