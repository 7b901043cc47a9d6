"""`save_model` and `load_model`: which kind of file a path means."""

from __future__ import annotations

import importlib
import os
import warnings
from typing import TYPE_CHECKING, Any

from .errors import LoadError, MissingFileError

if TYPE_CHECKING:
    from ..core.types import CustomObjects, Path
    from ..model import Model
    from ..utils.feature_space import FeatureSpace

_HDF5 = (".h5", ".hdf5")


def save_model(
    model: Model | FeatureSpace, filepath: Path, overwrite: bool = True, zipped: bool | None = None, **kwargs: Any
) -> None:
    """Save architecture, weights, and what `compile` was given with the optimizer's state; whole or not at all.

    Args:
        filepath: ends with `.keras`, or with `.h5` for the format of Keras 2.
        overwrite: replace a file of that name; False refuses.
        zipped: False writes a folder, whose name may not end with `.keras`, with the files that are in a `.keras` file.
        include_optimizer: False leaves out the optimizer's state.

    Raises:
        ValueError: for another ending.
        FileExistsError: with `overwrite=False`.
        OSError: if the file cannot be written; an earlier file of that name stays as it was.
    """
    include_optimizer = kwargs.pop("include_optimizer", True)
    if kwargs.pop("save_format", "keras") not in ("keras", "h5", None):
        raise ValueError("save_model: the format follows from the ending of `filepath`; leave `save_format` out.")
    if kwargs:
        raise ValueError(f"save_model: unexpected arguments {sorted(kwargs)}.")
    path = os.fsdecode(os.fspath(filepath))
    if zipped is False and path.endswith((".keras", *_HDF5)):
        raise ValueError(
            f"With `zipped=False` the path of the folder should not end in `.keras`. Received: filepath={path}"
        )
    if zipped is not False and not path.endswith((".keras", *_HDF5)):
        raise ValueError(
            f"Invalid filepath extension for saving: a model is saved as `.keras`, or as `.h5` for Keras 2."
            f" Received: filepath={path}. Use e.g. {os.path.splitext(path)[0]}.keras."
        )
    if not overwrite and os.path.exists(path):
        raise FileExistsError(f"{path!r} exists. Pass `overwrite=True`, or another path.")
    if path.endswith(_HDF5):
        _module("legacy_models").save_model(model, path, include_optimizer=include_optimizer)
    else:
        _module("archive").save(model, path, include_optimizer, zipped is not False)


def load_model(
    filepath: Path, custom_objects: CustomObjects | None = None, compile: bool = True, safe_mode: bool = True
) -> Model:
    """The model of a file, with its weights and, if it was compiled, the state of its optimizer.

    One file (or folder) is read, and nothing in it is run, imported or opened. What does not fit is refused before
    memory is taken.

    Args:
        filepath: a `.keras` or `.h5` file, or a folder that was saved with `zipped=False`.
        custom_objects: own classes and functions by name. The function of a `Lambda` layer that was saved as code is
            given by the name of the layer.
        compile: whether to compile the model as it was.
        safe_mode: True; code in a file is never run, so False changes nothing, and says so.

    Raises:
        LoadError: (a ValueError) if the file is damaged or refused; the message says where.
    """
    if not safe_mode:
        warnings.warn(
            "load_model: code in a file is never run, so `safe_mode=False` changes nothing. Pass the functions of"
            " Lambda layers by `custom_objects={layer_name: function}`.",
            UserWarning,
            stacklevel=2,
        )
    path = os.fsdecode(os.fspath(filepath))
    try:
        if path.endswith(_HDF5):
            return _module("legacy_models").load_model(path, custom_objects=custom_objects, compile=compile)
        if path.endswith(".keras") or os.path.exists(path):
            return _module("archive").load(path, custom_objects, compile)
    except FileNotFoundError:
        raise MissingFileError(
            f"File not found: filepath={path}. Is it in another folder than {os.getcwd()}?"
        ) from None
    if "://" in path:
        raise LoadError(f"{path!r}: only local files are read. Download it first.")
    raise MissingFileError(
        f"File not found, or not supported: filepath={path}. Models are in `.keras` and `.h5` files."
    )


def weights() -> Any:
    """The module of weights files, which comes with the layers it knows."""
    return _module("weights")


def _module(name: str) -> Any:
    return importlib.import_module(f"sequax.saving.{name}")
