"""What is known of elements before they are made: shapes and dtypes."""

from __future__ import annotations

from typing import Any

import numpy as np

from .structures import Nest, mapped
from .tensors import Seen, is_dataset, is_ragged

INFINITE, UNKNOWN = -1, -2  # numbers of elements, as TensorFlow has them


class TensorSpec:
    """Shape and dtype of one tensor.

    Args:
        shape: sizes, None where unknown; or None if not even their number is known.
        dtype: name of the dtype, `"string"` for texts.
        name: of no effect.
    """

    def __init__(self, shape: Any, dtype: Any = "float32", name: str | None = None):
        unknown = shape is None or getattr(shape, "known", True) is False  # a shape of TensorFlow may know nothing
        self.shape: tuple[int | None, ...] | None = None if unknown else tuple(shape)
        self.dtype: str = dtype_name(dtype)
        self.name = name

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TensorSpec) and (self.shape, self.dtype) == (other.shape, other.dtype)

    def __hash__(self) -> int:
        return hash((self.shape, self.dtype))

    def __repr__(self) -> str:
        return f"TensorSpec(shape={self.shape}, dtype={self.dtype}, name={self.name!r})"

    def with_shape(self, shape: Any) -> TensorSpec:
        return TensorSpec(shape, self.dtype)


class RaggedSpec(TensorSpec):
    """Rows of unequal lengths.

    Args:
        shape, dtype: as of tensors, None for the size of a ragged axis.
        ragged_rank: how many axes behind the first are ragged; 0: a single row, of which batches are ragged.
    """

    def __init__(self, shape: Any, dtype: Any, ragged_rank: int):
        super().__init__(shape, dtype)
        self.ragged_rank = ragged_rank

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RaggedSpec) and super().__eq__(other) and self.ragged_rank == other.ragged_rank

    __hash__ = TensorSpec.__hash__

    def with_shape(self, shape: Any) -> RaggedSpec:
        changed = 0 if self.shape is None else len(shape) - len(self.shape)
        return RaggedSpec(shape, self.dtype, self.ragged_rank + changed)


class DatasetSpec:
    """Elements that are data sets themselves.

    Args:
        element_spec: of their elements.
    """

    def __init__(self, element_spec: Nest):
        self.element_spec = element_spec

    def __repr__(self) -> str:
        return f"DatasetSpec({self.element_spec!r})"


def dtype_name(dtype: Any) -> str:
    """The name of a dtype that is given as a name, a type, or one of TensorFlow."""
    if dtype in (str, bytes):
        return "string"
    name = getattr(dtype, "name", None) or (dtype if isinstance(dtype, str) else np.dtype(dtype).name)
    return "string" if name in ("object", "str", "string") else str(name)


def seen_spec(spec: Any) -> Any:
    """What users see of a spec."""
    if Seen.spec is None:
        return spec
    if isinstance(spec, DatasetSpec):
        return DatasetSpec(mapped(seen_spec, spec.element_spec))
    if isinstance(spec, RaggedSpec):
        return spec if Seen.ragged_spec is None else Seen.ragged_spec(spec.shape, spec.dtype, spec.ragged_rank)
    return Seen.spec(spec.shape, spec.dtype)


def spec_of_rows(values: Nest) -> Nest:
    """The spec of elements, from leaves with an axis of elements in front."""
    return mapped(_spec_of_leaf, values)


def _spec_of_leaf(leaf: np.ndarray) -> Any:
    if leaf.dtype.hasobject and leaf.size and is_dataset(leaf.flat[0]):
        return DatasetSpec(leaf.flat[0].stage.spec())
    if leaf.dtype.hasobject and leaf.size and is_ragged(leaf.flat[0]):
        rows = leaf.flat[0]
        return RaggedSpec(tuple(rows.shape), rows.dtype, rows.ragged_rank)
    return TensorSpec(leaf.shape[1:], dtype_name(leaf.dtype))
