"""The curves of a training run as a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_TRAIN, _VALIDATION, _GRID = "#1f6f8b", "#e07a2f", "#dddddd"


def write_curves(history: Mapping[str, Sequence[float]], path: Path, title: str) -> bool:
    """Draw loss and accuracy over the epochs into a PNG file; False where matplotlib is not installed."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        return False
    figure = Figure(figsize=(10, 4.2), dpi=150, layout="constrained")  # no pyplot: it might look for a display
    figure.suptitle(title, fontsize=13)
    left, right = figure.subplots(1, 2)
    _draw(left, history, "loss", "Loss")
    _draw(right, {name: [100 * v for v in values] for name, values in history.items()}, "accuracy", "Accuracy (%)")
    figure.savefig(path, format="png")
    return True


def _draw(axes: Axes, history: Mapping[str, Sequence[float]], name: str, label: str) -> None:
    from matplotlib.ticker import MaxNLocator

    lines = [(name, "training", _TRAIN, "o"), (f"val_{name}", "validation", _VALIDATION, "s")]
    for key, words, colour, marker in lines:
        values = history[key]
        axes.plot(range(1, len(values) + 1), values, color=colour, marker=marker, markersize=4, label=words)
    axes.set_xlabel("Epoch")
    axes.set_ylabel(label)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(color=_GRID, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
