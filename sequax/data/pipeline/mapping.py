"""Stages that call a function of the user on each element."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import jax
import numpy as np

from ...core import scope
from .calling import Call
from .chunk import Chunk, of_one
from .spec import UNKNOWN, TensorSpec
from .stage import Same, Stage, first_spec
from .structures import Nest, leaves, mapped
from .tensors import tensor

_SIZES = (2, 3)  # tried for a size that is unknown; one that differs in the result is unknown, too


class Map(Stage):
    """What a function returns for each element.

    Args:
        function: gets the parts of a tuple as arguments.
        workers: threads, for a function that runs element by element; -1: as many as the machine has processors.
    """

    title = "MapDataset"

    def __init__(self, source: Stage, function: Callable[..., Any], workers: int | None = None):
        super().__init__(source)
        self.call = Call(function, "map", workers)

    @property
    def slow(self) -> bool:
        return not self.call.compiles or super().slow

    def chunks(self) -> Iterator[Chunk]:
        for _, found in self.call.over(self.source.chunks(), lambda: self.source.slow):
            yield found

    def count(self) -> int:
        return self.source.count()

    def make_spec(self) -> Nest:
        """By shapes alone where the function can be traced; else from the first element."""
        source = self.source.spec()
        if not all(
            isinstance(spec, TensorSpec) and spec.dtype != "string" and spec.shape is not None
            for spec in leaves(source)
        ):
            return self._of_first(source)
        try:
            first, second = (self._shapes(source, size) for size in _SIZES)
        except Exception:  # the function cannot be traced, or refuses such sizes
            return self._of_first(source)
        return mapped(_common, first, second)

    def _shapes(self, source: Nest, size: int) -> Nest:
        example = mapped(
            lambda spec: jax.ShapeDtypeStruct(tuple(size if n is None else n for n in spec.shape), spec.dtype), source
        )
        with scope.framed(scope.Frame([], [], strict=False)):
            return jax.eval_shape(self.call.traced, example)

    def _of_first(self, source: Nest) -> Nest:
        found = first_spec(self)
        batched = {spec.shape[0] if spec.shape else 0 for spec in leaves(source) if isinstance(spec, TensorSpec)}
        if batched != {None}:
            return found
        return mapped(
            lambda spec: spec.with_shape((None, *spec.shape[1:])) if getattr(spec, "shape", None) else spec, found
        )


def _common(first: Any, second: Any) -> TensorSpec:
    if len(first.shape) != len(second.shape):
        return TensorSpec(None, first.dtype)
    return TensorSpec([a if a == b else None for a, b in zip(first.shape, second.shape, strict=True)], first.dtype)


class Filter(Same):
    """The elements for which a function returns true."""

    title = "FilterDataset"

    def __init__(self, source: Stage, function: Callable[..., Any]):
        super().__init__(source)
        self.call = Call(function, "filter")

    @property
    def slow(self) -> bool:
        return not self.call.compiles or super().slow

    def chunks(self) -> Iterator[Chunk]:
        for chunk, found in self.call.over(self.source.chunks(), lambda: self.source.slow):
            kept = np.flatnonzero(yes_or_no(found, self.call.what))
            if len(kept):
                yield chunk if len(kept) == chunk.rows else chunk.gathered(kept)

    def count(self) -> int:
        return UNKNOWN


class TakeWhile(Same):
    """The elements before the first for which a function returns false."""

    title = "TakeWhileDataset"

    def __init__(self, source: Stage, function: Callable[..., Any]):
        super().__init__(source)
        self.call = Call(function, "take_while")

    def chunks(self) -> Iterator[Chunk]:
        for chunk, found in self.call.over(self.source.chunks(), lambda: self.source.slow):
            ends = np.flatnonzero(~yes_or_no(found, self.call.what))
            if not len(ends):
                yield chunk
                continue
            if ends[0]:
                yield chunk.part(0, int(ends[0]))
            return

    def count(self) -> int:
        return UNKNOWN


def yes_or_no(found: Chunk, what: str) -> np.ndarray:
    """The answers of a predicate.

    Raises:
        ValueError: if they are not one each.
    """
    given = leaves(found.values)
    if len(given) != 1 or given[0].ndim != 1 or given[0].dtype.kind not in "b":
        shapes = ", ".join(f"{leaf.dtype} of shape {leaf.shape[1:]}" for leaf in given)
        raise ValueError(f"{what}: the function must return one bool for an element. It returned {shapes}.")
    return given[0]


class Scan(Stage):
    """What a function returns beside a state that it hands on.

    Args:
        initial: the state before the first element.
        function: `(state, element) -> (new state, result)`.
    """

    title = "ScanDataset"

    def __init__(self, source: Stage, initial: Nest, function: Callable[..., Any]):
        super().__init__(source)
        self.initial, self.function = initial, function

    def chunks(self) -> Iterator[Chunk]:
        state = first_state(self.initial)
        for chunk in self.source.chunks():
            for element in chunk.tensors():
                state, found = self.function(state, element)
                yield of_one(found)

    def count(self) -> int:
        return self.source.count()


def first_state(initial: Nest) -> Nest:
    return mapped(lambda leaf: leaf[0], mapped(_as_tensor, of_one(initial).values))


def _as_tensor(leaf: Any) -> list[Any]:
    return [tensor(leaf[0])]


def reduced(stage: Stage, initial: Nest, function: Callable[..., Any]) -> Nest:
    """The state after all elements, of a function `(state, element) -> new state`."""
    state = first_state(initial)
    for chunk in stage.chunks():
        for element in chunk.tensors():
            state = function(state, element)
            state = tuple(state) if isinstance(state, list) else state
    return mapped(lambda leaf: tensor(leaf[0]), of_one(state).values)
