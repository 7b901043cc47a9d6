"""Stages in which elements become data sets, or data sets elements."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from .batching import PaddedBatch, stacked
from .calling import Call
from .chunk import Chunk, single_rows
from .sources import Slices
from .spec import UNKNOWN, DatasetSpec, TensorSpec
from .stage import Stage, first_chunk
from .structures import Nest, leaves, mapped
from .tensors import is_dataset, tensor

Make = Callable[[Stage], Any]  # a stage as what users see of it


def dataset_from(call: Call, element: Nest) -> Stage:
    """The stage of the data set that a function returns.

    Raises:
        TypeError: if it returns something else.
    """
    found = call.function(*element) if type(element) is tuple else call.function(element)
    if not is_dataset(found):
        raise TypeError(
            f"{call.what}: the function must return a data set, such as Dataset.from_tensor_slices(x). It returned"
            f" {type(found).__name__}."
        )
    return found.stage


class FlatMap(Stage):
    """The elements of the data sets that a function returns, one data set after another."""

    title = "FlatMapDataset"

    def __init__(self, source: Stage, function: Callable[..., Any]):
        super().__init__(source)
        self.call = Call(function, "flat_map")

    def chunks(self) -> Iterator[Chunk]:
        for chunk in self.source.chunks():
            for element in chunk.tensors():
                yield from dataset_from(self.call, element).chunks()

    def make_spec(self) -> Nest:
        chunk = first_chunk(self.source)
        return () if chunk is None else dataset_from(self.call, next(chunk.tensors())).spec()


class Interleave(FlatMap):
    """The elements of the data sets that a function returns, several of them by turns.

    Args:
        cycle: how many data sets take turns.
        block: elements of a turn.
    """

    title = "InterleaveDataset"

    def __init__(self, source: Stage, function: Callable[..., Any], cycle: int | None, block: int):
        super().__init__(source, function)
        self.call.what = "interleave"
        self.cycle = cycle if cycle is not None and cycle > 0 else min(10, os.cpu_count() or 1)
        self.block = max(1, block)

    def chunks(self) -> Iterator[Chunk]:
        elements = (element for chunk in self.source.chunks() for element in chunk.tensors())
        turns: list[Iterator[Chunk] | None] = [None] * self.cycle
        at, given, more = 0, 0, True
        while more or any(turns):
            one = turns[at]
            if one is None and more:
                element = next(elements, _END)
                more = element is not _END
                if more:
                    turns[at] = single_rows(dataset_from(self.call, element).chunks())
                continue
            found = None if one is None else next(one, None)
            if found is None:
                turns[at] = None
                at, given = (at + 1) % self.cycle, 0
                continue
            yield found
            given += 1
            if given == self.block:
                at, given = (at + 1) % self.cycle, 0


_END = object()


class Window(Stage):
    """Neighbouring elements as data sets: of tuples and dicts, the parts apart.

    Args:
        size: elements of a window.
        shift: from the start of a window to that of the next.
        stride: between two elements of a window.
        drop_remainder: leave out windows that are not full.
    """

    title = "WindowDataset"

    def __init__(self, source: Stage, size: int, shift: int | None, stride: int, drop_remainder: bool, make: Make):
        super().__init__(source)
        shift = size if shift is None else shift
        for name, value in (("size", size), ("shift", shift), ("stride", stride)):
            if value < 1:
                raise ValueError(f"window: `{name}` must be 1 or more. Received: {name}={value}")
        self.size, self.shift, self.stride, self.drop_remainder = size, shift, stride, drop_remainder
        self.make = make

    def chunks(self) -> Iterator[Chunk]:
        wide = (self.size - 1) * self.stride + 1
        held: list[Chunk] = []  # from row `first` on
        first, have, start = 0, 0, 0
        for chunk in self.source.chunks():
            held.append(chunk)
            have += chunk.rows
            if start + wide > first + have:
                continue
            whole = stacked(held)
            while start + wide <= first + have:
                yield self._window(whole, start - first, start - first + wide)
                start += self.shift
            kept = min(start - first, whole.rows)
            held, first, have = [whole.part(kept, whole.rows)], first + kept, whole.rows - kept
        if self.drop_remainder or not held:
            return
        whole = stacked(held)
        while start < first + have:
            yield self._window(whole, start - first, start - first + wide)
            start += self.shift

    def _window(self, whole: Chunk, start: int, stop: int) -> Chunk:
        taken = whole.take(slice(start, min(stop, whole.rows), self.stride))
        return Chunk(mapped(lambda leaf: _one_object(self.make(Slices(leaf))), taken), 1)

    def count(self) -> int:
        known = self.source.count()
        if known < 0:
            return known
        if not self.drop_remainder:
            return -(-known // self.shift)
        return max(0, (known - (self.size - 1) * self.stride - 1) // self.shift + 1)

    def make_spec(self) -> Nest:
        return mapped(DatasetSpec, self.source.spec())


def _one_object(value: Any) -> np.ndarray:
    found = np.empty(1, object)
    found[0] = value
    return found


class GroupByWindow(Stage):
    """Elements with one key, so many of them as a data set that a function turns into another one.

    Args:
        key: `(element) -> key`, a whole number.
        reduce: `(key, data set of elements) -> data set`.
        size: elements of a group, from the key.
    """

    title = "GroupByWindowDataset"

    def __init__(
        self, source: Stage, key: Callable[..., Any], reduce: Callable[..., Any], size: Callable[[int], int], make: Make
    ):
        super().__init__(source)
        self.key, self.reduce, self.size, self.make = Call(key, "group_by_window"), reduce, size, make

    def chunks(self) -> Iterator[Chunk]:
        groups: dict[int, list[Chunk]] = {}
        for chunk, keys in self.key.over(self.source.chunks(), lambda: self.source.slow):
            for row, key in enumerate(leaves(keys.values)[0].tolist()):
                group = groups.setdefault(key, [])
                group.append(chunk.part(row, row + 1))
                if len(group) == self.size(key):
                    yield from self._reduced(key, groups.pop(key))
        for key, group in groups.items():
            yield from self._reduced(key, group)

    def _reduced(self, key: int, group: list[Chunk]) -> Iterator[Chunk]:
        found = self.reduce(tensor(np.int64(key)), self.make(Given(group, self.source)))
        if not is_dataset(found):
            raise TypeError(
                f"group_by_window: `reduce_func` must return a data set. It returned {type(found).__name__}."
            )
        yield from found.stage.chunks()


class Given(Stage):
    """Elements that are there already.

    Args:
        like: a stage with elements of their kind.
    """

    def __init__(self, chunks: list[Chunk], like: Stage):
        super().__init__()
        self.held, self.like = chunks, like

    def chunks(self) -> Iterator[Chunk]:
        yield from self.held

    def count(self) -> int:
        return sum(chunk.rows for chunk in self.held)

    def make_spec(self) -> Nest:
        return self.like.spec()


class ByLength(Stage):
    """Batches of elements with about one length.

    Args:
        length: `(element) -> length`.
        bounds: upper ends of the lengths of a bucket, which are left out.
        sizes: of the batches, one more than there are bounds.
        fit: fill up to the end of the bucket in place of the longest.
    """

    title = "GroupByWindowDataset"

    def __init__(
        self, source: Stage, length: Callable[..., Any], bounds: Sequence[int], sizes: Sequence[int],
        shapes: Nest, fill: Nest, fit: bool, plain: bool, drop_remainder: bool,
    ):  # fmt: skip
        super().__init__(source)
        if len(sizes) != len(bounds) + 1:
            raise ValueError(
                f"bucket_by_sequence_length: there must be one size of batches more than bounds. Received:"
                f" {len(sizes)} sizes, {len(bounds)} bounds."
            )
        self.length = Call(length, "bucket_by_sequence_length")
        self.bounds, self.sizes, self.fit, self.drop_remainder = list(bounds), list(sizes), fit, drop_remainder
        self.shapes, self.fill, self.plain = shapes, fill, plain

    def chunks(self) -> Iterator[Chunk]:
        buckets: dict[int, list[Chunk]] = {}
        for chunk, lengths in self.length.over(self.source.chunks(), lambda: self.source.slow):
            for row, length in enumerate(leaves(lengths.values)[0].tolist()):
                number = int(np.searchsorted(self.bounds, length, side="right"))
                bucket = buckets.setdefault(number, [])
                bucket.append(chunk.part(row, row + 1))
                if len(bucket) == self.sizes[number]:
                    yield self._batch(number, buckets.pop(number))
        for number, bucket in buckets.items():
            if not self.drop_remainder:
                yield self._batch(number, bucket)

    def _batch(self, number: int, bucket: list[Chunk]) -> Chunk:
        if self.plain:
            return Chunk(stacked(bucket).take(None), 1)
        shapes = self.shapes
        if self.fit:
            if number == len(self.bounds):
                raise ValueError(
                    f"bucket_by_sequence_length(pad_to_bucket_boundary=True): an element is longer than the last bound,"
                    f" {self.bounds[-1]}."
                )
            end = self.bounds[number] - 1
            first = bucket[0].take(0)
            shapes = mapped(lambda leaf: tuple(end if i == 0 else None for i in range(np.ndim(leaf))), first)
        return PaddedBatch(self.source, len(bucket), shapes, self.fill, False).together(bucket)

    def count(self) -> int:
        return UNKNOWN

    def make_spec(self) -> Nest:
        return mapped(
            lambda spec: (
                spec.with_shape((None, *(None,) * len(spec.shape)))
                if isinstance(spec, TensorSpec) and spec.shape is not None
                else spec
            ),
            self.source.spec(),
        )
