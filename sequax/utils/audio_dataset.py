"""`audio_dataset_from_directory`: wave files as batches of arrays."""

from __future__ import annotations

import wave
from collections.abc import Sequence
from functools import partial

import numpy as np

from ..core.types import Path
from .folders import FolderDataset, Labels, Request, datasets
from .resample import resize_axis


def audio_dataset_from_directory(
    directory: Path,
    labels: Labels = "inferred",
    label_mode: str | None = "int",
    class_names: Sequence[str] | None = None,
    batch_size: int | None = 32,
    sampling_rate: int | None = None,
    output_sequence_length: int | None = None,
    ragged: bool = False,
    shuffle: bool = True,
    seed: int | None = None,
    validation_split: float | None = None,
    subset: str | None = None,
    follow_links: bool = False,
    verbose: bool = True,
) -> FolderDataset | tuple[FolderDataset, FolderDataset]:
    """Sounds of a folder (`.wav`, 8 to 32 bits) as batches, read when they are asked for.

    Args:
        sampling_rate: samples per second to convert all files to; default: as they are.
        output_sequence_length: samples of each sound, longer ones are cut and shorter ones filled with zeros; default:
            those of the longest sound in the batch.
        ragged: False; batches are dense arrays.
        directory: the folder, with one sub-folder for each class.
        labels: "inferred" from the sub-folders, None, or a list of one per file in the order of the sorted paths.
        label_mode: "int", "categorical" (one-hot), "binary" (0 or 1) or None.
        class_names: names of the sub-folders, in the order that gives the classes their numbers; default: sorted.
        batch_size: samples per batch; None: single samples.
        shuffle: mix the files, differently for each pass.
        seed: whole number that fixes the order.
        validation_split: fraction of the files kept apart, from 0 to 1.
        subset: "training", "validation" or "both", with `validation_split`.
        follow_links: go into linked folders, too.
        verbose: print how many files there are.

    Returns:
        A `PyDataset` of `(sounds, labels)`, or of sounds: float32 from -1 to 1, `(batch, samples, channels)`. It has
        `class_names` and `file_paths`.

    Raises:
        ValueError: for arguments that do not fit, for a folder without sounds, for files of unequal channels in one
            batch, and for a file that is no such sound.
        FileNotFoundError: if there is no such folder.
    """
    if ragged and output_sequence_length is not None:
        raise ValueError("Cannot set both `ragged` and `output_sequence_length`")
    if ragged:
        raise ValueError(
            "audio_dataset_from_directory: `ragged=True` is not supported; batches are dense arrays. Leave it out"
            " (shorter sounds get zeros at their end), or set `output_sequence_length`."
        )
    for name, value in (("sampling_rate", sampling_rate), ("output_sequence_length", output_sequence_length)):
        if value is None:
            continue
        if isinstance(value, bool) or not hasattr(value, "__index__"):
            raise ValueError(f"`{name}` should have an integer value. Received: {name}={value!r}")
        if value <= 0:
            raise ValueError(f"`{name}` should be higher than 0. Received: {name}={value}")
    read = partial(_read, sampling_rate=sampling_rate, length=output_sequence_length)
    request = Request(
        directory, labels, label_mode, class_names, batch_size, shuffle, seed, validation_split, subset, follow_links,
        verbose,
    )  # fmt: skip
    return datasets(request, (".wav",), "audio", read, _join)


def _read(path: str, sampling_rate: int | None, length: int | None) -> np.ndarray:
    sound, rate = read_wave(path)
    if sampling_rate is not None and rate != sampling_rate and len(sound):
        sound = resize_axis(sound, 0, max(1, round(len(sound) * sampling_rate / rate)), "lanczos5", antialias=True)
    return sound if length is None else _fitted(sound, length)


def read_wave(path: str) -> tuple[np.ndarray, int]:
    """A wave file as float32 from -1 to 1, `(samples, channels)`, and its samples per second.

    Raises:
        ValueError: for what is no wave file of whole numbers.
    """
    try:
        with wave.open(path, "rb") as file:
            channels, width, rate = file.getnchannels(), file.getsampwidth(), file.getframerate()
            data = file.readframes(file.getnframes())
    except (wave.Error, EOFError) as error:
        raise ValueError(
            f"Audio file {path} cannot be read: {error or 'it is cut off'}. Expected a .wav file with samples of 8, 16,"
            f" 24 or 32 bits (PCM); convert it, e.g. with `ffmpeg -i in.wav -c:a pcm_s16le out.wav`."
        ) from None
    samples = _decoded(data[: len(data) // (width * channels) * width * channels], width)
    return samples.reshape(-1, channels), rate


def _decoded(data: bytes, width: int) -> np.ndarray:
    if width == 1:  # unsigned, unlike the others
        return (np.frombuffer(data, np.uint8).astype("float32") - 128) / 128
    if width == 3:
        padded = np.zeros((len(data) // 3, 4), np.uint8)
        padded[:, 1:] = np.frombuffer(data, np.uint8).reshape(-1, 3)
        return (padded.view("<i4")[:, 0] / 2.0**31).astype("float32")
    return (np.frombuffer(data, f"<i{width}") / 2.0 ** (8 * width - 1)).astype("float32")


def _fitted(sound: np.ndarray, length: int) -> np.ndarray:
    return np.pad(sound[:length], ((0, max(0, length - len(sound))), (0, 0)))


def _join(sounds: list[np.ndarray]) -> np.ndarray:
    channels = sorted({sound.shape[1] for sound in sounds})
    if len(channels) > 1:
        raise ValueError(
            f"A batch holds sounds of {' and '.join(map(str, channels))} channels, which do not fit one array. Convert"
            f" all files to the same number of channels."
        )
    longest = max(map(len, sounds))
    return np.stack([_fitted(sound, longest) for sound in sounds])
