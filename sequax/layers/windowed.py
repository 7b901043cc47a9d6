"""What convolutions and poolings share: padding, and output sizes of a sliding window."""

from __future__ import annotations

from ..core.types import Shape, ShapeLike
from .spatial import Spatial


class Windowed(Spatial):
    """Base of layers that slide a window over their spatial axes."""

    paddings: tuple[str, ...] = ("valid", "same")

    def _output_sizes(
        self,
        shape: ShapeLike,
        window: tuple[int, ...],
        strides: tuple[int, ...],
        padding: str,
        dilation: tuple[int, ...] | None = None,
    ) -> Shape:
        """Spatial sizes of the output, None where the input's are unknown.

        Raises:
            ValueError: if the window is larger than the input.
        """
        spatial = self._split(shape)[1]
        dilation = dilation or (1,) * self.rank
        sizes = [_output_size(*row, padding) for row in zip(spatial, window, strides, dilation, strict=True)]
        if any(isinstance(size, int) and size < 1 for size in sizes):
            raise ValueError(
                f"{self._who()}: the computed output size would be zero or negative, because a window of {window}"
                f" (dilation {dilation}, padding {padding!r}) does not fit into an input of spatial size {spatial}"
                f" (full shape {tuple(shape)}). Use a smaller window, padding='same', or a larger input."
            )
        return tuple(sizes)


def _output_size(size: int | None, window: int, stride: int, dilation: int, padding: str) -> int | None:
    if size is None:
        return None
    if padding == "valid":
        size -= (window - 1) * dilation
    return -(-size // stride)
