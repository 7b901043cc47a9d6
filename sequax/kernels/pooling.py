"""Maximum and average over sliding windows, channels last, any number of spatial axes.

On a CPU ``lax.reduce_window`` and its gradient select-and-scatter are slower than reshapes and strided slices, most of
all for 2x2 maxima (3 to 9 times in ``benchmarks/kernels.py``, on a busy machine); tiled averages gain nothing.
"""

from __future__ import annotations

import functools
import itertools
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from . import dispatch
from .memory import in_memory
from .windows import Padding, PerAxis, Windows


def max_pool(x: jax.Array, window: PerAxis, strides: PerAxis | None = None, padding: Padding = "valid") -> jax.Array:
    """Largest value of each window.

    Where several cells hold the maximum, the first one in row-major order receives the gradient, as in XLA, TensorFlow
    and Keras; after a relu such ties are common, so that another rule would train differently.

    Args:
        x: (batch, *spatial, channels).
        window, strides: one integer, or one per spatial axis; ``strides`` defaults to ``window``.
        padding: "valid", "same", or one pair (low, high) per spatial axis; padding never wins.

    Returns:
        (batch, *output, channels), in the dtype of ``x``.
    """
    windows = Windows.over(x.shape[1:-1], window, window if strides is None else strides, padding)
    return dispatch.apply(MaxPool(windows), x)


def avg_pool(x: jax.Array, window: PerAxis, strides: PerAxis | None = None, padding: Padding = "valid") -> jax.Array:
    """Mean of each window; cells of padding count neither in the sum nor in the number.

    Arguments and result as in ``max_pool``.
    """
    windows = Windows.over(x.shape[1:-1], window, window if strides is None else strides, padding)
    return dispatch.apply(AveragePool(windows), x)


class MaxPool(NamedTuple):
    """Static geometry of a maximum pooling."""

    windows: Windows

    def kernels(self, x: jax.Array) -> dict[str, dispatch.Kernel]:
        native = partial(_lax_max, self)
        # Windows side by side: reshape and max, one mask per cell (3-9 times faster than XLA in a loop); otherwise
        # strided slices (1.2-1.9 times).
        forms = (_tiled_max, _tiled_gradient) if self.windows.tile else (_sliced_max, _sliced_gradient)
        own, gradient = (partial(form, self) for form in forms)
        # Alone, XLA's form fuses with the activation before it: a convnet predicts 1.3 to 2.5 times faster.
        predict = native if self.windows.tile else own
        return {
            "cpu": dispatch.Kernel(predict, own, (gradient,)),
            "default": dispatch.Kernel(native, native, dispatch.autodiff(native, 1)),
        }


class AveragePool(NamedTuple):
    """Static geometry of an average pooling."""

    windows: Windows

    def kernels(self, x: jax.Array) -> dict[str, dispatch.Kernel]:
        native = partial(_lax_mean, self)
        # The same two forms as for the maximum: slices gain 2-3 times over XLA, the reshape is on a par with it.
        if self.windows.tile:
            own = partial(_tiled_mean, self)
            gradients = dispatch.autodiff(own, 1)
        else:
            own = partial(_sliced_mean, self)
            gradients = (partial(_sliced_mean_gradient, self),)
        return {
            "cpu": dispatch.Kernel(own, own, gradients),
            "default": dispatch.Kernel(native, native, dispatch.autodiff(native, 1)),
        }


def _lowest(dtype):
    return -np.inf if jnp.issubdtype(dtype, jnp.floating) else jnp.iinfo(dtype).min


def _lax_max(spec, x):
    return _reduce_window(spec.windows, x, np.asarray(_lowest(x.dtype), x.dtype), lax.max)


def _lax_mean(spec, x):
    return _reduce_window(spec.windows, x, np.asarray(0, x.dtype), lax.add) / _counts(spec.windows, x)


def _reduce_window(windows, x, initial, function):
    pads = ((0, 0), *windows.pads, (0, 0))
    return lax.reduce_window(x, initial, function, (1, *windows.size, 1), (1, *windows.strides, 1), pads)


