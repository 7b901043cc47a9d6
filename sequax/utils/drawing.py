"""A model as a drawing in SVG, by nothing but text: boxes in rows, each below those that it depends on."""

from __future__ import annotations

import os
from collections.abc import Iterable
from html import escape
from typing import TYPE_CHECKING, Any, NamedTuple

from ..core import names
from ..core.tensor import shape_of
from .calls import Call, calls_of, edges_known
from .summary import count_of, format_shape

if TYPE_CHECKING:
    from ..core.types import Path
    from ..model import Model

_CHARACTER, _LINE = 6.7, 15  # size of a character of the font, in pixels
_PADDING, _ACROSS, _DOWN, _MARGIN = 10, 28, 26, 12
_TRAINED, _FROZEN, _PLAIN = "#4c8ecb", "#8a8f98", "#b9bec7"  # the edge of boxes: with weights, frozen, without any
_LONGEST = 44


class Picture:
    """A drawing: a notebook shows it, `save` writes it.

    Attributes:
        svg: the text of the picture.
        width, height: in pixels.
    """

    def __init__(self, inside: str, width: float, height: float):
        self.width = width
        self.height = height
        self.svg: str = (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:g}" height="{height:g}"'
            f' viewBox="0 0 {width:g} {height:g}" font-family="ui-monospace, Menlo, Consolas, monospace"'
            f' font-size="11" fill="currentColor">{_ARROW}{inside}</svg>'
        )

    def _repr_html_(self) -> str:
        # As HTML, not as an image, so that it has the colours of the page.
        return f'<div style="overflow-x:auto">{self.svg}</div>'

    def __repr__(self) -> str:
        return f"<picture of {self.width:g} x {self.height:g} pixels; save('model.svg') writes it>"

    def save(self, path: Path) -> None:
        """Write the picture into a file.

        Args:
            path: ends with `.svg`.

        Raises:
            ValueError: for another ending.
        """
        name = os.fspath(path)
        if not str(name).lower().endswith(".svg"):
            raise ValueError(
                f"The picture is SVG, so its file ends with .svg. Received: {name!r}. For other formats use"
                f" utils.plot_model, which needs Graphviz."
            )
        with open(name, "w", encoding="utf-8") as file:
            file.write(self.svg)


_ARROW = (
    '<defs><marker id="sequax-arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7"'
    ' orient="auto"><path d="M0,0L8,4L0,8z" fill="currentColor" fill-opacity="0.6"/></marker></defs>'
)


class Box(NamedTuple):
    """A layer on its place: `lines` of text, and `inside` for a model that is drawn in it."""

    lines: list[str]
    color: str
    width: float
    height: float
    inside: str
    x: float = 0.0
    y: float = 0.0


def draw(model: Model, shapes: bool = True, expand_nested: bool = False) -> Picture:
    """Draw a built model: a stack from top to bottom, a graph in rows.

    Args:
        model: built.
        shapes: whether boxes say the shape that comes out.
        expand_nested: whether models inside are drawn with their layers.

    Raises:
        ValueError: for a model whose layers are not known yet.
    """
    if not edges_known(model):
        raise ValueError(
            f"Model '{model.name}' ({type(model).__name__}): what it does is not known yet. Build it, or call it on a"
            f" batch of data; a model with a `call` of its own cannot be drawn."
        )
    inside, width, height = _drawn(model, shapes, expand_nested)
    return Picture(inside, width, height)


def _drawn(model: Any, shapes: bool, expand_nested: bool) -> tuple[str, float, float]:
    """The inside of a drawing, and its size."""
    calls = calls_of(model)
    boxes = {id(call.layer): _box(call, shapes, expand_nested) for call in calls}
    rows = _rows(calls)
    placed, width, height = _placed(rows, boxes)
    lines = [_edge(placed[id(source)], placed[id(call.layer)], placed.values()) for call, source in _edges(calls)]
    return "".join([*lines, *map(_shown, placed.values())]), width, height


def _edges(calls: list[Call]) -> list[tuple[Call, Any]]:
    seen, found = set(), []
    for call in calls:
        for source, _ in call.sources:
            key = id(source), id(call.layer)
            if key not in seen and source is not call.layer:
                seen.add(key)
                found.append((call, source))
    return found


