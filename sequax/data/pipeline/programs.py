"""Compiled forms of a function of the user on elements."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ...core import scope
from ...core.variable import Variable
from .chunk import Chunk
from .numpy_forms import numpy_form
from .structures import Nest, leaves, mapped, packed
from .tensors import fits_device


class Untraceable(TypeError):
    """A function of the user has no compiled form."""


class Noting(scope.Frame):
    """Notes which variables a function reads and assigns, and how often."""

    __slots__ = ("counts", "parted", "read")

    def __init__(self) -> None:
        super().__init__([], [], strict=False)
        self.read: dict[int, Variable] = {}
        self.counts: dict[int, int] = {}
        self.parted = False  # whether there are several ways through the function

    def note_read(self, variable: Variable) -> None:
        self.read[id(variable)] = variable

    def assign(self, variable: Variable, value: object) -> None:
        super().assign(variable, value)
        self.read[id(variable)] = variable
        self.counts[id(variable)] = self.counts.get(id(variable), 0) + 1

    def mark(self) -> Any:
        return *super().mark(), dict(self.counts)

    def rewind(self, mark: Any) -> None:
        super().rewind(mark)
        self.counts = dict(mark[-1])

    def join(self, *marks: Any) -> None:
        self.parted = True
        self.counts = {key: max(mark[-1].get(key, 0) for mark in marks) for mark in marks for key in mark[-1]}


class Program:
    """A compiled form for elements of one kind.

    Args:
        function: `(element) -> result`, on traced values.
        chunk: of such elements.
        rows: elements at a time; 1: the function itself, without an axis of elements.
        varies: whether each element has another shape, so that compiling would take longer than it saves.

    Variables that the function reads are inputs, and so are the counters of seeds that it draws from: each row has the
    counts that it would have if the elements came one after another.

    Raises:
        Untraceable: if the function assigns other variables.
    """

    def __init__(self, function: Callable[[Nest], Nest], chunk: Chunk, rows: int, varies: bool):
        self.function, self.rows = function, rows
        self.given: Nest = mapped(lambda _: None, chunk.values)  # the structure of an element
        self.result: Nest = None  # and of what is returned; JAX would sort the keys of dicts
        frame = Noting()

        def trace(flat: list[Any]) -> list[Any]:
            with scope.framed(frame):
                return self._called(flat)

        examples = [jax.ShapeDtypeStruct(leaf.shape[1:], _device_dtype(leaf.dtype)) for leaf in leaves(chunk.values)]
        traced = jax.make_jaxpr(trace)(examples)
        self.seeds: list[Variable] = [frame.read[key] for key in frame.counts]
        if not all(v.name == "seed_generator_state" and v.shape == (2,) for v in self.seeds):
            raise Untraceable("the function assigns variables")
        self.draws: list[int] = [frame.counts[id(variable)] for variable in self.seeds]
        self.parted = frame.parted  # then a seed may have moved less
        self.read: list[Variable] = [variable for key, variable in frame.read.items() if key not in frame.counts]
        self.in_numpy = numpy_form(traced) if varies and not frame.read else None
        self.run = jax.jit(self._pure if rows == 1 else jax.vmap(self._pure, in_axes=(None, 0, 0)))

    def _called(self, flat: list[Any]) -> list[Any]:
        result = self.function(packed(self.given, iter(flat)))
        self.result = mapped(lambda _: None, result)
        return [traced_leaf(leaf) for leaf in leaves(result)]

    def _pure(self, values: list[Any], states: list[Any], flat: list[Any]) -> tuple[list[Any], list[Any]]:
        inner = scope.Frame([*self.read, *self.seeds], [*values, *states], strict=True)
        with scope.framed(inner):
            results = self._called(flat)
        return results, [inner.values[id(variable)] for variable in self.seeds]

    def __call__(self, chunk: Chunk) -> Chunk | None:
        """The results for a chunk; None if a seed moves in steps of another kind."""
        flat = leaves(chunk.values)
        if self.in_numpy is not None:
            return self._chunk([leaf[None] for leaf in self.in_numpy([leaf[0] for leaf in flat])], 1)
        states, after = self._states()
        if self.rows == 1:
            results, ends = self.run([v.stored for v in self.read], [s[0] for s in states], [leaf[0] for leaf in flat])
            found = [np.asarray(leaf)[None] for leaf in results]
        else:
            given = [_padded(leaf, self.rows) for leaf in flat]
            results, ends = self.run([v.stored for v in self.read], states, given)
            found = [np.asarray(leaf)[: chunk.rows] for leaf in results]
        for variable, end, expected in zip(self.seeds, ends, after, strict=True):
            if not self.parted and not np.array_equal(np.asarray(end).reshape(expected.shape), expected):
                return None
            variable.assign(expected[chunk.rows - 1])
        return self._chunk(found, chunk.rows)

    def _chunk(self, found: list[np.ndarray], rows: int) -> Chunk:
        return Chunk(packed(self.result, iter(found)), rows)

    def _states(self) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """For each seed, its states before and after each row."""
        before, after = [], []
        for variable, draws in zip(self.seeds, self.draws, strict=True):
            state = np.asarray(variable.stored)
            counts = state[1] + np.arange(self.rows + 1, dtype=np.uint32) * np.uint32(draws)
            moved = np.stack([np.full(self.rows + 1, state[0]), counts], -1)
            before.append(moved[:-1])
            after.append(moved[1:])
        return before, after


def _device_dtype(dtype: np.dtype) -> Any:
    return jax.dtypes.canonicalize_dtype(dtype)


def traced_leaf(result: Any) -> Any:
    """A leaf of a result that a compiled program may return.

    Raises:
        Untraceable: for anything else, such as texts and data sets.
    """
    if isinstance(result, (np.ndarray, np.generic)):
        if not fits_device(result):
            raise Untraceable("it holds texts, or numbers of 64 bits")
    elif not isinstance(result, (bool, int, float, list, jax.Array)) and not hasattr(result, "__jax_array__"):
        raise Untraceable(f"{type(result).__name__} is no array")
    return jnp.asarray(result)


def _padded(leaf: np.ndarray, rows: int) -> np.ndarray:
    """More rows behind the last one, so that few programs serve all numbers of rows."""
    if len(leaf) == rows:
        return leaf
    return np.concatenate([leaf, np.broadcast_to(leaf[-1:], (rows - len(leaf), *leaf.shape[1:]))])
