"""Models and weights in files and back: which kind of file a path means.

The modules of the formats are imported when one is read or written, which most programs never do.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from ..core import above
from ..core.tracebacks import public
from ..core.warning import warn
from . import atomic, together
from .errors import LoadError, MissingFileError

if TYPE_CHECKING:
    from ..core.types import CustomObjects, Path
    from ..model import Model
    from ..utils.feature_space import FeatureSpace

_HDF5 = (".h5", ".hdf5")


@public
def save_model(
    model: Model | FeatureSpace, filepath: Path, overwrite: bool = True, zipped: bool | None = None, **kwargs: Any
) -> None:
    """Save architecture, weights, and what `compile` was given with the optimizer's state; whole or not at all.

    Args:
        filepath: ends with `.keras`, or with `.h5` for the format of Keras 2; or `hf://user/name`: a repository of the
            Hugging Face Hub, see `push_to_hub`.
        overwrite: replace a file of that name; False refuses.
        zipped: False writes a folder, whose name may not end with `.keras`, with the files that are in a `.keras` file.
        include_optimizer: False leaves out the optimizer's state.
        model: the model.

    Raises:
        ValueError: for another ending.
        FileExistsError: with `overwrite=False`.
        OSError: if the file cannot be written; an earlier file of that name stays as it was.
    """
    from . import archive, legacy_models

    include_optimizer = kwargs.pop("include_optimizer", True)
    if kwargs.pop("save_format", "keras") not in ("keras", "h5", None):
        raise ValueError("save_model: the format follows from the ending of `filepath`; leave `save_format` out.")
    if kwargs:
        raise ValueError(f"save_model: unexpected arguments {sorted(kwargs)}.")
    path = os.fsdecode(os.fspath(filepath))
    if path.startswith("hf://"):
        if zipped:
            raise ValueError(f"{path!r}: on the hub a model is a folder of files. Leave `zipped=True` out.")
        above.load("hub_pushing").push_to_hub(model, path, include_optimizer=include_optimizer)
        return
    if zipped is False and path.endswith((".keras", *_HDF5)):
        raise ValueError(
            f"With `zipped=False` the path of the folder should not end in `.keras`. Received: filepath={path}"
        )
    if zipped is not False and not path.endswith((".keras", *_HDF5)):
        raise ValueError(
            f"Invalid filepath extension for saving: a model is saved as `.keras`, or as `.h5` for Keras 2."
            f" Received: filepath={path}. Use e.g. {os.path.splitext(path)[0]}.keras."
        )
    if path.endswith(_HDF5) and not hasattr(model, "compile"):
        raise ValueError(f"A {type(model).__name__} is saved as `.keras`. Received: filepath={path}")
    with together.by_one(model, path) as writes:
        if writes and not overwrite and os.path.exists(path):
            raise FileExistsError(f"{path!r} exists. Pass `overwrite=True`, or another path.")
        if writes and path.endswith(_HDF5):
            legacy_models.save_model(model, path, include_optimizer=include_optimizer)  # type: ignore[arg-type]
        elif writes:
            archive.save(model, path, include_optimizer, zipped is not False)


@public
def load_model(
    filepath: Path, custom_objects: CustomObjects | None = None, compile: bool = True, safe_mode: bool = True
) -> Model:
    """The model of a file, with its weights and, if it was compiled, the state of its optimizer.

    One file (or folder) is read, and nothing in it is run, imported or opened. What does not fit is refused before
    memory is taken.

    Args:
        filepath: a `.keras` or `.h5` file, a folder that was saved with `zipped=False`, or one of an
            `OrbaxCheckpoint`, whose newest step is read; or `hf://user/name`, of the Hugging Face Hub.
        custom_objects: own classes and functions by name. The function of a `Lambda` layer that was saved as code is
            given by the name of the layer.
        compile: whether to compile the model as it was.
        safe_mode: True; code in a file is never run, so False changes nothing, and says so.

    Raises:
        LoadError: (a ValueError) if the file is damaged or refused; the message says where.
    """
    from . import archive, legacy_models, orbax

    if not safe_mode:
        warn(
            "load_model: code in a file is never run, so `safe_mode=False` changes nothing. Pass the functions of"
            " Lambda layers by `custom_objects={layer_name: function}`."
        )
    path = os.fsdecode(os.fspath(filepath))
    if path.startswith("hf://"):
        found = above.load("hub").fetched(path)
        if not isinstance(found, str):
            return archive.load_from(found, custom_objects, compile)
        path = found
    try:
        if path.endswith(_HDF5):
            return legacy_models.load_model(path, custom_objects=custom_objects, compile=compile)
        if orbax.is_checkpoint(path):
            return orbax.load_model(path, custom_objects, compile)
        if path.endswith(".keras") or os.path.exists(path):
            return archive.load(path, custom_objects, compile)
    except FileNotFoundError:
        raise MissingFileError(
            f"File not found: filepath={path}. Is it in another folder than {os.getcwd()}?"
        ) from None
    if "://" in path:
        raise LoadError(f"{path!r}: only local files are read. Download it first.")
    raise MissingFileError(
        f"File not found, or not supported: filepath={path}. Models are in `.keras` and `.h5` files."
    )


@public
def save_weights(
    model: Model,
    filepath: Path,
    overwrite: bool = True,
    max_shard_size: float | None = None,
    objects_to_skip: Iterable[Any] | None = None,
    **kwargs: object,
) -> None:
    """Write the weights of a model, and the state of its optimizer, to a file.

    Args:
        model: built, so that it has weights.
        filepath: ends in `.weights.h5` (Keras' format), `.h5` (Keras 2's) or `.safetensors`; or in `.weights.json` with
            `max_shard_size`.
        overwrite: False refuses a path that exists.
        max_shard_size: gigabytes per file; the weights are split over several, and `.weights.json` lists them.
        objects_to_skip: layers to leave out, with all they hold; for files in Keras 3's format.

    Raises:
        ValueError: for another ending, or a model that is not built.
        FileExistsError: with `overwrite=False`.
    """
    if kwargs:
        raise TypeError(f"save_weights: unexpected arguments {sorted(kwargs)}.")
    path = os.fspath(filepath)
    _require_built(model, "saved")
    skip = list(objects_to_skip or ())
    if skip and not path.endswith((".weights.h5", ".weights.json")):
        raise ValueError(
            f"`objects_to_skip` is for files in Keras 3's format, `.weights.h5`. Received: filepath={path}"
        )
    with together.by_one(model, path) as writes:
        if writes:
            _write_weights(model, path, overwrite, max_shard_size, skip)


def _write_weights(model: Model, path: str, overwrite: bool, max_shard_size: float | None, skip: list[Any]) -> None:
    from . import legacy_h5, safetensors, shards, weights

    if max_shard_size is not None:
        shards.save(model, path, max_shard_size, overwrite, skip)
        return
    if path.endswith(".weights.h5"):
        data: bytes | memoryview = weights.weights_bytes(model, skip=skip)
    elif path.endswith(_HDF5):
        data = legacy_h5.weights_bytes(model)
    elif path.endswith(".safetensors"):
        data = safetensors.weights_bytes(model)
    else:
        raise ValueError(
            f"The filename must end in `.weights.h5` (or `.h5`, `.safetensors`). Received: filepath={path}"
        )
    weights.refuse_existing(path, overwrite)
    atomic.write(path, data)


@public
def load_weights(model: Model, filepath: Path, skip_mismatch: bool = False, **kwargs: Any) -> None:
    """Read weights into a model, all or none; and the state of its optimizer, if it is compiled and the file has it.

    Args:
        model: built, with the layers the file was written from.
        filepath: a `.weights.h5`, `.weights.json`, `.h5`, `.safetensors` or `.keras` file, or the folder of an
            `OrbaxCheckpoint`.
        skip_mismatch: leave out layers whose variables differ in number or shape, with a warning.
        objects_to_skip: layers to leave as they are, with all they hold.
        by_name: for `.h5` files in Keras 2's format: match layers by name, and leave out those that only one side has.

    Raises:
        LoadError: (a ValueError) if the file is damaged or does not fit; the model is unchanged then.
        FileNotFoundError: if there is no such file.
    """
    from . import archive, legacy_h5, orbax, safetensors, shards, weights

    by_name, skip = kwargs.pop("by_name", False), kwargs.pop("objects_to_skip", None) or ()
    if kwargs:
        raise TypeError(f"load_weights: unexpected arguments {sorted(kwargs)}.")
    path = os.fspath(filepath)
    _require_built(model, "loaded")
    if path.startswith("hf://"):
        path = _weights_on_hub(path)
    if by_name and not path.endswith(_HDF5):
        raise ValueError(f"`by_name=True` is for `.h5` files in Keras 2's format. Received: filepath={path}")
    if path.endswith(_HDF5):
        if by_name or legacy_h5.is_legacy(path):
            legacy_h5.read_weights(model, path, by_name=by_name, skip_mismatch=skip_mismatch)
        else:
            weights.read_weights(model, path, skip_mismatch=skip_mismatch, objects_to_skip=skip)
    elif path.endswith(".weights.json"):
        shards.load(model, path, skip_mismatch, skip)
    elif path.endswith(".safetensors"):
        safetensors.read_weights(model, path, skip_mismatch=skip_mismatch, objects_to_skip=skip)
    elif path.endswith(".keras"):
        weights.read_weights(model, archive.weights_of(path), skip_mismatch=skip_mismatch, objects_to_skip=skip)
    elif orbax.is_checkpoint(path):
        orbax.load_weights(model, path, skip_mismatch, skip)
    else:
        raise ValueError(
            f"File format not supported: filepath={path}. Weights are read from `.weights.h5`, `.weights.json`, `.h5`,"
            f" `.safetensors` and `.keras` files, and folders of OrbaxCheckpoint."
        )


def _weights_on_hub(address: str) -> str:
    """The path of a file of the hub that holds weights."""
    found = above.load("hub").fetched(address)
    if not isinstance(found, str):
        found = found.path_of("model.weights.h5")
    return found


def _require_built(model: Model, what: str) -> None:
    if not getattr(model, "built", False):
        raise ValueError(
            f"Weights of model '{model.name}' cannot be {what}: the model has not been built, so it has none. Call"
            f" `model.build(input_shape)`, or call the model on data."
        )
