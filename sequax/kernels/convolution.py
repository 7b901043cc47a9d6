"""Convolution over any number of spatial axes, channels last.

XLA's gradients of ``lax.conv_general_dilated`` leave its multi-threaded CPU path inside a ``while`` loop (the kernel
gradient of a 3x3, 64 channel convolution takes 900 ms instead of 29), so on a CPU gradients are written as matrix
products here. ``benchmarks/kernels.py`` compares the result with XLA.
"""

from __future__ import annotations

import itertools
import math
from functools import partial, reduce
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from . import dispatch, winograd
from .windows import Padding, Windows

PATCH_BYTES = 256 * 2**20  # above this, patches cost more in memory traffic than the one large product saves
# Below this many multiplications in the forward pass, Winograd's forward pass and input gradient save less than 10 ms
# a step, against half a second more of compilation.
WINOGRAD_PRODUCTS = 250_000_000


def conv(
    x: jax.Array, kernel: jax.Array, *, strides=1, padding: Padding = "valid", dilation=1, groups: int = 1
) -> jax.Array:
    """Convolution (cross-correlation): ``y[n, o] = sum_w x[n, o * stride + w * dilation - low] @ kernel[w]``.

    Args:
        x: (batch, *spatial, channels), one or more spatial axes.
        kernel: (*window, channels // groups, filters), same dtype as ``x``.
        strides, dilation: one integer, or one per spatial axis.
        padding: "valid", "same" (output has ceil(length / stride) cells), or one pair (low, high) per spatial axis.
        groups: number of groups into which channels and filters are split.

    Returns:
        (batch, *output, filters), in the dtype of ``x``.

    Raises:
        ValueError: the shapes do not fit each other, or the window does not fit into the input.
    """
    _check(x, kernel, groups)
    windows = Windows.over(x.shape[1:-1], kernel.shape[:-2], strides, padding, dilation)
    return dispatch.apply(Conv(windows, groups), x, kernel)


def conv_transpose(
    x: jax.Array, kernel: jax.Array, *, output: tuple[int, ...], strides=1, padding: Padding = "valid", dilation=1
) -> jax.Array:
    """Transposed convolution: the gradient of ``conv`` with respect to its input, as a layer of its own.

    Args:
        x: (batch, *spatial, channels).
        kernel: (*window, filters, channels).
        output: spatial shape of the result; ``conv`` with these strides, padding and dilation must map it to
            ``spatial``.
        strides, padding, dilation: those of that ``conv``.

    Returns:
        (batch, *output, filters).

    Raises:
        ValueError: ``conv`` does not map ``output`` to the spatial shape of ``x``.
    """
    _check(x, jnp.swapaxes(kernel, -1, -2), 1)
    windows = Windows.over(output, kernel.shape[:-2], strides, padding, dilation)
    if windows.output(output) != x.shape[1:-1]:
        raise ValueError(
            f"conv_transpose with output={tuple(output)}, strides={windows.strides} and padding={padding!r} expects an "
            f"input of spatial shape {windows.output(output)}; received {x.shape[1:-1]}. Choose another output shape."
        )
    return dispatch.apply(ConvTranspose(windows, tuple(output)), x, kernel)


def _check(x, kernel, groups):
    channels, filters = x.shape[-1], kernel.shape[-1]
    if x.ndim < 3 or kernel.ndim != x.ndim:
        raise ValueError(
            "A convolution expects x of shape (batch, *spatial, channels) and a kernel of the same rank; received x of "
            f"shape {x.shape} and a kernel of shape {kernel.shape}. Add the missing axes."
        )
    if channels != kernel.shape[-2] * groups or filters % groups:
        raise ValueError(
            f"A convolution in {groups} group(s) of {channels} channels expects a kernel of shape "
            f"(*window, {channels} / {groups}, filters) with filters divisible by {groups}; received a kernel of shape "
            f"{kernel.shape}. Build the kernel for this input or change the number of groups."
        )


class Conv(NamedTuple):
    """Static geometry of a convolution."""

    windows: Windows
    groups: int

    def kernels(self, x, kernel):
        native = partial(_lax_conv, self)
        default = dispatch.Kernel(native, native, dispatch.autodiff(native, 2))
        return {"cpu": _cpu_conv(self, x, kernel), "default": default}


