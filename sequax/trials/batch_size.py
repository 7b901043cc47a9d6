"""`model.find_batch_size(x, y)`: how fast batches of each size train, and which still fit into memory."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, NamedTuple

import jax
import numpy as np

from ..callbacks import figure as figures
from ..core import html
from ..core.text import aligned
from ..core.types import Data
from . import sample as samples

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..model import Model

_BATCHES = 4  # of an epoch that is measured, so that what comes around an epoch counts for little
_NEAR_BEST = 0.9
_HEAD = ("batch size", "a step", "rows a second")
_NO_MEMORY = ("RESOURCE_EXHAUSTED", "out of memory", "Out of memory", "bad_alloc")


class Size(NamedTuple):
    """One batch size: seconds of a step, and rows a second; None where it does not fit into memory."""

    batch_size: int
    seconds: float | None
    rows_per_second: float | None


class BatchSizes:
    """What `find_batch_size` found.

    Attributes:
        sizes: one entry per size that was tried, in order.
        largest: the largest that fits into memory, of those that were tried; None if none does.
        suggestion: the smallest that trains at nine tenths of the best speed or more. Smaller batches make more updates
            out of the same rows, so that nothing speaks for larger ones but speed.
    """

    def __init__(self, sizes: list[Size]):
        self.sizes = sizes

    @property
    def largest(self) -> int | None:
        return max((one.batch_size for one in self.sizes if one.seconds is not None), default=None)

    @property
    def suggestion(self) -> int | None:
        rates = {one.batch_size: one.rows_per_second for one in self.sizes if one.rows_per_second is not None}
        best = max(rates.values(), default=0.0)
        return next((size for size, rate in sorted(rates.items()) if rate >= _NEAR_BEST * best), None)

    def _lines(self) -> list[tuple[str, str, str]]:
        return [
            (f"{one.batch_size}", "out of memory", "")
            if one.seconds is None or one.rows_per_second is None
            else (f"{one.batch_size}", f"{one.seconds * 1e3:.3g} ms", f"{one.rows_per_second:,.0f}")
            for one in self.sizes
        ]

    def _said(self) -> str:
        return f"suggestion: {self.suggestion}; largest that fits: {self.largest}"

    def __repr__(self) -> str:
        return "\n".join([*aligned([_HEAD, *self._lines()], texts=0), self._said()])

    def _repr_html_(self) -> str:
        return html.table(_HEAD, self._lines(), 2) + html.escape(self._said())

    def plot(self, path: str | os.PathLike[str] | None = None) -> Figure:
        """Draw rows a second over batch sizes with matplotlib.

        Args:
            path: of a file to save the chart to.

        Returns:
            The figure.
        """
        figure = figures.new_figure(1, "BatchSizes.plot", numbers="BatchSizes.sizes")
        axes = figure.axes[0]
        rates = {one.batch_size: one.rows_per_second for one in self.sizes if one.rows_per_second is not None}
        axes.plot(list(rates), list(rates.values()), "o-")
        axes.set(xscale="log", xlabel="batch size", ylabel="rows a second")
        if self.suggestion is not None:
            axes.axvline(self.suggestion, linestyle="--", color="grey", label=f"suggestion {self.suggestion}")
            axes.legend()
        return figures.saved(figure, path)


def find_batch_size(
    model: Model,
    x: Data,
    y: Data | None,
    sample_weight: Data | None,
    smallest: int,
    largest: int | None,
    seconds: float,
) -> BatchSizes:
    """Measure the training of a copy at each power of two between two sizes."""
    if smallest < 1 or (largest is not None and largest < smallest) or not seconds > 0:
        raise ValueError(
            f"find_batch_size: expected 1 <= smallest <= largest, and seconds above 0. Received: smallest={smallest},"
            f" largest={largest}, seconds={seconds}"
        )
    top = 4096 if largest is None else largest
    sample = samples.of(model, x, y, sample_weight, top)
    limit = min(top, _next_power(sample.rows)) if largest is None else largest
    found, size = [], smallest
    while size <= limit:
        try:
            took = _seconds_per_step(sample, size, seconds)
        except (MemoryError, RuntimeError) as error:
            if isinstance(error, RuntimeError) and not any(word in str(error) for word in _NO_MEMORY):
                raise
            found.append(Size(size, None, None))
            break
        found.append(Size(size, took, size / took))
        size *= 2
    return BatchSizes(found)


def _next_power(number: int) -> int:
    return 1 << (number - 1).bit_length()


def _seconds_per_step(sample: samples.Sample, size: int, seconds: float) -> float:
    """The shortest of several epochs, after one that compiles."""
    rows = np.arange(size * _BATCHES) % sample.rows  # the rows over and over: only their number matters
    several = sample._replace(batch=jax.tree.map(lambda array: array[rows], sample.batch))
    samples.train(several, size, 1, [])
    best, ends = float("inf"), time.perf_counter() + seconds
    while True:
        began = time.perf_counter()
        samples.train(several, size, 1, [])
        best = min(best, time.perf_counter() - began)
        if time.perf_counter() > ends:
            return best / _BATCHES
