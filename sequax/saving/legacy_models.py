"""Whole models in Keras 2's `.h5` files: the config in the form in which such files have it, and back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..core import budget, op_table, schema
from ..core.catalogue import family, serialize
from ..core.custom_objects import custom_object_scope
from ..core.errors import LoadError
from ..core.named import lookup
from ..core.types import Path
from . import config, legacy_h5

if TYPE_CHECKING:
    from ..model import Model

_LEFT_OUT = frozenset(("module", "registered_name", "build_config", "compile_config"))


def save_model(model: Model, path: Path, include_optimizer: bool = True) -> None:
    """Write a model to a `.h5` file, whole or not at all."""
    attributes = {"model_config": json.dumps(_plain(serialize(model)))}
    settings = model.get_compile_config() if include_optimizer else {}
    if settings:
        optimizer = settings.pop("optimizer", None)
        if isinstance(optimizer, Mapping):
            settings["optimizer_config"] = _plain(optimizer)
        attributes["training_config"] = json.dumps(settings)
    legacy_h5.write_model(model, path, attributes, include_optimizer)


def _plain(entry: Mapping[str, Any]) -> dict[str, Any]:
    """A layer, model or optimizer without the keys that Keras 2 did not know; so are the layers inside.

    An own class stands there under the name it is registered by. If ours has that name it keeps null as its module,
    which says that it is an own one.
    """
    found = {key: value for key, value in entry.items() if key not in _LEFT_OUT}
    registered, module = str(entry.get("registered_name") or ""), entry.get("module")
    is_own = registered and not op_table.is_op(module, registered) and family(str(module)) is None
    if is_own:
        found["class_name"] = registered
        if ">" not in registered and lookup({"class_name": registered}) is not None:
            found.update(module=None, registered_name=registered)
    inner = found["config"]
    if isinstance(inner, Mapping) and isinstance(inner.get("layers"), list):
        found["config"] = {**inner, "layers": [_plain(layer) for layer in inner["layers"]]}
    return found


def load_model(path: Path, custom_objects: Mapping[str, Any] | None = None, compile: bool = True) -> Model:
    """The model of a `.h5` file, with its weights.

    Raises:
        LoadError: if anything in it is refused.
    """
    with legacy_h5.LegacyFile(path) as file:
        name, size = file.source.name, file.source.size
        described, settings, version = file.model_config, file.training_config, file.text("keras_version")
    if described is None:
        raise LoadError(
            f"{name}: the file holds weights alone, no model: it has no attribute `model_config`. Build the model in"
            f" your program and call `model.load_weights(path)`."
        )
    place = f"{name}: model_config"
    parsed = config.parse(described, place, size)
    with custom_object_scope(custom_objects):
        with budget.for_file(size) as spent:
            model = config.model_from(parsed, compile=False, place=place, version=version or "2")
        if compile and settings is not None:
            given = config.parse(settings, f"{name}: training_config", size)
            if not isinstance(given, Mapping):
                raise LoadError("expected the arguments of `compile`", f"{name}: training_config")
            schema.measure(given, f"{name}: training_config")
            modern = str(version or "2").split(".")[0] not in ("0", "1", "2")
            with budget.for_file(size, after=spent):  # metrics have variables, too
                arguments = config.compile_arguments(given, modern, f"{name}: training_config")
                config.compile_as(model, arguments, f"{name}: training_config")
        legacy_h5.read_weights(model, path, optimizer=compile)
    return model
