"""Setting attributes of classes for a while, and setting them back."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

_ABSENT = object()
_former: list[tuple[type, str, Any]] = []  # owner, name, and what stood there


def any_made() -> bool:
    """Whether anything is set now."""
    return bool(_former)


def is_put(owner: type, name: str) -> bool:
    """Whether that attribute is set now."""
    return any(former[:2] == (owner, name) for former in _former)


def put(owner: type, name: str, value: object) -> None:
    """Set an attribute of a class until `undo`."""
    _former.append((owner, name, vars(owner).get(name, _ABSENT)))
    setattr(owner, name, value)


def wrap(owner: type, name: str, wrapper: Callable[[type, Callable[..., Any]], Callable[..., Any]]) -> None:
    """Put `wrapper(owner, original)` in the place of a method."""
    original = getattr(owner, name)
    put(owner, name, functools.wraps(original)(wrapper(owner, original)))


def undo() -> None:
    """Put everything back."""
    while _former:
        owner, name, before = _former.pop()
        if before is _ABSENT:
            delattr(owner, name)
        else:
            setattr(owner, name, before)
