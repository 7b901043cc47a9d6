"""`keras.src.saving.saving_lib`: models to and from open files, which libraries pickle models with."""

from __future__ import annotations

import os
import tempfile
from typing import IO, Any

from ..core.types import CustomObjects, Path
from ..model import Model
from ..saving import models

__all__ = ["load_model", "load_weights_only", "save_model", "save_weights_only"]


def save_model(
    model: Model, filepath: Path | IO[bytes], weights_format: str = "h5", zipped: bool | None = None
) -> None:
    """`keras.saving.save_model`, which also writes into an open file.

    Raises:
        NotImplementedError: for weights in another format than HDF5.
    """
    if weights_format != "h5":
        raise NotImplementedError(f"save_model: weights are saved in the format 'h5'. Received: {weights_format!r}")
    if not hasattr(filepath, "write"):
        models.save_model(model, filepath, zipped=zipped)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "model.keras")
        models.save_model(model, path)
        with open(path, "rb") as saved:
            filepath.write(saved.read())


def load_model(
    filepath: Path | IO[bytes],
    custom_objects: CustomObjects | None = None,
    compile: bool = True,
    safe_mode: bool = True,
) -> Model:
    """`keras.saving.load_model`, which also reads from an open file."""
    if not hasattr(filepath, "read"):
        return models.load_model(filepath, custom_objects, compile, safe_mode)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "model.keras")
        with open(path, "wb") as copy:
            copy.write(filepath.read())
        return models.load_model(path, custom_objects, compile, safe_mode)


def save_weights_only(model: Model, filepath: Path, *args: Any, **kwargs: Any) -> None:
    """`model.save_weights`."""
    models.save_weights(model, filepath, *args, **kwargs)


def load_weights_only(model: Model, filepath: Path, skip_mismatch: bool = False, objects_to_skip: Any = None) -> None:
    """`model.load_weights`."""
    models.load_weights(model, filepath, skip_mismatch=skip_mismatch, objects_to_skip=objects_to_skip)
