"""Stages that put elements together along a new first axis, and take them apart again."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from .chunk import Chunk, joined, of_one, rows_at_once
from .spec import INFINITE, UNKNOWN, RaggedSpec, TensorSpec
from .stage import Stage, first_chunks, stages
from .structures import Nest, form, leaves, mapped, packed
from .tensors import Seen, is_ragged, is_whole, leaf_of


class Batch(Stage):
    """So many elements as one.

    Args:
        size: rows of a batch.
        drop_remainder: leave out a last batch with fewer rows.
    """

    title = "BatchDataset"

    def __init__(self, source: Stage, size: int, drop_remainder: bool):
        super().__init__(source)
        if size < 1:
            raise ValueError(f"batch: `batch_size` must be 1 or more. Received: {size}")
        self.size, self.drop_remainder = size, drop_remainder

    def chunks(self) -> Iterator[Chunk]:
        for parts in runs(self.source.chunks(), itertools.repeat(self.size), self.drop_remainder):
            yield self.together(parts)

    def together(self, parts: list[Chunk]) -> Chunk:
        return as_element(stacked(parts)) if self.of_arrays else ragged_rows(self.source.spec(), parts)

    @property
    def of_arrays(self) -> bool:
        """Whether all elements are arrays, and none is a row of ragged ones."""
        return not any(one.makes_ragged for one in stages(self.source))

    def count(self) -> int:
        known = self.source.count()
        if known < 0:
            return known
        return known // self.size if self.drop_remainder else -(-known // self.size)

    def make_spec(self) -> Nest:
        size = self.size if self.drop_remainder or self.source.count() == INFINITE else None
        return mapped(lambda spec: _with_axis(size, spec), self.source.spec())


def _with_axis(size: int | None, spec: Any) -> Any:
    return spec if not isinstance(spec, TensorSpec) or spec.shape is None else spec.with_shape((size, *spec.shape))


def runs(chunks: Iterable[Chunk], sizes: Iterator[int], drop_remainder: bool) -> Iterator[list[Chunk]]:
    """Parts of chunks with so many rows in all, one list after another."""
    size, parts, have = next(sizes), [], 0
    for chunk in chunks:
        start = 0
        while start < chunk.rows:
            stop = min(chunk.rows, start + size - have)
            parts.append(chunk.part(start, stop))
            have += stop - start
            start = stop
            if have == size:
                yield parts
                size, parts, have = next(sizes), [], 0
    if parts and not drop_remainder:
        yield parts


def as_element(chunk: Chunk) -> Chunk:
    """All rows as one element."""
    return Chunk(chunk.take(None), 1)


def stacked(parts: list[Chunk]) -> Chunk:
    """Chunks as one.

    Raises:
        ValueError: for elements of different kinds.
    """
    if len(parts) > 1 and len({part.kind() for part in parts}) > 1:
        raise ValueError(_of_kinds(parts))
    return joined(parts)


def _of_kinds(parts: list[Chunk]) -> str:
    first = parts[0]
    row = 0
    for part in parts:
        if form(part.values) != form(first.values):
            return f"batch: element {row} has another structure than element 0 of the batch."
        for number, (a, b) in enumerate(zip(leaves(first.values), leaves(part.values), strict=True)):
            if a.shape[1:] != b.shape[1:]:
                return (
                    f"batch: arrays of one shape make a batch. In component {number}, element 0 of the batch has shape"
                    f" {a.shape[1:]} and element {row} has {b.shape[1:]}: resize or cut them by `map`, or use"
                    f" `padded_batch`."
                )
            if a.dtype != b.dtype:
                return (
                    f"batch: in component {number}, element 0 of the batch is {a.dtype} and element {row} is {b.dtype}:"
                    f" cast them by `map`."
                )
        row += part.rows
    raise AssertionError("the chunks are of one kind")


class RaggedBatch(Batch):
    """Elements as one, ragged in those parts whose elements are of unequal lengths."""

    title = "RaggedBatchDataset"
    looked_at = 32  # elements, whose lengths tell what is ragged where the spec does not
    _rows: Nest = None

    def together(self, parts: list[Chunk]) -> Chunk:
        return ragged_rows(self.rows(), parts)

    def make_spec(self) -> Nest:
        spec = mapped(lambda one: _as_ragged(one) if _is_open(one) else one, self.rows())
        return mapped(lambda one: _with_axis(self.size if self.drop_remainder else None, one), spec)

    def rows(self) -> Nest:
        """The spec of the elements, None for sizes that differ among the first ones."""
        if self._rows is None:
            self._rows = self.source.spec()
            for chunk in first_chunks(self.source, self.looked_at):
                self._rows = mapped(_opened, self._rows, chunk.values)
        return self._rows


def _opened(spec: Any, leaf: np.ndarray) -> Any:
    shape = leaf.shape[1:]
    if not isinstance(spec, TensorSpec) or spec.shape is None or len(spec.shape) != len(shape):
        return spec
    return spec.with_shape([own if own == size else None for own, size in zip(spec.shape, shape, strict=True)])


def _is_open(spec: Any) -> bool:
    return isinstance(spec, TensorSpec) and (spec.shape is None or None in spec.shape)


def _as_ragged(spec: TensorSpec) -> TensorSpec:
    axes = [axis for axis, size in enumerate(spec.shape or ()) if size is None]
    return RaggedSpec(spec.shape, spec.dtype, max(axes, default=0))


def ragged_rows(spec: Nest, parts: list[Chunk]) -> Chunk:
    """Elements as one: ragged where their lengths differ, or may differ by the spec.

    Raises:
        NotImplementedError: where ragged rows are not served, or more than the first axis differs.
    """
    elements = [element for part in parts for element in part.elements()]
    columns = zip(*(leaves(element) for element in elements), strict=True)
    found = []
    for one, column in zip(leaves(spec), columns, strict=True):
        rows = list(map(leaf_of, column))
        if isinstance(one, TensorSpec) and not _is_open(one) and len({row.shape for row in rows}) == 1:
            found.append(np.stack(rows)[None])
            continue
        if Seen.ragged is None:
            raise NotImplementedError(f"ragged_batch: ragged tensors are there under `sequax run` alone. {_PADDING}")
        if any(row.dtype.hasobject and is_whole(row.flat[0] if row.size else None) for row in rows) or (
            len({row.shape[1:] for row in rows}) > 1
        ):
            raise NotImplementedError(f"ragged_batch: elements may differ in their first axis alone. {_PADDING}")
        found.append(of_one(Seen.ragged(rows)).values)
    return Chunk(packed(elements[0], iter(found)), 1)


_PADDING = "Use padded_batch, and a Masking layer where the padding must not count."


class PaddedBatch(Batch):
    """Elements of different shapes as one, filled up to the longest of the batch.

    Args:
        shapes: structure of shapes to fill up to; None and -1 in a shape: the longest. None: so in all axes.
        fill: structure of values to fill with; None: 0, and `b""` for texts.
    """

    title = "PaddedBatchDataset"

    def __init__(self, source: Stage, size: int, shapes: Nest, fill: Nest, drop_remainder: bool):
        super().__init__(source, size, drop_remainder)
        self.shapes, self.fill = shapes, fill

    def together(self, parts: list[Chunk]) -> Chunk:
        elements = [element for part in parts for element in part.elements()]
        first = elements[0]
        count = len(leaves(first))
        shapes = [None] * count if self.shapes is None else _shapes(first, self.shapes)
        fills = _spread(first, self.fill)
        columns = zip(*(leaves(element) for element in elements), strict=True)
        padded = [padded_rows(column, shape, fill) for column, shape, fill in zip(columns, shapes, fills, strict=True)]
        return Chunk(packed(first, iter([array[None] for array in padded])), 1)

    def make_spec(self) -> Nest:
        inner = self.source.spec()
        shapes = [None] * len(leaves(inner)) if self.shapes is None else _shapes(inner, self.shapes)
        size = self.size if self.drop_remainder else None
        specs = []
        for spec, shape in zip(leaves(inner), shapes, strict=True):
            known = (None,) * len(spec.shape) if shape is None and spec.shape is not None else shape
            specs.append(spec.with_shape(None if known is None else (size, *known)))
        return packed(inner, iter(specs))


def _shapes(element: Nest, shapes: Any) -> list[Any]:
    """The shape for each leaf: structures of shapes are told from shapes by the structure of the elements."""
    if isinstance(element, tuple):
        return [one for e, s in zip(element, shapes, strict=True) for one in _shapes(e, s)]
    if isinstance(element, Mapping):
        return [one for key, e in element.items() for one in _shapes(e, shapes[key])]
    return [None if shapes is None else tuple(None if n in (None, -1) else int(n) for n in shapes)]


def _spread(element: Nest, values: Any) -> list[Any]:
    """A value for each leaf; a single one counts for all."""
    if isinstance(element, (tuple, Mapping)) and not isinstance(values, (tuple, list, Mapping)):
        return [values] * len(leaves(element))
    if isinstance(element, tuple):
        return [one for e, v in zip(element, values, strict=True) for one in _spread(e, v)]
    if isinstance(element, Mapping):
        return [one for key, e in element.items() for one in _spread(e, values[key])]
    return [values]


def padded_rows(rows: Sequence[Any], shape: tuple[int | None, ...] | None, fill: Any) -> np.ndarray:
    """Arrays of one rank along a new axis, filled up behind their ends.

    Raises:
        ValueError: for an array that is longer than `shape` says.
    """
    arrays = list(map(leaf_of, rows))
    longest = tuple(max(sizes) for sizes in zip(*(array.shape for array in arrays), strict=True))
    wanted = longest if shape is None else tuple(n if m is None else m for n, m in zip(longest, shape, strict=True))
    if any(n > m for n, m in zip(longest, wanted, strict=True)):
        raise ValueError(
            f"padded_batch: an element of shape {longest} is larger than the padded shape {wanted}: cut it by `map`, or"
            f" give None in `padded_shapes`."
        )
    dtype = arrays[0].dtype
    if fill is None:
        fill = b"" if dtype.hasobject else 0
    elif isinstance(fill, str):
        fill = fill.encode()
    elif hasattr(fill, "item"):
        fill = fill.item()
    found = np.full((len(arrays), *wanted), fill, dtype)
    for row, array in enumerate(arrays):
        place: tuple[Any, ...] = row, *(slice(n) for n in array.shape)
        found[place] = array[()]  # a text is an object, and no array of objects
    return found


class Unbatch(Stage):
    """The rows of each element, one by one."""

    title = "UnbatchDataset"

    def chunks(self) -> Iterator[Chunk]:
        for chunk in self.source.chunks():
            for row in range(chunk.rows):
                values = chunk.take(row)
                if any(map(is_ragged, leaves(values))):
                    yield from self._of_ragged(values)
                    continue
                lengths = {np.shape(leaf)[:1] for leaf in leaves(values)}
                if len(lengths) != 1 or lengths == {()}:
                    shapes = ", ".join(str(np.shape(leaf)) for leaf in leaves(values))
                    raise ValueError(
                        f"unbatch takes elements whose arrays have equal first axes. Received shapes: {shapes}."
                    )
                whole = Chunk(values, lengths.pop()[0])
                step = rows_at_once(values)
                yield from (whole.part(i, min(i + step, whole.rows)) for i in range(0, whole.rows, step))

    def _of_ragged(self, values: Nest) -> Iterator[Chunk]:
        for rows in zip(*leaves(values), strict=True):
            yield of_one(packed(values, iter(rows)))

    def count(self) -> int:
        known = self.source.count()
        if known < 0:
            return known
        sizes = {spec.shape[0] for spec in leaves(self.source.spec()) if getattr(spec, "shape", None)}
        size = sizes.pop() if len(sizes) == 1 else None
        return UNKNOWN if size is None else known * size

    def make_spec(self) -> Nest:
        return mapped(lambda spec: spec if not spec.shape else spec.with_shape(spec.shape[1:]), self.source.spec())


class Rebatch(Batch):
    """The rows of batches in batches of other sizes.

    Args:
        source: gives the rows.
        sizes: of the batches, again and again.
    """

    title = "RebatchDataset"

    def __init__(self, source: Stage, sizes: Sequence[int], drop_remainder: bool):
        super().__init__(source, sizes[0], drop_remainder)
        self.sizes = sizes

    def chunks(self) -> Iterator[Chunk]:
        for parts in runs(self.source.chunks(), itertools.cycle(self.sizes), self.drop_remainder):
            yield self.together(parts)

    def count(self) -> int:
        return super().count() if len(self.sizes) == 1 else UNKNOWN
