"""Tables as plain text; `html.py` has those of notebooks."""

from __future__ import annotations

from collections.abc import Sequence


def aligned(lines: Sequence[Sequence[str]], texts: int = 1) -> list[str]:
    """Lines whose cells stand below each other.

    Args:
        lines: of equally many cells.
        texts: how many columns begin at the left; those behind them are numbers, which end at the right.

    >>> aligned([("name", "rows"), ("a", "12")])
    ['name  rows', 'a       12']
    """
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    forms = [f"{{:{'<' if i < texts else '>'}{width}}}" for i, width in enumerate(widths)]
    return ["  ".join(forms).format(*line) for line in lines]
