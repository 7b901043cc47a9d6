"""Keras 2's format, `.h5`: weights by the names of layers, and whole models with configs in attributes.

    attributes of the file     keras_version, backend, model_config, training_config (JSON; whole models only)
    model_weights/             attribute layer_names; in files of weights alone this is the root
        dense/                 attribute weight_names, such as "sequential/dense/kernel"
            sequential/dense/kernel
    optimizer_weights/         attribute weight_names

Weights of a layer stand in the order of `trainable_weights`, then `non_trainable_weights`, of all layers inside. Files
of Keras 2 and 3 differ in the names alone (`dense/kernel:0`), which are not looked at when a file is read: layers are
matched by order, or by their own names with `by_name=True`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.types import Path
from ..core.variable import Variable
from ..core.warning import warn
from . import atomic, differences, hdf5_writer, old_states, weights
from .errors import LoadError
from .hdf5_reader import Dataset, File
from .layout import Place
from .source import Source, SourceLike

if TYPE_CHECKING:
    from ..core.layer import Layer
    from ..model import Model

KERAS_VERSION = "3.15.1"  # the version whose files these equal
_TOP = "top_level_model_weights"
_ROOT, _STATES = "model_weights", "optimizer_weights"


# --- writing ---


def weights_bytes(model: Model) -> memoryview:
    """The contents of a `.h5` file with weights alone."""
    datasets, groups = _contents(model, "")
    return hdf5_writer.to_bytes(datasets, groups)


def model_bytes(model: Model, attributes: Mapping[str, str], optimizer: bool) -> memoryview:
    """The contents of a `.h5` file with a whole model.

    Args:
        attributes: of the file, such as `model_config` and `training_config`, as JSON.
        optimizer: whether to write the state of the optimizer, if the model is compiled and has been trained.
    """
    datasets, groups = _contents(model, _ROOT)
    groups[""] = {"keras_version": KERAS_VERSION, "backend": "jax", **attributes}
    if optimizer and model.optimizer is not None and model.optimizer.built:
        named = _unique(model.optimizer.variables)
        groups[_STATES] = {"weight_names": list(named)}
        datasets.update({f"{_STATES}/{name}": _plain(variable) for name, variable in named.items()})
    return hdf5_writer.to_bytes(datasets, groups)


def write_model(model: Model, path: Path, attributes: Mapping[str, str], optimizer: bool) -> None:
    atomic.write(path, model_bytes(model, attributes, optimizer))


def _contents(model: Model, root: str) -> tuple[dict[str, np.ndarray], dict[str, dict[str, Any]]]:
    prefix = f"{root}/" if root else ""
    layers = [(layer.name, _ordered(layer)) for layer in model.layers]
    _refuse_loss(model)
    groups: dict[str, dict[str, Any]] = {
        root: {"layer_names": [name for name, _ in layers], "backend": "jax", "keras_version": KERAS_VERSION}
    }
    datasets = {}
    for group, variables in [*layers, (_TOP, _own(model))]:
        named = _unique(variables)
        groups[f"{prefix}{group}"] = {"weight_names": list(named)}
        datasets.update({f"{prefix}{group}/{name}": _plain(variable) for name, variable in named.items()})
    return datasets, groups


def _plain(variable: Variable) -> np.ndarray:
    """The format knows no bfloat16; all of its numbers are float32 numbers, too."""
    array = variable.numpy()
    return array.astype(np.float32) if array.dtype.name == "bfloat16" else array


def _ordered(layer: Layer) -> list[Variable]:
    return [*layer.trainable_weights, *layer.non_trainable_weights]


def _own(model: Model) -> list[Variable]:
    """Variables of the model itself, which belong to none of its layers."""
    inside = {id(variable) for layer in model.layers for variable in layer.weights}
    return [variable for variable in model.own_variables() if id(variable) not in inside]


def _refuse_loss(model: Model) -> None:
    """Weights of layers that a graph does not reach have no place in this format."""
    held = {id(v) for layer in model.layers for v in layer.weights} | {id(v) for v in _own(model)}
    lost = [variable.path for variable in model.weights if id(variable) not in held]
    if lost:
        raise ValueError(
            f"Model '{model.name}' cannot be stored in Keras 2's format, `.h5`: {len(lost)} of its weights, such as"
            f" {lost[0]!r}, belong to layers outside of its graph. Use `.weights.h5` or `.keras`."
        )


def _unique(variables: list[Variable]) -> dict[str, Variable]:
    """Variables by their paths; a path that is taken, or leads into another, gets a number."""
    found: dict[str, Variable] = {}
    used: Counter[str] = Counter()
    paths = [variable.path for variable in variables]
    groups = {path.rsplit("/", depth)[0] for path in paths for depth in range(1, path.count("/") + 1)}
    for variable in variables:
        name = variable.path
        while name in found or name in groups:
            used[variable.path] += 1
            name = f"{variable.path}_{used[variable.path]}"
        found[name] = variable
    return found


# --- reading ---


class LegacyFile:
    """A `.h5` file: its configs as text, and its weights by layer. Use it with `with`.

    Raises:
        LoadError: if it is damaged, or is not in this format.
    """

    def __init__(self, source: SourceLike):
        self.source: Source = Source.of(source)
        try:
            self.file: File = File(self.source)
            self.root: str = self._root()
        except BaseException:
            self.source.close()
            raise

    def _root(self) -> str:
        """The group of the layers."""
        if {"layer_names", "layer_names0"} & self.file.groups[""].attribute_names:
            return ""
        if _ROOT not in self.file.groups:
            raise LoadError(
                f"{self.source.name}: this is no model or weights file in Keras 2's format: there are neither"
                f" `layer_names` nor a group `model_weights`. Weights of Keras 3 end in `.weights.h5`."
            )
        return _ROOT

    def __enter__(self) -> LegacyFile:
        return self

    def __exit__(self, *_: object) -> None:
        self.source.close()

    def text(self, name: str) -> str | None:
        """An attribute of the file, such as `model_config`; None if there is none."""
        value = self.file.groups[""].attribute(name)
        if value is not None and not isinstance(value, str):
            raise LoadError(f"{self.source.name}: attribute {name!r} must be a text.")
        return value

    @property
    def model_config(self) -> str | None:
        return self.text("model_config")

    @property
    def training_config(self) -> str | None:
        return self.text("training_config")

    def layers(self) -> dict[str, list[Dataset]]:
        """The datasets of each layer in order, by the name of the layer."""
        names = self._names(self.root, "layer_names")
        if len(set(names)) != len(names):
            raise LoadError(f"{self.source.name}: two layers have the same name.")
        return {name: self.datasets(self._below(name)) for name in names}

    def own(self) -> list[Dataset]:
        """Weights of the model itself."""
        return self.datasets(self._below(_TOP)) if self._below(_TOP) in self.file.groups else []

    def states(self) -> list[Dataset]:
        """State of the optimizer."""
        return self.datasets(_STATES) if _STATES in self.file.groups else []

    def _below(self, name: str) -> str:
        return f"{self.root}/{name}" if self.root else name

    def datasets(self, group: str) -> list[Dataset]:
        found = []
        for name in self._names(group, "weight_names"):
            dataset = self.file.datasets.get(f"{group}/{name}")
            if dataset is None:
                raise LoadError(f"{self.source.name}: group {group!r} lists {name!r:.100}, but does not hold it.")
            found.append(dataset)
        if len({one.path for one in found}) != len(found):
            raise LoadError(f"{self.source.name}: group {group!r} lists a weight twice.")
        return found

    def _names(self, group: str, attribute: str) -> list[str]:
        """A list of names, which may be spread over several attributes."""
        if group not in self.file.groups:
            raise LoadError(f"{self.source.name}: group {group!r:.100} is missing.")
        node = self.file.groups[group]
        pieces, held = [attribute] if attribute in node.attribute_names else [], node.attribute_names
        while pieces != [attribute] and f"{attribute}{len(pieces)}" in held:
            pieces.append(f"{attribute}{len(pieces)}")
        if not pieces:
            raise LoadError(f"{self.source.name}: group {group!r} has no attribute {attribute!r}.")
        names = [name for piece in pieces for name in _as_list(node.attribute(piece))]
        if not all(isinstance(name, str) for name in names):
            raise LoadError(f"{self.source.name}: {attribute!r} of group {group!r} must be a list of names.")
        return names


def is_legacy(source: SourceLike) -> bool:
    """Whether a HDF5 file is in Keras 2's format, whatever its name; Keras 2 took any ending."""
    with Source.of(source) as opened:
        groups = File(opened).groups
    return _ROOT in groups or bool({"layer_names", "layer_names0"} & groups[""].attribute_names)


