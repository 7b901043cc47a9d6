"""What configs may hold: checked as a whole, before the first object is made of any part.

The schema of a class is its constructor: the names of the arguments, and the kinds of values that their defaults and
names stand for. Classes and functions are found in tables by public name (`named.py`); a config that names
anything else, holds code, or holds what no class asks for is refused with its place, such as
`config.layers[3].config.units`.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterator, Mapping
from typing import Any

from . import budget, constructor, names, op_table, values
from .budget import MAX_DEPTH, MAX_VALUES
from .custom_objects import custom_object
from .errors import LoadError, MalformedError
from .kinds import MAX_NAME, Kind, Listed, Optional, Plain, ShapeOf, Whole, is_json, is_name, is_number, is_shape
from .named import lookup, unknown

_WRAPPER_KEYS_WORDS = """
    module class_name config registered_name build_config compile_config name inbound_nodes shared_object_id
"""
_WRAPPER_KEYS = frozenset(_WRAPPER_KEYS_WORDS.split())
_CODE = (
    "it holds Python code. Code from a file is never run, whatever `safe_mode` says. Save the function under a name,"
    " or pass it: `custom_objects={{{name!r}: function}}`"
)
_ARRAY_DTYPES = frozenset(
    ["bool", "float16", "bfloat16", "float32", "float64", *(f"{u}int{b}" for u in ("", "u") for b in (8, 16, 32, 64))]
)
_TENSOR_DTYPES = _ARRAY_DTYPES | {"string", "complex64", "complex128"}

# What configs hold beside the arguments of a constructor that have a kind.
_OPTIONS: dict[str, Kind] = {
    "trainable": Plain("true or false", bool, int),
    **{name: ShapeOf() for name in ("input_shape", "batch_input_shape", "batch_shape")},
    "input_dim": Optional(Whole()),
    "layers": Listed(),
}


class Reading:
    """A config that is being turned into objects: its parts that were checked, by id, and where they stand in it."""

    def __init__(self, root: str):
        self.root = root
        self.places: dict[int, str] = {}
        self.kept: list[Any] = []  # so that no id is used twice


def check(config: object, current: Reading, place: str) -> None:
    """Check a config, or a structure of configs.

    Raises:
        LoadError: at the first part that is refused.
    """
    measure(config, place)
    _check_value(config, current, place)


def check_config(cls: type, config: Mapping[str, Any], current: Reading, place: str) -> None:
    """Check what the `from_config` of a class is called with."""
    measure(config, place)
    _check_arguments(cls, config, current, place)


def measure(config: object, place: str) -> None:
    """Refuse what is nested too deeply or has too many values, without recursion."""
    level, depth, count = [config], 0, 0
    while level:
        depth, count = depth + 1, count + len(level)
        if depth > MAX_DEPTH:
            raise LoadError(f"nested more than {MAX_DEPTH} levels deep", place)
        if count > MAX_VALUES:
            raise LoadError(f"more than {MAX_VALUES:,} values", place)
        level = [item for value in level for item in _inside(value)]


def _inside(value: object) -> Iterator[Any]:
    if isinstance(value, Mapping):
        return iter(value.values())
    return iter(value if isinstance(value, (list, tuple)) else ())


def _check_value(value: object, current: Reading, place: str) -> None:
    if isinstance(value, Mapping):
        if "class_name" in value and "config" in value:
            _check_object(value, current, place)
            return
        for key, item in value.items():
            _check_value(item, current, _below(place, f".{_shown_key(key)}"))
    elif isinstance(value, (list, tuple)):
        for position, item in enumerate(value):
            _check_value(item, current, _below(place, f"[{position}]"))
    elif type(value) is int and not -(2**63) <= value < 2**64:
        raise LoadError("expected a number of up to 64 bits", place)


def _check_object(config: Mapping[str, Any], current: Reading, place: str) -> None:
    current.places[id(config)] = place
    current.kept.append(config)
    name = config["class_name"]
    if not isinstance(name, str):
        raise LoadError(f"expected the name of a class; found {_shown(name)}", f"{place}.class_name")
    if name.startswith("__"):
        _check_special(config, current, place)
        return
    for key in config:
        if key not in _WRAPPER_KEYS:
            raise LoadError(f"unknown key {key!r:.80}.{names.suggest(key, _WRAPPER_KEYS)}", place)
    if op_table.is_op(config.get("module"), name):
        op_table.find(config["module"], name, place)
        _count(1, place)
        return
    try:
        target = lookup(config)
    except LoadError as error:
        raise error.at(place) from None
    if target is None:
        raise unknown(config, place)
    _count(1 if hasattr(target, "add_weight") else budget.OTHER_OBJECT, place)
    if inspect.isclass(target) and names.is_ours(target):
        _check_arguments(target, config["config"], current, f"{place}.config")
        _check_shapes(config.get("build_config"), f"{place}.build_config")
        check_compile_config(config.get("compile_config"), current, f"{place}.compile_config")


def _count(number: float, place: str) -> None:
    try:
        budget.spend_layers(number)
    except LoadError as error:
        raise error.at(place) from None


def _check_special(config: Mapping[str, Any], current: Reading, place: str) -> None:
    name, inner = config["class_name"], config["config"]
    if name == "__tuple__":
        items = config.get("items", inner)
        if not isinstance(items, (list, tuple)):
            raise LoadError(f"expected the list of items of a tuple; found {_shown(items)}", place)
        _check_value(items, current, place)
    elif name in values.ARRAYS:
        check_array(inner, place)
    elif name in values.KINDS:
        _check_parts(name, inner, current, place)
    elif name == "__lambda__":
        raise LoadError(_CODE.format(name="its name"), place)
    elif name == "__typespec__":
        if not isinstance(inner, (list, tuple)):
            raise MalformedError(f"Expected 'config' to be a list or a tuple; found {_shown(inner)}", place)
        raise LoadError("type specifications of TensorFlow are of no use here", place)
    else:
        raise LoadError(f"{name!r:.80} is refused: it is not known", place)


_NOT_ARGUMENTS = values.KINDS - values.ARRAYS  # of classes of ours; they stand in configs of own classes, and in calls
_PARTS = {"__bytes__": {"value"}, "__slice__": {"start", "stop", "step"}, "__ellipsis__": set()}
_PARTS["__keras_tensor__"] = {"shape", "dtype"}


def _check_parts(kind: str, parts: object, current: Reading, place: str) -> None:
    """A value that JSON has no form for: its parts, and what they may be."""
    expected = _PARTS[kind]
    if not isinstance(parts, Mapping) or set(parts) - {"keras_history"} != expected:
        raise LoadError(f"expected {kind} with {sorted(expected)}; found {_shown(parts)}", place)
    if kind == "__bytes__" and not isinstance(parts["value"], str):
        raise LoadError(f"expected the text of bytes; found {_shown(parts['value'])}", place)
    if kind == "__slice__":
        _check_value(list(parts.values()), current, place)
    if kind == "__keras_tensor__" and not (is_shape(parts["shape"]) and parts["dtype"] in _TENSOR_DTYPES):
        raise LoadError(f"expected the shape and dtype of a tensor; found {_shown(parts['shape'])}", place)


def check_array(config: Mapping[str, Any], place: str) -> None:
    """An array as Keras writes it: nested lists of numbers, and one of the dtypes of numbers."""
    if not isinstance(config, Mapping) or set(config) - {"value", "dtype"} or "value" not in config:
        raise LoadError("expected an array as {'value': numbers, 'dtype': name}", place)
    if config.get("dtype", "float32") not in _ARRAY_DTYPES:
        raise LoadError(f"expected a dtype of numbers; found {_shown(config['dtype'])}", f"{place}.config.dtype")
    pending = [config["value"]]
    while pending:
        value = pending.pop()
        if isinstance(value, (list, tuple)):
            pending.extend(value)
        elif not isinstance(value, (bool, int, float)):
            raise LoadError(f"expected numbers; found {_shown(value)}", f"{place}.config.value")


# --- the arguments of a class of ours ---


def _check_arguments(cls: type, config: object, current: Reading, place: str) -> None:
    if config is None or (getattr(cls, "is_stack", False) and isinstance(config, list)):
        config = {} if config is None else {"layers": config}
    if not isinstance(config, Mapping):
        raise MalformedError(f"Expected 'config' to be a dict for {cls.__name__}; found {_shown(config)}", place)
    current.places[id(config)] = place
    current.kept.append(config)
    known, any_key = constructor.parameters(cls)
    any_key = any_key or "holds_arguments" in vars(cls)
    more = {*getattr(cls, "config_keys", ()), "name", "trainable", "dtype"}
    functions = getattr(cls, "function_keys", ())
    code_given = bool(functions) and custom_object(str(config.get("name"))) is not None
    for key, value in config.items():
        here = _below(place, f".{_shown_key(key)}")
        if key not in known and key not in more and not any_key and key not in _shape_keys(cls):
            raise LoadError(
                f"{cls.__name__} has no argument {key!r:.80}.{names.suggest(key, [*known, *more])}"
                f" Known: {', '.join(sorted(known))}.",
                place,
            )
        if key in functions:
            _check_function(value, current, here, code_given, config.get("name"))
            continue
        _check_kind(cls, key, value, here)
        if key not in ("input_layers", "output_layers"):
            _check_value(value, current, here)


def _shape_keys(cls: type) -> tuple[str, ...]:
    return ("input_shape", "batch_input_shape", "batch_shape", "input_dim") if hasattr(cls, "add_weight") else ()


def _check_function(value: object, current: Reading, place: str, given: bool, name: object) -> None:
    """A function of a Lambda layer: a name. Code is passed over if the user gave the function, by the layer's name."""
    is_code = isinstance(value, Mapping) and value.get("class_name") == "__lambda__"
    is_code = is_code or (place.endswith("function") and isinstance(value, list))
    if is_code and not given:
        raise LoadError(_CODE.format(name=name), place)
    if not is_code:
        _check_value(value, current, place)


