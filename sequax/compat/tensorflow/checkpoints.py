"""`tf.train.Checkpoint`: the variables of objects by name, in one `.npz` file; no code is in it, and none is run."""

from __future__ import annotations

import glob
import json
import os
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ...core.types import ArrayLike
from ...core.variable import Variable
from ...optimizers import Optimizer
from ...saving import atomic
from .files import FileName, path_of
from .member import Member
from .values import DType, as_dtype

_INDEX = "checkpoint"  # the file of a folder that says which checkpoints there are
_ENDING = ".ckpt.npz"


class Status:
    """What `restore` returns; everything has been restored by then."""

    def assert_consumed(self) -> Status:
        return self

    assert_existing_objects_matched = assert_nontrivial_match = expect_partial = assert_consumed

    def initialize_or_restore(self, session: object = None) -> None: ...

    run_restore_ops = initialize_or_restore


def _variables(thing: Any) -> list[Variable]:
    if isinstance(thing, Variable):
        return [thing]
    if isinstance(thing, dict):
        return [one for key in sorted(thing, key=str) for one in _variables(thing[key])]
    if isinstance(thing, (list, tuple)):
        return [one for item in thing for one in _variables(item)]
    return list(getattr(thing, "variables", ()))


class Checkpoint:
    """Objects with variables: models, layers, optimizers, `tf.Variable`s, and lists and dicts of them.

    Args:
        root: an object whose variables are kept without a name of their own.
        kwargs: objects by name.
    """

    def __init__(self, root: Any = None, **kwargs: Any):
        from .variable import Variable as Counting

        vars(self).update(kwargs)
        self._named = {**({"root": root} if root is not None else {}), **kwargs}
        self.save_counter: Any = Counting(0, trainable=False, dtype="int64", name="save_counter")

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if not name.startswith("_") and name != "save_counter":
            self._named[name] = value

    @property
    def variables(self) -> list[Variable]:
        return [one for _, group in self._groups() for one in group]

    def _groups(self) -> Iterator[tuple[str, list[Variable]]]:
        for name in sorted(self._named):
            thing = self._named[name]
            yield name, (thing.variables if isinstance(thing, Checkpoint) else _variables(thing))

    def write(self, file_prefix: FileName, options: object = None) -> str:
        """Keep all values in the file `file_prefix.ckpt.npz`."""
        prefix = path_of(file_prefix)
        arrays: dict[str, Any] = {"save_counter": self.save_counter.numpy()}
        arrays |= {f"{name}/{i}": one.numpy() for name, group in self._groups() for i, one in enumerate(group)}
        os.makedirs(os.path.dirname(prefix) or ".", exist_ok=True)
        with atomic.replacing(prefix + _ENDING) as file:
            np.savez(file, allow_pickle=False, **arrays)
        return prefix

    def save(self, file_prefix: FileName, options: object = None) -> str:
        """The same under a name with a number, which the folder's index notes as the latest."""
        self.save_counter.assign_add(1)
        prefix = self.write(f"{path_of(file_prefix)}-{int(self.save_counter.numpy())}")
        note_latest(os.path.dirname(prefix), [*known(os.path.dirname(prefix)), os.path.basename(prefix)])
        return prefix

    def restore(self, save_path: FileName, options: object = None) -> Status:
        """Give all variables the values of a file; without a path nothing happens.

        Raises:
            FileNotFoundError: if there is no such checkpoint of ours.
            ValueError: if a variable is missing, or has another shape.
        """
        if save_path is None:
            return Status()
        values = _arrays_in(save_path)
        self._build_optimizers(values)
        pairs = [
            (one, self._value_of(one, f"{name}/{i}", values))
            for name, group in self._groups()
            for i, one in enumerate(group)
        ]
        for variable, value in pairs:
            variable.assign(value)
        self.save_counter.assign(values["save_counter"])
        return Status()

    read = restore

    def _value_of(self, variable: Variable, name: str, values: dict[str, np.ndarray]) -> np.ndarray:
        value = values.get(name)
        if value is None or value.shape != tuple(variable.shape):
            found = "nothing" if value is None else f"shape {value.shape}"
            raise ValueError(
                f"tensorflow.train.Checkpoint: the variable {variable.path!r} ({name}) has the shape"
                f" {tuple(variable.shape)}; in the file there is {found}. The objects must be those that were saved."
            )
        return value

    def _build_optimizers(self, values: dict[str, np.ndarray]) -> None:
        """An optimizer makes its state at its first step; here it is the one of a model whose shapes fit."""
        models = [one for one in self._named.values() if hasattr(one, "trainable_variables")]
        for name, thing in self._named.items():
            saved = Counter(value.shape for key, value in values.items() if key.startswith(f"{name}/"))
            if not isinstance(thing, Optimizer) or thing.built or sum(saved.values()) <= len(thing.variables):
                continue
            for model in models:
                shapes = Counter(tuple(one.shape) for one in model.trainable_variables)
                if shapes and not shapes - saved:
                    thing.build(model.trainable_variables)
                    break


def known(folder: str) -> list[str]:
    """The names of checkpoints that the index of a folder lists, the latest last."""
    try:
        with open(os.path.join(folder, _INDEX), encoding="utf-8") as file:
            listed = json.load(file).get("checkpoints", [])
    except (OSError, ValueError):
        return []
    return [name for name in listed if os.path.exists(os.path.join(folder, name + _ENDING))]


def note_latest(folder: str, names: list[str]) -> None:
    with open(os.path.join(folder, _INDEX), "w", encoding="utf-8") as file:
        json.dump({"checkpoints": list(dict.fromkeys(names))}, file)


