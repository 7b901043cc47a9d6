"""Tables of cases of which `make test` tries some, and `make test-long` all the others."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest


def some(cases: Iterable[Any], of: int = 4) -> list[Any]:
    """The cases for `pytest.mark.parametrize`: one of so many is in the suite, beginning with the first."""
    return [_long(case) if number % of else case for number, case in enumerate(cases)]


def _long(case: Any) -> Any:
    if hasattr(case, "marks"):
        return case._replace(marks=(*case.marks, pytest.mark.long))
    return pytest.param(case, marks=pytest.mark.long)
