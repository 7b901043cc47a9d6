"""What convolutions and poolings share: numbers per spatial axis, padding, where the channels stand, output sizes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from ..core.layer import Layer

Shape = Sequence[int | None]
Sizes = tuple[int | None, ...]


class Windowed(Layer):
    """Base of layers that slide a window over `rank` spatial axes; `data_format` says where the channels stand."""

    rank = 0
    paddings: tuple[str, ...] = ("valid", "same")
    data_format: str

    def _per_axis(self, name: str, value: Any) -> tuple[int, ...]:
        """An argument as one positive integer per spatial axis; a single number stands for all of them."""
        values = tuple(value) if isinstance(value, Sequence) and not isinstance(value, str) else (value,) * self.rank
        if len(values) != self.rank or any(not hasattr(v, "__index__") or v.__index__() < 1 for v in values):
            raise ValueError(
                f"{self._who()}: the `{name}` argument must be a positive integer, or a tuple of {self.rank} of them,"
                f" one per spatial axis. Received: {name}={value!r}"
            )
        return tuple(v.__index__() for v in values)

    def _padding(self, value: Any) -> str:
        if not isinstance(value, str) or value.lower() not in self.paddings:
            raise ValueError(
                f"{self._who()}: the `padding` argument must be one of {self.paddings}. Received: padding={value!r}"
            )
        return value.lower()

    def _who(self) -> str:
        return f"Layer '{self.name}' ({type(self).__name__})"

    def _channels_axis(self) -> int:
        return -1 if self.data_format == "channels_last" else 1

    def _split(self, shape: Shape) -> tuple[int | None, Sizes, int | None]:
        """An input shape as batch, spatial sizes and channels."""
        if len(shape) != self.rank + 2:
            axes = ("batch", *(f"size_{i + 1}" for i in range(self.rank)))
            layout = (*axes, "channels") if self._channels_axis() == -1 else (axes[0], "channels", *axes[1:])
            raise ValueError(
                f"{self._who()} expects an input of {self.rank + 2} dimensions, ({', '.join(layout)}). Received: shape"
                f" {tuple(shape)}."
            )
        spatial = shape[1:-1] if self._channels_axis() == -1 else shape[2:]
        return shape[0], tuple(spatial), shape[self._channels_axis()]

    def _join(self, batch: int | None, spatial: Sequence[int | None], channels: int | None) -> Sizes:
        return (batch, *spatial, channels) if self._channels_axis() == -1 else (batch, channels, *spatial)

    def _output_sizes(
        self,
        shape: Shape,
        window: tuple[int, ...],
        strides: tuple[int, ...],
        padding: str,
        dilation: tuple[int, ...] | None = None,
    ) -> Sizes:
        """Spatial sizes of the output, None where the input's are unknown.

        Raises:
            ValueError: if the window is larger than the input.
        """
        spatial = self._split(shape)[1]
        dilation = dilation or (1,) * self.rank
        sizes = [_output_size(*row, padding) for row in zip(spatial, window, strides, dilation, strict=True)]
        if any(size is not None and size < 1 for size in sizes):
            raise ValueError(
                f"{self._who()}: the computed output size would be zero or negative, because a window of {window}"
                f" (dilation {dilation}, padding {padding!r}) does not fit into an input of spatial size {spatial}"
                f" (full shape {tuple(shape)}). Use a smaller window, padding='same', or a larger input."
            )
        return tuple(sizes)

    def _to_channels_last(self, x: jax.Array) -> jax.Array:
        return x if self._channels_axis() == -1 else jnp.moveaxis(x, 1, -1)

    def _from_channels_last(self, x: jax.Array) -> jax.Array:
        return x if self._channels_axis() == -1 else jnp.moveaxis(x, -1, 1)


def _output_size(size: int | None, window: int, stride: int, dilation: int, padding: str) -> int | None:
    if size is None:
        return None
    if padding == "valid":
        size -= (window - 1) * dilation
    return -(-size // stride)
