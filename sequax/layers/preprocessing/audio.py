"""Spectrograms of sound: short-time Fourier transforms, and their power on the mel scale."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal, Unpack

import jax.numpy as jnp
import numpy as np

from ... import initializers
from ...core import dtypes
from ...core.constructor import LayerOptions
from ...core.input_spec import InputSpec
from ...core.kinds import DataFormat, Kind, Number, OneOf, Optional, Padding, Size, Whole
from ...core.layer import Layer
from ...core.types import DTypeLike, Shape, ShapeLike, Tensor
from ...core.variable import Variable
from ...kernels.windows import cut_frames
from ..catalogue import layer


class WindowOf(Kind):
    """What `scipy.signal.get_window` knows: a name, or a name and numbers; None: all ones."""

    expected = "the name of a window or None"

    def fits(self, value: object, cls: type) -> bool:
        return value is None or isinstance(value, (str, int, float, list, tuple))


Window = Annotated[Any, WindowOf()]
FftLength = Annotated[int, Whole(1, most=1 << 16)]
WindowLength = Annotated[int | None, Optional(Whole(0, most=1 << 16))]  # 0: the default, as in Keras
FrameLength = Annotated[int, Whole(1, most=1 << 20)]
BandCount = Annotated[int, Whole(1, most=1 << 10)]
Mode = Annotated[
    Literal["log", "magnitude", "psd", "real", "imag", "angle", "stft"],
    OneOf("log", "magnitude", "psd", "real", "imag", "angle", "stft"),
]
Scaling = Annotated[Literal["density", "spectrum"] | None, OneOf("density", "spectrum", None)]


@layer()
class MelSpectrogram(Layer):
    """Power of sound over time in bands of equal width on the mel scale, in decibels.

    Frames of `fft_length` samples, `sequence_stride` apart and centred (the ends are mirrored), are windowed and
    transformed; magnitudes to the power `mag_exp` are summed in triangular bands, `m(f) = 1127 ln(1 + f / 700)`
    (O'Shaughnessy 1987).

    Args:
        fft_length: samples per transform; its bins are `fft_length / 2 + 1`.
        sequence_stride: samples between frames.
        sequence_length: length of the window inside a frame; default `fft_length`.
        window: a name that `scipy.signal.get_window` knows, or None.
        sampling_rate: of the sound, in Hz.
        num_mel_bins: number of bands.
        min_freq, max_freq: ends of the bands in Hz; `max_freq` defaults to half the sampling rate.
        power_to_db: give `10 log10(power / ref_power)`, at least `min_power`, and at most `top_db` below the largest
            value of the whole batch.
        top_db: range of the decibels.
        mag_exp: 2 for power, 1 for magnitude.
        min_power: smaller powers count as this one.
        ref_power: power of 0 decibels.
        **options: name, dtype, trainable, ...: as in `Layer`.

    Raises:
        ValueError: for a `sequence_length` above `fft_length`, frequencies out of order, an unknown window, or sound of
            no more than `fft_length / 2` samples.

    Example:

    >>> import numpy as np
    >>> MelSpectrogram(fft_length=64, sequence_stride=32, num_mel_bins=8)(np.ones((2, 320))).shape
    (2, 8, 11)

    Shapes: (batch, samples) to (batch, num_mel_bins, frames); a single (samples,) likewise.
    """

    fft_length: int
    sequence_stride: int
    sequence_length: int
    sampling_rate: Number
    num_mel_bins: int
    min_freq: Number
    max_freq: Number
    power_to_db: bool
    top_db: Number
    mag_exp: Number
    min_power: Number
    ref_power: Number

    def __init__(
        self,
        fft_length: FftLength = 2048,
        sequence_stride: Size = 512,
        sequence_length: WindowLength = None,
        window: Window = "hann",
        sampling_rate: Number = 16000,
        num_mel_bins: BandCount = 128,
        min_freq: Number = 20.0,
        max_freq: Number | None = None,
        power_to_db: bool = True,
        top_db: Number = 80.0,
        mag_exp: Number = 2.0,
        min_power: Number = 1e-10,
        ref_power: Number = 1.0,
        **options: Unpack[LayerOptions],
    ):
        super().__init__(**options)
        who = f"Layer '{self.name}' (MelSpectrogram)"
        self.sequence_length = self.sequence_length or self.fft_length
        self.max_freq = self.max_freq or int(self.sampling_rate / 2)
        if self.sequence_length > self.fft_length:
            raise ValueError(
                f"{who}: `fft_length` must be greater than or equal to `sequence_length`. Received:"
                f" sequence_length={self.sequence_length}, fft_length={self.fft_length}"
            )
        if not 0 <= self.min_freq < self.max_freq <= self.sampling_rate / 2:
            raise ValueError(
                f"{who}: expected 0 <= min_freq < max_freq <= sampling_rate / 2. Received: min_freq={min_freq},"
                f" max_freq={self.max_freq}, sampling_rate={sampling_rate}"
            )
        self._window = np.pad(*_centred(window_values(who, window, self.sequence_length), self.fft_length))
        self.built = True

    def call(self, inputs: Tensor) -> Tensor:
        x = jnp.asarray(inputs, self.compute_dtype)
        if x.ndim not in (1, 2):
            raise ValueError(
                f"Layer '{self.name}' (MelSpectrogram): expected sound of shape (batch, samples) or (samples,)."
                f" Received: shape {x.shape}."
            )
        half = self.fft_length // 2
        if x.shape[-1] <= half:
            raise ValueError(
                f"Layer '{self.name}' (MelSpectrogram): expected more than fft_length / 2 = {half} samples. Received:"
                f" shape {x.shape}. Pad the sound, or choose a smaller `fft_length`."
            )
        wide = x.astype("float32")  # there is no Fourier transform of 16-bit floats
        padded = jnp.pad(wide, [(0, 0)] * (x.ndim - 1) + [(half, half)], mode="reflect")
        frames = cut_frames(padded, self.fft_length, self.sequence_stride) * self._window.astype("float32")
        power = jnp.abs(jnp.fft.rfft(frames)) ** self.mag_exp
        settings = (self.num_mel_bins, half + 1, self.sampling_rate, self.min_freq, self.max_freq)
        mel = jnp.swapaxes(power @ self.linear_to_mel_weight_matrix(*settings), -1, -2)
        return (self._decibels(mel) if self.power_to_db else mel).astype(self.compute_dtype)

    def _decibels(self, power: Tensor) -> Tensor:
        reference = np.log10(max(self.ref_power, self.min_power))
        levels = 10 * (jnp.log10(jnp.maximum(power, self.min_power)) - reference)
        return jnp.maximum(levels, levels.max() - self.top_db)

    def linear_to_mel_weight_matrix(
        self,
        num_mel_bins: int = 20,
        num_spectrogram_bins: int = 129,
        sampling_rate: Number = 8000,
        lower_edge_hertz: Number = 125.0,
        upper_edge_hertz: Number = 3800.0,
        dtype: DTypeLike = "float32",
    ) -> Tensor:
        """Weights of bins of a spectrum in bands: triangles over three neighbouring edges, of height 1.

        Args:
            num_mel_bins: number of bands.
            num_spectrogram_bins: number of bins, from 0 Hz to half the sampling rate; that of 0 Hz counts nowhere.
            sampling_rate: of the sound, in Hz.
            lower_edge_hertz, upper_edge_hertz: ends of the bands.
            dtype: of the result.

        Returns:
            `(num_spectrogram_bins, num_mel_bins)`.
        """
        mel = 1127 * np.log1p(np.linspace(0, sampling_rate / 2, num_spectrogram_bins)[1:, None] / 700)
        start, stop = 1127 * np.log1p(np.array([lower_edge_hertz, upper_edge_hertz]) / 700)
        edges = np.linspace(start, stop, num_mel_bins + 2)
        low, middle, high = edges[:-2], edges[1:-1], edges[2:]
        rising, falling = (mel - low) / (middle - low), (high - mel) / (high - middle)
        weights = np.pad(np.maximum(0, np.minimum(rising, falling)), [(1, 0), (0, 0)])
        return jnp.asarray(weights, dtypes.jnp_dtype(dtypes.standardize(dtype)))

    def compute_output_shape(self, input_shape: ShapeLike) -> Shape:
        samples = input_shape[-1]
        padded = None if samples is None else samples + 2 * (self.fft_length // 2)
        frames = None if padded is None else (padded - self.fft_length) // self.sequence_stride + 1
        return (*input_shape[:-1], self.num_mel_bins, frames)


def window_values(who: str, window: object, length: int) -> np.ndarray:
    """A periodic window by name; ones for None."""
    if window is None:
        return np.ones(length)
    from scipy.signal import get_window  # slow to import, and spectrograms are rare

    try:
        return get_window(window, length)
    except ValueError as error:
        raise ValueError(
            f"{who}: `window` must be a name that SciPy knows, such as 'hann'. Received: {error}"
        ) from None


def _centred(values: np.ndarray, length: int) -> tuple[np.ndarray, tuple[int, int]]:
    left = (length - len(values)) // 2
    return values, (left, length - len(values) - left)


@layer()
class STFTSpectrogram(Layer):
    """Short-time Fourier transform of sound: one convolution whose kernels are windowed cosines and sines.

    Args:
        mode: `"log"` of the magnitude, `"magnitude"`, `"psd"` (its square), `"real"`, `"imag"`, `"angle"`, or
            `"stft"`: real and imaginary parts one after the other.
        frame_length: samples per frame.
        frame_step: samples between frames; default: half a frame.
        fft_length: samples per transform, at least `frame_length`; default: the next power of two.
        window: a name that `scipy.signal.get_window` knows, or None.
        periodic: whether the window is periodic instead of symmetric.
        scaling: `"density"`, `"spectrum"` or None; see `initializers.STFT`.
        padding: `"valid"` or `"same"`.
        expand_dims: give frequencies an axis of their own.
        data_format: `"channels_last"` or `"channels_first"`; None: as `config.set_image_data_format` says.
        **options: name, dtype, trainable, ...: as in `Layer`.

    Raises:
        ValueError: for a `frame_step` above `frame_length`, an `fft_length` below it, an unknown window, or sound
            shorter than a frame.

    Example:

    >>> import numpy as np
    >>> STFTSpectrogram("magnitude", frame_length=64, fft_length=64)(np.ones((2, 320, 1))).shape
    (2, 9, 33)

    Shapes: (batch, samples, channels) to (batch, frames, channels * bins), with `expand_dims` (batch, frames, bins,
    channels); channels first: (batch, channels, samples) to (batch, channels * bins, frames) or (batch, channels,
    frames, bins). There are `fft_length / 2 + 1` bins. The kernels are weights and train unless frozen.
    """

    mode: str
    frame_length: int
    frame_step: int | None
    fft_length: int | None
    window: str | Sequence[Any] | None
    periodic: bool
    scaling: str | None
    padding: str
    expand_dims: bool
    data_format: str

    def __init__(
        self,
        mode: Mode = "log",
        frame_length: FrameLength = 256,
        frame_step: Size | None = None,
        fft_length: FftLength | None = None,
        window: Window = "hann",
        periodic: bool = False,
        scaling: Scaling = "density",
        padding: Padding = "valid",
        expand_dims: bool = False,
        data_format: DataFormat = None,
        **options: Unpack[LayerOptions],
    ):
        super().__init__(**options)
        who = f"Layer '{self.name}' (STFTSpectrogram)"
        if self.frame_step is not None and self.frame_step > self.frame_length:
            raise ValueError(
                f"{who}: `frame_step` should be a positive integer not greater than `frame_length`. Received:"
                f" frame_step={frame_step}, frame_length={frame_length}"
            )
        if self.fft_length is not None and self.fft_length < self.frame_length:
            raise ValueError(
                f"{who}: `fft_length` should be not less than `frame_length`. Received: fft_length={fft_length},"
                f" frame_length={frame_length}"
            )
        window_values(who, window, self.frame_length)
        self.input_spec: InputSpec = InputSpec(ndim=3)

    @property
    def _step(self) -> int:
        return self.frame_step or max(self.frame_length // 2, 1)

    @property
    def _bins(self) -> int:
        return (self.fft_length or 1 << (self.frame_length - 1).bit_length()) // 2 + 1

    def build(self, input_shape: ShapeLike) -> None:
        self.real_kernel: Variable | None = self._kernel("real") if self.mode != "imag" else None
        self.imag_kernel: Variable | None = self._kernel("imag") if self.mode != "real" else None

    def _kernel(self, side: str) -> Variable:
        initializer = initializers.STFT(side, self.window, self.scaling, self.periodic)
        shape = (self.frame_length, 1, self._bins)
        return self.add_weight(name=f"{side}_kernel", shape=shape, initializer=initializer)

    def call(self, inputs: Tensor) -> Tensor:
        x = jnp.asarray(inputs, self.compute_dtype)
        x = x if self.data_format == "channels_first" else jnp.swapaxes(x, 1, 2)  # (batch, channels, samples)
        if self.compute_output_shape(inputs.shape)[self._frames_axis()] == 0:
            raise ValueError(
                f"Layer '{self.name}' (STFTSpectrogram): expected at least frame_length = {self.frame_length} samples."
                f" Received: shape {tuple(inputs.shape)}. Use a smaller `frame_length`, or padding='same'."
            )
        frames = cut_frames(self._padded(x), self.frame_length, self._step)
        parts = [None if k is None else frames @ k.value[:, 0] for k in (self.real_kernel, self.imag_kernel)]
        return self._arranged(self._outputs(*parts))

    def _padded(self, x: Tensor) -> Tensor:
        if self.padding == "valid":
            return x
        frames = -(-x.shape[-1] // self._step)
        missing = max((frames - 1) * self._step + self.frame_length - x.shape[-1], 0)
        return jnp.pad(x, [(0, 0), (0, 0), (missing // 2, missing - missing // 2)])

    def _outputs(self, real: Any, imag: Any) -> Tensor:
        if self.mode in ("real", "imag"):
            return real if self.mode == "real" else imag
        if self.mode == "angle":
            return jnp.arctan2(imag, real)
        if self.mode == "stft":
            return jnp.concatenate([real, imag], -1)
        power = real**2 + imag**2
        if self.mode == "psd":  # of both sides: each bin but the first and the last stands for two frequencies
            return power.at[..., 1:-1].multiply(2)
        # The root of zero has no slope.
        magnitude = jnp.sqrt(jnp.maximum(power, jnp.finfo(power.dtype).eps))
        return jnp.log(magnitude) if self.mode == "log" else magnitude

    def _arranged(self, x: Tensor) -> Tensor:
        """From (batch, channels, frames, bins) to the documented layout."""
        if self.data_format == "channels_first":
            return x if self.expand_dims else jnp.swapaxes(x, 2, 3).reshape(x.shape[0], -1, x.shape[2])
        if self.expand_dims:
            return jnp.moveaxis(x, 1, 3)
        return jnp.swapaxes(x, 1, 2).reshape(x.shape[0], x.shape[2], -1)

    def _frames_axis(self) -> int:
        return 2 if self.data_format == "channels_first" else 1

    def compute_output_shape(self, input_shape: ShapeLike) -> Shape:
        first = self.data_format == "channels_first"
        batch, samples, channels = (input_shape[i] for i in ((0, 2, 1) if first else (0, 1, 2)))
        frames = samples
        if samples is not None:
            usable = samples if self.padding == "same" else max(samples - self.frame_length + 1, 0)
            frames = -(-usable // self._step)
        bins = self._bins * (2 if self.mode == "stft" else 1)
        if self.expand_dims:
            return (batch, channels, frames, bins) if first else (batch, frames, bins, channels)
        width = None if channels is None else channels * bins
        return (batch, width, frames) if first else (batch, frames, width)
