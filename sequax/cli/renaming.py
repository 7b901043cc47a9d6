"""Other names for layers, in a model or in the paths of a file of weights."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from ..core import names

if TYPE_CHECKING:
    from ..model import Model

T = TypeVar("T")
Renames = Sequence[tuple[str, str]]


def rename_layers(model: Model, renames: Renames) -> None:
    """Rename layers of a model, those of models inside as well."""
    for old, new in renames:
        layers = model.flatten_layers(include_self=False)
        known = [layer.name for layer in layers]
        _check(old, new, known)
        if old in _keys(model.get_compile_config() or {}):
            raise ValueError(
                f"--rename {old}={new}: the model is compiled with losses, weights or metrics for the output {old!r}."
                f" Rename it in Python, and compile it again."
            )
        for layer in layers:
            if layer.name == old:
                layer.name = names.check_name(new, type(layer).__name__)
                for variable in layer.variables:
                    variable.path = component(variable.path, [(old, new)])


def _keys(value: object) -> Iterable[str]:
    if isinstance(value, Mapping):
        yield from value
        value = list(value.values())
    for one in value if isinstance(value, (list, tuple)) else ():
        yield from _keys(one)


def _check(old: str, new: str, known: Sequence[str]) -> None:
    if old not in known:
        shown = ", ".join(dict.fromkeys(known[:20])) + (", ..." if len(known) > 20 else "")
        raise ValueError(
            f"--rename {old}={new}: nothing is called {old!r}.{names.suggest(old, known)} There are: {shown}"
        )
    if new in known:
        raise ValueError(f"--rename {old}={new}: the name {new!r} is taken.")


def name(layer: str, layers: Iterable[str], renames: Renames) -> str:
    """The new name of a layer of a `.h5` file."""
    known = list(layers)
    for old, new in renames:
        _check(old, new, known)
        known = [new if one == old else one for one in known]
        layer = names.check_name(new, "--rename") if layer == old else layer
    return layer


def component(path: str, renames: Renames) -> str:
    """A path of a variable with other names of layers in it; its last part is the variable's own name."""
    *owners, last = path.split("/")
    for old, new in renames:
        owners = [new if one == old else one for one in owners]
    return "/".join((*owners, last))


def paths(arrays: Mapping[str, T], renames: Renames, separator: str) -> dict[str, T]:
    """Arrays with the beginnings of their paths renamed."""
    found = dict(arrays)
    for old, new in renames:
        known = {key[:end] for key in found for end in _ends(key, separator)}
        _check(old, new, sorted(known))
        found = {_moved(key, old, new, separator): value for key, value in found.items()}
    return found


def groups(
    arrays: Mapping[str, T], held: Mapping[str, dict[str, Any]], renames: Renames
) -> tuple[dict[str, T], dict[str, dict[str, Any]]]:
    """Arrays and groups of a `.weights.h5` file: layers by the names that stand there, or groups by their paths."""
    arrays, held = dict(arrays), {path: dict(attributes) for path, attributes in held.items()}
    for old, new in renames:
        called = [path for path, attributes in held.items() if attributes.get("name") == old]
        known = [str(attributes["name"]) for attributes in held.values() if "name" in attributes]
        _check(old, new, [*known, *filter(None, held)])
        for path in called:
            held[path]["name"] = names.check_name(new, "--rename")
        if not called:
            arrays = {_moved(path, old, new, "/"): array for path, array in arrays.items()}
            held = {_moved(path, old, new, "/"): attributes for path, attributes in held.items()}
    return arrays, held


def _ends(path: str, separator: str) -> list[int]:
    return [*(at for at, one in enumerate(path) if one == separator), len(path)]


def _moved(path: str, old: str, new: str, separator: str) -> str:
    return new + path[len(old) :] if path == old or path.startswith(old + separator) else path
