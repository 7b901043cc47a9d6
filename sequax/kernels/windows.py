"""Windows that slide over spatial axes: the geometry shared by convolution and pooling."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

Padding = str | Sequence[tuple[int, int]]
PerAxis = int | Sequence[int]  # one number for all spatial axes, or one for each


class Windows(NamedTuple):
    """Geometry of a sliding window over arrays of shape (batch, *spatial, channels)."""

    size: tuple[int, ...]
    strides: tuple[int, ...]
    dilation: tuple[int, ...]
    pads: tuple[tuple[int, int], ...]

    @classmethod
    def over(
        cls, spatial: Sequence[int], size: PerAxis, strides: PerAxis, padding: Padding, dilation: PerAxis = 1
    ) -> Windows:
        """Resolve ``padding`` for the spatial shape; integers stand for the same number on every axis."""
        size, strides, dilation = (per_axis(value, len(spatial)) for value in (size, strides, dilation))
        windows = cls(size, strides, dilation, _pads(spatial, size, strides, padding, dilation))
        if any(type(length) is int and length < 1 for length in windows.output(spatial)):  # of symbols nothing is known
            raise ValueError(
                f"A window of size {size} with dilation {dilation} does not fit into the spatial shape "
                f"{tuple(spatial)} with padding {padding!r}. Use a smaller window, a larger input, or padding='same'."
            )
        return windows

    @property
    def extents(self) -> tuple[int, ...]:
        """Cells from the first to the last one that a window touches."""
        return tuple((size - 1) * dilation + 1 for size, dilation in zip(self.size, self.dilation, strict=True))

    @property
    def reversed(self) -> Windows | None:
        """Windows by which the output looks back at the input, for a stride of 1; None if there are none."""
        rows = list(zip(self.pads, self.extents, strict=True))
        if set(self.strides) != {1} or any(max(pad) >= extent for pad, extent in rows):
            return None
        return self._replace(pads=tuple((extent - 1 - low, extent - 1 - high) for (low, high), extent in rows))

    @property
    def tile(self) -> bool:
        """Whether windows lie side by side: each cell of the input belongs to at most one, without gaps."""
        return self.size == self.strides and all(
            step == 1 or size == 1 for step, size in zip(self.dilation, self.size, strict=True)
        )

    def trimmed(self, spatial: Sequence[int]) -> tuple[Windows, tuple[slice, ...]]:
        """These windows without the edges that see nothing but padding, and which cells of each axis that leaves.

        Small images under large windows have many of them: of 7x7 cells over 2x2 pixels all but 3x3.
        """
        rows = zip(spatial, self.output(spatial), *self, strict=True)
        axes = [_trimmed_axis(*row) for row in rows]
        kept, pads = tuple(kept for kept, _ in axes), tuple(pad for _, pad in axes)
        return self._replace(size=tuple(cells.stop - cells.start for cells in kept), pads=pads), kept

    def output(self, spatial: Sequence[int]) -> tuple[int, ...]:
        """Spatial shape of the output."""
        rows = zip(spatial, self.pads, self.extents, self.strides, strict=True)
        return tuple((length + low + high - extent) // stride + 1 for length, (low, high), extent, stride in rows)

    def pad(self, x: jax.Array, value: float, *, in_memory: bool = True) -> jax.Array:
        """``x`` with its spatial axes padded by ``value``.

        In memory unless told, not fused into its readers: each of the slices would test all its elements for the border
        (1.1 against .32 s for predictions of three depthwise 7x7 convolutions).
        """
        if not any(itertools.chain(*self.pads)):
            return x
        config = [(0, 0, 0), *((*pad, 0) for pad in self.pads), (0, 0, 0)]
        padded = lax.pad(x, jnp.asarray(value, x.dtype), config)
        return lax.optimization_barrier(padded) if in_memory else padded

    def slices(self, x: jax.Array, padding_value: float = 0, *, in_memory: bool = True) -> tuple[jax.Array, ...]:
        """For each cell of the window, in row-major order, what that cell sees: arrays of shape (batch, *output,
        channels)."""
        padded = self.pad(x, padding_value, in_memory=in_memory)
        return _slices(self._replace(pads=((0, 0),) * len(self.size)), padded.shape[1:-1], padded)

    def spread(self, parts: Sequence[jax.Array], spatial: Sequence[int]) -> jax.Array:
        """The transpose of ``slices``: add each part to the cells that it would have seen; (batch, *spatial, channels).

        Parts are first added up within each phase of the strides, where they only shift, and the phases then
        interleaved. XLA's transpose of strided slices, interior padding, tests each of its additions for holes.
        """
        padded = [length + low + high for length, (low, high) in zip(spatial, self.pads, strict=True)]
        lengths = [-(-length // stride) for length, stride in zip(padded, self.strides, strict=True)]
        phases: dict[tuple[int, ...], jax.Array] = {}
        for start, part in zip(self.starts, parts, strict=True):
            phase = tuple(at % stride for at, stride in zip(start, self.strides, strict=True))
            shifts = [at // stride for at, stride in zip(start, self.strides, strict=True)]
            rows = zip(shifts, lengths, part.shape[1:-1], strict=True)
            config = [(0, 0, 0), *((shift, length - shift - size, 0) for shift, length, size in rows), (0, 0, 0)]
            part = lax.pad(part, jnp.zeros((), part.dtype), config)
            phases[phase] = phases[phase] + part if phase in phases else part
        blank = jnp.zeros((parts[0].shape[0], *lengths, parts[0].shape[-1]), parts[0].dtype)
        whole = _interleave(phases, self.strides, blank)
        starts = [low for low, _ in self.pads]
        stops = [low + length for low, length in zip(starts, spatial, strict=True)]
        return lax.slice(whole, (0, *starts, 0), (whole.shape[0], *stops, whole.shape[-1]))

    def spread_alike(self, part: jax.Array, spatial: Sequence[int]) -> jax.Array:
        """``spread`` of one part for each cell of the window.

        Without strides that is a sum over windows of the part, which takes a quarter less to compile, and no longer.
        """
        pads = tuple(
            (extent - 1 - low, extent - 1 - high) for extent, (low, high) in zip(self.extents, self.pads, strict=True)
        )
        if set(self.strides) == {1} and min(itertools.chain(*pads)) >= 0:
            return functools.reduce(jnp.add, self._replace(pads=pads).slices(part))
        return self.spread([part] * self.cells, spatial)

    def seen(self, padded: jax.Array, start: jax.Array, output: Sequence[int]) -> jax.Array:
        """What one cell sees, from what ``pad`` gives: (batch, *output, channels). ``start``: a row of ``starts``."""
        lengths = [(count - 1) * stride + 1 for count, stride in zip(output, self.strides, strict=True)]
        extents = (padded.shape[0], *lengths, padded.shape[-1])
        seen = lax.dynamic_slice(padded, (0, *start, 0), extents)
        return lax.slice(seen, (0,) * seen.ndim, extents, (1, *self.strides, 1))

    @property
    def starts(self) -> list[list[int]]:
        """Offset of each cell of the window, in row-major order."""
        cells = itertools.product(*map(range, self.size))
        return [[at * step for at, step in zip(cell, self.dilation, strict=True)] for cell in cells]

    @property
    def cells(self) -> int:
        return math.prod(self.size)


@partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def _slices(windows, spatial, x):
    """``Windows.slices`` without padding; its gradient is ``Windows.spread``."""
    output = windows.output(spatial)
    parts = []
    for start in windows.starts:
        stops = [
            at + (length - 1) * stride + 1 for at, length, stride in zip(start, output, windows.strides, strict=True)
        ]
        parts.append(lax.slice(x, (0, *start, 0), (x.shape[0], *stops, x.shape[-1]), (1, *windows.strides, 1)))
    return tuple(parts)


_slices.defvjp(
    lambda windows, spatial, x: (_slices(windows, spatial, x), None),
    lambda windows, spatial, _, parts: (windows.spread(parts, spatial),),
)


def _interleave(phases, strides, blank):
    """One array from those of all phases: element ``i * stride + phase`` of the result is element ``i`` of the
    phase."""

    def join(known):
        axis = len(known)
        if axis == len(strides):
            return phases.get(known, blank)
        if strides[axis] == 1:
            return join((*known, 0))
        stacked = jnp.stack([join((*known, phase)) for phase in range(strides[axis])], axis=axis + 2)
        return lax.collapse(stacked, axis + 1, axis + 3)

    return join(())


def per_axis(value: PerAxis, count: int) -> tuple[int, ...]:
    """``value`` as one integer per spatial axis."""
    values = (value,) * count if isinstance(value, int) else tuple(int(item) for item in value)
    if len(values) != count or min(values, default=1) < 1:
        raise ValueError(f"Expected one positive integer or {count} of them, one per spatial axis; received {value!r}.")
    return values


def _trimmed_axis(length, count, size, stride, step, pad):
    """Cells of a window on one axis from the first to the last that sees an element, and the padding they need."""
    whole = slice(0, size), pad
    if type(length) is not int or type(count) is not int:  # symbols of `jax.export`
        return whole
    low, high = pad
    offsets = [cell * step - low for cell in range(size)]
    seeing = [
        cell for cell, offset in enumerate(offsets) if any(0 <= at * stride + offset < length for at in range(count))
    ]
    if not seeing:
        return whole
    first, last = seeing[0], seeing[-1]
    left = low - first * step, high - (size - 1 - last) * step
    return whole if min(left) < min(0, low, high) else (slice(first, last + 1), left)


def _pads(spatial, size, strides, padding, dilation):
    if padding == "valid":
        return ((0, 0),) * len(spatial)
    if padding == "same":
        return tuple(map(_same, spatial, size, strides, dilation))
    pads = padding if isinstance(padding, str) else tuple((int(low), int(high)) for low, high in padding)
    if isinstance(pads, str) or len(pads) != len(spatial):
        raise ValueError(f"Expected padding 'valid', 'same' or {len(spatial)} pairs (low, high); received {padding!r}.")
    return pads


def _same(length, size, stride, step):
    """TensorFlow's rule: the output has ceil(length / stride) cells and the odd cell of padding goes to the end."""
    total = (-(-length // stride) - 1) * stride + (size - 1) * step + 1 - length
    total = max(total, 0) if type(total) is int else total.max(0)  # a symbol of `jax.export`
    return total // 2, total - total // 2


def transposed_crop(extent: int, stride: int, padding: str, output_padding: int | None) -> int:
    """Cells that a transposed convolution cuts off from all that its windows touch; below zero: zeros added behind.

    Args:
        extent: cells from the first to the last one that a window touches.
        output_padding: None: as many as the convolution with these settings would have shrunk, or more.
    """
    if output_padding is None:
        return extent - stride if padding == "same" else min(extent - stride, 0)
    return (2 * (extent // 2) if padding == "same" else 0) - output_padding


def cut_frames(x: jax.Array, length: int, step: int) -> jax.Array:
    """Overlapping pieces of the last axis, `(..., time)` to `(..., pieces, length)`; a rest at the end is left out."""
    count = max(0, 1 + (x.shape[-1] - length) // step)
    return x[..., np.arange(count)[:, None] * step + np.arange(length)]
