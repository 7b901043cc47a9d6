"""`tf.linalg`, and `tf.signal`: matrices, spectra, windows."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any, SupportsFloat, SupportsInt

import jax
import jax.numpy as jnp
import numpy as np

from ... import ops
from ...core.types import ArrayLike, DTypeLike
from .arrays import axes, sizes
from .serving import Table
from .values import Operand, Sizes, as_dtype, tensor

MEMBERS = Table()


def _turned(x: ArrayLike, transpose: bool, adjoint: bool) -> jax.Array:
    x = tensor(x)
    x = ops.conj(x) if adjoint else x
    return ops.swapaxes(x, -1, -2) if transpose or adjoint else x


@MEMBERS.serve("matmul", "batch_matmul", "sparse_matmul", also="linalg")
def matmul(
    a: ArrayLike,
    b: ArrayLike,
    transpose_a: bool = False,
    transpose_b: bool = False,
    adjoint_a: bool = False,
    adjoint_b: bool = False,
    a_is_sparse: bool = False,
    b_is_sparse: bool = False,
    output_type: DTypeLike | None = None,
) -> jax.Array:
    a, b = _turned(a, transpose_a, adjoint_a), _turned(b, transpose_b, adjoint_b)
    if min(len(a.shape), len(b.shape)) < 2:
        raise ValueError(
            f"tensorflow.matmul: expected matrices or batches of them. Received: shapes {tuple(a.shape)} and"
            f" {tuple(b.shape)}; tf.linalg.matvec and tf.tensordot take vectors."
        )
    return ops.matmul(a, b)


@MEMBERS.serve("linalg.matvec")
def matvec(a: ArrayLike, b: ArrayLike, transpose_a: bool = False, adjoint_a: bool = False) -> jax.Array:
    return ops.squeeze(ops.matmul(_turned(a, transpose_a, adjoint_a), ops.expand_dims(tensor(b), -1)), -1)


@MEMBERS.serve("tensordot", also="linalg")
def tensordot(a: ArrayLike, b: ArrayLike, axes: Sizes) -> jax.Array:
    pairs = axes if isinstance(axes, int) else np.asarray(axes).tolist()
    return ops.tensordot(tensor(a), tensor(b), pairs)


@MEMBERS.serve("einsum", also="linalg")
def einsum(equation: str, *inputs: ArrayLike, **kwargs: object) -> jax.Array:
    return ops.einsum(equation, *map(tensor, inputs))


@MEMBERS.serve("norm", also="linalg")
def norm(
    tensor: ArrayLike, ord: str | float = "euclidean", axis: Sizes | None = None, keepdims: bool = False
) -> jax.Array:
    x, axis = _tensor(tensor), axes(axis)
    if ord in ("euclidean", "fro", 2) and not (ord == 2 and isinstance(axis, tuple)):
        return ops.sqrt(ops.sum(ops.square(ops.abs(x)), axis=axis, keepdims=bool(keepdims)))
    if axis is None:
        found = ops.norm(ops.reshape(x, (-1,)), ord=ord)
        return ops.reshape(found, (1,) * len(x.shape)) if keepdims else found
    return ops.norm(x, ord=ord, axis=axis, keepdims=bool(keepdims))


_tensor = tensor


@MEMBERS.serve("linalg.normalize")
def normalize(
    tensor: ArrayLike, ord: str | float = "euclidean", axis: Sizes | None = None
) -> tuple[jax.Array, jax.Array]:
    length = norm(tensor, ord, axis, True)
    return ops.divide(_tensor(tensor), length), length


@MEMBERS.serve("linalg.diag", "matrix_diag", node=True)
def diag(diagonal: ArrayLike, k: int = 0) -> jax.Array:
    values = tensor(diagonal)
    return values[..., None] * jnp.eye(values.shape[-1], dtype=values.dtype) if not k else _shifted(values, int(k))


def _shifted(values: jax.Array, k: int) -> jax.Array:
    one: Callable[..., Any] = functools.partial(jnp.diag, k=k)
    for _ in range(values.ndim - 1):
        one = jax.vmap(one)
    return one(values)


@MEMBERS.serve("linalg.tensor_diag", "diag")
def tensor_diag(diagonal: ArrayLike) -> jax.Array:
    return ops.diag(tensor(diagonal))


@MEMBERS.serve("linalg.diag_part", "matrix_diag_part")
def diag_part(input: ArrayLike, k: int = 0) -> jax.Array:
    return ops.diagonal(tensor(input), offset=int(k), axis1=-2, axis2=-1)


@MEMBERS.serve("linalg.tensor_diag_part", "diag_part")
def tensor_diag_part(input: ArrayLike) -> jax.Array:
    return ops.diagonal(tensor(input))


@MEMBERS.serve("linalg.set_diag", "matrix_set_diag", node=True)
def set_diag(input: ArrayLike, diagonal: ArrayLike, k: int = 0) -> jax.Array:
    x, values = tensor(input), tensor(diagonal)
    rows = jnp.arange(values.shape[-1])
    return x.at[..., rows + max(-int(k), 0), rows + max(int(k), 0)].set(values)


@MEMBERS.serve("linalg.band_part", "matrix_band_part", node=True)
def band_part(input: ArrayLike, num_lower: Operand, num_upper: Operand) -> jax.Array:
    x = tensor(input)
    rows, columns = jnp.arange(x.shape[-2])[:, None], jnp.arange(x.shape[-1])[None]
    inside = ((num_lower < 0) | (rows - columns <= num_lower)) & ((num_upper < 0) | (columns - rows <= num_upper))
    return jnp.where(inside, x, 0).astype(x.dtype)


@MEMBERS.serve("linalg.trace", "trace")
def trace(x: ArrayLike) -> jax.Array:
    return ops.trace(tensor(x), axis1=-2, axis2=-1)


@MEMBERS.serve("linalg.matrix_transpose", "matrix_transpose")
def matrix_transpose(a: ArrayLike, conjugate: bool = False) -> jax.Array:
    return _turned(a, True, conjugate)


@MEMBERS.serve("linalg.adjoint")
def adjoint(matrix: ArrayLike) -> jax.Array:
    return _turned(matrix, True, True)


@MEMBERS.serve("linalg.inv", "matrix_inverse", node=True)
def inv(input: ArrayLike, adjoint: bool = False) -> jax.Array:
    return jnp.linalg.inv(_turned(input, adjoint, adjoint))


@MEMBERS.serve("linalg.pinv")
def pinv(a: ArrayLike, rcond: float | None = None) -> jax.Array:
    return ops.pinv(tensor(a)) if rcond is None else ops.pinv(tensor(a), rcond)


@MEMBERS.serve("linalg.det", "matrix_determinant")
def det(input: ArrayLike) -> jax.Array:
    return ops.det(tensor(input))


@MEMBERS.serve("linalg.slogdet")
def slogdet(input: ArrayLike) -> tuple[jax.Array, jax.Array]:
    return ops.slogdet(tensor(input))


@MEMBERS.serve("linalg.logdet")
def logdet(matrix: ArrayLike) -> jax.Array:
    return ops.logdet(tensor(matrix))


@MEMBERS.serve("linalg.cholesky", "cholesky")
def cholesky(input: ArrayLike) -> jax.Array:
    return ops.cholesky(tensor(input))


@MEMBERS.serve("linalg.cholesky_solve", "cholesky_solve", node=True)
def cholesky_solve(chol: ArrayLike, rhs: ArrayLike) -> jax.Array:
    return jax.scipy.linalg.cho_solve((tensor(chol), True), tensor(rhs))


@MEMBERS.serve("linalg.solve", "matrix_solve", node=True)
def solve(matrix: ArrayLike, rhs: ArrayLike, adjoint: bool = False) -> jax.Array:
    return jnp.linalg.solve(_turned(matrix, adjoint, adjoint), tensor(rhs))


@MEMBERS.serve("linalg.triangular_solve", "matrix_triangular_solve", node=True)
def triangular_solve(matrix: ArrayLike, rhs: ArrayLike, lower: bool = True, adjoint: bool = False) -> jax.Array:
    return jax.scipy.linalg.solve_triangular(tensor(matrix), tensor(rhs), trans=int(adjoint), lower=bool(lower))


@MEMBERS.serve("linalg.lstsq", "matrix_solve_ls", node=True)
def lstsq(matrix: ArrayLike, rhs: ArrayLike, l2_regularizer: float = 0.0, fast: bool = True) -> jax.Array:
    a, b = tensor(matrix), tensor(rhs)
    if l2_regularizer:
        square = jnp.swapaxes(a, -1, -2) @ a + l2_regularizer * jnp.eye(a.shape[-1], dtype=a.dtype)
        return jnp.linalg.solve(square, jnp.swapaxes(a, -1, -2) @ b)
    return jnp.linalg.pinv(a) @ b


@MEMBERS.serve("linalg.qr", "qr")
def qr(input: ArrayLike, full_matrices: bool = False) -> tuple[jax.Array, jax.Array]:
    return ops.qr(tensor(input), mode="complete" if full_matrices else "reduced")


@MEMBERS.serve("linalg.svd", "svd", node=True)
def svd(
    tensor: ArrayLike, full_matrices: bool = False, compute_uv: bool = True
) -> jax.Array | tuple[jax.Array, jax.Array, jax.Array]:
    if not compute_uv:
        return jnp.linalg.svd(_tensor(tensor), compute_uv=False)
    u, s, v = jnp.linalg.svd(_tensor(tensor), full_matrices=full_matrices)
    return s, u, jnp.swapaxes(v, -1, -2)


@MEMBERS.serve("linalg.eigh", "self_adjoint_eig")
def eigh(tensor: ArrayLike) -> tuple[jax.Array, jax.Array]:
    return ops.eigh(_tensor(tensor))


@MEMBERS.serve("linalg.eigvalsh", "self_adjoint_eigvals")
def eigvalsh(tensor: ArrayLike) -> jax.Array:
    return ops.eigh(_tensor(tensor))[0]


@MEMBERS.serve("linalg.eig", "eig")
def eig(tensor: ArrayLike) -> tuple[jax.Array, jax.Array]:
    return ops.eig(_tensor(tensor))


@MEMBERS.serve("linalg.eigvals", "eigvals")
def eigvals(tensor: ArrayLike) -> jax.Array:
    return ops.eig(_tensor(tensor))[0]


@MEMBERS.serve("linalg.expm", node=True)
def expm(input: ArrayLike) -> jax.Array:
    return jax.scipy.linalg.expm(tensor(input))


@MEMBERS.serve("linalg.sqrtm", "matrix_square_root", node=True)
def sqrtm(input: ArrayLike) -> jax.Array:
    return jax.scipy.linalg.sqrtm(tensor(input)).real


@MEMBERS.serve("linalg.cross", "cross")
def cross(a: ArrayLike, b: ArrayLike) -> jax.Array:
    return ops.cross(tensor(a), tensor(b))


@MEMBERS.serve("linalg.matrix_rank")
def matrix_rank(a: ArrayLike, tol: float | None = None) -> jax.Array:
    return ops.matrix_rank(tensor(a), tol)


# --- spectra --------------------------------------------------------------------------------------------------------

Window = Callable[..., Any]


def _transform(name: str, function: Callable[..., Any], also: str) -> None:
    @MEMBERS.serve(f"signal.{name}", f"spectral.{name}", also, node=True)
    def transform(input: ArrayLike) -> jax.Array:
        return function(tensor(input))


for _name in ("fft", "ifft"):
    _transform(_name, getattr(jnp.fft, _name), _name)
    _transform(f"{_name}2d", getattr(jnp.fft, f"{_name}2"), f"{_name}2d")
    _transform(f"{_name}3d", functools.partial(getattr(jnp.fft, f"{_name}n"), axes=(-3, -2, -1)), f"{_name}3d")


@MEMBERS.serve("signal.rfft", "spectral.rfft", node=True)
def rfft(input_tensor: ArrayLike, fft_length: Sizes | None = None) -> jax.Array:
    return jnp.fft.rfft(tensor(input_tensor), None if fft_length is None else sizes(fft_length)[-1])


@MEMBERS.serve("signal.irfft", "spectral.irfft", node=True)
def irfft(input_tensor: ArrayLike, fft_length: Sizes | None = None) -> jax.Array:
    return jnp.fft.irfft(tensor(input_tensor), None if fft_length is None else sizes(fft_length)[-1])


@MEMBERS.serve("signal.rfft2d", "spectral.rfft2d", node=True)
def rfft2d(input_tensor: ArrayLike, fft_length: Sizes | None = None) -> jax.Array:
    return jnp.fft.rfft2(tensor(input_tensor), None if fft_length is None else sizes(fft_length))


@MEMBERS.serve("signal.irfft2d", "spectral.irfft2d", node=True)
def irfft2d(input_tensor: ArrayLike, fft_length: Sizes | None = None) -> jax.Array:
    return jnp.fft.irfft2(tensor(input_tensor), None if fft_length is None else sizes(fft_length))


def _window(cosine: float, length: SupportsInt, periodic: bool, dtype: DTypeLike) -> jax.Array:
    length = int(length)
    steps = max(length + int(periodic and length % 2 == 0) - 1, 1)
    angles = 2 * np.pi * np.arange(length) / steps
    found = cosine - (1 - cosine) * np.cos(angles) if length > 1 else np.ones(length)
    return tensor(found.astype(np.float32), str(as_dtype(dtype)))


@MEMBERS.serve("signal.hann_window")
def hann_window(window_length: SupportsInt, periodic: bool = True, dtype: DTypeLike = "float32") -> jax.Array:
    return _window(0.5, window_length, periodic, dtype)


@MEMBERS.serve("signal.hamming_window")
def hamming_window(window_length: SupportsInt, periodic: bool = True, dtype: DTypeLike = "float32") -> jax.Array:
    return _window(0.54, window_length, periodic, dtype)


@MEMBERS.serve("signal.frame", node=True)
def frame(
    signal: ArrayLike,
    frame_length: SupportsInt,
    frame_step: SupportsInt,
    pad_end: bool = False,
    pad_value: Operand = 0,
    axis: int = -1,
) -> jax.Array:
    x, length, step = jnp.moveaxis(tensor(signal), axis, -1), int(frame_length), int(frame_step)
    size = x.shape[-1]
    count = -(-size // step) if pad_end else max(0, 1 + (size - length) // step)
    if pad_end:
        missing = max(0, (count - 1) * step + length - size)
        x = jnp.pad(x, [(0, 0)] * (x.ndim - 1) + [(0, missing)], constant_values=pad_value)
    frames = x[..., np.arange(count)[:, None] * step + np.arange(length)]
    place = axis % (frames.ndim - 1)
    return jnp.moveaxis(frames, (-2, -1), (place, place + 1))


@MEMBERS.serve("signal.overlap_and_add", node=True)
def overlap_and_add(signal: ArrayLike, frame_step: SupportsInt) -> jax.Array:
    frames, step = tensor(signal), int(frame_step)
    count, length = frames.shape[-2:]
    places = np.arange(count)[:, None] * step + np.arange(length)
    total = jnp.zeros((*frames.shape[:-2], (count - 1) * step + length), frames.dtype)
    return total.at[..., places].add(frames)


def _enclosing_power_of_two(length: int) -> int:
    return 1 << max(math.ceil(math.log2(length)), 0)


@MEMBERS.serve("signal.stft", node=True)
def stft(
    signals: ArrayLike,
    frame_length: SupportsInt,
    frame_step: SupportsInt,
    fft_length: SupportsInt | None = None,
    window_fn: Window | None = hann_window,
    pad_end: bool = False,
) -> jax.Array:
    frames = frame(signals, frame_length, frame_step, pad_end)
    length = _enclosing_power_of_two(int(frame_length)) if fft_length is None else int(fft_length)
    if window_fn is not None:
        frames = frames * window_fn(int(frame_length), dtype=frames.dtype)
    return jnp.fft.rfft(frames, length)


@MEMBERS.serve("signal.inverse_stft", node=True)
def inverse_stft(
    stfts: ArrayLike,
    frame_length: SupportsInt,
    frame_step: SupportsInt,
    fft_length: SupportsInt | None = None,
    window_fn: Window | None = hann_window,
) -> jax.Array:
    length = int(frame_length)
    frames = jnp.fft.irfft(tensor(stfts), _enclosing_power_of_two(length) if fft_length is None else int(fft_length))
    short = length - frames.shape[-1]
    frames = frames[..., :length] if short <= 0 else jnp.pad(frames, [(0, 0)] * (frames.ndim - 1) + [(0, short)])
    return overlap_and_add(frames if window_fn is None else frames * window_fn(length, dtype=frames.dtype), frame_step)


@MEMBERS.serve("signal.inverse_stft_window_fn")
def inverse_stft_window_fn(frame_step: SupportsInt, forward_window_fn: Window = hann_window) -> Window:
    """The window with which `inverse_stft` gives the signal back."""

    def window(frame_length: SupportsInt, dtype: DTypeLike = "float32") -> jax.Array:
        forward = np.asarray(forward_window_fn(frame_length, dtype=dtype))
        length, step = int(frame_length), int(frame_step)
        overlaps = -(-length // step)
        squares = np.pad(forward**2, (0, overlaps * step - length)).reshape(overlaps, step).sum(0)
        return tensor(forward / np.tile(squares, overlaps)[:length])

    return window


@MEMBERS.serve("signal.dct", "spectral.dct", node=True)
def dct(input: ArrayLike, type: int = 2, n: int | None = None, axis: int = -1, norm: str | None = None) -> jax.Array:
    return jax.scipy.fft.dct(tensor(input), type=type, n=n, axis=axis, norm=norm)


@MEMBERS.serve("signal.idct", "spectral.idct", node=True)
def idct(input: ArrayLike, type: int = 2, n: int | None = None, axis: int = -1, norm: str | None = None) -> jax.Array:
    found = jax.scipy.fft.idct(tensor(input), type=type, n=n, axis=axis, norm=norm)
    return found if norm == "ortho" else found * 2 * tensor(input).shape[axis]


@MEMBERS.serve("signal.fftshift", node=True)
def fftshift(x: ArrayLike, axes: Sizes | None = None) -> jax.Array:
    return jnp.fft.fftshift(tensor(x), _axes(axes))


@MEMBERS.serve("signal.ifftshift", node=True)
def ifftshift(x: ArrayLike, axes: Sizes | None = None) -> jax.Array:
    return jnp.fft.ifftshift(tensor(x), _axes(axes))


_axes = axes


def _mel(hertz: float | np.ndarray) -> np.ndarray:
    return 1127.0 * np.log1p(np.asarray(hertz, np.float64) / 700.0)


@MEMBERS.serve("signal.linear_to_mel_weight_matrix")
def linear_to_mel_weight_matrix(
    num_mel_bins: int = 20,
    num_spectrogram_bins: int = 129,
    sample_rate: SupportsFloat = 8000,
    lower_edge_hertz: float = 125.0,
    upper_edge_hertz: float = 3800.0,
    dtype: DTypeLike = "float32",
) -> jax.Array:
    """Triangles of equal width on the mel scale, `(num_spectrogram_bins, num_mel_bins)`, without the constant bin."""
    bins = _mel(np.linspace(0.0, float(sample_rate) / 2, int(num_spectrogram_bins))[1:])[:, None]
    edges = np.linspace(_mel(lower_edge_hertz), _mel(upper_edge_hertz), int(num_mel_bins) + 2)
    low, middle, high = edges[:-2], edges[1:-1], edges[2:]
    found = np.maximum(0.0, np.minimum((bins - low) / (middle - low), (high - bins) / (high - middle)))
    return tensor(np.pad(found, [(1, 0), (0, 0)]).astype(np.float32), str(as_dtype(dtype)))


@MEMBERS.serve("signal.mfccs_from_log_mel_spectrograms", node=True)
def mfccs_from_log_mel_spectrograms(log_mel_spectrograms: ArrayLike) -> jax.Array:
    x = tensor(log_mel_spectrograms)
    return dct(x, 2) * np.float32(1 / np.sqrt(x.shape[-1] * 2.0))
