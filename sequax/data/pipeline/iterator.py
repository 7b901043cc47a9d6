"""Passes over the elements of a stage, as users see them."""

from __future__ import annotations

import itertools
from typing import Any, Self

from .spec import seen_spec
from .stage import Stage
from .structures import mapped


class Perhaps:
    """An element that may be missing.

    Args:
        element: none, or one.
    """

    def __init__(self, *element: Any):
        self._element = element

    def has_value(self) -> bool:
        return bool(self._element)

    def get_value(self) -> Any:
        """The element.

        Raises:
            ValueError: if there is none.
        """
        if not self._element:
            raise ValueError("the data set has no further element: ask `has_value()` before.")
        return self._element[0]


class Iterator:
    """One pass over a data set; leaves are tensors."""

    def __init__(self, stage: Stage):
        self.stage = stage
        self._elements = (element for chunk in stage.chunks() for element in self._of(chunk))

    def _of(self, chunk: Any) -> Any:
        return chunk.tensors()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Any:
        return next(self._elements)

    def get_next(self) -> Any:
        """The next element.

        Raises:
            StopIteration: behind the last one.
        """
        return next(self)

    def get_next_as_optional(self) -> Perhaps:
        """The next element, or none behind the last one."""
        return Perhaps(*itertools.islice(self, 1))

    next = get_next  # as scripts call it of what `as_numpy_iterator` gives

    @property
    def element_spec(self) -> Any:
        """Shapes and dtypes of the elements."""
        return mapped(seen_spec, self.stage.spec())


class NumpyIterator(Iterator):
    """One pass over a data set; leaves are of NumPy."""

    def _of(self, chunk: Any) -> Any:
        return chunk.elements()
