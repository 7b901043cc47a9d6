"""JSON text under limits: size, depth and number of values are known before anything is made of it."""

from __future__ import annotations

import json
import re
from typing import Any

from ..core.budget import MAX_DEPTH, MAX_VALUES, MEGABYTE
from ..core.errors import LoadError

MAX_BYTES = 256 * MEGABYTE

_STRINGS = re.compile(r'"(?:[^"\\]++|\\.)*+"', re.DOTALL)
_BRACKETS = re.compile(r"[\[\]{}]")


def parse(text: str | bytes, place: str = "config", max_bytes: int = MAX_BYTES, max_values: int = MAX_VALUES) -> Any:
    """The value of a JSON text: size, depth and number of values are limited before anything is made of it.

    Raises:
        LoadError: for a text that is too large, too deep or no JSON, and for repeated keys.
    """
    if isinstance(text, (bytes, bytearray)):
        if len(text) > max_bytes:
            raise LoadError(f"{len(text):,} bytes of JSON, where {max_bytes:,} are the limit", place)
        try:
            text = bytes(text).decode("utf-8")
        except UnicodeDecodeError as error:
            raise LoadError(f"not UTF-8 text: {error}", place) from None
    if not isinstance(text, str):
        raise LoadError(f"expected JSON text; received {type(text).__name__}", place)
    if len(text) > max_bytes:
        raise LoadError(f"{len(text):,} characters of JSON, where {max_bytes:,} are the limit", place)
    _measure(text, place, max_values)
    try:
        return json.loads(text, object_pairs_hook=_unique_keys, parse_int=_integer)
    except LoadError as error:
        raise error.at(place) from None
    except (ValueError, RecursionError) as error:
        raise LoadError(f"not valid JSON: {error!s:.200}", place) from None


def _measure(text: str, place: str, max_values: int) -> None:
    """Depth and number of values, counted in the text itself."""
    if text.count('"') - text.count('\\"') > 4 * max_values:  # a key and a string per value; before they are cut out
        raise LoadError(f"more than {max_values:,} values", place)
    bare = _STRINGS.sub('"', text)
    if bare.count(",") + bare.count("[") + bare.count("{") > max_values:
        raise LoadError(f"more than {max_values:,} values", place)
    depth = 0
    for bracket in _BRACKETS.finditer(bare):
        depth += 1 if bracket[0] in "[{" else -1
        if depth > 3 * MAX_DEPTH:  # levels of text; what is made of it is measured again
            raise LoadError(f"nested more than {3 * MAX_DEPTH} levels deep", place)


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        key = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise LoadError(f"the key {key!r:.80} stands twice in one object")
    return found


def _integer(digits: str) -> int:
    if len(digits) > 40:
        raise LoadError(f"a whole number of {len(digits)} digits; numbers of up to 64 bits are expected")
    return int(digits)
