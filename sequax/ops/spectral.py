"""Fourier transforms of signals. Complex values are pairs `(real, imaginary)` of float arrays of equal shape.

The short-time transforms follow Allen and Rabiner (1977), *A unified approach to short-time Fourier analysis and
synthesis*: `istft` divides the overlapping frames by the sum of the squared windows, so that it inverts `stft`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..core.types import ArrayLike
from ..kernels.windows import cut_frames
from .table import array, named, op

Pair = tuple[jax.Array, jax.Array]


def _complex(x: ArrayLike, name: str, ndim: int = 1) -> jax.Array:
    if not isinstance(x, (list, tuple)) or len(x) != 2:
        raise ValueError(f"{name}: `x` must be a tuple of two tensors, the real and the imaginary part. Received: {x}")
    real, imaginary = array(x[0]), array(x[1])
    if real.shape != imaginary.shape:
        raise ValueError(
            f"{name}: the real and the imaginary part must have the same shape. Received: {real.shape} and"
            f" {imaginary.shape}."
        )
    if not (jnp.issubdtype(real.dtype, jnp.floating) and jnp.issubdtype(imaginary.dtype, jnp.floating)):
        raise ValueError(f"{name}: both parts must be floats. Received: {real.dtype} and {imaginary.dtype}.")
    if real.ndim < ndim:
        raise ValueError(f"{name}: expected at least {ndim} axes. Received shape {real.shape}.")
    return jax.lax.complex(real, imaginary)


def _pair(x: jax.Array) -> Pair:
    return jnp.real(x), jnp.imag(x)


def _transform(name: str, function: Callable[..., Any], axes: str, ndim: int) -> Callable[..., Any]:
    def call(x: ArrayLike) -> Pair:
        return _pair(function(_complex(x, name, ndim)))

    doc = f"The discrete Fourier transform over {axes} of the pair `x` (real, imaginary); returns such a pair."
    return op(named(call, name, doc))


fft: Callable[..., Any] = _transform("fft", jnp.fft.fft, "the last axis", 1)
fft2: Callable[..., Any] = _transform("fft2", jnp.fft.fft2, "the last two axes", 2)
ifft2: Callable[..., Any] = _transform("ifft2", jnp.fft.ifft2, "the last two axes, inverted,", 2)


@op
def rfft(x: ArrayLike, fft_length: int | None = None) -> Pair:
    """The non-negative frequencies of the real signal in the last axis of `x`, `fft_length // 2 + 1` of them.

    Args:
        fft_length: the signal is cut or filled with zeros to this length; default: its own.
    """
    return _pair(jnp.fft.rfft(array(x), n=fft_length))


@op
def irfft(x: ArrayLike, fft_length: int | None = None) -> jax.Array:
    """The real signal whose non-negative frequencies are the pair `x`; the inverse of `rfft`.

    Args:
        fft_length: of the signal; default: `2 * (frequencies - 1)`.
    """
    return jnp.fft.irfft(_complex(x, "irfft"), n=fft_length)


@op
def extract_sequences(x: ArrayLike, sequence_length: int, sequence_stride: int) -> jax.Array:
    """Windows of the last axis of `x`: `(..., time)` -> `(..., windows, sequence_length)`.

    They begin every `sequence_stride` elements; a rest at the end is left out.

    >>> extract_sequences([0, 1, 2, 3, 4, 5], 3, 2).tolist()
    [[0, 1, 2], [2, 3, 4]]
    """
    _positive("extract_sequences", sequence_length=sequence_length, sequence_stride=sequence_stride)
    return cut_frames(array(x), sequence_length, sequence_stride)


def _positive(name: str, **sizes: object) -> None:
    for argument, size in sizes.items():
        if isinstance(size, bool) or not isinstance(size, (int, np.integer)) or size < 1:
            raise ValueError(f"{name}: `{argument}` must be a positive whole number. Received: {argument}={size!r}")


@op
def stft(
    x: ArrayLike,
    sequence_length: int,
    sequence_stride: int,
    fft_length: int,
    window: ArrayLike = "hann",
    center: bool = True,
) -> Pair:
    """The spectrum of each window of the float signal `x`: a pair of `(..., windows, fft_length // 2 + 1)`.

    Args:
        x: `(..., time)`.
        sequence_length: of the window function, which is centred in frames of `fft_length` samples.
        sequence_stride: between the beginnings of frames.
        window: `"hann"`, `"hamming"` (both periodic), an array `(sequence_length,)`, or None: all ones.
        center: mirror the signal at both ends, so that frame `t` is centred at sample `t * sequence_stride`.
    """
    _check_frames("stft", sequence_length, sequence_stride, fft_length)
    x = array(x)
    if x.dtype not in (jnp.float32, jnp.float64):
        raise TypeError(f"stft: expected a signal in float32 or float64. Received: {x.dtype}. Cast it first.")
    if center:
        x = jnp.pad(x, [(0, 0)] * (x.ndim - 1) + [(fft_length // 2,) * 2], mode="reflect")
    frames = cut_frames(x, fft_length, sequence_stride)
    return _pair(jnp.fft.rfft(frames * _window("stft", window, sequence_length, fft_length, x.dtype)))


@op
def istft(
    x: ArrayLike,
    sequence_length: int,
    sequence_stride: int,
    fft_length: int,
    length: int | None = None,
    window: ArrayLike = "hann",
    center: bool = True,
) -> jax.Array:
    """The signal whose `stft` with the same arguments is the pair `x`.

    Args:
        sequence_length, sequence_stride, fft_length, window, center: as in `stft`.
        length: of the signal; default: as far as the frames reach, without the mirrored end if `center`.

    Samples where all windows are 0 come out as 0. With `window=None` the result is the signal, too; Keras on JAX
    returns `fft_length / sequence_stride` times as much there.
    """
    _check_frames("istft", sequence_length, sequence_stride, fft_length)
    spectrum = _complex(x, "istft", 2)
    weights = _window("istft", window, sequence_length, fft_length, spectrum.real.dtype)
    frames = jnp.fft.irfft(spectrum, n=fft_length) * weights
    count = frames.shape[-2]
    positions = np.arange(count)[:, None] * sequence_stride + np.arange(fft_length)
    total = max(0, (count - 1) * sequence_stride + fft_length) if count else 0
    signal = jnp.zeros((*frames.shape[:-2], total), frames.dtype).at[..., positions].add(frames)
    norm = jnp.zeros(total, frames.dtype).at[positions].add(weights**2)
    signal = jnp.where(norm > 1e-10, signal / jnp.where(norm > 1e-10, norm, 1), signal)
    start = fft_length // 2 if center else 0
    end = start + length if length is not None else total - start
    return signal[..., start:end]


def _check_frames(name: str, sequence_length: int, sequence_stride: int, fft_length: int) -> None:
    _positive(name, sequence_length=sequence_length, sequence_stride=sequence_stride, fft_length=fft_length)
    if fft_length < sequence_length:
        raise ValueError(
            f"{name}: `fft_length` must be at least `sequence_length`. Received: fft_length={fft_length},"
            f" sequence_length={sequence_length}."
        )


def _window(name: str, window: ArrayLike, sequence_length: int, fft_length: int, dtype: np.dtype) -> jax.Array:
    if window is None:
        return jnp.ones(fft_length, dtype)
    if isinstance(window, str):
        if window not in ("hann", "hamming"):
            raise ValueError(f"{name}: `window` must be 'hann', 'hamming', an array or None. Received: {window!r}")
        mean = {"hann": 0.5, "hamming": 0.54}[window]
        window = mean - (1 - mean) * np.cos(2 * np.pi * np.arange(sequence_length) / sequence_length)
    window = jnp.asarray(window, dtype)
    if window.shape != (sequence_length,):
        raise ValueError(
            f"{name}: the shape of `window` must be (sequence_length,) = ({sequence_length},). Received: {window.shape}"
        )
    left = (fft_length - sequence_length) // 2
    return jnp.pad(window, (left, fft_length - sequence_length - left))


__all__ = ["extract_sequences", "fft", "fft2", "ifft2", "irfft", "istft", "rfft", "stft"]
