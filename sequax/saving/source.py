"""Where the bytes of a file come from: memory, or a regular local file. Reads are checked against its size."""

from __future__ import annotations

import os
import re
import stat
from types import TracebackType
from typing import BinaryIO

from .errors import LoadError, MissingFileError

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")


class Source:
    """Bytes with a name for messages; `read` never returns fewer bytes than asked for.

    Attributes:
        stored: bytes that they took on the disk: less than `size` for those that were packed.
    """

    def __init__(self, name: str, size: int, data: memoryview | None = None, file: BinaryIO | None = None):
        self.name = name
        self.size = size
        self.stored = size
        self._data, self._file = data, file

    @classmethod
    def of(cls, given: SourceLike, name: str | None = None, stored: int | None = None) -> Source:
        """From bytes or from a path.

        Args:
            stored: of bytes that were packed: the size of the file that they are from.

        Raises:
            LoadError: for a URL, or a path that is no regular file.
            MissingFileError: if there is nothing; it is a FileNotFoundError, too.
        """
        if isinstance(given, Source):
            return given
        if isinstance(given, (bytes, bytearray, memoryview)):
            data = memoryview(given).cast("B")
            found = cls(name or "<bytes>", len(data), data=data)
            found.stored = len(data) if stored is None else stored
            return found
        path = os.fsdecode(os.fspath(given))
        if _URL.match(path):
            raise LoadError(
                f"{path!r}: only local files are read. Download it first, e.g. with `get_file(origin=...)`."
            )
        file = _open_regular(path)
        return cls(name or path, os.fstat(file.fileno()).st_size, file=file)

    def read(self, offset: int, size: int, what: str) -> bytes:
        """`size` bytes from `offset` on.

        Raises:
            LoadError: if they do not lie in the file, which then is damaged or cut off.
        """
        if offset < 0 or size < 0 or offset + size > self.size:
            raise LoadError(
                f"{self.name}: the file is damaged or truncated: {what} should stand at bytes {offset} to"
                f" {offset + size}, but the file has {self.size} bytes."
            )
        if self._data is not None:
            return bytes(self._data[offset : offset + size])
        assert self._file is not None
        self._file.seek(offset)
        data = self._file.read(size)
        if len(data) != size:
            raise LoadError(f"{self.name}: the file became shorter while it was read.")
        return data

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    def __enter__(self) -> Source:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


SourceLike = Source | str | os.PathLike[str] | bytes | bytearray | memoryview


def _open_regular(path: str) -> BinaryIO:
    """Open a regular file; without blocking on a pipe, and without a gap between looking and opening."""
    if os.path.isdir(path):
        raise LoadError(f"{path!r} is a folder. A model or its weights are one file, such as 'model.weights.h5'.")
    flags = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
    try:
        number = os.open(path, flags)
    except FileNotFoundError:
        raise MissingFileError(f"There is no file {path!r}.") from None
    if not stat.S_ISREG(os.fstat(number).st_mode):
        os.close(number)
        raise LoadError(f"{path!r} is no regular file (but a pipe, a device or the like). Copy it to a file first.")
    return os.fdopen(number, "rb")
