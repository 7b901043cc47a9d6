"""Tables of cases of which `make test` tries some, and `make test-long` all the others."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

import pytest


def some(cases: Iterable[Any], of: int = 4) -> list[Any]:
    """The cases for `pytest.mark.parametrize`: one of so many is in the suite, beginning with the first."""
    return [long(case) if number % of else case for number, case in enumerate(cases)]


def all_but(cases: Iterable[Any], slow: Collection[Any]) -> list[Any]:
    """The cases for `pytest.mark.parametrize`: all but some are in the suite."""
    return [long(case) if case in slow else case for case in cases]


def long(case: Any) -> Any:
    """A case, a tuple where it is several arguments, among the long tests."""
    if hasattr(case, "marks"):  # it comes from `pytest.param`
        return case._replace(marks=(*case.marks, pytest.mark.long))
    return pytest.param(*(case if isinstance(case, tuple) else (case,)), marks=pytest.mark.long)
