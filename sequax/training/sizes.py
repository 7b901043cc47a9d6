"""Sizes that a model has only learned from its first data: others will do, if its layers take them.

An `Input` says what a model takes. A model without one, a deferred `Sequential` or a subclass, knows the shape that it
was built for; its weights may fit others, such as longer sequences or larger images, and its outputs have other sizes
then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from ..core import scope, shapes, tracking
from ..core.tensor import KerasTensor, leaves, map_structure

if TYPE_CHECKING:
    from ..model import Model

# Of each model, what its layers make of other sizes: shapes of inputs -> shapes of outputs, None if they refuse.
_known: WeakKeyDictionary[Any, dict[Any, list[tuple[Any, ...]] | None]] = WeakKeyDictionary()


def are_taken(model: Model, arrays: list[Any]) -> bool:
    """Whether the layers of a model take arrays of sizes other than those that it was built for."""
    inputs = leaves(model.symbolic_inputs)
    learned = all(t.node is not None and getattr(t.node.operation, "implied", False) for t in inputs)
    if not learned or [a.ndim for a in arrays] != [len(t.shape) for t in inputs]:
        return False
    return _outputs(model, arrays) is not None


def of_outputs(model: Model, xs: object) -> list[tuple[Any, ...]]:
    """The shapes of a model's outputs for these inputs, batch axes apart."""
    inputs, arrays = leaves(model.symbolic_inputs), leaves(xs)
    other = len(inputs) == len(arrays) and any(
        want not in (None, have)
        for a, t in zip(arrays, inputs, strict=True)
        for have, want in zip(a.shape[1:], t.shape[1:], strict=False)
    )
    return (_outputs(model, arrays) if other else None) or [tuple(t.shape) for t in leaves(model.symbolic_outputs)]


def _outputs(model: Model, arrays: list[Any]) -> list[tuple[Any, ...]] | None:
    table = _known.setdefault(model, {})
    key = tracking.version(), *(a.shape[1:] for a in arrays)
    if key not in table:
        symbols = iter([KerasTensor((None, *a.shape[1:]), a.dtype.name) for a in arrays])
        given = map_structure(lambda _: next(symbols), model.symbolic_inputs)
        try:
            with scope.fresh_call():
                table[key] = [tuple(t.shape) for t in leaves(shapes.infer(model.__call__, (given,), {}))]
        except (ValueError, TypeError):
            table[key] = None
    return table[key]
