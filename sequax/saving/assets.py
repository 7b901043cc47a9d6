"""What layers keep in files of their own inside a `.keras` file: vocabularies that were learned from data."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..core.errors import LoadError
from ..layers.preprocessing.learned import VocabularyLayer
from ..layers.preprocessing.lookup import IntegerLookup
from ..layers.preprocessing.text import TextVectorization
from . import layout

_WORDS, _WEIGHTS = "vocabulary.txt", "idf_weights.json"
_INNER = "/_lookup_layer"  # Keras' TextVectorization holds its vocabulary in a layer inside


def of(model: Any) -> dict[str, bytes]:
    """The members to write: one word a line, as Keras writes them."""
    members: dict[str, bytes] = {}
    for layer, path in _layers(model):
        if layer.vocabulary is not None or layer._words.tokens is None:
            continue  # the config has the words
        text = "\n".join(str(word) for word in layer.get_vocabulary(include_special_tokens=False)).encode("utf-8")
        members[f"{path}/{_WORDS}"] = text
        if isinstance(layer, TextVectorization):
            members[f"{path}{_INNER}/{_WORDS}"] = text
        if layer._words.weights is not None:
            members[f"{path}/{_WEIGHTS}"] = json.dumps(layer._words.weights.tolist()).encode()
    return members


def give(model: Any, archive: Any) -> None:
    """Give the vocabularies of an archive to the layers they belong to; other assets are never read.

    Raises:
        LoadError: for words that are no vocabulary.
    """
    for layer, path in _layers(model):
        found = [
            f"{place}/{_WORDS}" for place in (path, f"{path}{_INNER}") if f"{place}/{_WORDS}" in archive.zip.members
        ]
        if not found:
            continue
        name = found[0]
        try:
            words = archive.read(name).decode("utf-8").split("\n")
            keys = [layer._key(int(word) if isinstance(layer, IntegerLookup) else word) for word in words]
            layer._words.set(keys, _weights(layer, archive, f"{path}/{_WEIGHTS}"))
        except LoadError:
            raise
        except ValueError as error:
            raise LoadError(f"{archive.name}: {name} is no vocabulary for layer '{layer.name}'. {error}") from error
        layer._static = True


def _weights(layer: VocabularyLayer, archive: Any, name: str) -> np.ndarray | None:
    if name not in archive.zip.members:
        return None
    listed = np.asarray(json.loads(archive.read(name)), np.float32)
    return listed[len(layer._words.specials) :]


def _layers(model: Any) -> Iterator[tuple[VocabularyLayer, str]]:
    for place in layout.places(model, optimizer=False):
        if isinstance(place.owner, VocabularyLayer):
            yield place.owner, f"assets/{place.path}"
