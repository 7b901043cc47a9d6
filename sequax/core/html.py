"""Pieces of HTML for notebooks: text, tables, parts that fold. Colours are those of the page, light or dark."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape as _escape
from typing import Any

_CELL = "text-align:{align};padding:1px 10px 1px 0;border:0;white-space:nowrap"


def escape(value: Any) -> str:
    """
    >>> escape("a < b")
    'a &lt; b'
    """
    return _escape(str(value), quote=True)


def table(head: Sequence[str], rows: Iterable[Sequence[Any]], numbers: int = 0) -> str:
    """A table of texts.

    Args:
        head: titles of the columns; empty: none are shown.
        rows: texts, escaped here.
        numbers: how many of the last columns are set to the right.
    """

    def line(cells: Sequence[Any], tag: str) -> str:
        first = len(cells) - numbers
        shown = (
            f'<{tag} style="{_CELL.format(align="right" if i >= first else "left")}">{escape(cell)}</{tag}>'
            for i, cell in enumerate(cells)
        )
        return f"<tr>{''.join(shown)}</tr>"

    lines = [line(head, "th")] if head else []
    lines += [line(row, "td") for row in rows]
    return f'<table style="border-collapse:collapse;font-size:90%;margin:2px 0">{"".join(lines)}</table>'


def fold(title: str, inside: str, is_open: bool = False) -> str:
    """A line of text that opens; `inside` is HTML, `title` is text."""
    return f"<details{' open' if is_open else ''}><summary>{escape(title)}</summary>{inside}</details>"