def _as_list(value: object) -> list[Any]:
    # An empty list is stored as an empty array of numbers.
    return value if isinstance(value, list) else list(value) if isinstance(value, np.ndarray) else [value]


def read_weights(
    model: Model, source: SourceLike, by_name: bool = False, skip_mismatch: bool = False, optimizer: bool = False
) -> None:
    """Read the weights of a `.h5` file, given as bytes or path, into a model, all or nothing.

    Args:
        by_name: match layers by name and leave out those that only one side has; by default by order, all of them.
        skip_mismatch: leave out layers whose weights differ in number or shape, with a warning.
        optimizer: whether to read the state of the optimizer, too.
    """
    with LegacyFile(source) as file:
        name = file.source.name
        pairs = _by_name(model, file) if by_name else _by_order(model, file)
        places, found = [], {}
        report = differences.Report(0)
        for position, (owner, variables, datasets) in enumerate(pairs):
            place = Place(f"{position}", owner, variables, by_variable=True)
            own = _compared(place, _arranged(variables, datasets), report)
            if own is not None:
                places.append(place)
                found.update(own)
        if report.any and not skip_mismatch:
            raise LoadError(report.message(name, model))
        if report.any:
            warn(report.message(name, model, "These layers were left as they are."))
        if optimizer:
            places += _optimizer(model, file.states(), found, name)
        arrays = weights.read(places, found, name, file.source.size)
        weights.assign(places, arrays)
        weights.complete_states(places)
        weights.warn_about_nan({found[path].path: array for path, array in arrays.items()}, name)


