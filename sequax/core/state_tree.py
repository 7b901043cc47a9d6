"""The values of variables as nested dicts, by the parts of their paths: `tree["dense"]["kernel"]`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from operator import attrgetter, methodcaller
from typing import Any

import numpy as np

from . import names
from .variable import Variable

Groups = dict[str, list[Variable]]


def read(groups: Groups, value_format: str) -> dict[str, dict[str, Any]]:
    """A nested dict of the values of each group: JAX arrays for `"backend_tensor"`, copies for `"numpy_array"`.

    Raises:
        ValueError: for another format, or if two variables of a group have one path.
    """
    if value_format not in ("backend_tensor", "numpy_array"):
        raise ValueError(
            f"Invalid `value_format` argument. Expected 'backend_tensor' or 'numpy_array'. Received:"
            f" value_format={value_format!r}"
        )
    read_one = attrgetter("stored_value") if value_format == "backend_tensor" else methodcaller("stored_numpy")
    return {group: nested({v.path: read_one(v) for v in _unique(variables)}) for group, variables in groups.items()}


def write(groups: Groups, tree: Mapping[str, Any]) -> None:
    """Assign the values of a tree, which may be a part of what `read` returns; all or nothing.

    Raises:
        ValueError: for a group or path that is not there, or a value of another shape; nothing is assigned then.
    """
    found: list[tuple[Variable, Any]] = []
    for group, part in tree.items():
        if group not in groups:
            raise ValueError(f"Unknown variable name: {group}. Expected one of {list(groups)}.")
        by_path = {v.path: v for v in _unique(groups[group])}
        for path, value in flat(part):
            if path not in by_path:
                raise ValueError(f"{group} has no variable {path!r}.{names.suggest(path, by_path)}")
            if by_path[path].shape != np.shape(value):
                raise ValueError(
                    f"{group}: {path!r} has shape {by_path[path].shape}. Received a value of shape {np.shape(value)}."
                )
            found.append((by_path[path], value))
    for variable, value in found:
        variable.assign(value)


def _unique(variables: Iterable[Variable]) -> list[Variable]:
    by_path: dict[str, Variable] = {}
    for variable in variables:
        if by_path.setdefault(variable.path, variable) is not variable:
            raise ValueError(
                f"The following variable path is found twice in the model: '{variable.path}'. Give the layers (and"
                f" other objects) unique names."
            )
    return list(by_path.values())


def nested(values: Mapping[str, Any], separator: str = "/") -> dict[str, Any]:
    """Values by paths as dicts in dicts."""
    tree: dict[str, Any] = {}
    for path, value in values.items():
        *parents, name = path.split(separator)
        place = tree
        for parent in parents:
            place = place.setdefault(parent, {})
        place[name] = value
    return tree


def flat(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Paths and values of dicts in dicts."""
    for key, value in tree.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{prefix}{key}/")
        else:
            yield f"{prefix}{key}", value


class StateTree:
    """The methods of a model for the values of its variables as nested dicts."""

    def get_state_tree(self, value_format: str = "backend_tensor") -> dict[str, Any]:
        """The values of all variables as nested dicts by the parts of their paths.

        Args:
            value_format: `"backend_tensor"` for JAX arrays, `"numpy_array"` for copies.

        Returns:
            dict with `"trainable_variables"`, `"non_trainable_variables"`, `"optimizer_variables"` and
            `"metrics_variables"`, each a nested dict such as `{"dense": {"kernel": ..., "bias": ...}}`.

        Raises:
            ValueError: if two variables have one path.
        """
        return read(_groups(self), value_format)

    def set_state_tree(self, state_tree: Mapping[str, Any]) -> None:
        """Assign what `get_state_tree` returned, or a part of it; all or nothing.

        Args:
            state_tree: nested dicts of arrays.

        Raises:
            ValueError: for a path that is not there, or a value of another shape.
        """
        write(_groups(self), state_tree)


def _groups(model: Any) -> Groups:
    return {
        "trainable_variables": model.trainable_variables,
        "non_trainable_variables": model.non_trainable_variables,
        "optimizer_variables": [] if model.optimizer is None else model.optimizer.variables,
        "metrics_variables": model.metrics_variables,
    }