class ConvTranspose(NamedTuple):
    """Static geometry of a transposed convolution, given by the convolution that it reverses."""

    windows: Windows
    output: tuple[int, ...]

    def kernels(self, x, kernel):
        native, own = (partial(form, self) for form in (_lax_conv_transpose, _overlap_add))
        default = dispatch.Kernel(native, native, dispatch.autodiff(native, 2))
        # One product and an overlap-add: 19 ms where XLA's form takes 207 inside a loop (3x3, stride 2, forward +
        # backward).
        return {"cpu": dispatch.Kernel(own, own, dispatch.autodiff(own, 2)), "default": default}


def _cpu_conv(spec: Conv, x, kernel) -> dispatch.Kernel:
    """The selection rule of the CPU, from shapes alone."""
    windows, groups = spec
    channels, filters = x.shape[-1], kernel.shape[-1]
    native, depthwise, unfolded, shifted = (
        partial(form, spec) for form in (_lax_conv, _depthwise, _unfolded, _shifted)
    )
    if groups == channels and groups > 1:
        # Memory bound: multiply-adds that XLA fuses beat any product (70 times faster than XLA's gradients in a loop).
        by_input, by_kernel = dispatch.autodiff(depthwise, 2)
        if windows.reversed and filters == channels:
            by_input = partial(_depthwise_input_gradient, spec)
        if filters >= 32:
            by_kernel = partial(_depthwise_kernel_gradient, spec)
        gradients = (by_input, by_kernel)
        return dispatch.Kernel(depthwise, lambda *arrays: lax.optimization_barrier(depthwise(*arrays)), gradients)
    if windows.cells == 1:
        # A convolution over one cell is a matrix product (25 ms against 1079 in a loop).
        return dispatch.Kernel(unfolded, unfolded, dispatch.autodiff(unfolded, 2))
    if windows.reversed and winograd.fits(windows, groups, x) and _many_channels_or_pixels(x, kernel):
        return _winograd(spec, x, kernel)
    patches = x.dtype.itemsize * x.shape[0] * math.prod(windows.output(x.shape[1:-1])) * windows.cells * channels
    if patches > PATCH_BYTES:
        return dispatch.Kernel(native, native, dispatch.autodiff(shifted, 2))
    if groups == 1 and windows.reversed and 16 <= min(channels, filters) < 64 and min(x.shape[1:-1]) >= 24:
        # Many pixels, few channels: patches would be larger than the caches (1.1-1.4 times faster than im2col
        # throughout).
        return dispatch.Kernel(native, native, (partial(_input_gradient, spec), dispatch.autodiff(unfolded, 2)[1]))
    # XLA's forward pass alone stays fast in a loop and needs a tenth of the memory.
    by_input, by_kernel = dispatch.autodiff(unfolded, 2)
    if groups == 1 and windows.reversed and _short(windows):
        by_input = partial(_input_gradient, spec)
    # A single channel is no product: its multiply-adds are one loop (28x28 pixels, 32 filters: 0.8 ms against 2.2).
    forward = (lambda *arrays: lax.optimization_barrier(shifted(*arrays))) if channels == 1 else unfolded
    return dispatch.Kernel(native, forward, (by_input, by_kernel))


def _short(windows: Windows) -> bool:
    """Windows whose input gradient XLA's convolution computes as fast as a product and its overlap-add.

    That is so for one axis, and for two up to 3x3 without padding; with padding a residual net takes 1.04 times as
    long, dilated windows 1.1, 5x5 up to 1.4, three axes 1.3 to 1.9 times. In a model it is faster: XLA computes the sum
    of an overlap-add anew in each of its readers, four times in front of a pooling (convnet 36 -> 33 ms a step, series
    23 -> 21), and compiling takes a tenth to a quarter less.
    """
    plain = set(windows.dilation) == {1} and not any(itertools.chain(*windows.pads))
    return len(windows.size) == 1 or (len(windows.size) == 2 and windows.cells <= 9 and plain)


