"""Weights of a model in a file and back, all or nothing.

Reading goes in steps, each of which may refuse: the file is parsed, the table of its datasets is compared with the
variables of the model, the arrays are read and held against their checksums, and only then are they assigned.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.budget import MEGABYTE, limited
from ..core.variable import Variable
from ..core.warning import warn
from . import differences, hdf5_writer, layout, old_states
from .errors import LoadError
from .hdf5_reader import Dataset, File
from .layout import Place
from .source import Source, SourceLike

if TYPE_CHECKING:
    from ..core.layer import Layer
    from ..model import Model
    from ..optimizers.base import Optimizer


def refuse_existing(path: str, overwrite: bool) -> None:
    if not overwrite and os.path.exists(path):
        raise FileExistsError(f"{path!r} exists. Pass `overwrite=True`, or another path.")


def weights_bytes(model: Layer, optimizer: bool = True, skip: Iterable[Any] = ()) -> memoryview:
    """The contents of a `.weights.h5` file."""
    return hdf5_writer.to_bytes(*contents(model, optimizer, skip))


def contents(
    model: Layer, optimizer: bool = True, skip: Iterable[Any] = ()
) -> tuple[dict[str, np.ndarray], dict[str, dict[str, str]]]:
    """Arrays by path, and attributes of groups by path."""
    arrays: dict[str, np.ndarray] = {}
    groups: dict[str, dict[str, str]] = {}
    for place in layout.places(model, optimizer, skip):
        groups[place.group] = {"name": place.owner.name}
        arrays.update(stored(place))
    return arrays, groups


def stored(place: Place) -> dict[str, np.ndarray]:
    """The arrays of one object by path."""
    if not place.writes_itself:
        own = place.by_variable or not place.variables or not hasattr(place.owner, "arrays_in_files")
        arrays = [v.numpy() for v in place.variables] if own else place.owner.arrays_in_files()
        return dict(zip(place.entries(), arrays, strict=True))
    store: dict[str, Any] = {}
    place.owner.save_own_variables(store)
    return {f"{place.group}/{key}": np.asarray(value) for key, value in store.items()}


def read_weights(
    model: Model,
    source: SourceLike,
    optimizer: bool = True,
    budget: int | None = None,
    *,
    skip_mismatch: bool = False,
    objects_to_skip: Iterable[Any] = (),
) -> None:
    """Read a `.weights.h5` file, given as bytes or path, into a model.

    Args:
        optimizer: whether to read the optimizer's state, too, where model and file have one.
        budget: bytes that the arrays may take; default twice the size of the file and 32 megabytes.

    Raises:
        LoadError: if the file is damaged or does not fit; the model is unchanged then.
    """
    with Source.of(source, None) as opened:
        file = File(opened)
        load(model, file.datasets, opened.name, opened.size, optimizer, budget, skip_mismatch, objects_to_skip)


def load(
    model: Model,
    found: Mapping[str, Dataset],
    name: str,
    size: int,
    optimizer: bool = True,
    budget: int | None = None,
    skip_mismatch: bool = False,
    objects_to_skip: Iterable[Any] = (),
) -> None:
    """Compare a table of datasets with the variables of a model, read them, and assign."""
    skipped = list(objects_to_skip)
    everything = layout.places(model)
    found = layout.renamed(everything, found)
    wanted = layout.places(model, skip=skipped)
    places = [place for place in wanted if not place.is_state]
    weights, states = _split(everything, wanted, found)
    report = differences.compare(places, weights)
    if report.any and not skip_mismatch:
        raise LoadError(report.message(name, model))
    if report.any:
        warn(report.message(name, model, "These layers were left as they are."))
        places = [place for place in places if not report.concerns(place)]
    if optimizer and not any(model.optimizer is one for one in skipped):
        places += optimizer_places(model, states, name)
    arrays = read(places, found, name, size, budget)
    assign(places, arrays)
    complete_states(places)
    warn_about_nan(arrays, name)


def _split(
    places: list[Place], wanted: list[Place], found: Mapping[str, Dataset]
) -> tuple[dict[str, Dataset], dict[str, Dataset]]:
    """Datasets of layers, and those of the optimizer. What nobody asks for is left out: see `layout.places`."""
    paths = {place.path for place in wanted}
    unread = [f"{place.group}/" for place in places if place.path not in paths]
    unread += [f"{place.path}/optimizer/" for place in places if place.path and getattr(place.owner, "is_model", False)]
    if not any(place.path.startswith("metrics") for place in places):
        unread.append("metrics/")  # tf.keras 2.12 to 2.15 stored the sums of metrics, too
    states = {path: one for path, one in found.items() if path.startswith("optimizer/")}
    rest = {path: one for path, one in found.items() if path not in states and not path.startswith(tuple(unread))}
    return rest, states


def optimizer_places(model: Model, states: Mapping[str, Dataset], name: str) -> list[Place]:
    """Where the optimizer's state goes; nowhere, with a warning, if it does not fit."""
    chosen = getattr(model, "optimizer", None)
    if chosen is None or not states:
        return []
    if not chosen.built and len(states) > sum(len(place.variables) for place in _states(model)):
        chosen.build(model.trainable_variables)
    places = _states(model)
    report = differences.compare(places, states)
    if report.any:
        found = _in_old_order(chosen, places, states)
        if found is not None:
            return found
    else:
        return places
    warn(
        f"{name}: the state of optimizer '{chosen.name}' was not loaded; the optimizer stays as it is. It has"
        f" {report.total} variables and the file has {len(states)}. {report.first()}"
    )
    return []


