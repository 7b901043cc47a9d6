"""Files that are whole or absent.

A file is written under another name beside its place, brought to the disk, read back, and only then given its name, in
one step. Whatever happens before that step - a full disk, an error, a kill - leaves an earlier file as it was.
"""

from __future__ import annotations

import errno
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import BinaryIO

from ..core.types import Path

_CHUNK = 1 << 20
_PREFIX, _SUFFIX = ".sequax-", ".tmp"


def write(path: Path, data: bytes | memoryview) -> None:
    """Make `path` hold exactly `data` (bytes, or anything with a buffer).

    Raises:
        OSError: if that fails; what was at `path` is still there then.
    """
    view = memoryview(data).cast("B")
    with replacing(path) as file:
        file.write(view)
        file.flush()
        _compare(file, view)


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A new file, open for writing and reading, that becomes `path` when the block ends without an error."""
    target = checked_target(path)
    temporary = _beside(target)
    try:
        with _created(temporary, target) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
            _settle_mode(file, target)
        os.replace(temporary, target)
    except BaseException as error:
        with suppress(OSError):
            os.unlink(temporary)
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EFBIG, errno.EDQUOT):
            raise OSError(
                error.errno, f"the disk (or the limit for files) is full; an earlier file is unchanged: {target!r}"
            ) from error
        raise
    _sync_folder(os.path.dirname(target))


def check_writable(path: Path) -> None:
    """Try now what a later save at `path` needs; the file itself is not touched.

    Raises:
        OSError: if a file could not be written there.
    """
    target = checked_target(path)
    temporary = _beside(target)
    try:
        _created(temporary, target).close()
    finally:
        with suppress(OSError):
            os.unlink(temporary)


def remove_leftovers(folder: Path) -> None:
    """Remove what a killed process left half written; only for folders that one process alone writes to."""
    for name in os.listdir(folder):
        if name.startswith(_PREFIX) and name.endswith(_SUFFIX):
            with suppress(OSError):
                os.unlink(os.path.join(os.fspath(folder), name))


def checked_target(path: Path) -> str:
    """The place that is to be written, behind symbolic links.

    Raises:
        OSError: if the folder does not exist, or something that is no file is in the place.
    """
    target = os.path.realpath(os.fsdecode(os.fspath(path)))
    folder = os.path.dirname(target)
    if not os.path.isdir(folder):
        kind = NotADirectoryError if os.path.exists(folder) else FileNotFoundError
        code = errno.ENOTDIR if os.path.exists(folder) else errno.ENOENT
        raise kind(code, f"the folder to save into does not exist; make it first: os.makedirs({folder!r})")
    if os.path.isdir(target):
        raise IsADirectoryError(errno.EISDIR, f"a folder is in the place of the file to save: {target!r}")
    if os.path.exists(target) and not os.path.isfile(target):
        raise OSError(
            errno.EINVAL, f"the place of the file to save is taken by a pipe, a device or the like: {target!r}"
        )
    return target


def _beside(target: str) -> str:
    return os.path.join(os.path.dirname(target), f"{_PREFIX}{secrets.token_hex(8)}{_SUFFIX}")


def _created(temporary: str, target: str) -> BinaryIO:
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0)
    try:
        return os.fdopen(os.open(temporary, flags, 0o666), "w+b")
    except PermissionError as error:
        raise PermissionError(
            error.errno, f"no permission to write into the folder of {target!r}; nothing was saved"
        ) from None
    except OSError as error:
        raise OSError(error.errno, f"cannot write into the folder of {target!r}: {error.strerror}") from None


def _compare(file: BinaryIO, view: memoryview) -> None:
    """Read back what was written."""
    file.seek(0)
    for start in range(0, len(view), _CHUNK):
        part = view[start : start + _CHUNK]
        if file.read(len(part)) != part:
            raise OSError(errno.EIO, "what was written to the disk reads back differently; nothing was saved")
    if file.read(1):
        raise OSError(errno.EIO, "the file on the disk is longer than what was written; nothing was saved")


def _settle_mode(file: BinaryIO, target: str) -> None:
    """The permissions of the file that is replaced."""
    if hasattr(os, "fchmod") and os.path.exists(target):
        with suppress(OSError):
            os.fchmod(file.fileno(), stat.S_IMODE(os.stat(target).st_mode))


def _sync_folder(folder: str) -> None:
    """Bring the new name to the disk, too; where folders cannot be opened (Windows) that is left to the system."""
    with suppress(OSError):
        number = os.open(folder, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0))
        try:
            os.fsync(number)
        finally:
            os.close(number)
