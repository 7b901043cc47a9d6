"""Small curves as SVG, for what notebooks show of a run: matplotlib is optional, and its images are larger."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from ..core.html import escape, table
from .meter import format_value

Points = Sequence[tuple[float, float]]

_WIDTH, _HEIGHT = 250, 110
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 8, 18, 16  # around the curves
_MOST_POINTS = 150  # more could not be seen apart in so few pixels
# Told apart by people who see no red or green, and on light and dark pages.
_COLORS = ("#4c8ecb", "#e8862e")


def metrics_of(names: Sequence[str]) -> list[str]:
    """The names that get a chart of their own: all but those of validations, which go with their training.

    >>> metrics_of(["loss", "val_loss", "val_only"])
    ['loss', 'val_only']
    """
    return [name for name in names if not (name.startswith("val_") and name.removeprefix("val_") in names)]


def charts(series: Mapping[str, Points], logarithmic: bool = False) -> str:
    """One chart per metric, side by side; its validation is dashed.

    Args:
        series: name -> points (epoch, value). What is not finite is left out.
        logarithmic: whether the axis of the epochs is one of powers of ten.
    """
    parts = []
    for name in metrics_of(list(series)):
        curves = {key: finite(series[key]) for key in (name, f"val_{name}") if key in series}
        if any(curves.values()):
            parts.append(chart(name, curves, logarithmic))
    return f'<div style="display:flex;flex-wrap:wrap">{"".join(parts)}</div>' if parts else ""


def finite(points: Points) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in points if math.isfinite(x) and math.isfinite(y)]


def chart(title: str, curves: Mapping[str, Points], logarithmic: bool = False) -> str:
    """One chart; the first curve is solid, the second dashed."""
    place = math.log10 if logarithmic else float
    every = [point for points in curves.values() for point in points]
    xs, ys = [place(x) for x, _ in every], [y for _, y in every]
    left, right, low, high = min(xs), max(xs), min(ys), max(ys)

    def at(x: float, y: float) -> tuple[float, float]:
        across = (place(x) - left) / (right - left) if right > left else 0.5
        up = (y - low) / (high - low) if high > low else 0.5
        return (
            round(_LEFT + across * (_WIDTH - _LEFT - _RIGHT), 1),
            round(_HEIGHT - _BOTTOM - up * (_HEIGHT - _TOP - _BOTTOM), 1),
        )

    drawn = [_text(_LEFT, 12, title, bold=True)]
    drawn.append(_frame())
    drawn += [_text(_LEFT - 4, _TOP + 8, _short(high), "end")] if high > low else []
    drawn.append(_text(_LEFT - 4, _HEIGHT - _BOTTOM, _short(low), "end"))
    ends = (min(x for x, _ in every), max(x for x, _ in every))
    drawn.append(_text(_LEFT, _HEIGHT - 4, _short(ends[0])))
    drawn += [_text(_WIDTH - _RIGHT, _HEIGHT - 4, _short(ends[1]), "end")] if ends[1] > ends[0] else []
    for position, points in enumerate(curves.values()):
        drawn.append(_curve([at(*point) for point in thinned(points)], position))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{_HEIGHT}" viewBox="0 0 {_WIDTH} {_HEIGHT}"'
        f' font-family="sans-serif" font-size="9" fill="currentColor" role="img">'
        f"<title>{escape(', '.join(curves))}</title>{''.join(drawn)}</svg>"
    )


def values_table(series: Mapping[str, Points]) -> str:
    """Last, least and greatest value of each metric, with the epochs of the latter two."""
    rows = []
    for name, points in series.items():
        known = finite(points)
        if known:
            ends = (choose(known, key=lambda point: point[1]) for choose in (min, max))
            last = format_value(points[-1][1])
            rows.append((name, last, *(f"{format_value(y)} (epoch {x:g})" for x, y in ends)))
    return table(("", "last", "least", "greatest"), rows, numbers=3) if rows else ""


def thinned(points: Points, most: int = _MOST_POINTS) -> list[tuple[float, float]]:
    """At most so many points: of each stretch the lowest and the highest, so that peaks stay; the ends stay, too."""
    if len(points) <= most:
        return list(points)
    count, kept = most // 2 - 1, [points[0]]
    for i in range(count):
        stretch = points[1 + i * (len(points) - 2) // count : 1 + (i + 1) * (len(points) - 2) // count]
        low, high = (choose(stretch, key=lambda point: point[1]) for choose in (min, max))
        kept += sorted({low, high})
    return [*kept, points[-1]]


def _curve(points: list[tuple[float, float]], position: int) -> str:
    color, dashes = _COLORS[position % 2], ' stroke-dasharray="4 2"' if position else ""
    if len(points) == 1:
        return f'<circle cx="{points[0][0]:g}" cy="{points[0][1]:g}" r="2.5" fill="{color}"/>'
    path = " ".join(f"{x:g},{y:g}" for x, y in points)
    return f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="1.5"{dashes}/>'


def _frame() -> str:
    bottom, right = _HEIGHT - _BOTTOM, _WIDTH - _RIGHT
    path = f"M{_LEFT},{_TOP}V{bottom}H{right}"
    return f'<path d="{path}" fill="none" stroke="currentColor" stroke-opacity="0.35"/>'


def _text(x: float, y: float, text: str, anchor: str = "start", bold: bool = False) -> str:
    weight = ' font-weight="bold"' if bold else ' fill-opacity="0.75"'
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}"{weight}>{escape(text)}</text>'


def _short(value: float) -> str:
    """
    >>> _short(0.43125), _short(100.0), _short(0.0000123)
    ('0.431', '100', '1.23e-05')
    """
    return f"{value:.3g}"
