"""Files of models under the names that they had: any ending, or none.

Keras 1 and 2 wrote HDF5 whatever a file was called; TensorFlow's Keras made a folder of a name without an ending, and
of weights a group of files that begin with it. Here an unknown ending is HDF5, a name without one, or a model with
its own `call`, a folder that holds `model.keras`, and weights under such a name are one file, `NAME.weights.h5`.
"""

from __future__ import annotations

import inspect
import os
import re
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..core import names
from ..core.types import CustomObjects, Path
from ..saving import archive, atomic, config as configs, legacy_h5, legacy_models, models as model_files
from ..saving.errors import LoadError, UnknownObjectError
from . import waiting
from .notes import note

if TYPE_CHECKING:
    from ..callbacks import ModelCheckpoint
    from ..model import Model

_INSIDE = "model.keras"  # in a folder that stands for a SavedModel
_WEIGHTS = ".weights.h5"
_OF_MODELS = (".keras", ".h5", ".hdf5")
_OF_WEIGHTS = (".h5", ".hdf5", ".keras", ".safetensors", ".weights.json")
_OF_TENSORFLOW = ("signatures", "options", "save_traces")
_FIELD = re.compile(r"\{(\w+)[^{}]*\}")


def _without_options(kwargs: dict[str, Any]) -> None:
    for name in _OF_TENSORFLOW:
        if name in kwargs:
            note(f"{name}=", "leave it out, it has no effect")
            del kwargs[name]


def _format(kwargs: dict[str, Any]) -> str | None:
    """What `save_format=` asks for; taken out."""
    asked = kwargs.pop("save_format", None)
    if asked is not None:
        note("save_format=", "an ending of the file's name: `.keras`, or `.h5`")
    return "h5" if asked in ("h5", "hdf5") else asked


def _text(path: Path) -> str:
    return os.fsdecode(os.fspath(path))


def _has_ending(path: str) -> bool:
    return bool(os.path.splitext(os.path.basename(path))[1])


# --- models ---------------------------------------------------------------------------------------------------------


def save(owner: type, original: Callable[..., Any]) -> Callable[..., Any]:
    """`model.save` under any name."""

    def save(self: Model, filepath: Path, overwrite: bool = True, *args: object, **kwargs: Any) -> None:
        _without_options(kwargs)
        asked, path = _format(kwargs), _text(filepath)
        if args and isinstance(args[0], bool):  # third was `include_optimizer`
            kwargs["include_optimizer"], args = args[0], args[1:]
        if path.endswith(_OF_MODELS) or kwargs.get("zipped") is False:
            original(self, path, overwrite, *args, **kwargs)
        elif asked == "h5" or (asked is None and _has_ending(path) and _is_graph(self)):
            note(f"a model in a file called {os.path.basename(path)}", "an ending `.keras`", key="ending of a model")
            if not overwrite and os.path.exists(path):
                raise FileExistsError(f"{path!r} exists. Pass `overwrite=True`, or another path.")
            legacy_models.save_model(self, path, include_optimizer=kwargs.get("include_optimizer", True))
        else:
            note("a model as a folder", "one file with the ending `.keras`, such as the folder holds here")
            os.makedirs(path, exist_ok=True)
            path = os.path.join(path, _INSIDE)
            original(self, path, overwrite, *args, **kwargs)
        _remember(self, path)

    return save


def _is_graph(model: Model) -> bool:
    """Whether HDF5 can hold a model, so that it loads; others were written by TensorFlow, into a folder."""
    return model.is_stack or model.recorded_graph is not None


# Of files of this run: when they were written, how long they are, and what of the script's own is in them.
_written: dict[str, tuple[tuple[int, int], dict[str, Any]]] = {}


