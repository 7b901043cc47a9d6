"""What layers keep in files of their own inside a `.keras` file: vocabularies that were learned from data."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..core.errors import LoadError
from ..layers.preprocessing.learned import VocabularyLayer
from ..layers.preprocessing.lookup import IntegerLookup
from ..layers.preprocessing.text import TextVectorization
from . import layout

_WORDS = "vocabulary.txt"


def of(model: Any) -> dict[str, bytes]:
    """The members to write: one word a line, as Keras writes them."""
    members: dict[str, bytes] = {}
    for layer, path in _layers(model):
        if layer.vocabulary is not None or layer._words.tokens is None:
            continue  # the config has the words
        text = "\n".join(str(word) for word in layer.get_vocabulary()).encode("utf-8")
        members[f"{path}/{_WORDS}"] = text
        if isinstance(layer, TextVectorization):
            members[f"{path}/{layout.INNER_LOOKUP}/{_WORDS}"] = text
    return members


def give(model: Any, archive: Any) -> None:
    """Give the vocabularies of an archive to the layers they belong to; other assets are never read.

    Raises:
        LoadError: for words that are no vocabulary.
    """
    for layer, path in _layers(model):
        places = (f"{path}/{_WORDS}", f"{path}/{layout.INNER_LOOKUP}/{_WORDS}")
        found = [place for place in places if place in archive.zip.members]
        if not found:
            continue
        name = found[0]
        try:
            text = archive.read(name)
            _check_number(text.count(b"\n"), archive, name)
            words = text.decode("utf-8").split("\n")
            keys = [layer._key(int(word) if isinstance(layer, IntegerLookup) else word) for word in words]
            layer._words.set(keys)
        except LoadError:
            raise
        except (ValueError, TypeError, OverflowError) as error:
            raise LoadError(f"{archive.name}: {name} is no vocabulary for layer '{layer.name}'. {error}") from error
        layer._static = True


def _check_number(words: int, archive: Any, name: str) -> None:
    """Words take far more memory than their letters, and words that repeat themselves pack to nearly nothing."""
    most = 100_000 + archive.source.size // 4
    if words > most:
        raise LoadError(f"{archive.name}: {name} has {words:,} words, where {most:,} are allowed in such a file.")


def _layers(model: Any) -> Iterator[tuple[VocabularyLayer, str]]:
    for place in layout.places(model, optimizer=False):
        if isinstance(place.owner, VocabularyLayer) and not place.path.endswith(layout.INNER_LOOKUP):
            yield place.owner, f"assets/{place.path}"
