"""Where messages go that no object asked for: the terminal, or Python's logging."""

from __future__ import annotations

import logging

from .terminal import printable

_interactive = True


def enable_interactive_logging() -> None:
    """Print messages such as "Found 12 files" and progress: the default."""
    global _interactive
    _interactive = True


def disable_interactive_logging() -> None:
    """Send them to the logger `"sequax"` at level INFO instead; no bar is drawn."""
    global _interactive
    _interactive = False


def is_interactive_logging_enabled() -> bool:
    """Whether messages are printed."""
    return _interactive


def announce(text: str) -> None:
    """Print a message, or log it where interactive logging is off."""
    if _interactive:
        print(printable(text), flush=True)
    else:
        logging.getLogger("sequax").info(text)
