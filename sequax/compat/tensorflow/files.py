"""`tf.io` and `tf.audio`: files, pictures by Pillow, sound by the module `wave`.

Decoded pictures stay with NumPy (`values.HostTensor`): those of a folder have many sizes, and each would be a program
of its own.
"""

from __future__ import annotations

import glob
import io
import os
import shutil
import wave
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, SupportsInt

import jax
import jax.numpy as jnp
import numpy as np

from ...core import dtypes
from ...core.needed import needed
from ...core.types import ArrayLike, DTypeLike
from .member import Member
from .serving import Table
from .texts import to_number
from .values import AnyTensor, HostTensor, StringTensor, Text, as_dtype, bytes_of, tensor, text_of

MEMBERS = Table()
FileName = Text | os.PathLike[str]


def path_of(name: FileName) -> str:
    return name.__fspath__() if isinstance(name, os.PathLike) else text_of(name)


@MEMBERS.serve("io.read_file", "read_file")
def read_file(filename: FileName) -> StringTensor:
    with open(path_of(filename), "rb") as file:
        return StringTensor(np.array(file.read(), object))


@MEMBERS.serve("io.write_file", "write_file")
def write_file(filename: FileName, contents: Text) -> None:
    os.makedirs(os.path.dirname(path_of(filename)) or ".", exist_ok=True)
    with open(path_of(filename), "wb") as file:
        file.write(bytes_of(contents))


@MEMBERS.serve("io.matching_files", "matching_files")
def matching_files(pattern: ArrayLike) -> StringTensor:
    patterns = [text_of(one) for one in np.ravel(np.asarray(pattern, object))]
    return StringTensor(sorted({name for one in patterns for name in glob.glob(one)}))


# --- pictures -------------------------------------------------------------------------------------------------------

_MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}


def _opened(contents: Text, kind: str) -> Any:
    pictures = needed("PIL.Image", f"tensorflow.io.decode_{kind}")
    try:
        return pictures.open(io.BytesIO(bytes_of(contents)))
    except Exception as error:
        raise ValueError(f"tensorflow.io.decode_{kind}: these bytes are no picture. {error}") from None


def _pixels(picture: Any, channels: int, dtype: DTypeLike) -> HostTensor:
    """A picture as `(rows, columns, channels)`; 0 channels: as many as it has."""
    if channels not in (0, *_MODES):
        raise ValueError(f"tensorflow.io.decode_image: `channels` must be 0, 1, 3 or 4. Received: {channels}")
    wide = picture.mode.startswith("I")  # 16 bits
    if wide and channels in (0, 1):
        values = np.asarray(picture).astype(np.uint16)
    else:
        if picture.mode in ("P", "1", "CMYK", "YCbCr"):
            bits = picture.mode == "1"
            picture = picture.convert("L" if bits else "RGBA" if "transparency" in picture.info else "RGB")
        values = np.asarray(picture.convert(_MODES[channels]) if channels else picture)
    values = values[..., None] if values.ndim == 2 else values
    return HostTensor(_as_kind(values, str(as_dtype(dtype))))


def _as_kind(values: np.ndarray, dtype: str) -> np.ndarray:
    if values.dtype.name == dtype:
        return np.ascontiguousarray(values)
    most = float(np.iinfo(values.dtype).max)
    if dtypes.is_float(dtype):
        return (values / np.float32(most)).astype(dtypes.jnp_dtype(dtype))
    if dtype == "uint8":
        return (values >> 8).astype(np.uint8)
    return (values.astype(np.uint16) * 257).astype(np.uint16)


@MEMBERS.serve("io.decode_jpeg", "image.decode_jpeg", "decode_jpeg")
def decode_jpeg(
    contents: Text,
    channels: int = 0,
    ratio: int = 1,
    fancy_upscaling: bool = True,
    try_recover_truncated: bool = False,
    acceptable_fraction: float = 1,
    dct_method: str = "",
) -> HostTensor:
    picture = _opened(contents, "jpeg")
    if ratio != 1:
        picture = picture.reduce(ratio)
    return _pixels(picture, int(channels), "uint8")


def _decoder(kind: str) -> None:
    @MEMBERS.serve(f"io.decode_{kind}", f"image.decode_{kind}")
    def decode(contents: Text, channels: int = 0, dtype: DTypeLike = "uint8") -> HostTensor:
        return _pixels(_opened(contents, kind), int(channels), dtype)


for _kind in ("png", "bmp", "webp"):
    _decoder(_kind)


@MEMBERS.serve("io.decode_gif", "image.decode_gif")
def decode_gif(contents: Text) -> HostTensor:
    from PIL import ImageSequence

    frames = ImageSequence.Iterator(_opened(contents, "gif"))
    return HostTensor(np.stack([np.asarray(frame.convert("RGB")) for frame in frames]))


