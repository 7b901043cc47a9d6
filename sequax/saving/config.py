"""From JSON text to objects: parsing under limits, then the schema, then the objects."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from ..core import budget, names, registry
from ..core.errors import LoadError
from . import legacy, schema

MAX_BYTES = 256 * budget.MEGABYTE

_STRINGS = re.compile(r'"(?:[^"\\]++|\\.)*+"', re.DOTALL)
_BRACKETS = re.compile(r"[\[\]{}]")


def parse(
    text: str | bytes, place: str = "config", max_bytes: int = MAX_BYTES, max_values: int = schema.MAX_VALUES
) -> Any:
    """The value of a JSON text: size, depth and number of values are limited before anything is made of it.

    Raises:
        LoadError: for a text that is too large, too deep or no JSON, and for repeated keys.
    """
    if isinstance(text, (bytes, bytearray)):
        if len(text) > max_bytes:
            raise LoadError(f"{len(text):,} bytes of JSON, where {max_bytes:,} are the limit", place)
        try:
            text = bytes(text).decode("utf-8")
        except UnicodeDecodeError as error:
            raise LoadError(f"not UTF-8 text: {error}", place) from None
    if not isinstance(text, str):
        raise LoadError(f"expected JSON text; received {type(text).__name__}", place)
    if len(text) > max_bytes:
        raise LoadError(f"{len(text):,} characters of JSON, where {max_bytes:,} are the limit", place)
    _measure(text, place, max_values)
    try:
        return json.loads(text, object_pairs_hook=_unique_keys, parse_int=_integer)
    except LoadError as error:
        raise error.at(place) from None
    except (ValueError, RecursionError) as error:
        raise LoadError(f"not valid JSON: {error!s:.200}", place) from None


def _measure(text: str, place: str, max_values: int) -> None:
    """Depth and number of values, counted in the text itself."""
    if text.count('"') - text.count('\\"') > 4 * max_values:  # a key and a string per value; before they are cut out
        raise LoadError(f"more than {max_values:,} values", place)
    bare = _STRINGS.sub('"', text)
    if bare.count(",") + bare.count("[") + bare.count("{") > max_values:
        raise LoadError(f"more than {max_values:,} values", place)
    depth = 0
    for bracket in _BRACKETS.finditer(bare):
        depth += 1 if bracket[0] in "[{" else -1
        if depth > 3 * schema.MAX_DEPTH:  # levels of text; what is made of it is measured again
            raise LoadError(f"nested more than {3 * schema.MAX_DEPTH} levels deep", place)


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        key = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise LoadError(f"the key {key!r:.80} stands twice in one object")
    return found


def _integer(digits: str) -> int:
    if len(digits) > 40:
        raise LoadError(f"a whole number of {len(digits)} digits; numbers of up to 64 bits are expected")
    return int(digits)


def model_from(
    config: Any,
    custom_objects: Mapping[str, Any] | None = None,
    compile: bool = True,
    place: str = "config",
    version: str | None = None,
) -> Any:
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
    with registry.custom_object_scope(custom_objects), registry.reading(place):
        model = registry.deserialize(config)
    if not hasattr(model, "layers") or not hasattr(model, "fit"):
        raise LoadError(f"the config is one of {type(model).__name__}, which is not a model", place)
    return model


def compile_model(model: Any, config: Mapping[str, Any], version: str | None, place: str) -> None:
    """Compile a model as its config says; a config without compile settings leaves it as it is."""
    compile_as(model, modernized(config, version, place).get("compile_config"), f"{place}.compile_config")


# What reading a config of an older version raises if it is not as any version wrote it.
MALFORMED = (KeyError, TypeError, AttributeError, ValueError, IndexError, RecursionError)


def modernized(config: Mapping[str, Any], version: str | None, place: str) -> Any:
    """A config of any version in the form of Keras 3.

    Raises:
        LoadError: for one that no version wrote.
    """
    with _explaining(place):
        return legacy.modernized(config, version)


def compile_arguments(settings: Mapping[str, Any], modern: bool, place: str) -> Any:
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


def compile_as(model: Any, settings: Mapping[str, Any] | None, place: str) -> None:
    """Compile a model with settings from a file.

    Raises:
        LoadError: for an optimizer, loss or metric that is refused.
    """
    if not settings:
        return
    with registry.reading(place) as current:
        try:
            if names.is_ours(type(model).compile_from_config):
                schema.check_compile_config(settings, current, place)
                # Keras on TensorFlow stores what "auto" was there: False, which here means one operation at a time.
                # Who wants that has stored `run_eagerly`, too.
                settings = {key: value for key, value in settings.items() if key != "jit_compile"}
            model.compile_from_config(settings)
        except LoadError as error:
            raise type(error)(f"{error.at(place)} To load the model without it, pass `compile=False`.") from error
        except Exception as error:
            raise LoadError(
                f"the model cannot be compiled like this. {type(error).__name__}: {error}. Own losses and metrics need"
                f" `custom_objects`; to load the model without them, pass `compile=False`.",
                place,
            ) from error


def model_from_json(json_string: str, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """A model with fresh weights from what `model.to_json()` gave; compiled if it was.

    Raises:
        LoadError: for anything that is not the config of a model; code in it is never run.
    """
    parsed = parse(json_string)
    limit, layers = budget.machine_limit(), budget.layers_of(len(json_string))
    with budget.limited(limit, "half of the machine's memory", layers=layers):
        return model_from(parsed, custom_objects)


def to_json(model: Any, **kwargs: Any) -> str:
    """The config of a model as JSON text; `kwargs` are those of `json.dumps`."""
    return json.dumps(registry.serialize(model), **kwargs)