def _remember(model: Model, path: str) -> None:
    """Keep what of a script's own is in a model that is written, so that the script that wrote the file can load it.

    Keras 2 wrote the code of a lambda, and TensorFlow's SavedModel programs in place of classes.
    """
    _written.pop(os.path.abspath(path), None)
    if not os.path.isfile(path):
        return
    layers = [model, *model.flatten_layers()]
    functions: set[Any] = {getattr(layer, "function", None) for layer in layers}
    found = [("<lambda>", one) for one in functions if getattr(one, "__name__", None) == "<lambda>"]
    found += [(cls.__name__, cls) for cls in {type(layer) for layer in layers} if not names.is_ours(cls)]
    times = Counter(name for name, _ in found)  # files tell several of a name by nothing
    own = {name: one for name, one in found if times[name] == 1}
    _written[os.path.abspath(path)] = _stamp(path), own


def _stamp(path: str) -> tuple[int, int]:
    found = os.stat(path)
    return found.st_mtime_ns, found.st_size


def _with_own(path: str, custom_objects: CustomObjects | None) -> CustomObjects | None:
    stamp, own = _written.get(os.path.abspath(path), (None, {}))
    known = own and os.path.isfile(path) and _stamp(path) == stamp
    return {**own, **(custom_objects or {})} if known else custom_objects


def save_model(model: Model, filepath: Path, overwrite: bool = True, *args: Any, **kwargs: Any) -> None:
    """`model.save`."""
    model.save(filepath, overwrite, *args, **kwargs)


def load_model(
    filepath: Any,
    custom_objects: CustomObjects | None = None,
    compile: bool = True,
    safe_mode: bool = True,
    options: object = None,
) -> Model:
    """The model of a file of any name, or of a folder that `save` has made."""
    path = _text(filepath) if not hasattr(filepath, "filename") else filepath.filename  # of an open `h5py.File`
    if os.path.isdir(path) and os.path.exists(os.path.join(path, _INSIDE)):
        path = os.path.join(path, _INSIDE)
    elif os.path.isdir(path) and os.path.exists(os.path.join(path, "saved_model.pb")):
        raise LoadError(
            f"{path!r} is a SavedModel, a program for TensorFlow, which Sequax does not run. Load it with TensorFlow,"
            f" save it as `.h5` or `.keras`, and load that."
        )
    custom_objects = _with_own(path, custom_objects)
    if os.path.isfile(path) and not path.endswith(_OF_MODELS):
        read = legacy_models.load_model if _is_hdf5(path) else archive.load
        return read(path, custom_objects, compile)
    return model_files.load_model(path, custom_objects, compile, safe_mode)


def model_from_json(json_string: str, custom_objects: CustomObjects | None = None) -> Model:
    """The model of `to_json()`; not compiled if its own loss or metric is unknown, since Keras 2 never compiled it."""
    try:
        return configs.model_from_json(json_string, custom_objects)
    except UnknownObjectError:
        model = configs.from_json(json_string, custom_objects, compile=False)  # an unknown layer raises once more
        note("model_from_json", "with `custom_objects` for the loss and the metrics, too; this model is not compiled")
        return model


def _is_hdf5(path: str) -> bool:
    with open(path, "rb") as file:
        return file.read(4) == b"\x89HDF"


# --- weights --------------------------------------------------------------------------------------------------------


def save_weights(owner: type, original: Callable[..., Any]) -> Callable[..., Any]:
    """`model.save_weights` under any name."""

    def save_weights(self: Model, filepath: Path, overwrite: bool = True, **kwargs: Any) -> None:
        _without_options(kwargs)
        asked, path = _format(kwargs), _text(filepath)
        if path.endswith(_OF_WEIGHTS):
            original(self, path, overwrite, **kwargs)
        elif asked == "h5" or (asked is None and _has_ending(path) and not path.endswith(".ckpt")):
            note(
                f"weights in a file called {os.path.basename(path)}", "an ending `.weights.h5`", key="ending of weights"
            )
            if not overwrite and os.path.exists(path):
                raise FileExistsError(f"{path!r} exists. Pass `overwrite=True`, or another path.")
            os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
            atomic.write(path, legacy_h5.weights_bytes(self))
        else:
            note("weights as a checkpoint of TensorFlow", f"an ending {_WEIGHTS!r}, which is added here")
            os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
            original(self, path + _WEIGHTS, overwrite, **kwargs)

    return save_weights


