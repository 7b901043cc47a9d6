"""Whether two models would compile to the same program.

A fingerprint is a nested tuple of everything that tracing can see: classes, settings, shapes and wiring. Names and the
values of variables are left out. What it does not understand stands in it as the object itself, so that such models
share no program, which is slow but never wrong.

Taking one is a walk over all of that, longer than a step of a small model. So it comes with its `Sources`, which tell
at once whether the walk would find the same again.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from itertools import chain
from operator import is_
from typing import Any, NamedTuple

import jax
import numpy as np

from ..core import settings
from ..core.layer import Layer
from ..core.rng import SeedGenerator
from ..core.tensor import KerasTensor, leaves
from ..core.variable import Variable
from ..functional import Graph
from ..host_prefix import on_host
from ..optimizers.base import Optimizer
from ..optimizers.slots import Slots

# Attributes that tracing does not look at: names, records of calls, and what belongs to the outside of a model.
_SKIPPED = frozenset(
    {"name", "built", "history", "compilation", "_recorded_calls", "_losses", "_init_arguments"}
    | {"stop_training", "stop_evaluating", "stop_predicting", "run_eagerly", "jit_compile", "steps_per_execution"}
    | {"train_function", "test_function", "predict_function"}
    | {
        "_build_shapes",
        "called_for",
        "_tensors",
        "_display",
        "serial",
        "path",
        "_path",
        "_known",
        "_host_prefix",
        "_wanted_place",
    }
    | {"_in_build", "implied"}
)


class Fingerprint(NamedTuple):
    """
    Fields:
        key: a hashable description of objects; equal for objects that trace to the same program.
        sources: what it was read from.
    """

    key: Hashable
    sources: Sources


class Sources:
    """The lists, dicts and objects that a fingerprint was read from.

    Args:
        objects: lists, tuples, dicts, and objects with attributes.
    """

    def __init__(self, objects: Iterable[Any]):
        self._views: list[Any] = []  # which show what their owners hold at any time
        for one in objects:
            if isinstance(one, (list, dict)):
                self._views += [one, one.values()] if isinstance(one, dict) else [one]
            elif not isinstance(one, tuple):
                self._views.append(vars(one).values())
        self._items = list(chain.from_iterable(self._views))

    @property
    def unchanged(self) -> bool:
        """Whether all of them hold the very objects that they held."""
        return sum(map(len, self._views)) == len(self._items) and all(
            map(is_, self._items, chain.from_iterable(self._views))
        )


def fingerprint(*objects: object) -> Fingerprint:
    """The fingerprint of some objects."""
    walks = [(_Walk(), one) for one in objects]
    key = settings.data_checks(), *(walk.describe(one) for walk, one in walks)
    return Fingerprint(key, Sources(chain.from_iterable(walk.read for walk, _ in walks)))


class _Walk:
    def __init__(self) -> None:
        self.seen: dict[int, int] = {}
        self.kept: list[Any] = []
        self.read: list[Any] = []  # but for those of whose changes `tracking` hears

    def describe(self, value: object) -> Hashable:
        if value is None or isinstance(value, (bool, int, float, complex, str, bytes, type)):
            return type(value), value
        if isinstance(value, np.dtype):
            return value
        if id(value) in self.seen:
            return "seen", self.seen[id(value)]
        if isinstance(value, (list, tuple, dict)) or hasattr(value, "__dict__"):
            self.seen[id(value)] = len(self.seen)
            self.kept.append(value)  # ids stay valid while the walk lasts
        if isinstance(value, (list, tuple, dict)):
            self.read.append(value)
        if isinstance(value, (list, tuple)):
            return type(value), tuple(self.describe(v) for v in value)
        if isinstance(value, dict):
            return dict, tuple((self.describe(k), self.describe(v)) for k, v in value.items())
        if isinstance(value, Variable):
            plain = (value.shape, str(value.stored.dtype), value.trainable, value.autocast)
            parts = value.regularizer, value.constraint, value.adapter
            return Variable, plain, *(self.describe(part) for part in parts)
        if isinstance(value, SeedGenerator):
            return SeedGenerator, self.describe(value.state)  # the seed itself is a value of that variable
        if isinstance(value, Layer) and on_host(value):
            return "on host", type(value).__name__  # never traced
        if isinstance(value, KerasTensor):
            # Those that no call has made are what a model was found to return, with names that nobody gave.
            return KerasTensor, value.shape, value.dtype, None if value.node is None else value.name
        if isinstance(value, Graph):
            return Graph, self._graph(value)
        if _is_plain_object(value):
            own = vars(value)
            if not isinstance(value, (Layer, Optimizer, Slots)):
                self.read.append(value)
            if isinstance(value, Layer):  # a map of policies asks for the layer's name, which is left out
                own = {**own, "_dtype_policy": value.dtype_policy}
            return type(value), tuple((k, self.describe(own[k])) for k in sorted(own) if _counts(k))
        return _Same(value)

    def _graph(self, graph: Graph) -> Hashable:
        numbers = {id(t): i for i, t in enumerate(leaves(graph.inputs))}
        calls = []
        for node in graph.nodes:
            arguments = node.args, node.kwargs
            given = tuple(numbers[id(v)] if id(v) in numbers else self.describe(v) for v in leaves(arguments))
            for tensor in leaves(node.outputs):
                numbers[id(tensor)] = len(numbers)
            calls.append((self.describe(node.operation), given, jax.tree.structure(arguments)))
        return tuple(calls), tuple(numbers[id(t)] for t in leaves(graph.outputs))


def _counts(attribute: str) -> bool:
    return attribute not in _SKIPPED and not attribute.endswith("_initializer")


class _Same:
    """Equal only to the very same object, which it keeps alive so that its id is not used again."""

    __slots__ = ("value",)

    def __init__(self, value: object):
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.value is self.value

    def __hash__(self) -> int:
        return id(self.value)


def _is_plain_object(value: object) -> bool:
    """Objects whose attributes say all there is to say: instances of ordinary Python classes, functions excluded."""
    return (
        hasattr(value, "__dict__")
        and not callable(getattr(value, "__wrapped__", None))
        and not hasattr(value, "__code__")
        and type(value).__module__.split(".")[0] not in ("jax", "jaxlib", "numpy", "builtins", "functools")
    )
