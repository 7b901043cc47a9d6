"""`.keras` files: a zip of the config, the weights, and what layers keep in files of their own.

config.json         the model as `model.to_json()` gives it
metadata.json       which Keras wrote it, and when
model.weights.h5    weights, and the state of the optimizer
assets/...          vocabularies that were learned
sequax.json         a SHA-256 of each other member; Keras passes over it
"""

from __future__ import annotations

import datetime
import errno
import hashlib
import json
import os
import zipfile
from collections.abc import Collection, Mapping
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from .._version import __version__
from ..core import budget, schema
from ..core.catalogue import serialize
from ..core.custom_objects import custom_object_scope
from ..core.errors import LoadError
from ..core.types import Path
from . import assets, atomic, config, folders, weights
from .folders import Folder
from .source import Source
from .zips import Zip

if TYPE_CHECKING:
    from ..core.layer import Layer
    from ..model import Model

KERAS_VERSION = "3.15.1"  # whose format this is

CONFIG, METADATA, WEIGHTS, CHECKSUMS = "config.json", "metadata.json", "model.weights.h5", "sequax.json"
_MEGABYTE = budget.MEGABYTE
_LIMITS = {METADATA: _MEGABYTE, CHECKSUMS: 4 * _MEGABYTE}
_FREE = 8 * _MEGABYTE  # what a small file may unpack to; models of Keras are not packed at all


# --- writing ---


def save(model: Layer, path: Path, include_optimizer: bool = True, zipped: bool = True) -> None:
    """Write a model to a `.keras` file, or to a folder, whole or not at all."""
    members = _members(model, include_optimizer)
    members[CHECKSUMS] = json.dumps(
        {"sequax_version": __version__, "sha256": {name: _digest(data) for name, data in members.items()}}
    ).encode()
    if not zipped:
        folders.write(os.fsdecode(path), members, (CONFIG, WEIGHTS))
        return
    with atomic.replacing(path) as file:
        with zipfile.ZipFile(file, "w") as archive:
            for name, data in members.items():
                entry = zipfile.ZipInfo(name)
                entry.external_attr = 0o600 << 16
                archive.writestr(entry, data)
        file.flush()
        _compare(Zip(Source(os.fsdecode(path), file.seek(0, os.SEEK_END), file=file)), members)


def _compare(written: Zip, members: Mapping[str, bytes | memoryview]) -> None:
    """Read back what was written."""
    for name, data in members.items():
        left = memoryview(data).cast("B")
        for piece in written.pieces(name):
            if piece != left[: len(piece)]:
                raise OSError(errno.EIO, f"{name} reads back from the disk differently; nothing was saved")
            left = left[len(piece) :]
        if left:
            raise OSError(errno.EIO, f"{name} is incomplete on the disk; nothing was saved")


def _members(model: Layer, include_optimizer: bool) -> dict[str, bytes | memoryview]:
    now = datetime.datetime.now().strftime("%Y-%m-%d@%H:%M:%S")
    return {
        METADATA: json.dumps({"keras_version": KERAS_VERSION, "date_saved": now}).encode(),
        CONFIG: json.dumps(serialize(model)).encode(),
        **assets.of(model),
        WEIGHTS: memoryview(weights.weights_bytes(model, include_optimizer)).cast("B"),
    }


def _digest(data: bytes | memoryview) -> str:
    return hashlib.sha256(data).hexdigest()


# --- reading ---


