"""What `sequax run` says about old spellings: a line on stderr for each, once per process."""

from __future__ import annotations

import sys

from . import dialect

_said: set[str] = set()


def note(old: str, today: str, key: str | None = None) -> None:
    """Say today's spelling of an old one, the first time that it is met.

    Args:
        old: as the script has it, such as `keras.layers.core`.
        today: what Keras 3 and Sequax call it, or what to write instead.
        key: what counts as the same spelling; default: `old`.
    """
    dialect.hear(old)
    say(old if key is None else key, f"`{old}` works here; today's spelling: {today}")


def say(key: str, text: str) -> None:
    """Say something on stderr, the first time that it is met."""
    if key not in _said:
        _said.add(key)
        print(f"sequax: {text}", file=sys.stderr)


def forget() -> None:
    """Say all lines again, as to a new script."""
    _said.clear()
    dialect.forget()
