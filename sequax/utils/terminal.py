"""What the place that output goes to can show."""

from __future__ import annotations

import sys


def can_print(text: str) -> bool:
    """Whether `sys.stdout` has these characters; a pipe on Windows, or one in the C locale, may have ASCII only."""
    out = getattr(sys.stdout, "rich_proxied_file", sys.stdout)  # rich stands before it while it draws
    try:
        text.encode(getattr(out, "encoding", None) or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


# What our own texts hold beyond ASCII, and what stands for it.
_PLAIN = str.maketrans({"…": "...", "–": "-", "└": "`-", "×": "x", "²": "2", "µ": "u", "→": "->"})


def printable(text: str) -> str:
    """The text as `sys.stdout` can have it, with `?` for characters of the user's that it has not."""
    if can_print(text):
        return text
    return text.translate(_PLAIN).encode("ascii", "replace").decode("ascii")
