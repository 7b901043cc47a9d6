"""What a row of the tables holds."""

from __future__ import annotations

from typing import Any, NamedTuple

TENSORFLOW_VERSION = "2.20.0"


class Member(NamedTuple):
    """What a name of TensorFlow stands for.

    Attributes:
        value: what is found under the name.
        today: what to write instead, said once when the name is used; None for names that need no line.
    """

    value: Any
    today: str | None = None
