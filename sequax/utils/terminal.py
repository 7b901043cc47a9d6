"""What the place that output goes to can show."""

from __future__ import annotations

import sys


def can_print(text: str) -> bool:
    """Whether `sys.stdout` has these characters; a pipe on Windows, or one in the C locale, may have ASCII only."""
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return False
    return True
