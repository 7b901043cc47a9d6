"""How much memory the variables of a model that is being read may take, counted before any of it is allocated."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np

from .errors import LoadError

_budget: ContextVar[Budget | None] = ContextVar("sequax_budget", default=None)
_chosen: ContextVar[int | None] = ContextVar("sequax_chosen_budget", default=None)

MEGABYTE = 1 << 20


class Budget:
    """Bytes for variables: a limit, and what has been spent.

    Args:
        limit: in bytes.
        source: what the limit comes from, for messages.
        values_follow: whether values for all weights will be read; initializers are not run then.
    """

    def __init__(self, limit: int, source: str, values_follow: bool = False):
        self.limit, self.source, self.values_follow, self.spent = limit, source, values_follow, 0

    def spend(self, path: str, shape: tuple[int, ...], dtype: Any) -> None:
        """Count one variable.

        Raises:
            LoadError: if it does not fit.
        """
        size = math.prod(shape) * np.dtype(dtype).itemsize
        if self.spent + size > self.limit:
            raise LoadError(
                f"variable {path!r} of shape {shape} would take {_shown(size)}"
                f"{f', besides {_shown(self.spent)} for those before it' if self.spent else ''}, but {self.source}"
                f" allows {_shown(self.limit)}. If the model really is that large, read it under"
                f" `with sequax.saving.memory_budget(number_of_bytes):`."
            )
        self.spent += size


def current() -> Budget | None:
    return _budget.get()


def spend(path: str, shape: tuple[int, ...], dtype: Any) -> None:
    """Count a variable, if a model is being read."""
    budget = _budget.get()
    if budget is not None:
        budget.spend(path, shape, dtype)


def values_follow() -> bool:
    """Whether the values of all weights will be read after they are made."""
    budget = _budget.get()
    return budget is not None and budget.values_follow


@contextmanager
def limited(limit: int, source: str, values_follow: bool = False) -> Iterator[Budget]:
    """Variables made inside count against `limit` bytes, or against what the user chose by `memory_budget`."""
    chosen = _chosen.get()
    budget = Budget(limit, source, values_follow) if chosen is None else Budget(chosen, "memory_budget", values_follow)
    token = _budget.set(budget)
    try:
        yield budget
    finally:
        _budget.reset(token)


@contextmanager
def memory_budget(number_of_bytes: int) -> Iterator[None]:
    """Models read inside may take so many bytes, whatever the size of their file.

    Without it, a model from a file may take three times the size of the file and 32 megabytes, and a model from a
    config half of the machine's memory.
    """
    token = _chosen.set(int(number_of_bytes))
    try:
        yield
    finally:
        _chosen.reset(token)


def machine_limit() -> int:
    """Half of the memory that this process can have at all."""
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        total = 8 << 30
    try:
        import resource

        allowed, _ = resource.getrlimit(resource.RLIMIT_AS)
        total = total if allowed == resource.RLIM_INFINITY else min(total, allowed)
    except ImportError:
        pass
    return total // 2


def _shown(size: int) -> str:
    return f"{size:,} bytes" if size < MEGABYTE else f"{size / MEGABYTE:,.0f} MB"
