"""Unpacking archives that come from elsewhere: nothing is written outside of the folder, and nothing is run.

An archive names its own members, so each name is checked: no absolute paths, no `..`, no devices, no links to places
outside. What it unpacks to is limited, since a few kilobytes may unpack to terabytes. The folder appears as a whole,
when everything in it is there, or not at all.
"""

from __future__ import annotations

import gzip
import io
import lzma
import os
import secrets
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import PurePosixPath, PureWindowsPath
from typing import IO, Any, NamedTuple

FORMATS = ("tar", "zip")

# Text packs to about a twentieth; what packs to less than this is no data.
_MOST_PER_BYTE = 200
_ALWAYS_ALLOWED = 2**30
_MEMBER_BYTES = 512  # what even an empty file counts, so that there cannot be billions of them
_PART = 2**20
_DAMAGES = (
    tarfile.TarError,
    zipfile.BadZipFile,
    gzip.BadGzipFile,
    lzma.LZMAError,
    zlib.error,
    EOFError,
    NotImplementedError,  # a way of packing that Python does not know
    RuntimeError,  # encrypted
    FileExistsError,  # a name for a file and a folder at once
    IsADirectoryError,
    NotADirectoryError,
)


class UnsafeArchiveError(ValueError):
    """An archive with members that would be written elsewhere, or that are too large."""


class Member(NamedTuple):
    """One entry of an archive: a file, a folder, or a link (`target`)."""

    name: str
    kind: str  # "file", "folder", "link", "hard link" or what else it is
    target: str = ""
    open: Callable[[], Any] = io.BytesIO  # a file's bytes


def detected(path: str, formats: Iterable[str]) -> str | None:
    """Which of the formats a file has."""
    tests = {"tar": tarfile.is_tarfile, "zip": zipfile.is_zipfile}
    for name in formats:
        if name not in tests:
            raise NotImplementedError(f"Archives are of the formats {FORMATS}. Received: {name!r}")
        if tests[name](path):
            return name
    return None


def unpack(path: str, folder: str, format: str, limit: int | None = None) -> None:
    """Unpack an archive into a folder, which is replaced if it exists.

    Args:
        path: of the archive.
        folder: to make.
        format: `"tar"` (also packed by gzip, bzip2 or xz) or `"zip"`.
        limit: bytes that it may take; default: 200 times the archive (but 1 GiB at least), within the free space.

    Raises:
        UnsafeArchiveError: for names that lead out of the folder, special files, and too many bytes. Nothing is left.
        ValueError: for a damaged archive.
    """
    parent = os.path.dirname(os.path.abspath(folder))
    allowed = max(_ALWAYS_ALLOWED, _MOST_PER_BYTE * os.path.getsize(path)) if limit is None else limit
    allowed = min(allowed, shutil.disk_usage(parent).free)
    building = os.path.join(parent, f".{os.path.basename(folder)}.{secrets.token_hex(8)}.part")
    os.mkdir(building)
    try:
        with tarfile.open(path, "r:*") if format == "tar" else zipfile.ZipFile(path) as archive:
            members = _tar_members(archive) if isinstance(archive, tarfile.TarFile) else _zip_members(archive)
            _write(members, building, allowed)
        _put_in_place(building, folder)
    except _DAMAGES as error:
        raise ValueError(f"The archive {path} cannot be unpacked: {error}. Remove it and download it again.") from None
    finally:
        shutil.rmtree(building, ignore_errors=True)


def _tar_members(archive: tarfile.TarFile) -> Iterator[Member]:
    for one in archive:
        kind = "file" if one.isreg() else "folder" if one.isdir() else "link" if one.issym() else "special file"
        yield Member(one.name, "hard link" if one.islnk() else kind, one.linkname, partial(archive.extractfile, one))


