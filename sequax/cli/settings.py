"""Layers and their settings in a few words, from a config alone."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from ..core import constructor, names, schema
from ..core.named import lookup
from .files import MALFORMED

_LONGEST = 80
_COMMON = {"trainable": True, "dtype": "float32"}
_USUAL = (None, False, "linear", "channels_last")  # what a default of None may become
_LEFT_OUT = frozenset(("name", "layers", "build_input_shape", "input_layers", "output_layers"))


def layers(config: Mapping[str, Any], prefix: str = "") -> list[dict[str, Any]]:
    """Name, class and settings of each layer of a model's config, those of models inside after their own row."""
    rows = []
    for entry in _entries(config):
        inner = entry.get("config")
        name = _shortened(prefix + str(inner.get("name") if isinstance(inner, Mapping) else None))
        rows.append({"name": name, "class_name": str(entry.get("class_name")), "settings": changed(entry)})
        rows.extend(layers(entry, f"{name}/"))
    return rows


def _shortened(name: str) -> str:
    """The end of a name that would be repeated in the rows of all layers inside."""
    return name if len(name) <= schema.MAX_NAME else f"...{name[-schema.MAX_NAME :]}"


def _entries(config: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    inner = config.get("config")
    listed = inner.get("layers") if isinstance(inner, Mapping) else None
    return [entry for entry in listed if isinstance(entry, Mapping)] if isinstance(listed, list) else []


def changed(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments that differ from the defaults of the class; of a class that is not known here, all of them."""
    inner, defaults = entry.get("config"), _defaults(entry)
    found: dict[str, Any] = {}
    for key, value in inner.items() if isinstance(inner, Mapping) else ():
        unknown = defaults is not None and key not in defaults and key not in _COMMON
        if key in _LEFT_OUT or unknown or value is None:
            continue
        default, text = {**(defaults or {}), **_COMMON}.get(key), described(value)
        if not _same(value, default) and names.to_snake_case(str(text)) != default:
            found[key] = text
    return found


def _defaults(entry: Mapping[str, Any]) -> dict[str, Any] | None:
    try:
        target = lookup({"config": None, **entry})
    except MALFORMED:
        return None
    if not isinstance(target, type):
        return None
    return {name: one.default for name, one in constructor.parameters(target)[0].items()}


def _same(value: object, default: Any) -> bool:
    if default in _USUAL and isinstance(value, (bool, str)) and value in _USUAL:
        return True
    if isinstance(value, list):
        default = list(default) if isinstance(default, tuple) else default
        return value == default or (
            not isinstance(default, list) and bool(value) and set(map(str, value)) == {str(default)}
        )
    if isinstance(value, float) and isinstance(default, (int, float)):
        return math.isclose(value, default, rel_tol=1e-6)  # configs hold float32 numbers
    return bool(value == default)


def described(value: object) -> Any:
    """A value for a reader: objects as `Dense(units=3)`, numbers as they are, other things as short texts."""
    if isinstance(value, Mapping) and "class_name" in value:
        return _object(value)
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, list):
        value = [described(one) for one in value[:_LONGEST]]
    elif isinstance(value, Mapping):
        value = {str(key): described(one) for key, one in value.items()}
    if isinstance(value, list) and len(json.dumps(value)) <= _LONGEST:
        return value
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def _object(value: Mapping[str, Any]) -> str:
    name, inner = str(value["class_name"]), value.get("config")
    if name == "function" or not isinstance(inner, Mapping):
        return str(inner) if name == "function" else name
    if name == "DTypePolicy":
        return str(inner.get("name"))
    if name.startswith("__"):
        return name.strip("_")
    arguments = ", ".join(f"{key}={shown(one)}" for key, one in changed(value).items())
    return f"{name}({arguments})" if arguments else name


def shown(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)
