"""Zeros around images, sequences and volumes, and the opposite: cells cut off at their edges."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from ..core.input_spec import InputSpec
from ..core.types import Shape, ShapeLike
from .arguments import data_format as checked_data_format
from .base import Rearranging
from .catalogue import layer
from .spatial import Spatial

Pairs = tuple[tuple[int, int], ...]


class Edges(Rearranging, Spatial):
    """Base of layers that add cells in front of and behind each spatial axis, or take them away."""

    _added: Pairs  # numbers of cells; below zero where they are taken away

    def _pairs(self, name: str, value: Any) -> Pairs:
        """An argument as `(before, after)` for each axis; a number stands for both, or for all axes."""
        entries = list(value) if self.rank > 1 and _is_sequence(value) else [value] * self.rank
        pairs = [tuple(entry) if _is_sequence(entry) else (entry, entry) for entry in entries]
        counts = [count for pair in pairs for count in pair]
        fits = len(pairs) == self.rank and all(len(pair) == 2 for pair in pairs)
        if not fits or any(not hasattr(count, "__index__") or count.__index__() < 0 for count in counts):
            more = "" if self.rank == 1 else f", or {self.rank} of either, one per spatial axis"
            raise ValueError(
                f"{self._who()}: the `{name}` argument must be an integer of at least 0, or a tuple of 2 integers"
                f" (before, after){more}. Received: {name}={value!r}"
            )
        return tuple((before.__index__(), after.__index__()) for before, after in pairs)

    def _setting(self, pairs: Pairs) -> Any:
        """Pairs as configs have them: one axis has no tuple around its pair."""
        return pairs[0] if self.rank == 1 else pairs

    def call(self, inputs: jax.Array) -> jax.Array:
        self.compute_output_shape(inputs.shape)
        config = [(0, 0, 0)] * inputs.ndim
        for axis, (before, after) in zip(self._axes(), self._added, strict=True):
            config[axis] = (before, after, 0)
        return jax.lax.pad(inputs, jnp.zeros((), inputs.dtype), config)

    def compute_output_shape(self, input_shape: ShapeLike) -> Shape:
        batch, spatial, channels = self._split(input_shape)
        rows = zip(spatial, self._added, strict=True)
        sizes = [None if size is None else size + before + after for size, (before, after) in rows]
        if any(size is not None and size < 1 for size in sizes):
            raise ValueError(
                f"{self._who()}: `cropping` must be smaller than the input and leave at least one cell on every axis."
                f" Received: cropping={getattr(self, 'cropping', None)} for an input of shape {tuple(input_shape)}."
            )
        return self._join(batch, sizes, channels)


def _is_sequence(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


class ZeroPadding(Edges):
    """Zeros in front of and behind each spatial axis."""

    def __init__(self, padding: Any, data_format: str | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        self._added = self._pairs("padding", padding)
        self.padding = self._setting(self._added)
        self.data_format = checked_data_format(data_format)
        self.input_spec = InputSpec(ndim=self.rank + 2)


class Cropping(Edges):
    """Cells cut off in front of and behind each spatial axis."""

    def __init__(self, cropping: Any, data_format: str | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        pairs = self._pairs("cropping", cropping)
        self.cropping = self._setting(pairs)
        self._added = tuple((-before, -after) for before, after in pairs)
        self.data_format = checked_data_format(data_format)
        self.input_spec = InputSpec(ndim=self.rank + 2)


@layer()
class ZeroPadding1D(ZeroPadding):
    """Zeros in front of and behind a sequence: `(batch, length, channels)` to `(batch, before + length + after,
    channels)`.

    Args:
        padding: steps at either end, or `(before, after)`.
        data_format: `"channels_last"`, the default, or `"channels_first"`.

    Example:

    >>> import jax.numpy as jnp
    >>> ZeroPadding1D((1, 2))(jnp.ones((1, 2, 1))).ravel().tolist()
    [0.0, 1.0, 1.0, 0.0, 0.0]
    """

    rank = 1

    def __init__(self, padding: Any = 1, data_format: str | None = None, **kwargs: Any):
        super().__init__(padding, data_format, **kwargs)


@layer()
class ZeroPadding2D(ZeroPadding):
    """Zeros around an image: `(batch, height, width, channels)` to `(batch, new_height, new_width, channels)`.

    Args:
        padding: cells at each edge; `(height, width)`; or `((top, bottom), (left, right))`.
        data_format: `"channels_last"`, the default, or `"channels_first"`.
    """

    rank = 2

    def __init__(self, padding: Any = (1, 1), data_format: str | None = None, **kwargs: Any):
        super().__init__(padding, data_format, **kwargs)


@layer()
class ZeroPadding3D(ZeroPadding):
    """Zeros around a volume; arguments as in `ZeroPadding2D`, for three axes.

    Shapes: `(batch, depth, height, width, channels)` to `(batch, new_depth, new_height, new_width, channels)`.
    """

    rank = 3

    def __init__(self, padding: Any = ((1, 1), (1, 1), (1, 1)), data_format: str | None = None, **kwargs: Any):
        super().__init__(padding, data_format, **kwargs)


@layer()
class Cropping1D(Cropping):
    """Steps cut off from a sequence: `(batch, length, channels)` to `(batch, length - before - after, channels)`.

    Args:
        cropping: steps at either end, or `(before, after)`.

    Raises:
        ValueError: if no step would be left.

    Example:

    >>> import jax.numpy as jnp
    >>> Cropping1D((1, 2))(jnp.arange(5.0).reshape(1, 5, 1)).ravel().tolist()
    [1.0, 2.0]
    """

    rank = 1
    _not_in_config = frozenset({"data_format"})

    def __init__(self, cropping: Any = (1, 1), **kwargs: Any):
        super().__init__(cropping, "channels_last", **kwargs)


@layer()
class Cropping2D(Cropping):
    """Cells cut off at the edges of an image: `(batch, height, width, channels)` to `(batch, new_height, new_width,
    channels)`.

    Args:
        cropping: cells at each edge; `(height, width)`; or `((top, bottom), (left, right))`.
        data_format: `"channels_last"`, the default, or `"channels_first"`.

    Raises:
        ValueError: if nothing would be left.
    """

    rank = 2

    def __init__(self, cropping: Any = ((0, 0), (0, 0)), data_format: str | None = None, **kwargs: Any):
        super().__init__(cropping, data_format, **kwargs)


@layer()
class Cropping3D(Cropping):
    """Cells cut off at the edges of a volume; arguments as in `Cropping2D`, for three axes.

    Shapes: `(batch, depth, height, width, channels)` to `(batch, new_depth, new_height, new_width, channels)`.
    """

    rank = 3

    def __init__(self, cropping: Any = ((1, 1), (1, 1), (1, 1)), data_format: str | None = None, **kwargs: Any):
        super().__init__(cropping, data_format, **kwargs)
