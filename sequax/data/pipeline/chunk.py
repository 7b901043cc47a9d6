"""What stages pass on: several elements of one form and shape at once, as arrays with one more axis in front."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from .structures import Nest, form, leaves, mapped
from .tensors import is_whole, leaf_of, tensor

ROWS = 256  # elements of a chunk at most
BYTES = 4 * 2**20  # and of its arrays
_SMALL_BYTES = 4096  # of an element: such ones are put together where they come one by one


class Chunk(NamedTuple):
    """Elements that have one form, one shape and one dtype per leaf."""

    values: Nest
    rows: int

    def take(self, rows: Any) -> Nest:
        """The leaves of these rows: a slice, or an array of numbers."""
        return mapped(lambda leaf: leaf[rows], self.values)

    def part(self, start: int, stop: int) -> Chunk:
        stop = min(stop, self.rows)
        return self if stop - start == self.rows else Chunk(self.take(slice(start, stop)), stop - start)

    def gathered(self, numbers: np.ndarray) -> Chunk:
        return Chunk(self.take(numbers), len(numbers))

    def kind(self) -> Hashable:
        """Equal for chunks that can be joined."""
        return form(self.values), *((leaf.shape[1:], leaf.dtype) for leaf in leaves(self.values))

    def elements(self) -> Iterator[Nest]:
        """The elements, leaves in NumPy."""
        for row in range(self.rows):
            yield self.take(row)

    def tensors(self) -> Iterator[Nest]:
        """The elements as users see them."""
        for row in range(self.rows):
            yield mapped(lambda leaf, row=row: tensor(leaf[row]), self.values)


def of_one(element: Nest) -> Chunk:
    """A single element; its leaves may be anything that `leaf_of` takes."""
    return Chunk(mapped(lambda leaf: leaf_of(leaf)[None], element), 1)


def joined(chunks: Sequence[Chunk]) -> Chunk:
    """Chunks of one kind as one."""
    if len(chunks) == 1:
        return chunks[0]
    values = mapped(lambda *parts: np.concatenate(parts), *(chunk.values for chunk in chunks))
    return Chunk(values, sum(chunk.rows for chunk in chunks))


def rows_at_once(values: Nest) -> int:
    """How many elements make a chunk, for leaves that have an axis of elements."""
    size = row_bytes(values)
    return max(1, min(ROWS, BYTES // max(1, size)))


def row_bytes(values: Nest) -> int:
    return sum(leaf.nbytes // max(1, len(leaf)) for leaf in leaves(values))


def single_rows(chunks: Iterable[Chunk]) -> Iterator[Chunk]:
    for chunk in chunks:
        for row in range(chunk.rows):
            yield chunk.part(row, row + 1)


def grouped(chunks: Iterable[Chunk], waits: Callable[[], bool]) -> Iterator[Chunk]:
    """Small elements that come one by one as chunks of several, as long as `waits()` allows to look ahead."""
    held: list[Chunk] = []
    for chunk in chunks:
        small = chunk.rows == 1 and waits() and _is_small(chunk)
        if held and (not small or len(held) == ROWS or held[0].kind() != chunk.kind()):
            yield joined(held)
            held = []
        if small:
            held.append(chunk)
        else:
            yield chunk
    if held:
        yield joined(held)


def _is_small(chunk: Chunk) -> bool:
    found = leaves(chunk.values)
    return row_bytes(chunk.values) <= _SMALL_BYTES and not any(
        leaf.dtype.hasobject and is_whole(leaf.flat[0] if leaf.size else None) for leaf in found
    )
