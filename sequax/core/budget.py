"""How much memory and how many layers a model that is being read may have, counted before any of it is made."""

from __future__ import annotations

import math
import os
from contextlib import AbstractContextManager
from contextvars import ContextVar

import numpy as np

from .._holding import Holding
from .errors import LoadError

_budget: ContextVar[Budget | None] = ContextVar("sequax_budget", default=None)
_chosen: ContextVar[int | None] = ContextVar("sequax_chosen_budget", default=None)

MEGABYTE = 1 << 20
MAX_DEPTH = 100  # levels of a config; a nested model takes four of them
MAX_VALUES = 2_000_000  # in a config
_FREE = 16 * MEGABYTE  # for what is not stored, such as metrics
# Making a layer takes milliseconds, however few bytes ask for it. Keras writes more than 400 for each.
_FREE_LAYERS, _BYTES_PER_LAYER = 2000, 400
_MOST_LAYERS = 100_000
_MEMORY_PER_ARRAY = 4096
OTHER_OBJECT = 0.1  # layers that an object of another kind counts for: initializers, regularizers, dtype policies


class Budget:
    """Bytes for variables and a number of layers: limits, and what has been spent.

    Args:
        limit: in bytes.
        source: what the limit comes from, for messages.
        layers: how many there may be, calls in graphs and layers inside of others included.
    """

    limit: int
    source: str
    spent: int
    layers: int
    layers_left: float

    def __init__(self, limit: int, source: str, layers: int = _MOST_LAYERS):
        self.limit, self.source, self.spent = limit, source, 0
        self.layers, self.layers_left = layers, float(layers)

    def spend(self, path: str, shape: tuple[int, ...], dtype: np.dtype) -> None:
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

    def spend_layers(self, number: float) -> None:
        """Count layers, calls of layers in a graph, losses and metrics; other objects count `OTHER_OBJECT`.

        Raises:
            LoadError: if there are too many.
        """
        self.layers_left -= number
        if self.layers_left < 0:
            raise LoadError(
                f"a model of more than {self.layers:,} layers, calls and metrics; {self.source} allows no more. If the"
                f" model really is that large, read it under `with sequax.saving.memory_budget(number_of_bytes):`."
            )


def current() -> Budget | None:
    return _budget.get()


def spend(path: str, shape: tuple[int, ...], dtype: np.dtype) -> None:
    """Count a variable, if a model is being read."""
    budget = _budget.get()
    if budget is not None:
        budget.spend(path, shape, dtype)


def spend_layers(number: float) -> None:
    """Count layers and what else a model is made of, if one is being read."""
    budget = _budget.get()
    if budget is not None:
        budget.spend_layers(number)


def of_file(size: int, times: int, more: int) -> int:
    """Bytes that go with the size of a file, or what the user chose by `memory_budget` if that is more."""
    return max(times * size + more, _chosen.get() or 0)


def for_file(size: int, after: Budget | None = None) -> AbstractContextManager[Budget]:
    """The limits for a model from a file; `after`: what was made of the same file before counts as well."""
    limit = 3 * size + _FREE - (0 if after is None else after.spent)
    return limited(limit, "the size of the file", layers_of(size))


def layers_of(size: int) -> int:
    """How many layers and calls a config or file of this size may have."""
    return min(_FREE_LAYERS + size // _BYTES_PER_LAYER, _MOST_LAYERS)


def arrays_of(size: int, bytes_per_array: int) -> int:
    """How many arrays and groups a file of this size may list: each takes some kilobytes of memory until it is read.

    Args:
        bytes_per_array: the least that a format needs for each.
    """
    usual = min(_FREE_LAYERS + size // bytes_per_array, _MOST_LAYERS)
    return max(usual, (_chosen.get() or 0) // _MEMORY_PER_ARRAY)


def too_many_arrays(most: int) -> str:
    return (
        f"it lists more than {most:,} arrays and groups, which is the limit for a file of its size. If it really has"
        f" that many, read it under `with sequax.saving.memory_budget(number_of_bytes):`"
    )


def limited(limit: int, source: str, layers: int = _MOST_LAYERS) -> Holding[Budget]:
    """Variables made inside count against `limit` bytes, or against what the user chose by `memory_budget`."""
    chosen = _chosen.get()
    return Holding(_budget, Budget(limit, source, layers) if chosen is None else Budget(chosen, "memory_budget"))


def memory_budget(number_of_bytes: int) -> AbstractContextManager[int]:
    """Models read inside may take `number_of_bytes`, whatever the size of their file.

    Without it, a model from a file may take three times the size of the file and 16 megabytes, and a model from a
    config half of the machine's memory; a file or JSON text of n bytes may have 2,000 + n/400 layers, within it up to
    100,000.
    """
    return Holding(_chosen, int(number_of_bytes))


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