def _many_channels_or_pixels(x, kernel) -> bool:
    """Where Winograd's kernel gradient beats that of im2col.

    From 32 channels on 12x12 pixels on: 4.5 ms against 8.7 (batch 128, 13x13, 32 to 64 channels), 1.3 against 2.9
    (batch 32, 16x16, 32 channels). That is with AVX-512 and 1 MB of cache a core; with AVX2, 30 against 24.
    """
    fewest, pixels = min(x.shape[-1], kernel.shape[-1]), min(x.shape[1:-1])
    return fewest >= 64 or (fewest >= 32 and pixels >= 12) or (fewest >= 16 and pixels >= 24)


def _winograd(spec: Conv, x, kernel) -> dispatch.Kernel:
    """3x3 windows. The kernel gradient is Winograd's always: 15 ms for forward and both gradients where im2col takes 25
    (16 channels, 32x32, batch 64), 58 against 78 (32 channels). The rest is XLA's own convolution below 32 channels, or
    where whole tiles waste more than a fifth, or where compiling would not pay.
    """
    windows = spec.windows
    native = partial(_lax_conv, spec)
    by_kernel = partial(winograd.kernel_gradient, windows)
    products = x.shape[0] * math.prod(windows.output(x.shape[1:-1])) * math.prod(kernel.shape)
    if min(kernel.shape[-2:]) >= 32 and products >= WINOGRAD_PRODUCTS and winograd.waste(windows, x) <= 1.2:
        # Predictions keep XLA's rounding: forward, F(4x4, 3x3) is off by 1e-5 of the largest output.
        convolve, by_input = partial(winograd.convolve, windows), partial(winograd.input_gradient, windows)
        return dispatch.Kernel(native, convolve, (by_input, by_kernel))
    return dispatch.Kernel(native, native, (partial(_input_gradient, spec), by_kernel))


def _dimension_numbers(spatial: int):
    letters = "".join(chr(ord("a") + axis) for axis in range(spatial))
    return f"N{letters}C", f"{letters}IO", f"N{letters}C"


def _lax_conv(spec: Conv, x, kernel):
    windows, groups = spec
    return lax.conv_general_dilated(
        x,
        kernel,
        windows.strides,
        windows.pads,
        rhs_dilation=windows.dilation,
        dimension_numbers=_dimension_numbers(len(windows.size)),
        feature_group_count=groups,
    )


def _lax_conv_transpose(spec: ConvTranspose, x, kernel):
    blank = jax.ShapeDtypeStruct((x.shape[0], *spec.output, kernel.shape[-2]), x.dtype)
    return jax.linear_transpose(lambda y: _lax_conv(Conv(spec.windows, 1), y, kernel), blank)(x)[0]


def _unfolded(spec: Conv, x, kernel):
    """im2col by concatenated slices and one product; the slices beat ``conv_general_dilated_patches`` 2.5 times."""
    windows, groups = spec
    if groups > 1:
        # Groups in front, as a batch of products: 63 ms where patches with the groups in the middle take 124.
        own = jax.vmap(partial(_unfolded, Conv(windows, 1)))(_split(x, groups), _split(kernel, groups))
        return jnp.moveaxis(own, 0, -2).reshape(*own.shape[1:-1], kernel.shape[-1])
    return _rows(jnp.concatenate(windows.slices(x), axis=-1), kernel.reshape(-1, kernel.shape[-1]))


