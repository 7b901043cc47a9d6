"""Which variable stands where in a weights file: Keras 3's layout "by class and order".

The file is a tree of groups that follows the attributes of the model. Each layer, model or optimizer has a group `vars`
with its own variables, `0`, `1`, ...; trainable ones first, each kind in order of creation. A group is named after the
attribute that holds the object; in a list, tuple or dict, after its class in snake case, with a counter per class:

    layers/dense/vars/0            layers/dense_1/vars/0
    layers/bidirectional/forward_layer/cell/vars/0
    blocks/container/conv2d/vars/0     a list in the list `self.blocks`
    optimizer/vars/0

Attributes come in alphabetical order, public ones before private ones, but `layers` first where the model is a graph or
a stack. An object that several attributes hold stands at the first of them; at the others it is left out, yet counted.
A variable that two objects own (`SpectralNormalization` and the layer inside) stands at both.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..core import names
from ..core.layer import Layer
from ..core.variable import Variable

_ONCE_PRIVATE = re.compile(r"/_((?:query|key|value|output)_dense/vars/\d+)$")


@dataclass
class Place:
    """An object of the model and the group that holds its variables."""

    path: str
    owner: Any
    variables: list[Variable] = field(repr=False)
    by_variable: bool = False  # in formats that hold variables, whatever the class says
    others: list[str] = field(default_factory=list, repr=False)  # further paths to the owner, where nothing is written

    @property
    def group(self) -> str:
        return f"{self.path}/vars" if self.path else "vars"

    def entries(self) -> dict[str, Variable]:
        """The variables by their path in the file."""
        return {f"{self.group}/{number}": variable for number, variable in enumerate(self.variables)}

    @property
    def is_state(self) -> bool:
        """Whether it is the optimizer of `compile`, or one inside of that."""
        return self.path.split("/")[0] == "optimizer"

    @property
    def writes_itself(self) -> bool:
        """Whether the class says itself what is stored of it."""
        if self.by_variable or not isinstance(self.owner, Layer):
            return False
        cls = type(self.owner)
        names = "save_own_variables", "load_own_variables"
        return any(getattr(cls, name) is not getattr(Layer, name) for name in names)


def places(model: Layer, optimizer: bool = True, skip: Iterable[Any] = ()) -> list[Place]:
    """All objects of a model, with variables or without; that of `compile` only if asked for.

    What is in `skip` is left out, with all it holds, yet counted where names are numbered.

    Optimizers that models inside were compiled with are left out: nothing continues from them.
    """
    found = list(_walk(model, "", {id(one): Place("", one, []) for one in skip}))
    return found if optimizer else [place for place in found if not place.is_state]


def renamed(places: list[Place], found: Mapping[str, Any]) -> dict[str, Any]:
    """What a file has by the paths of a model.

    In tf.keras 2, the layers in `MultiHeadAttention` had private names. And a file may have an object under another
    attribute that leads to it, such as a property with its older name.
    """
    for place in places:
        for other in place.others if not _has(found, place.path) else ():
            if _has(found, other):
                found = {f"{place.path}{p.removeprefix(other)}" if _below(p, other) else p: v for p, v in found.items()}
                break
    owners = tuple(f"{place.path}/" for place in places if getattr(place.owner, "attributes_in_files", None))
    if not owners:
        return dict(found)
    return {_ONCE_PRIVATE.sub(r"/\1", path) if path.startswith(owners) else path: one for path, one in found.items()}


def _below(path: str, group: str) -> bool:
    return path.startswith(f"{group}/")


def _has(found: Mapping[str, Any], group: str) -> bool:
    return any(_below(path, group) for path in found)


def _walk(owner: Any, path: str, seen: dict[int, Place]) -> Iterator[Place]:
    if id(owner) in seen:
        seen[id(owner)].others.append(path)
        return
    place = Place(path, owner, owner.variables_in_files() if isinstance(owner, Layer) else list(owner.variables))
    seen[id(owner)] = place
    yield place
    inside = getattr(owner, "inner_group_in_files", None)
    if inside is not None:
        yield Place(f"{path}/{inside}" if path else inside, owner, [])
    for name, value in _children(owner, path):
        yield from _walk_value(value, f"{path}/{name}" if path else name, seen)


def _walk_value(value: object, path: str, seen: dict[int, Place]) -> Iterator[Place]:
    if isinstance(value, Layer) or _is_optimizer(value):
        yield from _walk(value, path, seen)
    elif isinstance(value, (list, tuple, dict)) and id(value) not in seen:
        seen[id(value)] = Place(path, value, [])  # a container may hold itself
        used: Counter[str] = Counter()
        for item in list(value.values()) if isinstance(value, dict) else value:
            if isinstance(item, Layer) or _is_optimizer(item):
                name = class_name(item)
            elif isinstance(item, (list, tuple, dict)):
                name = "container"
            else:
                continue
            number, used[name] = used[name], used[name] + 1
            yield from _walk_value(item, f"{path}/{name}_{number}" if number else f"{path}/{name}", seen)


def class_name(owner: Any) -> str:
    """The name of an object's class as files have it."""
    if getattr(owner, "config_names", None) is not None:
        return names.to_snake_case(owner.config_names[1])
    return vars(type(owner)).get("name_in_files") or names.to_snake_case(type(owner).__name__)


def _children(owner: Any, path: str) -> list[tuple[str, Any]]:
    """Attributes that may hold further objects, in the order in which Keras looks at them."""
    if _is_optimizer(owner):
        found = {name: getattr(owner, name) for name in ("inner_optimizer", "optimizers") if hasattr(owner, name)}
        return sorted(found.items())
    renamed = owner.attributes_in_files
    found = {renamed.get(k, k): v for k, v in vars(owner).items() if k not in owner.untracked}
    found.update(_properties(owner))
    if owner.is_model:
        found["layers"] = owner.layers
        found.update({} if path else {"optimizer": owner.optimizer})
    first = owner.is_model and (owner.is_stack or owner.symbolic_inputs is not None)
    return sorted(found.items(), key=lambda one: (not (first and one[0] == "layers"), one[0].startswith("_"), one[0]))


def _properties(owner: object) -> dict[str, Any]:
    """Properties that a user's class adds; those of our classes hold nothing that attributes do not."""
    found = {}
    for cls in type(owner).__mro__:
        if names.is_ours(cls) or cls is object:
            continue
        for name, value in vars(cls).items():
            if isinstance(value, property):
                try:
                    found[name] = getattr(owner, name)
                except Exception:  # code of the user's, which need not work before or after training
                    continue
    return found


def _is_optimizer(value: object) -> bool:
    return getattr(type(value), "tracked_as", None) == "optimizer"
