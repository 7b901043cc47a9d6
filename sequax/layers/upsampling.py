"""Layers that enlarge sequences, images and volumes without weights."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from ..core import dtypes
from ..core.input_spec import InputSpec
from ..core.types import Shape, ShapeLike
from .arguments import data_format as checked_data_format
from .base import Rearranging
from .catalogue import layer
from .spatial import Spatial

INTERPOLATIONS = ("nearest", "bilinear", "bicubic", "lanczos3", "lanczos5")


class UpSampling(Rearranging, Spatial):
    """Every cell `size` times along each spatial axis."""

    def __init__(self, size: Any, data_format: str | None, **kwargs: Any):
        super().__init__(**kwargs)
        self.size: Any = self._per_axis("size", size)
        self.data_format = checked_data_format(data_format)
        self.input_spec = InputSpec(ndim=self.rank + 2)

    def call(self, inputs: jax.Array) -> jax.Array:
        for axis, times in zip(self._axes(), self._times(), strict=True):
            inputs = jnp.repeat(inputs, times, axis=axis)
        return inputs

    def _times(self) -> tuple[int, ...]:
        return self.size

    def compute_output_shape(self, input_shape: ShapeLike) -> Shape:
        batch, spatial, channels = self._split(input_shape)
        rows = zip(spatial, self._times(), strict=True)
        return self._join(batch, [None if size is None else size * times for size, times in rows], channels)


@layer()
class UpSampling1D(UpSampling):
    """Every time step `size` times: `(batch, length, channels)` to `(batch, length * size, channels)`.

    Args:
        size: a positive integer.

    Example:

    >>> import jax.numpy as jnp
    >>> UpSampling1D(2)(jnp.array([[[1.0], [2.0]]])).ravel().tolist()
    [1.0, 1.0, 2.0, 2.0]
    """

    rank = 1
    _not_in_config = frozenset({"data_format"})

    def __init__(self, size: Any = 2, **kwargs: Any):
        if not hasattr(size, "__index__"):
            raise TypeError(f"UpSampling1D: expected an integer value for `size`. Received: size={size!r}")
        super().__init__(size, "channels_last", **kwargs)
        self.size = size.__index__()

    def _times(self) -> tuple[int, ...]:
        return (self.size,)


@layer()
class UpSampling2D(UpSampling):
    """Images enlarged: `(batch, height, width, channels)` to `(batch, height * size[0], width * size[1], channels)`.

    Args:
        size: how many times larger, one number or `(height, width)`.
        data_format: `"channels_last"`, the default, or `"channels_first"`.
        interpolation: `"nearest"` repeats cells. `"bilinear"`, `"bicubic"` (Keys 1981, a = -0.5), `"lanczos3"` and
            `"lanczos5"` weigh neighbours, centres of cells aligned; images of integers are rounded to integers again.

    Example:

    >>> import jax.numpy as jnp
    >>> UpSampling2D((1, 2), interpolation="bilinear")(jnp.array([0.0, 4.0]).reshape(1, 1, 2, 1)).ravel().tolist()
    [0.0, 1.0, 3.0, 4.0]
    """

    rank = 2

    def __init__(
        self, size: Any = (2, 2), data_format: str | None = None, interpolation: str = "nearest", **kwargs: Any
    ):
        super().__init__(size, data_format, **kwargs)
        if not isinstance(interpolation, str) or interpolation.lower() not in INTERPOLATIONS:
            raise ValueError(
                f"{self._who()}: the `interpolation` argument must be one of {INTERPOLATIONS}. Received:"
                f" interpolation={interpolation!r}"
            )
        self.interpolation = interpolation.lower()

    def call(self, inputs: jax.Array) -> jax.Array:
        if self.interpolation == "nearest":
            return super().call(inputs)
        shape = self.compute_output_shape(inputs.shape)
        resized = jax.image.resize(inputs, shape, self.interpolation, antialias=False)
        return resized if dtypes.is_float(inputs.dtype) else _rounded(resized, inputs.dtype)


def _rounded(x: jax.Array, dtype: Any) -> jax.Array:
    """Whole numbers; weights below zero may lead beyond the dtype's range, such as 0 to 255."""
    limits = jnp.iinfo(dtype)
    return jnp.clip(jnp.round(x), limits.min, limits.max).astype(dtype)


@layer()
class UpSampling3D(UpSampling):
    """Every cell of a volume `size` times along each axis.

    Args:
        size: one number, or one per axis `(depth, height, width)`.
        data_format: `"channels_last"`, the default, or `"channels_first"`.

    Shapes: `(batch, depth, height, width, channels)` to
    `(batch, depth * size[0], height * size[1], width * size[2], channels)`.
    """

    rank = 3

    def __init__(self, size: Any = (2, 2, 2), data_format: str | None = None, **kwargs: Any):
        super().__init__(size, data_format, **kwargs)
