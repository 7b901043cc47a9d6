"""Which layers, variables, seeds and metrics an object owns: found in its attributes, through lists, tuples and dicts.

Nothing is recorded when an attribute is set; the attributes themselves are the record. A layer appended to
`self.blocks` after construction is therefore found like any other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

T = TypeVar("T")

_version = _structure = 0
PLAIN = frozenset({bool, int, float, str, type(None)})  # most attributes; they own nothing


def note_change() -> None:
    """A layer or an optimizer got an attribute: what was derived from structures may be out of date."""
    global _version, _structure
    _version += 1
    _structure += 1


def note_frozen() -> None:
    """A layer or a variable was frozen or unfrozen, which may be taken back: structures are what they were."""
    global _version
    _version += 1


def version() -> int:
    """Grows with every change that `note_change` or `note_frozen` was told of, anywhere in the process."""
    return _version


def structure() -> int:
    """Grows with every change that `note_change` was told of, anywhere in the process."""
    return _structure


def owned(owner: object, kind: str, skip: frozenset[str] = frozenset()) -> list[Any]:
    """Objects of a kind (`"layer"`, `"variable"`, `"seed"`, `"metric"`) in the attributes of an owner, each once."""
    found: dict[int, Any] = {}
    for name, value in vars(owner).items():
        if type(value) not in PLAIN and name not in skip:
            for item in _items(value, 0):
                if item.tracked_as == kind:
                    found.setdefault(id(item), item)
    return list(found.values())


def unique(items: Iterable[T]) -> list[T]:
    """The items in order, each object once."""
    return list({id(item): item for item in items}.values())


def _items(value: object, depth: int) -> Iterator[Any]:
    if isinstance(getattr(type(value), "tracked_as", None), str):
        yield value
    elif isinstance(value, (list, tuple)) and depth < 8:
        for item in value:
            yield from _items(item, depth + 1)
    elif isinstance(value, dict) and depth < 8:
        for item in value.values():
            yield from _items(item, depth + 1)
