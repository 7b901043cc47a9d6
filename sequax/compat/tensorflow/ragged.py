"""`tf.RaggedTensor`: rows of unequal lengths, as they are before they are padded.

A row is a part of one array of values. There is one ragged axis; functions and layers take arrays, so what a script
does with ragged rows here is to make, look at, cut, join, sum up (`rows.py`), pad and iterate over them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, ClassVar, Self, SupportsInt

import jax
import jax.numpy as jnp
import numpy as np

from ...core.types import ArrayLike, DTypeLike
from ...data.pipeline import tables
from ...data.pipeline.dataset import Dataset
from ...data.pipeline.spec import RaggedSpec, TensorSpec
from ...data.pipeline.structures import leaves, mapped
from ...data.pipeline.tensors import leaf_of
from .member import Member
from .picking import SparseTensor
from .values import DType, HostTensor, Sizes, StringTensor, TensorShape, as_dtype, float32

_OPERATORS = ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "and", "or")
_COMPARISONS = ("eq", "ne", "lt", "le", "gt", "ge")
_PAD = "Pad the rows: `.to_tensor()`, or `keras.utils.pad_sequences`."


class RaggedTensor:
    """Rows of unequal lengths. Made by the methods `from_...` and `tf.ragged.constant`.

    Args:
        values: of all rows, one after the other.
        row_splits: where each row begins, and where the last one ends.
    """

    def __init__(self, values: ArrayLike, row_splits: ArrayLike):
        if isinstance(values, RaggedTensor):
            raise NotImplementedError(
                "tensorflow.RaggedTensor: there is one ragged axis here, not several. Pad the rows."
            )
        self._values = leaf_of(values)
        splits = np.asarray(row_splits)
        whole = splits.ndim == 1 and splits.size > 0 and splits.dtype.kind in "iu"
        if (
            not whole
            or not self._values.ndim
            or splits[0]
            or splits[-1] != len(self._values)
            or (np.diff(splits) < 0).any()
        ):
            raise ValueError(
                f"tensorflow.RaggedTensor: row_splits must grow from 0 to the number of values, which have the shape"
                f" {self._values.shape}. Received: {splits!r:.80}"
            )
        self._splits = splits.astype(np.int64)

    @classmethod
    def from_row_splits(
        cls, values: ArrayLike, row_splits: ArrayLike, name: object = None, validate: bool = True
    ) -> Self:
        return cls(values, row_splits)

    @classmethod
    def from_row_lengths(
        cls, values: ArrayLike, row_lengths: ArrayLike, name: object = None, validate: bool = True
    ) -> Self:
        return cls(values, np.concatenate([[0], np.cumsum(np.asarray(row_lengths, np.int64))]))

    @classmethod
    def from_row_limits(
        cls, values: ArrayLike, row_limits: ArrayLike, name: object = None, validate: bool = True
    ) -> Self:
        return cls(values, np.concatenate([[0], np.asarray(row_limits, np.int64)]))

    @classmethod
    def from_uniform_row_length(
        cls,
        values: ArrayLike,
        uniform_row_length: int,
        nrows: int | None = None,
        name: object = None,
        validate: bool = True,
    ) -> Self:
        length = int(uniform_row_length)
        return cls.from_row_lengths(values, [length] * (len(leaf_of(values)) // length if length else int(nrows or 0)))

    @classmethod
    def from_nested_row_splits(
        cls, flat_values: ArrayLike, nested_row_splits: Sequence[ArrayLike], name: object = None, validate: bool = True
    ) -> Self:
        return cls.from_row_splits(flat_values, _only(nested_row_splits))

    @classmethod
    def from_nested_row_lengths(
        cls, flat_values: ArrayLike, nested_row_lengths: Sequence[ArrayLike], name: object = None, validate: bool = True
    ) -> Self:
        return cls.from_row_lengths(flat_values, _only(nested_row_lengths))

    @classmethod
    def from_sparse(cls, st_input: SparseTensor, name: object = None, row_splits_dtype: object = None) -> Self:
        """The values of a `tf.SparseTensor` of two axes, whose rows are filled from the left.

        Raises:
            ValueError: if they are not.
        """
        rows, places = np.asarray(st_input.indices).reshape(-1, 2).T
        lengths = np.bincount(rows, minlength=int(np.asarray(st_input.dense_shape)[0]))
        expected = np.concatenate([[], *map(np.arange, lengths)])
        if (np.diff(rows) < 0).any() or not np.array_equal(places, expected):
            raise ValueError("tensorflow.RaggedTensor.from_sparse: SparseTensor is not right-ragged: rows have gaps.")
        return cls.from_row_lengths(np.asarray(st_input.values), lengths)

    @classmethod
    def from_row_starts(
        cls, values: ArrayLike, row_starts: ArrayLike, name: object = None, validate: bool = True
    ) -> Self:
        return cls(values, np.append(np.asarray(row_starts, np.int64), len(leaf_of(values))))

    @classmethod
    def from_value_rowids(
        cls,
        values: ArrayLike,
        value_rowids: ArrayLike,
        nrows: SupportsInt | None = None,
        name: object = None,
        validate: bool = True,
    ) -> Self:
        rows = np.asarray(value_rowids, np.int64)
        if (np.diff(rows) < 0).any():
            raise ValueError("tensorflow.RaggedTensor.from_value_rowids: the numbers of rows must not fall.")
        least = 0 if nrows is None else int(nrows)
        return cls.from_row_lengths(values, np.bincount(rows, minlength=least))

    @classmethod
    def from_tensor(
        cls, tensor: ArrayLike, lengths: ArrayLike | None = None, padding: Any = None, name: object = None
    ) -> Self:
        array = leaf_of(tensor)
        if lengths is None:
            lengths = [array.shape[1]] * len(array)
            if padding is not None:
                kept = array != (padding.encode() if isinstance(padding, str) else padding)
                lengths = [int(np.flatnonzero(row)[-1]) + 1 if row.any() else 0 for row in kept]
        lengths = np.asarray(lengths)
        inside = np.arange(array.shape[1]) < lengths[:, None]
        return cls.from_row_lengths(array[inside], np.minimum(lengths, array.shape[1]))

    @property
    def _rows(self) -> list[np.ndarray]:
        return [self._values[a:b] for a, b in zip(self._splits[:-1], self._splits[1:], strict=True)]

    @property
    def shape(self) -> TensorShape:
        return TensorShape((len(self), None, *self._values.shape[1:]))

    def get_shape(self) -> TensorShape:
        return self.shape

    @property
    def dtype(self) -> DType:
        return as_dtype(self._values.dtype)

    @property
    def values(self) -> HostTensor | StringTensor:
        return _seen(self._values)

    flat_values = values

    def with_values(self, new_values: ArrayLike) -> Self:
        """Other values in the same rows."""
        return type(self)(new_values, self._splits)

    with_flat_values = with_values

    @property
    def row_splits(self) -> HostTensor:
        return HostTensor(self._splits)

    ragged_rank = 1

    @property
    def nested_row_splits(self) -> tuple[Any, ...]:
        return (self.row_splits,)

    def nested_row_lengths(self, name: object = None) -> tuple[Any, ...]:
        return (self.row_lengths(),)

    def row_lengths(self, axis: int = 1, name: object = None) -> HostTensor:
        return HostTensor(np.diff(self._splits))

    def row_starts(self, name: object = None) -> HostTensor:
        return HostTensor(self._splits[:-1])

    def value_rowids(self, name: object = None) -> HostTensor:
        return HostTensor(np.repeat(np.arange(len(self)), np.diff(self._splits)))

    def nrows(self, out_type: object = None, name: object = None) -> HostTensor:
        return HostTensor(np.int64(len(self)))

    def bounding_shape(self, axis: Any = None, name: object = None, out_type: object = None) -> HostTensor:
        found = HostTensor(np.asarray((len(self), self._longest(), *self._values.shape[1:])))
        return found if axis is None else found[axis]

    def _longest(self) -> int:
        return int(np.diff(self._splits).max(initial=0))

    def _even(self) -> bool:
        return len(self) > 0 and np.ptp(np.diff(self._splits)) == 0

    def to_list(self) -> list[Any]:
        return [row.tolist() for row in self._rows]

    def numpy(self) -> np.ndarray:
        """The rows: in an array of objects, unless they are equally long."""
        rows = self._rows
        if self._even():
            return np.stack(rows)
        return np.fromiter(rows, object)

    def to_tensor(
        self, default_value: Any = None, name: object = None, shape: Sizes | None = None
    ) -> HostTensor | StringTensor:
        """The rows as one array, filled up at their ends.

        Args:
            default_value: what fills; None: zeros, or empty texts.
            shape: of the result, None or -1 where it is as large as need be; longer rows are cut.
        """
        texts = self._values.dtype.hasobject
        blank = default_value if default_value is not None else b"" if texts else 0
        needed = (len(self), self._longest(), *self._values.shape[1:])
        wanted = needed if shape is None else tuple(TensorShape(shape))
        sizes = tuple(own if size is None else size for own, size in zip(needed, wanted, strict=True))
        made = np.full(sizes, blank.encode() if isinstance(blank, str) else blank, self._values.dtype)
        for place, row in zip(made, self._rows, strict=False):
            part = tuple(slice(0, min(size, own)) for size, own in zip(place.shape, row.shape, strict=True))
            place[part] = row[part]
        return _seen(made)

    def __len__(self) -> int:
        return len(self._splits) - 1

    def __iter__(self) -> Iterator[Any]:
        return map(_seen, self._rows)

    def __getitem__(self, key: Any) -> Any:
        key, inner = (key[0], key[1:]) if isinstance(key, tuple) else (key, ())
        if not isinstance(key, slice):
            row = self._rows[int(key)]
            return _seen(row[inner] if inner else row)
        if any(not isinstance(one, slice) for one in inner[:1]):
            if self._even():
                return _seen(self.numpy()[(key, *inner)])
            raise NotImplementedError(f"tensorflow.RaggedTensor: rows have no common place to take out. {_PAD}")
        return type(self)._of([row[inner] if inner else row for row in self._rows[key]], self._values)

    @classmethod
    def _of(cls, rows: Sequence[np.ndarray], like: np.ndarray) -> Self:
        return cls.from_row_lengths(np.concatenate([like[:0], *rows]), [len(row) for row in rows])

    def __repr__(self) -> str:
        return f"<tf.RaggedTensor {self.to_list()}>"

    def __array__(self, *args: Any, **kwargs: Any) -> np.ndarray:
        """Rows that happen to be equally long are an array."""
        if not self._even():
            raise TypeError(f"A RaggedTensor is no array: its rows have unequal lengths. {_PAD}")
        return np.asarray(self.numpy(), *args, **kwargs)

    def __jax_array__(self) -> jax.Array:
        return jnp.asarray(self.__array__())

    __hash__: ClassVar[None] = None  # type: ignore[assignment]

    def __neg__(self) -> Self:
        return self.with_values(-self.values)

    def __invert__(self) -> Self:
        return self.with_values(~self.values)


def _only(nested: Sequence[ArrayLike]) -> ArrayLike:
    if len(nested) != 1:
        raise NotImplementedError("tensorflow.RaggedTensor: there is one ragged axis here, not several. Pad the rows.")
    return nested[0]


def _operator(name: str) -> Callable[..., Any]:
    """An operator between the values of rows, and one number or the values of rows of the same lengths."""

    def method(self: RaggedTensor, other: Any) -> RaggedTensor:
        if isinstance(other, RaggedTensor):
            if self.row_splits.tolist() != other.row_splits.tolist():
                raise ValueError("tensorflow.RaggedTensor: rows of unequal lengths do not compute with each other.")
            other = other.values
        elif np.ndim(other):
            raise TypeError(f"A RaggedTensor does not compute with an array: its rows have unequal lengths. {_PAD}")
        return self.with_values(getattr(self.values, name)(other))

    return method


for _name in (*_OPERATORS, *(f"r{name}" for name in _OPERATORS), *_COMPARISONS):
    setattr(RaggedTensor, f"__{_name}__", _operator(f"__{_name}__"))


def _seen(array: ArrayLike) -> HostTensor | StringTensor:
    array = np.asarray(array)
    return StringTensor(array) if array.dtype.hasobject else HostTensor(array)


def constant(
    pylist: Iterable[Any],
    dtype: DTypeLike | None = None,
    ragged_rank: int | None = None,
    inner_shape: object = None,
    name: object = None,
    row_splits_dtype: object = None,
) -> RaggedTensor:
    """A ragged tensor of a list of lists."""
    rows = [leaf_of(row) if np.size(row) else None for row in _checked(pylist)]
    known = [row for row in rows if row is not None]
    kind = dtype if dtype is not None else np.result_type(*known) if known and not known[0].dtype.hasobject else None
    name_of_kind = None if kind is None else str(as_dtype(kind))
    if known and known[0].dtype.hasobject:
        values = np.concatenate(known)
    else:
        values = np.concatenate(known or [np.zeros(0)]).astype(
            "object" if name_of_kind == "string" else name_of_kind or "float32"
        )
    return RaggedTensor.from_row_lengths(values, [0 if row is None else len(row) for row in rows])


def _checked(pylist: Iterable[Any]) -> list[Any]:
    rows = list(pylist)
    for row in rows:
        if not isinstance(row, (list, tuple, np.ndarray)) and not hasattr(row, "__array__"):
            raise ValueError(f"tensorflow.ragged.constant: expected a list of lists. Found in it: {row!r:.60}")
    return rows


def slices(original: Callable[..., Any]) -> Callable[..., Any]:
    """`Dataset.from_tensor_slices`, whose rows may be ragged."""

    def from_tensor_slices(tensors: Any, name: str | None = None) -> Dataset:
        found = leaves(tensors)
        if not any(isinstance(one, RaggedTensor) for one in found):
            return original(tensors, name)
        held = mapped(lambda one: one if isinstance(one, RaggedTensor) else leaf_of(one), tensors)
        counts = {len(one) for one in leaves(held)}
        if len(counts) != 1:
            raise ValueError(f"from_tensor_slices: first axes must be equal. Received: {sorted(counts)}")
        (count,) = counts
        spec = mapped(_spec_of_rows, held)
        made = Dataset.from_generator(
            lambda: (mapped(lambda one, i=i: one[i], held) for i in range(count)), output_signature=spec
        )
        made.stage.makes_ragged = True
        return Dataset(tables.Counted(made.stage, count))

    return from_tensor_slices


def _spec_of_rows(held: Any) -> TensorSpec:
    shape, dtype = tuple(held.shape[1:]), str(as_dtype(held.dtype))
    return RaggedSpec(shape, dtype, 0) if isinstance(held, RaggedTensor) else TensorSpec(shape, dtype)


class RaggedTensorSpec:
    """Shape and dtype of rows that are not there yet.

    Args:
        ragged_rank: how many axes behind the first are ragged; default: all but the last.
    """

    def __init__(
        self,
        shape: Sizes | None = None,
        dtype: DTypeLike = float32,
        ragged_rank: int | None = None,
        row_splits_dtype: DTypeLike = "int64",
    ):
        self.shape: TensorShape = TensorShape(shape)
        self.dtype: DType = as_dtype(dtype)
        self.row_splits_dtype: DType = as_dtype(row_splits_dtype)
        self.ragged_rank: int = (self.shape.rank or 1) - 1 if ragged_rank is None else int(ragged_rank)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RaggedTensorSpec) and repr(self) == repr(other)

    def __hash__(self) -> int:
        return hash(repr(self))

    def __repr__(self) -> str:
        shape = f"TensorShape({self.shape.as_list() if self.shape.rank is not None else None})"
        return f"RaggedTensorSpec({shape}, {self.dtype!r}, {self.ragged_rank}, {self.row_splits_dtype!r})"


def of_rows(rows: list[np.ndarray]) -> RaggedTensor:
    """Rows, each an array, one after the other."""
    return RaggedTensor.from_row_lengths(np.concatenate(rows), [len(row) for row in rows])


MEMBERS: dict[str, Member] = {
    **dict.fromkeys(("RaggedTensor", "ragged.RaggedTensor"), Member(RaggedTensor)),
    "RaggedTensorSpec": Member(RaggedTensorSpec),
    "ragged.constant": Member(constant),
}