def _split(x, groups):
    """The groups of the last axis as a new first one."""
    return jnp.moveaxis(x.reshape(*x.shape[:-1], groups, x.shape[-1] // groups), -2, 0)


def _shifted(spec: Conv, x, kernel):
    """One product per cell of the window, no patches in memory."""
    windows, groups = spec
    width, filters = kernel.shape[-2:]
    weights = kernel.reshape(windows.cells, width, filters)
    if groups == 1:
        return sum(_rows(cell, weight) for cell, weight in zip(windows.slices(x), weights, strict=True))
    weights = weights.reshape(windows.cells, width, groups, filters // groups)
    products = [
        jnp.einsum("...gc,cgf->...gf", cell.reshape(*cell.shape[:-1], groups, width), weight)
        for cell, weight in zip(windows.slices(x), weights, strict=True)
    ]
    total = reduce(jnp.add, products)
    return total.reshape(*total.shape[:-2], filters)


def _depthwise(spec: Conv, x, kernel):
    """Sum of shifted multiply-adds; each channel has filters // channels outputs, side by side."""
    weights = kernel.reshape(spec.windows.cells, kernel.shape[-1])
    cells = _cells_by_filter(spec, x, kernel.shape[-1])
    return sum(cell * weight for cell, weight in zip(cells, weights, strict=True))


def _cells_by_filter(spec: Conv, x, filters):
    """What each cell of the window sees, every channel as often as it has filters."""
    multiplier = filters // spec.groups
    return [jnp.repeat(cell, multiplier, axis=-1) if multiplier > 1 else cell for cell in spec.windows.slices(x)]


def _rows(x, matrix):
    """``x @ matrix`` over all leading axes as one two-dimensional product, the form that XLA hands to its GEMM."""
    return (x.reshape(-1, x.shape[-1]) @ matrix).reshape(*x.shape[:-1], matrix.shape[-1])


def _input_gradient(spec: Conv, arrays, output, cotangent):
    """Input gradient as a forward convolution by the flipped kernel; needs ``windows.reversed``.

    Without the barrier XLA folds the flip back into the convolution, which then leaves the fast path (28 ms against 8).
    """
    flipped = lax.optimization_barrier(jnp.swapaxes(_flip(arrays[1]), -1, -2))
    looking_back = spec.windows.reversed
    assert looking_back is not None  # or the kernel would not have been chosen
    return _lax_conv(Conv(looking_back, 1), cotangent, flipped)


def _depthwise_input_gradient(spec: Conv, arrays, output, cotangent):
    """The same for one filter per channel: multiply-adds of slices, which vectorise, instead of padded additions."""
    looking_back = spec.windows.reversed
    assert looking_back is not None
    return _depthwise(spec._replace(windows=looking_back), cotangent, _flip(arrays[1]))


def _depthwise_kernel_gradient(spec: Conv, arrays, output, cotangent):
    """Products of what the cells saw with the cotangent, added up some samples at a time.

    Up to four stay in the cache, while XLA's reduction over the whole batch walks through memory once per channel:
    forward and both gradients together then take about twice as long from 32 channels on, but less below. The sums are
    products with ones, for which XLA calls a library: 2.8 ms where one sample at a time and a reduction take 5.1 (batch
    32, 32x32, 32 channels).
    """
    x, kernel = arrays
    windows, filters, batch = spec.windows, kernel.shape[-1], len(cotangent)
    unpadded = spec._replace(windows=windows._replace(pads=((0, 0),) * len(windows.size)))
    together = next(count for count in (4, 3, 2, 1) if batch % count == 0)
    # In float32 at least: a 16 bit total would stop growing after some samples.
    dtype = jnp.promote_types(kernel.dtype, jnp.float32)

    def add(total, samples):
        x, cotangent = samples
        ones = jnp.ones((1, cotangent.size // filters), x.dtype)
        products = [(cell * cotangent).reshape(-1, filters) for cell in _cells_by_filter(unpadded, x, filters)]
        sums = [jnp.matmul(ones, product, preferred_element_type=dtype) for product in products]
        return total + jnp.concatenate(sums), None

    samples = [a.reshape(-1, together, *a.shape[1:]) for a in (windows.pad(x, 0), cotangent)]
    total, _ = lax.scan(add, jnp.zeros((windows.cells, filters), dtype), tuple(samples))
    return total.reshape(kernel.shape).astype(kernel.dtype)


def _flip(kernel):
    return jnp.flip(kernel, range(kernel.ndim - 2))


def _overlap_add(spec: ConvTranspose, x, kernel):
    """One product for all cells of the window; each cell's part is then spread by the strides and added."""
    windows = spec.windows
    parts = _rows(x, jnp.moveaxis(kernel, -1, 0).reshape(kernel.shape[-1], -1))
    return windows.spread(jnp.split(parts, windows.cells, axis=-1), spec.output)
