"""Stages that leave elements as they are: fewer, more, or in another order."""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Iterator

import numpy as np

from ...core.rng import fresh_seed
from ..prefetch import prefetch
from .chunk import Chunk, rows_at_once, single_rows
from .sources import Slices
from .spec import INFINITE, UNKNOWN, TensorSpec
from .stage import Same, Stage
from .structures import Nest, leaves, mapped


class Take(Same):
    """The first elements; -1: all."""

    title = "TakeDataset"

    def __init__(self, source: Stage, most: int):
        super().__init__(source)
        self.most = most

    def chunks(self) -> Iterator[Chunk]:
        if self.most < 0:
            yield from self.source.chunks()
            return
        left = self.most
        if not left:
            return
        for chunk in self.source.chunks():
            yield chunk.part(0, min(left, chunk.rows))
            left -= chunk.rows
            if left <= 0:
                return

    def count(self) -> int:
        known = self.source.count()
        if self.most < 0 or known == UNKNOWN:
            return known
        return self.most if known == INFINITE else min(known, self.most)


class Skip(Same):
    """All but the first elements; -1: none."""

    title = "SkipDataset"

    def __init__(self, source: Stage, fewest: int):
        super().__init__(source)
        self.fewest = fewest

    def chunks(self) -> Iterator[Chunk]:
        if self.fewest < 0:
            return
        left = self.fewest
        for chunk in self.source.chunks():
            if left < chunk.rows:
                yield chunk.part(left, chunk.rows)
            left = max(0, left - chunk.rows)

    def count(self) -> int:
        known = self.source.count()
        if self.fewest < 0:
            return 0
        return known if known < 0 else max(0, known - self.fewest)


