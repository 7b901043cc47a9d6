"""Warnings point at the line of the user's program, however deep in ours they arise."""

from __future__ import annotations

import sys
import warnings

# Those that call us back, and checkers of types that somebody has put around our functions.
_BETWEEN = frozenset(
    {"sequax", "jax", "jaxlib", "numpy", "functools", "contextlib", "threading", "concurrent", "jaxtyping", "beartype"}
)


def warn(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn at the innermost line that is neither ours nor of what calls us back, such as JAX while it traces.

    In a thread of ours there is none: then it is the line that calls this.
    """
    frame, level = sys._getframe(1), 2
    while frame is not None and _package(frame) in _BETWEEN:
        frame, level = frame.f_back, level + 1  # type: ignore[assignment]
    warnings.warn(message, category, stacklevel=2 if frame is None else level)


def _package(frame: object) -> str:
    return str(frame.f_globals.get("__name__", "")).partition(".")[0]  # type: ignore[attr-defined]
