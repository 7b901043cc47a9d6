"""What layers over images, sequences and volumes share: spatial axes, and where the channels stand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Unpack

import jax.numpy as jnp

from ..core.constructor import LayerOptions
from ..core.input_spec import InputSpec
from ..core.layer import Layer
from ..core.types import Shape, ShapeLike, Tensor


class Spatial(Layer):
    """Base of layers for `(batch, *spatial, channels)` with `rank` spatial axes, or with the channels first."""

    rank = 0
    data_format = "channels_last"

    def __init__(self, **options: Unpack[LayerOptions]):
        super().__init__(**options)
        self.input_spec: InputSpec = InputSpec(ndim=self.rank + 2)

    @property
    def input_axes(self) -> tuple[str, ...]:  # type: ignore[override]
        sizes = {1: ("steps",), 2: ("rows", "columns"), 3: ("depth", "rows", "columns")}.get(self.rank, ())
        return (*sizes, "channels") if self._channels_axis() == -1 else ("channels", *sizes)

    def _who(self) -> str:
        return f"Layer '{self.name}' ({type(self).__name__})"

    def _channels_axis(self) -> int:
        return -1 if self.data_format == "channels_last" else 1

    def _axes(self) -> tuple[int, ...]:
        """The spatial axes of an input."""
        first = 1 if self._channels_axis() == -1 else 2
        return tuple(range(first, first + self.rank))

    def _split(self, shape: ShapeLike) -> tuple[int | None, Shape, int | None]:
        """An input shape as batch, spatial sizes and channels."""
        if len(shape) != self.rank + 2:
            axes = ("batch", *(f"size_{i + 1}" for i in range(self.rank)))
            layout = (*axes, "channels") if self._channels_axis() == -1 else (axes[0], "channels", *axes[1:])
            raise ValueError(
                f"{self._who()} expects an input of {self.rank + 2} dimensions, ({', '.join(layout)}). Received: shape"
                f" {tuple(shape)}."
            )
        return shape[0], tuple(shape[axis] for axis in self._axes()), shape[self._channels_axis()]

    def _join(self, batch: int | None, spatial: Sequence[int | None], channels: int | None) -> Shape:
        return (batch, *spatial, channels) if self._channels_axis() == -1 else (batch, channels, *spatial)

    def _to_channels_last(self, x: Tensor) -> Tensor:
        return x if self._channels_axis() == -1 else jnp.moveaxis(x, 1, -1)

    def _from_channels_last(self, x: Tensor) -> Tensor:
        return x if self._channels_axis() == -1 else jnp.moveaxis(x, -1, 1)
