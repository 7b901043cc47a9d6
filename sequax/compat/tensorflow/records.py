"""Files of records (TFRecord): a record is any bytes, behind its length and followed by a checksum."""

from __future__ import annotations

import gzip
import os
import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import IO, Any, Self

from ...callbacks import event_records
from ...data.pipeline import files
from ...data.pipeline.dataset import Dataset
from .files import FileName, path_of
from .member import Member
from .values import Text, bytes_of

_PIECE = 16 * 2**20  # of a record that is read at once: a length may be a lie


def read_records(path: str, compression: str | None = None, checks: bool = True) -> Iterator[bytes]:
    """The records of a file.

    Args:
        checks: whether the checksums of the data are compared, those of the lengths always are.

    Raises:
        ValueError: for a file of another kind, one that ends early, and checksums that do not fit.
    """
    number = 0
    try:
        with files.opened(path, compression) as file:
            while head := file.read(12):
                what = f"{path}, record {number}"
                if len(head) < 12 or event_records.checksum(head[:8]) != head[8:]:
                    hint = "" if compression else ", or it is compressed: compression_type='GZIP'"
                    raise ValueError(
                        f"{what}: its length does not fit its checksum. The file is damaged, of another kind{hint}."
                    )
                data = _exactly(file, struct.unpack("<Q", head[:8])[0] + 4, what)
                if checks and event_records.checksum(data[:-4]) != data[-4:]:
                    raise ValueError(f"{what}: the data does not fit its checksum. The file is damaged.")
                yield data[:-4]
                number += 1
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ValueError(f"{path} is no whole file with compression_type={compression!r}: {error}.") from None


def _exactly(file: IO[bytes], length: int, what: str) -> bytes:
    parts, missing = [], length
    while missing:
        part = file.read(min(missing, _PIECE))
        if not part:
            raise ValueError(
                f"{what}: {length} bytes were announced, and {length - missing} are there. The file ends early."
            )
        parts.append(part)
        missing -= len(part)
    return b"".join(parts)


class RecordFiles(files.Files):
    """The records of files. Checksums of data are compared in the first pass alone."""

    title = "TFRecordDatasetV2"

    def __init__(self, paths: Callable[[], Sequence[str]], compression: str | None):
        super().__init__(paths, compression)
        self._sound: set[tuple[str, int, int]] = set()

    def texts(self, path: str) -> Iterator[bytes]:
        about = os.stat(path)
        known = path, about.st_size, about.st_mtime_ns
        yield from read_records(path, self.compression, checks=known not in self._sound)
        self._sound.add(known)


class TFRecordDataset(Dataset):
    """The records of files."""

    def __init__(
        self,
        filenames: Any,
        compression_type: str | None = None,
        buffer_size: object = None,
        num_parallel_reads: object = None,
        name: str | None = None,
    ):
        super().__init__(RecordFiles(lambda: files.paths_of(filenames), _compression(compression_type)))


def _compression(options: Any) -> str | None:
    """The compression that options, or a text, name."""
    kind = getattr(options, "compression_type", options)
    if kind is None:
        return None
    kind = bytes_of(kind).decode().upper()
    if kind not in ("", "GZIP", "ZLIB"):
        raise ValueError(f"compression_type must be '', 'GZIP' or 'ZLIB'. Received: {kind!r}")
    return kind or None


class TFRecordCompressionType:
    """Old names of the compressions."""

    NONE, ZLIB, GZIP = "", "ZLIB", "GZIP"


class TFRecordOptions:
    """How records are compressed; the rest has no effect."""

    def __init__(self, compression_type: object = None, *args: object, **kwargs: object):
        self.compression_type = _compression(compression_type) or ""

    @classmethod
    def get_compression_type_string(cls, options: object) -> str:
        return _compression(options) or ""


class TFRecordWriter:
    """Writes a file of records."""

    def __init__(self, path: FileName, options: object = None):
        kind = _compression(options)
        self._file = open(path_of(path), "wb")  # noqa: SIM115 - closed by `close`
        self._packed: Any = gzip.GzipFile(fileobj=self._file, mode="wb") if kind == "GZIP" else None
        self._zlib = zlib.compressobj() if kind == "ZLIB" else None

    def write(self, record: Text) -> None:
        if isinstance(record, str) or not (isinstance(record, bytes) or hasattr(record, "__bytes__")):
            raise TypeError(
                f"TFRecordWriter.write: expected bytes, such as `example.SerializeToString()`. Received:"
                f" {record!r:.60} ({type(record).__name__})"
            )
        data = event_records.frame(bytes_of(record))
        if self._zlib is not None:
            data = self._zlib.compress(data)
        (self._packed or self._file).write(data)

    def flush(self) -> None:
        if self._packed is not None:
            self._packed.flush()
        if self._zlib is not None:
            self._file.write(self._zlib.flush(zlib.Z_SYNC_FLUSH))
        self._file.flush()

    def close(self) -> None:
        if self._file.closed:
            return
        if self._packed is not None:
            self._packed.close()
        if self._zlib is not None:
            self._file.write(self._zlib.flush())
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def __del__(self) -> None:
        if hasattr(self, "_file"):
            self.close()


class DatasetRecordWriter:
    """`tf.data.experimental.TFRecordWriter`: writes the elements of a data set of texts, each as a record."""

    def __init__(self, filename: Any, compression_type: str | None = None):
        self._file = filename, TFRecordOptions(compression_type)

    def write(self, dataset: Any) -> None:
        with TFRecordWriter(*self._file) as writer:
            for record in dataset:
                writer.write(bytes_of(record.numpy()))


def tf_record_iterator(path: FileName, options: object = None) -> Iterator[bytes]:
    return read_records(path_of(path), _compression(options))


_MEMBERS: dict[str, Any] = {
    "TFRecordWriter": TFRecordWriter,
    "TFRecordOptions": TFRecordOptions,
    "TFRecordCompressionType": TFRecordCompressionType,
    "tf_record_iterator": tf_record_iterator,
}
MEMBERS: dict[str, Member] = {
    "data.experimental.TFRecordWriter": Member(DatasetRecordWriter),
    "data.TFRecordDataset": Member(TFRecordDataset),
    **{f"{place}.{name}": Member(value) for place in ("io", "python_io") for name, value in _MEMBERS.items()},
}
