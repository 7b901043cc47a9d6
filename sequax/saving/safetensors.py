"""Weights in the safetensors format.

Names are those of attributes and variables, such as `layers.dense.kernel`: where `.weights.h5` has numbers, names of
variables stand here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from . import layout, weights
from .source import Source, SourceLike
from .tensors import Tensor, assemble, read_table

if TYPE_CHECKING:
    from ..model import Model

# --- writing ---


def weights_bytes(model: Model, optimizer: bool = True) -> bytes:
    """The contents of a `.safetensors` file."""
    places = layout.places(model, optimizer)
    arrays = {path: array for place in places for path, array in weights.stored(place).items()}
    return assemble({name: arrays[path] for path, name in names(places).items()})


def names(places: list[layout.Place]) -> dict[str, str]:
    """The name in this format of each dataset's path; a variable with several paths is stored at the first."""
    found: dict[str, str] = {}
    taken: Counter[str] = Counter()
    seen: set[int] = set()
    for place in places:
        if place.writes_itself:
            keys = {path: path.rpartition("/")[2] for path in weights.stored(place)}
        else:
            # Slots are named after the layers they belong to, whose names change from process to process.
            named = {path: str(i) if place.is_state else v.name for i, (path, v) in enumerate(place.entries().items())}
            keys = {path: key for path, key in named.items() if id(place.entries()[path]) not in seen}
            seen.update(id(variable) for variable in place.variables)
        for path, key in keys.items():
            plain = ".".join([*filter(None, place.path.split("/")), key])
            found[path] = f"{plain}.{taken[plain]}" if taken[plain] else plain
            taken[plain] += 1
    return found


# --- reading ---


def read_weights(
    model: Model,
    source: SourceLike,
    optimizer: bool = True,
    *,
    skip_mismatch: bool = False,
    objects_to_skip: Iterable[Any] = (),
) -> None:
    """Read a `.safetensors` file, given as bytes or path, into a model, all or nothing."""
    with Source.of(source) as opened:
        tensors = read_table(opened)
        if model.optimizer is not None and not model.optimizer.built and optimizer:
            slots = sum(name.startswith("optimizer.") for name in tensors)
            if slots > len(model.optimizer.variables):
                model.optimizer.build(model.trainable_variables)
        found = _at_paths(tensors, layout.places(model))
        weights.load(model, found, opened.name, opened.size, optimizer, None, skip_mismatch, objects_to_skip)  # type: ignore[arg-type]


def _at_paths(tensors: dict[str, Tensor], places: list[layout.Place]) -> dict[str, Tensor]:
    """The arrays by their paths in `.weights.h5`; those unknown to the model keep their names."""
    paths = {name: path for path, name in names(places).items()}
    found = {}
    for name, tensor in tensors.items():
        tensor.path = paths.get(name, name.replace(".", "/"))
        found[tensor.path] = tensor
    # Variables with two paths stand in the file once.
    first: dict[int, str] = {}
    for place in places:
        for path, variable in ({} if place.writes_itself else place.entries()).items():
            if first.setdefault(id(variable), path) != path and first[id(variable)] in found:
                found[path] = found[first[id(variable)]]
    return found
