"""Small grey images drawn in a terminal."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..utils.terminal import can_print

_BLOCKS = " ░▒▓█"
_LETTERS = " .:*#"


def draw_image(image: np.ndarray, highest: float, shades: str = _BLOCKS) -> list[str]:
    """Lines of text for a two-dimensional image; each pixel is two characters wide, which makes it about square.

    >>> draw_image(np.array([[0, 8], [16, 4]]), 16)
    ['  ▒▒', '██░░']
    """
    levels = np.rint(np.clip(image / highest, 0, 1) * (len(shades) - 1)).astype(int)
    return ["".join(2 * shades[level] for level in row) for row in levels]


def side_by_side(images: Sequence[np.ndarray], captions: Sequence[str], highest: float, gap: int = 4) -> str:
    """Images in a row, each with a caption of one or more lines below it."""
    shades = _BLOCKS if can_print(_BLOCKS) else _LETTERS
    blocks = [
        [*draw_image(image, highest, shades), *caption.splitlines()]
        for image, caption in zip(images, captions, strict=True)
    ]
    height = max(map(len, blocks))
    lines = zip(*(_padded(block, height) for block in blocks), strict=True)
    return "\n".join((" " * gap).join(parts).rstrip() for parts in lines)


def _padded(block: list[str], height: int) -> list[str]:
    """The lines of a block, all equally long, with empty ones below."""
    width = max(map(len, block))
    return [line.ljust(width) for line in [*block, *[""] * (height - len(block))]]
