"""Artifacts that are whole or absent, be they one file, several, or a folder."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path as FilePath

from ..core.types import Path


@contextmanager
def staged(path: Path, make_parents: bool = False) -> Iterator[FilePath]:
    """The artifact's place while it is written and tried: a path of the same name in a new folder beside.

    When the block ends without an error, all that stands in that folder goes beside `path`, in place of what was there;
    otherwise nothing has changed.

    Args:
        make_parents: make the folders above, as is usual for artifacts that are folders.

    Raises:
        OSError: if the folder does not exist, or cannot be written to.
    """
    target = FilePath(os.path.realpath(os.fspath(path)))
    if make_parents:
        target.parent.mkdir(parents=True, exist_ok=True)
    if not target.parent.is_dir():
        raise FileNotFoundError(
            f"the folder to export into does not exist; make it first: os.makedirs({str(target.parent)!r})"
        )
    folder = target.parent / f".sequax-{secrets.token_hex(8)}.tmp"
    folder.mkdir()
    try:
        yield folder / target.name
        for part in sorted(folder.iterdir()):
            _settle(part)
            _move(part, target.parent / part.name, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _move(part: FilePath, place: FilePath, folder: FilePath) -> None:
    """Put a file or folder into its place; a folder that is there goes away only when the new one stands."""
    if not place.is_symlink() and (place.is_dir() or (part.is_dir() and place.exists())):
        old = folder / f"{secrets.token_hex(8)}.old"
        os.replace(place, old)
        try:
            os.replace(part, place)
        except BaseException:
            os.replace(old, place)
            raise
    else:
        os.replace(part, place)


def _settle(part: FilePath) -> None:
    """Bring what was written to the disk."""
    for file in [part] if part.is_file() else filter(FilePath.is_file, part.rglob("*")):
        number = os.open(file, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)
