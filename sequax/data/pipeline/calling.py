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
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ...core import rng, scope
from ...core.variable import Variable
from .chunk import Chunk, grouped, of_one
from .structures import Nest, leaves, mapped
from .tensors import fits_device, tensor

_tracing: ContextVar[bool] = ContextVar("sequax_map_traces", default=False)


class Untraceable(TypeError):
    """A function of the user has no compiled form."""


def refuse_tracing(what: str) -> None:
    """Nothing where values are at hand.

    Raises:
        Untraceable: while a function is traced, which then runs element by element.
    """
    if _tracing.get():
        raise Untraceable(f"{what} runs in Python")


class _Noting(scope.Frame):
    """Notes which variables a function reads and assigns, and how often."""

    __slots__ = ("counts", "read")

    def __init__(self, variables: list[Variable], values: list[Any]):
        super().__init__(variables, values, strict=False)
        self.read: dict[int, Variable] = {}
        self.counts: dict[int, int] = {}

    def note_read(self, variable: Variable) -> None:
        self.read[id(variable)] = variable

    def assign(self, variable: Variable, value: object) -> None:
        super().assign(variable, value)
        self.read[id(variable)] = variable
        self.counts[id(variable)] = self.counts.get(id(variable), 0) + 1


class _Program(NamedTuple):
    """A compiled form.

    Fields:
        run: `(values of read, states of the seeds per row, columns) -> results, states after each row`.
        read: variables that it reads.
        seeds: variables whose counter each row moves on, by so many draws.
    """

    run: Callable[..., Any]
    read: list[Variable]
    seeds: list[Variable]
    draws: list[int]


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
        self._programs: dict[Hashable, _Program] = {}
        self._generator: rng.SeedGenerator | None = None  # of what the function draws without a seed
        self._seed = rng.fresh_seed()
        self._moves_state = True  # whether an element changes a variable; found out by the first one

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
            rows = _rows(itertools.chain([chunk], together))
            yield from self._one_by_one(rows) if self.workers == 1 else self._by_threads(rows)
            return

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
        token = _tracing.set(True)
        try:
            with scope.fresh_call():
                return mapped(_traced, self._on_tensors(element))
        finally:
            _tracing.reset(token)

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
        with scope.framed(_Noting([], [])) as frame:
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
        columns = leaves(chunk.values)
        if any(leaf.dtype.hasobject or not fits_device(leaf) for leaf in columns):
            self.compiles = False
            return None
        rows = 1 if chunk.rows == 1 else 1 << (chunk.rows - 1).bit_length()
        kind = chunk.kind(), rows
        program = self._programs.get(kind)
        fresh = program is None
        try:
            if program is None:
                program = self._programs[kind] = self._program(chunk, single=rows == 1)
            values, after = self._run(program, chunk, rows)
        except Exception:
            if not fresh:
                raise
            self.compiles = False  # if it is an error of the user's, it comes again with values at hand
            return None
        if after is None:
            self.compiles = False
            return None
        for variable, state in zip(program.seeds, after, strict=True):
            variable.assign(state)
        return Chunk(values, chunk.rows)

    def _run(self, program: _Program, chunk: Chunk, rows: int) -> tuple[Nest, list[Any] | None]:
        states, after = [], []
        for variable, draws in zip(program.seeds, program.draws, strict=True):
            state = np.asarray(variable.stored)
            counts = state[1] + np.arange(rows + 1, dtype=np.uint32) * np.uint32(draws)
            moved = np.stack([np.full(rows + 1, state[0]), counts], -1)
            states.append(moved[:-1])
            after.append(moved[1:])
        given = mapped(lambda leaf: _padded(leaf, rows), chunk.values)
        if rows == 1:
            states, given = [s[0] for s in states], mapped(lambda leaf: leaf[0], given)
        results, ends = program.run([v.stored for v in program.read], states, given)
        for end, expected in zip(ends, after, strict=True):
            if not np.array_equal(np.asarray(end).reshape(expected.shape), expected):
                return None, None  # the seed moves in steps of another kind
        if rows == 1:
            return mapped(lambda leaf: np.asarray(leaf)[None], results), [a[0] for a in after]
        return mapped(lambda leaf: np.asarray(leaf)[: chunk.rows], results), [a[chunk.rows - 1] for a in after]

    def _program(self, chunk: Chunk, single: bool) -> _Program:
        """Find the variables of the function by tracing it once, then compile it with these as inputs.

        Raises:
            Untraceable: if it assigns variables other than the counters of seeds.
        """
        frame = _Noting([], [])
        example = mapped(lambda leaf: jax.ShapeDtypeStruct(leaf.shape[1:], jnp.result_type(leaf)), chunk.values)

        def trace(element: Nest) -> Nest:
            with scope.framed(frame):
                return self.traced(element)

        jax.eval_shape(trace, example)
        seeds = [frame.read[key] for key in frame.counts]
        if not all(_is_seed(variable) for variable in seeds):
            raise Untraceable(f"{self.what}: the function assigns variables")
        read = [variable for key, variable in frame.read.items() if key not in frame.counts]

        def call(values: list[Any], states: list[Any], element: Nest) -> tuple[Nest, list[Any]]:
            inner = scope.Frame([*read, *seeds], [*values, *states], strict=True)
            with scope.framed(inner):
                result = self.traced(element)
            return result, [inner.values[id(variable)] for variable in seeds]

        run = jax.jit(call if single else jax.vmap(call, in_axes=(None, 0, 0)))
        return _Program(run, read, seeds, [frame.counts[id(variable)] for variable in seeds])


def _is_seed(variable: Variable) -> bool:
    return variable.name == "seed_generator_state" and variable.shape == (2,)


def _traced(result: Any) -> Any:
    """A leaf of a result that a compiled program may return."""
    if isinstance(result, (str, bytes)) or not (
        isinstance(result, (bool, int, float, list, np.generic, np.ndarray)) or hasattr(result, "__jax_array__")
        or isinstance(result, jax.Array)
    ):  # fmt: skip
        raise Untraceable(f"{type(result).__name__} is no array")
    if isinstance(result, np.ndarray | np.generic) and not fits_device(result):
        raise Untraceable("it holds numbers of 64 bits")
    return jnp.asarray(result)


def _padded(leaf: np.ndarray, rows: int) -> np.ndarray:
    """More rows behind the last one, so that few programs serve all numbers of rows."""
    if len(leaf) == rows:
        return leaf
    return np.concatenate([leaf, np.broadcast_to(leaf[-1:], (rows - len(leaf), *leaf.shape[1:]))])


def _rows(chunks: Iterable[Chunk]) -> Iterator[Chunk]:
    for chunk in chunks:
        for row in range(chunk.rows):
            yield chunk.part(row, row + 1)
