"""Layers that look at tensors of the graph besides what they are called with: `Lambda(lambda x: x * gate)`.

Keras 2 built its graph while `call` ran, so that such a tensor was as good as an input. Here it becomes one: the node
of the call holds it beside the arguments, and while the layer runs on values, the tensor's value stands in its place.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
from collections.abc import Callable, Iterator, MutableMapping
from types import CellType
from typing import Any, NoReturn, Self

import jax

from ..core.layer import Layer
from ..core.names import is_ours
from ..core.tensor import is_tensor
from ..layers import Lambda
from .captured import read_by
from .notes import note

KEY = "captured"  # among the keyword arguments of a recorded call

# The cell of a variable of a function around, or a name in a dict: globals, attributes, the `arguments` of a `Lambda`.
Place = tuple[CellType | MutableMapping[str, Any], str]


class Places:
    """Where the tensors stand that a layer looks at; equal to nothing else."""

    def __init__(self, layer: str, places: list[Place]):
        self.layer, self.places = layer, places

    def __deepcopy__(self, memo: object) -> Self:
        return self  # as functions are, which look there

    def __reduce__(self) -> NoReturn:
        self.refuse()

    def refuse(self) -> NoReturn:
        raise ValueError(
            f"Layer '{self.layer}' looks at tensors of the graph that it was not called with, so a model with it cannot"
            f" be written as a config or a file. Call the layer on them, too: `layer([x, tensor])`; or save the weights"
            f" by `save_weights`."
        )


@jax.tree_util.register_pytree_node_class
class Captured:
    """Tensors that a layer looks at, or their values, and where they stand; a structure to graphs.

    Args:
        values: the tensors, structures of them, or what to put in their places.
        places: of each.
    """

    def __init__(self, values: list[Any], places: Places):
        self.values, self.places = values, places

    def tree_flatten(self) -> tuple[list[Any], Places]:
        return self.values, self.places

    @classmethod
    def tree_unflatten(cls, places: Places, values: Any) -> Self:
        return cls(list(values), places)

    @contextlib.contextmanager
    def put_in(self) -> Iterator[None]:
        """Have the values stand in the places for a while."""
        before = [_at(place) for place in self.places.places]
        try:
            self._put(self.values)
            yield
        finally:
            self._put(before)

    def _put(self, values: list[Any]) -> None:
        for (holder, name), value in zip(self.places.places, values, strict=True):
            if isinstance(holder, CellType):
                holder.cell_contents = value
            else:
                holder[name] = value

    def get_config(self) -> NoReturn:
        self.places.refuse()


def symbolic(owner: type, original: Callable[..., Any]) -> Callable[..., Any]:
    """The symbolic call of a layer, with the tensors that it looks at among its arguments."""

    @functools.wraps(original)
    def _symbolic(self: Layer, args: Any, kwargs: dict[str, Any], named: dict[str, Any], inputs: Any) -> Any:
        if KEY not in kwargs:
            places = list(_places(self, set()))
            if places:
                note("a layer that looks at tensors of the graph", "call the layer on them, too: `layer([x, tensor])`")
                kwargs = {**kwargs, KEY: Captured([_at(one) for one in places], Places(self.name, places))}
        return original(self, args, kwargs, named, inputs)

    return _symbolic


def _places(layer: Layer, seen: set[Any]) -> Iterator[Place]:
    """Where symbolic tensors stand that are named by the user's functions that run in the call of a layer.

    A model inside has its own graph, which its own layers looked at.
    """
    if layer.is_model:
        return
    for inner in layer.flatten_layers(include_self=False, recursive=False):
        yield from _places(inner, seen)
    waiting: list[Any] = [type(layer).call]
    if isinstance(layer, Lambda):
        waiting.append(layer.function)
        yield from ((layer.arguments, name) for name, value in layer.arguments.items() if _holds_tensors(value))
    while waiting:
        function = waiting.pop()
        if isinstance(function, functools.partial):
            yield from ((function.keywords, name) for name, value in function.keywords.items() if _holds_tensors(value))
            function = function.func
        if inspect.ismethod(function):
            function = function.__func__
        if callable(function):
            function = inspect.unwrap(function)
        if not inspect.isfunction(function) or is_ours(function) or function in seen:
            continue
        seen.add(function)
        names, attributes = read_by(function.__code__)
        around: list[Place] = [(cell, "cell_contents") for cell in function.__closure__ or ()]
        around += [(function.__globals__, name) for name in sorted(names & function.__globals__.keys())]
        around += [(vars(layer), name) for name in sorted(attributes & vars(layer).keys())]
        for place in around:
            value = _at(place)
            if _holds_tensors(value) and (id(place[0]), place[1]) not in seen:
                seen.add((id(place[0]), place[1]))
                yield place
            elif isinstance(place[0], CellType) or (
                inspect.isfunction(value) and value.__globals__ is function.__globals__  # not into libraries
            ):
                waiting.append(value)
        waiting.extend(getattr(type(layer), name, None) for name in attributes)


def _holds_tensors(value: object) -> bool:
    """Whether it is a symbolic tensor, or a list, tuple or dict of nothing else."""
    if not isinstance(value, (list, tuple, dict)):
        return is_tensor(value)
    return len(value) > 0 and all(map(_holds_tensors, value.values() if isinstance(value, dict) else value))


def _at(place: Place) -> Any:
    holder, name = place
    if not isinstance(holder, CellType):
        return holder[name]
    try:
        return holder.cell_contents
    except ValueError:  # a variable that has no value yet
        return None