def _by_order(model: Model, file: LegacyFile) -> list[tuple[Any, list[Variable], list[Dataset]]]:
    ours = [layer for layer in model.layers if layer.weights]
    theirs = {name: datasets for name, datasets in file.layers().items() if datasets}
    if len(ours) != len(theirs):
        raise LoadError(
            f"{file.source.name} does not fit model '{model.name}': the model has {len(ours)} layers with weights"
            f" ({_listed([layer.name for layer in ours])}), the file has {len(theirs)} ({_listed(list(theirs))})."
            f" Nothing was loaded. With `by_name=True`, layers that both have are loaded."
        )
    pairs = [(layer, _ordered(layer), datasets) for layer, datasets in zip(ours, theirs.values(), strict=True)]
    own = file.own()
    return [*pairs, (model, _own(model), own)] if own or _own(model) else pairs


def _by_name(model: Model, file: LegacyFile) -> list[tuple[Any, list[Variable], list[Dataset]]]:
    theirs = file.layers()
    return [(layer, _ordered(layer), theirs[layer.name]) for layer in model.layers if layer.name in theirs]


def _listed(names: list[str]) -> str:
    return ", ".join(names[:8]) + (", ..." if len(names) > 8 else "") if names else "none"


def _arranged(variables: list[Variable], datasets: list[Dataset]) -> list[Dataset]:
    """The datasets in the order of the variables by name, where names tell them apart; else as they come.

    Trained weights stand first in these files, and which those are may differ: adapters leave the weight beside them
    and, in a whole model, its bias untrained.
    """
    theirs = {one.path.rpartition("/")[2].partition(":")[0]: one for one in datasets}
    ours = [variable.name for variable in variables]
    apart = len(theirs) == len(datasets) and len(set(ours)) == len(ours) and theirs.keys() == set(ours)
    return [theirs[name] for name in ours] if apart else datasets


def _compared(place: Place, datasets: list[Dataset], report: differences.Report) -> dict[str, Dataset] | None:
    """The datasets of a layer by the paths of its place; None, and rows in the report, if they do not fit."""
    wanted = place.entries()
    report.total += len(wanted)
    before = len(report.rows)
    for number in range(max(len(wanted), len(datasets))):
        variable = place.variables[number] if number < len(wanted) else None
        dataset = datasets[number] if number < len(datasets) else None
        expected = "nothing" if variable is None else f"{variable.shape} {variable.stored_dtype.name}"
        found = "nothing" if dataset is None else differences.described(dataset)
        if variable is None or dataset is None:
            report.missing, report.extra = report.missing + (dataset is None), report.extra + (variable is None)
        elif dataset.shape == variable.shape and differences.fits(dataset, variable.stored_dtype.name):
            continue
        report.rows.append((f"{place.owner.name}/{number}" if dataset is None else dataset.path, expected, found))
    return dict(zip(wanted, datasets, strict=True)) if len(report.rows) == before else None


def _optimizer(model: Model, states: list[Dataset], found: dict[str, Dataset], name: str) -> list[Place]:
    """The place of the optimizer's state, whose datasets are added to `found`; none, with a warning, if it differs."""
    chosen = model.optimizer
    if chosen is None or not states:
        return []
    if not chosen.built:
        chosen.build(model.trainable_variables)
    oldest = re.search(r"(^|/)iter(:0)?$", states[0].path) is not None
    order = old_states.arranged(chosen, [one.shape for one in states], oldest)
    place = Place("optimizer", chosen, [one for one in order or () if one is not None], by_variable=True)
    taken = [one for one, variable in zip(states, order or states, strict=True) if variable is not None]
    own = _compared(place, taken, differences.Report(0))
    if own is None:
        warn(
            f"{name}: the state of optimizer '{chosen.name}' was not loaded, it starts over: it has"
            f" {len(chosen.variables)} variables and the file has {len(states)}, or their shapes differ."
        )
        return []
    found.update(own)
    return [place]
