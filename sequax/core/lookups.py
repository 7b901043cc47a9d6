"""Rows asked for by number: what is wrong with numbers outside of a table, and who asked for them.

Inside of a compiled program nobody can raise. There such a lookup gives NaN, which the training loop notices; it then
runs the same step once more within `reported`, where each lookup says what it was asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import jax
import numpy as np

from .._holding import Holding
from .index_range import problem_with
from .types import ArrayLike

_reports: ContextVar[list[str] | None] = ContextVar("sequax_lookups", default=None)


@contextmanager
def reported() -> Iterator[list[str]]:
    """Within, programs that are traced note the lookups that fail when they run, in the list that this gives."""
    found: list[str] = []
    with Holding(_reports, found):
        yield found
        jax.effects_barrier()


def check(indices: ArrayLike, limit: int, owner: str) -> None:
    """Look at the numbers that `owner` asks a table of `limit` rows for, as far as they are known.

    Raises:
        ValueError: for a number outside of the table.
    """
    if not isinstance(indices, jax.core.Tracer):
        problem = problem_with(np.asarray(indices), limit, owner)
        if problem is not None:
            raise ValueError(problem)
    elif (found := _reports.get()) is not None:
        jax.debug.callback(lambda array: _note(found, problem_with(np.asarray(array), limit, owner)), indices)


def _note(found: list[str], problem: str | None) -> None:
    if problem is not None:
        found.append(problem)