def _zip_members(archive: zipfile.ZipFile) -> Iterator[Member]:
    for info in archive.infolist():
        mode = stat.S_IFMT(info.external_attr >> 16)  # 0 where the archive was not made on Unix
        if info.is_dir():
            yield Member(info.filename, "folder")
        elif mode == stat.S_IFLNK:
            yield Member(info.filename, "link", archive.read(info).decode() if info.file_size < 4096 else "")
        else:
            kind = "file" if mode in (0, stat.S_IFREG) else "special file"
            yield Member(info.filename, kind, "", partial(archive.open, info))


def _write(members: Iterable[Member], folder: str, limit: int) -> None:
    links, left = [], limit
    for member in members:
        left -= _MEMBER_BYTES
        place = os.path.join(folder, *_safe_parts(member.name))
        if member.kind == "folder":
            os.makedirs(place, exist_ok=True)
        elif member.kind == "file":
            os.makedirs(os.path.dirname(place), exist_ok=True)
            with member.open() as source:
                left = _copy(source, place, left, limit)
        elif member.kind == "hard link":
            original = os.path.join(folder, *_safe_parts(member.target))
            os.makedirs(os.path.dirname(place), exist_ok=True)
            if not os.path.isfile(original):
                raise UnsafeArchiveError(f"The archive links {member.name!r} to {member.target!r}, which is not in it.")
            with open(original, "rb") as source:
                left = _copy(source, place, left, limit)
        elif member.kind == "link":
            links.append((member, place))
        else:
            raise UnsafeArchiveError(
                f"The archive holds a special file, {member.name!r}; only files and folders can be."
            )
        if left < 0:
            _refuse_size(limit)
    # After all files, so that none is written through a link.
    for member, place in links:
        _link(member, place, folder)
    for member, place in links:  # once more: a link may lead through one that came after it
        _check_inside(member, os.path.realpath(place), folder)


def _safe_parts(name: str) -> list[str]:
    path, windows = PurePosixPath(name.replace("\\", "/")), PureWindowsPath(name)
    parts = [part for part in path.parts if part != "."]
    if path.is_absolute() or windows.anchor or ".." in parts or "\0" in name:
        raise UnsafeArchiveError(
            f"The archive holds {name!r}, which leads out of the folder that it is unpacked to. Nothing was unpacked."
        )
    return parts


def _copy(source: IO[bytes], place: str, left: int, limit: int) -> int:
    with open(place, "wb") as target:
        while part := source.read(_PART):
            left -= len(part)
            if left < 0:
                _refuse_size(limit)
            target.write(part)
    return left


def _refuse_size(limit: int) -> None:
    raise UnsafeArchiveError(
        f"The archive unpacks to more than {limit:,} bytes: more than such an archive holds, or than there is room for."
        f" Nothing was unpacked. If it is right, make room, or unpack it yourself."
    )


def _link(member: Member, place: str, folder: str) -> None:
    beside = os.path.dirname(place)
    _check_inside(member, os.path.realpath(beside), folder)
    if os.path.isabs(member.target) or PureWindowsPath(member.target).anchor or not member.target:
        _refuse_link(member)
    _check_inside(member, os.path.realpath(os.path.join(beside, member.target)), folder)
    os.makedirs(beside, exist_ok=True)
    os.symlink(member.target, place)


def _check_inside(member: Member, path: str, folder: str) -> None:
    root = os.path.realpath(folder)
    if os.path.commonpath([root, path]) != root:
        _refuse_link(member)


def _refuse_link(member: Member) -> None:
    raise UnsafeArchiveError(
        f"The archive links {member.name!r} to {member.target!r}, outside of the folder that it is unpacked to. Nothing"
        f" was unpacked."
    )


def _put_in_place(building: str, folder: str) -> None:
    old = f"{building}.old"
    if os.path.lexists(folder):
        os.rename(folder, old)
    os.rename(building, folder)
    if os.path.isdir(old) and not os.path.islink(old):
        shutil.rmtree(old, ignore_errors=True)
    elif os.path.lexists(old):
        os.remove(old)
