"""The ratios as bars: a group per row, a bar per peer, to the right of 1 where Sequax is faster."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .peers import PEERS
from .report import Row, ratio

COLORS = {
    "keras-jax": "#b2182b",
    "keras-tensorflow": "#ef8a62",
    "keras-torch": "#fbbf93",
    "torch": "#2166ac",
    "jax": "#67a9cf",
    "flax": "#a6cfe3",
    "sklearn": "#999999",
}
BAR, GAP = 0.16, 0.14  # inches


def draw(rows: list[Row], path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    left = [row for row in rows if row["kind"] == "training"]
    right = [row for row in rows if row["kind"] != "training"]
    panels = [panel for panel in (left, right) if panel]
    height = max(sum(BAR * len(bars(row)) + GAP for row in panel) for panel in panels) + 1.2
    figure, axes = pyplot.subplots(1, len(panels), figsize=(8.5 * len(panels), height), squeeze=False)
    for axis, panel in zip(axes[0], panels, strict=True):
        draw_panel(axis, panel, height - 1.2)
    drawn = [name for name in COLORS if any(name in bars(row) for row in rows)]
    handles = [pyplot.Rectangle((0, 0), 1, 1, color=COLORS[name]) for name in drawn]
    labels = [PEERS[name].title for name in drawn]
    figure.legend(
        handles,
        labels,
        loc="upper center",
        ncols=len(drawn),
        frameon=False,
        fontsize=8,
        handlelength=1,
        columnspacing=1,
    )
    figure.tight_layout(rect=(0, 0, 1, 1 - 0.45 / height))
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


def bars(row: Row) -> dict[str, float]:
    found = {name: ratio(row, name) for name in COLORS}
    return {name: value for name, value in found.items() if value is not None}


def draw_panel(axis: Any, rows: list[Row], height: float) -> None:
    place, ticks = 0.0, []
    for row in rows:
        first = place
        for name, value in bars(row).items():
            axis.barh(place, value - 1, BAR * 0.9, left=1, color=COLORS[name])
            text = f"{value:.2f}" if value < 9.95 else f"{value:,.0f}"
            axis.annotate(
                text,
                (value, place),
                (3 if value >= 1 else -3, 0),
                textcoords="offset points",
                ha="left" if value >= 1 else "right",
                va="center",
                fontsize=6.5,
            )
            place += BAR
        ticks.append((first + place - BAR) / 2)
        place += GAP
    axis.set_xscale("log")
    low, high = axis.get_xlim()
    axis.set_xlim(min(low, 0.5) / 1.2, high * 1.6)
    axis.set_ylim(max(height, place) - BAR, -BAR)
    axis.set_yticks(ticks, [row["title"] for row in rows], fontsize=8)
    axis.tick_params(axis="y", length=0)
    axis.axvline(1, color="black", linewidth=1)
    axis.set_xlabel("time of the peer / time of Sequax: to the right of 1, Sequax is faster", fontsize=8)
    axis.grid(axis="x", color="#dddddd", linewidth=0.6)
    axis.set_axisbelow(True)
    axis.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    for side in ("top", "right", "left"):
        axis.spines[side].set_visible(False)
