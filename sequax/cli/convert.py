"""`sequax convert`: a model or its weights in another format, and under other names. Nothing is imported for it."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.errors import LoadError
from ..saving import atomic, hdf5_writer, models, tensors
from . import files, renaming

if TYPE_CHECKING:
    from ..model import Model

_OLD_ENDINGS = (".h5", ".hdf5")
_FORMATS = {  # of the arrays in a file
    files.MODEL: "`.weights.h5`",
    files.WEIGHTS: "`.weights.h5`",
    files.OLD_MODEL: "`.h5`",
    files.OLD_WEIGHTS: "`.h5`",
    files.TENSORS: "`.safetensors`",
}


def convert(
    source: str,
    target: str,
    renames: Sequence[tuple[str, str]] = (),
    model: str | None = None,
    weights_only: bool = False,
    force: bool = False,
) -> int:
    """Write `target` from `source`, whole or not at all; returns the exit code.

    Args:
        renames: old and new names of layers; in files of weights also of groups, such as `layers/dense`.
        model: a file whose model the weights of `source` are for.
        weights_only: write weights to a `.h5` file where `source` is a whole model.
        force: replace a file of that name.
    """
    try:
        with warnings.catch_warnings(record=True) as noted:
            warnings.simplefilter("ignore")
            warnings.simplefilter("always", UserWarning)
            kind = _convert(source, target, renames, model, weights_only, force)
    except (OSError, ValueError, TypeError, NotImplementedError) as error:
        return files.fail("convert", error)
    for warning in noted:
        print(f"sequax convert: {files.printable(str(warning.message))}", file=sys.stderr)
    print(f"{target}: {kind}, {os.path.getsize(target):,} bytes")
    return 0


def _convert(
    source: str, target: str, renames: Sequence[tuple[str, str]], model: str | None, weights_only: bool, force: bool
) -> str:
    if os.path.lexists(target) and not force:
        raise FileExistsError(f"{target!r} exists. Pass --force to replace it.")
    atomic.checked_target(target)
    with files.opened(source) as contents:
        kind = _kind(contents, target, weights_only)
        if model is None and kind not in files.MODELS and _FORMATS[kind] == _FORMATS[contents.kind]:
            _copy(contents, target, renames)
            return kind
        has_state = any(map(contents.is_state, contents.arrays))
        if model is None and contents.kind not in files.MODELS:
            raise LoadError(_which_model(source, target, _FORMATS[contents.kind], kind))
    if model is None:
        found = _loaded(source, target)
    else:
        found = _loaded(model, target, compile=has_state or kind in files.MODELS)
        if found.compiled:  # the optimizer's state in that file belongs to other weights
            found.compile_from_config(found.get_compile_config())
        found.load_weights(source)
    renaming.rename_layers(found, renames)
    if kind in files.MODELS:
        models.save_model(found, target)
    else:
        found.save_weights(target)
    return kind


def _kind(contents: files.Contents, target: str, weights_only: bool) -> str:
    """What the new file holds, by its ending."""
    if contents.kind == files.RUN:
        raise LoadError(f"{contents.path}: a {files.RUN} is continued by `fit`; it is not converted.")
    if target.endswith(".keras") and not weights_only:
        return files.MODEL
    if target.endswith(".weights.h5"):
        return files.WEIGHTS
    if target.endswith(_OLD_ENDINGS):
        whole = contents.kind in files.MODELS and not weights_only
        return files.OLD_MODEL if whole else files.OLD_WEIGHTS
    if target.endswith(".safetensors"):
        return files.TENSORS
    allowed = ".weights.h5, .h5 or .safetensors" if weights_only else ".keras, .h5, .weights.h5 or .safetensors"
    raise ValueError(f"The format follows from the ending of the new file: {allowed}. Received: {target}")


def _which_model(source: str, target: str, layout: str, kind: str) -> str:
    if kind in files.MODELS:
        why = f"holds weights alone, and {target} is to hold a model"
    else:
        why = f"is in the format {layout}, which names arrays in another way than {_FORMATS[kind]}"
    return f"{source} {why}. Pass the model that the weights are for: --model MODEL.keras"


def _loaded(path: str, target: str, compile: bool = True) -> Model:
    try:
        return models.load_model(path, compile=compile)
    except LoadError as error:
        if "custom_objects" not in str(error):
            raise
        raise LoadError(
            f"{error} This command imports nothing; models with own classes or functions are converted in Python:"
            f" `keras.saving.load_model({path!r}, custom_objects={{...}}).save({target!r})`."
        ) from error


# --- array for array ---


def _copy(contents: files.Contents, target: str, renames: Sequence[tuple[str, str]]) -> None:
    """The same arrays in a new file, which no model is needed for."""
    arrays = {}
    for path, array in contents.read():
        if array is None:
            raise LoadError(f"{contents.path}: {path!r} holds no numbers, so it is no weight.")
        arrays[path] = array
    if contents.kind == files.TENSORS:
        texts = {key: text for key, text in contents.texts.items() if not key.startswith("sha256 ")}
        atomic.write(target, tensors.assemble(renaming.paths(arrays, renames, "."), texts))
    elif contents.old is not None:
        atomic.write(target, hdf5_writer.to_bytes(*_old_weights(contents, arrays, renames)))
    else:
        assert contents.hdf5 is not None
        held = {p: {a: group.attribute(a) for a in group.attribute_names} for p, group in contents.hdf5.groups.items()}
        atomic.write(target, hdf5_writer.to_bytes(*renaming.groups(arrays, held, renames)))


def _old_weights(
    contents: files.Contents, arrays: Mapping[str, np.ndarray], renames: Sequence[tuple[str, str]]
) -> tuple[dict[str, np.ndarray], dict[str, dict[str, Any]]]:
    """Arrays and groups of a `.h5` file with weights alone."""
    file = contents.old
    assert file is not None
    layers = file.layers()
    held = {renaming.name(layer, layers, renames): [one.path for one in found] for layer, found in layers.items()}
    attributes = {name: file.text(name) for name in ("backend", "keras_version")}
    groups: dict[str, dict[str, Any]] = {
        "": {"layer_names": list(held), **{name: text for name, text in attributes.items() if text is not None}}
    }
    own = [one.path for one in file.own()]
    found: dict[str, np.ndarray] = {}
    for (new, listed), old in zip([*held.items(), (_TOP, own)], [*layers, _TOP], strict=True):
        before = f"{file.root}/{old}/" if file.root else f"{old}/"
        named = {renaming.component(path.removeprefix(before), renames): arrays[path] for path in listed}
        groups[new] = {"weight_names": list(named)}
        found.update({f"{new}/{name}": array for name, array in named.items()})
    return found, groups


_TOP = "top_level_model_weights"  # weights of the model itself
