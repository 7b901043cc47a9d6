"""`Rescaling`: a fixed scale and offset."""

from __future__ import annotations

from typing import Unpack

import jax.numpy as jnp

from ..core import settings
from ..core.constructor import LayerOptions
from ..core.kinds import Factors
from ..core.types import ArrayLike, Tensor
from .base import Elementwise
from .catalogue import layer


@layer()
class Rescaling(Elementwise):
    """`inputs * scale + offset`, in floating point also for whole numbers.

    Args:
        scale: number or one per channel, such as `1 / 255` for images of bytes.
        offset: number or one per channel. Channels are the last axis, or the first of an image where
            `keras.config.image_data_format()` says so.
        **options: `name`, `dtype`, ...: as in `Layer`.

    Shapes: any; the output has the shape of the input.

    Example:

    >>> import numpy as np
    >>> Rescaling(1 / 127.5, offset=-1)(np.array([0, 255], "uint8")).tolist()
    [-1.0, 1.0]
    """

    scale: ArrayLike
    offset: ArrayLike

    def __init__(self, scale: Factors, offset: Factors = 0.0, **options: Unpack[LayerOptions]):
        super().__init__(**options)

    def call(self, inputs: Tensor) -> Tensor:
        dtype = self.compute_dtype
        scale, offset = (_per_channel(jnp.asarray(value, dtype)) for value in (self.scale, self.offset))
        return jnp.asarray(inputs, dtype) * scale + offset


def _per_channel(values: Tensor) -> Tensor:
    """One number per channel, to broadcast against images in the process' data format."""
    first = values.ndim and settings.image_data_format() == "channels_first"
    return values.reshape(*values.shape, *(1,) * (3 - values.ndim)) if first else values
