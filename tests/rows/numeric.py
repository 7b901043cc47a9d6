"""Rows of the layers that prepare numbers and sound."""

from __future__ import annotations

from tests.layer_table import Row


def stft(tolerance=1e-5, **arguments):
    first = arguments.get("data_format") == "channels_first"
    shape, unknown = ((2, 2, 50), (2,)) if first else ((2, 50, 2), (1,))
    settings = {"frame_length": 12, **arguments}
    return Row("STFTSpectrogram", settings, shape, unknown=unknown, mixed=False, tolerance=tolerance)


ROWS = [
    Row("Normalization", {"mean": [1.0, 2.0, 3.0], "variance": [4.0, 1.0, 0.5]}, (2, 3)),
    Row("Normalization", {"mean": 1.5, "variance": 4.0, "invert": True, "axis": 1}, (2, 3, 2)),
    Row("Discretization", {"bin_boundaries": [-0.5, 0.0, 1.0]}, (3, 4), unknown=(1,)),
    Row("Discretization", {"bin_boundaries": [1, 3], "output_mode": "one_hot"}, (3, 1), dtype="int32", mixed=False),
    Row("Discretization", {"bin_boundaries": [0.0], "output_mode": "multi_hot"}, (3, 4)),
    Row("Discretization", {"bin_boundaries": [0.0, 0.5], "output_mode": "count"}, (3, 4)),
    Row("CategoryEncoding", {"num_tokens": 5}, (3, 4), dtype="int32", mixed=False),
    Row("CategoryEncoding", {"num_tokens": 5, "output_mode": "one_hot"}, (3, 4), dtype="int32", mixed=False),
    Row("CategoryEncoding", {"num_tokens": 5, "output_mode": "one_hot"}, (3, 1), dtype="int32", mixed=False),
    Row("CategoryEncoding", {"num_tokens": 4, "output_mode": "count"}, (3, 4), dtype="int32", mixed=False),
    Row("MelSpectrogram", {"fft_length": 16, "sequence_stride": 5, "num_mel_bins": 4}, (2, 40), unknown=(1,)),
    Row(
        "MelSpectrogram",
        {
            "fft_length": 32,
            "sequence_length": 20,
            "sequence_stride": 8,
            "num_mel_bins": 6,
            "max_freq": 4000.0,
            "power_to_db": False,
            "window": "hamming",
            "mag_exp": 1.5,
        },
        (2, 60),
    ),
    stft(),
    stft(mode="magnitude", padding="same", frame_step=5),
    # Its gradients are sums of numbers around 100 that cancel here and there: with AVX-512 one is off by 1.2e-5.
    stft(mode="psd", data_format="channels_first", expand_dims=True, tolerance=2e-5),
    stft(mode="real", expand_dims=True, scaling="spectrum"),
    stft(mode="imag", window=None, scaling=None),
    stft(mode="stft", data_format="channels_first", fft_length=32, periodic=True),
    stft(mode="angle"),
]
