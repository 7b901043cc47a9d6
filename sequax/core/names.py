"""Names of objects: snake case from class names, and the counters behind `dense`, `dense_1`, ..."""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Iterable

_used: Counter[str] = Counter()
_numbers: Counter[str] = Counter()


FROZEN = "frozen"  # in build_configs: places of weights, see `Owner.frozen_alone`
THAWED = "thawed"  # in build_configs: places of layers inside of frozen ones, see `Owner.thawed_inside`
ADAPTED = "adapted"  # in build_configs: layers inside with low-rank adapters, see `Owner.adapted_inside`


def to_snake_case(name: str) -> str:
    """`GlobalAveragePooling2D` -> `global_average_pooling2d`, `ReLU` -> `re_lu`, `MyHTTPLayer2` -> `my_http_layer2`."""
    name = re.sub(r"\W+", "", name)
    return re.sub(r"(?<=.)(?=[A-Z][a-z]+)|(?<=[a-z])(?=[A-Z])", "_", name).lower()


def name_of(function: object) -> str:
    """What losses and metrics that are functions, or objects to call, are called in logs, as in Keras."""
    name = getattr(function, "name", None)
    return name if isinstance(name, str) else to_snake_case(getattr(function, "__name__", type(function).__name__))


def kind_of(layer: object) -> str:
    """What a layer or op is called where it is shown: by its class, and graphs and ops by that in their configs."""
    configured = getattr(layer, "config_names", None)
    return type(layer).__name__ if configured is None else str(configured[1])


def is_ours(thing: object) -> bool:
    """Whether a class or function, or the class of an object, is part of Sequax."""
    module = getattr(thing, "__module__", None)
    return (module if isinstance(module, str) else type(thing).__module__).startswith("sequax.")


def auto_name(prefix: str) -> str:
    """The next free name of this process for a prefix: `dense`, then `dense_1`, `dense_2`."""
    prefix = to_snake_case(prefix)
    count = _used[prefix]
    _used[prefix] += 1
    return prefix if count == 0 else f"{prefix}_{count}"


def get_uid(prefix: str = "") -> int:
    """A number for a prefix: 1, then 2, ...; `clear_session` starts again."""
    _numbers[prefix] += 1
    return _numbers[prefix]


def reset() -> None:
    """Start all counters again (`clear_session`)."""
    _used.clear()
    _numbers.clear()


def check_name(name: object, owner: str) -> str:
    if not isinstance(name, str) or "/" in name:
        raise ValueError(
            f"{owner}: argument `name` must be a string and cannot contain character `/`. Received: name={name!r}"
        )
    return name


def suggest(name: object, known: Iterable[str]) -> str:
    """A sentence with the nearest known names, or the empty string."""
    if len(str(name)) > 100:  # comparing takes time that grows with the product of the lengths
        return ""
    known = list(known)
    close = difflib.get_close_matches(str(name), known, n=3, cutoff=0.6) or _short_for(str(name), known)[:3]
    return f" Did you mean {' or '.join(repr(c) for c in close)}?" if close else ""


def _short_for(name: str, known: Iterable[str]) -> list[str]:
    """Known names that begin with a name, are a word of it, or have it as initials: `f1`, `roc_auc`, `rmse`."""
    name = to_snake_case(name)
    if len(name) < 2:
        return []
    words = {word for word in name.split("_") if len(word) > 1}
    found = []
    for one in known:
        plain = to_snake_case(one)
        if plain.startswith(name) or plain in words or "".join(word[:1] for word in plain.split("_")) == name:
            found.append(one)
    return sorted(found, key=len)