def _check_kind(cls: type, key: str, value: object, place: str) -> None:
    expected = _mismatch(cls, key, value)
    if expected is not None:
        raise MalformedError(f"`{key}` must be {expected}; found {_shown(value)}", place)


def _mismatch(cls: type, key: str, value: object) -> str | None:
    """What was expected for an argument, if the value is of another kind."""
    if not is_json(value):
        return None  # an object of the caller's own program
    class_name = value.get("class_name") if isinstance(value, Mapping) else None
    if isinstance(class_name, str) and class_name in _NOT_ARGUMENTS:
        return "a value that an argument may have"
    if key == "name":
        return None if value is None or is_name(value) else f"a name: a string of 1 to {MAX_NAME} characters without /"
    kind = constructor.kinds(cls).get(key) or _OPTIONS.get(key)
    return None if kind is None or kind.fits(value, cls) else kind.in_file


def _check_shapes(config: object, place: str) -> None:
    if config is None:
        return
    if not isinstance(config, Mapping):
        raise LoadError(f"expected shapes by name; found {_shown(config)}", place)
    for key, value in config.items():
        if key == names.FROZEN:
            if not isinstance(value, (list, tuple)) or not all(map(_is_place_of_weight, value)):
                raise LoadError(f"expected places and names; found {_shown(value)}", f"{place}.{key}")
        elif key == names.THAWED:
            if not isinstance(value, (list, tuple)) or not all(type(one) is int and one >= 0 for one in value):
                raise LoadError(f"expected places; found {_shown(value)}", f"{place}.{key}")
        elif key == names.ADAPTED:
            if not isinstance(value, (list, tuple)) or not all(_is_adapter(one) for one in value):
                raise LoadError(f"expected places, ranks and alphas; found {_shown(value)}", f"{place}.{key}")
        elif value is not None and not is_shape(value):
            raise LoadError(f"expected a shape; found {_shown(value)}", f"{place}.{_shown_key(key)}")