def _in_old_order(chosen: Optimizer, places: list[Place], states: Mapping[str, Dataset]) -> list[Place] | None:
    """The optimizer's place if an earlier version of Keras wrote its state, else None."""
    paths = [f"optimizer/vars/{number}" for number in range(len(states))]
    if len(places) != 1 or not set(paths) <= set(states):
        return None
    order = old_states.arranged(chosen, [states[path].shape for path in paths])
    if order is None:
        return None
    place = Place("optimizer", chosen, [one for one in order if one is not None])
    used = {path: states[path] for path, one in zip(paths, order, strict=True) if one is not None}
    return None if differences.compare([place], used).any else [place]


def complete_states(places: list[Place]) -> None:
    """Give values to state of optimizers that an earlier version of Keras did not store."""
    for place in places:
        if place.is_state:
            old_states.completed(place.owner, place.variables)


def _states(model: Model) -> list[Place]:
    return [place for place in layout.places(model) if place.is_state]


def read(
    places: list[Place], found: Mapping[str, Dataset], name: str, size: int, budget: int | None = None
) -> dict[str, np.ndarray]:
    """The arrays of all places, checked; nothing is assigned yet: see `read_paths`."""
    return read_paths([path for place in places for path in differences.expected(place)], found, name, size, budget)


def read_paths(
    paths: list[str], found: Mapping[str, Dataset], name: str, size: int, budget: int | None = None
) -> dict[str, np.ndarray]:
    """The arrays at these paths, checked.

    Args:
        size: of the file; the arrays may take twice as much and 32 megabytes, if `budget` does not say otherwise.

    Raises:
        LoadError: if they take more, or one does not match its checksum.
    """
    with limited(2 * size + 32 * MEGABYTE if budget is None else budget, "the size of the file") as allowed:
        for path in paths:
            allowed.spend(f"{name}: {path}", found[path].shape or (), np.dtype(found[path].type.numpy))
    return {path: checked(found[path], name) for path in paths}


def checked(dataset: Dataset, name: str) -> np.ndarray:
    """The elements of a dataset, held against its checksum if it has one."""
    array = dataset.read()
    expected = dataset.attribute(hdf5_writer.CHECKSUM)
    if expected is not None and expected != hdf5_writer.checksum(dataset.path, array):
        raise LoadError(
            f"{name}: {dataset.path!r} does not match its checksum: the file is damaged, or was changed by another"
            f" program. In the second case, delete the attribute {hdf5_writer.CHECKSUM!r} of the dataset to read it."
        )
    return differences.as_numbers(dataset, array)


def assign(places: list[Place], arrays: Mapping[str, np.ndarray]) -> None:
    """Give all variables their new values, or none if that fails."""
    owned = [place.owner.variables if place.writes_itself else place.variables for place in places]
    read_through = [v.adapter.variables for variables in owned for v in variables if v.adapter is not None]
    before = [(variable, variable.held()) for variables in [*owned, *read_through] for variable in variables]
    values: dict[int, tuple[Variable, np.ndarray]] = {}
    for place in places:
        for path, variable in ({} if place.writes_itself else place.entries()).items():
            known = values.setdefault(id(variable), (variable, arrays[path]))[1]
            if known is not arrays[path] and known.tobytes() != arrays[path].tobytes():
                raise LoadError(f"{path!r} holds other values than the file has for the same variable elsewhere.")
    try:
        for variable, array in values.values():
            variable.begin_with(np.asarray(array).astype(variable.stored_dtype))
        for place in places:
            if place.writes_itself:
                keys = differences.expected(place)
                place.owner.load_own_variables({path.rpartition("/")[2]: arrays[path] for path in keys})
    except BaseException:
        for variable, value in before:
            variable.restore(value)
        raise


def warn_about_nan(arrays: Mapping[str, np.ndarray], name: str) -> None:
    """Say which weights are not finite: they may be what was trained, but nothing good comes of them."""
    wrong = [path for path, one in arrays.items() if one.dtype.kind in "fV" and not np.isfinite(one).all()]
    if wrong:
        shown = ", ".join(wrong[:5]) + (", ..." if len(wrong) > 5 else "")
        warn(f"{name}: {len(wrong)} arrays hold NaN or infinite numbers: {shown}.")