@MEMBERS.serve("io.decode_image", "image.decode_image")
def decode_image(
    contents: Text, channels: SupportsInt | None = 0, dtype: DTypeLike = "uint8", expand_animations: bool = True
) -> HostTensor:
    picture = _opened(contents, "image")
    if picture.format == "GIF" and expand_animations:
        return decode_gif(contents)
    return _pixels(picture, int(channels or 0), dtype)


@MEMBERS.serve("io.decode_and_crop_jpeg", "image.decode_and_crop_jpeg")
def decode_and_crop_jpeg(contents: Text, crop_window: ArrayLike, channels: int = 0) -> HostTensor:
    top, left, height, width = np.asarray(crop_window).tolist()
    return decode_jpeg(contents, channels)[top : top + height, left : left + width]


@MEMBERS.serve("io.is_jpeg", "image.is_jpeg")
def is_jpeg(contents: Text) -> jax.Array:
    return jnp.asarray(bytes_of(contents)[:3] == b"\xff\xd8\xff")


def _encoded(image: ArrayLike, format: str, **options: Any) -> StringTensor:
    from PIL import Image

    values = np.asarray(image).view(np.ndarray)
    values = values[..., 0] if values.shape[-1] == 1 else values
    written = io.BytesIO()
    Image.fromarray(values).save(written, format, **options)
    return StringTensor(np.array(written.getvalue(), object))


@MEMBERS.serve("io.encode_jpeg", "image.encode_jpeg")
def encode_jpeg(image: ArrayLike, format: str = "", quality: int = 95, **options: object) -> StringTensor:
    return _encoded(image, "JPEG", quality=int(quality))


@MEMBERS.serve("io.encode_png", "image.encode_png")
def encode_png(image: ArrayLike, compression: int = -1) -> StringTensor:
    return _encoded(image, "PNG", **({"compress_level": compression} if compression >= 0 else {}))


@MEMBERS.serve("image.adjust_jpeg_quality")
def adjust_jpeg_quality(image: ArrayLike, jpeg_quality: SupportsInt) -> AnyTensor:
    from .colors import convert_image_dtype

    whole = convert_image_dtype(HostTensor(np.asarray(image)), "uint8", saturate=True)
    found = decode_jpeg(encode_jpeg(whole, quality=int(jpeg_quality)))
    return convert_image_dtype(found, np.asarray(image).dtype.name)


# --- sound ----------------------------------------------------------------------------------------------------------


class _Sound(tuple):
    """`audio, sample_rate`."""

    audio = property(lambda self: self[0])
    sample_rate = property(lambda self: self[1])


@MEMBERS.serve("audio.decode_wav")
def decode_wav(contents: Text, desired_channels: int = -1, desired_samples: int = -1) -> _Sound:
    try:
        sound = wave.open(io.BytesIO(bytes_of(contents)))  # noqa: SIM115 - it holds no file
    except (wave.Error, EOFError) as error:
        raise ValueError(f"tensorflow.audio.decode_wav: expected a WAV file of 16-bit PCM. {error}") from None
    if sound.getsampwidth() != 2:
        raise ValueError(
            f"tensorflow.audio.decode_wav: expected 16 bits a sample. Received: {8 * sound.getsampwidth()} bits"
        )
    values = np.frombuffer(sound.readframes(sound.getnframes()), "<i2").reshape(-1, sound.getnchannels())
    samples = values.astype(np.float32) / np.float32(32768)
    if desired_channels not in (-1, samples.shape[1]):
        samples = np.repeat(samples[:, :1], desired_channels, axis=1) if samples.shape[1] == 1 else samples
        samples = samples[:, :desired_channels]
    if desired_samples >= 0:
        samples = samples[:desired_samples]
        samples = np.pad(samples, [(0, desired_samples - len(samples)), (0, 0)])
    return _Sound((HostTensor(samples), HostTensor(np.asarray(sound.getframerate(), np.int32))))


@MEMBERS.serve("audio.encode_wav")
def encode_wav(audio: ArrayLike, sample_rate: SupportsInt) -> StringTensor:
    samples = np.clip(np.rint(np.asarray(audio) * 32767.0), -32768, 32767).astype("<i2")
    written = io.BytesIO()
    with wave.open(written, "wb") as sound:
        sound.setnchannels(samples.shape[1])
        sound.setsampwidth(2)
        sound.setframerate(int(sample_rate))
        sound.writeframes(samples.tobytes())
    return StringTensor(np.array(written.getvalue(), object))


# --- bytes and tables -----------------------------------------------------------------------------------------------


@MEMBERS.serve("io.decode_raw", "decode_raw")
def decode_raw(
    input_bytes: ArrayLike, out_type: DTypeLike, little_endian: bool = True, fixed_length: object = None
) -> jax.Array:
    kind = np.dtype(str(as_dtype(out_type))).newbyteorder("<" if little_endian else ">")
    texts = StringTensor(input_bytes)
    rows = [np.frombuffer(bytes_of(one), kind) for one in texts.reshape(-1)]
    return tensor(np.stack(rows).reshape(*texts.shape, -1).astype(kind.newbyteorder("=")))