class Archive:
    """An open `.keras` file, or the folder of a model, whose list of members was checked.

    Raises:
        LoadError: if it is no such file.
    """

    def __init__(self, source: Source | Folder):
        self.source = source
        self.zip: Folder | Zip = source if isinstance(source, Folder) else Zip(source)
        self.name: str = source.name
        self._left = budget.of_file(source.size, 4, _FREE)  # what all members together may take
        self._limits = {**_LIMITS, CONFIG: min(config.MAX_BYTES, 2 * source.size + 4 * _MEGABYTE)}
        for name in self.zip.members:
            if name not in (CONFIG, METADATA, WEIGHTS, CHECKSUMS) and not name.startswith("assets/"):
                raise LoadError(f"{self.name}: unknown member {name[:80]!r}; files of Keras have no such member.")
        for name in (CONFIG, WEIGHTS):
            if name not in self.zip.members:
                raise LoadError(f"{self.name}: not a Keras model: it has no {name}.{self._advice()}")
        self._digests: dict[str, str] = {}
        self._digests = self._listed_digests()

    @property
    def members(self) -> Collection[str]:
        """The paths of all members."""
        return self.zip.members

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return self.source.size

    def _advice(self) -> str:
        found = ", ".join(list(self.zip.members)[:5])
        return f" It has {found or 'no members at all'}."

    def read(self, name: str) -> bytes:
        """The contents of a member, held against its SHA-256 if there is one."""
        data = self.zip.read(name, min(self._left, self._limits.get(name, self._left)))
        self._left -= len(data)
        expected = self._digests.get(name)
        if expected is not None and _digest(data) != expected:
            raise LoadError(
                f"{self.name}: {name} does not match its SHA-256 in {CHECKSUMS}: the file is damaged, or was changed by"
                f" a program that left {CHECKSUMS} as it was. In the second case, remove that member to read the file."
            )
        return data

    def json(self, name: str) -> Any:
        # Values take far more memory than their text, and text that repeats itself packs to nearly nothing.
        most = min(schema.MAX_VALUES, 250_000 + self.source.size // 8)
        return config.parse(self.read(name), f"{self.name}: {name}", max_values=most)

    def weights(self) -> Source:
        """The `.weights.h5` file inside."""
        return Source.of(self.read(WEIGHTS), f"{self.name}: {WEIGHTS}", stored=self.source.size)

    def _listed_digests(self) -> dict[str, str]:
        if CHECKSUMS not in self.zip.members:
            return {}
        listed = self.json(CHECKSUMS)
        found = listed.get("sha256") if isinstance(listed, Mapping) else None
        names = set(self.zip.members) - {CHECKSUMS}
        if not isinstance(found, Mapping) or set(found) != names:
            raise LoadError(f"{self.name}: {CHECKSUMS} does not list the other members of the file: it was changed.")
        return {str(name): str(digest) for name, digest in found.items()}

    def version(self) -> str | None:
        """Of the Keras that wrote the file."""
        if METADATA not in self.zip.members:
            raise LoadError(f"{self.name}: not a Keras model: it has no {METADATA}.")
        found = self.json(METADATA)
        if not isinstance(found, Mapping):
            raise LoadError(f"{self.name}: {METADATA} holds no object.")
        version = found.get("keras_version")
        return version if isinstance(version, str) else None


def load(path: Path, custom_objects: Mapping[str, Any] | None = None, compile: bool = True) -> Model:
    """The model of a `.keras` file, or of a folder, with its weights.

    Raises:
        LoadError: if anything in it is refused.
    """
    with nullcontext(Folder(os.fspath(path))) if os.path.isdir(path) else Source.of(path) as source:
        return load_from(source, custom_objects, compile)


def load_from(source: Source | Folder, custom_objects: Mapping[str, Any] | None = None, compile: bool = True) -> Model:
    """The model of an open file, or of the files of a folder.

    Raises:
        LoadError: if anything in it is refused.
    """
    archive = Archive(source)
    version, described = archive.version(), archive.json(CONFIG)
    place = f"{archive.name}: config"
    with custom_object_scope(custom_objects):
        with budget.for_file(source.size) as spent:
            model = config.model_from(described, compile=False, place=place, version=version)
        if compile:
            with budget.for_file(source.size, after=spent):  # metrics have variables, too
                config.compile_model(model, described, version, place)
        assets.give(model, archive)
        weights.read_weights(model, archive.weights(), optimizer=compile)
    return model


def weights_of(path: Path) -> Source:
    """The `.weights.h5` file in a `.keras` file."""
    with Source.of(path) as source:
        return Archive(source).weights()
