"""`with Holding(variable, value):` what a context variable is inside of a block, in this thread and task alone."""

from __future__ import annotations

from contextlib import AbstractContextManager
from contextvars import ContextVar, Token
from typing import Any, TypeVar

T = TypeVar("T")


class Holding(AbstractContextManager[T]):
    """A context in which a variable has a value; gives the value.

    Args:
        variable: which.
        value: what it is inside; afterwards it is what it was.
    """

    def __init__(self, variable: ContextVar[Any], value: T):
        self._variable, self._value = variable, value

    def __enter__(self) -> T:
        self._token: Token[Any] = self._variable.set(self._value)
        return self._value

    def __exit__(self, *error: object) -> None:
        self._variable.reset(self._token)
