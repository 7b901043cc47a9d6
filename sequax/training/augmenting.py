"""`fit(augment=...)`: batches are changed at random inside the compiled step of training, images with their targets.

The seeds of the layers are part of the state of training, in `other`, so a run that is continued draws what it would
have drawn. Evaluation and prediction do not come here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ..core import pure, scope, tracking
from ..core.layer import Layer
from ..core.types import Tensors
from ..core.variable import Variable
from ..data.source import Batch
from ..layers.preprocessing.pipeline import changed
from .resolve import Compilation, compilation_of
from .state import TrainState, TrainVariables

if TYPE_CHECKING:
    from ..model import Model

_KEY = "augmentation:"  # no path of a variable begins so
Augment = Layer | Sequence[Layer] | None


@contextmanager
def during(model: Model, given: Augment) -> Iterator[None]:
    """Inside, steps of training pass their batches through some layers first.

    Raises:
        TypeError: for something else than layers.
        ValueError: for layers that would mix targets without their knowledge.
    """
    if given is None:
        yield
        return
    layers = _checked(given)
    compilation_of(model).augment = layers
    try:
        yield
    finally:
        compilation_of(model).augment = []  # also of a `compile` that a callback has called


def _checked(given: Any) -> list[Any]:
    layers = list(given) if isinstance(given, (list, tuple)) else [given]
    for one in layers:
        if not isinstance(one, Layer) or one.is_model:
            raise TypeError(
                f"fit: `augment` must be a preprocessing layer, such as `layers.MixUp(0.2)`, or a list of them."
                f" Received: {one!r}"
            )
        hidden = [inner for inner in one.flatten_layers() if hasattr(inner, "mix_targets")]
        if hidden and not _hands_on(one):
            raise ValueError(
                f"fit(augment={type(one).__name__}): '{hidden[0].name}' inside of it mixes inputs, whose targets would"
                f" not be mixed. Give the layers as a list."
            )
    return layers


def _hands_on(layer: Any) -> bool:
    """Whether a layer, and those in it that mix, get the targets, too."""
    if not hasattr(layer, "augment_batch"):
        return not any(hasattr(inner, "mix_targets") for inner in layer.flatten_layers())
    return all(map(_hands_on, getattr(layer, "layers", ())))


def variables_of(compilation: Compilation | None) -> dict[str, Variable]:
    """The seeds, and whatever else the layers have, by their keys in the state of training."""
    layers = [] if compilation is None else compilation.augment
    found = tracking.unique([variable for layer in layers for variable in layer.state_variables])
    return {f"{_KEY}{number}": variable for number, variable in enumerate(found)}


def without(variables: TrainVariables) -> TrainVariables:
    """The variables that a step has behind the augmentation."""
    return variables._replace(other={k: v for k, v in variables.other.items() if not k.startswith(_KEY)})


def before(run: Callable[..., Any], layers: Sequence[Any], variables: TrainVariables) -> Callable[..., Any]:
    """A step, `(state, batch) -> (state, told)`, on batches that the layers have changed."""
    own = {key: v for key, v in variables.other.items() if key.startswith(_KEY)}

    def step(state: TrainState, batch: Batch) -> tuple[TrainState, Any]:
        given = [state.other[key] for key in own]
        (x, y), drawn = pure.apply(_changed, list(own.values()), given, layers, batch.x, batch.y)
        rest = {key: value for key, value in state.other.items() if key not in own}
        after, told = run(state._replace(other=rest), batch._replace(x=x, y=y))
        return after._replace(other={**after.other, **dict(zip(own, drawn, strict=True))}), told

    return step


def _changed(layers: Sequence[Any], x: Tensors, y: Tensors | None) -> tuple[Tensors, Tensors | None]:
    with scope.fresh_call():
        return changed(layers, x, y)
