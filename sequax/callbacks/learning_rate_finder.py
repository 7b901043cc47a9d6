"""`LearningRateFinder`: try all learning rates on a few batches, and leave no trace."""

from __future__ import annotations

import math
import os
from typing import Annotated, Any

import numpy as np

from ..core import html
from ..core.kinds import AboveZero, Number, Rate, Real, Whole
from ..core.warning import warn
from ..utils import curves
from . import figure as figures
from .base import Callback, Logs
from .learning_rate import learning_rate_of

Steps = Annotated[int, Whole(2)]
Factor = Annotated[Number, Real(above=1)]


_LEAST_POINTS = 5  # of a line
_FEW_STEPS = 20


class LearningRateFinder(Callback):
    """Raises the learning rate from batch to batch, by equal factors, until the loss diverges.

    Give it to a `fit` of its own, whose results are not meant to be kept: afterwards weights, optimizer and learning
    rate are those of before.

    Args:
        min_learning_rate, max_learning_rate: the range.
        steps: batches, fewer if the `fit` has fewer.
        smoothing: how long the average of the losses remembers, from 0 (not at all) to below 1.
        divergence: training ends when the smoothed loss exceeds its least value by this factor.

    Attributes:
        learning_rates, losses, smoothed: a value per batch.
        suggestion: the rate at which the smoothed loss fell fastest, a good start for training; None if it never fell.

    Example:

        finder = LearningRateFinder()
        model.fit(x, y, epochs=5, callbacks=[finder])
        model.optimizer.learning_rate = finder.suggestion

    Raises:
        ValueError: for a range or numbers that make no sense.
        TypeError: if the learning rate of the optimizer is a schedule.

    Source: Smith 2017, Cyclical Learning Rates for Training Neural Networks, section 3.3; ending at divergence and
    taking the steepest point are later practice.
    """

    min_learning_rate: float
    max_learning_rate: float
    steps: int
    smoothing: float
    divergence: float
    accepts_nan = True  # a loss that is not finite is where the search ends

    def __init__(
        self,
        min_learning_rate: AboveZero = 1e-7,
        max_learning_rate: AboveZero = 10.0,
        steps: Steps = 100,
        smoothing: Rate = 0.9,
        divergence: Factor = 4.0,
    ) -> None:
        super().__init__()
        if not 0 < min_learning_rate < max_learning_rate < math.inf:
            raise ValueError(
                f"LearningRateFinder: expected 0 < min_learning_rate < max_learning_rate. Received: {min_learning_rate}"
                f" and {max_learning_rate}"
            )
        self._before: list[tuple[Any, np.ndarray]] = []
        self._restart(steps)

    def _restart(self, steps: int) -> None:
        self._sweep = np.geomspace(self.min_learning_rate, self.max_learning_rate, max(steps, 2))
        self.learning_rates: list[float] = []
        self.losses: list[float] = []
        self.smoothed: list[float] = []
        self._average = 0.0

    def on_train_begin(self, logs: Logs | None = None) -> None:
        params = self.params or {}
        learning_rate_of(self)  # an optimizer without one is an error before anything happens
        per_epoch = params.get("steps") or self.steps
        self._restart(min(self.steps, (params.get("epochs") or 1) * per_epoch))
        if len(self._sweep) < min(self.steps, _FEW_STEPS):
            warn(
                f"LearningRateFinder: {len(self._sweep)} batches tell little of rates from {self.min_learning_rate:g}"
                f" to {self.max_learning_rate:g}. Pass epochs={-(-self.steps // per_epoch)}, which makes {self.steps}."
            )
        model = self.model
        self._before = [(v, v.numpy()) for v in (*model.state_variables, *model.optimizer.variables)]

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        rate = float(self._sweep[min(len(self.losses), len(self._sweep) - 1)])
        self.model.optimizer.learning_rate = rate
        self.learning_rates.append(rate)
        self.model.reset_metrics()  # so that the next logs are those of one batch, not means over the epoch

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        loss, keep = float((logs or {})["loss"]), self.smoothing
        self.losses.append(loss)
        self._average = keep * self._average + (1 - keep) * loss
        self.smoothed.append(self._average / (1 - keep ** len(self.losses)))
        ended = len(self.losses) == len(self._sweep)
        if ended or not math.isfinite(loss) or self.smoothed[-1] > self.divergence * min(self.smoothed):
            self.model.stop_training = True

    def on_train_end(self, logs: Logs | None = None) -> None:
        self.on_close()

    def on_close(self) -> None:
        before, self._before = self._before, []
        for variable, value in before:
            variable.assign(value)

    @property
    def suggestion(self) -> float | None:
        """The learning rate at which the smoothed loss fell fastest; None if it never fell.

        Raises:
            ValueError: before any `fit`.
        """
        if len(self.losses) < 2:
            raise ValueError("LearningRateFinder.suggestion: nothing is known yet. Give the callback to a fit() first.")
        values = np.array(self.smoothed)
        values = values[: int(np.nanargmin(np.where(np.isfinite(values), values, np.inf))) + 1]
        if len(values) < 2:
            return None
        # Lines through a tenth of the sweep: between neighbours, above all the first ones, the noise of batches falls
        # faster than any loss.
        count = min(len(values), max(_LEAST_POINTS, len(self._sweep) // 10))
        places = np.arange(count) - (count - 1) / 2
        slopes = np.correlate(values, places, "valid")
        steepest = int(np.argmin(slopes))
        return self.learning_rates[steepest + count // 2] if slopes[steepest] < 0 else None

    def __repr__(self) -> str:
        if len(self.losses) < 2:
            return f"LearningRateFinder({self.min_learning_rate:g} to {self.max_learning_rate:g}, not used yet)"
        found = "no suggestion" if self.suggestion is None else f"suggestion {self.suggestion:.2g}"
        return f"LearningRateFinder({len(self.losses)} batches, {found})"

    def _repr_html_(self) -> str:
        """In a notebook: the losses over the rates, and the suggestion."""
        smoothed = curves.finite(list(zip(self.learning_rates, self.smoothed, strict=False)))
        if len(self.losses) < 2 or not smoothed:
            return f"<code>{html.escape(repr(self))}</code>"
        # Beyond four times the least loss the curve only says that training diverged, and would hide the rest.
        limit = self.divergence * abs(min(value for _, value in smoothed))
        shown = {"smoothed loss": [(rate, min(value, limit)) for rate, value in smoothed]}
        return f"<code>{html.escape(repr(self))}</code>{curves.charts(shown, logarithmic=True)}"

    def plot(self, path: str | os.PathLike[str] | None = None) -> figures.Figure:
        """Draws losses over learning rates, with the suggestion, and saves the chart to `path` if given.

        Where several processes train one model, the first saves it.

        Returns:
            The matplotlib figure.
        """
        suggestion = self.suggestion
        figure = figures.new_figure(1, "LearningRateFinder.plot", numbers="LearningRateFinder.losses")
        axes = figure.axes[0]
        axes.plot(self.learning_rates, self.losses, alpha=0.4, label="loss")
        axes.plot(self.learning_rates, self.smoothed, label="smoothed")
        if suggestion is not None:
            axes.axvline(suggestion, linestyle="--", color="grey", label=f"suggestion {suggestion:.2g}")
        axes.set(xscale="log", xlabel="learning rate", ylabel="loss")
        axes.legend()
        return figures.saved(figure, path if self.leads else None)