def _is_place_of_weight(value: object) -> bool:
    if not isinstance(value, (list, tuple)) or len(value) != 2:
        return False
    return type(value[0]) is int and value[0] >= 0 and is_name(value[1])


def _is_adapter(value: object) -> bool:
    if not isinstance(value, (list, tuple)) or len(value) != 3:
        return False
    place, rank, alpha = value
    return type(place) is int and place >= 0 and type(rank) is int and rank > 0 and is_number(alpha) and alpha > 0


_COMPILE_KEYS_WORDS = """
    optimizer loss loss_weights metrics weighted_metrics run_eagerly steps_per_execution jit_compile auto_scale_loss
"""
_COMPILE_KEYS = frozenset(_COMPILE_KEYS_WORDS.split())


def check_compile_config(config: object, current: Reading, place: str) -> None:
    """What `compile_from_config` is called with: the arguments of `compile`."""
    if config is None:
        return
    if not isinstance(config, Mapping):
        raise LoadError(f"expected the arguments of `compile`; found {_shown(config)}", place)
    for key, value in config.items():
        if key not in _COMPILE_KEYS:
            raise LoadError(f"`compile` has no argument {key!r:.80}.{names.suggest(key, _COMPILE_KEYS)}", place)
        is_config = isinstance(value, Mapping) and {"class_name", "config"} <= set(value)
        if key == "optimizer" and is_json(value) and not (value is None or isinstance(value, str) or is_config):
            raise LoadError(f"expected a name, or the config of an optimizer; found {_shown(value)}", f"{place}.{key}")
        if key == "loss_weights" and isinstance(value, str):
            raise LoadError(f"expected numbers; found {_shown(value)}", f"{place}.{key}")
        _count(sum(1 for _ in _inside_all(value)), f"{place}.{key}")  # a name makes a loss or metric, too
        _check_value(value, current, f"{place}.{key}")


def _inside_all(value: object) -> Iterator[Any]:
    """What a structure of losses or metrics lists."""
    is_config = isinstance(value, Mapping) and {"class_name", "config"} <= set(value)
    if is_config or not isinstance(value, (Mapping, list, tuple)):
        yield value
    else:
        for item in _inside(value):
            yield from _inside_all(item)


def _shown(value: object) -> str:
    """A value, short whatever it is."""
    if isinstance(value, (list, tuple, Mapping)):
        return f"a {'dict' if isinstance(value, Mapping) else 'list'} of {len(value)}"
    if type(value) is int and abs(value) >= 10**20:
        return f"a whole number of {int(math.log10(abs(value))) + 1} digits"
    text = repr(value[:100] if isinstance(value, (str, bytes)) else value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _below(place: str, part: str) -> str:
    """A place inside of another one; of very deep ones the middle is left out, since there is one for each object."""
    return f"{place}{part}" if len(place) < 400 else f"{place[:200]}...{place[-150:]}{part}"


def _shown_key(key: object) -> str:
    text = str(key)
    return text if len(text) <= 40 and text.isprintable() else f"{text[:37]!r}..."