class Shard(Same):
    """Each `number`-th element, from `index` on."""

    title = "ShardDataset"

    def __init__(self, source: Stage, number: int, index: int):
        super().__init__(source)
        if number < 1 or not 0 <= index < number:
            raise ValueError(f"shard: expected 0 <= index < num_shards. Received: num_shards={number}, index={index}")
        self.number, self.index = number, index

    def chunks(self) -> Iterator[Chunk]:
        start = 0
        for chunk in self.source.chunks():
            taken = np.arange((self.index - start) % self.number, chunk.rows, self.number)
            start += chunk.rows
            if len(taken):
                yield chunk.gathered(taken)

    def count(self) -> int:
        known = self.source.count()
        return known if known < 0 else max(0, -(-(known - self.index) // self.number))


class Repeat(Same):
    """One pass after another; None: without end."""

    title = "RepeatDataset"

    def __init__(self, source: Stage, times: int | None):
        super().__init__(source)
        self.times = None if times is None or times < 0 else times

    def chunks(self) -> Iterator[Chunk]:
        for _ in itertools.count() if self.times is None else range(self.times):
            given = False
            for chunk in self.source.chunks():
                given = True
                yield chunk
            if not given:
                return

    def count(self) -> int:
        known = self.source.count()
        if known == 0 or self.times == 0:
            return 0
        if self.times is None:
            return INFINITE
        return known if known < 0 else known * self.times


class Shuffle(Same):
    """A buffer of elements, out of which the next one is drawn.

    The order depends on the seed and the number of passes begun before alone.

    Args:
        size: of the buffer; None: all elements.
        seed: None draws one from the process' stream.
        anew: whether each pass has another order.
    """

    title = "ShuffleDataset"

    def __init__(self, source: Stage, size: int | None, seed: int | None, anew: bool):
        super().__init__(source)
        if size is not None and size < 1:
            raise ValueError(f"shuffle: `buffer_size` must be 1 or more. Received: {size}")
        self.size, self.anew, self.passes = size, anew, 0
        self.seed: int = fresh_seed() if seed is None else abs(int(seed))

    def covers(self, rows: int) -> bool:
        """Whether any of so many elements may come anywhere."""
        return self.size is None or self.size >= rows

    def chunks(self) -> Iterator[Chunk]:
        random = np.random.default_rng((self.seed, self.passes))
        self.passes += self.anew
        if isinstance(self.source, Slices):
            yield from self._slices(self.source, random)
            return
        buffer = _Buffer(self.size)
        for chunk in self.source.chunks():
            yield from buffer.put(chunk, random)
        yield from buffer.rest(random)

    def _slices(self, source: Slices, random: np.random.Generator) -> Iterator[Chunk]:
        """Row numbers are mixed in place of rows."""
        whole, step = Chunk(source.values, source.rows), rows_at_once(source.values)
        if self.covers(source.rows):
            order = random.permutation(source.rows)
            for start in range(0, source.rows, step):
                yield whole.gathered(order[start : start + step])
            return
        buffer = _Buffer(self.size)
        numbers = np.arange(source.rows)
        for start in range(0, source.rows, step):
            part = numbers[start : start + step]
            for mixed in buffer.put(Chunk(part, len(part)), random):
                yield whole.gathered(mixed.values)
        for mixed in buffer.rest(random):
            yield whole.gathered(mixed.values)


class _Buffer:
    """Elements that wait to be drawn: in arrays while they are of one kind, else one by one."""

    def __init__(self, size: int | None):
        self.size = size
        self.filling: list[Chunk] = []
        self.rows = 0
        self.held: Chunk | list[Chunk] | None = None  # once it is full

    def put(self, chunk: Chunk, random: np.random.Generator) -> Iterator[Chunk]:
        """Take elements in; from when it is full, as many come out."""
        if self.held is None:
            room = chunk.rows if self.size is None else min(chunk.rows, self.size - self.rows)
            if room:
                self.filling.append(chunk.part(0, room))
                self.rows += room
            if room == chunk.rows:
                return
            chunk = chunk.part(room, chunk.rows)
            self._close()
        if isinstance(self.held, Chunk) and self.held.kind() != chunk.kind():
            self.held = list(single_rows([self.held]))
        slots = random.integers(0, self.rows, chunk.rows)
        if isinstance(self.held, Chunk):
            yield self._exchange(self.held, chunk, slots)
            return
        assert self.held is not None
        for row, slot in enumerate(slots.tolist()):
            out, self.held[slot] = self.held[slot], chunk.part(row, row + 1)
            yield out

    def _close(self) -> None:
        if len({chunk.kind() for chunk in self.filling}) > 1:
            self.held = list(single_rows(self.filling))
        else:
            values = mapped(lambda *parts: np.concatenate(parts), *(chunk.values for chunk in self.filling))
            self.held = Chunk(values, self.rows)  # memory of its own, which is written to
        self.filling = []

    def _exchange(self, held: Chunk, chunk: Chunk, slots: np.ndarray) -> Chunk:
        """The rows of the slots, which the rows of the chunk take one after another."""
        out = held.gathered(slots)
        last: dict[int, int] = {}  # by slot, the row of the chunk that lies there now
        again: list[tuple[int, int]] = []
        for row, slot in enumerate(slots.tolist()):
            if slot in last:
                again.append((row, last[slot]))
            last[slot] = row
        into, rows = np.fromiter(last, int, len(last)), np.fromiter(last.values(), int, len(last))

        def exchange(kept: np.ndarray, new: np.ndarray, given: np.ndarray) -> None:
            for row, before in again:
                given[row] = new[before]
            kept[into] = new[rows]

        mapped(exchange, held.values, chunk.values, out.values)
        return out

    def rest(self, random: np.random.Generator) -> Iterator[Chunk]:
        if self.held is None and self.filling:
            self._close()
        if self.held is None:
            return
        order = random.permutation(self.rows)
        if isinstance(self.held, Chunk):
            step = rows_at_once(self.held.values)
            yield from (self.held.gathered(order[i : i + step]) for i in range(0, self.rows, step))
        else:
            yield from (self.held[i] for i in order)


class Unique(Same):
    """The elements without those that came before."""

    title = "UniqueDataset"

    def chunks(self) -> Iterator[Chunk]:
        seen: set[Hashable] = set()
        for chunk in self.source.chunks():
            kept = []
            for row, element in enumerate(chunk.elements()):
                key = tuple(leaf if isinstance(leaf, bytes) else np.asarray(leaf).tobytes() for leaf in leaves(element))
                if key not in seen:
                    seen.add(key)
                    kept.append(row)
            if kept:
                yield chunk.gathered(np.array(kept))

    def count(self) -> int:
        return UNKNOWN


class Cache(Same):
    """Keeps the elements of its first whole pass in memory."""

    title = "CacheDataset"

    def __init__(self, source: Stage):
        super().__init__(source)
        self.kept: list[Chunk] | None = None

    @property
    def slow(self) -> bool:
        return self.kept is None and super().slow

    def chunks(self) -> Iterator[Chunk]:
        if self.kept is not None:
            yield from self.kept
            return
        kept: list[Chunk] = []
        for chunk in self.source.chunks():
            kept.append(chunk)
            yield chunk
        self.kept = kept


class Prefetch(Same):
    """Makes elements in a thread that runs ahead, where making one takes long."""

    title = "PrefetchDataset"

    def __init__(self, source: Stage, ahead: int):
        super().__init__(source)
        self.ahead = ahead

    def chunks(self) -> Iterator[Chunk]:
        if not self.ahead or not self.source.slow:
            yield from self.source.chunks()
        else:
            yield from prefetch(self.source.chunks(), self.ahead if self.ahead > 0 else 4)


class Enumerate(Stage):
    """`(number, element)`."""

    title = "EnumerateDataset"

    def __init__(self, source: Stage, start: int):
        super().__init__(source)
        self.start = start

    def chunks(self) -> Iterator[Chunk]:
        number = self.start
        for chunk in self.source.chunks():
            yield Chunk((np.arange(number, number + chunk.rows), chunk.values), chunk.rows)
            number += chunk.rows

    def count(self) -> int:
        return self.source.count()

    def make_spec(self) -> Nest:
        return TensorSpec((), "int64"), self.source.spec()


class Concatenate(Same):
    """The elements of one stage, then those of another."""

    title = "ConcatenateDataset"

    def chunks(self) -> Iterator[Chunk]:
        for source in self.sources:
            yield from source.chunks()

    def count(self) -> int:
        counts = [source.count() for source in self.sources]
        if INFINITE in counts:
            return INFINITE
        return UNKNOWN if UNKNOWN in counts else sum(counts)

    def make_spec(self) -> Nest:
        return mapped(_either, *(source.spec() for source in self.sources))


def _either(first: TensorSpec, second: TensorSpec) -> TensorSpec:
    if not isinstance(first, TensorSpec) or first.shape == second.shape:
        return first
    if first.shape is None or second.shape is None or len(first.shape) != len(second.shape):
        return first.with_shape(None)
    return first.with_shape(tuple(a if a == b else None for a, b in zip(first.shape, second.shape, strict=True)))


class Zip(Stage):
    """Elements of several stages side by side, as long as all have some.

    Args:
        structure: tuples and dicts of the stages.
    """

    title = "ZipDataset"

    def __init__(self, structure: Nest, sources: list[Stage]):
        super().__init__(*sources)
        self.structure = structure

    def chunks(self) -> Iterator[Chunk]:
        passes = [source.chunks() for source in self.sources]
        held: list[Chunk | None] = [None] * len(passes)
        while True:
            for i, one in enumerate(passes):
                if held[i] is None:
                    held[i] = next(one, None)
                if held[i] is None:
                    return
            ready = [chunk for chunk in held if chunk is not None]
            rows = min(chunk.rows for chunk in ready)
            values = iter([chunk.part(0, rows).values for chunk in ready])
            yield Chunk(mapped(lambda _, values=values: next(values), self.structure), rows)
            held = [None if chunk.rows == rows else chunk.part(rows, chunk.rows) for chunk in ready]

    def count(self) -> int:
        counts = [source.count() for source in self.sources]
        if UNKNOWN in counts:
            return UNKNOWN
        finite = [count for count in counts if count >= 0]
        return min(finite) if finite else INFINITE

    def make_spec(self) -> Nest:
        specs = iter([source.spec() for source in self.sources])
        return mapped(lambda _: next(specs), self.structure)
