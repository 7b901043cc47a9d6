"""`model.overfit_batch(x, y)`: whether a model can learn one batch by heart, which each that can learn at all does."""

from __future__ import annotations

import math
import os
from typing import TYPE_CHECKING, Any

from ..callbacks import History, figure as figures
from ..core import html
from ..core.types import Data
from ..utils import curves
from . import sample as samples

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..model import Model

_LEARNED = 0.1  # of the loss at first


class OverfitBatch:
    """How well a model learned one batch.

    Attributes:
        losses: of each step; the first before any update.
        history: dict of all logs, by name.
        rows: of the batch.
        learned: whether the loss has fallen to a tenth or less, or the accuracy is whole.
    """

    def __init__(self, rows: int, history: dict[str, list[float]]):
        self.rows = rows
        self.history = history
        self.losses: list[float] = history.get("loss", [])

    @property
    def learned(self) -> bool:
        last = self.losses[-1] if self.losses else math.nan
        whole = any(values and values[-1] >= 1.0 for name, values in self.history.items() if name.endswith("accuracy"))
        return math.isfinite(last) and (whole or last <= self.losses[0] * _LEARNED)

    def __repr__(self) -> str:
        if not self.losses or not math.isfinite(self.losses[-1]):
            return f"A batch of {self.rows} rows was not learned: the loss is not finite. Lower the learning rate."
        way = f"the loss went from {self.losses[0]:.4g} to {self.losses[-1]:.4g} in {len(self.losses)} steps"
        if self.learned:
            return f"A batch of {self.rows} rows was learned: {way}."
        return (
            f"A batch of {self.rows} rows was not learned: {way}. Try more steps or a higher learning rate; else look"
            f" at whether the loss fits the last activation, whether rows of x and y belong together, whether x is"
            f" scaled, and whether layers are frozen or drop too much."
        )

    def _repr_html_(self) -> str:
        series = {
            name: [(i + 1, value) for i, value in enumerate(values)] for name, values in self.history.items() if values
        }
        return f"<p>{html.escape(repr(self))}</p>{curves.charts(series)}"

    def plot(self, path: str | os.PathLike[str] | None = None) -> Figure:
        """Draw the loss over the steps with matplotlib.

        Args:
            path: of a file to save the chart to.

        Returns:
            The figure.
        """
        figure = figures.new_figure(1, "OverfitBatch.plot", numbers="OverfitBatch.losses")
        axes = figure.axes[0]
        axes.plot(range(1, len(self.losses) + 1), self.losses)
        axes.set(xlabel="step", ylabel="loss", yscale="log" if min(self.losses, default=0) > 0 else "linear")
        figures.whole_numbers(axes)
        return figures.saved(figure, path)


def overfit_batch(
    model: Model, x: Data, y: Data | None, sample_weight: Data | None, batch_size: int, steps: int, callbacks: Any
) -> OverfitBatch:
    """Train a copy of a model on one batch again and again."""
    if steps < 2 or batch_size < 1:
        raise ValueError(
            f"overfit_batch: expected at least 2 steps and 1 row. Received: steps={steps}, batch_size={batch_size}"
        )
    sample = samples.of(model, x, y, sample_weight, batch_size)
    try:
        history = samples.train(sample, sample.rows, steps, [*(callbacks or [])])
    except FloatingPointError:
        history = History()
        history.history = {"loss": [math.nan]}
    return OverfitBatch(sample.rows, history.history)
