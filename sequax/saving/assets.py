"""What layers keep in files of their own inside a `.keras` file: vocabularies that were learned from data, and whatever
own layers write by `save_assets(dir_path)` and read by `load_assets(dir_path)`.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Any, Protocol

from ..core import names
from ..core.errors import LoadError
from ..layers.preprocessing.learned import INNER_GROUP, WORDS_FILE, VocabularyLayer
from . import layout

if TYPE_CHECKING:
    from ..core.layer import Layer


class Members(Protocol):
    """What holds assets by their path, such as an `Archive`."""

    name: str

    @property
    def members(self) -> Collection[str]: ...

    @property
    def size(self) -> int: ...

    def read(self, name: str) -> bytes: ...


def of(model: Layer) -> dict[str, bytes]:
    """The members to write: of vocabularies one word a line, as Keras writes them."""
    members: dict[str, bytes] = {}
    for layer, path in _owners(model):
        if _is_own(layer, "save_assets"):
            members.update((f"{path}/{name}", data) for name, data in _written(layer))
        elif isinstance(layer, VocabularyLayer) and layer.learned_words is not None:
            members[f"{path}/{WORDS_FILE}"] = layer.learned_words
            if layer.inner_group_in_files:
                members[f"{path}/{INNER_GROUP}/{WORDS_FILE}"] = layer.learned_words
    return members


def _written(layer: Any) -> Iterator[tuple[str, bytes]]:
    """The files that an own layer writes, by their path in its folder."""
    with tempfile.TemporaryDirectory(prefix="sequax-") as folder:
        layer.save_assets(folder)
        for parent, _, files in os.walk(folder):
            for name in files:
                path = os.path.join(parent, name)
                with open(path, "rb") as file:
                    yield os.path.relpath(path, folder).replace(os.sep, "/"), file.read()


def give(model: Layer, archive: Members) -> None:
    """Give the assets of an archive to the layers they belong to; others are never read.

    Only for own layers with a `load_assets` files are written, into a folder that is removed afterwards.

    Raises:
        LoadError: for words that are no vocabulary.
    """
    for layer, path in _owners(model):
        if _is_own(layer, "load_assets"):
            _unpack(layer, path, archive)
        elif isinstance(layer, VocabularyLayer):
            _give_words(layer, path, archive)


def _unpack(layer: Any, path: str, archive: Members) -> None:
    with tempfile.TemporaryDirectory(prefix="sequax-") as folder:
        for name in archive.members:
            if name.startswith(f"{path}/") and not name.endswith("/"):
                place = os.path.join(folder, *name.removeprefix(f"{path}/").split("/"))
                data = archive.read(name)
                try:
                    os.makedirs(os.path.dirname(place), exist_ok=True)
                    with open(place, "wb") as file:
                        file.write(data)
                except OSError as error:
                    raise LoadError(f"{archive.name}: {name} cannot be a file beside the others. {error}") from error
        layer.load_assets(folder)


def _give_words(layer: VocabularyLayer, path: str, archive: Members) -> None:
    places = (f"{path}/{WORDS_FILE}", f"{path}/{INNER_GROUP}/{WORDS_FILE}")
    name = next((place for place in places if place in archive.members), None)
    if name is None:
        return
    try:
        text = archive.read(name)
        _check_number(text.count(b"\n"), archive, name)
        layer.take_words(text)
    except LoadError:
        raise
    except (ValueError, TypeError, OverflowError) as error:
        raise LoadError(f"{archive.name}: {name} is no vocabulary for layer '{layer.name}'. {error}") from error


def _check_number(words: int, archive: Members, name: str) -> None:
    """Words take far more memory than their letters, and words that repeat themselves pack to nearly nothing."""
    most = 100_000 + archive.size // 4
    if words > most:
        raise LoadError(f"{archive.name}: {name} has {words:,} words, where {most:,} are allowed in such a file.")


def _is_own(layer: Layer, method: str) -> bool:
    """Whether a class outside of Sequax defines the method."""
    return hasattr(type(layer), method) and not names.is_ours(getattr(type(layer), method))


def _owners(model: Layer) -> Iterator[tuple[Any, str]]:
    for place in layout.places(model, optimizer=False):
        if not place.path.endswith(INNER_GROUP):
            yield place.owner, f"assets/{place.path}" if place.path else "assets"
