"""Layers that move or repeat values without computing: flatten, reshape, permute, repeat."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp

from ..core.input_spec import InputSpec
from .arguments import data_format as resolve_data_format
from .base import Rearranging
from .catalogue import layer


@layer()
class Flatten(Rearranging):
    """All axes but the batch axis as one: `(batch, a, b, ...)` -> `(batch, a * b * ...)`; `(batch,)` -> `(batch, 1)`.

    Args:
        data_format: with `"channels_first"` the channels move to the end first, so that the order of the features is
            the same for both formats.

    >>> import numpy as np
    >>> Flatten()(np.ones((2, 3, 4))).shape
    (2, 12)
    """

    def __init__(self, data_format: Any = None, **kwargs: Any):
        super().__init__(**kwargs)
        self.data_format = resolve_data_format(data_format)
        self.input_spec = InputSpec(min_ndim=1)

    def call(self, inputs: Any) -> jax.Array:
        if self.data_format == "channels_first" and inputs.ndim > 2:
            inputs = jnp.moveaxis(inputs, 1, -1)
        return inputs.reshape(inputs.shape[0], math.prod(inputs.shape[1:]))

    def compute_output_shape(self, input_shape: Any) -> tuple:
        features = input_shape[1:]
        return (input_shape[0], None if None in features else math.prod(features))


@layer()
class Reshape(Rearranging):
    """The same values in another shape: `(batch, ...)` -> `(batch, *target_shape)`, in row-major order.

    Args:
        target_shape: without the batch axis; -1 (or None) for one size that follows from the others.

    Raises:
        ValueError: if the number of values differs.

    >>> import numpy as np
    >>> Reshape((2, -1))(np.ones((5, 6))).shape
    (5, 2, 3)
    """

    def __init__(self, target_shape: Any, **kwargs: Any):
        super().__init__(**kwargs)
        sizes = tuple(-1 if size is None else size for size in target_shape)
        if any(isinstance(s, bool) or not hasattr(s, "__index__") or s.__index__() < -1 for s in sizes):
            raise ValueError(
                f"Reshape: each size in `target_shape` must be a whole number >= 0, or -1 for a single unknown one."
                f" Received: target_shape={tuple(target_shape)}"
            )
        if sizes.count(-1) > 1:
            raise ValueError(
                f"There must be at most one unknown dimension (-1) in `target_shape`. Received: target_shape={sizes}."
            )
        self.target_shape = tuple(size.__index__() for size in sizes)

    def call(self, inputs: Any) -> jax.Array:
        return inputs.reshape(inputs.shape[0], *self._sizes(inputs.shape[1:]))

    def compute_output_shape(self, input_shape: Any) -> tuple:
        return (input_shape[0], *self._sizes(input_shape[1:]))

    def _sizes(self, given: tuple) -> tuple:
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


@layer()
class Permute(Rearranging):
    """Axes in another order.

    Args:
        dims: the order, counted from 1 and without the batch axis: `(2, 1)` swaps the first two.

    >>> import numpy as np
    >>> Permute((2, 1))(np.ones((5, 10, 64))).shape
    (5, 64, 10)
    """

    def __init__(self, dims: Any, **kwargs: Any):
        super().__init__(**kwargs)
        self.dims = tuple(dims)
        if sorted(self.dims) != list(range(1, len(self.dims) + 1)):
            raise ValueError(
                f"Invalid permutation argument `dims` for Permute Layer. The set of indices in `dims` must be"
                f" consecutive and start from 1. Received dims={dims}"
            )
        self.input_spec = InputSpec(ndim=len(self.dims) + 1)

    def call(self, inputs: Any) -> jax.Array:
        return jnp.transpose(inputs, (0, *self.dims))

    def compute_output_shape(self, input_shape: Any) -> tuple:
        return tuple(input_shape[axis] for axis in (0, *self.dims))


@layer()
class RepeatVector(Rearranging):
    """Each vector `n` times: `(batch, features)` -> `(batch, n, features)`.

    >>> import numpy as np
    >>> RepeatVector(3)(np.ones((2, 5))).shape
    (2, 3, 5)
    """

    def __init__(self, n: Any, **kwargs: Any):
        super().__init__(**kwargs)
        if isinstance(n, bool) or not hasattr(n, "__index__"):
            raise TypeError(f"Expected an integer value for `n`, got {type(n)}.")
        if n <= 0:
            raise ValueError(f"Argument `n` should be a positive integer. Received: n={n}")
        self.n = n.__index__()
        self.input_spec = InputSpec(ndim=2)

    def call(self, inputs: Any) -> jax.Array:
        return jnp.repeat(inputs[:, None], self.n, axis=1)

    def compute_output_shape(self, input_shape: Any) -> tuple:
        return (input_shape[0], self.n, input_shape[1])
