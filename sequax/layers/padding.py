"""Zeros around images, sequences and volumes, and the opposite: cells cut off at their edges."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, TypeGuard, Unpack

import jax
import jax.numpy as jnp

from ..core.constructor import LayerOptions
from ..core.kinds import DataFormat, Kind, Owner, is_whole
from ..core.types import Shape, ShapeLike, Tensor
from .base import Rearranging
from .catalogue import layer
from .spatial import Spatial

Pairs = tuple[tuple[int, int], ...]


class EdgesOf(Kind):
    """Numbers of cells in front of and behind each spatial axis; one number stands for both, or for all axes."""

    expected = "a whole number >= 0, or (before, after), or one of either for each spatial axis"

    def resolve(self, value: object, name: str, owner: Owner) -> tuple[int, int] | Pairs:
        rank = owner.instance.rank
        pairs = _pairs(value, rank)
        if pairs is None:
            more = "" if rank == 1 else f", or {rank} of either, one per spatial axis"
            raise ValueError(
                f"{owner}: the `{name}` argument must be an integer of at least 0, or a tuple of 2 integers (before,"
                f" after){more}. Received: {name}={value!r}"
            )
        return pairs[0] if rank == 1 else pairs  # as in Keras' configs

    def fits(self, value: object, cls: type) -> bool:
        return _pairs(value, getattr(cls, "rank", 0)) is not None


def _pairs(value: object, rank: int) -> Pairs | None:
    entries = list(value) if rank > 1 and _is_sequence(value) else [value] * rank
    pairs = [tuple(entry) if _is_sequence(entry) else (entry, entry) for entry in entries]
    counts = [count for pair in pairs for count in pair]
    if len(pairs) != rank or any(len(pair) != 2 for pair in pairs):
        return None
    if not all(is_whole(count) and count.__index__() >= 0 for count in counts):
        return None
    return tuple((before.__index__(), after.__index__()) for before, after in pairs)


def _is_sequence(value: object) -> TypeGuard[Sequence[Any]]:
    return isinstance(value, Sequence) and not isinstance(value, str)


Edges = Annotated[int | Sequence[int | Sequence[int]], EdgesOf()]


class Bordered(Rearranging, Spatial):
    """Base of layers that add cells in front of and behind each spatial axis, or take them away."""

    def added(self) -> Pairs:
        """Numbers of cells for each axis; below zero where they are taken away."""
        raise NotImplementedError

    def call(self, inputs: Tensor) -> Tensor:
        self.compute_output_shape(inputs.shape)
        config = [(0, 0, 0)] * inputs.ndim
        for axis, (before, after) in zip(self._axes(), self.added(), strict=True):
            config[axis] = (before, after, 0)
        return jax.lax.pad(inputs, jnp.zeros((), inputs.dtype), config)

    def compute_output_shape(self, input_shape: ShapeLike) -> Shape:
        batch, spatial, channels = self._split(input_shape)
        rows = zip(spatial, self.added(), strict=True)
        sizes = [None if size is None else size + before + after for size, (before, after) in rows]
        if any(isinstance(size, int) and size < 1 for size in sizes):
            raise ValueError(
                f"{self._who()}: `cropping` must be smaller than the input and leave at least one cell on every axis."
                f" Received: cropping={getattr(self, 'cropping', None)} for an input of shape {tuple(input_shape)}."
            )
        return self._join(batch, sizes, channels)


class ZeroPadding(Bordered):
    """Zeros in front of and behind each spatial axis."""

    padding: Any

    def added(self) -> Pairs:
        return (self.padding,) if self.rank == 1 else self.padding


class Cropping(Bordered):
    """Cells cut off in front of and behind each spatial axis."""

    cropping: Any

    def added(self) -> Pairs:
        cut = (self.cropping,) if self.rank == 1 else self.cropping
        return tuple((-before, -after) for before, after in cut)


@layer()
class ZeroPadding1D(ZeroPadding):
    """Zeros in front of and behind a sequence.

    Shapes: `(batch, length, channels)` to `(batch, before + length + after, channels)`; with
    `data_format="channels_first"` the channels follow the batch.

    Args:
        padding: steps at either end, or `(before, after)`.
        data_format: `"channels_last"` or `"channels_first"`; None: as `config.set_image_data_format` says.
        **options: name, dtype, trainable, ...: as in `Layer`.

    Example:

    >>> import jax.numpy as jnp
    >>> ZeroPadding1D((1, 2))(jnp.ones((1, 2, 1))).ravel().tolist()
    [0.0, 1.0, 1.0, 0.0, 0.0]
    """

    rank = 1

    def __init__(self, padding: Edges = 1, data_format: DataFormat = None, **options: Unpack[LayerOptions]):
        super().__init__(**options)


@layer()
class ZeroPadding2D(ZeroPadding):
    """Zeros around an image.

    Shapes: `(batch, height, width, channels)` to `(batch, top + height + bottom, left + width + right, channels)`;
    with `data_format="channels_first"` the channels follow the batch.

    Args:
        padding: cells at each edge; `(height, width)`; or `((top, bottom), (left, right))`.
        data_format: `"channels_last"` or `"channels_first"`; None: as `config.set_image_data_format` says.
        **options: name, dtype, trainable, ...: as in `Layer`.

    Example:

    >>> import jax.numpy as jnp
    >>> ZeroPadding2D(((1, 0), (2, 2)))(jnp.ones((1, 5, 5, 3))).shape
    (1, 6, 9, 3)
    """

    rank = 2

    def __init__(self, padding: Edges = (1, 1), data_format: DataFormat = None, **options: Unpack[LayerOptions]):
        super().__init__(**options)


@layer()
class ZeroPadding3D(ZeroPadding):
    """Zeros around a volume.

    Shapes: `(batch, depth, height, width, channels)` to `(batch, new_depth, new_height, new_width, channels)`, each new
    size being `before + size + after`; with `data_format="channels_first"` the channels follow the batch.

    Args:
        padding: cells at each face; `(depth, height, width)`; or three pairs `(before, after)`.
        data_format: `"channels_last"` or `"channels_first"`; None: as `config.set_image_data_format` says.
        **options: name, dtype, trainable, ...: as in `Layer`.

    Example:

    >>> import jax.numpy as jnp
    >>> ZeroPadding3D((0, 1, 2))(jnp.ones((1, 5, 5, 5, 3))).shape
    (1, 5, 7, 9, 3)
    """

    rank = 3

    def __init__(
        self, padding: Edges = ((1, 1), (1, 1), (1, 1)), data_format: DataFormat = None, **options: Unpack[LayerOptions]
    ):
        super().__init__(**options)


@layer()
class Cropping1D(Cropping):
    """Steps cut off from a sequence.

    Shapes: `(batch, length, channels)` to `(batch, length - before - after, channels)`.

    Args:
        cropping: steps at either end, or `(before, after)`.
        **options: name, dtype, trainable, ...: as in `Layer`.

    Raises:
        ValueError: if no step would be left.

    Example:

    >>> import jax.numpy as jnp
    >>> Cropping1D((1, 2))(jnp.arange(5.0).reshape(1, 5, 1)).ravel().tolist()
    [1.0, 2.0]
    """

    rank = 1

    def __init__(self, cropping: Edges = (1, 1), **options: Unpack[LayerOptions]):
        super().__init__(**options)


@layer()
class Cropping2D(Cropping):
    """Cells cut off at the edges of an image.

    Shapes: `(batch, height, width, channels)` to `(batch, height - top - bottom, width - left - right, channels)`;
    with `data_format="channels_first"` the channels follow the batch.

    Args:
        cropping: cells at each edge; `(height, width)`; or `((top, bottom), (left, right))`.
        data_format: `"channels_last"` or `"channels_first"`; None: as `config.set_image_data_format` says.
        **options: name, dtype, trainable, ...: as in `Layer`.

    Raises:
        ValueError: if nothing would be left.

    Example:

    >>> import jax.numpy as jnp
    >>> Cropping2D((1, 2))(jnp.ones((1, 5, 5, 3))).shape
    (1, 3, 1, 3)
    """

    rank = 2

    def __init__(
        self, cropping: Edges = ((0, 0), (0, 0)), data_format: DataFormat = None, **options: Unpack[LayerOptions]
    ):
        super().__init__(**options)


@layer()
class Cropping3D(Cropping):
    """Cells cut off at the faces of a volume.

    Shapes: `(batch, depth, height, width, channels)` to `(batch, new_depth, new_height, new_width, channels)`, each new
    size being `size - before - after`; with `data_format="channels_first"` the channels follow the batch.

    Args:
        cropping: cells at each face; `(depth, height, width)`; or three pairs `(before, after)`.
        data_format: `"channels_last"` or `"channels_first"`; None: as `config.set_image_data_format` says.
        **options: name, dtype, trainable, ...: as in `Layer`.

    Raises:
        ValueError: if nothing would be left.

    Example:

    >>> import jax.numpy as jnp
    >>> Cropping3D((0, 1, 2))(jnp.ones((1, 5, 5, 5, 3))).shape
    (1, 5, 3, 1, 3)
    """

    rank = 3

    def __init__(
        self,
        cropping: Edges = ((1, 1), (1, 1), (1, 1)),
        data_format: DataFormat = None,
        **options: Unpack[LayerOptions],
    ):
        super().__init__(**options)
