"""Which classes and arguments of Keras no model of a run had."""

from __future__ import annotations

import inspect
from typing import Any

from .settings import set_environment

GROUPS = ("layers", "losses", "metrics", "optimizers", "optimizers.schedules", "regularizers", "constraints")
# What no model of these can have: parts that are used otherwise, layers of text, of random images, of other tools.
OTHERWISE = {"name", "dtype", "kwargs", "args", "seed", "self"}


def public(group: Any) -> dict[str, type]:
    """Classes by name, each once."""
    found: dict[type, str] = {}
    for name in sorted(vars(group), key=lambda name: (name.islower(), name)):
        value = vars(group)[name]
        if isinstance(value, type) and (value not in found or len(name) > len(found[value])):
            found[value] = name
    return {name: value for value, name in found.items() if not name.islower()}


def never(seen: set[str]) -> str:
    set_environment()
    import keras

    lines = []
    for group in GROUPS:
        found = keras
        for part in group.split("."):
            found = getattr(found, part)
        classes = public(found)
        missing = sorted(name for name in classes if f"{group}.{name}" not in seen)
        lines.append(
            f"{group}: {len(classes) - len(missing)} of {len(classes)} drawn, not {', '.join(missing) or 'any'}"
        )
        for name, made in classes.items():
            if name not in missing:
                arguments = set(inspect.signature(made).parameters) - OTHERWISE
                left = sorted(each for each in arguments if f"{group}.{name}.{each}" not in seen)
                if left:
                    lines.append(f"  {name} without {', '.join(left)}")
    return "\n".join(lines)