def latest_checkpoint(checkpoint_dir: FileName, latest_filename: object = None) -> str | None:
    """What was saved last in a folder: by a `Checkpoint`, or weights of a model under a name without an ending."""
    folder = path_of(checkpoint_dir)
    listed = known(folder)
    if listed:
        return os.path.join(folder, listed[-1])
    files = [*glob.glob(os.path.join(glob.escape(folder), "*.weights.h5"))]
    return max(files, key=os.path.getmtime).removesuffix(".weights.h5") if files else None


class CheckpointManager:
    """Keeps the last checkpoints of a folder.

    Args:
        checkpoint: what is saved.
        directory: where.
        max_to_keep: older ones are deleted; None keeps all.
        checkpoint_name: of the files.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        directory: FileName,
        max_to_keep: int | None = None,
        keep_checkpoint_every_n_hours: object = None,
        checkpoint_name: str = "ckpt",
        step_counter: object = None,
        checkpoint_interval: object = None,
        init_fn: Callable[[], object] | None = None,
    ):
        self.checkpoint, self.directory, self._most = checkpoint, path_of(directory), max_to_keep
        self._name, self._init = checkpoint_name, init_fn
        os.makedirs(self.directory, exist_ok=True)

    @property
    def checkpoints(self) -> list[str]:
        return [os.path.join(self.directory, name) for name in known(self.directory)]

    @property
    def latest_checkpoint(self) -> str | None:
        listed = self.checkpoints
        return listed[-1] if listed else None

    def save(
        self, checkpoint_number: ArrayLike | None = None, check_interval: bool = True, options: object = None
    ) -> str:
        counter = self.checkpoint.save_counter
        counter.assign_add(1)
        number = int(np.asarray(counter.numpy() if checkpoint_number is None else checkpoint_number))
        path = self.checkpoint.write(os.path.join(self.directory, f"{self._name}-{number}"))
        names = [*known(self.directory), os.path.basename(path)]
        for old in names[: -self._most] if self._most else []:
            os.remove(os.path.join(self.directory, old + _ENDING))
        note_latest(self.directory, names[-self._most :] if self._most else names)
        return path

    def restore_or_initialize(self) -> str | None:
        latest = self.latest_checkpoint
        if latest is not None:
            self.checkpoint.restore(latest)
        elif self._init is not None:
            self._init()
        return latest


def _arrays_in(name: FileName) -> dict[str, np.ndarray]:
    """What a checkpoint holds: one by its name, or the latest of a folder."""
    path = path_of(name)
    prefix = latest_checkpoint(path) if os.path.isdir(path) else path
    file_name = f"{prefix}{_ENDING}"
    if not os.path.exists(file_name):
        raise FileNotFoundError(
            f"tensorflow.train.Checkpoint: there is no {file_name!r}. Checkpoints that TensorFlow wrote are not read:"
            f" save the weights as `.h5` there, or write the arrays with `numpy.savez`."
        )
    with np.load(file_name, allow_pickle=False) as file:
        return {key: file[key] for key in file.files}


class CheckpointReader:
    """The arrays of a checkpoint by name.

    Args:
        ckpt_dir_or_file: a checkpoint by its name, or a folder, whose latest is read.
    """

    def __init__(self, ckpt_dir_or_file: FileName):
        self._arrays = _arrays_in(ckpt_dir_or_file)

    def get_variable_to_shape_map(self) -> dict[str, list[int]]:
        return {name: list(array.shape) for name, array in self._arrays.items()}

    def get_variable_to_dtype_map(self) -> dict[str, DType]:
        return {name: as_dtype(array.dtype) for name, array in self._arrays.items()}

    def has_tensor(self, tensor_str: str) -> bool:
        return tensor_str in self._arrays

    def get_tensor(self, tensor_str: str) -> np.ndarray:
        return self._arrays[tensor_str]


def list_variables(ckpt_dir_or_file: FileName) -> list[tuple[str, list[int]]]:
    return list(CheckpointReader(ckpt_dir_or_file).get_variable_to_shape_map().items())


def load_variable(ckpt_dir_or_file: FileName, name: str) -> np.ndarray:
    return CheckpointReader(ckpt_dir_or_file).get_tensor(name)


# --- models in folders ----------------------------------------------------------------------------------------------


def save_model(obj: object, export_dir: FileName, signatures: object = None, options: object = None) -> None:
    """A model of Keras as a folder that `tf.saved_model.load` and `keras.models.load_model` read here."""
    from ...model import Model

    if not isinstance(obj, Model):
        raise NotImplementedError(
            f"tensorflow.saved_model.save: saves models of Keras only; graphs of functions need TensorFlow itself."
            f" Received: {type(obj).__name__}"
        )
    obj.save(path_of(export_dir).rstrip("/"))


def load_model(export_dir: FileName, tags: object = None, options: object = None) -> Any:
    from ..files import load_model

    if os.path.exists(os.path.join(path_of(export_dir), "saved_model.pb")):
        raise NotImplementedError(
            "tensorflow.saved_model.load: a SavedModel is a graph of TensorFlow, which only TensorFlow itself runs."
            " Save the model as `.keras` or `.h5` there."
        )
    return load_model(path_of(export_dir).rstrip("/"))


MEMBERS: dict[str, Member] = {
    "train.Checkpoint": Member(Checkpoint),
    "train.CheckpointManager": Member(CheckpointManager),
    "train.latest_checkpoint": Member(latest_checkpoint),
    "train.list_variables": Member(list_variables),
    "train.load_variable": Member(load_variable),
    **dict.fromkeys(("train.load_checkpoint", "train.NewCheckpointReader"), Member(CheckpointReader)),
    "saved_model.save": Member(save_model),
    "saved_model.load": Member(load_model),
}
