"""Winograd's convolution F(4x4, 3x3) for a stride of 1, with both gradients, channels last.

Each tile of 4x4 outputs needs 36 products per pair of channels instead of 144. Tiles, kernel and result are carried
into and out of that domain by small constant matrices (Lavin and Gray, 2016, "Fast algorithms for convolutional neural
networks", with the interpolation points 0, 1, -1, 2, -2 and infinity):

    y = A^T [(G k G^T) * (B^T x B)] A

The gradients are the transposes of the three steps, so the kernel gradient shares its tiles with the forward pass and
both gradients share the transformed cotangent. ``benchmarks/kernels.py``, forward and both gradients: 54 ms where
im2col takes 104 (64 channels, 32x32, batch 32) and 44 where it takes 82 (128 channels, 16x16), in a third of the
memory; compiling takes 0.8 s instead of 0.4. Relative errors of the gradients are about 5e-6, ten times im2col's.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import reduce

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from . import processor
from .windows import Windows

TILE = 4  # F(2x2, 3x3) is more exact (1e-6) but 14 % slower
CELLS = TILE + 2

# Where it beats XLA's convolution: convnets train in two thirds of the time. Smaller work saves less than 10 ms a step,
# against half a second more of compilation.
FEWEST_PIXELS, FEWEST_CHANNELS, FEWEST_MULTIPLICATIONS = 12, 32, 250_000_000
MOST_WASTE = 1.2  # cells of whole tiles per cell of the output

# Rows are the cells in Winograd's domain.
INPUT = np.array(  # B^T
    [
        [4, 0, -5, 0, 1, 0],
        [0, -4, -4, 1, 1, 0],
        [0, 4, -4, -1, 1, 0],
        [0, -2, -1, 2, 1, 0],
        [0, 2, -1, -2, 1, 0],
        [0, 4, 0, -5, 0, 1],
    ]
)
KERNEL = np.array(  # G
    [[6, 0, 0], [-4, -4, -4], [-4, 4, -4], [1, 2, 4], [1, -2, 4], [0, 0, 24]],
) / np.array([[24]])
OUTPUT = np.array(  # A
    [[1, 0, 0, 0], [1, 1, 1, 1], [1, -1, 1, -1], [1, 2, 4, 8], [1, -2, 4, -8], [0, 0, 0, 1]]
)


def pays(windows: Windows, x: jax.Array, kernel: jax.Array) -> bool:
    """Whether these functions can compute the convolution, in a precision that bears the transforms, and are faster.

    Measured on processors with AVX-512 only: elsewhere XLA's own convolution stands.
    """
    if (windows.size, windows.strides, windows.dilation) != ((3, 3), (1, 1), (1, 1)):
        return False
    if min(map(min, windows.pads)) < 0 or x.dtype not in (jnp.float32, jnp.float64):
        return False
    large = min(x.shape[1:-1]) >= FEWEST_PIXELS and min(kernel.shape[-2:]) >= FEWEST_CHANNELS
    multiplications = x.shape[0] * math.prod(windows.output(x.shape[1:-1])) * math.prod(kernel.shape)
    enough = large and multiplications >= FEWEST_MULTIPLICATIONS and waste(windows, x) <= MOST_WASTE
    return enough and "avx512f" in processor.features()


def waste(windows: Windows, x: jax.Array) -> float:
    """Cells of whole tiles per cell of the output."""
    output = windows.output(x.shape[1:-1])
    return float(np.prod([_tiles(length) * TILE / length for length in output]))


def convolve(windows: Windows, x: jax.Array, kernel: jax.Array) -> jax.Array:
    """The convolution: (batch, rows, columns, channels) by (3, 3, channels, filters)."""
    output = windows.output(x.shape[1:-1])
    products = _product(_input_cells(windows, x), _kernel_cells(kernel), 2, 1)
    cells = products.reshape(CELLS, CELLS, x.shape[0], *map(_tiles, output), -1)
    phases = [_sums(OUTPUT.T, part) for part in _sums(OUTPUT.T, cells)]
    return _joined(phases)[:, : output[0], : output[1]]


def kernel_gradient(
    windows: Windows, arrays: Sequence[jax.Array], output: jax.Array, cotangent: jax.Array
) -> jax.Array:
    x, kernel = arrays
    cells = _product(_input_cells(windows, x), _output_cells(cotangent), 1, 1)
    cells = cells.reshape(CELLS, CELLS, *kernel.shape[2:])
    matrix = jnp.asarray(KERNEL, x.dtype)
    return jnp.einsum("ia,jb,jico->abco", matrix, matrix, cells)


def input_gradient(windows: Windows, arrays: Sequence[jax.Array], output: jax.Array, cotangent: jax.Array) -> jax.Array:
    x, kernel = arrays
    cells = _product(_output_cells(cotangent), _kernel_cells(kernel), 2, 2)
    cells = cells.reshape(CELLS, CELLS, x.shape[0], *map(_tiles, output.shape[1:-1]), -1)
    phases = [_overlapping(part, axis=1) for part in _overlapping(cells, axis=3)]
    (top, _), (left, _) = windows.pads
    return _joined(phases)[:, top : top + x.shape[1], left : left + x.shape[2]]


def _tiles(length: int) -> int:
    return -(-length // TILE)


def _input_cells(windows, x):
    """``B^T x B`` of all tiles: (cells, tiles, channels), where tiles overlap by two."""
    output = windows.output(x.shape[1:-1])
    return _cells(INPUT, x, [_tiles(length) for length in output], [low for low, _ in windows.pads])


def _output_cells(cotangent):
    """``A y A^T`` of all tiles of a cotangent: (cells, tiles, filters)."""
    return _cells(OUTPUT, cotangent, [_tiles(length) for length in cotangent.shape[1:-1]], (0, 0))


def _kernel_cells(kernel):
    matrix = jnp.asarray(KERNEL, kernel.dtype)
    return jnp.einsum("ia,jb,abco->jico", matrix, matrix, kernel).reshape(-1, *kernel.shape[2:])


def _cells(matrix, x, tiles, low):
    """Both axes of all tiles by ``matrix``; the cells come columns first."""
    size = matrix.shape[1]
    high = [
        (count - 1) * TILE + size - length - at for count, length, at in zip(tiles, x.shape[1:-1], low, strict=True)
    ]
    # Both barriers keep an array in memory that its six readers would else compute once each.
    padded = lax.optimization_barrier(lax.pad(x, jnp.zeros((), x.dtype), [(0, 0, 0), *_edges(low, high), (0, 0, 0)]))
    rows = lax.optimization_barrier(_stacked(matrix, [_every(padded, 1, at, tiles[0]) for at in range(size)]))
    both = _stacked(matrix, [_every(rows, 3, at, tiles[1]) for at in range(size)])
    return both.reshape(CELLS**2, -1, x.shape[-1])


def _edges(low, high):
    return [(start, stop, 0) for start, stop in zip(low, high, strict=True)]


def _every(x, axis, start, count):
    """The cell ``start`` of each tile along ``axis``."""
    return lax.slice_in_dim(x, start, start + (count - 1) * TILE + 1, TILE, axis)


def _stacked(matrix, parts):
    """``matrix @ parts`` over a new first axis, written as one loop: stacking six sums compiles twice as long."""
    columns = jnp.asarray(matrix.T, parts[0].dtype).reshape(len(parts), -1, *[1] * parts[0].ndim)
    return reduce(jnp.add, [column * part for column, part in zip(columns, parts, strict=True)])


def _sums(matrix, parts):
    """``matrix @ parts`` as one array per row, without the products by zero and one."""
    parts = list(parts)
    return [_sum(row, parts) for row in matrix.tolist()]


def _sum(row, parts):
    return reduce(jnp.add, [_times(factor, part) for factor, part in zip(row, parts, strict=True) if factor])


def _times(factor, part):
    """A product by minus one, unlike a negation, makes XLA multiply before it slices: the step takes 86 ms, not 56."""
    if abs(factor) == 1:
        return part if factor > 0 else -part
    return factor * part


def _overlapping(cells, axis):
    """The transpose of cutting overlapping tiles: for each of four phases, its cells of all tiles along ``axis`` and
    of one more, which holds the last two cells of the last tile."""
    values = _sums(INPUT.T, cells)
    phases = [_shifted(value, axis, 0, 1) for value in values[:TILE]]
    for phase, value in enumerate(values[TILE:]):
        phases[phase] += _shifted(value, axis, 1, 0)
    return phases


def _shifted(x, axis, low, high):
    config = [(low, high, 0) if at == axis else (0, 0, 0) for at in range(x.ndim)]
    return lax.pad(x, jnp.zeros((), x.dtype), config)


def _joined(phases):
    """One array from phases [column][row], each (batch, tile rows, tile columns, channels)."""
    stacked = jnp.stack([jnp.stack(rows) for rows in phases]).transpose(2, 3, 1, 4, 0, 5)
    batch, rows, _, columns, _, channels = stacked.shape
    return stacked.reshape(batch, rows * TILE, columns * TILE, channels)


def _product(left, right, left_axis, right_axis):
    """One matrix product for each of the 36 cells."""
    return lax.dot_general(left, right, (((left_axis,), (right_axis,)), ((0,), (0,))))
