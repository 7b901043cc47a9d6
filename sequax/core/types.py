"""Types that many signatures share."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol, TypeVar, Union, runtime_checkable

import jax
import numpy as np

from .dtypes import DTypePolicy
from .tensor import KerasTensor

T = TypeVar("T")


@runtime_checkable
class SupportsArray(Protocol):
    """What NumPy turns into an array: variables, frames and columns of pandas. Symbolic tensors count, too."""

    def __array__(self, *args: Any, **kwargs: Any) -> Any: ...


@runtime_checkable
class Rows(Protocol):
    """Data that are asked for by index, such as a `PyDataset` or a data set of HDF5 or torch."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: Any, /) -> Any: ...


Tensor = jax.Array  # what layers, losses and ops compute with: an array, or the tracer of one
Number = bool | int | float | complex | np.number | np.bool_
ArrayLike = jax.Array | np.ndarray | SupportsArray | Number | Sequence[Any]
# One, or lists and dicts of them, inside each other at will.
Nested = Union[T, Sequence[Any], Mapping[str, Any]]  # noqa: UP007 - for mypy `T | ...` is no type
Tensors = Nested[Tensor]
Symbols = Nested[KerasTensor]  # with shapes and dtypes, and no values yet
Data = Iterable[Any] | Rows  # arrays and lists, frames, lists and dicts of them, streams of batches

Shape = tuple[int | None, ...]  # None: any size
ShapeLike = Sequence[int | None]
Axis = int | Sequence[int] | None  # None: all axes
PerAxis = int | Sequence[int]  # one number for all spatial axes, or one for each
Initial = ArrayLike | Callable[..., Any] | str  # of a variable: its first value, what makes it, or the name of that
DTypeLike = str | type[Any] | np.dtype[Any] | DTypePolicy

Config = dict[str, Any]  # JSON-friendly
CustomObjects = Mapping[str, Any]  # own classes and functions by name
Logs = dict[str, float]
Path = str | os.PathLike[str]


def overridable(method: Callable[..., T]) -> Callable[..., T]:
    """Marks a method whose overrides name their arguments as they like, which type checkers report otherwise."""
    return method
