"""Files of the hub, fetched into its cache: those that are a model, and no others."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from .._version import __version__
from ..core.errors import LoadError
from ..core.warning import warn
from ..saving.archive import CHECKSUMS, CONFIG, METADATA, WEIGHTS
from ..saving.errors import MissingFileError
from ..saving.folders import Folder
from .places import Place, library, place_of

if TYPE_CHECKING:
    from collections.abc import Iterator

_PICTURE = "assets/summary_plot.png"  # which Keras puts beside what layers keep
# Files by which models of other libraries are known.
_OTHERS = {
    "saved_model.pb": "a SavedModel, a program for TensorFlow",
    "task.json": "a preset of KerasHub, which `keras_hub` reads",
    "preprocessor.json": "a preset of KerasHub, which `keras_hub` reads",
    "pytorch_model.bin": "weights for torch",
    "model.safetensors": "weights, without a model that Keras knows",
}


def fetched(address: str | Place, **options: Any) -> str | Folder:
    """The path of a file of the hub, or the files of the model that a repository is, fetched if they are not here yet.

    Args:
        address: see `places.py`.
        **options: `token`, `cache_dir`, `local_files_only`, `force_download`, `endpoint`, as in huggingface_hub.

    Raises:
        MissingFileError: if there is no such repository, revision or file.
        LoadError: if it holds no model that can be read.
    """
    try:
        place = address if isinstance(address, Place) else place_of(address)
    except ValueError as error:
        raise LoadError(str(error)) from None
    hub = library(f"Reading {place}")
    if options.get("local_files_only") or hub.constants.HF_HUB_OFFLINE:
        root = _in_cache(hub, place, options)
        if root is None:
            raise MissingFileError(f"{place}: it is not in the cache, and no server may be asked.")
        chosen = choose(place, _walked(root))
    else:
        root, chosen = _asked(hub, place, options)
    return _model_of(str(place), root, chosen)


def in_folder(path: str) -> str | Folder:
    """The model in a folder that was cloned or downloaded from the hub, beside files that belong to none."""
    return _model_of(path, path, choose(Place(path), _walked(path)))


def _model_of(name: str, root: str, chosen: list[str]) -> str | Folder:
    paths = {member: os.path.join(root, *member.split("/")) for member in chosen}
    return paths[chosen[0]] if len(chosen) == 1 else Folder.of(name, paths)


def choose(place: Place, names: Iterable[str]) -> list[str]:
    """Which files make up the model.

    Raises:
        LoadError: if none do, or several.
    """
    names = sorted(names)
    if place.file is not None:
        if place.file not in names:
            raise MissingFileError(f"{place}: the repository has no file {place.file!r}. It has: {_listed(names)}.")
        return [place.file]
    if {CONFIG, METADATA, WEIGHTS} <= set(names):
        assets = [name for name in names if name.startswith("assets/") and name != _PICTURE]
        return [CONFIG, METADATA, WEIGHTS, *(name for name in [CHECKSUMS] if name in names), *assets]
    for found in (_ending(names, ".keras"), _ending(names, ".h5", but=".weights.h5")):
        if len(found) == 1:
            return found
        if found:
            raise LoadError(
                f"{place}: it has several models: {_listed(found)}. Name one: `filename={found[0]!r}`, or"
                f" {place._replace(file=found[0])}"
            )
    other = next((what for name, what in _OTHERS.items() if name in names), None)
    told = f"It holds {other}" if other else f"It has: {_listed(names)}"
    raise LoadError(f"{place}: no model of Keras is there: no {CONFIG} with {WEIGHTS}, no .keras, no .h5. {told}.")


def _asked(hub: Any, place: Place, options: dict[str, Any]) -> tuple[str, list[str]]:
    """Where the files of the model are, now that the hub has given them, and which; else those of the cache."""
    api = hub.HfApi(options.get("endpoint"), options.get("token"), "sequax", __version__)
    try:
        with _told(hub, place):
            chosen = choose(place, api.list_repo_files(place.repo, revision=place.revision))
            given = {key: value for key, value in options.items() if value is not None}
            about = {"library_name": "sequax", "library_version": __version__, "revision": place.revision}
            patterns = [_escaped(name) for name in chosen]
            return hub.snapshot_download(place.repo, allow_patterns=patterns, **about, **given), chosen
    except LoadError:
        raise
    except Exception as error:  # of whichever library speaks HTTP: nobody answers
        root = _in_cache(hub, place, options)
        if root is None:
            raise LoadError(f"{place}: {api.endpoint} gives no answer ({_first_line(error)}).") from error
        warn(f"{place}: {api.endpoint} gives no answer ({_first_line(error)}); what is in the cache is read.")
        return root, choose(place, _walked(root))


def _in_cache(hub: Any, place: Place, options: dict[str, Any]) -> str | None:
    """The folder of what was fetched earlier; None if nothing was."""
    cache = os.fspath(options.get("cache_dir") or hub.constants.HF_HUB_CACHE)
    base = os.path.join(cache, f"models--{place.repo.replace('/', '--')}")
    commit = place.revision or "main"
    with suppress(OSError), open(os.path.join(base, "refs", *commit.split("/")), encoding="utf-8") as file:
        commit = file.read().strip()
    root = os.path.join(base, "snapshots", commit)
    return root if os.path.isdir(root) else None


@contextmanager
def _told(hub: Any, place: Place) -> Iterator[None]:
    """Errors of the hub as ours, with the place in front."""
    errors = hub.errors
    missing = errors.RepositoryNotFoundError, errors.RevisionNotFoundError
    try:
        yield
    except errors.GatedRepoError as error:
        raise LoadError(f"{place}: its owner lets only those in who have asked. {_first_line(error)}") from error
    except missing as error:
        raise MissingFileError(
            f"{place}: not found. A private repository needs a token: `hf auth login`, or `token=`."
            f" {_first_line(error)}"
        ) from error


def _first_line(error: Exception) -> str:
    return next((line for line in str(error).splitlines() if line.strip()), "")


def _walked(root: str) -> list[str]:
    found = []
    for folder, inner, files in os.walk(root):
        inner[:] = [name for name in inner if not name.startswith(".")]
        found += [os.path.relpath(os.path.join(folder, name), root).replace(os.sep, "/") for name in files]
    return found


def _ending(names: Iterable[str], ending: str, but: str = "\n") -> list[str]:
    return [name for name in names if name.endswith(ending) and not name.endswith(but)]


def _listed(names: list[str]) -> str:
    return ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "") or "nothing"


def _escaped(name: str) -> str:
    """A name as a pattern that means itself."""
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in name)
