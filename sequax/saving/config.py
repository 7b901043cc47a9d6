"""From configs to objects: the form of older versions made new, then the schema, then the objects."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ..core import budget, names, quantizing, schema
from ..core.catalogue import serialize
from ..core.config import deserialize, reading
from ..core.custom_objects import custom_object_scope
from ..core.errors import LoadError
from ..core.tracebacks import public
from . import legacy
from .json_text import MAX_BYTES, parse

if TYPE_CHECKING:
    from ..core.layer import Layer
    from ..model import Model


def model_from(
    config: Mapping[str, Any],
    custom_objects: Mapping[str, Any] | None = None,
    compile: bool = True,
    place: str = "config",
    version: str | None = None,
) -> Model:
    """The model of a parsed config, in the form of Keras 3 or of an older version.

    Args:
        compile: whether to compile it as the config says.
        version: of the Keras that wrote it, where the file tells; else what the config itself says.

    Raises:
        LoadError: if the config is refused, or is not one of a model.
    """
    if not isinstance(config, Mapping) or "class_name" not in config or "config" not in config:
        raise LoadError("expected the config of a model, with `class_name` and `config`", place)
    schema.measure(config, place)
    config = modernized(config, version, place)
    if not compile:
        config = {key: value for key, value in config.items() if key != "compile_config"}
    with custom_object_scope(custom_objects), reading(place):
        model = deserialize(config)
    if not hasattr(model, "save"):  # models and feature spaces have it
        raise LoadError(f"the config is one of {type(model).__name__}, which is not a model", place)
    for layer in model.flatten_layers():
        quantizing.fill_parts(layer)
    return model


def compile_model(model: Model, config: Mapping[str, Any], version: str | None, place: str) -> None:
    """Compile a model as its config says; a config without compile settings leaves it as it is."""
    compile_as(model, modernized(config, version, place).get("compile_config"), f"{place}.compile_config")


# What reading a config of an older version raises if it is not as any version wrote it.
MALFORMED = (KeyError, TypeError, AttributeError, ValueError, IndexError, RecursionError)


def modernized(config: Mapping[str, Any], version: str | None, place: str) -> Mapping[str, Any]:
    """A config of any version in the form of Keras 3.

    Raises:
        LoadError: for one that no version wrote.
    """
    with _explaining(place):
        return legacy.modernized(config, version)


def compile_arguments(settings: Mapping[str, Any], modern: bool, place: str) -> dict[str, Any]:
    """The `training_config` of a `.h5` file as arguments of `compile`.

    Raises:
        LoadError: for one that no version wrote.
    """
    with _explaining(place):
        return legacy.compile_config(settings, modern)


@contextmanager
def _explaining(place: str) -> Iterator[None]:
    try:
        yield
    except LoadError as error:
        raise error.at(place) from None
    except MALFORMED as error:
        raise LoadError(
            f"no version of Keras writes such a config ({type(error).__name__}: {error}). Was it changed by hand?",
            place,
        ) from None


def compile_as(model: Model, settings: Mapping[str, Any] | None, place: str) -> None:
    """Compile a model with settings from a file.

    Raises:
        LoadError: for an optimizer, loss or metric that is refused.
    """
    if not settings:
        return
    with reading(place) as current:
        try:
            if names.is_ours(type(model).compile_from_config):
                schema.check_compile_config(settings, current, place)
                # Keras on TensorFlow stores what "auto" was there: False, which here means one operation at a time.
                # Who wants that has stored `run_eagerly`, too.
                settings = {key: value for key, value in settings.items() if key != "jit_compile"}
            model.compile_from_config(dict(settings))
        except LoadError as error:
            raise type(error)(f"{error.at(place)} To load the model without it, pass `compile=False`.") from error
        except Exception as error:
            raise LoadError(
                f"the model cannot be compiled like this. {type(error).__name__}: {error}. Own losses and metrics need"
                f" `custom_objects`; to load the model without them, pass `compile=False`.",
                place,
            ) from error


@public
def model_from_json(json_string: str, custom_objects: Mapping[str, Any] | None = None) -> Model:
    """A model with fresh weights from what `model.to_json()` gave; compiled if it was.

    Args:
        json_string: the text.
        custom_objects: the user's own classes and functions by name.

    Raises:
        LoadError: for anything that is not the config of a model; code in it is never run.
    """
    return from_json(json_string, custom_objects)


def from_json(json_string: str, custom_objects: Mapping[str, Any] | None, compile: bool = True) -> Model:
    """`model_from_json`; not compiled with `compile=False`, whatever the text says."""
    parsed = parse(json_string)
    limit, layers = budget.machine_limit(), budget.layers_of(len(json_string))
    with budget.limited(limit, "half of the machine's memory", layers=layers):
        return model_from(parsed, custom_objects, compile)


def to_json(model: Layer, **kwargs: Any) -> str:
    """The config of a model as JSON text; `kwargs` are those of `json.dumps`."""
    return json.dumps(serialize(model), **kwargs)


__all__ = [
    "MAX_BYTES", "compile_arguments", "compile_as", "compile_model", "model_from", "model_from_json", "parse",
    "to_json",
]  # fmt: skip
