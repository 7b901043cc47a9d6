"""What generated modules compute with: operations of XLA that NumPy does not have, each a function.

A module gets those that it uses, as they stand here: this file needs nothing but NumPy and knows nothing of the rest.
Meanings of arguments are those of `jax.lax`, <https://openxla.org/stablehlo/spec>.
"""

import functools
import itertools

import numpy as np

LARGEST_PATCHES = 1 << 24  # numbers; windows of larger inputs are multiplied one offset after the other


def checked(name, value, dtype, shape):
    """An input as an array, or an error that says what was expected."""
    array = np.asarray(value)
    array = array.astype(dtype) if array.dtype != dtype else array
    fits = len(array.shape) == len(shape) and all(b is None or a == b for a, b in zip(array.shape, shape))
    if not fits:
        raise ValueError(f"input {name!r} has shape {array.shape}; expected {shape}")
    return array


def floordiv(a, b):
    return a // b


def mod(a, b):
    return a % b


# --- one number after another ---


def divide(a, b):
    """Whole numbers are cut towards zero."""
    a, b = np.asarray(a), np.asarray(b)
    if a.dtype.kind not in "iu":
        with np.errstate(divide="ignore", invalid="ignore"):
            return a / b
    safe = np.where(b == 0, 1, b)
    return np.where(b == 0, -1, (np.abs(a) // np.abs(safe)) * np.sign(a) * np.sign(safe)).astype(a.dtype)


def remainder(a, b):
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.fmod(a, b)


def logistic(x):
    return (0.5 * (np.tanh(0.5 * x) + 1)).astype(x.dtype)


def rsqrt(x):
    with np.errstate(divide="ignore", invalid="ignore"):
        return (1 / np.sqrt(x)).astype(x.dtype)


def quiet(function, *arrays):
    """Infinite and undefined results without a warning, as XLA gives them."""
    with np.errstate(all="ignore"):
        return function(*arrays)


def integer_pow(x, n):
    with np.errstate(all="ignore"):
        return x**n if n >= 0 else (1 / x**-n).astype(x.dtype)


def round_away(x):
    return np.copysign(np.floor(np.abs(x) + 0.5), x).astype(x.dtype)


def erfc(x):
    """Press and others 1992, Numerical Recipes, section 6.2: within 1.2e-7 everywhere."""
    z = np.abs(np.asarray(x, np.float64))
    t = 1 / (1 + 0.5 * z)
    total = np.zeros_like(z)
    for factor in (0.17087277, -0.82215223, 1.48851587, -1.13520398, 0.27886807):
        total = total * t + factor
    for factor in (-0.18628806, 0.09678418, 0.37409196, 1.00002368, -1.26551223):
        total = total * t + factor
    half = t * np.exp(-z * z + total)
    return np.where(np.asarray(x) < 0, 2 - half, half).astype(np.asarray(x).dtype)


def erf(x):
    """As `erfc`; a series near zero, where the difference from 1 would lose digits."""
    wide = np.asarray(x, np.float64)
    square = wide * wide
    near = wide * (2 / np.sqrt(np.pi)) * (1 - square / 3 + square**2 / 10 - square**3 / 42 + square**4 / 216)
    return np.where(np.abs(wide) < 0.25, near, 1 - erfc(wide)).astype(np.asarray(x).dtype)


def to_whole(x, dtype):
    """Cut towards zero; numbers that the dtype does not hold become its nearest, undefined ones 0."""
    limits = np.iinfo(dtype)
    inside = np.clip(np.nan_to_num(np.asarray(x, np.float64), posinf=np.inf, neginf=-np.inf), limits.min, limits.max)
    return np.trunc(inside).astype(dtype)


def to_float8(x, digits, lowest, largest, has_infinity):
    """The nearest of the numbers that 8 bits hold, as float32: so many binary digits, exponents from the lowest on."""
    x = np.asarray(x, np.float32)
    exponent = np.maximum(np.frexp(x)[1] - 1, lowest)
    step = np.exp2(np.asarray(exponent - digits, np.float32))
    rounded = np.rint(x / step) * step
    beyond = np.copysign(np.float32(np.inf), x) if has_infinity else np.float32(np.nan)
    return np.where(np.abs(rounded) > largest, beyond, rounded)


def select(which, *cases):
    if len(cases) == 2:
        return np.where(which, cases[1], cases[0])
    return np.choose(which, cases)


def clamp(low, x, high):
    return np.minimum(np.maximum(x, low), high)


# --- shapes ---


def expand(x, shape, axes):
    """`broadcast_in_dim`, but for the copies: axes of the input at `axes`, size 1 elsewhere."""
    sizes = [1] * len(shape)
    for axis, size in zip(axes, np.shape(x)):
        sizes[axis] = size
    return np.reshape(x, sizes)


def pad(x, value, low, high, interior):
    """Padding; negative amounts cut, `interior` goes between neighbours."""
    if any(interior):
        sizes = [n + max(n - 1, 0) * i for n, i in zip(x.shape, interior)]
        spread = np.full(sizes, value, x.dtype)
        spread[tuple(slice(None, None, i + 1) for i in interior)] = x
        x = spread
    x = x[tuple(slice(max(-a, 0), n - max(-b, 0)) for n, a, b in zip(x.shape, low, high))]
    if any(a > 0 or b > 0 for a, b in zip(low, high)):
        x = np.pad(x, [(max(a, 0), max(b, 0)) for a, b in zip(low, high)], constant_values=value)
    return x


def iota(dtype, shape, axis):
    sizes = [1] * len(shape)
    sizes[axis] = shape[axis]
    return np.broadcast_to(np.arange(shape[axis], dtype=dtype).reshape(sizes), shape)


def starts(x, places, sizes):
    """Where a slice of `sizes` begins that lies inside of `x`."""
    return [min(max(int(p), 0), n - s) for p, n, s in zip(places, x.shape, sizes)]


def dynamic_slice(x, places, sizes):
    return x[tuple(slice(p, p + s) for p, s in zip(starts(x, places, sizes), sizes))]


def dynamic_update_slice(x, update, places):
    x = np.array(x)
    x[tuple(slice(p, p + s) for p, s in zip(starts(x, places, update.shape), update.shape))] = update
    return x


def split(x, sizes, axis):
    return np.split(x, np.cumsum(sizes)[:-1], axis)


# --- gather and scatter ---


def places_of(x_shape, indices, window, offset_dims, collapsed, index_map, batching, index_batching, rank):
    """Index arrays per axis of an operand, in the rank of the result; and where an index reaches outside."""
    batch_dims = [d for d in range(rank) if d not in offset_dims]
    axes = [d for d in range(len(x_shape)) if d not in collapsed and d not in batching]
    batch_shape = indices.shape[:-1]

    def placed(array, dims):
        sizes = [1] * rank
        for d, n in zip(dims, array.shape):
            sizes[d] = n
        return array.reshape(sizes)

    found, inside = [], True
    for axis, size in enumerate(x_shape):
        index = np.zeros([1] * rank, np.int64)
        if axis in index_map:
            begin = indices[..., index_map.index(axis)].astype(np.int64)
            room = size - window[axis]
            inside = inside & placed((begin >= 0) & (begin <= room), batch_dims)
            index = index + placed(np.clip(begin, 0, room), batch_dims)
        if axis in batching:
            position = index_batching[batching.index(axis)]
            index = index + placed(np.arange(batch_shape[position]), [batch_dims[position]])
        if axis in axes:
            index = index + placed(np.arange(window[axis]), [offset_dims[axes.index(axis)]])
        found.append(index)
    return tuple(found), inside


def gather(x, indices, window, offset_dims, collapsed, index_map, batching, index_batching, fill=None):
    """Windows of an operand at indices; beyond the ends `fill`, or the last window inside if that is None."""
    rank = indices.ndim - 1 + len(offset_dims)
    places, inside = places_of(
        x.shape, indices, window, offset_dims, collapsed, index_map, batching, index_batching, rank
    )
    found = x[places]
    shape = list(found.shape)
    for position, axis in enumerate(d for d in range(x.ndim) if d not in collapsed and d not in batching):
        shape[offset_dims[position]] = window[axis]
    batch = iter(indices.shape[:-1])
    shape = [n if d in offset_dims else next(batch) for d, n in enumerate(shape)]
    found = np.broadcast_to(found, shape)
    return found if fill is None else np.where(inside, found, np.asarray(fill, x.dtype))


def take(x, indices, axis, offset_dims, fill=None):
    """`gather` of whole slices along one axis, such as rows of a table."""
    index = indices[..., 0]
    found = np.moveaxis(
        np.take(np.moveaxis(x, axis, 0), index, 0, mode="clip"), range(index.ndim, index.ndim + x.ndim - 1), offset_dims
    )
    if fill is None:
        return found
    inside = (index >= 0) & (index < x.shape[axis])
    dims = [d for d in range(found.ndim) if d not in offset_dims]
    return np.where(np.expand_dims(inside, tuple(offset_dims)) if dims else inside, found, np.asarray(fill, x.dtype))


def scatter(how, x, indices, updates, window_dims, inserted, index_map, batching, index_batching):
    """`updates` put, added, multiplied ... into an operand at indices; what would reach outside is left out."""
    axes = [d for d in range(x.ndim) if d not in inserted and d not in batching]
    window = [1] * x.ndim
    for axis, d in zip(axes, window_dims):
        window[axis] = updates.shape[d]
    places, inside = places_of(
        x.shape, indices, window, window_dims, inserted, index_map, batching, index_batching, updates.ndim
    )
    x, inside = np.array(x), np.broadcast_to(inside, updates.shape)
    places = tuple(np.broadcast_to(p, updates.shape)[inside] for p in places)
    if how is None:
        x[places] = updates[inside]
    else:
        how.at(x, places, updates[inside])
    return x


# --- sums of products ---


def dot_general(a, b, contracted, batched):
    free_a = [d for d in range(a.ndim) if d not in contracted[0] and d not in batched[0]]
    free_b = [d for d in range(b.ndim) if d not in contracted[1] and d not in batched[1]]
    left = np.transpose(a, (*batched[0], *free_a, *contracted[0]))
    right = np.transpose(b, (*batched[1], *contracted[1], *free_b))
    front = left.shape[: len(batched[0])]
    rows, columns = left.shape[len(front) : len(front) + len(free_a)], right.shape[right.ndim - len(free_b) :]
    depth = int(np.prod([a.shape[d] for d in contracted[0]]))
    left = left.reshape(*front, int(np.prod(rows)), depth)
    right = right.reshape(*front, depth, int(np.prod(columns)))
    return np.matmul(left, right).reshape(*front, *rows, *columns)


def convolve(x, kernel, strides, padding, dilation, kernel_dilation, orders, groups, batch_groups):
    """`conv_general_dilated`; `orders` are the axes of batch, channels and space, of input, kernel and result."""
    x_order, kernel_order, out_order = orders
    space = len(strides)
    x = np.transpose(x, (x_order[0], *x_order[2:], x_order[1]))
    kernel = np.transpose(kernel, (*kernel_order[2:], kernel_order[1], kernel_order[0]))
    if batch_groups > 1:  # each group of rows with its own filters, side by side
        parts = zip(np.split(x, batch_groups, 0), np.split(kernel, batch_groups, -1))
        out = np.concatenate(
            [channels_last(p, k, strides, padding, dilation, kernel_dilation, groups) for p, k in parts], -1
        )
    else:
        out = channels_last(x, kernel, strides, padding, dilation, kernel_dilation, groups)
    back = np.argsort([out_order[0], *out_order[2:], out_order[1]])
    return np.transpose(out, back) if space + 2 == out.ndim else out


def channels_last(x, kernel, strides, padding, dilation, kernel_dilation, groups):
    edges = [(0, 0), *padding, (0, 0)]
    x = pad(x, 0, [a for a, _ in edges], [b for _, b in edges], [0, *(d - 1 for d in dilation), 0])
    size = kernel.shape[:-2]
    out = [(n - (k - 1) * d - 1) // s + 1 for n, k, d, s in zip(x.shape[1:-1], size, kernel_dilation, strides)]
    out = [max(n, 0) for n in out]
    inner, outer = kernel.shape[-2], kernel.shape[-1] // groups
    rows = x.shape[0] * int(np.prod(out))

    def window(offset):
        cut = zip(offset, kernel_dilation, strides, out)
        return x[(slice(None), *(slice(o * d, o * d + (n - 1) * s + 1 if n else o * d, s) for o, d, s, n in cut))]

    offsets = list(itertools.product(*map(range, size)))
    if inner == 1 and groups > 1:  # each channel by itself
        parts = (window(offset)[..., None] * kernel[offset].reshape(groups, outer) for offset in offsets)
        return np.reshape(functools.reduce(np.add, parts), (x.shape[0], *out, groups * outer))
    if groups == 1 and len(offsets) == 1:
        return (window(offsets[0]).reshape(rows, inner) @ kernel.reshape(inner, outer)).reshape(x.shape[0], *out, outer)
    if groups == 1 and rows * len(offsets) * inner <= LARGEST_PATCHES:
        patches = np.stack([window(offset) for offset in offsets], -2).reshape(rows, len(offsets) * inner)
        return (patches @ kernel.reshape(-1, outer)).reshape(x.shape[0], *out, outer)
    total = np.zeros((groups, rows, outer), x.dtype)
    for offset in offsets:
        part = window(offset).reshape(rows, groups, inner).transpose(1, 0, 2)
        total += part @ kernel[offset].reshape(inner, groups, outer).transpose(1, 0, 2)
    return total.transpose(1, 0, 2).reshape(x.shape[0], *out, groups * outer)


# --- over windows and axes ---


def reduce_window(how, x, start, window, strides, padding, dilation, window_dilation):
    x = pad(x, start, [a for a, _ in padding], [b for _, b in padding], [d - 1 for d in dilation])
    out = [(n - (k - 1) * d - 1) // s + 1 for n, k, d, s in zip(x.shape, window, window_dilation, strides)]
    total = None
    for offset in itertools.product(*map(range, window)):
        cut = zip(offset, window_dilation, strides, out)
        part = x[tuple(slice(o * d, o * d + (n - 1) * s + 1, s) for o, d, s, n in cut)]
        total = part if total is None else how(total, part)
    return np.array(total)


def reduce(how, x, axes):
    return how(x, axis=tuple(axes)) if axes else x


def accumulate(how, x, axis, reverse):
    if reverse:
        return np.flip(how.accumulate(np.flip(x, axis), axis, dtype=x.dtype), axis)
    return how.accumulate(x, axis, dtype=x.dtype)


def sort(arrays, axis, keys):
    """All arrays in the order of the first `keys` of them; equal ones stay as they are."""
    order = np.lexsort(tuple(reversed(arrays[:keys])), axis=axis)
    return [np.take_along_axis(array, order, axis) for array in arrays]


def top_k(x, k, axis):
    order = np.argsort(-x, axis, kind="stable")
    order = np.take(order, range(k), axis)
    return [np.take_along_axis(x, order, axis), order.astype(np.int32)]


def fft(x, kind, sizes):
    axes = range(x.ndim - len(sizes), x.ndim)
    if kind == "IRFFT":
        return np.fft.irfftn(x, sizes, axes).astype(np.float32)
    function = {"FFT": np.fft.fftn, "IFFT": np.fft.ifftn, "RFFT": np.fft.rfftn}[kind]
    return function(x, sizes, axes).astype(np.complex64)


# --- loops ---


def scan(body, constants, carry, rows, made_of, length, reverse):
    """Steps along the first axis; `body` takes constants, the carry and one row, and gives a carry and one row.

    `made_of` has shape and dtype of each part of the rows that come out.
    """
    carry, count = list(carry), len(carry)
    made = [None] * length
    for step in reversed(range(length)) if reverse else range(length):
        found = body(*constants, *carry, *(row[step] for row in rows))
        carry, made[step] = list(found[:count]), found[count:]
    if not length:
        return [*carry, *(np.zeros((0, *shape), dtype) for shape, dtype in made_of)]
    return [*carry, *(np.stack(parts) for parts in zip(*made))]


def repeat(condition, body, carry):
    while condition(*carry):
        carry = body(*carry)
    return carry
