"""What a row of the tables holds."""

from __future__ import annotations

import re
from typing import Any, NamedTuple


class Version(str):
    """A version that scripts compare with one in quotes: by its numbers, so that 2.20 comes after 2.4."""

    __slots__ = ()

    def __lt__(self, other: str) -> bool:
        return _numbers(self) < _numbers(other)

    def __le__(self, other: str) -> bool:
        return _numbers(self) <= _numbers(other)

    def __gt__(self, other: str) -> bool:
        return _numbers(self) > _numbers(other)

    def __ge__(self, other: str) -> bool:
        return _numbers(self) >= _numbers(other)


def _numbers(version: str) -> list[int]:
    return [int(digits) for digits in re.findall(r"\d+", version)]


TENSORFLOW_VERSION = Version("2.20.0")


class Member(NamedTuple):
    """What a name of TensorFlow stands for.

    Attributes:
        value: what is found under the name.
        today: what to write instead, said once when the name is used; None for names that need no line.
    """

    value: Any
    today: str | None = None
