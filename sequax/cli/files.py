"""What a model or weights file holds, read without making anything of it."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core import budget, kinds, schema
from ..core.errors import LoadError
from ..saving import (
    archive,
    config,
    differences,
    hdf5_reader,
    hdf5_writer,
    legacy,
    legacy_h5,
    snapshot,
    tensors,
    weights,
)
from ..saving.source import Source

if TYPE_CHECKING:
    from ..model import Model

MODEL, OLD_MODEL = "Keras model", "model in Keras 2's format"
WEIGHTS, OLD_WEIGHTS, TENSORS = "weights", "weights in Keras 2's format", "safetensors"
RUN = "snapshot of a training run"
MODELS = (MODEL, OLD_MODEL)

# What functions that read configs raise for one that is not as it should be. It is shown as it stands then.
MALFORMED = config.MALFORMED


@dataclass
class Contents:
    """A file that is open: its structure was checked, its arrays are read when they are asked for.

    Fields:
        arrays: by path, not read yet.
        layers: names of layers by the group that holds their arrays.
        model: the config as it stands in the file; None in files of weights.
        compiled: what `compile` was given, in the form of Keras 3.
        members: sizes of the other members of a `.keras` file.
        texts: of a safetensors file.
    """

    path: str
    kind: str
    size: int
    arrays: dict[str, Any] = field(default_factory=dict)
    layers: dict[str, str] = field(default_factory=dict)
    model: dict[str, Any] | None = None
    compiled: Mapping[str, Any] | None = None
    version: str | None = None
    date: str | None = None
    members: dict[str, int] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    hdf5: hdf5_reader.File | None = None
    old: legacy_h5.LegacyFile | None = None

    def read(self) -> Iterator[tuple[str, np.ndarray | None]]:
        """Each array, held against its checksum if it has one; None for one that holds no numbers.

        Raises:
            LoadError: for a damaged one, and where all together take more than a model from such a file may.
        """
        with budget.limited(2 * self.size + 16 * budget.MEGABYTE, "the size of the file") as allowed:
            for path in sorted(self.arrays, key=self._order):
                one = self.arrays[path]
                if holds_numbers(one):
                    allowed.spend(f"{self.path}: {path}", one.shape, one.type.numpy)
                    yield path, weights.checked(one, self.path)
                else:
                    yield path, None

    def layer_of(self, path: str) -> str | None:
        """The name of the layer that an array belongs to, where the file has it."""
        while path:
            path = path.rpartition("/")[0]
            if path in self.layers:
                return self.layers[path]
        return None

    def _order(self, path: str) -> tuple[Any, ...]:
        """State of the optimizer comes last; numbers in paths count as numbers."""
        parts = re.split(r"(\d+)", path)
        return self.is_state(path), [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]

    def is_state(self, path: str) -> bool:
        """Whether an array belongs to the optimizer."""
        return path.replace(".", "/").partition("/")[0] in ("optimizer", "optimizer_weights")


def holds_numbers(one: Any) -> bool:
    known = one.type.kind in ("float", "integer", "boolean") and one.type.numpy is not None
    return one.shape is not None and (known or differences.is_bfloat16(one))


def has_checksum(one: hdf5_reader.Dataset | tensors.Tensor) -> bool:
    if isinstance(one, tensors.Tensor):
        return one.digest is not None
    return one.attribute(hdf5_writer.CHECKSUM) is not None


@contextmanager
def opened(path: str) -> Iterator[Contents]:
    """The contents of a file of any kind, which is told by its first bytes.

    Raises:
        LoadError: if it is damaged or of no kind that is read here.
    """
    with ExitStack() as stack:
        source = stack.enter_context(Source.of(path))
        start = source.read(0, min(8, source.size), "the beginning")
        if start.startswith(b"PK"):
            yield _of_archive(path, source)
        elif start == hdf5_reader.SIGNATURE:
            yield _of_hdf5(path, source, stack)
        else:
            yield _of_tensors(path, source)


def _of_archive(path: str, source: Source) -> Contents:
    held = archive.Archive(source)
    version, model = held.version(), held.json(archive.CONFIG)
    date = held.json(archive.METADATA).get("date_saved")
    found = Contents(path, MODEL, source.size, version=version, date=date if isinstance(date, str) else None)
    _take_model(found, model, f"{path}: {archive.CONFIG}")
    compiled = found.model.get("compile_config") if found.model else None
    found.compiled = compiled if isinstance(compiled, Mapping) else None
    others = [name for name in held.zip.members if name.startswith("assets/") and not name.endswith("/")]
    found.members = {name: len(held.read(name)) for name in others}
    _take_hdf5(found, held.weights())
    return found


def _of_hdf5(path: str, source: Source, stack: ExitStack) -> Contents:
    if not legacy_h5.is_legacy(path):
        found = Contents(path, WEIGHTS, source.size)
        _take_hdf5(found, source)
        return found
    held = stack.enter_context(legacy_h5.LegacyFile(path))
    described, settings, version = held.model_config, held.training_config, held.text("keras_version")
    found = Contents(path, OLD_MODEL if described else OLD_WEIGHTS, source.size, version=version, old=held)
    found.hdf5, found.arrays = held.file, dict(held.file.datasets)
    for name in held.layers():
        found.layers[f"{held.root}/{name}" if held.root else name] = name
    if described:
        _take_model(found, config.parse(described, f"{path}: model_config", source.size), f"{path}: model_config")
    if settings:
        given = config.parse(settings, f"{path}: training_config", source.size)
        schema.measure(given, f"{path}: training_config")
        modern = str(version or "2").split(".")[0] not in ("0", "1", "2")
        found.compiled = _compiled(given, modern)
    return found


def _compiled(given: Any, modern: bool) -> Mapping[str, Any] | None:
    try:
        return legacy.compile_config(given, modern) if isinstance(given, Mapping) else None
    except MALFORMED:
        return given


def _of_tensors(path: str, source: Source) -> Contents:
    if path.endswith(".weights.json"):
        raise LoadError(f"{path}: this is a list of files. Give one of the `.weights.h5` files beside it.")
    arrays, texts = tensors.read_parts(source)
    kind = RUN if texts.get("kind") == snapshot.KIND else TENSORS
    return Contents(path, kind, source.size, dict(arrays), texts=texts)


def _take_hdf5(found: Contents, source: Source) -> None:
    found.hdf5 = hdf5_reader.File(source)
    found.arrays = dict(found.hdf5.datasets)
    for path, group in found.hdf5.groups.items():
        name = group.attribute("name")
        if kinds.is_name(name):  # it will stand beside each of the layer's arrays
            found.layers[path] = name


def _take_model(found: Contents, model: Model, place: str) -> None:
    if not isinstance(model, dict) or not isinstance(model.get("class_name"), str):
        raise LoadError("expected the config of a model, with `class_name` and `config`", place)
    schema.measure(model, place)
    found.model = model


def printable(text: str) -> str:
    """A text from a file without characters that would steer the terminal."""
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)


def fail(command: str, error: BaseException) -> int:
    """Say what went wrong; returns the exit code."""
    text = str(error.strerror if isinstance(error, OSError) and error.strerror else error)
    if isinstance(error, OSError) and error.filename is not None:
        text = f"{error.filename}: {text}"
    lines = [printable(line) for line in text.splitlines() if line.strip()]
    print(f"sequax {command}: " + "\n".join(lines), file=sys.stderr)
    return 1
