"""`tf.linalg`, and `tf.signal`: matrices, spectra, windows."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ... import ops as tensor_functions
from .arrays import axes, sizes
from .serving import Table
from .values import as_dtype, tensor

ops: Any = tensor_functions  # its names are made when it is imported, unseen by a type checker
MEMBERS = Table()


def _turned(x: Any, transpose: bool, adjoint: bool) -> Any:
    x = tensor(x)
    x = ops.conj(x) if adjoint else x
    return ops.swapaxes(x, -1, -2) if transpose or adjoint else x


@MEMBERS.serve("matmul", "batch_matmul", "sparse_matmul", also="linalg")
def matmul(
    a: Any,
    b: Any,
    transpose_a: bool = False,
    transpose_b: bool = False,
    adjoint_a: bool = False,
    adjoint_b: bool = False,
    a_is_sparse: bool = False,
    b_is_sparse: bool = False,
    output_type: Any = None,
) -> Any:
    a, b = _turned(a, transpose_a, adjoint_a), _turned(b, transpose_b, adjoint_b)
    if min(len(a.shape), len(b.shape)) < 2:
        raise ValueError(
            f"tensorflow.matmul: expected matrices or batches of them. Received: shapes {tuple(a.shape)} and"
            f" {tuple(b.shape)}; tf.linalg.matvec and tf.tensordot take vectors."
        )
    return ops.matmul(a, b)


@MEMBERS.serve("linalg.matvec")
def matvec(a: Any, b: Any, transpose_a: bool = False, adjoint_a: bool = False) -> Any:
    return ops.squeeze(ops.matmul(_turned(a, transpose_a, adjoint_a), ops.expand_dims(tensor(b), -1)), -1)


@MEMBERS.serve("tensordot", also="linalg")
def tensordot(a: Any, b: Any, axes: Any) -> Any:
    pairs = axes if isinstance(axes, int) else np.asarray(axes).tolist()
    return ops.tensordot(tensor(a), tensor(b), pairs)


@MEMBERS.serve("einsum", also="linalg")
def einsum(equation: str, *inputs: Any, **kwargs: Any) -> Any:
    return ops.einsum(equation, *map(tensor, inputs))


@MEMBERS.serve("norm", also="linalg")
def norm(tensor: Any, ord: Any = "euclidean", axis: Any = None, keepdims: bool = False) -> Any:
    x, axis = _tensor(tensor), axes(axis)
    if ord in ("euclidean", "fro", 2) and not (ord == 2 and isinstance(axis, tuple)):
        return ops.sqrt(ops.sum(ops.square(ops.abs(x)), axis=axis, keepdims=bool(keepdims)))
    if axis is None:
        found = ops.norm(ops.reshape(x, (-1,)), ord=ord)
        return ops.reshape(found, (1,) * len(x.shape)) if keepdims else found
    return ops.norm(x, ord=ord, axis=axis, keepdims=bool(keepdims))


_tensor = tensor


@MEMBERS.serve("linalg.normalize")
def normalize(tensor: Any, ord: Any = "euclidean", axis: Any = None) -> Any:
    length = norm(tensor, ord, axis, True)
    return ops.divide(_tensor(tensor), length), length


@MEMBERS.serve("linalg.diag", "matrix_diag", node=True)
def diag(diagonal: Any, k: int = 0) -> Any:
    values = tensor(diagonal)
    return values[..., None] * jnp.eye(values.shape[-1], dtype=values.dtype) if not k else _shifted(values, int(k))


def _shifted(values: Any, k: int) -> Any:
    one: Callable[..., Any] = functools.partial(jnp.diag, k=k)
    for _ in range(values.ndim - 1):
        one = jax.vmap(one)
    return one(values)


@MEMBERS.serve("linalg.tensor_diag", "diag")
def tensor_diag(diagonal: Any) -> Any:
    return ops.diag(tensor(diagonal))


@MEMBERS.serve("linalg.diag_part", "matrix_diag_part")
def diag_part(input: Any, k: int = 0) -> Any:
    return ops.diagonal(tensor(input), offset=int(k), axis1=-2, axis2=-1)


@MEMBERS.serve("linalg.tensor_diag_part", "diag_part")
def tensor_diag_part(input: Any) -> Any:
    return ops.diagonal(tensor(input))


@MEMBERS.serve("linalg.set_diag", "matrix_set_diag", node=True)
def set_diag(input: Any, diagonal: Any, k: int = 0) -> Any:
    x, values = tensor(input), tensor(diagonal)
    rows = jnp.arange(values.shape[-1])
    return x.at[..., rows + max(-int(k), 0), rows + max(int(k), 0)].set(values)


@MEMBERS.serve("linalg.band_part", "matrix_band_part", node=True)
def band_part(input: Any, num_lower: Any, num_upper: Any) -> Any:
    x = tensor(input)
    rows, columns = jnp.arange(x.shape[-2])[:, None], jnp.arange(x.shape[-1])[None]
    inside = ((num_lower < 0) | (rows - columns <= num_lower)) & ((num_upper < 0) | (columns - rows <= num_upper))
    return jnp.where(inside, x, 0).astype(x.dtype)


@MEMBERS.serve("linalg.trace", "trace")
def trace(x: Any) -> Any:
    return ops.trace(tensor(x), axis1=-2, axis2=-1)


@MEMBERS.serve("linalg.matrix_transpose", "matrix_transpose")
def matrix_transpose(a: Any, conjugate: bool = False) -> Any:
    return _turned(a, True, conjugate)


@MEMBERS.serve("linalg.adjoint")
def adjoint(matrix: Any) -> Any:
    return _turned(matrix, True, True)


@MEMBERS.serve("linalg.inv", "matrix_inverse", node=True)
def inv(input: Any, adjoint: bool = False) -> Any:
    return jnp.linalg.inv(_turned(input, adjoint, adjoint))


@MEMBERS.serve("linalg.pinv")
def pinv(a: Any, rcond: Any = None) -> Any:
    return ops.pinv(tensor(a)) if rcond is None else ops.pinv(tensor(a), rcond)


@MEMBERS.serve("linalg.det", "matrix_determinant")
def det(input: Any) -> Any:
    return ops.det(tensor(input))


@MEMBERS.serve("linalg.slogdet")
def slogdet(input: Any) -> Any:
    return ops.slogdet(tensor(input))


@MEMBERS.serve("linalg.logdet")
def logdet(matrix: Any) -> Any:
    return ops.logdet(tensor(matrix))


@MEMBERS.serve("linalg.cholesky", "cholesky")
def cholesky(input: Any) -> Any:
    return ops.cholesky(tensor(input))


@MEMBERS.serve("linalg.cholesky_solve", "cholesky_solve", node=True)
def cholesky_solve(chol: Any, rhs: Any) -> Any:
    return jax.scipy.linalg.cho_solve((tensor(chol), True), tensor(rhs))


@MEMBERS.serve("linalg.solve", "matrix_solve", node=True)
def solve(matrix: Any, rhs: Any, adjoint: bool = False) -> Any:
    return jnp.linalg.solve(_turned(matrix, adjoint, adjoint), tensor(rhs))


@MEMBERS.serve("linalg.triangular_solve", "matrix_triangular_solve", node=True)
def triangular_solve(matrix: Any, rhs: Any, lower: bool = True, adjoint: bool = False) -> Any:
    return jax.scipy.linalg.solve_triangular(tensor(matrix), tensor(rhs), trans=int(adjoint), lower=bool(lower))


@MEMBERS.serve("linalg.lstsq", "matrix_solve_ls", node=True)
def lstsq(matrix: Any, rhs: Any, l2_regularizer: float = 0.0, fast: bool = True) -> Any:
    a, b = tensor(matrix), tensor(rhs)
    if l2_regularizer:
        square = jnp.swapaxes(a, -1, -2) @ a + l2_regularizer * jnp.eye(a.shape[-1], dtype=a.dtype)
        return jnp.linalg.solve(square, jnp.swapaxes(a, -1, -2) @ b)
    return jnp.linalg.pinv(a) @ b


@MEMBERS.serve("linalg.qr", "qr")
def qr(input: Any, full_matrices: bool = False) -> Any:
    return ops.qr(tensor(input), mode="complete" if full_matrices else "reduced")


@MEMBERS.serve("linalg.svd", "svd", node=True)
def svd(tensor: Any, full_matrices: bool = False, compute_uv: bool = True) -> Any:
    if not compute_uv:
        return jnp.linalg.svd(_tensor(tensor), compute_uv=False)
    u, s, v = jnp.linalg.svd(_tensor(tensor), full_matrices=full_matrices)
    return s, u, jnp.swapaxes(v, -1, -2)


@MEMBERS.serve("linalg.eigh", "self_adjoint_eig")
def eigh(tensor: Any) -> Any:
    return ops.eigh(_tensor(tensor))


@MEMBERS.serve("linalg.eigvalsh", "self_adjoint_eigvals")
def eigvalsh(tensor: Any) -> Any:
    return ops.eigh(_tensor(tensor))[0]


@MEMBERS.serve("linalg.eig", "eig")
def eig(tensor: Any) -> Any:
    return ops.eig(_tensor(tensor))


@MEMBERS.serve("linalg.eigvals", "eigvals")
def eigvals(tensor: Any) -> Any:
    return ops.eig(_tensor(tensor))[0]


@MEMBERS.serve("linalg.expm", node=True)
def expm(input: Any) -> Any:
    return jax.scipy.linalg.expm(tensor(input))


@MEMBERS.serve("linalg.sqrtm", "matrix_square_root", node=True)
def sqrtm(input: Any) -> Any:
    return jax.scipy.linalg.sqrtm(tensor(input)).real


@MEMBERS.serve("linalg.cross", "cross")
def cross(a: Any, b: Any) -> Any:
    return ops.cross(tensor(a), tensor(b))


@MEMBERS.serve("linalg.matrix_rank")
def matrix_rank(a: Any, tol: Any = None) -> Any:
    return ops.matrix_rank(tensor(a), tol)


# --- spectra --------------------------------------------------------------------------------------------------------

Window = Callable[..., Any]


def _transform(name: str, function: Callable[..., Any], also: str) -> None:
    @MEMBERS.serve(f"signal.{name}", f"spectral.{name}", also, node=True)
    def transform(input: Any) -> Any:
        return function(tensor(input))


for _name in ("fft", "ifft"):
    _transform(_name, getattr(jnp.fft, _name), _name)
    _transform(f"{_name}2d", getattr(jnp.fft, f"{_name}2"), f"{_name}2d")
    _transform(f"{_name}3d", functools.partial(getattr(jnp.fft, f"{_name}n"), axes=(-3, -2, -1)), f"{_name}3d")


@MEMBERS.serve("signal.rfft", "spectral.rfft", node=True)
def rfft(input_tensor: Any, fft_length: Any = None) -> Any:
    return jnp.fft.rfft(tensor(input_tensor), None if fft_length is None else sizes(fft_length)[-1])


@MEMBERS.serve("signal.irfft", "spectral.irfft", node=True)
def irfft(input_tensor: Any, fft_length: Any = None) -> Any:
    return jnp.fft.irfft(tensor(input_tensor), None if fft_length is None else sizes(fft_length)[-1])


@MEMBERS.serve("signal.rfft2d", "spectral.rfft2d", node=True)
def rfft2d(input_tensor: Any, fft_length: Any = None) -> Any:
    return jnp.fft.rfft2(tensor(input_tensor), None if fft_length is None else sizes(fft_length))


@MEMBERS.serve("signal.irfft2d", "spectral.irfft2d", node=True)
def irfft2d(input_tensor: Any, fft_length: Any = None) -> Any:
    return jnp.fft.irfft2(tensor(input_tensor), None if fft_length is None else sizes(fft_length))


def _window(cosine: float, length: Any, periodic: bool, dtype: Any) -> Any:
    length = int(length)
    steps = max(length + int(periodic and length % 2 == 0) - 1, 1)
    angles = 2 * np.pi * np.arange(length) / steps
    found = cosine - (1 - cosine) * np.cos(angles) if length > 1 else np.ones(length)
    return tensor(found.astype(np.float32), str(as_dtype(dtype)))


@MEMBERS.serve("signal.hann_window")
def hann_window(window_length: Any, periodic: bool = True, dtype: Any = "float32") -> Any:
    return _window(0.5, window_length, periodic, dtype)


@MEMBERS.serve("signal.hamming_window")
def hamming_window(window_length: Any, periodic: bool = True, dtype: Any = "float32") -> Any:
    return _window(0.54, window_length, periodic, dtype)


@MEMBERS.serve("signal.frame", node=True)
def frame(
    signal: Any, frame_length: Any, frame_step: Any, pad_end: bool = False, pad_value: Any = 0, axis: int = -1
) -> Any:
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
def overlap_and_add(signal: Any, frame_step: Any) -> Any:
    frames, step = tensor(signal), int(frame_step)
    count, length = frames.shape[-2:]
    places = np.arange(count)[:, None] * step + np.arange(length)
    total = jnp.zeros((*frames.shape[:-2], (count - 1) * step + length), frames.dtype)
    return total.at[..., places].add(frames)


def _enclosing_power_of_two(length: int) -> int:
    return 1 << max(math.ceil(math.log2(length)), 0)


@MEMBERS.serve("signal.stft", node=True)
def stft(
    signals: Any,
    frame_length: Any,
    frame_step: Any,
    fft_length: Any = None,
    window_fn: Window | None = hann_window,
    pad_end: bool = False,
) -> Any:
    frames = frame(signals, frame_length, frame_step, pad_end)
    length = _enclosing_power_of_two(int(frame_length)) if fft_length is None else int(fft_length)
    if window_fn is not None:
        frames = frames * window_fn(int(frame_length), dtype=frames.dtype)
    return jnp.fft.rfft(frames, length)


@MEMBERS.serve("signal.inverse_stft", node=True)
def inverse_stft(
    stfts: Any, frame_length: Any, frame_step: Any, fft_length: Any = None, window_fn: Window | None = hann_window
) -> Any:
    length = int(frame_length)
    frames = jnp.fft.irfft(tensor(stfts), _enclosing_power_of_two(length) if fft_length is None else int(fft_length))
    short = length - frames.shape[-1]
    frames = frames[..., :length] if short <= 0 else jnp.pad(frames, [(0, 0)] * (frames.ndim - 1) + [(0, short)])
    return overlap_and_add(frames if window_fn is None else frames * window_fn(length, dtype=frames.dtype), frame_step)


@MEMBERS.serve("signal.inverse_stft_window_fn")
def inverse_stft_window_fn(frame_step: Any, forward_window_fn: Window = hann_window) -> Window:
    """The window with which `inverse_stft` gives the signal back."""

    def window(frame_length: Any, dtype: Any = "float32") -> Any:
        forward = np.asarray(forward_window_fn(frame_length, dtype=dtype))
        length, step = int(frame_length), int(frame_step)
        overlaps = -(-length // step)
        squares = np.pad(forward**2, (0, overlaps * step - length)).reshape(overlaps, step).sum(0)
        return tensor(forward / np.tile(squares, overlaps)[:length])

    return window


@MEMBERS.serve("signal.dct", "spectral.dct", node=True)
def dct(input: Any, type: int = 2, n: Any = None, axis: int = -1, norm: str | None = None) -> Any:
    return jax.scipy.fft.dct(tensor(input), type=type, n=n, axis=axis, norm=norm)


@MEMBERS.serve("signal.idct", "spectral.idct", node=True)
def idct(input: Any, type: int = 2, n: Any = None, axis: int = -1, norm: str | None = None) -> Any:
    found = jax.scipy.fft.idct(tensor(input), type=type, n=n, axis=axis, norm=norm)
    return found if norm == "ortho" else found * 2 * tensor(input).shape[axis]


@MEMBERS.serve("signal.fftshift", node=True)
def fftshift(x: Any, axes: Any = None) -> Any:
    return jnp.fft.fftshift(tensor(x), _axes(axes))


@MEMBERS.serve("signal.ifftshift", node=True)
def ifftshift(x: Any, axes: Any = None) -> Any:
    return jnp.fft.ifftshift(tensor(x), _axes(axes))


_axes = axes


def _mel(hertz: Any) -> Any:
    return 1127.0 * np.log1p(np.asarray(hertz, np.float64) / 700.0)


@MEMBERS.serve("signal.linear_to_mel_weight_matrix")
def linear_to_mel_weight_matrix(
    num_mel_bins: int = 20,
    num_spectrogram_bins: int = 129,
    sample_rate: Any = 8000,
    lower_edge_hertz: float = 125.0,
    upper_edge_hertz: float = 3800.0,
    dtype: Any = "float32",
) -> Any:
    """Triangles of equal width on the mel scale, `(num_spectrogram_bins, num_mel_bins)`, without the constant bin."""
    bins = _mel(np.linspace(0.0, float(sample_rate) / 2, int(num_spectrogram_bins))[1:])[:, None]
    edges = np.linspace(_mel(lower_edge_hertz), _mel(upper_edge_hertz), int(num_mel_bins) + 2)
    low, middle, high = edges[:-2], edges[1:-1], edges[2:]
    found = np.maximum(0.0, np.minimum((bins - low) / (middle - low), (high - bins) / (high - middle)))
    return tensor(np.pad(found, [(1, 0), (0, 0)]).astype(np.float32), str(as_dtype(dtype)))


@MEMBERS.serve("signal.mfccs_from_log_mel_spectrograms", node=True)
def mfccs_from_log_mel_spectrograms(log_mel_spectrograms: Any) -> Any:
    x = tensor(log_mel_spectrograms)
    return dct(x, 2) * np.float32(1 / np.sqrt(x.shape[-1] * 2.0))