class LoadStatus:
    """What TensorFlow's `load_weights` gave back: all weights have been read, or there was an error."""

    def expect_partial(self) -> LoadStatus:
        return self

    assert_consumed = assert_existing_objects_matched = assert_nontrivial_match = expect_partial


def load_weights(owner: type, original: Callable[..., Any]) -> Callable[..., Any]:
    """`model.load_weights` from any name."""

    def load_weights(self: Model, filepath: Path, *args: Any, **kwargs: Any) -> LoadStatus:
        _without_options(kwargs)
        path = _text(filepath)
        if args and "by_name" not in kwargs:  # second was `by_name`
            kwargs["by_name"], args = args[0], args[1:]
        if kwargs.get("by_name") is False:
            del kwargs["by_name"]
        if os.path.isdir(path) and os.path.exists(os.path.join(path, _INSIDE)):
            path = os.path.join(path, _INSIDE)
        if not os.path.exists(path) and os.path.exists(path + _WEIGHTS):
            path += _WEIGHTS
            if not self.built and not args and not kwargs:
                waiting.wait(self, path)
                return LoadStatus()
        if path.endswith(_OF_WEIGHTS) or not os.path.isfile(path) or not _is_hdf5(path):
            original(self, path, *args, **kwargs)
        else:
            legacy_h5.read_weights(self, path, **kwargs)
        return LoadStatus()

    return load_weights


# --- checkpoints ----------------------------------------------------------------------------------------------------


def checkpoint(owner: type, original: Callable[..., Any]) -> Callable[..., Any]:
    """`ModelCheckpoint` to files of any name, every `period` epochs."""
    positions = list(inspect.signature(original).parameters)[1:]

    def __init__(self: ModelCheckpoint, *args: Any, **kwargs: Any) -> None:
        given = {**dict(zip(positions[:6], args, strict=False)), **kwargs}
        period = args[6] if len(args) > 6 and isinstance(args[6], int) else given.pop("period", 1)
        if len(args) > 6 and not isinstance(args[6], int):
            given["save_freq"] = args[6]
        if period != 1:
            note("period=", "a callback of your own, or save_freq= in batches")
        for name in ("load_weights_on_restart", "options"):
            if given.pop(name, None):
                note(f"{name}=", "leave it out; keras.callbacks.BackupAndRestore resumes a run")
        path = _text(given.pop("filepath"))
        accepted = (_WEIGHTS,) if given.get("save_weights_only") else (".keras", ".h5")
        original(self, path if path.endswith(accepted) else f"{path}{accepted[0]}", **given)
        self.filepath = path
        vars(self).update({_PERIOD: int(period), _WAITED: 0})

    return __init__


_PERIOD, _WAITED = "_every_epochs", "_epochs_waited"


def save_if_due(owner: type, original: Callable[..., Any]) -> Callable[..., Any]:
    """Only in every `period`-th epoch."""

    def _save_if_due(self: ModelCheckpoint, place: dict[str, int], logs: Any) -> None:
        own = vars(self)
        own[_WAITED] = own.get(_WAITED, 0) + 1
        if self.save_freq == "epoch" and own[_WAITED] < own.get(_PERIOD, 1):
            return
        own[_WAITED] = 0
        original(self, place, logs)

    return _save_if_due


def path_of(owner: type, original: Callable[..., Any]) -> Callable[..., Any]:
    """The name of a file, with `val_acc` where the logs have `val_accuracy`."""

    def _path(self: ModelCheckpoint, place: dict[str, int], logs: Any) -> str:
        named = {name: logs[name] for name in _FIELD.findall(self.filepath) if name in logs}
        return original(self, place, {**logs, **named})

    return _path
