"""Convolution over any number of spatial axes, channels last.

XLA's own gradients of ``lax.conv_general_dilated`` are slow on a CPU (the kernel gradient of a 3x3, 64 channel
convolution takes 900 ms instead of 29), so there both are written as plain convolutions or matrix products here.
``benchmarks/kernels.py`` compares the result with XLA, ``benchmarks/sweep.py`` with what the processor can do.
"""

from __future__ import annotations

import math
from functools import partial, reduce
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from . import dispatch
from .windows import Padding, PerAxis, Windows

FEW_CELLS = 16  # of output: XLA's convolution falls from the rate of a product to a hundredth of it (2x2, 512 channels)
NUMBERS_IN_CACHE = 1 << 19  # of the cotangent of a depthwise convolution
GROUP_WIDTH = 32  # channels from which on a group is a product worth its call
MOST_GROUPS = 16  # as many convolutions, one after the other: more of them take too long to compile


def conv(
    x: jax.Array,
    kernel: jax.Array,
    *,
    strides: PerAxis = 1,
    padding: Padding = "valid",
    dilation: PerAxis = 1,
    groups: int = 1,
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
    # On small images most of a large window may see padding alone: without it a ConvNeXt at 32x32 pixels compiles in
    # two thirds of the time, and a step takes three quarters.
    trimmed, kept = windows.trimmed(x.shape[1:-1])
    return dispatch.apply(Conv(trimmed, groups), x, kernel if trimmed == windows else kernel[kept])


def conv_transpose(
    x: jax.Array,
    kernel: jax.Array,
    *,
    output: tuple[int, ...],
    strides: PerAxis = 1,
    padding: Padding = "valid",
    dilation: PerAxis = 1,
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

    def kernels(self, x: jax.Array, kernel: jax.Array) -> dict[str, dispatch.Kernel]:
        native = partial(_lax_conv, self)
        default = dispatch.Kernel(native, native, dispatch.autodiff(native, 2))
        return {"cpu": _cpu_conv(self, x, kernel), "default": default}


class ConvTranspose(NamedTuple):
    """Static geometry of a transposed convolution, given by the convolution that it reverses."""

    windows: Windows
    output: tuple[int, ...]

    def kernels(self, x: jax.Array, kernel: jax.Array) -> dict[str, dispatch.Kernel]:
        native, own = (partial(form, self) for form in (_lax_conv_transpose, _overlap_add))
        default = dispatch.Kernel(native, native, dispatch.autodiff(native, 2))
        # One product and an overlap-add: 19 ms where XLA's form takes 207 inside a loop (3x3, stride 2, forward +
        # backward).
        return {"cpu": dispatch.Kernel(own, own, dispatch.autodiff(own, 2)), "default": default}


def _cpu_conv(spec: Conv, x, kernel) -> dispatch.Kernel:
    """The selection rule of the CPU, from shapes alone; `benchmarks/sweep.py` measures it on the layers of networks.

    XLA hands a plain convolution over one or two axes to a library, at the rate of a matrix product, but for shapes
    with few cells of output. Both gradients can be written as such convolutions.
    """
    windows, groups = spec
    if 1 < groups == x.shape[-1]:
        return _cpu_depthwise(spec, kernel)
    native, merged, planes, unfolded, shifted = (
        partial(form, spec) for form in (_lax_conv, _by_merged_groups, _by_planes, _unfolded, _shifted)
    )
    few = math.prod(windows.output(x.shape[1:-1])) <= FEW_CELLS
    if groups > 1:
        form = unfolded if few else merged
        return dispatch.Kernel(form, form, dispatch.autodiff(form, 2))
    if windows.cells == 1:
        # A convolution over one cell is a matrix product (25 ms against 1079 in a loop).
        return dispatch.Kernel(unfolded, unfolded, dispatch.autodiff(unfolded, 2))
    single = x.shape[-1] == 1
    if len(windows.size) > 2:
        forward = partial(_each_sample, shifted) if single and not dispatch.rows_apart() else planes
        return dispatch.Kernel(forward, forward, dispatch.autodiff(planes, 2))
    by_input, by_kernel = dispatch.autodiff(unfolded, 2)[0], partial(_kernel_gradient, spec)
    if few:
        return dispatch.Kernel(unfolded, unfolded, (by_input, by_kernel))
    if windows.reversed:
        by_input = partial(_input_gradient, spec)
    # A single channel is no product: its multiply-adds are one loop (28x28 pixels, 32 filters: 0.8 ms against 2.2).
    forward = partial(_in_memory, shifted) if single else native
    return dispatch.Kernel(native, forward, (by_input, by_kernel))


def _cpu_depthwise(spec: Conv, kernel) -> dispatch.Kernel:
    """Memory bound: multiply-adds that XLA fuses beat any product (70 times faster than XLA's gradients in a loop)."""
    depthwise = partial(_depthwise, spec)
    by_input = dispatch.autodiff(depthwise, 2)[0]
    if spec.windows.reversed and kernel.shape[-1] == spec.groups:
        by_input = partial(_depthwise_input_gradient, spec)
    gradients = (by_input, partial(_depthwise_kernel_gradient, spec))
    return dispatch.Kernel(partial(depthwise, in_memory=True), partial(_in_memory, depthwise), gradients)


def _each_sample(form, x, kernel):
    """Sample by sample, so that no reader of the output computes it again: a pooling then takes ten times as long."""
    return lax.map(lambda sample: form(sample[None], kernel)[0], x)


def _in_memory(form, *arrays):
    """The output is written once, not computed again in each of its readers."""
    return lax.optimization_barrier(form(*arrays))


def _dimension_numbers(spatial: int):
    letters = "".join(chr(ord("a") + axis) for axis in range(spatial))
    return f"N{letters}C", f"{letters}IO", f"N{letters}C"


def _lax_conv(spec: Conv, x, kernel):
    windows, groups = spec
    known = all(type(cells) is int for pair in windows.pads for cells in pair)
    return lax.conv_general_dilated(
        x,
        kernel,
        windows.strides,
        windows.pads if known else "SAME",  # which alone has as many cells as the size, a symbol of `jax.export`, asks
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


def _by_merged_groups(spec: Conv, x, kernel):
    """Neighbouring groups as one, whose kernel is zero between them, until it is wide enough for a product; then one
    convolution each. Eight times the arithmetic of 32 groups of 4 channels, at ten times the rate of batched products.
    """
    windows, groups = spec
    width, filters = kernel.shape[-2], kernel.shape[-1] // groups
    enough = max(GROUP_WIDTH // width, -(-groups // MOST_GROUPS), 1)
    merged = next(count for count in range(min(enough, groups), groups + 1) if groups % count == 0)
    separate = kernel.reshape(*windows.size, width, -1, merged, filters)
    blocks = jnp.einsum("...wgmf,nm->...nwgmf", separate, jnp.eye(merged, dtype=kernel.dtype))
    wide = blocks.reshape(*windows.size, merged * width, kernel.shape[-1])
    pairs = zip(*(jnp.split(array, groups // merged, -1) for array in (x, wide)), strict=True)
    return jnp.concatenate([dispatch.apply(Conv(windows, 1), *pair) for pair in pairs], -1)


def _by_planes(spec: Conv, x, kernel):
    """Three axes as two: each cell of the window along the first one is a convolution over planes, and these add up."""
    ones, none = (1,) * (len(spec.windows.size) - 1), ((0, 0),) * (len(spec.windows.size) - 1)
    size, strides, dilation, pads = spec.windows
    along = Windows((size[0], *ones), (strides[0], *ones), (dilation[0], *ones), (pads[0], *none))
    plane = Conv(Windows(size[1:], strides[1:], dilation[1:], pads[1:]), 1)
    seen = along.slices(x)
    planes = (cell.reshape(-1, *cell.shape[2:]) for cell in seen)
    total = reduce(jnp.add, map(partial(dispatch.apply, plane), planes, kernel))
    return total.reshape(*seen[0].shape[:2], *total.shape[1:])


def _split(x, groups):
    """The groups of the last axis as a new first one."""
    return jnp.moveaxis(x.reshape(*x.shape[:-1], groups, x.shape[-1] // groups), -2, 0)


def _shifted(spec: Conv, x, kernel):
    """One product per cell of the window, no patches in memory."""
    weights = kernel.reshape(spec.windows.cells, *kernel.shape[-2:])
    return sum(_rows(cell, weight) for cell, weight in zip(spec.windows.slices(x), weights, strict=True))


def _depthwise(spec: Conv, x, kernel, *, in_memory=False):
    """Sum of shifted multiply-adds; each channel has filters // channels outputs, side by side.

    In training what is padded stays out of memory, where one more array costs a MobileNet a tenth of its step.
    """
    weights = kernel.reshape(spec.windows.cells, kernel.shape[-1])
    cells = (_by_filter(spec, cell, kernel.shape[-1]) for cell in spec.windows.slices(x, in_memory=in_memory))
    return sum(cell * weight for cell, weight in zip(cells, weights, strict=True))


def _by_filter(spec: Conv, cell, filters):
    """Every channel as often as it has filters."""
    multiplier = filters // spec.groups
    return jnp.repeat(cell, multiplier, axis=-1) if multiplier > 1 else cell


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


def _kernel_gradient(spec: Conv, arrays, output, cotangent):
    """Kernel gradient as a forward convolution in which channels are samples, samples are channels and the cotangent is
    the kernel.

    The transposes cost less than patches, which repeat the input once per cell of the window. They take all spatial
    axes as one: the fewer axes, the faster (16 images of 64x64 with 16 channels: .25 ms against .38).
    """
    windows = spec.windows
    x = _transposed(arrays[0], (2, 1, 0))
    cotangent = _transposed(cotangent, (1, 0, 2))
    looking_on = windows._replace(strides=windows.dilation, dilation=windows.strides)
    found = _lax_conv(Conv(looking_on, 1), x, cotangent)
    # Strides leave cells of the input that no window begins at.
    found = lax.slice(found, (0,) * found.ndim, (found.shape[0], *windows.size, found.shape[-1]))
    return jnp.moveaxis(found, 0, -2)


def _transposed(x, order):
    """Samples, cells and channels in another order, the cells as they lie, in memory."""
    sizes = (x.shape[:1], x.shape[1:-1], x.shape[-1:])
    moved = jnp.transpose(x.reshape(*map(math.prod, sizes)), order)
    return lax.optimization_barrier(moved.reshape(*(size for axis in order for size in sizes[axis])))


def _depthwise_input_gradient(spec: Conv, arrays, output, cotangent):
    """The same for one filter per channel: multiply-adds of slices, which vectorise, instead of padded additions."""
    looking_back = spec.windows.reversed
    assert looking_back is not None
    return _depthwise(spec._replace(windows=looking_back), cotangent, _flip(arrays[1]))


def _depthwise_kernel_gradient(spec: Conv, arrays, output, cotangent):
    """Products of what the cells saw with the cotangent, added up some samples at a time and cell by cell.

    Some samples stay in the cache, while XLA's reduction over the whole batch walks through memory once per channel.
    The sums are products with ones, for which XLA calls a library. A loop over the cells is as fast as all of them side
    by side, and compiles in a third of the time: half of the kernels of an EfficientNet were such products.
    """
    x, kernel = arrays
    windows, filters, batch = spec.windows, kernel.shape[-1], len(cotangent)
    most = max(1, NUMBERS_IN_CACHE * batch // cotangent.size)
    most = batch if dispatch.rows_apart() else min(most, batch)
    together = next(count for count in range(most, 0, -1) if batch % count == 0)
    # In float32 at least: a 16 bit total would stop growing after some samples.
    dtype = jnp.promote_types(kernel.dtype, jnp.float32)

    def add(total, samples):
        padded, cotangent = samples
        ones = jnp.ones((1, cotangent.size // filters), padded.dtype)

        def of_cell(start):
            seen = _by_filter(spec, windows.seen(padded, start, cotangent.shape[1:-1]), filters)
            return jnp.matmul(ones, (seen * cotangent).reshape(-1, filters), preferred_element_type=dtype)[0]

        return total + lax.map(of_cell, jnp.asarray(windows.starts)), None

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
