"""Models as folders, `zipped=False`: the members of a `.keras` file as files of their own."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from . import atomic
from .errors import LoadError
from .source import Source
from .zips import MAX_MEMBERS


class Folder:
    """The files in a folder and below it, by their path in it; read like the members of a `Zip`.

    Raises:
        LoadError: for links, and for what is neither a file nor a folder.
    """

    def __init__(self, path: str):
        self.name = path
        self.members: dict[str, int] = {}
        self._paths: Mapping[str, str] = {}  # of those that are elsewhere
        waiting = [""]
        while waiting:
            inner = waiting.pop()
            with os.scandir(os.path.join(path, inner) if inner else path) as entries:
                for entry in entries:
                    name = f"{inner}/{entry.name}" if inner else entry.name
                    if entry.is_symlink() or not (entry.is_file() or entry.is_dir()):
                        raise LoadError(f"{path}: {name!r} is a link, a pipe or the like. Only regular files are read.")
                    if entry.is_dir():
                        waiting.append(name)
                    else:
                        self.members[name] = entry.stat().st_size
                    if len(self.members) + len(waiting) > MAX_MEMBERS:
                        raise LoadError(f"{path}: a folder of more than {MAX_MEMBERS:,} files is no model.")

    @classmethod
    def of(cls, name: str, paths: Mapping[str, str]) -> Folder:
        """Files that lie anywhere, as if they were in one folder: their paths by the names they have in it."""
        made = cls.__new__(cls)
        made.name, made._paths = name, dict(paths)
        made.members = {member: os.stat(path).st_size for member, path in paths.items()}
        return made

    @property
    def size(self) -> int:
        return sum(self.members.values())

    def path_of(self, name: str) -> str:
        """Where a file is."""
        return self._paths.get(name) or os.path.join(self.name, *name.split("/"))

    def read(self, name: str, limit: int) -> bytes:
        """The contents of a file.

        Raises:
            LoadError: if they are longer than `limit`.
        """
        with Source.of(self.path_of(name)) as source:
            if source.size > limit:
                raise LoadError(f"{self.name}: {name} has {source.size:,} bytes, where {limit:,} are allowed.")
            return source.read(0, source.size, name)


def write(path: str, members: Mapping[str, Any], marks: tuple[str, ...]) -> None:
    """Make `path` a folder of these files, whole or not at all.

    Args:
        marks: files by which an earlier folder at `path` is known as a model; another one is not replaced.

    Raises:
        FileExistsError: if there is something else at `path`.
        OSError: if the files cannot be written; what was at `path` is still there then.
    """
    path = os.path.abspath(path)
    if os.path.lexists(path) and not all(os.path.isfile(os.path.join(path, name)) for name in marks):
        raise FileExistsError(f"{path!r} exists and is no folder of a model. Pass another path.")
    stem = os.path.join(os.path.dirname(path), f".sequax-{secrets.token_hex(6)}")
    made, old = f"{stem}.new.tmp", f"{stem}.old.tmp"
    try:
        for name, data in members.items():
            file = os.path.join(made, *name.split("/"))
            os.makedirs(os.path.dirname(file), exist_ok=True)
            atomic.write(file, data)
        if os.path.lexists(path):
            os.rename(path, old)
        try:
            os.rename(made, path)
        except BaseException:
            with suppress(OSError):
                os.rename(old, path)
            raise
    finally:
        for folder in (made, old):
            shutil.rmtree(folder, ignore_errors=True)
