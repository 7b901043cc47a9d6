"""Stages at the beginning: arrays in memory, counters, random numbers, and generators of the user."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from ...core.rng import fresh_seed
from .chunk import ROWS, Chunk, of_one, rows_at_once
from .spec import INFINITE, UNKNOWN, DatasetSpec, RaggedSpec, TensorSpec, spec_of_rows
from .stage import Stage
from .structures import Nest, leaves, mapped
from .tensors import leaf_of


class Slices(Stage):
    """The rows of arrays in memory, which are not copied.

    Args:
        values: arrays, in tuples and dicts; they must have equal first axes.

    Raises:
        ValueError: for unequal ones.
    """

    title = "TensorSliceDataset"

    def __init__(self, values: Nest):
        super().__init__()
        self.values: Nest = mapped(leaf_of, values)
        lengths = {leaf.shape[:1] for leaf in leaves(self.values)}
        if len(lengths) != 1 or lengths == {()}:
            found = ", ".join(str(leaf.shape) for leaf in leaves(self.values)) or "none"
            raise ValueError(
                f"from_tensor_slices takes arrays with equal first axes, one row per element. Received shapes: {found}."
            )
        self.rows: int = lengths.pop()[0]

    def chunks(self) -> Iterator[Chunk]:
        step = rows_at_once(self.values)
        whole = Chunk(self.values, self.rows)
        for start in range(0, self.rows, step):
            yield whole.part(start, min(start + step, self.rows))

    def count(self) -> int:
        return self.rows

    def make_spec(self) -> Nest:
        return spec_of_rows(self.values)


class Single(Stage):
    """One element."""

    title = "TensorDataset"

    def __init__(self, values: Nest):
        super().__init__()
        self.chunk = of_one(values)

    def chunks(self) -> Iterator[Chunk]:
        yield self.chunk

    def count(self) -> int:
        return 1


class Counter(Stage):
    """`start`, `start + step`, ..., up to `stop`, which is left out; None: without end."""

    title = "RangeDataset"

    def __init__(self, start: int, stop: int | None, step: int, dtype: str):
        super().__init__()
        if step == 0:
            raise ValueError("The step of a range cannot be 0.")
        self.start, self.stop, self.step, self.dtype = start, stop, step, dtype

    def chunks(self) -> Iterator[Chunk]:
        count = self.count()
        for first in itertools.count(0, ROWS):
            rows = ROWS if count == INFINITE else min(ROWS, count - first)
            if rows <= 0:
                return
            numbers = self.start + self.step * np.arange(first, first + rows)
            yield Chunk(numbers.astype(self.dtype), rows)

    def count(self) -> int:
        return INFINITE if self.stop is None else max(0, math.ceil((self.stop - self.start) / self.step))

    def make_spec(self) -> Nest:
        return TensorSpec((), self.dtype)


class RandomNumbers(Stage):
    """Whole numbers below 2**32, without end; the same in each pass unless they are to be others."""

    title = "RandomDataset"

    def __init__(self, seed: int | None, anew: bool):
        super().__init__()
        self.seed, self.anew, self.passes = fresh_seed() if seed is None else int(seed), anew, 0

    def chunks(self) -> Iterator[Chunk]:
        random = np.random.default_rng((self.seed, self.passes))
        self.passes += self.anew
        while True:
            yield Chunk(random.integers(0, 2**32, ROWS, np.int64), ROWS)

    def count(self) -> int:
        return INFINITE

    def make_spec(self) -> Nest:
        return TensorSpec((), "int64")


class Generated(Stage):
    """What a function yields, which is called again for each pass. Nothing is taken ahead.

    Args:
        make: the function; it returns something to iterate over.
        signature: specs that its elements are cast to and compared with; None: they are taken as they come.
    """

    title = "GeneratorDataset"
    slow = True

    def __init__(self, make: Callable[[], Iterable[Any]], signature: Nest = None):
        super().__init__()
        self.make, self.signature = make, signature

    def chunks(self) -> Iterator[Chunk]:
        for element in self.make():
            yield of_one(_copied(element) if self.signature is None else in_form(self.signature, element))

    def make_spec(self) -> Nest:
        return super().make_spec() if self.signature is None else self.signature


def _copied(element: Nest) -> Nest:
    """Generators may fill the same arrays again."""
    return mapped(lambda leaf: np.array(leaf_of(leaf)), element)


def in_form(spec: Nest, element: Any) -> Nest:
    """An element of a generator in the structure, dtypes and shapes that were announced.

    Raises:
        TypeError: for another structure.
        ValueError: for another shape.
    """
    if isinstance(spec, tuple):
        if not isinstance(element, (tuple, list)) or len(element) != len(spec):
            raise _other_form(spec, element)
        parts = [in_form(s, e) for s, e in zip(spec, element, strict=True)]
        return type(spec)(*parts) if hasattr(spec, "_fields") else tuple(parts)
    if isinstance(spec, Mapping):
        if not isinstance(element, Mapping) or set(element) != set(spec):
            raise _other_form(spec, element)
        return {key: in_form(one, element[key]) for key, one in spec.items()}
    return _in_spec(spec, element)


def _other_form(spec: Nest, element: Any) -> TypeError:
    given = f"keys {sorted(map(str, element))}" if isinstance(element, Mapping) else f"{element!r:.60}"
    wanted = f"keys {sorted(spec)}" if isinstance(spec, Mapping) else f"a tuple of {len(spec)}"
    return TypeError(f"from_generator: the generator should yield {wanted}, as announced. It yielded {given}.")


def _in_spec(spec: TensorSpec, value: Any) -> np.ndarray:
    array = np.array(leaf_of(value))  # a copy, as above
    if spec.dtype == "string":
        if not array.dtype.hasobject:
            raise TypeError(f"from_generator: expected a text, as announced. The generator yielded {value!r:.60}.")
    elif spec.dtype:
        if array.dtype.hasobject:
            raise TypeError(
                f"from_generator: expected {spec.dtype}, as announced. The generator yielded {array.ravel()[:1]!r:.60}."
            )
        array = array.astype(spec.dtype)
    shape = spec.shape
    if shape is not None and (
        len(shape) != array.ndim or any(w not in (None, h) for w, h in zip(shape, array.shape, strict=True))
    ):
        raise ValueError(
            f"from_generator: expected an array of shape {shape}, as announced. The generator yielded one of shape"
            f" {array.shape}."
        )
    return array


class Batches(Stage):
    """A data set of samples by number, such as the images of a folder, mixed differently in each pass if it says so.

    Args:
        data: has `count`, `batch_size`, `begin_order()` and `samples(numbers)`.
    """

    title = "SampleDataset"
    slow = True

    def __init__(self, data: Any):
        super().__init__()
        self.data = data

    @property
    def passes(self) -> int:
        return self.data.epoch

    @passes.setter
    def passes(self, count: int) -> None:
        self.data.epoch = count

    def chunks(self) -> Iterator[Chunk]:
        order, size = self.data.begin_order(), self.data.batch_size
        for start in range(0, len(order), size or 1):
            batch = mapped(leaf_of, self.data.samples(order[start : start + (size or 1)]))
            yield Chunk(batch, 1) if size is None else Chunk(mapped(lambda leaf: leaf[None], batch), 1)

    def count(self) -> int:
        return len(self.data)

    def make_spec(self) -> Nest:
        if not self.data.count:
            return ()
        first = mapped(leaf_of, self.data.samples(np.arange(1)))
        spec = spec_of_rows(first)
        return spec if self.data.batch_size is None else mapped(lambda s: s.with_shape((None, *s.shape)), spec)


class Joined(Stage):
    """Elements made by other stages, chosen one by one.

    Args:
        sources: where they come from.
        choices: gives the number of the stage to take the next one from.
        stop_on_empty: end where a stage has no more; else it is left out.
    """

    title = "DirectedInterleaveDataset"

    def __init__(self, sources: Iterable[Stage], choices: Callable[[], Iterator[int]], stop_on_empty: bool):
        super().__init__(*sources)
        self.choices, self.stop_on_empty = choices, stop_on_empty

    def chunks(self) -> Iterator[Chunk]:
        from_each = [_rows(source) for source in self.sources]
        left = set(range(len(from_each)))
        for number in self.choices():
            if not 0 <= number < len(from_each):
                raise ValueError(f"choose_from_datasets: there are {len(from_each)} data sets; {number} was chosen.")
            found = next(from_each[number], None) if number in left else None
            if found is not None:
                yield found
                continue
            left.discard(number)
            if self.stop_on_empty or not left:
                return

    def count(self) -> int:
        endless = all(source.count() == INFINITE for source in self.sources)
        return INFINITE if endless and isinstance(self.choices, Draws) else UNKNOWN

    def make_spec(self) -> Nest:
        return self.source.spec()


def _rows(stage: Stage) -> Iterator[Chunk]:
    for chunk in stage.chunks():
        for row in range(chunk.rows):
            yield chunk.part(row, row + 1)


def spec_leaf(spec: Any) -> Any:
    """A spec of another library, or an announced dtype, as ours."""
    if isinstance(spec, (TensorSpec, DatasetSpec)):
        return spec
    if hasattr(spec, "ragged_rank"):
        return RaggedSpec(spec.shape, spec.dtype, spec.ragged_rank)
    if hasattr(spec, "shape") and hasattr(spec, "dtype"):
        return TensorSpec(spec.shape, spec.dtype)
    return TensorSpec(None, spec)


def signature_of(types: Any, shapes: Any, signature: Any) -> Nest:
    """The specs that `from_generator` announces; None: none.

    Raises:
        ValueError: for both ways of saying it at once.
    """
    if signature is not None:
        if types is not None or shapes is not None:
            raise ValueError("from_generator: give `output_signature`, or `output_types` and `output_shapes`.")
        return _specs(signature)
    return None if types is None else _typed(types, shapes)


def _specs(signature: Any) -> Nest:
    if isinstance(signature, list) or (isinstance(signature, tuple) and not hasattr(signature, "dtype")):
        return tuple(_specs(part) for part in signature)
    if isinstance(signature, Mapping):
        return {key: _specs(part) for key, part in signature.items()}
    return spec_leaf(signature)


def _typed(types: Any, shapes: Any) -> Nest:
    if isinstance(types, (list, tuple)):
        parts = [None] * len(types) if shapes is None else shapes
        return tuple(_typed(t, s) for t, s in zip(types, parts, strict=True))
    if isinstance(types, Mapping):
        return {key: _typed(t, None if shapes is None else shapes[key]) for key, t in types.items()}
    return TensorSpec(shapes, types)


class Draws:
    """Numbers below `count` without end, as often as weights say."""

    def __init__(self, count: int, weights: Any, seed: int | None):
        self.seed = fresh_seed() if seed is None else int(seed)
        if weights is None:
            self.shares = np.full(count, 1 / count)
            return
        given = np.asarray(weights, np.float64)
        if given.shape != (count,) or (given < 0).any() or not given.sum():
            raise ValueError(f"sample_from_datasets: expected {count} weights of 0 or more. Received: {weights!r:.60}")
        self.shares = given / given.sum()

    def __call__(self) -> Iterator[int]:
        random = np.random.default_rng(self.seed)
        while True:
            yield from random.choice(len(self.shares), ROWS, p=self.shares).tolist()
