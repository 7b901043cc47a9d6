"""`Call`: a function of the user on elements; on a whole chunk as one compiled program where that gives the same.

A function that can be traced is compiled once per shape, as `jax.jit(jax.vmap(function))`. Each element then sees what
it would see alone: its own shape, and numbers of its own where the function draws some (the counters of seeds are
those of one element after another). What cannot be traced, such as texts, files and decisions by values, runs in
Python element by element, from the first such element on.
"""

from __future__ import annotations

import itertools
import os
from collections import deque
from collections.abc import Callable, Hashable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import ContextVar, copy_context
from typing import Any

from ..._holding import Holding
from ...core import branching, rng, scope
from .chunk import Chunk, grouped, of_one, single_rows
from .programs import Noting, Program, Untraceable, traced_leaf
from .structures import Nest, leaves, mapped
from .tensors import fits_device, tensor

_tracing: ContextVar[bool] = ContextVar("sequax_map_traces", default=False)


def refuse_tracing(what: str) -> None:
    """Nothing where values are at hand.

    Raises:
        Untraceable: while a function is traced, which then runs element by element.
    """
    if _tracing.get():
        raise Untraceable(f"{what} runs in Python")


_FEW_SHAPES = 4  # of single elements; where there are more, each may have its own


class Call:
    """A function of the user on elements.

    Args:
        function: gets the parts of a tuple as arguments, anything else as one argument.
        what: the method it was given to, for messages.
        workers: threads for what runs element by element; None: none.
    """

    def __init__(self, function: Callable[..., Any], what: str, workers: int | None = None):
        if not callable(function):
            raise TypeError(f"{what}: expected a function. Received: {function!r:.60}")
        self.function, self.what = function, what
        self.compiles = True
        self.workers = min(32, os.cpu_count() or 1) if workers is not None and workers < 0 else workers or 1
        self._programs: dict[Hashable, Program] = {}
        self._shapes = 0  # of elements that came one by one
        self._generator: rng.SeedGenerator | None = None  # of what the function draws without a seed
        self._seed = rng.fresh_seed()

    def over(self, chunks: Iterable[Chunk], slow: Callable[[], bool]) -> Iterator[tuple[Chunk, Chunk]]:
        """Chunks and the results for them.

        Args:
            slow: whether elements come from what must not run ahead.
        """
        together = grouped(chunks, lambda: self.compiles and not slow())
        for chunk in together:
            found = self._at_once(chunk) if self.compiles else None
            if found is not None:
                yield chunk, found
                continue
            rows = single_rows(itertools.chain([chunk], together))
            yield from self._one_by_one(rows) if self.workers == 1 else self._by_threads(rows)
            return

    @property
    def programs(self) -> list[Program]:
        """The compiled forms, in the order in which they were needed."""
        return list(self._programs.values())

    def one(self, element: Nest) -> Any:
        """What the function returns for one element, leaves in NumPy, in Python."""
        return self._on_tensors(mapped(tensor, element))

    def _on_tensors(self, element: Nest) -> Any:
        if self._generator is None:
            self._generator = rng.SeedGenerator(self._seed)
        with rng.drawing_from(self._generator):
            given = self.function(*element) if type(element) is tuple else self.function(element)
        return tuple(given) if isinstance(given, list) else given

    def traced(self, element: Nest) -> Nest:
        """The function on traced values, as part of a compiled program."""
        with Holding(_tracing, True), scope.fresh_call():
            return mapped(traced_leaf, branching.both_ways(lambda: self._on_tensors(element)))

    # --- element by element ---

    def _result(self, row: Chunk) -> tuple[Chunk, Chunk]:
        try:
            return row, of_one(self.one(row.take(0)))
        except TypeError as error:
            if not str(error).startswith(("None cannot", "an element is")):
                raise
            raise TypeError(f"{self.what}: the function returned what is no element: {error}") from None

    def _one_by_one(self, rows: Iterator[Chunk]) -> Iterator[tuple[Chunk, Chunk]]:
        return map(self._result, rows)

    def _by_threads(self, rows: Iterator[Chunk]) -> Iterator[tuple[Chunk, Chunk]]:
        """In the order of the elements; later ones are being made meanwhile.

        A function that changes variables, such as the counter of a seed, runs in one thread, or a run could not be
        repeated.
        """
        first = next(rows, None)
        if first is None:
            return
        with scope.framed(Noting()) as frame:
            found = self._result(first)
        assert frame is not None
        if frame.assigned:
            yield self._result(first)
            yield from self._one_by_one(rows)
            return
        yield found
        with ThreadPoolExecutor(self.workers, "sequax-map") as pool:
            waiting: deque[Future] = deque()
            submit = lambda row: pool.submit(copy_context().run, self._result, row)  # noqa: E731
            try:
                waiting.extend(map(submit, itertools.islice(rows, self.workers)))
                while waiting:
                    done = waiting.popleft().result()
                    waiting.extend(map(submit, itertools.islice(rows, 1)))
                    yield done
            finally:
                for future in waiting:
                    future.cancel()

    # --- compiled ---

    def _at_once(self, chunk: Chunk) -> Chunk | None:
        """The results for a chunk; None if the function cannot be compiled."""
        if any(leaf.dtype.hasobject or not fits_device(leaf) for leaf in leaves(chunk.values)):
            self.compiles = False
            return None
        rows = 1 if chunk.rows == 1 else 1 << (chunk.rows - 1).bit_length()
        kind = chunk.kind(), rows
        program = self._programs.get(kind)
        fresh = program is None
        try:
            if program is None:
                self._shapes += rows == 1
                program = Program(self.traced, chunk, rows, varies=self._shapes > _FEW_SHAPES and rows == 1)
                self._programs[kind] = program
            found = program(chunk)
        except Exception:
            if not fresh:
                raise
            found = None  # if it is an error of the user's, it comes again with values at hand
        self.compiles = found is not None
        return found