def _counts(windows, x):
    """Number of real cells in each window, shape (*output, 1); a constant of the program."""
    spatial = x.shape[1:-1]
    if not any(itertools.chain(*windows.pads)):
        return jnp.asarray(windows.cells, x.dtype)
    if not all(type(length) is int for length in spatial):
        ones = jnp.ones((1, *spatial, 1), x.dtype)
        return _reduce_window(windows, ones, np.asarray(0, x.dtype), lax.add)[0]
    rows = [
        _real_cells(*row)
        for row in zip(spatial, windows.output(spatial), windows.size, windows.strides, windows.pads, strict=True)
    ]
    return jnp.asarray(functools.reduce(np.multiply.outer, rows)[..., None], x.dtype)


def _real_cells(length, count, size, stride, pad):
    starts = np.arange(count) * stride - pad[0]
    return np.minimum(starts + size, length) - np.maximum(starts, 0)


def _tiles(windows, x, padding_value):
    """``x`` as (batch, output_1, window_1, ..., channels), cropped or padded to whole windows; needs
    ``windows.tile``."""
    output = windows.output(x.shape[1:-1])
    padded = windows.pad(x, padding_value)
    stops = [count * size for count, size in zip(output, windows.size, strict=True)]
    whole = lax.slice(padded, [0] * x.ndim, (x.shape[0], *stops, x.shape[-1]))
    return whole.reshape(x.shape[0], *itertools.chain(*zip(output, windows.size, strict=True)), x.shape[-1])


def _window_axes(windows):
    return tuple(range(2, 2 * len(windows.size) + 1, 2))


def _tiled_max(spec, x):
    return _tiles(spec.windows, x, _lowest(x.dtype)).max(_window_axes(spec.windows))


def _sliced_max(spec, x):
    return _by_axis(jnp.maximum, spec.windows, x, _lowest(x.dtype))[-1]


def _by_axis(function, windows, x, padding_value):
    """``x`` and what is left of it after each spatial axis, the last one first: 3 + 3 slices for a 3x3 window rather
    than 9.
    """
    stages = [x]
    for one in _single_axes(windows):
        stages.append(functools.reduce(function, one.slices(stages[-1], padding_value)))
    return stages


def _single_axes(windows):
    """The windows as one-dimensional ones, from the last spatial axis to the first."""
    for axis in reversed(range(len(windows.size))):
        rests = zip(windows, (1, 1, 1, (0, 0)), strict=True)
        yield Windows(*(_only(axis, field, rest) for field, rest in rests))


def _only(axis, field, rest):
    return tuple(value if at == axis else rest for at, value in enumerate(field))


def _tiled_mean(spec, x):
    return _tiles(spec.windows, x, 0).sum(_window_axes(spec.windows)) / _counts(spec.windows, x)


def _sliced_mean(spec, x):
    return _by_axis(jnp.add, spec.windows, x, 0)[-1] / _counts(spec.windows, x)


def _sliced_mean_gradient(spec, arrays, output, cotangent):
    """Axis by axis, backwards."""
    (x,) = arrays
    cotangent = cotangent / _counts(spec.windows, x)
    steps, spatial = [], x.shape[1:-1]
    for one in _single_axes(spec.windows):
        steps.append((one, spatial))
        spatial = one.output(spatial)
    for one, spatial in reversed(steps):
        cotangent = one.spread_alike(cotangent, spatial)
    return cotangent


def _tiled_gradient(spec, arrays, output, cotangent):
    return _first_maximum(spec.windows, arrays[0], output, cotangent)


def _sliced_gradient(spec, arrays, output, cotangent):
    """Axis by axis, backwards: the first maximum in row-major order stands in the first row that holds it, first in
    that row."""
    (x,) = arrays
    stages = _by_axis(jnp.maximum, spec.windows, x, _lowest(x.dtype))
    for axis, one in reversed(list(enumerate(_single_axes(spec.windows)))):
        cotangent = _first_maximum(one, stages[axis], stages[axis + 1], cotangent)
        if axis and set(one.strides) == {1}:
            # Else each cell of the next axis computes it anew: five times as long for 32x32 pixels.
            cotangent = in_memory(cotangent)
    return cotangent


def _first_maximum(windows, x, output, cotangent):
    """Hand the cotangent of each window to the first cell that holds the maximum."""
    taken = jnp.zeros(output.shape, bool)
    parts = []
    for cell in windows.slices(x, _lowest(x.dtype)):
        hit = (cell == output) & ~taken
        taken |= hit
        parts.append(jnp.where(hit, cotangent, 0))
    return windows.spread(parts, x.shape[1:-1])