def _box(call: Call, shapes: bool, expand_nested: bool) -> Box:
    layer = call.layer
    lines = [f"{layer.name} ({names.kind_of(layer)})"]
    if shapes:
        lines.append(format_shape(shape_of(call.outputs)))
    weights = getattr(layer, "weights", [])
    if weights:
        lines.append(f"{count_of(weights):,} parameters")
    color = _PLAIN if not weights else _TRAINED if layer.trainable else _FROZEN
    lines = [line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…" for line in lines]
    width = max(map(len, lines)) * _CHARACTER + 2 * _PADDING
    height = len(lines) * _LINE + _PADDING
    if not (expand_nested and getattr(layer, "is_model", False) and edges_known(layer)):
        return Box(lines, color, width, height, "")
    inside, inner_width, inner_height = _drawn(layer, shapes, expand_nested)
    left = max(width - inner_width, 0) / 2
    moved = f'<g transform="translate({left:g} {height:g})">{inside}</g>'
    return Box(lines, color, max(width, inner_width), height + inner_height, moved)


def _rows(calls: list[Call]) -> list[list[Call]]:
    """The layers by depth; a layer that is called several times stands where it is called last."""
    depths: dict[int, int] = {}
    for call in calls:
        behind = max((depths.get(id(source), 0) + 1 for source, _ in call.sources), default=0)
        depths[id(call.layer)] = max(behind, depths.get(id(call.layer), 0))
    last = {id(call.layer): call for call in calls}
    rows: list[list[Call]] = [[] for _ in range(max(depths.values(), default=-1) + 1)]
    for key, call in last.items():
        rows[depths[key]].append(call)
    return [row for row in rows if row]


def _placed(rows: list[list[Call]], boxes: dict[int, Box]) -> tuple[dict[int, Box], float, float]:
    """Each box in the middle below its sources, as far as its neighbours allow; and the size of all."""
    widths = [sum(boxes[id(call.layer)].width for call in row) + _ACROSS * (len(row) - 1) for row in rows]
    whole, y = max(widths, default=0.0), float(_MARGIN)
    placed: dict[int, Box] = {}
    for row, width in zip(rows, widths, strict=True):
        row.sort(key=lambda call: _middle_of_sources(call, placed, whole))
        x = _MARGIN + (whole - width) / 2
        for call in row:
            box = boxes[id(call.layer)]
            placed[id(call.layer)] = box._replace(x=x, y=y)
            x += box.width + _ACROSS
        y += max(boxes[id(call.layer)].height for call in row) + _DOWN
    right = max((box.x + box.width for box in placed.values()), default=0.0)
    has_detour = any(depth > 1 for depth in _spans(rows))
    return placed, right + _MARGIN + (2 * _ACROSS if has_detour else 0), y - _DOWN + _MARGIN


def _spans(rows: list[list[Call]]) -> list[int]:
    depth = {id(call.layer): i for i, row in enumerate(rows) for call in row}
    return [depth[id(call.layer)] - depth.get(id(s), 0) for row in rows for call in row for s, _ in call.sources]


def _middle_of_sources(call: Call, placed: dict[int, Box], whole: float) -> float:
    above = [placed[id(source)] for source, _ in call.sources if id(source) in placed]
    return sum(box.x + box.width / 2 for box in above) / len(above) if above else whole / 2


def _edge(start: Box, end: Box, every: Iterable[Box]) -> str:
    """A line from the lower side of a box to the upper side of another one, around those that stand between."""
    x1, y1, x2, y2 = start.x + start.width / 2, start.y + start.height, end.x + end.width / 2, end.y
    between = [box for box in every if box.y > start.y and box.y < end.y]
    hit = [box for box in between if box.x - 4 < max(x1, x2) and min(x1, x2) < box.x + box.width + 4]
    if hit:
        side = max(box.x + box.width for box in hit) + _ACROSS
        beyond = max(x1, x2) + (side - max(x1, x2)) * 4 / 3  # a curve comes three quarters of the way to its handles
        path = f"M{x1:g},{y1:g}C{beyond:g},{y1:g} {beyond:g},{y2:g} {x2:g},{y2:g}"
    else:
        middle = (y1 + y2) / 2
        path = f"M{x1:g},{y1:g}C{x1:g},{middle:g} {x2:g},{middle:g} {x2:g},{y2:g}"
    return f'<path d="{path}" fill="none" stroke="currentColor" stroke-opacity="0.6" marker-end="url(#sequax-arrow)"/>'


def _shown(box: Box) -> str:
    texts = "".join(
        f'<text x="{_PADDING}" y="{(i + 1) * _LINE:g}"{"" if i else _BOLD}>{escape(line)}</text>'
        for i, line in enumerate(box.lines)
    )
    frame = (
        f'<rect width="{box.width:g}" height="{box.height:g}" rx="4" fill="{box.color}" fill-opacity="0.10"'
        f' stroke="{box.color}" stroke-width="1.5"/>'
    )
    return f'<g transform="translate({box.x:g} {box.y:g})">{frame}{texts}{box.inside}</g>'


_BOLD = ' font-weight="bold"'
