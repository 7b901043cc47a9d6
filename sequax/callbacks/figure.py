"""Figures of callbacks, by matplotlib, which is imported when one is drawn."""

from __future__ import annotations

import functools
import io
from typing import TYPE_CHECKING

from ..core.needed import needed
from ..core.types import Path

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def new_figure(columns: int, owner: str, numbers: str) -> Figure:
    """A figure with charts side by side.

    Args:
        columns: how many charts.
        owner: the method that draws, for messages.
        numbers: where what is drawn can be read instead.
    """
    needed("matplotlib.figure", owner, f"The numbers themselves are in {numbers}.")
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    # Without pyplot: no window opens and no global list keeps the figure alive.
    figure = _shown_in_notebooks()(figsize=(4.5 * columns, 3.5), layout="constrained")
    FigureCanvasAgg(figure)
    figure.subplots(1, columns)
    return figure


@functools.cache
def _shown_in_notebooks() -> type[Figure]:
    """A figure that shows as the last line of a cell. Notebooks show others only once pyplot has drawn something."""
    from matplotlib.figure import Figure

    class ShownFigure(Figure):
        def _repr_png_(self) -> bytes:
            written = io.BytesIO()
            self.savefig(written, format="png")
            return written.getvalue()

    return ShownFigure


def saved(figure: Figure, path: Path | None) -> Figure:
    """The figure, written to a file if there is a path."""
    if path is not None:
        figure.savefig(path)
    return figure


def whole_numbers(axes: Axes) -> None:
    """Marks on the lower axis stand at whole numbers: there is no epoch 2.5."""
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
