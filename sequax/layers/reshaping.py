"""Layers that move or repeat values without computing: flatten, reshape, permute, repeat."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Any, Unpack

import jax.numpy as jnp

from ..core.constructor import LayerOptions
from ..core.input_spec import InputSpec
from ..core.kinds import DataFormat, Kind, Owner, ShapeOf, is_whole
from ..core.types import Shape, ShapeLike, Tensor
from .arguments import Times
from .base import Rearranging
from .catalogue import layer


@layer()
class Flatten(Rearranging):
    """All axes but the batch axis as one.

    Shapes: `(batch, a, b, ...)` -> `(batch, a * b * ...)`; `(batch,)` -> `(batch, 1)`.

    Args:
        data_format: with `"channels_first"` the channels move to the end first, so that the order of the features is
            the same for both formats; None: as `config.set_image_data_format` says.
        **options: name, dtype, trainable, ...: as in `Layer`.

    Example:

    >>> import numpy as np
    >>> Flatten()(np.ones((2, 3, 4))).shape
    (2, 12)
    """

    numpy_form: str | None = "flat"
    data_format: str

    def __init__(self, data_format: DataFormat = None, **options: Unpack[LayerOptions]):
        super().__init__(**options)
        self.input_spec: InputSpec = InputSpec(min_ndim=1)

    def call(self, inputs: Tensor) -> Tensor:
        if self.data_format == "channels_first" and inputs.ndim > 2:
            inputs = jnp.moveaxis(inputs, 1, -1)
        return inputs.reshape(inputs.shape[0], math.prod(inputs.shape[1:]))

    def compute_output_shape(self, input_shape: ShapeLike) -> Shape:
        features: Sequence[Any] = input_shape[1:]
        return (input_shape[0], None if None in features else math.prod(features))


class TargetShape(ShapeOf):
    """Sizes without the batch axis; -1 or None for one that follows from the others, -1 in the end."""

    def resolve(self, value: Any, name: str, owner: Owner) -> tuple[int, ...]:
        sizes = tuple(-1 if size is None else size for size in value)
        if not all(is_whole(size) and size.__index__() >= -1 for size in sizes):
            raise ValueError(
                f"{owner}: each size in `{name}` must be a non-negative integer, or -1 for a single unknown one."
                f" Received: {name}={tuple(value)}"
            )
        if sizes.count(-1) > 1:
            raise ValueError(
                f"{owner}: there must be at most one unknown dimension (-1) in `{name}`. Received: {name}={sizes}."
            )
        return tuple(size.__index__() for size in sizes)


Target = Annotated[Sequence[int | None], TargetShape()]


@layer()
class Reshape(Rearranging):
    """The same values in another shape, in row-major order.

    Shapes: `(batch, ...)` -> `(batch, *target_shape)`.

    Args:
        target_shape: without the batch axis; -1 (or None) for one size that follows from the others.
        **options: name, dtype, trainable, ...: as in `Layer`.

    Raises:
        ValueError: if a size is no whole number, or the number of values differs.

    Example:

    >>> import numpy as np
    >>> Reshape((2, -1))(np.ones((5, 6))).shape
    (5, 2, 3)
    """

    target_shape: tuple[int, ...]

    def __init__(self, target_shape: Target, **options: Unpack[LayerOptions]):
        super().__init__(**options)

    def call(self, inputs: Tensor) -> Tensor:
        return inputs.reshape(inputs.shape[0], *self._sizes(inputs.shape[1:]))

    def compute_output_shape(self, input_shape: ShapeLike) -> Shape:
        return (input_shape[0], *self._sizes(input_shape[1:]))

    def _sizes(self, given: Sequence[Any]) -> tuple[Any, ...]:
        """`target_shape` with the unknown size filled in, None if it cannot be known yet."""
        known = math.prod(size for size in self.target_shape if size != -1)
        if None in given:
            return tuple(None if size == -1 else size for size in self.target_shape)
        total = math.prod(given)
        if -1 not in self.target_shape:
            fits, rest = total == known, -1
        else:
            fits, rest = known > 0 and total % known == 0, total // max(known, 1)
        if not fits:
            raise ValueError(
                f"Layer '{self.name}' (Reshape): the total size must be unchanged. Received an input of shape"
                f" {('batch', *given)}, {total} values a sample, which do not fit target_shape={self.target_shape}."
            )
        return tuple(rest if size == -1 else size for size in self.target_shape)


class OrderOf(Kind):
    """Axes without the batch axis, counted from 1, each of them once."""

    expected = "a list of the numbers from 1 on, each of them once"

    def resolve(self, value: Any, name: str, owner: Owner) -> tuple[int, ...]:
        order = tuple(value)
        if sorted(order) != list(range(1, len(order) + 1)):
            raise ValueError(
                f"{owner}: Invalid permutation argument `{name}`. The set of indices in `{name}` must be consecutive"
                f" and start from 1. Received: {name}={value}"
            )
        return order

    def fits(self, value: object, cls: type) -> bool:
        return isinstance(value, (list, tuple)) and all(type(axis) is int for axis in value)


Order = Annotated[Sequence[int], OrderOf()]


@layer()
class Permute(Rearranging):
    """Axes in another order.

    Shapes: `(batch, ...)` -> the same sizes in the order of `dims`, the batch first.

    Args:
        dims: the order, counted from 1 and without the batch axis: `(2, 1)` swaps the first two.
        **options: name, dtype, trainable, ...: as in `Layer`.

    Raises:
        ValueError: if `dims` does not name each axis once.

    Example:

    >>> import numpy as np
    >>> Permute((2, 1))(np.ones((5, 10, 64))).shape
    (5, 64, 10)
    """

    dims: tuple[int, ...]

    def __init__(self, dims: Order, **options: Unpack[LayerOptions]):
        super().__init__(**options)
        self.input_spec: InputSpec = InputSpec(ndim=len(self.dims) + 1)

    def call(self, inputs: Tensor) -> Tensor:
        return jnp.transpose(inputs, (0, *self.dims))

    def compute_output_shape(self, input_shape: ShapeLike) -> Shape:
        return tuple(input_shape[axis] for axis in (0, *self.dims))


@layer()
class RepeatVector(Rearranging):
    """Each vector `n` times.

    Shapes: `(batch, features)` -> `(batch, n, features)`.

    Args:
        n: how many times, a whole number.
        **options: name, dtype, trainable, ...: as in `Layer`.

    Raises:
        TypeError, ValueError: if `n` is no positive integer.

    Example:

    >>> import numpy as np
    >>> RepeatVector(3)(np.ones((2, 5))).shape
    (2, 3, 5)
    """

    n: int

    def __init__(self, n: Times, **options: Unpack[LayerOptions]):
        super().__init__(**options)
        self.input_spec: InputSpec = InputSpec(ndim=2)

    def call(self, inputs: Tensor) -> Tensor:
        return jnp.repeat(inputs[:, None], self.n, axis=1)

    def compute_output_shape(self, input_shape: ShapeLike) -> Shape:
        return (input_shape[0], self.n, input_shape[1])