@MEMBERS.serve("io.decode_csv", "decode_csv")
def decode_csv(
    records: ArrayLike,
    record_defaults: Sequence[Any],
    field_delim: str = ",",
    use_quote_delim: bool = True,
    na_value: str = "",
    select_cols: Iterable[int] | None = None,
) -> list[AnyTensor]:
    import csv

    texts = StringTensor(records)
    lines = [bytes_of(one).decode() for one in texts.reshape(-1)]
    options: Any = {"quoting": csv.QUOTE_MINIMAL if use_quote_delim else csv.QUOTE_NONE}
    rows = [next(csv.reader([line], delimiter=field_delim, **options)) for line in lines]
    columns = range(len(record_defaults)) if select_cols is None else select_cols
    found = []
    for column, default in zip(columns, record_defaults, strict=True):
        found.append(_column([row[column] for row in rows], default, na_value, texts.shape))
    return found


def _column(texts: list[str], default: Any, na_value: str, shape: tuple[int, ...]) -> AnyTensor:
    typed = isinstance(default, (str, type, np.dtype)) and hasattr(default, "as_numpy_dtype")
    fallback = [] if typed else np.ravel(np.asarray(tensor(default) if np.size(default) else [], object)).tolist()
    kind = as_dtype(default) if typed else as_dtype(tensor(default).dtype)
    missing = [text in ("", na_value) for text in texts]
    if any(missing) and not fallback:
        raise ValueError("tensorflow.io.decode_csv: a field is empty, and its column has no default.")
    filled = [fallback[0] if lost else text for text, lost in zip(texts, missing, strict=True)]
    if kind == "string":
        return StringTensor(filled).reshape(shape)
    return to_number([str(one) for one in filled], kind).reshape(shape)


# --- names of files -------------------------------------------------------------------------------------------------


class GFile:
    """`open`, for local files."""

    def __new__(cls, name: FileName, mode: str = "r") -> Any:
        encoding = None if "b" in mode else "utf-8"
        return open(path_of(name), mode, encoding=encoding)


def _remove_tree(path: FileName) -> None:
    shutil.rmtree(path_of(path))


def _copy(src: FileName, dst: FileName, overwrite: bool = False) -> None:
    if not overwrite and os.path.exists(path_of(dst)):
        raise FileExistsError(f"{path_of(dst)} exists; `overwrite=True` replaces it.")
    shutil.copyfile(path_of(src), path_of(dst))


def _rename(src: FileName, dst: FileName, overwrite: bool = False) -> None:
    if not overwrite and os.path.exists(path_of(dst)):
        raise FileExistsError(f"{path_of(dst)} exists; `overwrite=True` replaces it.")
    os.replace(path_of(src), path_of(dst))


def _glob(pattern: Any) -> list[str]:
    several = pattern if isinstance(pattern, (list, tuple)) else [pattern]
    return sorted({name for one in several for name in glob.glob(path_of(one))})


def _walk(
    top: FileName, topdown: bool = True, onerror: Callable[[OSError], object] | None = None
) -> Iterator[tuple[str, list[str], list[str]]]:
    return os.walk(path_of(top), topdown, onerror)


def _makedirs(path: FileName) -> None:
    os.makedirs(path_of(path), exist_ok=True)


_GFILE: dict[str, tuple[str, Any]] = {
    "exists": ("Exists", lambda path: os.path.exists(path_of(path))),
    "isdir": ("IsDirectory", lambda path: os.path.isdir(path_of(path))),
    "listdir": ("ListDirectory", lambda path: os.listdir(path_of(path))),
    "makedirs": ("MakeDirs", _makedirs),
    "mkdir": ("MkDir", lambda path: os.mkdir(path_of(path))),
    "remove": ("Remove", lambda path: os.remove(path_of(path))),
    "rmtree": ("DeleteRecursively", _remove_tree),
    "copy": ("Copy", _copy),
    "rename": ("Rename", _rename),
    "glob": ("Glob", _glob),
    "stat": ("Stat", lambda path: os.stat(path_of(path))),
    "walk": ("Walk", _walk),
    "join": ("Join", lambda path, *paths: os.path.join(path_of(path), *map(path_of, paths))),
}
MEMBERS |= {
    **{f"io.gfile.{name}": Member(function) for name, (_, function) in _GFILE.items()},
    "io.gfile.get_registered_schemes": Member(lambda: ["", "file"]),
    **{f"gfile.{old}": Member(function) for old, function in _GFILE.values()},
    **dict.fromkeys(("io.gfile.GFile", "gfile.GFile", "gfile.Open", "gfile.FastGFile"), Member(GFile)),
}
