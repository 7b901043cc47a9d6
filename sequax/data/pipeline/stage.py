"""`Stage`: one step on the way of elements; each takes the chunks of the one before it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .chunk import Chunk
from .spec import UNKNOWN, spec_of_rows
from .structures import Nest


class Stage:
    """Elements in chunks, made again in each pass.

    Args:
        sources: the stages whose elements this one takes.

    Attributes:
        title: as in the `repr` of a data set.
        slow: whether an element may take long, or is made by code that must not run ahead.
        passes: how many were begun, where their order depends on it.
        makes_ragged: whether its elements are rows of ragged tensors, of which batches are ragged again.
    """

    title = "Dataset"
    passes: int = 0
    makes_ragged: bool = False

    def __init__(self, *sources: Stage):
        self.sources = sources
        self._spec: Nest = None

    @property
    def source(self) -> Stage:
        return self.sources[0]

    @property
    def slow(self) -> bool:
        return any(source.slow for source in self.sources)

    def chunks(self) -> Iterator[Chunk]:
        """Begin a pass."""
        raise NotImplementedError

    def count(self) -> int:
        """How many elements there are, `INFINITE` or `UNKNOWN`."""
        return UNKNOWN

    def spec(self) -> Nest:
        """Shapes and dtypes of the elements."""
        if self._spec is None:
            self._spec = self.make_spec()
        return self._spec

    def make_spec(self) -> Nest:
        """Default: those of the first element."""
        return first_spec(self)


class Same(Stage):
    """A stage whose elements are those of its source, if perhaps not all, or in another order."""

    def make_spec(self) -> Any:
        return self.source.spec()

    def count(self) -> int:
        return self.source.count()


def first_spec(stage: Stage) -> Nest:
    chunk = first_chunk(stage)
    return () if chunk is None else spec_of_rows(chunk.values)


def first_chunk(stage: Stage) -> Chunk | None:
    """Elements to look at, which does not count as a pass."""
    return next(iter(first_chunks(stage, 1)), None)


def first_chunks(stage: Stage, rows: int) -> list[Chunk]:
    """Chunks with at least so many elements, as far as there are any, to look at."""
    before = [(one, one.passes) for one in stages(stage)]
    chunks = stage.chunks()
    try:
        found: list[Chunk] = []
        while sum(chunk.rows for chunk in found) < rows and (chunk := next(chunks, None)) is not None:
            found.append(chunk)
        return found
    finally:
        if hasattr(chunks, "close"):
            chunks.close()
        for one, passes in before:
            if one.passes != passes:
                one.passes = passes


def stages(last: Stage) -> Iterator[Stage]:
    """A stage, and all before it."""
    yield last
    for source in last.sources:
        yield from stages(source)
