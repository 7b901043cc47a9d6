"""Checkpoints of Orbax: folders of steps, whose arrays many devices and processes write and read together.

    FOLDER/2/pytree         the variables as `model.get_state_tree()` gives them
    FOLDER/2/model_config   the config as JSON text
    FOLDER/2/assets         vocabularies that were learned, as bytes

That is the form of Keras 3.15's `OrbaxCheckpoint`, in both directions. What a checkpoint says of its arrays is compared
with the model before any of them is read; each is read to where its variable lies.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from ..core import budget, names
from ..core.catalogue import serialize
from ..core.custom_objects import custom_object_scope
from ..core.needed import needed
from ..core.state_tree import flat, nested
from ..core.types import CustomObjects
from ..core.variable import Variable
from ..core.warning import warn
from . import assets, config, paths
from .errors import LoadError
from .json_text import parse

if TYPE_CHECKING:
    from ..model import Model

Tree = dict[str, Any]

_WEIGHTS = "trainable_variables", "non_trainable_variables"
_STATE, _METRICS = "optimizer_variables", "metrics_variables"
_MARKS = frozenset({"orbax.checkpoint", "pytree.orbax-checkpoint", "checkpoint_metadata", "_CHECKPOINT_METADATA"})
_FORMAT = "3.15.1"  # the Keras whose format it is


def library(owner: str) -> Any:
    """The module of Orbax.

    Raises:
        ImportError: saying what to install.
    """
    found = getattr(needed("orbax.checkpoint", owner), "v1", None)
    if found is None or not hasattr(getattr(found, "training", None), "Checkpointer"):
        raise ImportError(f"{owner} needs orbax-checkpoint 0.12 or newer: pip install -U orbax-checkpoint")
    return found


def is_checkpoint(path: str) -> bool:
    """Whether a path is a folder that Orbax wrote, or one of its steps."""
    # A folder of a model is one by its ending, or by its config.
    if path.endswith(".keras") or not os.path.isdir(path) or os.path.isfile(os.path.join(path, "config.json")):
        return False
    inside = os.listdir(path)
    return not _MARKS.isdisjoint(inside) or bool(_steps(path)) or any(".orbax-checkpoint-tmp" in one for one in inside)


def _steps(path: str) -> list[int]:
    numbers = (int(name) for name in os.listdir(path) if re.fullmatch(r"\d+", name, re.ASCII))
    return sorted(step for step in numbers if os.path.isdir(os.path.join(path, str(step))))


# --- writing ---


def contents(model: Model, weights_only: bool) -> Tree:
    """What is saved of a model: arrays where they lie, nothing is copied."""
    state = model.get_state_tree()
    if weights_only:
        return {"pytree": {group: state[group] for group in _WEIGHTS}}
    found: Tree = {"pytree": state, "model_config": {"config": json.dumps(serialize(model))}}
    kept = {path.removeprefix("assets/"): data for path, data in assets.of(model).items()}
    if kept:
        found["assets"] = nested({path: np.frombuffer(data, np.uint8) for path, data in kept.items()})
    return found


# --- reading ---


class Checkpoint:
    """The newest step of a folder, or the step that the path is.

    Args:
        path: a folder.
        owner: the function that reads, for messages.

    Raises:
        LoadError: if it holds no complete step, or is damaged.
    """

    def __init__(self, path: str, owner: str):
        self._orbax = library(owner)
        steps = _steps(path)
        self.name: str = os.path.join(path, str(steps[-1])) if steps else path
        # Orbax writes a step under another name and renames it: a folder with such names only holds no step.
        if not steps and _MARKS.isdisjoint(os.listdir(path)):
            raise LoadError(f"{path}: no complete checkpoint in this folder; one that was being written is no use.")
        with self._explaining():
            found = self._orbax.checkpointables_metadata(os.path.abspath(self.name))
        self.parts: Mapping[str, Any] = found.metadata or {}
        if not isinstance(self.parts.get("pytree"), Mapping):
            raise LoadError(
                f"{self.name}: holds no 'pytree' of variables; it has {', '.join(self.parts) or 'nothing'}."
            )

    @property
    def arrays(self) -> dict[str, dict[str, Any]]:
        """Shape and dtype of each array by its path, by group."""
        return {group: dict(flat(tree)) for group, tree in self.parts["pytree"].items() if isinstance(tree, Mapping)}

    def config(self) -> str:
        """The text of the model's config."""
        if "model_config" not in self.parts:
            raise LoadError(
                f"{self.name}: holds weights only (`save_weights_only=True`). Make the model and call its"
                f" `load_weights({self.name!r})`."
            )
        text = self._load({"model_config": None})["model_config"].get("config")
        if not isinstance(text, str):
            raise LoadError(f"{self.name}: `model_config` holds no text.")
        return text

    def assets(self) -> Assets | None:
        """What layers keep in files of their own."""
        tree = self.parts.get("assets")
        if not isinstance(tree, Mapping):
            return None
        here = jax.sharding.SingleDeviceSharding(jax.local_devices()[0])
        kinds = dict(flat(tree))
        for path, kind in kinds.items():
            if ".." in path.split("/") or np.dtype(kind.dtype) != np.uint8 or len(kind.shape) != 1:
                raise LoadError(f"{self.name}: {path!r} among the assets is no file.")
        wanted = {path: jax.ShapeDtypeStruct(kind.shape, np.uint8, sharding=here) for path, kind in kinds.items()}
        found = dict(flat(self._load({"assets": nested(wanted)})["assets"]))
        return Assets(self.name, {f"assets/{path}": np.asarray(data).tobytes() for path, data in found.items()})

    def read(self, wanted: Mapping[str, Mapping[str, Variable]]) -> list[tuple[Variable, Any]]:
        """The values of variables, each where its variable lies.

        Args:
            wanted: variables by the path in the checkpoint, by group.
        """
        asked = {group: {path: _asked(variable) for path, variable in some.items()} for group, some in wanted.items()}
        tree = self._load({"pytree": {group: nested(some) for group, some in asked.items() if some}})["pytree"]
        found = {group: dict(flat(part)) for group, part in tree.items()}
        return [(variable, found[group][path]) for group, some in wanted.items() for path, variable in some.items()]

    def _load(self, request: Tree) -> Tree:
        with self._explaining():
            context = self._orbax.Context()
            context.pytree.loading.partial_load = True
            with context:
                return dict(self._orbax.load_checkpointables(os.path.abspath(self.name), request))

    @contextmanager
    def _explaining(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # of many kinds: Orbax', tensorstore's, those of files
            cause = error.__cause__ or error
            raise LoadError(f"{self.name}: cannot be read. {type(cause).__name__}: {cause}") from error


class Assets:
    """The files in a checkpoint, in memory."""

    name: str

    def __init__(self, name: str, files: Mapping[str, bytes]):
        self.name, self._files = name, files

    @property
    def members(self) -> Collection[str]:
        return self._files

    @property
    def size(self) -> int:
        return sum(len(data) for data in self._files.values())

    def read(self, name: str) -> bytes:
        return self._files[name]


def _asked(variable: Variable) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(variable.shape, variable.stored_dtype, sharding=variable.stored.sharding)


def load_model(path: str, custom_objects: CustomObjects | None = None, compile: bool = True) -> Model:
    """The model of a checkpoint, with its weights and, if it was compiled, the state of its optimizer.

    Raises:
        LoadError: if the checkpoint is damaged, refused, or holds weights only.
    """
    checkpoint = Checkpoint(path, "load_model")
    text = checkpoint.config()
    described = parse(text, f"{checkpoint.name}: model_config")
    with custom_object_scope(custom_objects):
        size = _bytes(checkpoint.name)
        with budget.for_file(size) as spent:
            model = config.model_from(described, compile=False, place=f"{checkpoint.name}: config", version=_FORMAT)
        if compile:
            with budget.for_file(size, after=spent):
                config.compile_model(model, described, _FORMAT, f"{checkpoint.name}: config")
        files = checkpoint.assets()
        if files is not None:
            assets.give(model, files)
    _load(model, checkpoint, [], skip_mismatch=False)
    return model


def _bytes(folder: str) -> int:
    """What a folder takes on the disk."""
    return sum(os.path.getsize(os.path.join(parent, name)) for parent, _, files in os.walk(folder) for name in files)


def load_weights(model: Model, path: str, skip_mismatch: bool = False, objects_to_skip: Iterable[Any] = ()) -> None:
    """Read the weights of a checkpoint into a model, and the state of its optimizer if it has one; all or none.

    Raises:
        LoadError: if the checkpoint is damaged or does not fit; the model is unchanged then.
    """
    _load(model, Checkpoint(path, "load_weights"), list(objects_to_skip), skip_mismatch)


def _load(model: Model, checkpoint: Checkpoint, skip: list[Any], skip_mismatch: bool) -> None:
    found = checkpoint.arrays
    skipped = {id(variable) for one in skip for variable in one.variables}
    wanted: dict[str, dict[str, Variable]] = _weights(model, checkpoint.name, found, skipped, skip_mismatch)
    wanted[_STATE] = _optimizer(model, checkpoint.name, found.get(_STATE, {}), skip)
    metrics = _Fit(model.metrics_variables, found.get(_METRICS, {}), model.name)
    wanted[_METRICS] = {} if metrics.problem else metrics.by_path
    values = checkpoint.read(wanted)
    # All are read: from here on nothing fails.
    for variable, value in values:
        variable.begin_with(value)


class _Fit:
    """How variables fit the arrays of a checkpoint.

    Attributes:
        by_path: the variables that have their array, by its path.
        problem: the first difference; empty if there is none.
    """

    def __init__(self, variables: Iterable[Variable], found: Mapping[str, Any], model: str):
        own = list(variables)
        pairs = paths.paired([variable.path for variable in own], found, model)
        self.by_path: dict[str, Variable] = {}
        self.problem: str = ""
        for variable in own:
            path = pairs.get(variable.path)
            if path is None:
                self._note(f"it has no {variable.path!r}.{names.suggest(variable.path, found)}")
            elif tuple(found[path].shape) != variable.shape:
                self._note(f"{path!r} has shape {tuple(found[path].shape)} there, and {variable.shape} in the model.")
            else:
                self.by_path[path] = variable
        extra = next((path for path in found if path not in pairs.values()), None)
        if extra is not None:
            self._note(f"it has {extra!r}, which the model has not.")

    def _note(self, problem: str) -> None:
        self.problem = self.problem or problem


def _weights(
    model: Model, name: str, found: Mapping[str, Mapping[str, Any]], skipped: set[int], skip_mismatch: bool
) -> dict[str, dict[str, Variable]]:
    """The variables to read, by the group in which the checkpoint has them: a layer may have been frozen since."""
    place = {path: group for group in _WEIGHTS for path in found.get(group, {})}
    if len({variable.path for variable in model.variables}) < len(model.variables):
        raise LoadError(f"Model '{model.name}' has two variables of one path. Give its layers unique names.")
    fit = _Fit(model.variables, {path: found[group][path] for path, group in place.items()}, model.name)
    if fit.problem and not skip_mismatch:
        raise LoadError(f"{name} does not fit model '{model.name}': {fit.problem}")
    if fit.problem:
        warn(f"{name}: {fit.problem} Variables that do not fit were left as they are.")
    wanted: dict[str, dict[str, Variable]] = {group: {} for group in _WEIGHTS}
    for path, variable in fit.by_path.items():
        if id(variable) not in skipped:
            wanted[place[path]][path] = variable
    return wanted


def _optimizer(model: Model, name: str, found: Mapping[str, Any], skip: list[Any]) -> dict[str, Variable]:
    """The optimizer's variables to read; none, with a warning, if they do not fit."""
    chosen = getattr(model, "optimizer", None)
    if chosen is None or not found or any(chosen is one for one in skip):
        return {}
    if not chosen.built and len(found) > len(chosen.variables):
        chosen.build(model.trainable_variables)
    fit = _Fit(chosen.variables, found, model.name)
    if fit.problem:
        warn(
            f"{name}: the state of optimizer '{chosen.name}' was not loaded; the optimizer stays as it is."
            f" {fit.problem}"
        )
        return {}
    return fit.by_path
